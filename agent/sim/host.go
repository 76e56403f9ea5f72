package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/agent/wiring"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
	"github.com/edgeflow/edgeflow/store/memstore"
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

// slabBytes is the size of the blocks that state is kept in, small as the state is.
const slabBytes = 16 << 10

// crash is what a host panics with when it crashes.
type crash struct{ point string }

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
	// sources are by ordinal of the program's tables.
	sources []*reader
	link    link
	// claimed are the outputs whose cursor is this host's: from then on the hub has nothing
	// of them that this host did not send.
	claimed map[string]bool

	checks  *wiring.Checkpoints
	pending *wiring.Pending // the checkpoint under way, at stage
	stage   commitStage
	// write and quit go on with the commit under way and end it; both are nil outside of one.
	write  func() (struct{}, bool)
	quit   func()
	ledger *dataflow.Ledger

	generated, counted bool // code runs where there is some; its events are counted
	draining, finished bool
	idle               bool   // the last step found nothing, and nothing pending
	held               string // the budget that holds the pipeline, or empty
	tickBase, tickAt   int64
	past               past // what the engine's state comes from

	skewMs int64 // by which the host's clock is wrong
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
	h.past = h.disk.marks[restored.Epoch].clone()
	if h.past.version() != w.version {
		h.past.edits = append(h.past.edits, edit{h.past.count(), w.version, h.past.nowMs})
	}
	manifest, err := h.restore(restored)
	if err != nil {
		return err
	}
	h.engine, err = dataflow.New(dataflow.Options{
		Plan: w.plans[w.version], Connectors: connectors{h}, Arena: h.arena, Restored: manifest, StartMs: h.hostMs(), Interpret: !h.generated,
		OutputMemoryMax: w.outputMax, Stage: h.disk.Stage,
	})
	if err != nil {
		return err
	}
	h.switched(manifest != nil)
	h.point(pointRestored)
	if err := h.openForwarder(manifest); err != nil {
		return err
	}
	h.checks, err = wiring.New(wiring.Options{
		Engine: h.engine, Arena: h.arena, Forwarder: h.plantForwarder(), Store: h.disk, Policy: w.policy,
		Epoch: restored.Epoch, Generation: restored.Generation + 1, Committed: h.committed,
	})
	if err != nil {
		return err
	}
	if _, err := h.engine.Open(context.Background()); err != nil {
		return err
	}
	if manifest != nil {
		if want := h.past.watermark; h.engine.WatermarkMs() != want && w.plant != PlantLoseWatermark {
			return fmt.Errorf("the watermark is %d after a restart from epoch %d, at whose barrier it was %d", h.engine.WatermarkMs(), restored.Epoch, want)
		}
	}
	h.tickBase, h.tickAt = h.engine.NowMs(), w.nowMs
	w.tracef("%s starts: epoch %d, watermark %d, version %d, generated code %v", h.name, restored.Epoch, h.engine.WatermarkMs()-epochMs, w.version, h.generated)
	return h.arena.Check()
}

func (h *host) restore(restored *state.Restored) (*dataflow.Manifest, error) {
	var err error
	h.arena, err = state.NewArena(state.Options{
		Pager: h.disk, Swap: &memstore.Swap{}, SlabBytes: slabBytes, MemoryMax: h.w.memoryMax,
		HashSeed: h.w.seed<<16 + uint64(h.w.hosts), // another for each host
	})
	if err != nil {
		return nil, err
	}
	if restored.Manifest == nil {
		return nil, nil
	}
	m, err := dataflow.DecodeManifest(restored.Manifest)
	if err != nil {
		return nil, err
	}
	restored.Roots.InUse = m.Pages
	err = h.arena.Restore(restored.Roots, h.disk.Pages)
	if errors.Is(err, state.ErrIncomplete) && h.disk.file != nil {
		return nil, h.disk.Store.(*store.Store).Damaged(err)
	}
	if err != nil {
		return nil, err
	}
	h.dropUnknown()
	h.plantRestored(m)
	return m, nil
}

// dropUnknown drops the state of operators that the plan does not have, as newRunner does.
func (h *host) dropUnknown() {
	known := map[string]bool{}
	for _, n := range h.w.plans[h.w.version].Nodes {
		known[n.Base().ID] = true
	}
	for _, s := range h.arena.Spaces() {
		if !known[s.ID()] {
			h.arena.DropSpace(s.ID())
		}
	}
}

func (h *host) openForwarder(m *dataflow.Manifest) error {
	w := h.w
	merging, err := h.compactions()
	if err != nil {
		return err
	}
	var outputs []forward.OutputOptions
	for i, name := range h.engine.Outputs() {
		outputs = append(outputs, forward.OutputOptions{
			Name: name, Hub: &h.link, Subject: subjectOf(name), CursorSubject: cursorSubject(name),
			Pack: w.pack, Separator: "\n", BytesMax: w.budget.bytes, AgeMax: w.budget.age, OnFull: w.budget.onFull, OnLost: w.onLost, Compact: merging[name], Link: w.link(name), Group: w.group(name), Priority: w.budget.priority(i),
		})
	}
	h.plantBudget(outputs)
	h.fwd, err = forward.New(forward.Options{
		Pipeline: "sim", Instance: "i", Outputs: outputs, Store: h.disk, Clock: w,
		BackoffMin: 20 * time.Millisecond, BackoffMax: time.Second, OnEvent: h.onForward,
	}, wiring.OutputStates(m))
	if err != nil {
		return err
	}
	h.ledger = h.engine.Ledger()
	return h.account(h.ledger)
}

// account fills in what outboxes and hub have.
func (h *host) account(l *dataflow.Ledger) error {
	return h.accounted(wiring.Account(l, h.fwd.Statuses(h.w.Now()), h.disk))
}

// accounted passes over, as the runner does, a damaged outbox that cannot be counted.
func (h *host) accounted(err error) error {
	if h.w.struck && h.w.class == classDamage {
		return nil
	}
	return err
}

func (h *host) onForward(e forward.Event) {
	h.w.tracef("%s %s: %s %d %v", h.name, e.Output, e.Kind, e.Generation, e.Err)
	if e.Kind == forward.Claimed {
		h.claimed[e.Output] = true
	}
}

// subjectOf is where the rows of an output go, cursorSubject where its cursor is.
func subjectOf(output string) string     { return "out." + output }
func cursorSubject(output string) string { return "cursor." + output }

// loop is one round of the runner's loop: serve, barrier when due, step unless held.
func (h *host) loop() error {
	if h.stage == commitEnded {
		if err := h.settled(); err != nil {
			return err
		}
	}
	if h.checks.Expire(h.w.Now()) {
		h.w.drawn("checkpoint given up")
		h.w.hit("checkpoint given up", h.w.step())
		h.w.tracef("%s gives epoch %d up", h.name, h.checks.Epoch)
	}
	if h.checks.Due(h.w.Now()) {
		if err := h.barrier(); err != nil {
			return err
		}
	}
	if h.held = h.checks.Held(h.w.Now()); h.held != "" || h.checks.Drained() {
		h.finished = h.checks.Over()
		if h.held != "" {
			kind := "backpressure"
			if h.held == wiring.HeldByMemory {
				kind = "held by memory"
			}
			h.w.drawn(kind)
			h.w.hit(kind, h.w.step())
		}
		return nil
	}
	before := map[string]int64{}
	for _, name := range h.engine.Outputs() {
		before[name] = h.engine.OutputBytes(name)
	}
	err := h.step()
	for _, name := range h.engine.Outputs() {
		h.w.grew[name] = max(h.w.grew[name], h.engine.OutputBytes(name)-before[name])
	}
	return err
}

func (h *host) step() error {
	if h.draining {
		h.checks.Drain()
		h.w.tracef("%s drains", h.name)
		if err := h.engine.Drain(); err != nil {
			return err
		}
		return h.dump()
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
		if !h.w.calm {
			h.w.events["in all"] += int64(p.Rows)
		}
		h.tickBase, h.tickAt = h.engine.NowMs(), h.w.nowMs
		h.arena.Maintain()
		if err := h.withinMemory(); err != nil {
			return err
		}
		h.w.tracef("%s takes in %d rows of %d messages, %d pending", h.name, p.Rows, h.past.count(), p.Pending)
		h.point(pointStepped)
	case p.Pending == 0:
		return h.tick()
	}
	return nil
}

// tick lets time pass while nothing arrives. While an edit is waited for, time stands still;
// and with several sources, a run without faults goes by the other's ticks.
func (h *host) tick() error {
	w := h.w
	switch {
	case w.tickDue(h):
		at := w.ticks[0].nowMs
		w.ticks = w.ticks[1:]
		return h.engine.Tick(at)
	case len(w.edits) > 0 || w.calm && w.program.both:
		return nil
	}
	err := h.engine.Tick(h.tickBase + w.nowMs - h.tickAt)
	if w.program.both {
		h.past.ticked(w.version, h.engine.NowMs())
	}
	return err
}

// dump keeps the state as it is after the end of the input. Blocks of scalars but for the ledger
// are left out: they hold arrival times, which go on while a pipeline waits.
func (h *host) dump() error {
	var all, b strings.Builder
	err := h.arena.Dump(&all)
	for line := range strings.Lines(all.String()) {
		if !strings.HasPrefix(line, "  scalars") || strings.HasPrefix(line, `  scalars "ledger"`) {
			b.WriteString(line)
		}
	}
	h.past.drained = b.String()
	return err
}

// forward is a turn of the goroutines of the forwarder's lanes.
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

// checkpointNow takes a checkpoint and waits for it; an error of the store comes back.
func (h *host) checkpointNow() error {
	if h.stage != commitNone {
		if err := errors.Join(h.storeAll(), h.settled()); err != nil {
			return err
		}
	}
	if err := h.barrier(); err != nil {
		return err
	}
	return errors.Join(h.storeAll(), h.settled())
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
		if err := h.storeAll(); err != nil {
			return err
		}
	}
	if h.stage != commitNone {
		h.checks.Drop(h.w.Now())
		h.pending, h.stage = nil, commitNone
	}
	if h.engine == nil {
		return nil
	}
	return h.engine.Close()
}
