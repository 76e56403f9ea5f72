package wiring

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
	forward "github.com/edgeflow/edgeflow/sync"
)

func at(ms int64) time.Time { return time.UnixMilli(1_700_000_000_000 + ms) }

// parts are an engine, an arena, a forwarder and a store that note what they are asked.
type parts struct {
	arena  *state.Arena
	calls  []string
	frames []state.OutboxFrame // for the next barrier
	states []forward.OutputState
	full   map[string]int64 // budgets

	pending, memory                   int64
	dirty                             int
	short, mended, drained, confirmed bool
	advanced                          bool
	keepsBack, merges, committed      bool
	commits                           []*state.Commit
	merged                            []forward.Merged
	err                               error
}

func (p *parts) note(f string, v ...any) { p.calls = append(p.calls, fmt.Sprintf(f, v...)) }

func (p *parts) Barrier(e state.Epoch) *dataflow.Checkpoint {
	c := &dataflow.Checkpoint{Epoch: e, Delta: p.arena.Barrier(e), Frames: p.frames, Manifest: &dataflow.Manifest{Outputs: []dataflow.OutputManifest{{Name: "a"}, {Name: "b"}}}}
	p.frames = nil
	return c
}
func (p *parts) Ledger() *dataflow.Ledger {
	return &dataflow.Ledger{Outputs: []dataflow.NamedOutput{{Name: "a"}}}
}
func (p *parts) PendingBytes() int64  { return p.pending }
func (p *parts) PendingMemory() int64 { return p.memory }
func (p *parts) Advanced() bool       { return p.advanced }
func (p *parts) Outputs() []string    { return []string{"a", "b"} }
func (p *parts) OutputBytes(string) int64 {
	if p.committed {
		return 0
	}
	return 1
}
func (p *parts) NeedCheckpoint() bool                          { return p.short }
func (p *parts) Maintain()                                     { p.short = p.short && !p.mended }
func (p *parts) Stats() state.Stats                            { return state.Stats{Dirty: p.dirty} }
func (p *parts) Plan(time.Time) []forward.OutputState          { return p.states }
func (p *parts) Compact() []forward.Merged                     { return p.merged }
func (p *parts) NeedsCommit() bool                             { return p.confirmed }
func (p *parts) WaitsForHold() (bool, bool)                    { return p.keepsBack, p.merges }
func (p *parts) Drained() bool                                 { return p.drained }
func (p *parts) Full(o string, n int64, _ time.Time) bool      { return p.full[o] > 0 && n >= p.full[o] }
func (p *parts) OutboxStats(string) (state.OutboxStats, error) { return state.OutboxStats{}, nil }
func (p *parts) Statuses(time.Time) []forward.Status           { return []forward.Status{{Name: "a"}} }

func (p *parts) OutboxScan(string, uint64, func(state.OutboxFrame) (bool, error)) error { return nil }

func (p *parts) Commit(c *state.Commit) (state.CommitStats, error) {
	p.commits = append(p.commits, c)
	return state.CommitStats{Epoch: c.Epoch}, p.err
}

// toEngine and toForwarder tell whom Committed is for.
type toEngine struct{ *parts }

func (p toEngine) Committed(m *dataflow.Manifest) { p.note("engine %d", len(m.Outputs)) }

type toForwarder struct{ *parts }

func (p toForwarder) Committed(epoch uint64) error { p.note("forwarder %d", epoch); return nil }

func newChecks(t *testing.T, policy store.Policy) (*parts, *Checkpoints) {
	t.Helper()
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := &parts{arena: a, full: map[string]int64{}}
	c, err := New(Options{
		Engine: toEngine{p}, Arena: p, Forwarder: toForwarder{p}, Store: p, Policy: policy, Epoch: 6, Generation: 3,
		Committed: func(d *Pending) error { p.note("host %d", d.Commit.Epoch); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, c
}

// take takes a checkpoint of which the store says err, in no time.
func take(t *testing.T, p *parts, c *Checkpoints, now time.Time, err error) (*Pending, error) {
	t.Helper()
	d, e := c.Begin(now)
	if e != nil {
		t.Fatal(e)
	}
	if p.err = err; c.Due(now.Add(time.Hour)) || !c.Running() || c.Over() {
		t.Error("another one is due, or the end is near, while one is under way")
	}
	c.Write(d)
	return d, c.Settle(now, d)
}

func TestDue(t *testing.T) {
	policy := store.Policy{Interval: 10 * time.Second, MinPause: time.Second, TolerableFailures: -1}
	for name, q := range map[string]struct {
		set func(p *parts, c *Checkpoints)
		due int64 // milliseconds after the last one; negative for never
	}{
		"nothing happens":              {func(*parts, *Checkpoints) {}, -1},
		"time goes by":                 {func(p *parts, _ *Checkpoints) { p.dirty = 1 }, 30_000},
		"a source passed messages":     {func(p *parts, _ *Checkpoints) { p.advanced = true }, 30_000},
		"rows came":                    {func(_ *parts, c *Checkpoints) { c.Changed() }, 10_000},
		"rows wait in the engine":      {func(p *parts, _ *Checkpoints) { p.pending = 1 }, 10_000},
		"rows were confirmed":          {func(p *parts, _ *Checkpoints) { p.confirmed = true }, 10_000},
		"the last rows were confirmed": {func(p *parts, c *Checkpoints) { p.confirmed, p.drained = true, true }, 10_000},
		"memory is short":              {func(p *parts, _ *Checkpoints) { p.short = true }, 0},
		"rows may be sent when they are committed again": {func(p *parts, _ *Checkpoints) { p.keepsBack, p.confirmed = true, true }, 1_000},
		"rows can be merged":                             {func(p *parts, _ *Checkpoints) { p.merges, p.confirmed = true, true }, 10_000},
		"the pipeline is held, rows can be merged": {func(p *parts, c *Checkpoints) {
			p.merges, p.confirmed, p.full["a"] = true, true, 1
			c.Held(at(0))
		}, 0},
		"the pipeline was held": {func(p *parts, c *Checkpoints) {
			p.merges, p.confirmed, p.full["a"] = true, true, 1
			c.Held(at(0))
			p.full["a"] = 0
			c.Held(at(0))
		}, 10_000},
		"the pipeline is held by rows that are not committed": {func(p *parts, c *Checkpoints) { p.full["a"] = 1; c.Held(at(0)) }, 0},
		"the pipeline is held, and a checkpoint changes nothing": {func(p *parts, c *Checkpoints) {
			p.full["a"] = 1
			c.Held(at(0))
			p.committed = true
		}, -1},
		"drained":                          {func(_ *parts, c *Checkpoints) { c.Drain() }, 0},
		"drained, kept, rows on their way": {func(p *parts, c *Checkpoints) { c.Drain(); c.changed, p.confirmed = false, true }, 10_000},
		"drained, kept, all rows were confirmed": {func(p *parts, c *Checkpoints) {
			c.Drain()
			c.changed, p.confirmed, p.drained = false, true, true
		}, 0},
	} {
		p, c := newChecks(t, policy)
		if !c.Due(at(0)) {
			t.Error("the first is not due at once")
		}
		if _, err := take(t, p, c, at(0), nil); err != nil {
			t.Fatal(err)
		}
		q.set(p, c)
		if q.due < 0 {
			if c.Due(at(1_000_000)) {
				t.Errorf("%s: due", name)
			}
			continue
		}
		if !c.Due(at(q.due)) || q.due > 0 && c.Due(at(q.due-1)) {
			t.Errorf("%s: not due after %d ms, or earlier", name, q.due)
		}
	}
}

func TestUrgentCheckpointRestsAfterAFailure(t *testing.T) {
	p, c := newChecks(t, store.DefaultPolicy)
	c.Drain()
	if _, err := take(t, p, c, at(0), errors.New("disk is full")); err != nil {
		t.Fatal(err)
	}
	if c.Due(at(store.RetryPause.Milliseconds()-1)) || !c.Due(at(store.RetryPause.Milliseconds())) {
		t.Error("due at another time")
	}
}

func TestCommitKeepsAccountsAndCarriedFrames(t *testing.T) {
	p, c := newChecks(t, store.DefaultPolicy)
	full := errors.New("disk is full")
	p.states = []forward.OutputState{{Name: "b", Generation: 4, Account: forward.Account{Cursor: 7, DroppedTo: 9, Confirmed: 6, Dropped: 3, Refused: 1}}, {Name: "a"}}
	dirty := p.arena.Stats().Dirty
	for i := range uint64(3) {
		p.frames = []state.OutboxFrame{{Output: "b", First: i + 10, Last: i + 10, Rows: 1, Data: []byte("123")}}
		err := full
		if i == 2 {
			err = nil
		}
		d, settled := take(t, p, c, at(int64(i)), err)
		if settled != nil {
			t.Fatal(settled)
		}
		var firsts []uint64
		for _, f := range d.Commit.Append {
			firsts = append(firsts, f.First)
		}
		if want := []uint64{10, 11, 12}[:i+1]; !slices.Equal(firsts, want) || d.Commit.Append[i].Created != at(int64(i)).UnixMilli() {
			t.Errorf("commit %d has frames %v, want %v", i, firsts, want)
		}
		if d.Commit.Epoch != state.Epoch(7+i) || d.Commit.Generation != 3 || !slices.Equal(d.Commit.Trim, []state.OutboxTrim{{Output: "b", UpTo: 9}}) {
			t.Errorf("commit %+v", d.Commit)
		}
		m, err2 := dataflow.DecodeManifest(d.Commit.Manifest)
		if err2 != nil {
			t.Fatal(err2)
		}
		kept := OutputStates(m)
		if len(kept) != 2 || kept[1] != p.states[0] || kept[0] != p.states[1] {
			t.Errorf("the manifest gives %+v back", kept)
		}
		if err != nil {
			if c.Failures() != int(i+1) || c.Carried() != int(i+1) || p.arena.Stats().Dirty != dirty || len(p.calls) > 0 || c.Over() {
				t.Errorf("after failure %d: %d, %d carried, %v, calls %v", i, c.Failures(), c.Carried(), p.arena.Stats(), p.calls)
			}
			// 3 bytes a commit and 1 in the engine
			if p.full["b"] = int64(i+1)*3 + 1; c.Held(at(0)) != "b" {
				t.Error("frames that wait do not count towards the budget")
			}
		}
	}
	if got := strings.Join(p.calls, ", "); got != "engine 2, host 9, forwarder 9" {
		t.Error("a success calls", got)
	}
	if c.Failures() != 0 || c.Carried() != 0 || p.arena.Stats().Dirty != 0 || c.Held(at(0)) != "" {
		t.Error("after a success")
	}
}

func TestFailuresThatEndThePipeline(t *testing.T) {
	p, c := newChecks(t, store.Policy{TolerableFailures: 1})
	full := errors.New("disk is full")
	if _, err := take(t, p, c, at(0), full); err != nil {
		t.Fatal(err)
	}
	if _, err := take(t, p, c, at(1), full); !errors.Is(err, store.ErrTooManyFailures) || !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	p, c = newChecks(t, store.DefaultPolicy)
	if _, err := take(t, p, c, at(0), fmt.Errorf("outbox: %w", store.ErrSequence)); !errors.Is(err, store.ErrSequence) {
		t.Errorf("a hole in the outbox is passed over: %v", err)
	}
	for _, final := range []error{store.ErrUnsynced, store.ErrClosed} {
		p, c = newChecks(t, store.DefaultPolicy)
		if _, err := take(t, p, c, at(0), fmt.Errorf("commit: %w", final)); !errors.Is(err, final) {
			t.Errorf("it is passed over that %v: %v", final, err)
		}
	}
}

func TestCheckpointThatTakesTooLong(t *testing.T) {
	_, c := newChecks(t, store.Policy{Timeout: time.Second, TolerableFailures: -1})
	d, err := c.Begin(at(0))
	if err != nil {
		t.Fatal(err)
	}
	if left, ok := c.Left(at(300)); !ok || left != 700*time.Millisecond || c.Expire(at(999)) || !c.Expire(at(1000)) || c.Expire(at(1001)) {
		t.Error("Left or Expire")
	}
	if err := d.Commit.Delta.Each(func(state.PageID, []byte) error { return nil }); !errors.Is(err, state.ErrCanceled) {
		t.Errorf("its pages can be read: %v", err)
	}
	c.Drop(at(1002))
	if c.Running() {
		t.Error("it runs after Drop")
	}
}

func TestHeldAndOver(t *testing.T) {
	p, c := newChecks(t, store.DefaultPolicy)
	if p.short = true; c.Held(at(0)) != HeldByMemory {
		t.Error("short memory does not hold")
	}
	if p.mended = true; c.Held(at(0)) != "" {
		t.Error("memory that upkeep frees holds")
	}
	c.Drain()
	if p.drained = true; c.Over() {
		t.Error("over before the last checkpoint")
	}
	if _, err := take(t, p, c, at(0), nil); err != nil {
		t.Fatal(err)
	}
	if !c.Over() || !c.Drained() {
		t.Error("not over")
	}
	if p.confirmed = true; c.Over() {
		t.Error("over before the store knows")
	}
}

// Output that waits in memory makes a checkpoint urgent, and holds the pipeline at twice
// as much, what is being stored included.
func TestOutputInMemoryIsBounded(t *testing.T) {
	p, c := newChecks(t, store.DefaultPolicy)
	c.OutputMemoryMax = 1000
	if _, err := take(t, p, c, at(0), nil); err != nil {
		t.Fatal(err)
	}
	if p.memory = 999; c.Due(at(1)) || c.Held(at(1)) != "" {
		t.Error("below its share")
	}
	if p.memory = 1000; !c.Due(at(1)) || c.Held(at(1)) != "" {
		t.Error("at its share no checkpoint is due, or the pipeline is held")
	}
	p.frames, p.memory = []state.OutboxFrame{{Output: "b", First: 1, Last: 1, Rows: 1, Data: make([]byte, 1000)}}, 0
	d, err := c.Begin(at(1))
	if err != nil {
		t.Fatal(err)
	}
	if p.memory = 999; c.Held(at(1)) != "" {
		t.Error("held below twice its share")
	}
	if p.memory = 1000; c.Held(at(1)) != HeldByMemory || c.OutputMemory() != 2000 {
		t.Error("not held at twice its share")
	}
	p.err = errors.New("disk is full")
	c.Write(d)
	if err := c.Settle(at(2), d); err != nil {
		t.Fatal(err)
	}
	if p.memory = 0; c.Due(at(3)) || !c.Due(at(2).Add(store.RetryPause)) {
		t.Error("what a declined checkpoint left is not urgent, or it does not rest")
	}
	if _, err := take(t, p, c, at(2000), nil); err != nil {
		t.Fatal(err)
	}
	if c.OutputMemory() != 0 || c.Held(at(2001)) != "" {
		t.Error("held after a success")
	}
}

// Frames that a step has stored already take no memory, and count for the budget of their outbox.
func TestStagedFramesCountForTheOutboxAlone(t *testing.T) {
	p, c := newChecks(t, store.DefaultPolicy)
	c.OutputMemoryMax = 1000
	p.full = map[string]int64{"b": 5000}
	p.frames = []state.OutboxFrame{{Output: "b", First: 1, Last: 1, Rows: 1, Staged: 5000}}
	if _, err := c.Begin(at(0)); err != nil {
		t.Fatal(err)
	}
	if c.OutputMemory() != 0 || c.Held(at(0)) != "b" {
		t.Errorf("%d bytes are in memory, held by %q", c.OutputMemory(), c.Held(at(0)))
	}
}
