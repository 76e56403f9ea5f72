package sim

import "fmt"

// turnsMax bounds the turns after healing.
const turnsMax = 40_000

// turn lets one thing happen.
func (w *world) turn() error {
	w.nowMs += int64(w.rng.IntN(30))
	if n := w.rng.IntN(1_000); n < 60 {
		return w.fault(n)
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

// fault lets one thing go wrong; n is below 60.
func (w *world) fault(n int) error {
	h := w.main
	switch {
	case n < 4:
		if h != nil {
			w.count("crash between two steps")
			w.tracef("%s crashes", h.name)
			return w.down(h, w.rng.IntN(2) == 0)
		}
	case n < 28:
		w.armed, w.armedSkip = points[w.rng.IntN(len(points))], w.rng.IntN(3)
		w.tracef("armed: %s, after %d", w.armed, w.armedSkip)
	case n < 34:
		w.disk.FailNext(1)
		w.injected++
		w.tracef("the next commit fails")
	case n < 40:
		if h != nil {
			w.count("hub link cut")
			h.link.cut += w.rng.IntN(30)
		}
	case n < 44:
		if h != nil {
			w.count("source link cut")
			h.sourceCut += w.rng.IntN(30)
		}
	case n < 47:
		w.count("hub restart")
		w.hub.down += 1 + w.rng.IntN(10)
	case n < 50:
		if h != nil {
			h.sourceFails = true
		}
	case n < 54:
		return w.gracefulStop()
	case n < 56:
		return w.takeover()
	case n < 58:
		if w.zombie != nil {
			w.tracef("%s dies", w.zombie.name)
			w.zombie = nil
		}
	default:
		return w.drain()
	}
	return nil
}

func (w *world) gracefulStop() error {
	h := w.main
	if h == nil {
		return nil
	}
	w.count("graceful stop")
	w.tracef("%s stops gracefully", h.name)
	return w.guard(h, func() error {
		if err := h.stop(w.rng.IntN(20)); err != nil {
			return err
		}
		return w.down(h, false)
	})
}

// drain asks for the end when the stream has ended and all of it was read.
func (w *world) drain() error {
	if h := w.main; h != nil && h.idle && h.source.next == len(w.input) && !h.draining {
		w.count("drain under faults")
		h.draining = true
	}
	return nil
}

// heal ends all faults.
func (w *world) heal() {
	w.tracef("all heals")
	w.hub.Heal()
	w.hub.down = 0
	w.disk.FailNext(0)
	w.armed = ""
	w.zombie = nil
	if h := w.main; h != nil {
		h.link.cut, h.sourceCut, h.sourceFails = 0, 0, false
	}
}

// finish runs until all input is processed, drained and delivered.
func (w *world) finish() error {
	faulty := w.faulty
	w.faulty = false
	for range turnsMax {
		if w.refused {
			break
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
		h.draining = h.draining || h.idle && h.source.next == len(w.input)
		for i := 0; i < 3 && w.main == h; i++ {
			if err := w.guard(h, h.forward); err != nil {
				return err
			}
		}
		if h.finished {
			w.faulty = faulty
			return w.audit(h)
		}
	}
	if w.refused {
		w.faulty = faulty
		return nil
	}
	return fmt.Errorf("not finished after %d turns: %s", turnsMax, w.situation())
}

// situation describes main for an error.
func (w *world) situation() string {
	h := w.main
	if h == nil {
		return "the pipeline is down"
	}
	s := fmt.Sprintf("read %d of %d, drained %v, commit stage %d, carry %d, epoch %d", h.source.next, len(w.input), h.checks.Drained(), h.stage, h.checks.Carried(), h.checks.Epoch)
	for _, o := range h.fwd.Statuses(w.Now()) {
		s += fmt.Sprintf("; %s: done %d of %d, %v", o.Name, o.Done(), o.Last, o.Err)
	}
	return s
}
