package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

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

// background is a checkpoint under way.
type background struct {
	stage  commitStage
	cp     *dataflow.Checkpoint
	commit *state.Commit
	ledger *dataflow.Ledger
	err    error
}

// host is an instance of the pipeline. Its methods follow the agent's runner call by call;
// what runs there on other goroutines are turns of their own here: store and forward.
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

	epoch            state.Epoch
	generation       uint64
	startedMs, ended int64 // of the last checkpoint
	bg               background
	carry            []state.OutboxFrame
	changed          bool
	ledger           *dataflow.Ledger

	draining, drained, finished bool
	idle                        bool // the last step found nothing, and nothing pending
	tickBase, tickAt            int64

	skewMs      int64 // by which the host's clock is wrong
	sourceFails bool
	sourceCut   int // polls that find no link
}

// idleMs is the time between checkpoints while nothing arrives.
const idleMs = 30_000

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
	if _, err := h.engine.Open(context.Background()); err != nil {
		return err
	}
	h.changed = true
	if manifest != nil {
		if want := h.disk.marks[h.epoch]; h.engine.WatermarkMs() != want {
			return fmt.Errorf("the watermark is %d after a restart from epoch %d, at whose barrier it was %d", h.engine.WatermarkMs(), h.epoch, want)
		}
	}
	h.tickBase, h.tickAt = h.engine.NowMs(), w.nowMs
	w.tracef("%s starts: epoch %d, watermark %d", h.name, h.epoch, h.engine.WatermarkMs()-epochMs)
	return h.arena.Check()
}

func (h *host) restore(restored *state.Restored) (*dataflow.Manifest, error) {
	var err error
	if h.arena, err = state.NewArena(state.Options{Pager: h.disk}); err != nil {
		return nil, err
	}
	h.epoch, h.generation = restored.Epoch, restored.Generation+1
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
	var states []forward.OutputState
	if m != nil {
		for _, o := range m.Outputs {
			states = append(states, forward.OutputState{Name: o.Name, Generation: o.Generation, Account: forward.Account{
				Cursor: o.Cursor, DroppedTo: o.DroppedTo, Confirmed: o.Confirmed, Dropped: o.Dropped, Refused: o.Refused,
			}})
		}
	}
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
	}, states)
	if err != nil {
		return err
	}
	h.ledger, err = h.account(h.engine.Ledger())
	return err
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
	if h.bg.stage == commitEnded {
		if err := h.settled(); err != nil {
			return err
		}
	}
	if h.due() {
		if err := h.barrier(); err != nil {
			return err
		}
	}
	if held := h.held(); held || h.drained {
		if h.drained && h.allDelivered() {
			h.finished = true
		}
		if held {
			h.w.count("backpressure")
		}
		return nil
	}
	return h.step()
}

func (h *host) step() error {
	if h.draining {
		h.drained, h.changed = true, true
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
		h.drained, h.changed = true, true
	case p.Taken:
		h.changed = true
		h.tickBase, h.tickAt = h.engine.NowMs(), h.w.nowMs
		h.arena.Maintain()
		h.w.tracef("%s takes in %d rows up to message %d, %d pending", h.name, p.Rows, h.source.read, p.Pending)
		h.point(pointStepped)
	case p.Pending == 0:
		return h.engine.Tick(h.tickBase + h.w.nowMs - h.tickAt)
	}
	return nil
}

func (h *host) held() bool {
	for _, name := range h.engine.Outputs() {
		if h.fwd.Full(name, h.engine.OutputBytes(name), h.w.Now()) {
			return true
		}
	}
	return false
}

func (h *host) allDelivered() bool {
	return h.bg.stage == commitNone && !h.changed && len(h.carry) == 0 && h.fwd.Drained() && !h.fwd.NeedsCommit()
}

func (h *host) due() bool {
	if h.bg.stage != commitNone {
		return false
	}
	if h.arena.NeedCheckpoint() || h.drained && h.changed {
		return true
	}
	now := h.w.nowMs
	if !h.changed && len(h.carry) == 0 && !h.fwd.NeedsCommit() && h.engine.PendingBytes() == 0 {
		return h.arena.Stats().Dirty > 0 && now-h.startedMs >= max(idleMs, h.w.intervalMs)
	}
	return now-h.startedMs >= h.w.intervalMs && (h.ended == 0 || now-h.ended >= h.w.pauseMs)
}

// barrier ends an epoch; store does the background part.
func (h *host) barrier() error {
	h.point(pointBarrierBefore)
	w := h.w
	h.epoch++
	cp := h.engine.Barrier(h.epoch)
	c := &state.Commit{Epoch: h.epoch, Generation: h.generation, Delta: cp.Delta}
	for _, s := range h.fwd.Plan(w.Now()) {
		for i := range cp.Manifest.Outputs {
			o := &cp.Manifest.Outputs[i]
			if o.Name == s.Name {
				o.Generation, o.Cursor, o.DroppedTo = s.Generation, s.Cursor, s.DroppedTo
				o.Confirmed, o.Dropped, o.Refused = s.Confirmed, s.Dropped, s.Refused
			}
		}
		done := s.Done()
		if w.plant == PlantTrimEarly {
			if st, err := h.disk.OutboxStats(s.Name); err == nil {
				done = st.Last
			}
		}
		if done > 0 {
			c.Trim = append(c.Trim, state.OutboxTrim{Output: s.Name, UpTo: done})
		}
	}
	var err error
	if c.Manifest, err = cp.Manifest.MarshalMsg(nil); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	c.Append, h.carry = append(h.carry, cp.Frames...), nil
	h.bg = background{stage: commitTaken, cp: cp, commit: c, ledger: h.engine.Ledger()}
	h.changed = false
	h.startedMs = w.nowMs
	h.disk.marks[h.epoch] = h.engine.WatermarkMs()
	w.tracef("%s barrier %d: %d pages, %d frames, trim %v", h.name, h.epoch, cp.Delta.Len(), len(c.Append), c.Trim)
	if w.plant == PlantForwardEarly {
		h.disk.early = c.Append
		if err := h.fwd.Committed(uint64(h.epoch)); err != nil {
			return err
		}
	}
	h.point(pointBarrierAfter)
	return nil
}

// store is the background part of a checkpoint: the commit, then the account.
func (h *host) store() error {
	if h.bg.stage != commitTaken {
		return nil
	}
	_, h.bg.err = h.disk.Commit(h.bg.commit)
	h.w.tracef("%s commit %d: %v", h.name, h.bg.cp.Epoch, h.bg.err)
	h.bg.stage = commitEnded
	if h.bg.err != nil {
		return nil
	}
	var err error
	h.bg.ledger, err = h.account(h.bg.ledger)
	return err
}

// settled takes in the outcome of a checkpoint.
func (h *host) settled() error {
	bg := h.bg
	h.bg = background{}
	h.ended = h.w.nowMs
	if bg.err != nil {
		if h.w.injected == 0 {
			return fmt.Errorf("a checkpoint is declined though the disk works: %w", bg.err)
		}
		h.w.injected--
		h.w.count("declined checkpoint")
		if h.w.plant == PlantForgetPages {
			bg.cp.Delta.Done()
		} else {
			bg.cp.Delta.Abort()
		}
		if h.w.plant != PlantForgetFrames {
			h.carry = append(bg.commit.Append, h.carry...)
		}
		h.changed = true
		return nil
	}
	bg.cp.Delta.Done()
	h.ledger = bg.ledger
	if bad := h.ledger.Imbalances(); bad != nil {
		return fmt.Errorf("the ledger of epoch %d does not balance: %v", bg.cp.Epoch, bad)
	}
	h.engine.Committed(bg.cp.Manifest)
	h.point(pointSettled)
	return h.fwd.Committed(uint64(bg.cp.Epoch))
}

// account fills in what the outboxes and the hub have of each output.
func (h *host) account(l *dataflow.Ledger) (*dataflow.Ledger, error) {
	statuses := h.fwd.Statuses(h.w.Now())
	for i := range l.Outputs {
		o := &l.Outputs[i]
		for _, s := range statuses {
			if s.Name != o.Name {
				continue
			}
			o.Confirmed, o.Dropped = int64(s.Confirmed), int64(s.Dropped)
			done := s.Done()
			err := h.disk.OutboxScan(o.Name, done, func(f state.OutboxFrame) (bool, error) {
				o.InOutbox += int64(f.Rows)
				if f.First <= done {
					o.InOutbox -= int64(done - f.First + 1)
				}
				return true, nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return l, nil
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
	if h.bg.stage != commitNone {
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
	if h.bg.stage == commitTaken {
		if err := h.store(); err != nil {
			return err
		}
	}
	if h.bg.stage != commitNone {
		if h.bg.err != nil && h.w.injected > 0 {
			h.w.injected--
		}
		h.bg.cp.Delta.Abort()
		h.bg = background{}
	}
	return h.engine.Close()
}
