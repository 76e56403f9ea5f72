package faulttest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// TestUndisturbed is the measure of all other tests.
func TestUndisturbed(t *testing.T) {
	edge, hub := newServer(t, "edge"), newServer(t, "hub")
	s := newSite(t, edge, hub.url(), hub.connect())
	p := s.run("data")
	s.publish(2030)
	s.end()
	s.complete(p, "data")
}

// TestServersKilled kills the servers of the edge and of the hub in turn while events come.
func TestServersKilled(t *testing.T) {
	t.Parallel()
	edge, hub := newServer(t, "edge"), newServer(t, "hub")
	s := newSite(t, edge, hub.url(), hub.connect())
	p := s.run("data")
	rnd := rand.New(rand.NewPCG(*seed, 11))
	for range *faults {
		for _, victim := range []*natsServer{hub, edge} {
			more := make(chan struct{})
			go func() {
				defer close(more)
				pause(time.Duration(rnd.Int64N(int64(300 * time.Millisecond))))
				victim.kill()
				pause(time.Duration(rnd.Int64N(int64(500 * time.Millisecond))))
				victim.start()
			}()
			s.publish(1500)
			<-more
		}
	}
	s.end()
	s.complete(p, "data")
	t.Logf("%d events, %d kills", s.sent, 2**faults)
}

// copyStore takes a server's folder while it is down and starts it again.
func (s *natsServer) copyStore() string {
	s.t.Helper()
	s.kill()
	to := filepath.Join(s.t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(s.store())); err != nil {
		s.t.Fatal(err)
	}
	s.start()
	return to
}

// rollBack puts a copy in the place of a server's folder.
func (s *natsServer) rollBack(copied string) {
	s.t.Helper()
	s.kill()
	if err := os.RemoveAll(s.store()); err != nil {
		s.t.Fatal(err)
	}
	if err := os.CopyFS(s.store(), os.DirFS(copied)); err != nil {
		s.t.Fatal(err)
	}
	s.start()
}

// TestEdgeDoesNotGoOn rolls the edge's stream back, empties it and makes it again while the
// pipeline runs. It stops, names stream and sequence, and says what to do; told to resume, it
// goes on, and has the gap in its accounts.
func TestEdgeDoesNotGoOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		damage func(s *site, copied string)
		words  []string
		says   string // told to resume
		from   int    // the first event that can still be read
		gap    uint64 // events that cannot
	}{
		{"rolled back", func(s *site, copied string) {
			s.edge.rollBack(copied)
			s.sent = 100
			s.publish(50)
		}, []string{`nats source "EV"`, "the stream was rolled back", "we read up to 200, the stream ends at ", "100 messages that we have are gone or replaced, reading goes on at 101", "'edgeflow.on-gap' = 'resume'"},
			"100 messages that we have are gone or replaced, reading goes on at 101", 100, 0},
		{"rolled back and written again", func(s *site, copied string) {
			s.edge.rollBack(copied)
			s.sent = 100
			s.publish(150)
		}, []string{`nats source "EV"`, "the stream was rolled back", "reading goes on at 101", "'edgeflow.on-gap' = 'resume'"},
			"messages that we have read and that others have replaced: 100, reading goes on at 101", 100, 0},
		{"purged", func(s *site, _ string) {
			purge(s, "EV", "")
			s.publish(10)
		}, nil, "", 200, 0},
		{"created again", func(s *site, _ string) {
			remove(s.t, s.edgeJS, "EV")
			s.createEvents()
			s.sent = 300 // other events
			s.publish(20)
		}, []string{`nats source "EV"`, "deleted and created again", "'edgeflow.on-gap' = 'resume'"}, "deleted and created again", 300, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			edge, hub := newServer(t, "edge"), newServer(t, "hub")
			s := newSite(t, edge, hub.url(), hub.connect())
			s.publish(100)
			copied := edge.copyStore()
			s.publish(100)
			p := s.run("data")
			until(t, "rows arrive", func() bool { return s.arrived(subjectRows) == 200 })
			c.damage(s, copied)
			rows, _ := expected(200)
			rows = rows[:200]
			if len(c.words) > 0 {
				p.fails(c.words...)
				s.configure(", 'edgeflow.on-gap' = 'resume'", "")
				p = s.run("data")
			}
			s.end()
			for i := c.from; i < s.sent; i++ {
				rows = append(rows, fmt.Sprintf(`{"n":%d,"dev":"d%d"}`, i, i%devices))
			}
			rows = append(rows, fmt.Sprintf(`{"n":%d,"dev":"end"}`, s.sent))
			until(t, "the rest arrives", func() bool { return s.arrived(subjectRows) >= uint64(len(rows)) })
			p.stop()
			if !strings.Contains(p.log(), c.says) {
				t.Errorf("it does not say %q:\n%s", c.says, p.log())
			}
			if got := s.read(subjectRows); !slices.Equal(got, rows) {
				t.Errorf("the hub has %d rows\n%v\ninstead of %d", len(got), got[min(len(got), 199):], len(rows))
			}
			if l := s.manifest("data").Sources[0].Ledger; l.Gap != c.gap || l.Read != int64(len(rows)) {
				t.Errorf("accounts %+v, want a gap of %d and %d read", l, c.gap, len(rows))
			}
		})
	}
}

// hubStream is what the pipeline needs of the hub.
var hubStream = jetstream.StreamConfig{
	Name: "RES", Subjects: []string{"res.>", "RES.cursor.>"}, Discard: jetstream.DiscardNew, AllowAtomicPublish: true, AllowRollup: true, AllowMsgTTL: true,
}

func purge(s *site, stream, subject string) {
	js := s.edgeJS
	if stream == "RES" {
		js = s.hubJS
	}
	persist(s.t, "purge", func(ctx context.Context) error {
		st, err := js.Stream(ctx, stream)
		if err != nil {
			return err
		}
		return st.Purge(ctx, jetstream.WithPurgeSubject(subject))
	})
}

func remove(t *testing.T, js jetstream.JetStream, stream string) {
	persist(t, "delete "+stream, func(ctx context.Context) error {
		if err := js.DeleteStream(ctx, stream); !errors.Is(err, jetstream.ErrStreamNotFound) {
			return err
		}
		return nil
	})
}

// TestHubLostRows rolls the hub back, empties its stream and makes it again. The cursor that is
// behind, or gone, is found; the pipeline stops, or goes on after what was confirmed when told to
// send again.
func TestHubLostRows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		damage func(s *site, hub *natsServer, copied string)
		kept   int // rows that the hub still has
	}{
		{"rolled back", func(_ *site, hub *natsServer, copied string) { hub.rollBack(copied) }, 100},
		{"purged", func(s *site, _ *natsServer, _ string) { purge(s, "RES", "") }, 0},
		{"created again", func(s *site, _ *natsServer, _ string) {
			remove(s.t, s.hubJS, "RES")
			s.createHub(func(*jetstream.StreamConfig) {})
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			edge, hub := newServer(t, "edge"), newServer(t, "hub")
			s := newSite(t, edge, hub.url(), hub.connect())
			p := s.run("data", "--listen", "127.0.0.1:0")
			s.publish(100)
			until(t, "rows arrive", func() bool { return s.arrived(subjectRows) == 100 })
			copied := hub.copyStore()
			s.publish(100)
			// Rows whose answer has not arrived, or is not in the state, are sent again.
			until(t, "rows are confirmed", func() bool { return p.confirmed("passed") == 200 })
			c.damage(s, hub, copied)
			s.publish(100)
			p.fails("the hub lost its cursor", "had confirmed row ", "was the stream purged, created again", "'edgeflow.on-lost-cursor' = 'resend' goes on after the last confirmed row")
			s.configure("", ", 'edgeflow.on-lost-cursor' = 'resend'")
			p = s.run("data")
			s.end()
			all, _ := expected(s.sent)
			rows := append(slices.Clone(all[:c.kept]), all[200:]...)
			until(t, "the rest arrives", func() bool { return s.arrived(subjectRows) >= uint64(len(rows)) })
			p.stop()
			if got := s.rowsAt(subjectRows); !slices.Equal(got, rows) {
				t.Errorf("the hub has %d rows %v...\ninstead of %d", len(got), got[:min(len(got), 3)], len(rows))
			}
			for _, o := range s.manifest("data").Outputs {
				if uint64(o.Emitted) != o.Confirmed || o.Dropped > 0 {
					t.Errorf("output %+v", o)
				}
			}
		})
	}
}
