package sim

import (
	"fmt"
	"iter"

	"github.com/edgeflow/edgeflow/agent/wiring"
)

// commitStage is how far the background part of a checkpoint is.
type commitStage uint8

const (
	commitNone  commitStage = iota
	commitTaken             // the barrier is behind, the store not reached
	commitEnded             // the store has answered, the engine has not heard of it
)

// barrier ends an epoch; store does the background part.
func (h *host) barrier() error {
	h.point(pointBarrierBefore)
	w := h.w
	p, err := h.checks.Begin(w.Now())
	if err != nil {
		return err
	}
	c := p.Commit
	if err := h.plantBarrier(p); err != nil {
		return err
	}
	h.pending, h.stage = p, commitTaken
	if err := h.givenUp(p); err != nil {
		return err
	}
	h.past.watermark, h.past.nowMs = h.engine.WatermarkMs(), h.engine.NowMs()
	h.disk.marks[c.Epoch] = h.past.clone()
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

// store goes on with the background part of a checkpoint.
func (h *host) store() error { return h.storeSome(1 + h.w.rng.IntN(40)) }

// storeAll ends the background part of a checkpoint.
func (h *host) storeAll() error {
	h.disk.slow = 0
	return h.storeSome(1 << 30)
}

// storeSome captures some pages of a checkpoint; what is left waits for another turn.
func (h *host) storeSome(pages int) error {
	if h.stage != commitTaken {
		return nil
	}
	d := h.disk
	if d.slow > 0 {
		if d.slow--; d.slow > 0 {
			return nil
		}
		h.w.hit("fsync slow", h.w.step())
	}
	if h.write == nil {
		h.write, h.quit = iter.Pull(func(yield func(struct{}) bool) {
			d.yield = func() bool { return yield(struct{}{}) }
			defer func() { d.yield = nil }()
			h.checks.Write(h.pending)
		})
	}
	d.budget = pages
	if _, more := h.next(); more {
		return nil
	}
	if n := len(h.pending.Commit.Replace); n > 0 && h.pending.Err == nil {
		h.w.drawn("rows merged")
		h.w.hit("rows merged", h.w.step())
		h.w.tracef("%s merges rows of %d outputs", h.name, n)
	}
	h.w.tracef("%s commit %d: %v", h.name, h.pending.Commit.Epoch, h.pending.Err)
	h.stage = commitEnded
	return h.accounted(h.pending.AccountErr)
}

// next goes on with the commit until it pauses or ends; a crash in it ends it.
func (h *host) next() (_ struct{}, more bool) {
	write := h.write
	h.write = nil
	v, more := write()
	if more {
		h.write = write
		return v, true
	}
	h.quit = nil
	return v, false
}

// abandon ends a commit under way as the end of the process does.
func (h *host) abandon() {
	if h.quit != nil {
		h.quit()
	}
	h.write, h.quit, h.stage = nil, nil, commitNone
	h.countEvents()
}

// settled takes in the outcome of a checkpoint.
func (h *host) settled() error {
	p := h.pending
	h.pending, h.stage = nil, commitNone
	if p.Err != nil {
		if !h.disk.declined(p.Err) {
			return fmt.Errorf("a checkpoint is declined though the disk works: %w", p.Err)
		}
		h.w.drawn("checkpoint declined")
		h.w.hit("checkpoint declined", h.w.step())
		h.plantDeclined(p)
	}
	return h.checks.Settle(h.w.Now(), p)
}

// committed takes in a checkpoint that is stored, before its rows may leave.
func (h *host) committed(p *wiring.Pending) error {
	h.ledger = p.Ledger
	if bad := h.ledger.Imbalances(); bad != nil && (p.AccountErr == nil || h.accounted(p.AccountErr) != nil) {
		return fmt.Errorf("the ledger of epoch %d does not balance: %v", p.Commit.Epoch, bad)
	}
	if err := h.withinBudget(); err != nil {
		return err
	}
	h.point(pointSettled)
	return nil
}
