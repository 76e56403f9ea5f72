package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/edgeflow/edgeflow/agent/wiring"
	"github.com/edgeflow/edgeflow/connector/nats"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
	forward "github.com/edgeflow/edgeflow/sync"
)

// Plant is a bug to put between the parts of a host, which the checks must find.
type Plant uint8

// The bugs.
const (
	PlantNone Plant = iota
	// PlantTrimEarly deletes rows from the outbox before they are confirmed.
	PlantTrimEarly
	// PlantForgetFrames does not carry the frames of a declined checkpoint over.
	PlantForgetFrames
	// PlantForgetPages does not carry the pages of a declined checkpoint over.
	PlantForgetPages
	// PlantIgnorePosition reads the stream from its beginning after a restart.
	PlantIgnorePosition
	// PlantForwardEarly forwards rows before their commit.
	PlantForwardEarly
	// PlantSkipSync says that a commit lasts before it does.
	PlantSkipSync
	// PlantIgnoreError takes a commit that failed for one that did not.
	PlantIgnoreError
	// PlantHideUnsynced takes a commit that was written and not synced for one that was not
	// written.
	PlantHideUnsynced
	// PlantMissPage leaves a changed page out of a commit.
	PlantMissPage
	// PlantLoseWatermark restores a state whose watermark is gone.
	PlantLoseWatermark
	// PlantLoseTimers restores a state without the operators' timers and order.
	PlantLoseTimers
	// PlantAheadOfState saves a position one message ahead of the state.
	PlantAheadOfState
	// PlantBehindState saves a position one message behind the state.
	PlantBehindState
	// PlantIgnoreCursor takes its own account for what the hub says its cursor is.
	PlantIgnoreCursor
	// PlantIgnoreGuard publishes whatever the cursor's place is.
	PlantIgnoreGuard
	// PlantSameGeneration claims a cursor without raising its generation.
	PlantSameGeneration
	// PlantApplyTwice sends a batch that was not answered again, as another one.
	PlantApplyTwice
	// PlantResendConfirmed sends confirmed rows again under the sequences after them.
	PlantResendConfirmed
	// PlantLedgerEntry drops an entry of the ledger.
	PlantLedgerEntry
	// PlantGapUncounted goes on after a gap without counting it.
	PlantGapUncounted
	// PlantForgetMove goes on after a gap and keeps the position before it.
	PlantForgetMove
	// PlantUncounted leaves out of cursors how many rows were given up.
	PlantUncounted
	// PlantArrivalByClock takes arrival times from the host's clock.
	PlantArrivalByClock
	// PlantLostRefused loses rows that generated code leaves to the interpreter.
	PlantLostRefused
	// PlantTakenTwice has generated code take an event twice.
	PlantTakenTwice
	// PlantMergeLess leaves a row out of what it is merged into.
	PlantMergeLess
	// PlantMergeUncounted does not count how many rows were merged.
	PlantMergeUncounted
	// PlantKeepOld gives no row up for its age.
	PlantKeepOld
	// PlantDropYoung gives rows up at half their age.
	PlantDropYoung
	// PlantOutOfTurn sends outputs of lower priority first.
	PlantOutOfTurn
	// PlantForgetSource restores one of two sources without its position.
	PlantForgetSource
	// PlantSwapLedgers keeps the account of each of two sources as the other's.
	PlantSwapLedgers
	plants
)

// String names the bug.
func (p Plant) String() string {
	return [...]string{
		"none", "trim before confirmation", "forget the frames of a declined checkpoint",
		"forget the pages of a declined checkpoint", "ignore the position on restore", "forward before commit",
		"skip a sync", "ignore the error of a commit",
		"take what could not be synced for not written", "miss a changed page", "lose the watermark on restore",
		"lose timers on restore", "save a position ahead of the state", "save a position behind the state",
		"ignore the cursor", "ignore the guard", "claim without raising the generation", "apply a request twice",
		"send confirmed rows again", "drop a ledger entry", "go on after a gap without counting it",
		"go on after a gap and keep the position before it", "leave given up rows out of the cursor",
		"arrival time by the host's clock", "lose rows that generated code refuses", "take an event twice by generated code",
		"merge and leave a row out", "merge and do not count", "give no row up for its age",
		"give rows up at half their age", "send outputs of lower priority first", "forget the position of one source of two",
		"swap the ledgers of two sources",
	}[p]
}

// Plants lists the bugs.
func Plants() (all []Plant) {
	for p := PlantNone + 1; p < plants; p++ {
		all = append(all, p)
	}
	return all
}

// planting tells whether the bug is planted and shows itself now, at one chance in n.
func (w *world) planting(p Plant, n int) bool {
	if w.plant != p || w.rng.IntN(n) > 0 {
		return false
	}
	w.planted++
	w.tracef("BUG: %v", p)
	return true
}

// plantBarrier changes a checkpoint that was begun.
func (h *host) plantBarrier(p *wiring.Pending) (err error) {
	w, m := h.w, p.Manifest
	switch {
	case w.planting(PlantTrimEarly, 1):
		p.Commit.Trim = nil
		for _, name := range h.engine.Outputs() {
			if st, err := h.disk.OutboxStats(name); err == nil && st.Last > 0 {
				p.Commit.Trim = append(p.Commit.Trim, state.OutboxTrim{Output: name, UpTo: st.Last})
			}
		}
		return nil
	case w.planting(PlantAheadOfState, 1):
		err = h.shift(m, 1)
	case w.planting(PlantBehindState, 1):
		err = h.shift(m, -1)
	case len(m.Sources) > 1 && w.planting(PlantSwapLedgers, 1):
		m.Sources[0].Ledger, m.Sources[1].Ledger = m.Sources[1].Ledger, m.Sources[0].Ledger
	case w.planting(PlantLedgerEntry, 1):
		for i := range m.Sources {
			m.Sources[i].Ledger.Read--
		}
	default:
		return nil
	}
	if err != nil {
		return err
	}
	p.Commit.Manifest, err = m.MarshalMsg(nil)
	return err
}

// shift moves the positions of a manifest.
func (h *host) shift(m *dataflow.Manifest, by int) error {
	for i := range m.Sources {
		s := h.w.streams[slices.Index(tables, m.Sources[i].Table)]
		p, err := nats.DecodePosition(m.Sources[i].Position)
		if err != nil || p.Sequence+uint64(by) == 0 || p.Sequence+uint64(by) > s.last() {
			continue
		}
		p.Sequence += uint64(by)
		at := s.at(p.Sequence, h.w.input)
		p.StoredNs, p.Hash = at.StoredNs, at.Hash
		m.Sources[i].Position = p.Append(nil)
	}
	return nil
}

// plantDeclined changes what is carried over of a checkpoint that was declined.
func (h *host) plantDeclined(p *wiring.Pending) {
	switch {
	case h.w.planting(PlantForgetPages, 1):
		p.Commit.Delta.Done()
		p.Commit.Delta = nil
	case h.w.planting(PlantForgetFrames, 1):
		p.Commit.Append = nil
	case errors.Is(p.Err, store.ErrUnsynced) && h.w.planting(PlantHideUnsynced, 1):
		p.Err = errCommit
	case h.w.planting(PlantIgnoreError, 1):
		p.Err = nil
	}
}

// plantRestored changes what was restored.
func (h *host) plantRestored(m *dataflow.Manifest) {
	drop := func(match func(id, name string) bool) {
		for _, s := range h.arena.Spaces() {
			for _, name := range s.Names() {
				if match(s.ID(), name) {
					s.Drop(name)
				}
			}
		}
	}
	switch {
	case h.w.planting(PlantIgnorePosition, 1):
		for i := range m.Sources {
			m.Sources[i].Position = nil
		}
	case len(m.Sources) > 1 && h.w.planting(PlantForgetSource, 1):
		m.Sources[1].Position = nil
	case h.w.planting(PlantLoseWatermark, 1):
		drop(func(id, _ string) bool { return h.isKind(id, "WatermarkAssigner") })
	case h.w.planting(PlantLoseTimers, 1):
		drop(func(_, name string) bool { return timers[name] })
	}
}

// plantBefore changes what a commit writes, and returns what changes it afterwards.
func (d *disk) plantBefore(c *state.Commit) func() {
	if d.mem == nil || c.Delta == nil || !d.w.planting(PlantMissPage, 3) {
		return func() {}
	}
	old := map[state.PageID][]byte{}
	_ = d.mem.Pages(func(p state.PageID, img []byte) error {
		old[p] = append([]byte(nil), img...)
		return nil
	})
	return func() {
		if r, err := d.mem.Load(); err != nil || r.Epoch != c.Epoch {
			return
		}
		_ = d.mem.Pages(func(p state.PageID, img []byte) error {
			if was := old[p]; was != nil && p > 0 && string(was) != string(img) {
				d.mem.SetPage(p, was)
				return errAbandoned // one page is enough
			}
			return nil
		})
	}
}

// plantCursor changes what the host learns of a cursor.
func (l *link) plantCursor(data []byte, place uint64, subject string) ([]byte, uint64) {
	w := l.h.w
	if place == 0 {
		return data, place
	}
	rec, err := forward.DecodeRecord(data)
	if err != nil {
		return data, place
	}
	switch {
	case w.planting(PlantIgnoreCursor, 1):
		for _, s := range l.h.fwd.Statuses(w.Now()) {
			if cursorSubject(s.Name) == subject {
				rec.From, rec.Outbox = s.Cursor, s.Cursor
			}
		}
	case w.planting(PlantSameGeneration, 1):
		l.seen[subject] = rec.Generation
		rec.Generation += l.shift[subject]
	default:
		return data, place
	}
	return rec.Append(nil), place
}

// plantPublish changes what the host sends to the hub.
func (l *link) plantPublish(ctx context.Context, b *forward.Batch) (uint64, error) {
	w, hub := l.h.w, l.h.w.hub
	rows := len(b.Messages) > 0
	var guard *forward.GuardError
	switch {
	case w.planting(PlantUncounted, 1):
		b.Cursor.Counted, b.Cursor.Skipped = false, 0
		for i := range b.With {
			b.With[i].Cursor.Counted, b.With[i].Cursor.Skipped = false, 0
		}
	case w.planting(PlantSameGeneration, 1):
		if !rows {
			l.shift[b.Subject] = b.Cursor.Generation - l.seen[b.Subject]
		}
		b.Cursor.Generation -= l.shift[b.Subject]
	case rows && w.planting(PlantIgnoreGuard, 1):
		place, err := hub.Publish(ctx, b)
		for range 3 {
			if !errors.As(err, &guard) {
				break
			}
			b.Expect = guard.Place
			place, err = hub.Publish(ctx, b)
		}
		return place, err
	case rows && w.planting(PlantApplyTwice, 1):
		place, err := hub.Publish(ctx, b)
		if err == nil || errors.As(err, &guard) {
			return place, err
		}
		var refused *forward.RefusedError
		if errors.As(err, &refused) {
			return place, err
		}
		_, b.Expect, _ = hub.ReadCursor(ctx, b.Subject)
		return hub.Publish(ctx, b)
	case rows && w.planting(PlantResendConfirmed, 10):
		place, err := hub.Publish(ctx, b)
		if err != nil {
			return place, err
		}
		again := *b
		n := b.Cursor.Outbox - b.Cursor.From
		again.Expect, again.Cursor.From, again.Cursor.Outbox = place, b.Cursor.Outbox, b.Cursor.Outbox+n
		again.Messages = append([]forward.Message(nil), b.Messages...)
		for i := range again.Messages {
			again.Messages[i].First += n
			again.Messages[i].Last += n
		}
		if _, err := hub.Publish(ctx, &again); err != nil {
			return place, nil
		}
		return place, nil
	}
	return hub.Publish(ctx, b)
}

// isKind tells whether the operator of that identity is of a kind.
func (h *host) isKind(id, kind string) bool {
	for _, n := range h.w.plans[h.w.version].Nodes {
		if n.Base().ID == id {
			return fmt.Sprintf("%T", n) == "*plan."+kind || n.Kind() == kind
		}
	}
	return false
}

// timers are the structures that say what is due, or in which order.
var timers = map[string]bool{"timers": true, "waiting": true, "ends": true}
