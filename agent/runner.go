package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/edgeflow/edgeflow/agent/wiring"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
	"github.com/edgeflow/edgeflow/store"
	forward "github.com/edgeflow/edgeflow/sync"
)

// The rhythm of a runner: how long it waits for messages when none are at hand, how often
// it looks at an outbox that holds it, how often it publishes its status, and how long a
// stop waits for output to leave, and for first connections.
const (
	pollWait     = 20 * time.Millisecond
	heldWait     = 20 * time.Millisecond
	statusEvery  = 200 * time.Millisecond
	progressSlow = 2 * time.Second
	leaveMax     = 3 * time.Second
	connectMax   = 500 * time.Millisecond
)

// commitSpare is what a commit may take on the disk beside pages and output, bytes: files grow in
// steps.
const commitSpare = 32 << 20

// runner is one attempt at running a pipeline. All of it belongs to the engine's goroutine
// but for the store and the forwarder, which guard themselves.
type runner struct {
	p      *Pipeline
	cfg    *plan.Config
	store  *store.Store
	swap   *store.Swap
	arena  *state.Arena
	engine *dataflow.Engine
	conns  *connectors
	fwd    *forward.Forwarder

	// fwdStop ends the forwarder's lanes; fwdEnded has what each came to.
	fwdStop  context.CancelFunc
	fwdRuns  sync.WaitGroup
	fwdEnded chan error
	// refusals are the rows that the targets will not take.
	refusals refusals
	// release frees the context that the sources were opened with.
	release context.CancelFunc

	// checks decides on the checkpoints; commits has the answer to the one under way.
	checks  *wiring.Checkpoints
	commits chan committed

	heldBy      string
	restoreTook time.Duration
	meter       meter
	ledger      *dataflow.Ledger
	tickBase    int64
	tickAt      time.Time
	caughtUpAt  time.Time
}

// newRunner opens state and connectors and restores the engine.
func newRunner(ctx context.Context, p *Pipeline) (_ *runner, err error) {
	p.setState(Restoring, nil)
	r := &runner{p: p, cfg: &p.plan.Config, commits: make(chan committed, 1)}
	ready := false
	defer func() {
		if !ready { // a panic leaves nothing open either
			err = errors.Join(err, r.close())
		}
	}()
	began := p.agent.clock.Now()
	restored, err := r.openStore()
	if err != nil {
		return nil, err
	}
	if err := failpoint.Hit("restore.opened"); err != nil {
		return nil, err
	}
	manifest, err := r.restore(restored)
	if err != nil {
		return nil, err
	}
	if err := failpoint.Hit("restore.loaded"); err != nil {
		return nil, err
	}
	r.conns = newConnectors(ctx, p)
	r.engine, err = dataflow.New(dataflow.Options{
		Plan: p.plan, Connectors: r.conns, Arena: r.arena, Restored: manifest,
		StartMs: began.UnixMilli(), SuspendGuard: p.agent.clockSuspect(began),
		Interpret: p.agent.opt.Interpret, LetterSubject: p.letterSubject(),
		// At twice reading pauses: what is beyond that is one step's.
		OutputMemoryMax: 2 * r.cfg.OutputMemoryMax, Stage: r.stage,
	})
	var layout *state.LayoutError
	if errors.As(err, &layout) {
		return nil, fmt.Errorf("the query keeps other state than what is stored: %w: start with --reset-state, or give the changed pipeline another 'pipeline.name' (`edgeflow plan FILE --state DIR` compares)", err)
	}
	if err != nil {
		return nil, err
	}
	for _, m := range r.engine.Migrations() {
		p.log.Warn("the state of an operator whose query has changed was taken over", "operator", m.ID, "kept", m.Kept, "empty", m.Added, "forgotten", m.Dropped)
	}
	if err := r.openForwarder(manifest); err != nil {
		return nil, err
	}
	if err := r.openCheckpoints(restored); err != nil {
		return nil, err
	}
	if err := failpoint.Hit("restore.before-positions"); err != nil {
		return nil, err
	}
	reports, err := r.openSources(ctx)
	for _, rep := range reports {
		if rep.Warning != "" {
			p.log.Warn(rep.Warning, "gap", rep.Gap)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := failpoint.Hit("restore.after-positions"); err != nil {
		return nil, err
	}
	r.restoreTook = p.agent.clock.Now().Sub(began)
	if manifest != nil {
		p.log.Info("restored", "epoch", restored.Epoch, "events", r.engine.Events(), "state_bytes", r.arena.Stats().Bytes, "took", r.restoreTook.Round(time.Millisecond))
	}
	if p.restarts == 0 && r.overBefore(manifest) {
		p.log.Warn("the pipeline has ended before, and reads nothing any more: its sources were drained or read to their end; --reset-state begins anew, and so does another 'pipeline.name'")
	}
	ready = true
	return r, nil
}

// overBefore tells whether all sources of the plan had ended when a manifest was written.
func (r *runner) overBefore(m *dataflow.Manifest) bool {
	return m != nil && m.Ended && !slices.ContainsFunc(r.p.plan.Sources, func(n *plan.Source) bool {
		return !slices.ContainsFunc(m.Sources, func(s dataflow.SourceManifest) bool { return s.ID == n.Base().ID && s.Ended })
	})
}

// restore fills the arena and drops the state of operators that the plan no longer has.
func (r *runner) restore(restored *state.Restored) (*dataflow.Manifest, error) {
	var err error
	// Without a limit nothing is swapped, and what a process that was killed left goes too.
	if r.swap, err = store.NewSwap(filepath.Join(r.p.dir, swapFile), state.DefaultPageSize, r.nextCommit); err != nil {
		return nil, err
	}
	r.arena, err = state.NewArena(state.Options{MemoryMax: r.cfg.MemoryMax, Pager: r.store, Swap: r.swap, HashSeed: r.p.agent.opt.HashSeed})
	if err != nil {
		return nil, err
	}
	if restored.Manifest == nil {
		return nil, nil
	}
	m, err := dataflow.DecodeManifest(restored.Manifest)
	if err != nil {
		return nil, &configError{err}
	}
	if err := r.p.ownState(m); err != nil {
		return nil, err
	}
	if err := sameEnds(m, restored); err != nil {
		return nil, r.store.Damaged(err)
	}
	began, last, pages := r.p.agent.clock.Now(), r.p.agent.clock.Now(), 0
	restored.Roots.InUse = m.Pages
	err = r.arena.Restore(restored.Roots, func(fn func(state.PageID, []byte) error) error {
		return r.store.Pages(func(id state.PageID, image []byte) error {
			if pages++; pages%4096 == 0 && r.p.agent.clock.Now().Sub(last) > progressSlow {
				last = r.p.agent.clock.Now()
				left := time.Duration(float64(last.Sub(began)) * (float64(restored.Roots.PageCount)/float64(pages) - 1))
				r.p.log.Info("restoring state", "pages", pages, "of", restored.Roots.PageCount, "eta", left.Round(time.Second))
			}
			if err := failpoint.Hit("restore.page"); err != nil {
				return err
			}
			return fn(id, image)
		})
	})
	if errors.Is(err, state.ErrIncomplete) {
		return nil, r.store.Damaged(err)
	}
	if errors.Is(err, state.ErrNewer) {
		return nil, &configError{fmt.Errorf("%w: start that one, or begin anew with --reset-state", err)}
	}
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, n := range r.p.plan.Nodes {
		known[n.Base().ID] = true
	}
	for _, s := range r.arena.Spaces() {
		if !known[s.ID()] {
			r.p.log.Warn("dropping the state of an operator that the query no longer has", "operator", s.ID())
			r.arena.DropSpace(s.ID())
		}
	}
	return m, nil
}

// nextCommit is at most what the next commit takes on the disk, bytes, swapped pages included.
func (r *runner) nextCommit() int64 {
	pages := r.arena.Stats()
	n := int64(pages.Dirty+pages.InFlight)*state.DefaultPageSize + commitSpare
	if r.engine != nil {
		n += r.engine.PendingMemory() // without what is stored already
	}
	return n
}

// openSources opens the sources. ctx ends an Open that waits for a server; it does not
// reach a source that is open, which a stop still reads from while it drains.
func (r *runner) openSources(ctx context.Context) ([]dataflow.OpenReport, error) {
	open, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.release = cancel
	disarm := context.AfterFunc(ctx, cancel)
	defer disarm()
	return r.engine.Open(open)
}

// openForwarder goes on from the accounts of the last commit.
func (r *runner) openForwarder(m *dataflow.Manifest) error {
	outputs, err := r.conns.outputs(r.engine.Outputs())
	if err != nil {
		return err
	}
	for i := range outputs {
		if takesRefused(r.cfg.OnRowError) {
			outputs[i].Refuse = r.refusals.refuse(outputs[i].Name)
		}
	}
	r.fwd, err = forward.New(forward.Options{
		Pipeline: r.p.name, Instance: r.p.agent.opt.Instance, Outputs: outputs, Store: r.store, OnEvent: r.onForward,
	}, wiring.OutputStates(m))
	if err != nil {
		return err
	}
	r.ledger = r.engine.Ledger()
	r.accounted(wiring.Account(r.ledger, r.fwd.Statuses(r.now()), r.store))
	var ctx context.Context
	ctx, r.fwdStop = context.WithCancel(context.Background())
	r.conns.forwarder.Store(r.fwd)
	lanes := r.fwd.Lanes()
	r.fwdEnded = make(chan error, len(lanes))
	for _, l := range lanes {
		r.fwdRuns.Go(func() { r.fwdEnded <- contain(func() error { return l.Run(ctx) }) })
	}
	return nil
}

// onForward logs what happens on the way to the targets.
func (r *runner) onForward(e forward.Event) {
	if errors.Is(e.Err, context.Canceled) {
		return // the pipeline stops
	}
	log := r.p.log.With("output", e.Output)
	switch e.Kind {
	case forward.LinkDown:
		log.Warn("the target cannot be reached; output waits in the outbox", "error", e.Err)
	case forward.LinkUp:
		log.Info("the target is reached again")
	case forward.Claimed:
		log.Info("cursor claimed", "generation", e.Generation)
	case forward.CursorWarning:
		if r.conns.sinks[e.Output] == nil {
			log.Info("a new folder begins; rows before are where the state was then")
			return
		}
		log.Warn(e.Kind.String(), "error", e.Err, "note", e.Note)
	default:
		log.Warn(e.Kind.String(), "error", e.Err, "note", e.Note)
	}
}

// run is the engine's goroutine: batches, barriers, requests, until the pipeline ends or
// ctx is done.
func (r *runner) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, r.close()) }()
	r.p.setState(Running, nil)
	r.tickBase, r.tickAt = r.engine.NowMs(), r.now()
	r.meter.start(r.now(), r.engine.Ledger())
	for {
		if err := r.serve(ctx); err != nil {
			if errors.Is(err, errStopping) {
				return r.stop()
			}
			return err
		}
		now := r.now()
		r.publish(now, false)
		if err := r.checkpoint(now); err != nil {
			return err
		}
		if r.heldBy = r.checks.Held(now); r.heldBy != "" || r.checks.Drained() {
			if r.checks.Over() {
				return r.finish()
			}
			r.rest(ctx, heldWait)
			continue
		}
		if err := r.step(ctx, now); err != nil {
			return err
		}
	}
}

var errStopping = errors.New("stopping")

func (r *runner) now() time.Time { return r.p.agent.clock.Now() }

// serve handles what other goroutines have for the engine, without waiting.
func (r *runner) serve(ctx context.Context) error {
	for {
		select {
		case req := <-r.p.requests:
			err := contain(func() error { return req.fn(r) })
			req.done <- err
			if err != nil {
				return err
			}
		case c := <-r.commits:
			if err := r.settled(c); err != nil {
				return err
			}
		case err := <-r.fwdEnded:
			if err == nil {
				err = errors.New("the forwarder ended")
			}
			return err
		case <-ctx.Done():
			return errStopping
		default:
			return nil
		}
	}
}

// rest waits for anything to happen, at most d.
func (r *runner) rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case c := <-r.commits:
		r.commits <- c
	case <-ctx.Done():
	case <-t.C:
	}
}

// step takes in a batch, or moves arrival time on while nothing arrives.
func (r *runner) step(ctx context.Context, now time.Time) error {
	if r.p.draining {
		r.checks.Drain()
		return r.engine.Drain()
	}
	p, err := r.engine.Step(pollWait, now.UnixMilli())
	if err != nil {
		return err
	}
	r.meter.pending = p.Pending
	switch {
	case p.Ended:
		r.checks.Drain()
	case p.Taken:
		r.checks.Changed()
		r.tickBase, r.tickAt = r.engine.NowMs(), r.now()
		r.arena.Maintain()
	case p.Pending > 0 && !r.engine.Waits():
		r.rest(ctx, time.Millisecond) // a source holds back what it has
	case p.Pending == 0:
		if !r.engine.Waits() {
			r.rest(ctx, pollWait)
		}
		at := r.now()
		return r.engine.Tick(r.tickBase + at.Sub(r.tickAt).Milliseconds())
	}
	return nil
}

// finish ends a pipeline whose sources have ended and whose output has left.
func (r *runner) finish() error {
	r.publish(r.now(), true)
	r.p.setState(Finished, nil)
	return nil
}

// stop takes a final checkpoint and gives committed output a moment to leave.
func (r *runner) stop() error {
	if (r.p.agent.opt.Drain || r.p.draining) && !r.checks.Drained() {
		r.checks.Drain()
		if err := r.engine.Drain(); err != nil {
			return err
		}
	}
	if err := errors.Join(r.checkpointNow()); err != nil {
		return fmt.Errorf("final checkpoint: %w", err)
	}
	deadline, connect := time.NewTimer(leaveMax), time.NewTimer(connectMax)
	defer deadline.Stop()
	defer connect.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	connecting := true
	var ended error
	for waiting := true; waiting && r.leaves(connecting); {
		select {
		case <-deadline.C:
			waiting = false
		case <-connect.C:
			connecting = false
		case ended = <-r.fwdEnded:
			waiting = false
		case <-look.C:
		}
	}
	if r.fwd.NeedsCommit() {
		if err := errors.Join(r.checkpointNow()); err != nil {
			return fmt.Errorf("final checkpoint: %w", err)
		}
	}
	r.publish(r.now(), true)
	if err := errors.Join(ended, r.endForwarder()); err != nil { // what it is about is there at the next start, too
		return err
	}
	r.p.setState(Stopped, nil)
	r.p.log.Info("stopped", "epoch", r.checks.Epoch)
	return nil
}

// leaves tells whether output waits for a target that answers, be it with a refusal, or to which,
// with connecting, a first connection may be about to be there.
func (r *runner) leaves(connecting bool) bool {
	return slices.ContainsFunc(r.fwd.Statuses(r.now()), func(s forward.Status) bool {
		var refused *forward.RefusedError
		return s.Done() < s.Last && (s.Err == nil || errors.As(s.Err, &refused) || connecting && errors.Is(s.Err, forward.ErrConnecting))
	})
}

// endForwarder ends the lanes, and returns what ended them before.
func (r *runner) endForwarder() (err error) {
	r.fwdStop()
	r.conns.hangUp() // a step may wait for an attempt at a connection
	r.fwdRuns.Wait()
	for {
		select {
		case e := <-r.fwdEnded:
			err = errors.Join(err, e)
		default:
			return err
		}
	}
}

// close releases everything; the store last.
func (r *runner) close() error {
	var errs []error
	if r.fwdStop != nil {
		errs = append(errs, r.endForwarder())
	}
	if r.checks != nil && r.checks.Running() {
		r.await()
		r.checks.Drop(r.now())
	}
	if r.engine != nil {
		errs = append(errs, r.engine.Close())
	}
	if r.release != nil {
		r.release()
	}
	if r.conns != nil {
		r.conns.close()
	}
	if r.swap != nil {
		errs = append(errs, r.swap.Close())
	}
	if r.store != nil {
		errs = append(errs, r.store.Close())
	}
	return errors.Join(errs...)
}
