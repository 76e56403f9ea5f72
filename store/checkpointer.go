package store

import (
	"errors"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// Policy says when checkpoints are taken. Times are milliseconds of one clock,
// whatever its zero.
type Policy struct {
	IntervalMs int64 // from the start of one to the start of the next; at least 1
	MinPauseMs int64 // at least this long between the end of one and the start of the next
	TimeoutMs  int64 // after which one under way is given up; 0 means never
	// TolerableFailures is how many may fail one after another before the pipeline
	// does; negative means any number.
	TolerableFailures int
}

// DefaultPolicy takes a checkpoint each second and tolerates failures.
var DefaultPolicy = Policy{IntervalMs: 1000, TimeoutMs: 600_000, TolerableFailures: -1}

// Validate reports the first setting that cannot be used.
func (p Policy) Validate() error {
	switch {
	case p.IntervalMs < 1:
		return fmt.Errorf("store: checkpoint interval of %d ms: want at least 1", p.IntervalMs)
	case p.MinPauseMs < 0 || p.TimeoutMs < 0:
		return errors.New("store: the minimum pause or the timeout of checkpoints is negative")
	}
	return nil
}

// History is what Policy decides on.
type History struct {
	StartMs   int64 // of the last checkpoint, or of the pipeline
	EndMs     int64 // of the last checkpoint, or the pipeline's start
	Running   bool
	Requested bool // one is wanted before the interval is over
	Failures  int  // since the last that succeeded
}

// Next returns when the next checkpoint is due. It is never while one runs.
func (p Policy) Next(h History) (dueMs int64, ok bool) {
	if h.Running {
		return 0, false
	}
	due := h.StartMs + p.IntervalMs
	if h.Requested {
		due = h.EndMs
	}
	return max(due, h.EndMs+p.MinPauseMs), true
}

// Expired reports that the checkpoint under way has taken too long.
func (p Policy) Expired(h History, nowMs int64) bool {
	return h.Running && p.TimeoutMs > 0 && nowMs-h.StartMs >= p.TimeoutMs
}

// Tolerates reports whether the pipeline goes on after the failures so far.
func (p Policy) Tolerates(h History) bool {
	return p.TolerableFailures < 0 || h.Failures <= p.TolerableFailures
}

// ErrTooManyFailures is returned, wrapped, by Checkpointer.Finish when more
// checkpoints have failed than the policy tolerates.
var ErrTooManyFailures = errors.New("too many checkpoints failed")

// Result is the outcome of a commit in the background.
type Result struct {
	Commit *state.Commit
	Stats  state.CommitStats
	Err    error
}

// Checkpointer runs commits in the background, one at a time. Its methods belong
// to the engine's goroutine; the clock is the caller's. The engine's loop:
//
//	if c.Due(now) { c.Run(now, st, commit) }        // after the barrier
//	case r := <-c.Results(): err = c.Finish(now, r) // ends the delta
type Checkpointer struct {
	policy  Policy
	history History
	running *state.Commit
	results chan Result
}

// NewCheckpointer returns a checkpointer whose first checkpoint is due an interval
// after nowMs.
func NewCheckpointer(p Policy, nowMs int64) (*Checkpointer, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &Checkpointer{policy: p, history: History{StartMs: nowMs, EndMs: nowMs}, results: make(chan Result, 1)}, nil
}

// Due reports that a checkpoint should begin.
func (c *Checkpointer) Due(nowMs int64) bool {
	due, ok := c.policy.Next(c.history)
	return ok && nowMs >= due
}

// NextMs returns when the next checkpoint is due; ok is false while one runs.
func (c *Checkpointer) NextMs() (dueMs int64, ok bool) { return c.policy.Next(c.history) }

// Running reports that a commit is under way.
func (c *Checkpointer) Running() bool { return c.history.Running }

// Failures returns how many checkpoints failed since the last that succeeded.
func (c *Checkpointer) Failures() int { return c.history.Failures }

// Request makes a checkpoint due as soon as the minimum pause allows: memory is
// short, or confirmed frames wait for deletion.
func (c *Checkpointer) Request() { c.history.Requested = true }

// Run commits in the background. Results delivers the outcome. It panics while
// another commit is under way.
func (c *Checkpointer) Run(nowMs int64, st state.Store, commit *state.Commit) {
	if c.history.Running {
		panic("store: a checkpoint begins while another one runs")
	}
	c.history.StartMs, c.history.Running, c.history.Requested = nowMs, true, false
	c.running = commit
	go func() {
		stats, err := st.Commit(commit)
		c.results <- Result{Commit: commit, Stats: stats, Err: err}
	}()
}

// Results delivers the outcome of Run.
func (c *Checkpointer) Results() <-chan Result { return c.results }

// Expire gives up a commit that has taken too long and reports that it did. Its
// result still comes.
func (c *Checkpointer) Expire(nowMs int64) bool {
	if !c.policy.Expired(c.history, nowMs) {
		return false
	}
	if d := c.running.Delta; d != nil {
		d.Cancel()
	}
	return true
}

// Finish takes a result: it ends the delta, as done or aborted, and returns an
// error that wraps ErrTooManyFailures when the pipeline should fail.
func (c *Checkpointer) Finish(nowMs int64, r Result) error {
	c.history.EndMs, c.history.Running, c.running = nowMs, false, nil
	d := r.Commit.Delta
	if r.Err == nil {
		c.history.Failures = 0
		if d != nil {
			d.Done()
		}
		return nil
	}
	if d != nil {
		d.Abort()
	}
	c.history.Failures++
	if !c.policy.Tolerates(c.history) {
		return fmt.Errorf("store: %w: %d, the last one: %w", ErrTooManyFailures, c.history.Failures, r.Err)
	}
	return nil
}
