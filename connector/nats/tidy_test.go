package nats

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/nats/natstest"
)

// consumers are the names of the stream's consumers.
func (h *hub) consumers() (names []string) {
	for n := range h.js.ConsumerNames("S") {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// A source removes the consumers that earlier ones of its owner left, and no others. One that
// still reads makes another and misses nothing.
func TestConsumersLeftBehindAreRemoved(t *testing.T) {
	for _, r := range []Reader{ClientReader, WireReader} {
		h := startHub(t)
		h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
		h.publish("s.a", 10)
		owned := func(owner string) *Source {
			s, _ := open(t, h.options(func(o *SourceOptions) {
				o.Owner, o.Reader = owner, r
				o.Heartbeat, o.PullExpires = 10*time.Second, time.Minute // none takes the server for silent, and makes another
			}), nil)
			return s
		}
		other, nobody := owned("other"), owned("")
		left := owned("me")
		if err := left.Close(); err != nil { // as a killed process does, it leaves its consumer
			t.Fatal(err)
		}
		if n := len(h.consumers()); n != 3 {
			t.Fatalf("%d consumers", n)
		}
		old := h.consumers()
		running := owned("me")
		gone := func() bool {
			now := h.consumers()
			return len(now) == 3 && !slices.Equal(now, old)
		}
		for late := time.Now().Add(natstest.Patience); !gone(); <-time.After(5 * time.Millisecond) {
			if time.Now().After(late) {
				t.Fatalf("reader %v: consumers %v", r, h.consumers())
			}
		}
		got, _ := collect(t, running, 10)
		want(t, got, "s.a", 0, 10)
		twin := owned("me") // another instance of the same name
		h.publish("s.b", 10)
		for _, s := range []*Source{running, other, nobody} {
			n := 20
			if s == running {
				n = 10
			}
			got, _ := collect(t, s, n)
			want(t, got[n-10:], "s.b", 0, 10)
		}
		got, _ = collect(t, twin, 20)
		want(t, got[10:], "s.b", 0, 10)
	}
}

// A user without leave to look for consumers reads all the same.
func TestTidyingNeedsNoPermission(t *testing.T) {
	srv := serve(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "me", Password: "secret", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Deny: []string{"$JS.API.CONSUMER.NAMES.>", "$JS.API.CONSUMER.DELETE.>"}},
			Subscribe: &server.SubjectPermission{Allow: []string{">"}},
		}}}
	})
	s, err := NewSource(SourceOptions{ConnOptions: ConnOptions{URLs: []string{srv.ClientURL()}, User: "me", Password: "secret"},
		Stream: "S", Subjects: []string{"s.>"}, CreateStream: true, Owner: "me"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	nc, err := nats.Connect(strings.Replace(srv.ClientURL(), "nats://", "nats://me:secret@", 1), nats.Timeout(natstest.Patience))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for _, m := range []string{"a", "b"} {
		if err := nc.Publish("s.x", []byte(m)); err != nil {
			t.Fatal(err)
		}
		if got, _ := collect(t, s, 1); got[0] != m {
			t.Fatalf("%q instead of %q", got[0], m)
		}
	}
	if st := s.Status(); !st.Connected || st.Reconnects != 0 {
		t.Fatalf("%+v", st)
	}
}

// Consumers do not pile up where the connection comes and goes, not even as many as a stream that
// allows one: the source reads on, and so does the next of its owner.
func TestConsumersDoNotPileUp(t *testing.T) {
	for _, w := range ways {
		for _, most := range []int{1, 100} {
			h := w.hub(t)
			h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}, MaxConsumers: most})
			h.publish("s.a", 2000)
			seen := 0
			cut := &meddler{InProcess: h.srv, frame: func(*frame) (bool, bool) { seen++; return true, seen%300 == 299 }}
			o := h.options(func(o *SourceOptions) {
				o.InProcess, o.BackoffMax, o.Owner = cut, 10*time.Millisecond, "me"
			})
			s := openCut(t, o)
			got, _ := collect(t, s, 2000)
			want(t, got, "s.a", 0, 2000)
			if s.Status().Reconnects < 2 { // several cuts may strike one connection
				t.Fatalf("%s: %+v", w, s.Status())
			}
			for late := time.Now().Add(natstest.Patience); len(h.consumers()) > 1; <-time.After(5 * time.Millisecond) {
				if time.Now().After(late) {
					t.Fatalf("%s: consumers %v", w, h.consumers())
				}
			}
			s.Close()
			o.InProcess = h.srv
			s, _ = open(t, o, nil)
			got, _ = collect(t, s, 2000)
			want(t, got, "s.a", 0, 2000)
		}
	}
}
