package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

const (
	// RetryPause is how long an urgent checkpoint waits after one that failed; RetryMin is the least
	// that lies between the beginnings of others.
	RetryPause = time.Second
	RetryMin   = 100 * time.Millisecond
	// IdleInterval is the time, at least, between checkpoints while nothing arrives.
	IdleInterval = 30 * time.Second
	// WriteBurst is how far ahead of their budget checkpoints may write, and StretchMax how
	// long the interval grows at most for the budget's sake.
	WriteBurst = 10 * time.Minute
	StretchMax = 10 * time.Minute

	day = 24 * time.Hour
)

// Want says how much a checkpoint is wanted.
type Want uint8

const (
	// WantIdle is for changes that a restart makes up for: those of time going by.
	WantIdle Want = iota
	// WantNormal is for what the interval is set for.
	WantNormal
	// WantSoon is for what moves on by checkpoints alone while the pipeline goes on.
	WantSoon
	// WantUrgent is for what cannot go on without a checkpoint: memory is short, the
	// pipeline has ended, or it is held by rows that a checkpoint makes fewer.
	WantUrgent
)

// Policy says when checkpoints are taken.
type Policy struct {
	Interval time.Duration // from the start of one to the start of the next
	MinPause time.Duration // at least this long between the end of one and the start of the next
	Timeout  time.Duration // after which one under way is given up; 0 means never
	// TolerableFailures is how many may fail one after another before the pipeline
	// does; negative means any number.
	TolerableFailures int
	// BytesPerDay is how much checkpoints may write to the file in a day, for the sake of
	// flash memory that wears out; 0 means any amount. Their interval grows to keep to it.
	BytesPerDay int64
}

// DefaultPolicy takes a checkpoint each second and tolerates failures.
var DefaultPolicy = Policy{Interval: time.Second, Timeout: 10 * time.Minute, TolerableFailures: -1}

// Validate reports the first setting that cannot be used.
func (p Policy) Validate() error {
	if p.Interval < 0 || p.MinPause < 0 || p.Timeout < 0 || p.BytesPerDay < 0 {
		return errors.New("store: the interval, the minimum pause, the timeout or the daily budget of checkpoints is negative")
	}
	return nil
}

// History is what Policy decides on.
type History struct {
	Start    time.Time // of the last checkpoint; zero before the first
	End      time.Time // of the last checkpoint; zero before the first
	Running  bool
	Failures int // since the last that succeeded
	// Paid is when the daily budget has grown by all that was written.
	Paid time.Time
}

// Wrote takes in that a checkpoint wrote so many bytes.
func (p Policy) Wrote(h History, bytes int64) History {
	if p.BytesPerDay > 0 {
		if h.Start.After(h.Paid) {
			h.Paid = h.Start
		}
		h.Paid = h.Paid.Add(time.Duration(float64(bytes) / float64(p.BytesPerDay) * float64(day)))
	}
	return h
}

// Stretched is how much longer than the interval a checkpoint has to wait after the one
// before, for the sake of the daily budget.
func (p Policy) Stretched(h History) time.Duration {
	return max(0, p.spared(h)-p.Interval)
}

// spared is how long a checkpoint has to wait after the start of the one before, for the
// sake of the daily budget.
func (p Policy) spared(h History) time.Duration {
	if p.BytesPerDay == 0 {
		return 0
	}
	return max(0, min(h.Paid.Add(-WriteBurst).Sub(h.Start), StretchMax))
}

// Next returns when a checkpoint that is wanted so much is due. It is never while one runs.
// The first is due at once. An urgent one waits neither for interval nor for pause, but
// lets one that failed rest. The daily budget does not hold it up, but those that follow
// make up for what it wrote. One that is wanted soon does not wait for the interval, but
// for the pause and the budget.
func (p Policy) Next(h History, w Want) (due time.Time, ok bool) {
	switch {
	case h.Running:
		return time.Time{}, false
	case w == WantUrgent && h.Failures == 0:
		return h.End, true
	case w == WantUrgent:
		return h.End.Add(RetryPause), true
	case w == WantIdle:
		return h.Start.Add(max(p.Interval+p.Stretched(h), IdleInterval)), true
	}
	wait := p.Interval + p.Stretched(h)
	if w == WantSoon && h.Failures == 0 {
		wait = p.spared(h)
	}
	due = h.Start.Add(wait)
	if h.Failures > 0 {
		due = h.Start.Add(max(wait, RetryMin)) // however short the interval is
	}
	if rested := h.End.Add(p.MinPause); rested.After(due) {
		due = rested
	}
	return due, true
}

// Expired reports that the checkpoint under way has taken too long.
func (p Policy) Expired(h History, now time.Time) bool {
	return h.Running && p.Timeout > 0 && now.Sub(h.Start) >= p.Timeout
}

// Tolerates reports whether the pipeline goes on after the failures so far.
func (p Policy) Tolerates(h History) bool {
	return p.TolerableFailures < 0 || h.Failures <= p.TolerableFailures
}

// ErrTooManyFailures is returned, wrapped, by Checkpointer.Finish when more
// checkpoints have failed than the policy tolerates.
var ErrTooManyFailures = errors.New("too many checkpoints failed in a row")

// Checkpointer follows the commits of a pipeline, one at a time: when the next is due, when
// one takes too long, and how each ends. Its methods belong to the engine's goroutine; the
// clock, and the goroutine that a commit runs on, are the caller's.
type Checkpointer struct {
	policy  Policy
	history History
	running *state.Commit
	expired bool // the one that runs was given up
}

// NewCheckpointer returns a checkpointer whose first checkpoint is due at once.
func NewCheckpointer(p Policy) (*Checkpointer, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &Checkpointer{policy: p}, nil
}

// Due reports that a checkpoint which is wanted so much should begin.
func (c *Checkpointer) Due(now time.Time, w Want) bool {
	due, ok := c.policy.Next(c.history, w)
	return ok && !now.Before(due)
}

// Running reports that a commit is under way.
func (c *Checkpointer) Running() bool { return c.history.Running }

// Failures returns how many checkpoints failed since the last that succeeded.
func (c *Checkpointer) Failures() int { return c.history.Failures }

// Begin notes a commit that is about to be stored. It panics while another one is under
// way.
func (c *Checkpointer) Begin(now time.Time, commit *state.Commit) {
	if c.history.Running {
		panic("store: a checkpoint begins while another one runs")
	}
	c.history.Start, c.history.Running = now, true
	c.running, c.expired = commit, false
}

// Expire gives up a commit that has taken too long, and reports that it did so now. The
// store then answers with state.ErrCanceled, or with success when all pages were captured
// before: what is committed counts.
func (c *Checkpointer) Expire(now time.Time) bool {
	if c.expired || !c.policy.Expired(c.history, now) {
		return false
	}
	c.expired = true
	if d := c.running.Delta; d != nil {
		d.Cancel()
	}
	return true
}

// Left is the time after which Expire gives the commit under way up; ok is false when it
// never will.
func (c *Checkpointer) Left(now time.Time) (left time.Duration, ok bool) {
	if !c.history.Running || c.expired || c.policy.Timeout == 0 {
		return 0, false
	}
	return c.policy.Timeout - now.Sub(c.history.Start), true
}

// Stretched is how much the daily budget of writes lengthens the interval at present.
func (c *Checkpointer) Stretched() time.Duration { return c.policy.Stretched(c.history) }

// Finish takes in what the store answered, and how many bytes it wrote: it ends the delta,
// as done or aborted, and returns an error that wraps ErrTooManyFailures when the pipeline
// should fail.
func (c *Checkpointer) Finish(now time.Time, written int64, answer error) error {
	d := c.end(now)
	c.history = c.policy.Wrote(c.history, written)
	if answer == nil {
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
		return fmt.Errorf("store: %w: %d, the last one: %w", ErrTooManyFailures, c.history.Failures, answer)
	}
	return nil
}

// Drop ends the commit under way whose outcome does not matter or is not known: the
// pipeline ends, and its next start goes by what the store has.
func (c *Checkpointer) Drop(now time.Time) {
	if d := c.end(now); d != nil {
		d.Abort()
	}
}

func (c *Checkpointer) end(now time.Time) *state.Delta {
	d := c.running.Delta
	c.history.End, c.history.Running, c.running = now, false, nil
	return d
}
