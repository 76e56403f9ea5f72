package state

import "slices"

// Swap keeps images of changed pages for which memory has no room in the midst of a step,
// until the next checkpoint stores them. What it keeps is of no use to anybody after the
// process: a crash loses what was not committed, swapped or not.
type Swap interface {
	// Put keeps a page's image in a slot, over what the slot held.
	Put(slot uint32, image []byte) error
	// Get fills dst with the image in a slot. It may run beside Put of another slot, on any
	// goroutine.
	Get(slot uint32, dst []byte) error
	// Reset forgets all images and gives their room back.
	Reset() error
}

// swapped says which pages have their newest image in the Swap.
//
// A slot is written once while it is taken. A delta in flight reads pages from the slots
// that they were in at its barrier, so those are free again only after it.
type swapped struct {
	slots   []uint32 // by page: the slot + 1, 0 for none; nil while none is taken
	free    []uint32
	retired []uint32 // free when the delta in flight ends
	next    uint32
	taken   int // retired ones included
	writes  int64
	err     error // of the last Put; nothing is put until the next checkpoint has ended
	// vain is the number of pages in memory from which on Relieve looks for some that can go,
	// after it found too few: to look each time would make a step take the square of its pages.
	vain int
}

// slot is where page p is, and whether it is there.
func (s *swapped) slot(p PageID) (uint32, bool) {
	if int(p) >= len(s.slots) || s.slots[p] == 0 {
		return 0, false
	}
	return s.slots[p] - 1, true
}

// snapshot is what a barrier notes: nil when nothing is swapped.
func (s *swapped) snapshot() []uint32 {
	if s.taken == 0 {
		return nil
	}
	return slices.Clone(s.slots)
}

// Relieve is Maintain for the midst of a step, such as a watermark that closes very many
// windows: above the memory limit it drops pages, and puts those that have changed into the
// Swap. An operator calls it now and then while it goes through much state, where neither it
// nor those that wait for it hold bytes of the arena.
func (a *Arena) Relieve() {
	if !a.limited || !a.opt.Scribble && (!a.excess() || a.resident < a.swap.vain) {
		return
	}
	a.evict(true)
	a.swap.vain = 0
	if a.excess() {
		a.swap.vain = a.resident + a.resident/8 + 1
	}
}

// excess tells that images take more than the memory limit. Frames without a page do not
// count, since others take them.
func (a *Arena) excess() bool {
	return int64(a.resident)*int64(a.pageSize)+a.copies.bytes() > a.opt.MemoryMax
}

// swapOut puts page p, which has a frame, into the Swap, unless the checkpoint in flight has
// still to read the frame.
func (a *Arena) swapOut(p PageID) {
	s := &a.swap
	if a.free.has(uint32(p)) || a.inflight != nil && a.inflight.reads(p) {
		return
	}
	if _, same := s.slot(p); !same {
		slot := s.next
		if n := len(s.free); n > 0 {
			slot = s.free[n-1]
		}
		if s.err = a.opt.Swap.Put(slot, a.frame(p)); s.err != nil {
			return
		}
		if n := len(s.free); n > 0 {
			s.free = s.free[:n-1]
		} else {
			s.next++
		}
		if n := len(a.pages); len(s.slots) < n {
			s.slots = append(s.slots, make([]uint32, n-len(s.slots))...)
		}
		s.slots[p] = slot + 1
		s.taken++
		s.writes++
	}
	a.unframe(p)
}

// unswap frees the slot of page p, if it has one: its image there is not the newest any more.
func (a *Arena) unswap(p PageID) {
	s := &a.swap
	slot, ok := s.slot(p)
	if !ok {
		return
	}
	s.slots[p] = 0
	if d := a.inflight; d != nil && d.swapped(p) && d.slots[p] == slot+1 {
		s.retired = append(s.retired, slot)
		return
	}
	s.free = append(s.free, slot)
	s.taken--
}

// settleSwap frees slots at the end of a delta, which is not in flight any more; those of its
// pages that have not changed since are in the store when it was committed.
func (a *Arena) settleSwap(d *Delta, committed bool) {
	s := &a.swap
	s.err, s.vain = nil, 0
	if s.next == 0 {
		return
	}
	s.free = append(s.free, s.retired...)
	s.taken -= len(s.retired)
	s.retired = s.retired[:0]
	if committed {
		for p := d.dirty.next(0); p >= 0; p = d.dirty.next(p + 1) {
			if !a.dirty.has(uint32(p)) {
				a.unswap(PageID(p))
			}
		}
	}
	if s.taken == 0 {
		s.err = a.opt.Swap.Reset()
		s.slots, s.free, s.retired, s.next = nil, nil, nil, 0
	}
}

// reads tells that the checkpoint may still read the frame of page p.
func (d *Delta) reads(p PageID) bool {
	return d.dirty.has(uint32(p)) && !d.swapped(p) && !d.stopped.Load() && d.mark(p).Load() != d.tag|markCaptured
}

// swapped tells that page p was in the Swap at the barrier.
func (d *Delta) swapped(p PageID) bool { return int(p) < len(d.slots) && d.slots[p] != 0 }
