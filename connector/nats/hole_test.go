package nats

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/nats/natstest"
	"github.com/edgeflow/edgeflow/dataflow"
)

func TestHolesJoin(t *testing.T) {
	h := hole{}.and(hole{10, 21, 10}).and(hole{}).and(hole{30, 36, 5})
	if h != (hole{10, 36, 15}) {
		t.Fatalf("joined: %+v", h)
	}
	for _, c := range []struct{ first, lost uint64 }{{1, 0}, {11, 0}, {12, 1}, {21, 10}, {26, 15}, {36, 15}, {1000, 15}} {
		if n := h.lost(c.first); n != c.lost {
			t.Errorf("the stream begins at %d: %d lost, want %d", c.first, n, c.lost)
		}
	}
}

// What is passed while an earlier hole waits to be judged, and before a consumer that was lost is
// followed by another, is not forgotten.
func TestHolesAddUp(t *testing.T) {
	s, err := NewSource(SourceOptions{ConnOptions: ConnOptions{URLs: []string{"nats://127.0.0.1:1"}}, Stream: "S"})
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{s: s, woken: make(chan struct{}, 1)}
	k.in = &intake{s: s, ev: k}
	k.in.begin(1, place{}, 7, true)
	var c *chunk
	for i, seq := range []string{"1", "5", "6", "10"} {
		c = k.in.roomFor(c)
		k.in.take(c, &frame{kind: frameMsg, sid: hotSID + 1, subject: []byte("s.a"), data: []byte("x"),
			reply: []byte("$JS.ACK.S.c.1." + seq + "." + string(rune('1'+i)) + ".1.0")}, true)
		if i == 1 && !k.holed() {
			t.Fatal("no hole")
		}
	}
	k.in.begin(2, k.in.stop(), 7, true)
	if !k.holed() || k.hole != (hole{1, 10, 6}) {
		t.Fatalf("hole %+v", k.hole)
	}
	info := &streamInfo{Created: time.Unix(0, 7)}
	info.State.First, info.State.Last = 10, 10
	var pe *PositionError
	if err := k.settle(info); !errors.As(err, &pe) || pe.Verdict.Missing != 6 || k.holed() {
		t.Fatalf("judged: %v", err)
	}
}

// heldUp opens a source of a stream of n messages of which few fit in what waits in memory, and
// reads some.
func heldUp(t *testing.T, h *hub, n int, change func(*SourceOptions)) (s *Source, read int) {
	h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	for range n {
		if _, err := h.js.PublishAsync("s.a", make([]byte, 2000)); err != nil {
			t.Fatal(err)
		}
	}
	<-h.js.PublishAsyncComplete()
	s, _ = open(t, h.options(func(o *SourceOptions) {
		o.PullMessages, o.PullBytes = 10, 64<<10
		change(o)
	}), nil)
	got, _ := collect(t, s, 5)
	return s, len(got)
}

// readOn reads until the source ends or the sequence last came, and what was found missing with
// what was read makes all of last.
func readOn(t *testing.T, s *Source, read int, last uint64) (missing uint64, err error) {
	t.Helper()
	seq := uint64(0)
	for until := time.Now().Add(natstest.Patience); seq < last || uint64(read)+missing < last; {
		msgs, _, err := s.Poll(nil, 100, 100*time.Millisecond)
		if err != nil {
			return missing, err
		}
		if read += len(msgs); len(msgs) > 0 {
			seq = msgs[len(msgs)-1].Seq
		}
		missing += s.Gap(seq)
		if time.Now().After(until) {
			t.Fatalf("%d read up to %d and %d found missing, of %d; status %+v", read, seq, missing, last, s.Status())
		}
	}
	if uint64(read)+missing != last {
		t.Errorf("%d read and %d missing of %d", read, missing, last)
	}
	return missing, nil
}

// What waits at the server is purged while nobody polls: no message bears the hole, and the server
// tells of it in a heartbeat.
func testPurgedWhileHeldUp(t *testing.T, w way) {
	const n = 3000
	for _, policy := range []GapPolicy{GapFail, GapResume} {
		h := w.hub(t)
		var found atomic.Uint64
		s, read := heldUp(t, h, n, func(o *SourceOptions) {
			o.OnGap = policy
			o.OnGapFound = func(r dataflow.OpenReport) { found.Add(r.Gap) }
		})
		if err := h.js.PurgeStream("S"); err != nil {
			t.Fatal(err)
		}
		for until := time.Now().Add(natstest.Patience); policy == GapResume && found.Load() == 0; {
			msgs, _, err := s.Poll(nil, 100, 10*time.Millisecond)
			if read += len(msgs); err != nil || time.Now().After(until) {
				t.Fatalf("%d read of %d, and nothing missed: %v", read, n, err)
			}
		}
		if policy == GapResume {
			h.publish("s.b", 1)
		}
		missing, err := readOn(t, s, read, n+1)
		var pe *PositionError
		if policy == GapFail && (!errors.As(err, &pe) || pe.Verdict.Kind != GapBehind || pe.Verdict.Missing == 0) {
			t.Errorf("the purge was not noticed: %v", err)
		}
		if policy == GapResume && (err != nil || missing == 0 || missing != found.Load()) {
			t.Errorf("%d missing, told of %d: %v", missing, found.Load(), err)
		}
	}
}

// The question how much is gone is lost with the connection; it is asked again.
func testCutWhileJudging(t *testing.T, w way) {
	const n = 3000
	h := w.hub(t)
	var armed, cuts atomic.Int32
	s, read := heldUp(t, h, n, func(o *SourceOptions) {
		o.OnGap, o.BackoffMax = GapResume, 100*time.Millisecond
		o.InProcess = &meddler{InProcess: h.srv, sent: func(b []byte) bool {
			cut := bytes.Contains(b, []byte("STREAM.INFO")) && armed.CompareAndSwap(1, 0)
			if cut {
				cuts.Add(1)
			}
			return cut
		}}
	})
	armed.Store(1)
	if err := h.js.PurgeStream("S", &nats.StreamPurgeRequest{Sequence: n - 100}); err != nil {
		t.Fatal(err)
	}
	if missing, err := readOn(t, s, read, n); err != nil || missing == 0 || cuts.Load() == 0 {
		t.Errorf("%d missing after %d cuts: %v", missing, cuts.Load(), err)
	}
}

func TestTakesAll(t *testing.T) {
	some := []byte("{}")
	for _, c := range []struct {
		filter []string
		stream streamConfig
		all    bool
	}{
		{nil, streamConfig{Subjects: []string{"s.>"}}, true},
		{[]string{"s.>"}, streamConfig{Subjects: []string{"s.>"}}, true},
		{[]string{"t.*", "s.>"}, streamConfig{Subjects: []string{"s.a", "t.b"}}, true},
		{[]string{"s.*"}, streamConfig{Subjects: []string{"s.>"}}, false},
		{[]string{"s.a"}, streamConfig{Subjects: []string{"s.a", "s.b"}}, false},
		{[]string{"s.>"}, streamConfig{}, false},
		{[]string{"s.>"}, streamConfig{Subjects: []string{"s.>"}, Sources: some}, false},
		{[]string{"s.>"}, streamConfig{Subjects: []string{"s.>"}, Mirror: some}, false},
		{[]string{"s.>"}, streamConfig{Subjects: []string{"s.>"}, Transform: some}, false},
		{[]string{">"}, streamConfig{Sources: some}, true},
	} {
		if o := (SourceOptions{Subjects: c.filter}); o.takesAll(&c.stream) != c.all {
			t.Errorf("%q of %+v: %v", c.filter, c.stream, !c.all)
		}
	}
}

// A filter that lets all through hides no hole.
func TestHoleBehindFilter(t *testing.T) {
	h := way{WireReader, Pull}.hub(t)
	s, read := heldUp(t, h, 3000, func(o *SourceOptions) { o.Subjects, o.OnGap = []string{"s.>"}, GapResume })
	if err := h.js.PurgeStream("S", &nats.StreamPurgeRequest{Sequence: 2900}); err != nil {
		t.Fatal(err)
	}
	if missing, err := readOn(t, s, read, 3000); err != nil || missing == 0 {
		t.Errorf("%d missing: %v", missing, err)
	}
}
