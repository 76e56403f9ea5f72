package wiring

import (
	"errors"
	"fmt"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
	forward "github.com/edgeflow/edgeflow/sync"
)

// Engine is what the decisions ask of a dataflow.Engine.
type Engine interface {
	Barrier(state.Epoch) *dataflow.Checkpoint
	Committed(*dataflow.Manifest)
	Ledger() *dataflow.Ledger
	PendingBytes() int64
	PendingMemory() int64
	Outputs() []string
	OutputBytes(output string) int64
	Advanced() bool
}

// Arena is what the decisions ask of a state.Arena.
type Arena interface {
	NeedCheckpoint() bool
	Maintain()
	Stats() state.Stats
}

// Forwarder is what the decisions ask of a forward.Forwarder.
type Forwarder interface {
	Plan(now time.Time) []forward.OutputState
	Committed(epoch uint64) error
	Statuses(now time.Time) []forward.Status
	NeedsCommit() bool
	WaitsForHold() (keepsBack, merges bool)
	Drained() bool
	Full(output string, uncommittedBytes int64, now time.Time) bool
	Compact() []forward.Merged
}

// Store is what the decisions ask of a state.Store.
type Store interface {
	Outbox
	Commit(*state.Commit) (state.CommitStats, error)
}

// Options are the parts between which the decisions are made.
type Options struct {
	Engine    Engine
	Arena     Arena
	Forwarder Forwarder
	Store     Store
	Policy    store.Policy
	// OutputMemoryMax is how much output may take in memory until a checkpoint has stored it,
	// in bytes: at that a checkpoint is urgent, at twice the pipeline is held. 0 is any amount.
	OutputMemoryMax int64
	// Epoch is the last committed one; Generation is this start's.
	Epoch      state.Epoch
	Generation uint64
	// Committed, when set, is called for a checkpoint that the store has and the engine has
	// heard of, before the forwarder hears of it.
	Committed func(*Pending) error
}

// Checkpoints decides on the checkpoints of one start of a pipeline. Its methods belong to
// the engine's goroutine.
type Checkpoints struct {
	Options
	pacer            *store.Checkpointer
	carry            []state.OutboxFrame // frames of declined checkpoints
	cut              map[string]int64    // bytes of frames that are not committed yet, by output
	cutMemory        int64               // those of them that are in memory
	changed, drained bool
	holder           string // the output that held the pipeline when Held was last asked
}

// New returns the decisions for a pipeline that has just been restored: a checkpoint is
// wanted, since its generation is new.
func New(o Options) (*Checkpoints, error) {
	pacer, err := store.NewCheckpointer(o.Policy)
	if err != nil {
		return nil, err
	}
	return &Checkpoints{Options: o, pacer: pacer, cut: map[string]int64{}, changed: true}, nil
}

// Pending is a checkpoint under way.
type Pending struct {
	Commit   *state.Commit
	Manifest *dataflow.Manifest
	// Ledger is as of the barrier; Write fills in the outputs' parts.
	Ledger *dataflow.Ledger
	// Stats and Err are the store's answer; AccountErr tells which outbox could not be read
	// for the ledger of a checkpoint that was stored.
	Stats           state.CommitStats
	Err, AccountErr error

	began time.Time
}

// Changed notes that something happened which a checkpoint would keep.
func (c *Checkpoints) Changed() { c.changed = true }

// Drain notes that nothing more will come.
func (c *Checkpoints) Drain() { c.drained, c.changed = true, true }

// Drained tells that nothing more will come.
func (c *Checkpoints) Drained() bool { return c.drained }

// Running tells that a checkpoint is under way.
func (c *Checkpoints) Running() bool { return c.pacer.Running() }

// Failures is the number of checkpoints declined since the last that was not.
func (c *Checkpoints) Failures() int { return c.pacer.Failures() }

// Stretched is how much the daily budget of writes lengthens the interval at present.
func (c *Checkpoints) Stretched() time.Duration { return c.pacer.Stretched() }

// Carried is the number of frames that declined checkpoints left for the next one.
func (c *Checkpoints) Carried() int { return len(c.carry) }

// want tells how much a checkpoint is wanted; ok is false when there is nothing to keep.
func (c *Checkpoints) want() (w store.Want, ok bool) {
	keepsBack, merges := c.Forwarder.WaitsForHold()
	switch {
	case c.holder != "" && (keepsBack || merges || c.uncommitted(c.holder) > 0):
		// Committed rows are packed, and take less room than those that wait for it.
		return store.WantUrgent, true
	case c.Arena.NeedCheckpoint(), c.crowded(1), c.drained && (c.changed || c.Forwarder.Drained() && c.Forwarder.NeedsCommit()):
		return store.WantUrgent, true
	case keepsBack:
		return store.WantSoon, true
	case c.changed, len(c.carry) > 0, c.Forwarder.NeedsCommit(), c.Engine.PendingBytes() > 0:
		return store.WantNormal, true
	}
	// Ticks alone touch pages, and a restart makes up for them; mostly also for what a source passed.
	return store.WantIdle, c.Arena.Stats().Dirty > 0 || c.Engine.Advanced()
}

// OutputMemory is about how much memory the output takes that is not stored yet, in bytes.
func (c *Checkpoints) OutputMemory() int64 {
	return c.Engine.PendingMemory() + c.cutMemory
}

// crowded tells that output takes so many times its share of memory.
func (c *Checkpoints) crowded(times int64) bool {
	return c.OutputMemoryMax > 0 && c.OutputMemory() >= times*c.OutputMemoryMax
}

// Due tells whether a checkpoint is to begin.
func (c *Checkpoints) Due(now time.Time) bool {
	if c.pacer.Running() {
		return false
	}
	w, ok := c.want()
	return ok && c.pacer.Due(now, w)
}

// Begin ends an epoch and makes its commit. The caller has Write called for it, and then
// Settle or Drop.
func (c *Checkpoints) Begin(now time.Time) (*Pending, error) {
	c.Epoch++
	cp := c.Engine.Barrier(c.Epoch)
	p := &Pending{
		Commit:   &state.Commit{Epoch: c.Epoch, Generation: c.Generation, Delta: cp.Delta},
		Manifest: cp.Manifest, Ledger: c.Engine.Ledger(), began: now,
	}
	p.Commit.Trim = Keep(cp.Manifest, c.Forwarder.Plan(now))
	Stamp(cp.Frames, now)
	for i := range cp.Frames {
		f := &cp.Frames[i]
		c.cut[f.Output] += f.Size()
		c.cutMemory += int64(len(f.Data))
	}
	p.Commit.Append, c.carry = append(c.carry, cp.Frames...), nil
	c.changed = false
	c.pacer.Begin(now, p.Commit)
	return p, nil
}

// Write stores a checkpoint and makes up its ledger. It may be called on any goroutine.
func (c *Checkpoints) Write(p *Pending) {
	if d := p.Commit.Delta; d != nil {
		defer d.Release() // an error or a panic may come before the commit reads it
	}
	for _, m := range c.Forwarder.Compact() {
		p.Commit.Replace = append(p.Commit.Replace, m.OutboxReplace)
		for i := range p.Manifest.Outputs {
			if o := &p.Manifest.Outputs[i]; o.Name == m.Output {
				o.Merged += m.Away
			}
		}
	}
	var err error
	if p.Commit.Manifest, err = p.Manifest.MarshalMsg(nil); err != nil {
		p.Err = fmt.Errorf("manifest: %w", err)
		return
	}
	if p.Stats, p.Err = c.Store.Commit(p.Commit); p.Err == nil {
		p.AccountErr = Account(p.Ledger, given(p.Manifest, c.Forwarder.Statuses(p.began)), c.Store)
	}
}

// Expire gives up a checkpoint that has taken longer than the policy lets it, and reports
// that it did so now; its answer still comes.
func (c *Checkpoints) Expire(now time.Time) bool { return c.pacer.Expire(now) }

// Left is the time until Expire gives the checkpoint under way up; ok is false when it
// never will.
func (c *Checkpoints) Left(now time.Time) (left time.Duration, ok bool) { return c.pacer.Left(now) }

// Stamp tells of frames that are about to be stored when that was. A row's age in the outbox is by the
// host's clock: rows of an old log are new there.
func Stamp(frames []state.OutboxFrame, now time.Time) {
	for i := range frames {
		if frames[i].Staged == 0 { // the others have been
			frames[i].Created = now.UnixMilli()
		}
	}
}

// Settle takes in the outcome of a checkpoint. One that failed is declined: its pages are
// dirty again, its frames wait for the next one, and processing goes on; the error is nil
// unless that is pointless or was so too often.
func (c *Checkpoints) Settle(now time.Time, p *Pending) error {
	fatal := c.pacer.Finish(now, p.Stats.WrittenBytes, p.Err)
	if p.Err != nil {
		c.carry = append(p.Commit.Append, c.carry...)
		c.changed = true
		for _, final := range []error{store.ErrSequence, store.ErrUnsynced, store.ErrUnmapped, store.ErrClosed} {
			if errors.Is(p.Err, final) {
				return p.Err // only a new start can go on: no later checkpoint can succeed
			}
		}
		return fatal
	}
	clear(c.cut)
	c.cutMemory = 0
	c.Engine.Committed(p.Manifest)
	if c.Options.Committed != nil {
		if err := c.Options.Committed(p); err != nil {
			return err
		}
	}
	return c.Forwarder.Committed(uint64(p.Commit.Epoch))
}

// Drop ends a checkpoint whose outcome does not matter or is not known, when the host ends.
func (c *Checkpoints) Drop(now time.Time) { c.pacer.Drop(now) }

// HeldByMemory names the memory budgets, of state and of output, among what can hold a
// pipeline.
const HeldByMemory = "memory"

// Held names the output whose budget is used up, or the memory that only a checkpoint can
// free, or is empty. Due goes by what it said last.
func (c *Checkpoints) Held(now time.Time) string {
	c.holder = ""
	if c.Arena.NeedCheckpoint() {
		if c.Arena.Maintain(); c.Arena.NeedCheckpoint() {
			return HeldByMemory
		}
	}
	if c.crowded(2) {
		return HeldByMemory
	}
	for _, name := range c.Engine.Outputs() {
		if c.Forwarder.Full(name, c.uncommitted(name), now) {
			c.holder = name
			return name
		}
	}
	return ""
}

// uncommitted is the size of an output's rows that no checkpoint has stored, in bytes.
func (c *Checkpoints) uncommitted(name string) int64 { return c.Engine.OutputBytes(name) + c.cut[name] }

// Over tells that a drained pipeline is at its end: all it made is at the targets, and the
// store knows it.
func (c *Checkpoints) Over() bool {
	return c.drained && !c.pacer.Running() && !c.changed && len(c.carry) == 0 && c.Forwarder.Drained() && !c.Forwarder.NeedsCommit()
}
