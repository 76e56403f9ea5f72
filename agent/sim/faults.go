package sim

import "slices"

// class is what of the world's memory may be lost in a run. A run has one: what may be
// missing in the end is then known.
type class uint8

const (
	// classSteady loses nothing that was promised; the pipeline may be edited.
	classSteady class = iota
	// classUnsynced has a disk that loses commits which it said were written.
	classUnsynced
	// classRivals starts the pipeline twice.
	classRivals
	// classStream trims the stream, makes it anew or rolls it back, once.
	classStream
	// classHub rolls the hub back or takes its cursors away, once.
	classHub
	// classDamage changes or cuts the state file, once.
	classDamage
)

var classNames = [...]string{"steady", "unsynced", "rivals", "stream", "hub", "damage"}

func (c class) String() string { return classNames[c] }

// drawClass draws a class, the common ones more often.
func (w *world) drawClass() class {
	switch n := w.rng.IntN(100); {
	case n < 45:
		return classSteady
	case n < 57:
		return classUnsynced
	case n < 77:
		return classRivals
	case n < 87:
		return classStream
	case n < 97:
		return classHub
	}
	return classDamage
}

// fault is a kind of thing that goes wrong between two turns.
type fault struct {
	name   string
	weight int
	// classes are those that it belongs to; none means all.
	classes []class
	// strike lets it happen, and tells of it; it does nothing where it makes no sense now.
	strike func(w *world, name string) error
}

// faults are what a turn may draw. Those of requests and replies are drawn with each.
var faults = []fault{
	{"crash", 24, nil, armCrash},
	{"crash between two steps", 4, nil, crashNow},
	{"commit fails", 5, nil, func(w *world, name string) error { w.drawn(name); w.disk.failNext++; return nil }},
	{"disk full", 3, nil, fillDisk},
	{"fsync fails", 4, []class{classUnsynced, classRivals}, failSync},
	{"fsync slow", 3, nil, slowDisk},
	{"hub link cut", 5, nil, onMain(func(w *world, h *host) { h.link.cut += w.rng.IntN(30) })},
	{"hub link slow", 2, nil, onMain(func(w *world, h *host) { h.link.slow = 1 + w.rng.IntN(10) })},
	{"source link cut", 4, nil, onMain(func(w *world, h *host) { h.someSource().cut += w.rng.IntN(30) })},
	{"source fails", 3, nil, onMain(func(_ *world, h *host) { h.someSource().fails = true })},
	{"hub restart", 3, nil, func(w *world, name string) error { w.strike(name); w.hub.down += 1 + w.rng.IntN(10); return nil }},
	{"clock jumps ahead", 2, nil, onMain(func(w *world, h *host) { h.skewMs += w.rng.Int64N(900_000) })},
	{"clock jumps back", 2, nil, onMain(func(w *world, h *host) { h.skewMs -= w.rng.Int64N(900_000) })},
	{"graceful stop", 4, nil, gracefulStop},
	{"drain", 2, nil, drainEarly},
	{"pipeline edited", 6, []class{classSteady}, editPipeline},
	{"second instance", 3, []class{classRivals, classUnsynced}, takeOver},
	{"second instance dies", 2, []class{classRivals, classUnsynced}, rivalDies},
	{"stream trimmed", 3, []class{classStream}, trimStream},
	{"stream created again", 2, []class{classStream}, recreateStream},
	{"stream rolled back", 3, []class{classStream}, rollStreamBack},
	{"hub copied", 6, []class{classHub}, copyHub},
	{"hub rolled back", 3, []class{classHub}, rollHubBack},
	{"hub lost a cursor", 1, []class{classHub}, loseCursor},
	{"bit flipped", 4, []class{classDamage}, flipBit},
	{"state file cut", 2, []class{classDamage}, cutFile},
}

// drawFault lets one thing go wrong.
func (w *world) drawFault() error {
	n := w.rng.IntN(w.weights)
	for i := range w.faults {
		if n -= w.faults[i].weight; n < 0 {
			return w.faults[i].strike(w, w.faults[i].name)
		}
	}
	return nil
}

// faultsOf are the faults of a class, and the sum of their weights.
func faultsOf(c class) (of []fault, weights int) {
	for _, f := range faults {
		if f.classes == nil || slices.Contains(f.classes, c) {
			of = append(of, f)
			weights += f.weight
		}
	}
	return of, weights
}

// onMain is a fault of the running host.
func onMain(fn func(*world, *host)) func(*world, string) error {
	return func(w *world, name string) error {
		if w.main != nil {
			w.strike(name)
			fn(w, w.main)
			w.tracef("%s", name)
		}
		return nil
	}
}

func armCrash(w *world, name string) error {
	w.drawn(name)
	w.armed, w.armedSkip = points[w.rng.IntN(len(points))], w.rng.IntN(3)
	w.tracef("armed: %s, after %d", w.armed, w.armedSkip)
	return nil
}

func crashNow(w *world, name string) error {
	if w.main == nil {
		return nil
	}
	w.strike(name)
	w.tracef("%s crashes", w.main.name)
	return w.down(w.main, w.rng.IntN(2) == 0)
}

func fillDisk(w *world, name string) error {
	w.strike(name)
	w.disk.fill(20 + w.rng.IntN(60))
	w.tracef("the disk is full")
	return nil
}

func failSync(w *world, name string) error {
	if w.disk.mem != nil {
		w.drawn(name)
		w.disk.mem.FailSync(true)
		w.tracef("the next sync fails")
	}
	return nil
}

func slowDisk(w *world, name string) error {
	w.drawn(name)
	w.disk.slow = 1 + w.rng.IntN(80)
	w.tracef("the disk is slow")
	return nil
}

func gracefulStop(w *world, name string) error {
	if w.main == nil {
		return nil
	}
	w.strike(name)
	return w.stopMain()
}

// stopMain ends main as a person does.
func (w *world) stopMain() error {
	h := w.main
	w.tracef("%s stops gracefully", h.name)
	return w.guard(h, func() error {
		if err := h.stop(w.rng.IntN(20)); err != nil {
			return err
		}
		return w.down(h, false)
	})
}

// drainEarly asks for the end when the stream has ended and all of it was read.
func drainEarly(w *world, name string) error {
	if h := w.main; h != nil && w.exhausted(h) && !h.draining {
		w.strike(name)
		h.draining = true
	}
	return nil
}

// editPipeline stops or crashes the pipeline, and starts it with another query. One that has
// ended is not edited.
func editPipeline(w *world, name string) error {
	ended := w.disk.past().drained != "" || w.main != nil && (w.main.draining || w.main.past.drained != "")
	if w.version > 0 || len(w.plans) < 2 || ended {
		return nil
	}
	w.strike(name)
	w.tracef("the pipeline is edited")
	w.version = 1
	switch {
	case w.main == nil:
		return nil
	case w.rng.IntN(3) == 0:
		return w.down(w.main, w.rng.IntN(2) == 0)
	}
	return w.stopMain()
}

// takeOver starts the pipeline on a copy of the disk while the old host goes on.
func takeOver(w *world, name string) error {
	if w.main == nil || w.zombie != nil || w.rivals == 0 {
		return nil
	}
	d, err := w.disk.copy(w)
	if err != nil {
		return err
	}
	w.strike(name)
	w.rivals--
	w.frozen = w.rng.IntN(3) > 0
	w.tracef("%s becomes a zombie, frozen %v", w.main.name, w.frozen)
	w.zombie, w.main, w.disk = w.main, nil, d
	w.ahead, w.twins, w.armed = w.ahead || !w.frozen, true, ""
	return nil
}

func rivalDies(w *world, name string) error {
	if w.zombie == nil {
		return nil
	}
	w.strike(name)
	w.tracef("%s dies", w.zombie.name)
	return w.bury()
}

// once tells, for a fault that a run has at most once, whether it may happen now.
func (w *world) once(name string) bool {
	if w.struck {
		return false
	}
	w.struck = true
	w.strike(name)
	return true
}

func trimStream(w *world, name string) error {
	w.arrive()
	s := w.someStream()
	if n := int(s.last()); n > 0 && w.once(name) {
		// Around what was read, which is rather at the end: the newest message may stay or go.
		k := w.rng.IntN(n + 1)
		s.trim(uint64(1 + n - k*k/(n+1)))
		w.tracef("stream %s is trimmed: it begins at %d of %d", s.name, s.first, n)
	}
	return nil
}

func recreateStream(w *world, name string) error {
	w.arrive()
	if s := w.someStream(); w.once(name) {
		s.recreate(w.nowMs)
		w.tracef("stream %s is created again", s.name)
	}
	return nil
}

func rollStreamBack(w *world, name string) error {
	w.arrive()
	s := w.someStream()
	if n := int(s.last()); n > 0 && w.once(name) {
		s.rollBack(1 + w.rng.IntN(min(n, 20)))
		w.tracef("stream %s is rolled back from %d to %d", s.name, n, s.last())
	}
	return nil
}

// copyHub makes the copy that the hub may be rolled back to.
func copyHub(w *world, name string) error {
	if !w.struck && (!w.copied || w.rng.IntN(2) == 0) {
		w.strike(name)
		w.hubCopy, w.copied = w.hub.Backup(), true
		w.tracef("the hub is copied")
	}
	return nil
}

func rollHubBack(w *world, name string) error {
	if !w.copied || !w.once(name) {
		return nil
	}
	gone := w.hub.Restore(w.hubCopy)
	for _, m := range gone {
		for seq := m.First; seq <= m.Last; seq++ {
			w.hubLost[hubRow{outputOf(m.Subject), seq}] = true
		}
	}
	w.tracef("the hub is rolled back: %d messages are gone", len(gone))
	return nil
}

func loseCursor(w *world, name string) error {
	if w.main == nil || !w.once(name) {
		return nil
	}
	outputs := w.main.engine.Outputs()
	o := outputs[w.rng.IntN(len(outputs))]
	w.hub.Lose(cursorSubject(o))
	w.resent[o] = true
	w.tracef("the hub loses the cursor of %s", o)
	return nil
}

func flipBit(w *world, name string) error {
	return w.damage(name, func(b []byte) []byte {
		at := w.rng.IntN(len(b))
		b[at] ^= 1 << w.rng.IntN(8)
		w.tracef("bit flipped at %d of %d", at, len(b))
		return b
	})
}

func cutFile(w *world, name string) error {
	return w.damage(name, func(b []byte) []byte {
		b = b[:w.rng.IntN(len(b))]
		w.tracef("the state file is cut to %d", len(b))
		return b
	})
}

// damage changes the state file of a pipeline that is taken down for it.
func (w *world) damage(name string, change func([]byte) []byte) error {
	if w.struck || !w.disk.written() {
		return nil
	}
	if w.main != nil {
		if err := w.down(w.main, false); err != nil {
			return err
		}
	}
	w.once(name)
	return w.disk.change(change)
}
