package forward_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
	forward "github.com/edgeflow/edgeflow/sync"
	"github.com/edgeflow/edgeflow/sync/simhub"
)

// The engine writes frames and the store keeps them.
var (
	_ dataflow.FrameWriter = (*forward.FrameBuilder)(nil)
	_ forward.Store        = state.Store(nil)
)

type bench struct {
	t     *testing.T
	hub   *simhub.Server
	store *forward.MemStore
	fw    *forward.Forwarder
	now   time.Time
}

var wide = forward.Limits{MessageBytes: 1000, Messages: 100, Bytes: 1 << 20}

func newBench(t *testing.T, lim forward.Limits, change func(*forward.OutputOptions)) *bench {
	t.Helper()
	b := &bench{t: t, hub: simhub.New(1, simhub.Faults{}, lim), store: forward.NewMemStore(), now: time.UnixMilli(1e12)}
	b.restart(change)
	return b
}

func (b *bench) restart(change func(*forward.OutputOptions)) {
	b.t.Helper()
	o := forward.OutputOptions{Name: "out", Hub: b.hub, Subject: "s", CursorSubject: "c"}
	if change != nil {
		change(&o)
	}
	var err error
	b.fw, err = forward.New(forward.Options{Pipeline: "p", Instance: "i", Store: b.store, Outputs: []forward.OutputOptions{o}}, b.store.States())
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) commit() {
	b.t.Helper()
	if err := b.fw.Committed(b.store.Commit(b.fw.Plan(b.now))); err != nil {
		b.t.Fatal(err)
	}
}

// steps steps until there is nothing to do for a while, or an error.
func (b *bench) steps() error {
	b.t.Helper()
	for range 1000 {
		wait, err := b.fw.Step(context.Background(), b.now)
		if err != nil {
			return err
		}
		if wait > time.Minute {
			return nil
		}
		b.now = b.now.Add(wait)
	}
	b.t.Fatal("it never rests")
	return nil
}

func (b *bench) balanced(emitted uint64) forward.Status {
	b.t.Helper()
	st := b.fw.Statuses(b.now)[0]
	in, err := b.fw.InOutbox("out")
	if err != nil {
		b.t.Fatal(err)
	}
	if st.Confirmed+st.Dropped+in != emitted {
		b.t.Fatalf("emitted %d, confirmed %d, dropped %d, in outbox %d", emitted, st.Confirmed, st.Dropped, in)
	}
	return st
}

func numbers(from, to int) (out []string) {
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprint(i))
	}
	return out
}

func TestPacking(t *testing.T) {
	b := newBench(t, forward.Limits{MessageBytes: 9, Messages: 3, Bytes: 1000}, func(o *forward.OutputOptions) { o.Pack, o.Separator = 4, "," })
	b.store.Add("out", b.now, numbers(0, 6)...)
	b.store.Add("out", b.now, "10000000", "2000", "3000", "4000")
	b.commit()
	if err := b.steps(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range b.hub.Messages {
		got = append(got, fmt.Sprintf("%s@%d-%d", m.Data, m.First, m.Last))
	}
	want := "0,1,2,3@1-4 4,5@5-6 10000000@7-7 2000,3000@8-9 4000@10-10"
	if strings.Join(got, " ") != want {
		t.Fatalf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	b.balanced(10)
}

func TestTooLargeRow(t *testing.T) {
	rows := []string{"a", strings.Repeat("x", 50), "b"}
	lim := forward.Limits{MessageBytes: 40, Messages: 10, Bytes: 1000}
	b := newBench(t, lim, nil)
	b.store.Add("out", b.now, rows...)
	b.commit()
	err := b.steps()
	var large *forward.RowTooLargeError
	if !errors.As(err, &large) || large.Seq != 2 || large.Bytes != 50 || !errors.Is(err, forward.ErrRowTooLarge) {
		t.Fatalf("without a way out: %v", err)
	}
	if len(b.hub.Messages) != 1 {
		t.Fatalf("the row before it is sent: %+v", b.hub.Messages)
	}
	var refused []uint64
	b.restart(func(o *forward.OutputOptions) {
		o.Pack = 5
		o.Refuse = func(e forward.Entry, _ *forward.RowTooLargeError) error {
			refused = append(refused, e.Seq)
			return nil
		}
	})
	if err := b.steps(); err != nil {
		t.Fatal(err)
	}
	if len(refused) != 1 || len(b.hub.Messages) != 2 || b.hub.Messages[1].Data != "b" {
		t.Fatalf("refused %v, hub %+v", refused, b.hub.Messages)
	}
	if st := b.balanced(3); st.Refused != 1 || st.Dropped != 1 {
		t.Fatalf("%+v", st)
	}
}

func TestBackpressureAndDrain(t *testing.T) {
	b := newBench(t, wide, func(o *forward.OutputOptions) { o.BytesMax, o.AgeMax = 500, time.Hour })
	b.store.Add("out", b.now, strings.Repeat("x", 300))
	b.commit()
	if b.fw.Full("out", 100, b.now) || !b.fw.Full("out", 300, b.now) {
		t.Fatal("the bytes that wait for a commit count")
	}
	if !b.fw.Full("out", 0, b.now.Add(2*time.Hour)) {
		t.Fatal("age is not seen")
	}
	if err := b.steps(); err != nil {
		t.Fatal(err)
	}
	// Nothing new comes: a commit of its own empties the outbox.
	if !b.fw.NeedsCommit() {
		t.Fatal("no commit is asked for")
	}
	b.fw.Plan(b.now) // of a commit that fails
	if !b.fw.NeedsCommit() {
		t.Fatal("after a failed commit none is asked for")
	}
	b.commit()
	if b.fw.NeedsCommit() || b.fw.Full("out", 400, b.now) || !b.fw.Drained() {
		t.Fatal("not drained")
	}
	b.balanced(1)
}

func TestDropOldest(t *testing.T) {
	b := newBench(t, wide, func(o *forward.OutputOptions) { o.BytesMax, o.OnFull = 400, forward.DropOldest })
	for i := range 10 {
		b.store.Add("out", b.now, strings.Repeat(fmt.Sprint(i), 90))
	}
	b.commit() // nobody knew yet how much there is
	b.commit()
	st := b.balanced(10)
	if st.Dropped == 0 || st.Dropped == 10 || b.fw.Full("out", 0, b.now) {
		t.Fatalf("%+v", st)
	}
	if err := b.steps(); err != nil {
		t.Fatal(err)
	}
	st = b.balanced(10)
	if int(st.Confirmed) != len(b.hub.Messages) || st.Confirmed+st.Dropped != 10 || !strings.HasPrefix(b.hub.Messages[len(b.hub.Messages)-1].Data, "9") {
		t.Fatalf("%+v with %d messages", st, len(b.hub.Messages))
	}
	// By age, after a restart.
	b.store.Add("out", b.now, "old")
	b.store.Add("out", b.now.Add(time.Hour), "young")
	b.restart(func(o *forward.OutputOptions) { o.AgeMax, o.OnFull = 30*time.Minute, forward.DropOldest })
	b.now = b.now.Add(time.Hour)
	b.commit()
	if err := b.steps(); err != nil {
		t.Fatal(err)
	}
	if last := b.hub.Messages[len(b.hub.Messages)-1]; last.Data != "young" || last.First != 12 {
		t.Fatalf("%+v", last)
	}
	b.balanced(12)
}

// What has been sent is deleted by the commit at hand: no row is given up in its place.
func TestDropOldestCountsWhatIsDeletedAnyway(t *testing.T) {
	b := newBench(t, forward.Limits{MessageBytes: 1000, Messages: 1, Bytes: 1000}, func(o *forward.OutputOptions) { o.BytesMax, o.OnFull = 400, forward.DropOldest })
	for i := range 6 {
		b.store.Add("out", b.now, strings.Repeat(fmt.Sprint(i), 90))
	}
	b.commit()
	for range 100 {
		if b.fw.Statuses(b.now)[0].Confirmed == 3 {
			break
		}
		wait, err := b.fw.Step(context.Background(), b.now)
		if err != nil {
			t.Fatal(err)
		}
		b.now = b.now.Add(wait)
	}
	b.commit()
	if st := b.balanced(6); st.Confirmed != 3 || st.Dropped != 0 {
		t.Fatalf("%+v", st)
	}
}

// A commit that gives rows up may be in the store before the forwarder hears of it.
func TestNothingIsSentWhileRowsAreGivenUp(t *testing.T) {
	b := newBench(t, forward.Limits{MessageBytes: 1000, Messages: 1, Bytes: 1000}, func(o *forward.OutputOptions) { o.BytesMax, o.OnFull = 400, forward.DropOldest })
	for i := range 10 {
		b.store.Add("out", b.now, strings.Repeat(fmt.Sprint(i), 90))
	}
	b.commit()
	epoch := b.store.Commit(b.fw.Plan(b.now))
	if err := b.steps(); err != nil {
		t.Fatal(err)
	}
	if n := len(b.hub.Messages); n > 0 {
		t.Fatalf("%d messages are sent", n)
	}
	if err := b.fw.Committed(epoch); err != nil {
		t.Fatal(err)
	}
	if err := b.steps(); err != nil {
		t.Fatal(err)
	}
	if st := b.balanced(10); st.Dropped == 0 || int(st.Confirmed) != len(b.hub.Messages) {
		t.Fatalf("%+v with %d messages", st, len(b.hub.Messages))
	}
}

func TestDrainRate(t *testing.T) {
	b := newBench(t, forward.Limits{MessageBytes: 1000, Messages: 1, Bytes: 1000}, func(o *forward.OutputOptions) { o.DrainBytesPerSecond = 100 })
	for range 10 {
		b.store.Add("out", b.now, strings.Repeat("x", 100))
	}
	b.commit()
	began := b.now
	if err := b.steps(); err != nil {
		t.Fatal(err)
	}
	if d := b.now.Sub(began); d < 8*time.Second || d > 12*time.Second || len(b.hub.Messages) != 10 {
		t.Fatalf("1000 bytes at 100 a second took %v", d)
	}
}

func TestFailpoints(t *testing.T) {
	for _, name := range []string{"forward.before-publish", "forward.after-ack", "forward.before-delete"} {
		b := newBench(t, wide, nil)
		b.store.Add("out", b.now, numbers(0, 10)...)
		b.commit()
		if _, err := b.fw.Step(context.Background(), b.now); err != nil { // claims
			t.Fatal(err)
		}
		if err := failpoint.Enable(name + "=error:1"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.fw.Step(context.Background(), b.now); err != nil {
			t.Fatal(err)
		}
		if err := b.fw.Statuses(b.now)[0].Err; !errors.Is(err, failpoint.ErrInjected) {
			t.Fatalf("%s: status %v", name, err)
		}
		if err := failpoint.Enable(""); err != nil {
			t.Fatal(err)
		}
		if err := b.steps(); err != nil {
			t.Fatal(err)
		}
		if len(b.hub.Messages) != 10 {
			t.Fatalf("%s: the hub has %d rows", name, len(b.hub.Messages))
		}
		b.balanced(10)
	}
}

func TestPriority(t *testing.T) {
	hub := simhub.New(1, simhub.Faults{}, forward.Limits{MessageBytes: 100, Messages: 1, Bytes: 100})
	store := forward.NewMemStore()
	var outs []forward.OutputOptions
	for i, name := range []string{"low", "high", "low2"} {
		outs = append(outs, forward.OutputOptions{Name: name, Hub: hub, Subject: name, CursorSubject: "c." + name, Link: "hub", Priority: map[int]int{1: 5}[i]})
		store.Add(name, time.UnixMilli(1e12), "1", "2", "3")
	}
	fw, err := forward.New(forward.Options{Pipeline: "p", Instance: "i", Store: store, Outputs: outs}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for !fw.Drained() {
		if _, err := fw.Step(context.Background(), time.UnixMilli(1e12)); err != nil {
			t.Fatal(err)
		}
	}
	var order []string
	for _, m := range hub.Messages {
		order = append(order, m.Subject)
	}
	if got := strings.Join(order, " "); got != "high high high low low2 low low2 low low2" {
		t.Fatalf("order %s", got)
	}
}

func TestHoleInTheOutbox(t *testing.T) {
	b := newBench(t, wide, nil)
	b.store.Add("out", b.now, "1")
	b.store.Add("out", b.now, "2")
	b.store.Lose("out", 0)
	if err := b.fw.Committed(1); err != nil {
		t.Fatal(err)
	}
	if err := b.steps(); !errors.Is(err, forward.ErrOutboxHole) {
		t.Fatalf("got %v", err)
	}
}

func TestParseOutput(t *testing.T) {
	var o forward.OutputOptions
	err := forward.ParseOutput(map[string]string{"edgeflow.pack": "100", "edgeflow.outbox.max-bytes": "64 mb", "edgeflow.outbox.max-age": "2 d",
		"edgeflow.outbox.on-limit": "drop-oldest", "edgeflow.outbox.rate": "10 kb/s", "edgeflow.outbox.priority": "-3", "edgeflow.on-lost-cursor": "resend"}, &o)
	if err != nil || o.Pack != 100 || o.BytesMax != 64<<20 || o.AgeMax != 48*time.Hour || o.OnFull != forward.DropOldest || o.DrainBytesPerSecond != 10<<10 || o.Priority != -3 || o.OnLost != forward.LostResend {
		t.Fatalf("%+v, %v", o, err)
	}
	for _, bad := range []map[string]string{{"edgeflow.pack": "0"}, {"edgeflow.outbox.max-bytes": "x"}, {"edgeflow.outbox.max-age": "2 w"}, {"edgeflow.outbox.on-limit": "drop"}, {"edgeflow.on-lost-cursor": "?"}} {
		if err := forward.ParseOutput(bad, &o); err == nil || !strings.Contains(err.Error(), "option '") {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// deaf is a hub that answers nothing.
type deaf struct{ forward.Hub }

func (deaf) Check(ctx context.Context) (forward.Limits, error) {
	<-ctx.Done()
	return forward.Limits{}, ctx.Err()
}

// A hub that swallows what it is sent holds up the outputs of its own link alone.
func TestLanesDoNotWaitForEachOther(t *testing.T) {
	hub := simhub.New(1, simhub.Faults{}, wide)
	store := forward.NewMemStore()
	var outs []forward.OutputOptions
	for _, name := range []string{"deaf", "first", "second"} {
		o := forward.OutputOptions{Name: name, Hub: hub, Subject: name, CursorSubject: "c." + name, Link: "hub", Group: "stream"}
		if name == "deaf" {
			o.Hub, o.Link, o.Group, o.Priority, o.RequestTimeout = deaf{}, "", "", 9, time.Hour
		}
		outs = append(outs, o)
		store.Add(name, time.UnixMilli(1e12), "1", "2", "3")
	}
	fw, err := forward.New(forward.Options{Pipeline: "p", Instance: "i", Store: store, Outputs: outs}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var runs sync.WaitGroup
	for _, l := range fw.Lanes() {
		runs.Go(func() {
			if err := l.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	if n := len(fw.Lanes()); n != 2 {
		t.Errorf("%d lanes for two links", n)
	}
	for late := time.Now().Add(time.Minute); fw.Confirmed("first") < 3 || fw.Confirmed("second") < 3; {
		if time.Now().After(late) {
			t.Fatalf("held up: %+v", fw.Statuses(time.Now()))
		}
		time.Sleep(time.Millisecond)
	}
	if n := fw.Confirmed("deaf"); n != 0 {
		t.Errorf("the deaf hub confirmed %d rows", n)
	}
	cancel()
	runs.Wait()
	outs[1].Link = ""
	if _, err := forward.New(forward.Options{Pipeline: "p", Instance: "i", Store: store, Outputs: outs}, nil); err == nil || !strings.Contains(err.Error(), "the link that the group has") {
		t.Errorf("a group of two links: %v", err)
	}
}

// failing is a hub that fails while it has a reason to.
type failing struct {
	forward.Hub
	why error
}

func (h *failing) Check(ctx context.Context) (forward.Limits, error) {
	if h.why != nil {
		return forward.Limits{}, h.why
	}
	return h.Hub.Check(ctx)
}

// A hub that was away for long is tried when its link is known to be back, however long the wait
// for the next attempt is by then. A hub that is there and refuses is not, and no other link's is.
func TestWakeEndsTheWait(t *testing.T) {
	for _, c := range []struct {
		name, link string
		why        error
		ends       bool
	}{
		{"away", "hub", &forward.NotSentError{Err: errors.New("away")}, true},
		{"away, another link", "other", &forward.NotSentError{Err: errors.New("away")}, false},
		{"refusing", "hub", &forward.RefusedError{Reason: "full"}, false},
	} {
		hub := &failing{Hub: simhub.New(1, simhub.Faults{}, wide), why: c.why}
		b := newBench(t, wide, func(o *forward.OutputOptions) { o.Hub, o.Link = hub, "hub" })
		b.store.Add("out", b.now, "1")
		if err := b.fw.Committed(1); err != nil {
			t.Fatal(err)
		}
		step := func() time.Duration {
			t.Helper()
			wait, err := b.fw.Step(t.Context(), b.now)
			if err != nil {
				t.Fatal(err)
			}
			return wait
		}
		for range 30 {
			b.now = b.now.Add(step())
		}
		step() // the attempt that is due, if one is
		if wait := step(); wait < time.Second {
			t.Fatalf("%s: it waits for %v before the next attempt", c.name, wait)
		}
		hub.why = nil
		if step() == 0 {
			t.Fatalf("%s: it does not wait", c.name)
		}
		b.fw.Wake(c.link)
		first, second := step(), step()
		if ends := first == 0 && second == 0 && b.fw.Confirmed("out") == 1; ends != c.ends {
			t.Errorf("%s: %+v", c.name, b.fw.Statuses(b.now))
		}
	}
}

// vague is a hub that answers questions, and of batches only what is in why, while there is something.
type vague struct {
	forward.Hub
	why       error
	publishes int
}

func (h *vague) Publish(ctx context.Context, b *forward.Batch) (uint64, error) {
	if h.publishes++; h.why != nil {
		return 0, h.why
	}
	return h.Hub.Publish(ctx, b)
}

// A hub that takes no batch is tried at ever longer intervals, though it answers what became of the
// last one; and at once again when it takes them.
func TestVagueHubIsLeftInPeace(t *testing.T) {
	hub := &vague{Hub: simhub.New(1, simhub.Faults{}, wide)}
	b := newBench(t, wide, func(o *forward.OutputOptions) { o.Hub = hub })
	if err := b.steps(); err != nil { // claims
		t.Fatal(err)
	}
	b.store.Add("out", b.now, "1")
	if err := b.fw.Committed(1); err != nil {
		t.Fatal(err)
	}
	hub.why, hub.publishes = errors.New("something went wrong"), 0
	for end := b.now.Add(time.Hour); b.now.Before(end); {
		wait, err := b.fw.Step(t.Context(), b.now)
		if err != nil {
			t.Fatal(err)
		}
		b.now = b.now.Add(wait)
	}
	if hub.publishes < 100 || hub.publishes > 200 {
		t.Errorf("%d publishes in an hour", hub.publishes)
	}
	hub.why = nil
	b.now = b.now.Add(time.Minute)
	if err := b.steps(); err != nil || b.fw.Confirmed("out") != 1 {
		t.Errorf("%v: %+v", err, b.fw.Statuses(b.now))
	}
}
