package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edgeflow/edgeflow/agent/wiring"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state"
	forward "github.com/edgeflow/edgeflow/sync"
)

// The points at which a host can crash.
const (
	pointLoad          = "restore: before the manifest"
	pointPages         = "restore: among the pages"
	pointRestored      = "restore: after the engine"
	pointOpen          = "restore: before the source"
	pointPoll          = "before a poll"
	pointStepped       = "after a batch"
	pointBarrierBefore = "before a barrier"
	pointBarrierAfter  = "between barrier and commit"
	pointCommitBefore  = "inside a commit, which is lost"
	pointCommitAfter   = "inside a commit, which lasts"
	pointSettled       = "after a commit, before forwarding"
	pointCursor        = "before reading the cursor"
	pointClaimBefore   = "before claiming the cursor"
	pointClaimAfter    = "after claiming, before the answer"
	pointScan          = "while reading the outbox"
	pointPublishBefore = "before publishing"
	pointPublishAfter  = "after publishing, before the answer"
	pointConfirmed     = "after the answer, before the trim"
	pointStopping      = "during a graceful stop"
)

var points = []string{
	pointLoad, pointPages, pointRestored, pointOpen, pointPoll, pointStepped, pointBarrierBefore, pointBarrierAfter,
	pointCommitBefore, pointCommitAfter, pointSettled, pointCursor, pointClaimBefore, pointClaimAfter, pointScan,
	pointPublishBefore, pointPublishAfter, pointConfirmed, pointStopping,
}

// crash is what a host panics with when it crashes.
type crash struct{ point string }

// commitStage is how far the background part of a checkpoint is.
type commitStage uint8

const (
	commitNone  commitStage = iota
	commitTaken             // the barrier is behind, the store not reached
	commitEnded             // the store has answered, the engine has not heard of it
)

// host is an instance of the pipeline. Its decisions are those of package wiring, as the
// agent's runner's are; what runs there on other goroutines are turns of their own here:
// store and forward.
type host struct {
	w      *world
	name   string
	disk   *disk
	arena  *state.Arena
	engine *dataflow.Engine
	fwd    *forward.Forwarder
	source *reader
	link   link
	// claimed are the outputs whose cursor is this host's: from then on the hub has nothing
	// of them that this host did not send.
	claimed map[string]bool

	checks  *wiring.Checkpoints
	pending *wiring.Pending // the checkpoint under way, at stage
	stage   commitStage
	ledger  *dataflow.Ledger

	draining, finished bool
	idle               bool // the last step found nothing, and nothing pending
	tickBase, tickAt   int64

	skewMs      int64 // by which the host's clock is wrong
	sourceFails bool
	sourceCut   int // polls that find no link
}

// hostMs is the time that the host's own clock shows.
func (h *host) hostMs() int64 { return h.w.nowMs + h.skewMs }

// point is a place at which the host crashes if the world has it in mind.
func (h *host) point(name string) {
	w := h.w
	if h != w.main || w.armed != name {
		return
	}
	if w.armedSkip > 0 {
		w.armedSkip--
		return
	}
	w.armed = ""
	panic(crash{name})
}

// start opens state and connectors and restores the engine, as newRunner does.
func (h *host) start() error {
	w := h.w
	h.disk.h = h
	restored, err := h.disk.Load()
	if err != nil {
		return err
	}
	manifest, err := h.restore(restored)
	if err != nil {
		return err
	}
	h.engine, err = dataflow.New(dataflow.Options{
		Plan: w.plan, Connectors: connectors{h}, Arena: h.arena, Restored: manifest, StartMs: h.hostMs(),
	})
	if err != nil {
		return err
	}
	h.point(pointRestored)
	if err := h.openForwarder(manifest); err != nil {
		return err
	}
	h.checks, err = wiring.New(wiring.Options{
		Engine: h.engine, Arena: h.arena, Forwarder: h.fwd, Store: h.disk, Policy: w.policy,
		Epoch: restored.Epoch, Generation: restored.Generation + 1, Committed: h.committed,
	})
	if err != nil {
		return err
	}
	if _, err := h.engine.Open(context.Background()); err != nil {
		return err
	}
	if manifest != nil {
		if want := h.disk.marks[restored.Epoch]; h.engine.WatermarkMs() != want {
			return fmt.Errorf("the watermark is %d after a restart from epoch %d, at whose barrier it was %d", h.engine.WatermarkMs(), restored.Epoch, want)
		}
	}
	h.tickBase, h.tickAt = h.engine.NowMs(), w.nowMs
	w.tracef("%s starts: epoch %d, watermark %d", h.name, restored.Epoch, h.engine.WatermarkMs()-epochMs)
	return h.arena.Check()
}

func (h *host) restore(restored *state.Restored) (*dataflow.Manifest, error) {
	var err error
	if h.arena, err = state.NewArena(state.Options{Pager: h.disk}); err != nil {
		return nil, err
	}
	if restored.Manifest == nil {
		return nil, nil
	}
	m, err := dataflow.DecodeManifest(restored.Manifest)
	if err != nil {
		return nil, err
	}
	if err := h.arena.Restore(restored.Roots, h.disk.Pages); err != nil {
		return nil, err
	}
	if h.w.plant == PlantIgnorePosition {
		for i := range m.Sources {
			m.Sources[i].Position = nil
		}
	}
	return m, nil
}

func (h *host) openForwarder(m *dataflow.Manifest) error {
	w := h.w
	var outputs []forward.OutputOptions
	for i, name := range h.engine.Outputs() {
		outputs = append(outputs, forward.OutputOptions{
			Name: name, Hub: &h.link, Subject: subject(name), CursorSubject: "cursor." + name,
			Pack: w.pack, Separator: "\n", BytesMax: w.outboxBytes, Priority: i % 2,
		})
	}
	var err error
	h.fwd, err = forward.New(forward.Options{
		Pipeline: "sim", Instance: "i", Outputs: outputs, Store: h.disk, Clock: w,
		BackoffMin: 20 * time.Millisecond, BackoffMax: time.Second, OnEvent: h.onForward,
	}, wiring.OutputStates(m))
	if err != nil {
		return err
	}
	h.ledger = h.engine.Ledger()
	return wiring.Account(h.ledger, h.fwd.Statuses(w.Now()), h.disk)
}

func (h *host) onForward(e forward.Event) {
	h.w.tracef("%s %s: %s %d %v", h.name, e.Output, e.Kind, e.Generation, e.Err)
	if e.Kind == forward.Claimed {
		h.claimed[e.Output] = true
	}
}

// subject is where the rows of an output go.
func subject(output string) string { return "out." + output }

// loop is one round of the runner's loop: serve, barrier when due, step unless held.
func (h *host) loop() error {
	if h.stage == commitEnded {
		if err := h.settled(); err != nil {
			return err
		}
	}
	if h.checks.Due(h.w.Now()) {
		if err := h.barrier(); err != nil {
			return err
		}
	}
	if held := h.checks.Held(h.w.Now()); held != "" || h.checks.Drained() {
		h.finished = h.checks.Over()
		if held != "" {
			h.w.count("backpressure")
		}
		return nil
	}
	return h.step()
}

func (h *host) step() error {
	if h.draining {
		h.checks.Drain()
		h.w.tracef("%s drains", h.name)
		return h.engine.Drain()
	}
	p, err := h.engine.Step(0, h.hostMs())
	if err != nil {
		return err
	}
	h.idle = p.Rows == 0 && p.Pending == 0
	switch {
	case p.Ended:
		h.checks.Drain()
	case p.Taken:
		h.checks.Changed()
		h.tickBase, h.tickAt = h.engine.NowMs(), h.w.nowMs
		h.arena.Maintain()
		h.w.tracef("%s takes in %d rows up to message %d, %d pending", h.name, p.Rows, h.source.read, p.Pending)
		h.point(pointStepped)
	case p.Pending == 0:
		return h.engine.Tick(h.tickBase + h.w.nowMs - h.tickAt)
	}
	return nil
}

// barrier ends an epoch; store does the background part.
func (h *host) barrier() error {
	h.point(pointBarrierBefore)
	w := h.w
	p, err := h.checks.Begin(w.Now())
	if err != nil {
		return err
	}
	c := p.Commit
	if w.plant == PlantTrimEarly {
		h.trimAll(c)
	}
	h.pending, h.stage = p, commitTaken
	h.disk.marks[c.Epoch] = h.engine.WatermarkMs()
	w.tracef("%s barrier %d: %d pages, %d frames, trim %v", h.name, c.Epoch, c.Delta.Len(), len(c.Append), c.Trim)
	if w.plant == PlantForwardEarly {
		h.disk.early = c.Append
		if err := h.fwd.Committed(uint64(c.Epoch)); err != nil {
			return err
		}
	}
	h.point(pointBarrierAfter)
	return nil
}

// trimAll is a planted bug: the commit deletes all that the outboxes have.
func (h *host) trimAll(c *state.Commit) {
	c.Trim = nil
	for _, name := range h.engine.Outputs() {
		if st, err := h.disk.OutboxStats(name); err == nil && st.Last > 0 {
			c.Trim = append(c.Trim, state.OutboxTrim{Output: name, UpTo: st.Last})
		}
	}
}

// store is the background part of a checkpoint.
func (h *host) store() error {
	if h.stage != commitTaken {
		return nil
	}
	h.checks.Write(h.pending)
	h.w.tracef("%s commit %d: %v", h.name, h.pending.Commit.Epoch, h.pending.Err)
	h.stage = commitEnded
	return h.pending.AccountErr
}

// settled takes in the outcome of a checkpoint.
func (h *host) settled() error {
	p := h.pending
	h.pending, h.stage = nil, commitNone
	if p.Err != nil {
		if h.w.injected == 0 {
			return fmt.Errorf("a checkpoint is declined though the disk works: %w", p.Err)
		}
		h.w.injected--
		h.w.count("declined checkpoint")
		switch h.w.plant {
		case PlantForgetPages:
			p.Commit.Delta.Done()
			p.Commit.Delta = nil
		case PlantForgetFrames:
			p.Commit.Append = nil
		}
	}
	return h.checks.Settle(h.w.Now(), p)
}

// committed takes in a checkpoint that is stored, before its rows may leave.
func (h *host) committed(p *wiring.Pending) error {
	h.ledger = p.Ledger
	if bad := h.ledger.Imbalances(); bad != nil {
		return fmt.Errorf("the ledger of epoch %d does not balance: %v", p.Commit.Epoch, bad)
	}
	h.point(pointSettled)
	return nil
}

// forward is a turn of the forwarder's goroutine.
func (h *host) forward() error {
	before := h.fwd.NeedsCommit()
	_, err := h.fwd.Step(context.Background(), h.w.Now())
	if err != nil {
		return err
	}
	if !before && h.fwd.NeedsCommit() {
		h.point(pointConfirmed)
	}
	return nil
}

// checkpointNow takes a checkpoint and waits for it.
func (h *host) checkpointNow() error {
	if h.stage != commitNone {
		if err := errors.Join(h.store(), h.settled()); err != nil {
			return err
		}
	}
	if err := h.barrier(); err != nil {
		return err
	}
	return errors.Join(h.store(), h.settled())
}

// stop takes a final checkpoint, gives output some turns to leave, and closes.
func (h *host) stop(turns int) error {
	if err := h.checkpointNow(); err != nil {
		return err
	}
	h.point(pointStopping)
	for ; turns > 0 && !h.fwd.Drained(); turns-- {
		if err := h.forward(); err != nil {
			return err
		}
		h.w.nowMs += 10
	}
	if h.fwd.NeedsCommit() {
		if err := h.checkpointNow(); err != nil {
			return err
		}
	}
	return h.close()
}

// close ends the host without a checkpoint; a commit under way is waited for.
func (h *host) close() error {
	if h.stage == commitTaken {
		if err := h.store(); err != nil {
			return err
		}
	}
	if h.stage != commitNone {
		if h.pending.Err != nil && h.w.injected > 0 {
			h.w.injected--
		}
		h.checks.Drop(h.w.Now())
		h.pending, h.stage = nil, commitNone
	}
	return h.engine.Close()
}
