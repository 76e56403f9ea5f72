package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/edgeflow/edgeflow/agent/wiring"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
	"github.com/edgeflow/edgeflow/store"
)

// committed is the outcome of a checkpoint's background part.
type committed struct {
	*wiring.Pending
	took time.Duration
	// panicked is set when what became of the commit is not known.
	panicked error
}

// openCheckpoints sets up the decisions on checkpoints.
func (r *runner) openCheckpoints(restored *state.Restored) (err error) {
	r.checks, err = wiring.New(wiring.Options{
		Engine: r.engine, Arena: r.arena, Forwarder: r.fwd, Store: r.store,
		Policy: store.Policy{
			Interval: r.cfg.CheckpointInterval, MinPause: r.cfg.CheckpointMinPause,
			Timeout: r.cfg.CheckpointTimeout, TolerableFailures: r.cfg.TolerableFailures,
			BytesPerDay: r.cfg.CheckpointBytesPerDay,
		},
		OutputMemoryMax: r.cfg.OutputMemoryMax,
		Epoch:           restored.Epoch, Generation: restored.Generation + 1, Committed: r.committed,
	})
	return err
}

// checkpoint begins a checkpoint when one is due, and gives up one that takes too long.
func (r *runner) checkpoint(now time.Time) error {
	r.expire(now)
	if r.refusals.waiting() {
		r.checks.Changed()
	}
	if !r.checks.Due(now) {
		return nil
	}
	return r.barrier(now)
}

// stage stores output of a step that makes more than memory takes.
func (r *runner) stage(frames []state.OutboxFrame) error {
	wiring.Stamp(frames, r.now())
	err := r.store.Stage(frames)
	if err != nil {
		r.p.log.Warn("output of one step is more than edgeflow.memory.output-max, cannot be stored ahead of its checkpoint and stays in memory", "error", err)
	}
	return err
}

// expire gives up a checkpoint that has taken longer than it may.
func (r *runner) expire(now time.Time) {
	if r.checks.Expire(now) {
		r.p.log.Warn("a checkpoint is given up: it takes longer than execution.checkpointing.timeout",
			"epoch", r.checks.Epoch, "timeout", r.cfg.CheckpointTimeout)
	}
}

// barrier ends an epoch and starts the background part of its checkpoint.
func (r *runner) barrier(now time.Time) error {
	if err := failpoint.Hit("checkpoint.before-barrier"); err != nil {
		return err
	}
	if err := r.refusals.write(r.engine.Refused); err != nil {
		return err
	}
	p, err := r.checks.Begin(now)
	if err != nil {
		return err
	}
	// expire looks at the time between two steps, and a step may wait for the commit.
	inTime := func() bool { return true }
	if d := p.Commit.Delta; d != nil && r.cfg.CheckpointTimeout > 0 {
		inTime = time.AfterFunc(r.cfg.CheckpointTimeout, d.Cancel).Stop
	}
	go func() {
		defer inTime()
		out := committed{Pending: p}
		out.panicked = contain(func() error {
			if err := failpoint.Hit("checkpoint.after-barrier"); err != nil {
				return err
			}
			r.checks.Write(p)
			return failpoint.Hit("checkpoint.before-told")
		})
		out.took = r.now().Sub(now)
		r.commits <- out
		r.p.agent.collector.AfterCommit()
	}()
	return nil
}

// await waits for the checkpoint under way, as long as it may take.
func (r *runner) await() committed {
	if left, ok := r.checks.Left(r.now()); ok {
		t := time.NewTimer(left)
		defer t.Stop()
		select {
		case c := <-r.commits:
			return c
		case <-t.C:
			r.expire(r.now())
		}
	}
	return <-r.commits
}

// settled takes in the outcome of a checkpoint. One that failed is declined, and
// processing goes on.
func (r *runner) settled(c committed) error {
	now, failed, epoch := r.now(), r.checks.Failures(), c.Commit.Epoch
	if c.panicked != nil {
		r.checks.Drop(now)
		return c.panicked
	}
	if c.Err == nil {
		r.meter.committed(c, now)
		if failed > 0 {
			r.p.log.Info("checkpoints succeed again", "epoch", epoch, "failed_in_a_row", failed)
		}
		return r.checks.Settle(now, c.Pending)
	}
	err := r.checks.Settle(now, c.Pending)
	r.meter.failures++
	if failed = r.checks.Failures(); failed&(failed-1) == 0 { // ever less often
		r.p.log.Error("checkpoint declined; the next one takes over its changes, and results wait until one succeeds",
			"epoch", epoch, "failed_in_a_row", failed, "error", c.Err)
	}
	return err
}

// committed takes in a checkpoint that is stored, before its rows may leave.
func (r *runner) committed(p *wiring.Pending) error {
	r.accounted(p.AccountErr)
	r.ledger = p.Ledger
	for _, bad := range r.ledger.Imbalances() {
		r.p.log.Error("the ledger does not balance", "equation", bad)
	}
	r.refusals.committed(r.fwd.Confirmed)
	return nil
}

// accounted logs what could not be read for a ledger.
func (r *runner) accounted(err error) {
	if err != nil {
		r.p.log.Error("the ledger lacks rows", "error", err)
	}
}

// checkpointNow takes a checkpoint and waits for it. One that was declined leaves the next to take
// over its changes; after any other error nobody knows what it came to, and the attempt has to end.
func (r *runner) checkpointNow() (declined, err error) {
	if r.checks.Running() {
		if err := r.settled(r.await()); err != nil {
			return nil, err
		}
	}
	if err := r.barrier(r.now()); err != nil {
		return nil, err
	}
	c := r.await()
	err = r.settled(c)
	return c.Err, err
}

// Savepoint takes a checkpoint and copies the store, as it is then or at a later checkpoint, to a
// file of the pipeline's savepoints folder. An empty name stands for one made of the epoch of the
// first. It returns the file's path. The pipeline goes on meanwhile; its checkpoints wait.
func (p *Pipeline) Savepoint(ctx context.Context, name string) (path string, err error) {
	p.savepoints.Lock()
	defer p.savepoints.Unlock()
	var declined error // leaves the pipeline as it is
	var from *store.Store
	err = p.do(ctx, func(r *runner) (err error) {
		from = r.store
		declined, err = r.checkpointNow()
		if name == "" {
			name = fmt.Sprintf("%s-%d", p.name, r.checks.Epoch)
		}
		return err
	})
	if err = errors.Join(err, declined); err != nil {
		return "", err
	}
	path = filepath.Join(p.dir, savepointDir, token(name)+store.SavepointSuffix)
	if _, err := store.CreateSavepoint(from, path); err != nil {
		return "", err
	}
	return path, nil
}
