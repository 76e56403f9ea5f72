package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
	"github.com/edgeflow/edgeflow/store"
)

// committed is the outcome of a checkpoint's background part.
type committed struct {
	cp     *dataflow.Checkpoint
	frames []state.OutboxFrame
	stats  state.CommitStats
	ledger *dataflow.Ledger
	took   time.Duration
	err    error
	// panicked is set when what became of the commit is not known.
	panicked error
}

// retryPause is how long an urgent checkpoint waits after one that failed.
const retryPause = time.Second

// due tells whether a checkpoint is to begin: something changed or was confirmed, none is
// in flight, and interval and min-pause have passed.
func (r *runner) due(now time.Time) bool {
	if r.inFlight {
		return false
	}
	if urgent := r.arena.NeedCheckpoint() || r.drained && r.changed; urgent && (r.failures == 0 || now.Sub(r.pacer.ended) >= retryPause) {
		return true
	}
	if !r.changed && len(r.carry) == 0 && !r.refusals.waiting() && !r.fwd.NeedsCommit() && r.engine.PendingBytes() == 0 {
		// Ticks alone touch pages, and a restart makes up for them.
		return r.arena.Stats().Dirty > 0 && now.Sub(r.pacer.started) >= max(idleEvery, r.pacer.interval)
	}
	return r.pacer.due(now)
}

// barrier ends an epoch and starts the background part of its checkpoint.
func (r *runner) barrier(now time.Time) error {
	if err := failpoint.Hit("checkpoint.before-barrier"); err != nil {
		return err
	}
	if err := r.refusals.write(r.engine.Refused); err != nil {
		return err
	}
	r.epoch++
	cp := r.engine.Barrier(r.epoch)
	c := &state.Commit{Epoch: r.epoch, Generation: r.generation, Delta: cp.Delta}
	for _, s := range r.fwd.Plan(now) {
		for i := range cp.Manifest.Outputs {
			o := &cp.Manifest.Outputs[i]
			if o.Name == s.Name {
				o.Generation, o.Cursor, o.DroppedTo = s.Generation, s.Cursor, s.DroppedTo
				o.Confirmed, o.Dropped, o.Refused = s.Confirmed, s.Dropped, s.Refused
			}
		}
		if done := s.Done(); done > 0 {
			c.Trim = append(c.Trim, state.OutboxTrim{Output: s.Name, UpTo: done})
		}
	}
	var err error
	if c.Manifest, err = cp.Manifest.MarshalMsg(nil); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	for i := range cp.Frames {
		// A row's age in the outbox is by the host's clock: rows of an old log are new there.
		f := &cp.Frames[i]
		f.Created = now.UnixMilli()
		r.cut[f.Output] += int64(len(f.Data))
	}
	frames := append(r.carry, cp.Frames...)
	c.Append, r.carry = frames, nil
	ledger := r.engine.Ledger()
	r.inFlight, r.changed = true, false
	r.pacer.started = now
	go func() {
		out := committed{cp: cp, frames: frames}
		out.panicked = contain(func() error {
			out.stats, out.err = r.store.Commit(c)
			out.took = r.now().Sub(now)
			if out.err == nil {
				out.ledger = r.account(ledger)
			}
			return nil
		})
		r.commits <- out
	}()
	return nil
}

// settled takes in the outcome of a checkpoint. One that failed is declined: its pages are
// dirty again, its frames wait for the next one, and processing goes on.
func (r *runner) settled(c committed) error {
	r.inFlight = false
	r.pacer.ended = r.now()
	if c.panicked != nil {
		c.cp.Delta.Abort()
		return c.panicked
	}
	if c.err != nil {
		c.cp.Delta.Abort()
		r.carry = append(c.frames, r.carry...)
		r.changed = true
		r.failures++
		r.meter.failures++
		if r.failures&(r.failures-1) == 0 { // ever less often
			r.p.log.Error("checkpoint declined; the next one takes over its changes, and results wait until one succeeds",
				"epoch", c.cp.Epoch, "failed_in_a_row", r.failures, "error", c.err)
		}
		if errors.Is(c.err, store.ErrSequence) {
			return c.err // no later checkpoint can succeed
		}
		if most := r.cfg.TolerableFailures; most >= 0 && r.failures > most {
			return fmt.Errorf("%d checkpoints failed in a row: %w", r.failures, c.err)
		}
		return nil
	}
	if r.failures > 0 {
		r.p.log.Info("checkpoints succeed again", "epoch", c.cp.Epoch, "failed_in_a_row", r.failures)
	}
	r.failures = 0
	clear(r.cut)
	c.cp.Delta.Done()
	r.meter.committed(c, r.now())
	r.ledger = c.ledger
	for _, bad := range r.ledger.Imbalances() {
		r.p.log.Error("the ledger does not balance", "equation", bad)
	}
	r.engine.Committed(c.cp.Manifest)
	r.refusals.committed(r.fwd.Confirmed)
	return r.fwd.Committed(uint64(c.cp.Epoch))
}

// account fills in what the outboxes and the targets have of each output.
func (r *runner) account(l *dataflow.Ledger) *dataflow.Ledger {
	statuses := r.fwd.Statuses(r.now())
	for i := range l.Outputs {
		o := &l.Outputs[i]
		for _, s := range statuses {
			if s.Name != o.Name {
				continue
			}
			o.Confirmed, o.Dropped = int64(s.Confirmed), int64(s.Dropped)
			var err error
			o.InOutbox, err = r.inOutbox(o.Name, s.Done())
			if err != nil {
				r.p.log.Error("outbox cannot be read", "output", o.Name, "error", err)
			}
		}
	}
	return l
}

// inOutbox counts the rows of an outbox beyond done: its own count, less what its first
// frames have up to done.
func (r *runner) inOutbox(output string, done uint64) (int64, error) {
	st, err := r.store.OutboxStats(output)
	if err != nil {
		return 0, err
	}
	n := st.Rows
	err = r.store.OutboxScan(output, 0, func(f state.OutboxFrame) (bool, error) {
		if f.First > done {
			return false, nil
		}
		n -= int64(min(done, f.Last) - f.First + 1)
		return true, nil
	})
	return n, err
}

// checkpointNow takes a checkpoint and waits for it.
func (r *runner) checkpointNow() error {
	if r.inFlight {
		if err := r.settled(<-r.commits); err != nil {
			return err
		}
	}
	if err := r.barrier(r.now()); err != nil {
		return err
	}
	c := <-r.commits
	if err := r.settled(c); err != nil {
		return err
	}
	return c.err
}

// Savepoint takes a checkpoint and copies the store as it is then to a file of the
// pipeline's savepoints folder. An empty name stands for one made of the epoch. It returns
// the file's path.
func (p *Pipeline) Savepoint(ctx context.Context, name string) (path string, err error) {
	doErr := p.do(ctx, func(r *runner) {
		if err = r.checkpointNow(); err != nil {
			return
		}
		if name == "" {
			name = fmt.Sprintf("%s-%d", p.name, r.epoch)
		}
		path = filepath.Join(p.dir, savepointDir, token(name)+store.SavepointSuffix)
		_, err = store.CreateSavepoint(r.store, path)
	})
	if doErr != nil {
		return "", doErr
	}
	return path, err
}
