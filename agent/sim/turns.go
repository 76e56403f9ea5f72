package sim

import (
	"fmt"
	"slices"
	"strings"

	forward "github.com/edgeflow/edgeflow/sync"
)

// turnsMax bounds the turns after healing.
const turnsMax = 40_000

// turn lets one thing happen.
func (w *world) turn() error {
	w.nowMs += int64(w.rng.IntN(30))
	w.disk.pass()
	if w.rng.IntN(1_000) < 60 {
		return w.drawFault()
	}
	if w.main == nil {
		if w.rng.IntN(2) == 0 {
			return w.up()
		}
		return nil
	}
	h := w.main
	if z := w.zombie; z != nil && w.rng.IntN(3) == 0 {
		h = z
		if w.frozen {
			return w.guard(h, h.forward)
		}
	}
	switch n := w.rng.IntN(10); {
	case n < 5:
		return w.guard(h, h.loop)
	case n < 9:
		return w.guard(h, h.forward)
	default:
		return w.guard(h, h.store)
	}
}

// heal ends all faults.
func (w *world) heal() error {
	w.tracef("all heals")
	w.faulty, w.healing = false, true
	w.hub.Heal()
	w.hub.down = 0
	w.disk.heal()
	w.armed = ""
	if h := w.main; h != nil {
		h.link.cut, h.link.slow = 0, 0
		for _, r := range h.sources {
			r.cut, r.fails = 0, false
		}
	}
	if w.zombie != nil {
		return w.bury()
	}
	return nil
}

// finish runs until all input is processed, drained and delivered.
func (w *world) finish() error {
	w.edit()
	for range turnsMax {
		if w.refused {
			return nil
		}
		w.nowMs += int64(1 + w.rng.IntN(40))
		h := w.main
		if h == nil {
			if err := w.up(); err != nil {
				return err
			}
			continue
		}
		if err := w.guard(h, h.loop); err != nil {
			return err
		}
		if err := w.guard(h, h.store); err != nil {
			return err
		}
		if len(w.edits) > 0 && w.main == h && h.idle && h.past.count() == w.edits[0].at && !w.tickDue(h) {
			w.nowMs = max(w.nowMs, w.edits[0].nowMs)
			if err := h.engine.Tick(w.edits[0].nowMs); err != nil {
				return err
			}
			if err := w.stopMain(); err != nil {
				return err
			}
			w.edit()
			continue
		}
		h.draining = h.draining || w.exhausted(h)
		for i := 0; i < 3 && w.main == h; i++ {
			if err := w.guard(h, h.forward); err != nil {
				return err
			}
		}
		if h.finished && w.main == h {
			return w.audit(h)
		}
	}
	return fmt.Errorf("not finished after %d turns: %s", turnsMax, w.situation())
}

// edit changes the pipeline at the place of a run without faults where another changed it.
func (w *world) edit() {
	reached := 0
	if w.main != nil {
		reached = w.main.past.count()
	} else {
		p := w.disk.past()
		reached = p.count()
	}
	for len(w.edits) > 0 && w.edits[0].at <= reached {
		w.version, w.edits = w.edits[0].version, w.edits[1:]
	}
}

// situation describes main for an error.
func (w *world) situation() string {
	h := w.main
	if h == nil {
		return "the pipeline is down"
	}
	var s strings.Builder
	fmt.Fprintf(&s, "read %d of %d, held by %q, drained %v, commit stage %d, carry %d, epoch %d", h.past.count(), len(w.input), h.held, h.checks.Drained(), h.stage, h.checks.Carried(), h.checks.Epoch)
	for _, o := range h.fwd.Statuses(w.Now()) {
		fmt.Fprintf(&s, "; %s: done %d of %d, %v", o.Name, o.Done(), o.Last, o.Err)
	}
	return s.String()
}

// audit checks a host that has finished: its ledger, its state, its disk.
func (w *world) audit(h *host) error {
	w.past, w.asked = h.past.clone(), h.claimed
	for _, st := range h.fwd.Statuses(w.Now()) {
		at, err := w.hub.Cursor(cursorSubject(st.Name))
		if err != nil {
			return err
		}
		// Nobody has asked what became of its last request, or a request came after the answer.
		if st.Err != nil || at.Outbox > st.Cursor {
			delete(w.asked, st.Name)
		}
	}
	l := h.engine.Ledger()
	if err := h.account(l); err != nil {
		return err
	}
	if bad := l.Imbalances(); bad != nil {
		return fmt.Errorf("the final ledger does not balance: %v", bad)
	}
	for _, o := range l.Outputs {
		if o.InOutbox != 0 || o.Dropped != 0 && w.budget.onFull != forward.DropOldest {
			return fmt.Errorf("output %s: %d rows in the outbox and %d dropped at the end", o.Name, o.InOutbox, o.Dropped)
		}
		w.dropped[o.Name] = uint64(o.Dropped)
		w.merged += uint64(o.Merged)
	}
	for _, o := range l.Operators {
		if o.Open != 0 {
			return fmt.Errorf("%s %s: %d rows stay in windows at the end", o.Kind, o.ID, o.Open)
		}
	}
	all := tally(w.input, &w.past)
	for _, s := range l.Sources {
		i := slices.Index(tables, s.Name)
		want, gap := all[i], w.past.gap[i]
		if s.Read != want.events || s.Undecodable != want.undecodable || s.Messages != want.messages || s.Gap != gap {
			return fmt.Errorf("source %s: read %d events of %d messages, %d undecodable, %d missing; the input has %d of %d, %d undecodable, %d missing",
				s.Name, s.Read, s.Messages, s.Undecodable, s.Gap, want.events, want.messages, want.undecodable, gap)
		}
	}
	if err := h.arena.Check(); err != nil {
		return err
	}
	return h.disk.Check()
}

type totals struct{ messages, events, undecodable int64 }

// tally counts what the messages of p hold, by source.
func tally(input []entry, p *past) (all [sourcesMax]totals) {
	p.each(func(i int) {
		t := &all[input[i].source]
		t.messages++
		for _, e := range input[i].events {
			t.events++
			if e.kind == badField || e.kind == badSyntax {
				t.undecodable++
			}
		}
	})
	return all
}
