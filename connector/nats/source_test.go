package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/connector/nats/natstest"
	"github.com/edgeflow/edgeflow/dataflow"
)

// hub is a server with a client, for one test.
type hub struct {
	t   *testing.T
	way way
	o   embedded.Options
	srv *embedded.Server
	nc  *nats.Conn
	js  nats.JetStreamContext
}

func startHub(t *testing.T, change ...func(*embedded.Options)) *hub {
	t.Helper()
	h := &hub{t: t, o: embedded.Options{StoreDir: t.TempDir(), LazySync: true}}
	for _, f := range change {
		f(&h.o)
	}
	h.start()
	t.Cleanup(h.stop)
	return h
}

func (h *hub) start() {
	h.t.Helper()
	var err error
	if h.srv, err = embedded.Start(h.o); err != nil {
		h.t.Fatal(err)
	}
	if h.nc, err = h.srv.Connect(); err != nil {
		h.t.Fatal(err)
	}
	if h.js, err = h.nc.JetStream(nats.PublishAsyncMaxPending(100_000), nats.MaxWait(natstest.Patience)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *hub) stop() {
	h.nc.Close()
	h.srv.Shutdown()
}

// stream makes a stream.
func (h *hub) stream(c *nats.StreamConfig) {
	h.t.Helper()
	natstest.Make(h.t, func() error {
		_, err := h.js.AddStream(c)
		return err
	})
}

// publish stores n messages. It waits for every thousandth to be stored, because a server
// does not hold more than some that wait.
func (h *hub) publish(subject string, n int) {
	h.t.Helper()
	for i := range n {
		data := fmt.Appendf(nil, "%s %d", subject, i)
		err := error(nil)
		if i%1000 == 999 || i == n-1 {
			_, err = h.js.Publish(subject, data)
		} else {
			err = h.nc.Publish(subject, data)
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *hub) options(change ...func(*SourceOptions)) SourceOptions {
	o := SourceOptions{ConnOptions: ConnOptions{InProcess: h.srv}, Stream: "S", Heartbeat: 200 * time.Millisecond, PullExpires: time.Second,
		Reader: h.way.Reader, Delivery: h.way.Delivery}
	for _, f := range change {
		f(&o)
	}
	return o
}

func open(t *testing.T, o SourceOptions, pos []byte) (*Source, dataflow.OpenReport) {
	t.Helper()
	s, err := NewSource(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r, err := s.Open(context.Background(), pos)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

// collect reads until n messages came and returns their payloads and the last position.
func collect(t *testing.T, s *Source, n int) (data []string, pos []byte) {
	t.Helper()
	var msgs []dataflow.Message
	until := time.Now().Add(natstest.Patience)
	for len(data) < n {
		var err error
		if msgs, _, err = s.Poll(msgs[:0], n-len(data), time.Second); err != nil && !errors.Is(err, io.EOF) {
			t.Fatalf("after %d messages: %v", len(data), err)
		}
		for i := range msgs {
			data = append(data, string(msgs[i].Data))
		}
		if len(msgs) > 0 {
			pos = s.Position(pos[:0], &msgs[len(msgs)-1])
		}
		if time.Now().After(until) {
			t.Fatalf("%d of %d messages came; status %+v", len(data), n, s.Status())
		}
	}
	return data, pos
}

func want(t *testing.T, got []string, subject string, from, to int) {
	t.Helper()
	if len(got) != to-from {
		t.Fatalf("%d messages, want %d", len(got), to-from)
	}
	for i, g := range got {
		if w := fmt.Sprintf("%s %d", subject, from+i); g != w {
			t.Fatalf("message %d is %q, want %q", i, g, w)
		}
	}
}

// caughtUp polls until nothing is pending.
func caughtUp(t *testing.T, s *Source) {
	t.Helper()
	until := time.Now().Add(natstest.Patience)
	for {
		msgs, pending, err := s.Poll(nil, 1000, 10*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if len(msgs) == 0 && pending == 0 {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("still %d pending", pending)
		}
	}
}

func testReadsInOrderAndResumes(t *testing.T, w way) {
	h := w.hub(t)
	h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	h.publish("s.a", 25_000)
	s, r := open(t, h.options(), nil)
	if r.Resumed || r.Gap != 0 || r.Warning != "" {
		t.Fatalf("report %+v", r)
	}
	got, pos := collect(t, s, 12_345)
	want(t, got, "s.a", 0, 12_345)
	s.Close()
	s, r = open(t, h.options(), pos)
	if !r.Resumed || r.Gap != 0 {
		t.Fatalf("report %+v", r)
	}
	got, _ = collect(t, s, 25_000-12_345)
	want(t, got, "s.a", 12_345, 25_000)
	caughtUp(t, s)
	h.publish("s.b", 3)
	got, _ = collect(t, s, 3)
	want(t, got, "s.b", 0, 3)
	if _, _, err := s.Poll(nil, 10, 0); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, _, err := s.Poll(nil, 10, 0); !errors.Is(err, ErrClosed) {
		t.Fatalf("after Close: %v", err)
	}
}

// A message that nothing follows, not even a heartbeat, is handed on at once.
func testMessageAlone(t *testing.T, w way) {
	h := w.hub(t)
	h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	s, _ := open(t, h.options(func(o *SourceOptions) { o.Heartbeat, o.PullExpires = 10*time.Minute, time.Hour }), nil)
	for range 5 {
		h.publish("s.a", 1)
		collect(t, s, 1)
	}
}

func testMessageFields(t *testing.T, w way) {
	h := w.hub(t)
	h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	m := nats.NewMsg("s.dev.7")
	m.Header.Set("Region", "eu")
	m.Data = []byte("payload")
	ack, err := h.js.PublishMsg(m)
	if err != nil {
		t.Fatal(err)
	}
	empty := nats.NewMsg("s.empty")
	empty.Header.Set("Only", "header")
	if _, err := h.js.PublishMsg(empty); err != nil {
		t.Fatal(err)
	}
	s, _ := open(t, h.options(), nil)
	var msgs []dataflow.Message
	for len(msgs) < 2 {
		if msgs, _, err = s.Poll(msgs, 2, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := h.js.GetMsg("S", ack.Sequence)
	if err != nil {
		t.Fatal(err)
	}
	g := msgs[0]
	if string(g.Subject) != "s.dev.7" || string(g.Data) != "payload" || g.Seq != ack.Sequence || g.ArrivalMs != raw.Time.UnixMilli() {
		t.Fatalf("message %+v", g)
	}
	if !strings.Contains(string(g.Header), "Region: eu\r\n") {
		t.Fatalf("header %q", g.Header)
	}
	if len(msgs[1].Data) != 0 || !strings.Contains(string(msgs[1].Header), "Only: header") {
		t.Fatalf("empty message %+v", msgs[1])
	}
}

func testFiltersAndStartupModes(t *testing.T, w way) {
	h := w.hub(t)
	h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	h.publish("s.a.x", 10)
	h.publish("s.b.x", 10)
	h.publish("s.c.y", 10)
	last, err := h.js.GetLastMsg("S", "s.b.x")
	if err != nil {
		t.Fatal(err)
	}
	first, err := h.js.GetMsg("S", 21)
	if err != nil {
		t.Fatal(err)
	}
	if !first.Time.Truncate(time.Millisecond).After(last.Time) {
		// Two messages within one millisecond: the timestamp cannot tell them apart.
		first.Time = last.Time
	}
	s, _ := open(t, h.options(func(o *SourceOptions) { o.Subjects = []string{"s.*.x"} }), nil)
	got, _ := collect(t, s, 20)
	want(t, got[:10], "s.a.x", 0, 10)
	want(t, got[10:], "s.b.x", 0, 10)
	s, _ = open(t, h.options(func(o *SourceOptions) { o.Subjects = []string{"s.a.>", "s.c.>"} }), nil)
	got, _ = collect(t, s, 20)
	want(t, got[10:], "s.c.y", 0, 10)
	latest := func(o *SourceOptions) { o.Startup = LatestOffset }
	s, _ = open(t, h.options(latest), nil)
	origin := s.StartPosition(nil)
	h.publish("s.d", 5)
	got, _ = collect(t, s, 5)
	want(t, got, "s.d", 0, 5)
	s, _ = open(t, h.options(latest), origin) // as after a crash before the first message
	got, _ = collect(t, s, 5)
	want(t, got, "s.d", 0, 5)
	s, _ = open(t, h.options(func(o *SourceOptions) { o.Startup, o.TimestampMs = Timestamp, first.Time.UnixMilli() }), nil)
	got, _ = collect(t, s, 1)
	if !strings.HasPrefix(got[0], "s.") {
		t.Fatalf("got %q", got)
	}
}

func testBounded(t *testing.T, w way) {
	h := w.hub(t)
	h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	bounded := func(o *SourceOptions) { o.Bounded = true }
	s, _ := open(t, h.options(bounded), nil)
	if msgs, pending, err := s.Poll(nil, 10, time.Second); !errors.Is(err, io.EOF) || len(msgs) != 0 || pending != 0 {
		t.Fatalf("an empty stream: %d messages, %d pending, %v", len(msgs), pending, err)
	}
	h.publish("s.a", 9000)
	s, _ = open(t, h.options(bounded), nil)
	h.publish("s.late", 10)
	n := 0
	for {
		msgs, _, err := s.Poll(nil, 700, time.Second)
		n += len(msgs)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n != 9000 {
		t.Fatalf("%d messages, want those up to Open", n)
	}
	s, _ = open(t, h.options(bounded, func(o *SourceOptions) { o.Subjects = []string{"s.none"} }), nil)
	if _, _, err := s.Poll(nil, 10, time.Second); !errors.Is(err, io.EOF) {
		t.Fatalf("nothing matches: %v", err)
	}
}

func testServerRestart(t *testing.T, w way) {
	h := w.hub(t, func(o *embedded.Options) { o.Listen = fmt.Sprintf("127.0.0.1:%d", natstest.Ports(t, 1)[0]) })
	h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	h.publish("s.a", 5000)
	url := h.srv.ClientURL()
	s, _ := open(t, h.options(func(o *SourceOptions) {
		o.InProcess, o.URLs = nil, []string{url}
		o.BackoffMax = 100 * time.Millisecond
	}), nil)
	got, _ := collect(t, s, 1000)
	want(t, got, "s.a", 0, 1000)
	h.stop()
	h.start()
	h.publish("s.b", 5000)
	got, _ = collect(t, s, 9000)
	want(t, got[:4000], "s.a", 1000, 5000)
	want(t, got[4000:], "s.b", 0, 5000)
}

func testConsumerDeleted(t *testing.T, w way) {
	h := w.hub(t)
	h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	h.publish("s.a", 100)
	s, _ := open(t, h.options(), nil)
	collect(t, s, 100)
	for name := range h.js.ConsumerNames("S") {
		if err := h.js.DeleteConsumer("S", name); err != nil {
			t.Fatal(err)
		}
	}
	h.publish("s.b", 100)
	got, _ := collect(t, s, 100)
	want(t, got, "s.b", 0, 100)
	for late := time.Now().Add(natstest.Patience); s.Status().Reconnects == 0; <-time.After(time.Millisecond) {
		if time.Now().After(late) { // messages may come before that is told
			t.Fatal("the source did not notice")
		}
	}
}

func testPositionProblemsAtOpen(t *testing.T, w way) {
	fails := func(t *testing.T, h *hub, pos []byte, kind VerdictKind) {
		t.Helper()
		s, err := NewSource(h.options())
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Open(context.Background(), pos)
		var pe *PositionError
		if !errors.As(err, &pe) || pe.Verdict.Kind != kind || !errors.Is(err, ErrPosition) || pe.Hint == "" {
			t.Fatalf("got %v, want %v", err, kind)
		}
	}
	resume := func(o *SourceOptions) { o.OnGap = GapResume }
	start := func(t *testing.T) (*hub, []byte) {
		h := w.hub(t)
		h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
		h.publish("s.a", 100)
		s, _ := open(t, h.options(), nil)
		_, pos := collect(t, s, 50)
		s.Close()
		return h, pos
	}
	t.Run("gap", func(t *testing.T) {
		h, pos := start(t)
		if err := h.js.PurgeStream("S", &nats.StreamPurgeRequest{Sequence: 71}); err != nil {
			t.Fatal(err)
		}
		fails(t, h, pos, GapBehind)
		s, r := open(t, h.options(resume), pos)
		if r.Gap != 20 || r.Warning == "" {
			t.Fatalf("report %+v", r)
		}
		got, _ := collect(t, s, 30)
		want(t, got, "s.a", 70, 100)
	})
	t.Run("recreated", func(t *testing.T) {
		h, pos := start(t)
		if err := h.js.DeleteStream("S"); err != nil {
			t.Fatal(err)
		}
		h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
		h.publish("s.n", 10)
		fails(t, h, pos, Recreated)
		s, _ := open(t, h.options(resume), pos)
		got, _ := collect(t, s, 10)
		want(t, got, "s.n", 0, 10)
	})
	t.Run("deleted in the middle", func(t *testing.T) {
		h, pos := start(t)
		for seq := uint64(48); seq < 60; seq++ {
			if err := h.js.DeleteMsg("S", seq); err != nil {
				t.Fatal(err)
			}
		}
		s, _ := open(t, h.options(), pos)
		got, _ := collect(t, s, 41)
		want(t, got, "s.a", 59, 100)
	})
	t.Run("rolled back and rewritten", func(t *testing.T) {
		h, pos := start(t)
		p, err := DecodePosition(pos)
		if err != nil {
			t.Fatal(err)
		}
		p.Sequence = 120
		fails(t, h, p.Append(nil), RolledBack)
		p.Sequence, p.Hash = 50, p.Hash+1
		fails(t, h, p.Append(nil), Rewritten)
	})
	t.Run("no stream", func(t *testing.T) {
		h, pos := start(t)
		if err := h.js.DeleteStream("S"); err != nil {
			t.Fatal(err)
		}
		s, _ := NewSource(h.options(func(o *SourceOptions) { o.Subjects, o.CreateStream = []string{"s.>"}, true }))
		if _, err := s.Open(context.Background(), pos); !errors.Is(err, ErrNoStream) || !strings.Contains(err.Error(), "nats stream add S") {
			t.Fatalf("a stream with a position is not made anew: %v", err)
		}
		natstest.Make(t, func() error {
			s, _ = NewSource(h.options(func(o *SourceOptions) { o.Subjects, o.CreateStream = []string{"s.>"}, true }))
			_, err := s.Open(context.Background(), nil)
			return err
		})
		defer s.Close()
		h.publish("s.a", 3)
		got, _ := collect(t, s, 3)
		want(t, got, "s.a", 0, 3)
	})
}

func testStreamProblemsWhileRunning(t *testing.T, w way) {
	t.Run("retention passes us", func(t *testing.T) {
		h := w.hub(t)
		h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}, MaxMsgs: 500})
		h.publish("s.a", 100)
		s, _ := open(t, h.options(func(o *SourceOptions) { o.PullMessages, o.PullBytes = 10, 64<<10 }), nil)
		collect(t, s, 50)
		// More than the server pushes without an answer.
		for i := range 5000 {
			var err error
			if i%500 == 499 {
				_, err = h.js.Publish("s.b", make([]byte, 2000))
			} else {
				err = h.nc.Publish("s.b", make([]byte, 2000))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		until := time.Now().Add(natstest.Patience)
		for {
			_, _, err := s.Poll(nil, 100, 100*time.Millisecond)
			var pe *PositionError
			if errors.As(err, &pe) {
				if pe.Verdict.Kind != GapBehind || pe.Verdict.Missing == 0 {
					t.Fatal(err)
				}
				return
			}
			if err != nil || time.Now().After(until) {
				t.Fatalf("the gap was not found: %v", err)
			}
		}
	})
	t.Run("deleted and created again", func(t *testing.T) {
		h := w.hub(t)
		h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
		h.publish("s.a", 10)
		s, _ := open(t, h.options(), nil)
		collect(t, s, 10)
		if err := h.js.DeleteStream("S"); err != nil {
			t.Fatal(err)
		}
		h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
		h.publish("s.b", 10)
		until := time.Now().Add(natstest.Patience)
		for {
			msgs, _, err := s.Poll(nil, 100, 100*time.Millisecond)
			if errors.Is(err, ErrPosition) || errors.Is(err, ErrNoStream) {
				return
			}
			if err != nil || len(msgs) > 0 || time.Now().After(until) {
				t.Fatalf("%d messages, %v", len(msgs), err)
			}
		}
	})
}

// Under the policy to go on, a gap found while running is counted, and a stream that was made
// anew is gone on in by a start.
func testGoingOnWhileRunning(t *testing.T, w way) {
	resume := func(o *SourceOptions) { o.OnGap, o.PullMessages, o.PullBytes = GapResume, 10, 64<<10 }
	t.Run("retention passes us", func(t *testing.T) {
		h := w.hub(t)
		h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}, MaxMsgs: 500})
		h.publish("s.a", 100)
		s, _ := open(t, h.options(resume), nil)
		got, _ := collect(t, s, 50)
		for i := range 5000 {
			var err error
			if i%500 == 499 {
				_, err = h.js.Publish("s.b", make([]byte, 2000))
			} else {
				err = h.nc.Publish("s.b", make([]byte, 2000))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		read, missing := len(got), uint64(0)
		until := time.Now().Add(natstest.Patience)
		for last := uint64(0); last < 5100; {
			msgs, _, err := s.Poll(nil, 100, 100*time.Millisecond)
			if err != nil || time.Now().After(until) {
				t.Fatalf("%d read up to %d, %d missing: %v", read, last, missing, err)
			}
			if read += len(msgs); len(msgs) > 0 {
				last = msgs[len(msgs)-1].Seq
			}
			missing += s.Gap(last)
		}
		for time.Now().Before(until) && uint64(read)+missing < 5100 {
			missing += s.Gap(5100) // the server is asked how much is gone
		}
		if uint64(read)+missing != 5100 || missing == 0 {
			t.Errorf("%d read and %d missing of 5100", read, missing)
		}
	})
	t.Run("deleted and created again", func(t *testing.T) {
		h := w.hub(t)
		h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
		h.publish("s.a", 10)
		s, _ := open(t, h.options(resume), nil)
		_, pos := collect(t, s, 10)
		if err := h.js.DeleteStream("S"); err != nil {
			t.Fatal(err)
		}
		h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
		until := time.Now().Add(natstest.Patience)
		for {
			_, _, err := s.Poll(nil, 100, 100*time.Millisecond)
			if errors.Is(err, errMoved) || errors.Is(err, ErrNoStream) {
				break
			}
			if err != nil || time.Now().After(until) {
				t.Fatalf("the source goes on: %v", err)
			}
		}
		s.Close()
		s, r := open(t, h.options(resume), pos)
		if !r.Moved || bytes.Equal(s.StartPosition(nil), pos) {
			t.Errorf("the start has not moved: %+v", r)
		}
		h.publish("s.b", 10)
		got, _ := collect(t, s, 10)
		want(t, got, "s.b", 0, 10)
	})
}

func testLargeMessagesAndSlowPolling(t *testing.T, w way) {
	h := w.hub(t, func(o *embedded.Options) { o.MaxPayloadBytes = 12 << 20 })
	h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	sizes := []int{1, 100, 10 << 20, 300 << 10, 5, 1 << 20, 257 << 10}
	for i, n := range sizes {
		b := make([]byte, n)
		b[0], b[n-1] = byte(i), byte(i)
		if _, err := h.js.Publish("s.a", b); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := open(t, h.options(), nil)
	for i, n := range sizes {
		var msgs []dataflow.Message
		for len(msgs) == 0 {
			var err error
			if msgs, _, err = s.Poll(nil, 1, time.Second); err != nil {
				t.Fatal(err)
			}
		}
		if d := msgs[0].Data; len(d) != n || d[0] != byte(i) || d[n-1] != byte(i) {
			t.Fatalf("message %d has %d bytes, want %d", i, len(d), n)
		}
	}
}

// A source whose filter lets little through goes on after a start behind what it has passed, though
// its stream has dropped all of that and the message that it read last.
func testQuietFilter(t *testing.T, w way) {
	h := w.hub(t)
	h.stream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}, MaxMsgs: 100})
	h.publish("s.alarm", 1)
	o := h.options(func(o *SourceOptions) { o.Subjects = []string{"s.alarm"} })
	s, _ := open(t, o, nil)
	_, pos := collect(t, s, 1)
	read := pos
	var p Position
	// The stream never drops what was not passed: a source that takes its server for silent would find
	// messages missing.
	for last := uint64(100); last <= 199; last += 99 {
		h.publish("s.other", 99)
		for until := time.Now().Add(natstest.Patience); p.Passed < last; {
			if m, _, err := s.Poll(nil, 10, 10*time.Millisecond); err != nil || len(m) > 0 || time.Now().After(until) {
				t.Fatalf("at %+v, %d messages: %v", p, len(m), err)
			}
			if b := s.Advanced(nil); len(b) > 0 {
				var err error
				if p, err = DecodePosition(b); err != nil {
					t.Fatal(err)
				}
				pos = b
			}
		}
	}
	if p.Sequence != 1 || p.Hash == 0 {
		t.Errorf("the message that was read is not known any more: %+v", p)
	}
	s.Close()
	if s, err := NewSource(o); err != nil {
		t.Fatal(err)
	} else if _, err = s.Open(context.Background(), read); !errors.Is(err, ErrPosition) {
		t.Fatalf("from the message read: %v", err)
	}
	s, r := open(t, o, pos)
	if r.Gap != 0 || r.Moved {
		t.Errorf("%+v", r)
	}
	h.publish("s.alarm", 2)
	got, _ := collect(t, s, 2)
	want(t, got, "s.alarm", 0, 2)
	if b := s.Advanced(nil); len(b) > 0 {
		p, _ := DecodePosition(b)
		if p.Sequence != 201 {
			t.Errorf("a place before the newest message: %+v", p)
		}
	}
}
