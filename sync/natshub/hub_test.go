package natshub_test

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/connector/nats/natstest"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/natshub"
)

// outbox keeps frames in memory.
type outbox struct {
	mu     sync.Mutex
	frames []forward.Frame
	last   uint64
	states []forward.OutputState
}

func (s *outbox) OutboxScan(_ string, after uint64, fn func(forward.Frame) (bool, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.frames {
		if f.Last > after {
			if more, err := fn(f); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

func (s *outbox) OutboxStats(string) (state.OutboxStats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := state.OutboxStats{First: s.last + 1, Last: s.last, Frames: len(s.frames)}
	for _, f := range s.frames {
		st.Rows += int64(f.Rows)
		st.Bytes += int64(len(f.Data))
	}
	return st, nil
}

func (s *outbox) add(from, n int) {
	var b forward.FrameBuilder
	for i := range n {
		b.Append(fmt.Appendf(nil, `{"row":%d}`, from+i), nil, vec.Insert, int64(1000*(from+i)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.last + 1
	s.last += uint64(n)
	s.frames = append(s.frames, forward.Frame{Output: "out", First: first, Last: s.last, Rows: n, Data: b.Seal(first)})
}

func (s *outbox) commit(plan []forward.OutputState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = append([]forward.OutputState(nil), plan...)
	n := sort.Search(len(s.frames), func(i int) bool { return s.frames[i].Last > plan[0].Done() })
	s.frames = s.frames[n:]
}

// fixed is a link with the one connection of a test.
type fixed struct{ nc *nats.Conn }

func (l fixed) Conn() (*nats.Conn, error) {
	if !l.nc.IsConnected() {
		return nil, nil
	}
	return l.nc, nil
}

func (l fixed) Server() string { return l.nc.ConnectedUrlRedacted() }
func (l fixed) Denied() error  { return nil }

type world struct {
	t   *testing.T
	dir string
	srv *embedded.Server
	nc  *nats.Conn
	js  nats.JetStreamContext
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.up()
	t.Cleanup(func() { w.nc.Close(); w.srv.Shutdown() })
	return w
}

func (w *world) up() {
	w.t.Helper()
	var err error
	if w.srv, err = embedded.Start(embedded.Options{StoreDir: w.dir}); err != nil {
		w.t.Fatal(err)
	}
	if w.nc, err = w.srv.Connect(); err != nil {
		w.t.Fatal(err)
	}
	if w.js, err = w.nc.JetStream(nats.MaxWait(natstest.Patience)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) hub(change ...func(*natshub.Options)) *natshub.Hub {
	o := natshub.Options{Stream: "HUB", Subjects: []string{"hub.>"}, Create: true}
	for _, f := range change {
		f(&o)
	}
	return natshub.New(fixed{w.nc}, o)
}

const cursorSubject = "hub.cursor.p.i.out"

func (w *world) forwarder(store *outbox, h forward.Hub, change ...func(*forward.OutputOptions)) *forward.Forwarder {
	w.t.Helper()
	o := forward.OutputOptions{Name: "out", Hub: h, Subject: "hub.results", CursorSubject: cursorSubject, Pack: 7, Separator: "\n"}
	for _, f := range change {
		f(&o)
	}
	fw, err := forward.New(forward.Options{Pipeline: "p", Instance: "i", Store: store, Outputs: []forward.OutputOptions{o}}, store.states)
	if err != nil {
		w.t.Fatal(err)
	}
	return fw
}

// drain steps until everything is confirmed.
func drain(t *testing.T, fw *forward.Forwarder) error {
	t.Helper()
	now := time.Now()
	for range 10_000 {
		wait, err := fw.Step(context.Background(), now)
		if err != nil {
			return err
		}
		if fw.Drained() {
			return nil
		}
		now = now.Add(wait)
	}
	t.Fatalf("not drained: %+v", fw.Statuses(now))
	return nil
}

// rows reads what the hub has, in order.
func (w *world) rows() (rows []string, msgs []*nats.Msg) {
	w.t.Helper()
	sub, err := w.js.SubscribeSync("hub.results", nats.OrderedConsumer(), nats.BindStream("HUB"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	info, err := w.js.StreamInfo("HUB", &nats.StreamInfoRequest{SubjectsFilter: "hub.results"})
	if err != nil {
		w.t.Fatal(err)
	}
	for n := info.State.Subjects["hub.results"]; n > 0; n-- {
		m, err := sub.NextMsg(natstest.Patience)
		if err != nil {
			w.t.Fatal(err)
		}
		msgs = append(msgs, m)
		rows = append(rows, strings.Split(string(m.Data), "\n")...)
	}
	return rows, msgs
}

func (w *world) expect(n int) {
	w.t.Helper()
	rows, _ := w.rows()
	if len(rows) != n {
		w.t.Fatalf("the hub has %d rows, want %d", len(rows), n)
	}
	for i, r := range rows {
		if r != fmt.Sprintf(`{"row":%d}`, i) {
			w.t.Fatalf("row %d is %s", i, r)
		}
	}
}

func TestForwardsOnce(t *testing.T) {
	w := start(t)
	store := &outbox{}
	fw := w.forwarder(store, w.hub())
	store.add(0, 5000)
	store.add(5000, 3)
	if err := fw.Committed(1); err != nil {
		t.Fatal(err)
	}
	if err := drain(t, fw); err != nil {
		t.Fatal(err)
	}
	w.expect(5003)
	_, msgs := w.rows()
	h := msgs[1].Header
	if h.Get(natshub.HeaderPipeline) != "p" || h.Get(natshub.HeaderOutput) != "out" || h.Get(natshub.HeaderEpoch) != "1" ||
		h.Get(natshub.HeaderSequence) != "8-14" || h.Get(natshub.HeaderWindowEnd) != "13000" || h.Get(natshub.HeaderInstance) != "i" {
		t.Fatalf("headers %v", h)
	}
	if !fw.NeedsCommit() {
		t.Fatal("confirmed rows wait for a commit to leave the outbox")
	}
	store.commit(fw.Plan(time.Now()))
	if err := fw.Committed(2); err != nil {
		t.Fatal(err)
	}
	if fw.NeedsCommit() || len(store.frames) != 0 {
		t.Fatalf("%d frames stay", len(store.frames))
	}
	// A restart goes on where the cursor is, though the commit knew less.
	store.add(5003, 10)
	fw = w.forwarder(store, w.hub())
	if err := drain(t, fw); err != nil {
		t.Fatal(err)
	}
	w.expect(5013)
	fw = w.forwarder(store, w.hub())
	if err := drain(t, fw); err != nil {
		t.Fatal(err)
	}
	if fw.Drained() && fw.Confirmed("out") != 5013 {
		t.Fatalf("confirmed %d", fw.Confirmed("out"))
	}
	// The newest instance sees the cursor when it claims, and sends nothing.
	if _, err := fw.Step(context.Background(), time.Now()); err != nil {
		t.Fatal(err)
	}
	w.expect(5013)
}

func TestZombieIsFenced(t *testing.T) {
	w := start(t)
	store := &outbox{}
	store.add(0, 10)
	old := w.forwarder(store, w.hub())
	if err := drain(t, old); err != nil {
		t.Fatal(err)
	}
	young := w.forwarder(store, w.hub())
	if _, err := young.Step(context.Background(), time.Now()); err != nil { // claims
		t.Fatal(err)
	}
	store.add(10, 10)
	if err := old.Committed(2); err != nil {
		t.Fatal(err)
	}
	if err := drain(t, old); !errors.Is(err, forward.ErrFenced) {
		t.Fatalf("the old instance goes on: %v", err)
	}
	if err := young.Committed(2); err != nil {
		t.Fatal(err)
	}
	if err := drain(t, young); err != nil {
		t.Fatal(err)
	}
	w.expect(20)
}

func TestRestartedHubAndRun(t *testing.T) {
	w := start(t)
	store := &outbox{}
	store.add(0, 100)
	fw := w.forwarder(store, w.hub())
	if err := drain(t, fw); err != nil {
		t.Fatal(err)
	}
	w.nc.Close()
	w.srv.Shutdown()
	w.up()
	store.add(100, 100)
	fw = w.forwarder(store, w.hub())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- fw.Lanes()[0].Run(ctx) }()
	for i := 2; i < 12; i++ {
		store.add(100*i, 100)
		if err := fw.Committed(uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	until := time.Now().Add(natstest.Patience)
	for !fw.Drained() {
		if time.Now().After(until) {
			t.Fatalf("not drained: %+v", fw.Statuses(time.Now()))
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.expect(1200)
}

func TestLostCursor(t *testing.T) {
	w := start(t)
	store := &outbox{}
	store.add(0, 10)
	fw := w.forwarder(store, w.hub())
	if err := drain(t, fw); err != nil {
		t.Fatal(err)
	}
	store.commit(fw.Plan(time.Now()))
	if err := w.js.PurgeStream("HUB", &nats.StreamPurgeRequest{Subject: cursorSubject}); err != nil {
		t.Fatal(err)
	}
	store.add(10, 10)
	if err := fw.Committed(2); err != nil {
		t.Fatal(err)
	}
	if err := drain(t, fw); !errors.Is(err, forward.ErrCursorLost) {
		t.Fatalf("while running: %v", err)
	}
	if err := drain(t, w.forwarder(store, w.hub())); !errors.Is(err, forward.ErrCursorLost) {
		t.Fatalf("at the start: %v", err)
	}
	fw = w.forwarder(store, w.hub(), func(o *forward.OutputOptions) { o.OnLost = forward.LostResend })
	if err := drain(t, fw); err != nil {
		t.Fatal(err)
	}
	w.expect(20)
	empty := &outbox{}
	if err := drainClaim(t, w.forwarder(empty, w.hub())); !errors.Is(err, forward.ErrCursorAhead) {
		t.Fatalf("an empty outbox under a cursor: %v", err)
	}
}

func drainClaim(t *testing.T, fw *forward.Forwarder) error {
	t.Helper()
	_, err := fw.Step(context.Background(), time.Now())
	return err
}

func TestStreamIsChecked(t *testing.T) {
	w := start(t)
	ctx := context.Background()
	_, err := w.hub(func(o *natshub.Options) { o.Create = false }).Check(ctx)
	var se *natshub.StreamError
	if !errors.As(err, &se) || !strings.Contains(err.Error(), "nats stream add HUB --subjects 'hub.>'") || !strings.Contains(err.Error(), "--allow-batch") {
		t.Fatalf("missing stream: %v", err)
	}
	if _, err := w.js.AddStream(&nats.StreamConfig{Name: "HUB", Subjects: []string{"hub.>"}, AllowRollup: true, MaxBytes: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	if _, err = w.hub().Check(ctx); !errors.As(err, &se) || !strings.Contains(err.Error(), "nats stream edit HUB --allow-batch --allow-msg-ttl") {
		t.Fatalf("stream without permissions: %v", err)
	}
	if err := w.js.DeleteStream("HUB"); err != nil {
		t.Fatal(err)
	}
	var lim forward.Limits
	natstest.Make(t, func() error {
		lim, err = w.hub(func(o *natshub.Options) { o.MaxBytes = 1 << 20 }).Check(ctx)
		return err
	})
	if lim.Messages != 999 || lim.MessageBytes != 1<<20-1024 || lim.Bytes != 1<<17 {
		t.Fatalf("limits %+v", lim)
	}
	// A full stream that discards new messages refuses a batch whole.
	store := &outbox{}
	for i := range 40 {
		store.add(i*1000, 1000)
	}
	fw := w.forwarder(store, w.hub())
	now := time.Now()
	full := false
	for range 300 {
		wait, err := fw.Step(ctx, now)
		if err != nil {
			t.Fatal(err)
		}
		var re *forward.RefusedError
		if st := fw.Statuses(now)[0]; errors.As(st.Err, &re) {
			full = true
			break
		}
		now = now.Add(wait)
		if fw.Drained() {
			break
		}
	}
	if !full {
		t.Fatal("the stream never filled")
	}
	rows, _ := w.rows()
	if uint64(len(rows)) != fw.Confirmed("out") {
		t.Fatalf("the hub has %d rows, confirmed %d", len(rows), fw.Confirmed("out"))
	}
	if err := w.js.PurgeStream("HUB", &nats.StreamPurgeRequest{Subject: "hub.results"}); err != nil {
		t.Fatal(err)
	}
	before := len(rows)
	for fw.Confirmed("out") == uint64(before) {
		wait, err := fw.Step(ctx, now)
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(wait)
	}
	rows, _ = w.rows()
	if len(rows) == 0 || rows[0] != fmt.Sprintf(`{"row":%d}`, before) {
		t.Fatalf("after there is room again the first row is %v", rows[:min(1, len(rows))])
	}
}

func TestTokens(t *testing.T) {
	for in, out := range map[string]string{"abc-1_Z": "abc-1_Z", "a.b c": "a=2Eb=20c", "": "=", "ü": "=C3=BC", "x=y": "x=3Dy"} {
		if got := natshub.Token(in); got != out {
			t.Errorf("Token(%q) = %q, want %q", in, got, out)
		}
	}
	if s := natshub.CursorSubject("ef", "p", "i", "o.1"); s != "ef.cursor.p.i.o=2E1" {
		t.Error(s)
	}
}
