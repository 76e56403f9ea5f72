package faulttest

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// createHub makes the hub's stream with other limits.
func (s *site) createHub(change func(*jetstream.StreamConfig)) {
	s.t.Helper()
	o := hubStream
	change(&o)
	persist(s.t, "make or change the hub's stream", func(ctx context.Context) error {
		_, err := s.hubJS.CreateOrUpdateStream(ctx, o)
		return err
	})
}

// TestHubFull fills the hub's stream, which then refuses batches: the output waits, says why, and
// goes on when there is room.
func TestHubFull(t *testing.T) {
	t.Parallel()
	edge, hub := newServer(t, "edge"), newServer(t, "hub")
	s := newSite(t, edge, hub.url(), hub.connect())
	s.createHub(func(o *jetstream.StreamConfig) { o.MaxBytes = 256 << 10 })
	p := s.run("data")
	s.publish(3000)
	p.says("the hub is full: raise --max-bytes or shorten --max-age of its stream")
	held := s.arrived(subjectRows)
	if held >= 3000 {
		t.Fatalf("%d rows are in a stream without room", held)
	}
	s.createHub(func(o *jetstream.StreamConfig) { o.MaxBytes = 256 << 20 })
	s.end()
	s.complete(p, "data")
	t.Logf("%d of %d rows fitted at first", held, s.sent)
}

// TestHubLowersItsLimits makes the hub take smaller messages and fewer batches at once while the
// pipeline runs.
func TestHubLowersItsLimits(t *testing.T) {
	t.Parallel()
	edge, hub := newServer(t, "edge"), newServer(t, "hub")
	s := newSite(t, edge, hub.url(), hub.connect())
	s.configure("", ", 'edgeflow.pack' = '500'")
	p := s.run("data")
	s.publish(2000)
	until(t, "rows arrive", func() bool { return s.arrived(subjectRows) > 0 })
	hub.extra = "max_payload: 2048"
	hub.configure()
	hub.signal(syscall.SIGHUP)
	until(t, "the server has the new limit", func() bool { return strings.Contains(hub.log(), "Reloaded: max_payload") })
	s.publish(2000)
	s.end()
	s.complete(p, "data")
	most := 0
	for _, m := range s.messages(subjectRows) {
		var first, last int
		_, _ = fmt.Sscanf(m.Headers().Get("Edgeflow-Sequence"), "%d-%d", &first, &last)
		if first > 3000 {
			most = max(most, len(m.Data()))
		}
	}
	if most > 2048 {
		t.Errorf("a message of %d bytes under a limit of 2048", most)
	}
	t.Logf("messages of at most %d bytes after the limit was lowered", most)
}

// TestSlowAnswers has a hub whose answers take a second; with -slow six, more than requests other
// than batches wait for.
func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	edge, hub := newServer(t, "edge"), newServer(t, "hub")
	link := newRelay(t, hub.addr())
	s := newSite(t, edge, link.url(), hub.connect())
	p := s.run("data")
	s.publish(200)
	until(t, "rows arrive", func() bool { return s.arrived(subjectRows) == 200 })
	late, rows := time.Second, 1000
	if *slow {
		late, rows = 6*time.Second, 60 // batches become small when each takes that long
	}
	link.set(func() { link.late = late })
	s.publish(rows)
	until(t, "rows arrive by slow answers", func() bool { return s.arrived(subjectRows) >= uint64(s.sent) })
	link.set(func() { link.late = 0 })
	s.end()
	s.complete(p, "data")
}
