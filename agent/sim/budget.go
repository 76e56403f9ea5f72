package sim

import (
	"fmt"
	"time"

	"github.com/edgeflow/edgeflow/agent/wiring"
	"github.com/edgeflow/edgeflow/dataflow/state"
	forward "github.com/edgeflow/edgeflow/sync"
)

// budget is what outboxes may hold, what happens at its end, and which goes first.
type budget struct {
	bytes      int64         // 0 for any number
	age        time.Duration // 0 for any
	onFull     forward.FullPolicy
	priorities []int // by ordinal of an output, taken in turn
}

// drawBudget draws one; a pipeline that merges rows always has one of bytes.
func (w *world) drawBudget() {
	b := &w.budget
	if w.rng.IntN(4) == 0 {
		b.bytes = int64(1_000 + w.rng.IntN(4_000))
		if w.rng.IntN(3) == 0 {
			b.onFull = forward.DropOldest
		}
	}
	if w.program.merged != "" {
		b.bytes = int64(300 + w.rng.IntN(1_700))
	}
	if w.rng.IntN(6) == 0 {
		b.age = time.Duration(50+w.rng.IntN(3_000)) * time.Millisecond
		if w.rng.IntN(2) == 0 {
			b.onFull = forward.DropOldest
		}
	}
	b.priorities = []int{0, 1}
	if w.rng.IntN(2) == 0 {
		b.priorities = w.rng.Perm(5)
	}
}

func (b *budget) priority(ordinal int) int {
	if len(b.priorities) == 0 {
		return 0
	}
	return b.priorities[ordinal%len(b.priorities)]
}

// withinMemory checks, after upkeep, that images of pages are beyond their memory only where
// nothing but a checkpoint makes room. The copies that a checkpoint has made of pages are kept
// for the next one, 64 at a time, and are not looked at: they alone are more than such a budget.
func (h *host) withinMemory() error {
	images := int64(h.arena.Stats().Resident) * int64(h.arena.PageSize())
	if h.w.memoryMax == 0 || images <= h.w.memoryMax+slabBytes || h.arena.NeedCheckpoint() {
		return nil
	}
	return fmt.Errorf("%d bytes of pages are in memory, the budget is %d, and no checkpoint is asked for", images, h.w.memoryMax)
}

// withinBudget checks that no outbox is beyond its budget by more than what a step may add.
func (h *host) withinBudget() error {
	b := &h.w.budget
	if b.bytes == 0 || b.onFull == forward.DropOldest {
		return nil
	}
	for _, name := range h.engine.Outputs() {
		st, err := h.disk.Store.OutboxStats(name)
		if err != nil {
			return err
		}
		// A row takes some bytes in a frame beside its own, and is never empty.
		if most := b.bytes + 3*h.w.grew[name]; st.Bytes > most && !h.checks.Drained() {
			return fmt.Errorf("output %s: %d bytes in the outbox, its budget is %d and a step adds %d at most", name, st.Bytes, b.bytes, h.w.grew[name])
		}
	}
	return nil
}

// givenUp checks what a checkpoint that has begun gives up: rows that the budget has no room
// for, once what was sent is deleted, or that are too old, and all of those, where the policy is to drop the oldest; and no
// others.
func (h *host) givenUp(p *wiring.Pending) error {
	b, nowMs := &h.w.budget, h.w.nowMs
	for _, st := range h.fwd.Statuses(h.w.Now()) {
		done := st.Done()
		dropped := done
		for _, o := range p.Manifest.Outputs {
			if o.Name == st.Name {
				dropped = max(done, o.DroppedTo)
			}
		}
		if dropped > done {
			h.w.drawn("rows given up")
			h.w.hit("rows given up", h.w.step())
		}
		over := int64(0)
		if b.bytes > 0 {
			over = st.Bytes - b.bytes
		}
		bad := ""
		err := h.disk.Store.OutboxScan(st.Name, 0, func(f state.OutboxFrame) (bool, error) {
			if f.Last <= done { // the checkpoint deletes it anyway
				over -= int64(len(f.Data))
				return true, nil
			}
			old := b.age > 0 && nowMs-f.Created > b.age.Milliseconds()
			due := b.onFull == forward.DropOldest && (old || over > 0)
			over -= int64(len(f.Data))
			if given := f.Last <= dropped; given != due {
				bad = fmt.Sprintf("output %s: rows up to %d, %d ms old, of an outbox of %d bytes: given up %v, and the policy says %v",
					st.Name, f.Last, nowMs-f.Created, st.Bytes, given, due)
			}
			return bad == "" && f.Last <= dropped, nil
		})
		if err = h.accounted(err); err != nil {
			return err
		}
		if bad != "" {
			h.w.violate("%s", bad)
		}
	}
	return nil
}

// inTurn checks that no output sends rows while one that goes before it over the same link could.
// Whether one could is known where nothing but the link holds rows back, and its cursor is claimed.
func (h *host) inTurn(output string) {
	w := h.w
	if w.budget.onFull == forward.DropOldest || w.class == classHub || w.link(output) == "" {
		return
	}
	own, names := 0, h.engine.Outputs()
	for i, name := range names {
		if name == output {
			own = w.budget.priority(i)
		}
	}
	for _, st := range h.fwd.Statuses(w.Now()) {
		for i, name := range names {
			if name == st.Name && h.claimed[name] && w.link(name) == w.link(output) && w.budget.priority(i) > own && name != w.program.merged && st.Err == nil && st.Done() < st.Last {
				w.violate("output %s, of priority %d, sends while %s, of priority %d, has rows to send", output, own, name, w.budget.priority(i))
			}
		}
	}
}
