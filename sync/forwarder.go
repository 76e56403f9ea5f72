package forward

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// idleWait is how long Step says to wait when there is nothing to do until Committed.
const idleWait = time.Hour

// OutputState is what the host keeps of an output in each commit and gives back at the
// start. Rows up to Done() may leave the outbox in the same commit.
type OutputState struct {
	Name string
	// Generation of the newest claim, 0 before the first.
	Generation uint64
	Account
	// Hold is the first row that is kept back until a later commit, 0 for none; Merged is how
	// many rows went into others (compaction.go).
	Hold, Merged uint64
}

// Status is what a person wants to know of an output.
type Status struct {
	Name       string
	Generation uint64
	Account
	// Last is the last committed sequence; Last - Done() rows wait.
	Last  uint64
	Bytes int64
	// OldestMs is when the oldest waiting row arrived, 0 when none waits.
	OldestMs int64
	// BytesPerSecond is the measured rate, 0 when unknown; Drain the estimated time until
	// the outbox is empty, negative when unknown.
	BytesPerSecond float64
	Drain          time.Duration
	// Err is why nothing moves, nil when all is well.
	Err error
	// Full is set while the outbox holds the pipeline.
	Full bool
	// Merged is how many rows went into rows of wider windows; Account and Last count them
	// by the rows that they went into.
	Merged uint64
}

// Forwarder moves the outputs of one pipeline, those of a link on a Lane. Lanes are run, or Step is
// called by one goroutine; the other methods by the host's.
type Forwarder struct {
	Options
	outputs []*output
	lanes   []*Lane
	epoch   atomic.Uint64

	mu     sync.Mutex
	shared []shared // by output
	ages   ages
}

// shared is what goroutines other than the lane's read and write of an output.
type shared struct {
	stats   state.OutboxStats
	last    uint64  // committed
	planned Account // of the newest plan
	kept    Account // of the newest commit
	err     error
	rate    float64

	hold, keptHold uint64 // of the newest plan, of the newest commit
	merged         uint64
	pass           *Merged // of the commit under way
	merging        bool    // there was something to merge, or rows came
	reachable      bool    // the output's cursor is claimed and its hub answers
	batchBytes     int     // of the link
}

// New makes a forwarder that goes on from the states of the last commit; outputs without
// one begin.
func New(o Options, states []OutputState) (*Forwarder, error) {
	o.setDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	f := &Forwarder{Options: o, shared: make([]shared, len(o.Outputs))}
	for i := range o.Outputs {
		out := &output{OutputOptions: o.Outputs[i], f: f, i: i}
		out.batch.o = &out.OutputOptions
		out.bucket.rate = out.DrainBytesPerSecond
		for _, s := range states {
			if s.Name == out.Name {
				out.acc, out.generation = s.Account, s.Generation
				f.shared[i].hold, f.shared[i].keptHold, f.shared[i].merged = s.Hold, s.Hold, s.Merged
			}
		}
		f.outputs = append(f.outputs, out)
	}
	f.lanes = lanesOf(f)
	if err := f.refresh(); err != nil {
		return nil, err
	}
	for i, out := range f.outputs {
		f.shared[i].planned, f.shared[i].kept = out.acc, out.acc
		out.restored = f.shared[i].last
		f.shared[i].batchBytes = out.link.batchBytes()
	}
	return f, nil
}

// Lanes are the links of the outputs. Each is to be run by a goroutine of its own.
func (f *Forwarder) Lanes() []*Lane { return f.lanes }

// Step steps each lane once and says how long to wait before the next call; 0 means not at all.
// It is for hosts that drive all lanes from one goroutine.
func (f *Forwarder) Step(ctx context.Context, now time.Time) (wait time.Duration, err error) {
	wait = idleWait
	for _, l := range f.lanes {
		w, err := l.Step(ctx, now)
		if err != nil {
			return 0, err
		}
		wait = min(wait, w)
	}
	return wait, nil
}

// Plan returns what the next commit is to keep and which rows it may delete: those up to
// Done() of each output. Where an outbox is over its budget and drops the oldest, the plan
// gives rows up; that comes into force with Committed.
func (f *Forwarder) Plan(now time.Time) []OutputState {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ages.see(now)
	states := make([]OutputState, len(f.outputs))
	for i, o := range f.outputs {
		acc := o.acc
		if o.OnFull == DropOldest {
			acc = acc.drop(f.dropTo(o, i, now))
		}
		f.shared[i].planned, f.shared[i].hold = acc, f.holdFrom(o)
		states[i] = OutputState{Name: o.Name, Generation: o.generation, Account: acc, Hold: f.shared[i].hold, Merged: f.shared[i].merged}
	}
	return states
}

// dropTo finds up to where the oldest rows have to go to be within budget again. Whole
// frames are given up; those that the commit deletes anyway count as gone.
func (f *Forwarder) dropTo(o *output, i int, now time.Time) uint64 {
	s := f.shared[i].stats
	if !f.over(o, s, 0, now) {
		return 0
	}
	over := s.Bytes - o.BytesMax
	if o.BytesMax == 0 {
		over = 0
	}
	var to uint64
	_ = f.Store.OutboxScan(o.Name, 0, func(fr Frame) (bool, error) {
		switch {
		case fr.Last <= o.acc.Done():
		case over > 0 || o.AgeMax > 0 && f.ages.of(fr.Created, now) > o.AgeMax:
			to = fr.Last
		default:
			return false, nil
		}
		over -= int64(len(fr.Data))
		return true, nil
	})
	return to
}

// over tells whether an outbox with extra bytes to come is over its budget.
func (f *Forwarder) over(o *output, s state.OutboxStats, extra int64, now time.Time) bool {
	if o.BytesMax > 0 && s.Bytes+extra > o.BytesMax {
		return true
	}
	return o.AgeMax > 0 && s.Rows > 0 && f.ages.of(s.OldestCreated, now) > o.AgeMax
}

// Committed tells that an epoch was committed with the states of the last Plan, and wakes
// the forwarder.
func (f *Forwarder) Committed(epoch uint64) error {
	f.epoch.Store(epoch)
	f.mu.Lock()
	for i, o := range f.outputs {
		o.acc = o.acc.drop(f.shared[i].planned.DroppedTo)
		s := &f.shared[i]
		s.kept, s.keptHold = s.planned, s.hold
		if m := s.pass; m != nil {
			o.passed[m.level] = m.to
			s.merged += m.Away
			s.pass = nil
		}
	}
	f.mu.Unlock()
	err := f.refresh()
	for _, l := range f.lanes {
		l.rouse()
	}
	return err
}

// Wake ends the waits for a connection of a link that is back. Other failures keep their waits, so
// that a link that comes and goes does not make them all vain attempts.
func (f *Forwarder) Wake(link string) {
	for _, l := range f.lanes {
		if l.outputs[0].Link == link {
			l.back.Store(true)
			l.rouse()
		}
	}
}

// refresh reads what the outbox holds.
func (f *Forwarder) refresh() error {
	for i, o := range f.outputs {
		st, err := f.Store.OutboxStats(o.Name)
		if err != nil {
			return fmt.Errorf("forwarder: outbox of %q: %w", o.Name, err)
		}
		f.mu.Lock()
		f.shared[i].stats = st
		f.shared[i].merging = f.shared[i].merging || st.Last > f.shared[i].last
		f.shared[i].last = max(f.shared[i].last, st.Last)
		f.mu.Unlock()
	}
	return nil
}

// NeedsCommit tells that a commit is of use although nothing else changed: rows were confirmed that the last
// one did not know of, and can be deleted; rows are held back that may go; or rows can be merged.
func (f *Forwarder) NeedsCommit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, o := range f.outputs {
		if o.acc.Done() > f.shared[i].kept.Done() || f.waitsForHold(o) {
			return true
		}
	}
	return false
}

// Full tells whether the named output holds the pipeline: its outbox, with the bytes that
// wait for the next commit, is at its budget and it does not drop.
func (f *Forwarder) Full(name string, uncommittedBytes int64, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, o := range f.outputs {
		if o.Name == name {
			return o.OnFull == Backpressure && f.over(o, f.shared[i].stats, uncommittedBytes, now)
		}
	}
	return false
}

// Confirmed is the highest outbox sequence of the named output that its sink has.
func (f *Forwarder) Confirmed(name string) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.outputs {
		if o.Name == name {
			return o.acc.Cursor
		}
	}
	return 0
}

// Drained tells whether everything committed is at its sinks.
func (f *Forwarder) Drained() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, o := range f.outputs {
		if o.acc.Done() < f.shared[i].last {
			return false
		}
	}
	return true
}

// Statuses tells how the outputs are.
func (f *Forwarder) Statuses(now time.Time) []Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ages.see(now)
	out := make([]Status, len(f.outputs))
	for i, o := range f.outputs {
		s := &f.shared[i]
		st := Status{Name: o.Name, Generation: o.generation, Account: o.acc, Last: s.last, Bytes: s.stats.Bytes, Err: s.err, BytesPerSecond: s.rate, Drain: -1, Merged: s.merged}
		if o.acc.Done() < s.last {
			st.OldestMs = s.stats.OldestCreated
		} else {
			st.Drain = 0
		}
		st.Full = o.OnFull == Backpressure && f.over(o, s.stats, 0, now)
		if rate := s.rate; rate > 0 && st.Drain < 0 {
			if o.DrainBytesPerSecond > 0 {
				rate = min(rate, float64(o.DrainBytesPerSecond))
			}
			st.Drain = time.Duration(float64(s.stats.Bytes) / rate * float64(time.Second))
		}
		out[i] = st
	}
	return out
}

// InOutbox counts the rows of the named output that wait, from the outbox itself.
func (f *Forwarder) InOutbox(name string) (uint64, error) {
	f.mu.Lock()
	var done uint64
	for _, o := range f.outputs {
		if o.Name == name {
			done = o.acc.Done()
		}
	}
	f.mu.Unlock()
	var n uint64
	err := f.Store.OutboxScan(name, done, func(fr Frame) (bool, error) {
		n += uint64(fr.Rows)
		if fr.First <= done {
			n -= done - fr.First + 1
		}
		return true, nil
	})
	return n, err
}

func (f *Forwarder) lastCommitted(o *output) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shared[o.i].last
}

func (f *Forwarder) setStatus(o *output, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &f.shared[o.i]
	s.err, s.rate, s.batchBytes = err, o.link.throughput(), o.link.batchBytes()
	s.reachable = err == nil && o.phase == phaseSend
}

func (f *Forwarder) event(e Event) {
	if f.OnEvent != nil {
		f.OnEvent(e)
	}
}
