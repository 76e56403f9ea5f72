package state

import "fmt"

// ReadBackError is the value of the panic in Read and Write when the image of a
// dropped page cannot be read from the store. The state in memory cannot be used
// any further; the pipeline has to start again from its last checkpoint.
type ReadBackError struct {
	Page PageID
	Err  error
}

func (e *ReadBackError) Error() string {
	return fmt.Sprintf("state: page %d cannot be read back from the store: %v", e.Page, e.Err)
}

func (e *ReadBackError) Unwrap() error { return e.Err }

// resolve returns the frame of page p, reading the image back if it was dropped.
func (a *Arena) resolve(p PageID) uint32 {
	f := a.pages[p].frame
	if f == 0 {
		f = a.readPage(p)
	}
	if a.limited {
		a.used[f] = true
	}
	return f
}

// readPage reads the image of a dropped page back, from the Swap or from the store.
func (a *Arena) readPage(p PageID) uint32 {
	if a.opt.Pager == nil || p == 0 || a.free.has(uint32(p)) {
		panic(fmt.Sprintf("state: page %d is not allocated", p))
	}
	buf := a.addFrame(p)
	var err error
	if slot, ok := a.swap.slot(p); ok {
		err = a.opt.Swap.Get(slot, buf)
	} else {
		var img []byte
		img, err = a.opt.Pager.ReadPage(p, buf)
		if err == nil && len(img) != a.pageSize {
			err = fmt.Errorf("%d bytes instead of %d", len(img), a.pageSize)
		}
		if err == nil && &img[0] != &buf[0] {
			copy(buf, img)
		}
	}
	if err != nil {
		a.unframe(p)
		panic(&ReadBackError{Page: p, Err: err})
	}
	a.readBack++
	return a.pages[p].frame
}

// addFrame gives page p a frame, whose bytes it returns, not zeroed.
func (a *Arena) addFrame(p PageID) []byte {
	f := a.frames.alloc()
	for a.limited && len(a.owner) <= int(f) {
		a.owner, a.used = append(a.owner, 0), append(a.used, false)
	}
	if a.limited {
		a.owner[f] = p
	}
	a.pages[p].frame = f
	a.resident++
	return a.frame(p)
}

// frame is the image of page p, which has a frame.
func (a *Arena) frame(p PageID) []byte {
	return a.frames.data(a.pages[p].frame, a.pageShift, a.slabShift, a.slabMask)
}

// unframe takes the frame of page p away.
func (a *Arena) unframe(p PageID) {
	e := &a.pages[p]
	if a.limited {
		a.owner[e.frame], a.used[e.frame] = 0, false
	}
	if a.opt.Scribble {
		for i := range a.frame(p) {
			a.frame(p)[i] = 0xdb
		}
	}
	a.frames.release(e.frame)
	e.frame = 0
	a.resident--
}

// Maintain drops clean pages while the arena is above its memory limit. The
// engine calls it between two batches; slices that Read or Write returned before
// are not valid after it. It does nothing without a limit.
func (a *Arena) Maintain() {
	if a.limited {
		a.evict(false)
	}
}

// evict drops pages, those that were not used lately first, until images are within the
// memory limit; with swap those too that have changed.
func (a *Arena) evict(swap bool) {
	swap = swap && a.opt.Swap != nil
	for steps := 2 * len(a.owner); steps > 0; steps-- {
		if within := swap && !a.excess() || !swap && a.images() <= a.opt.MemoryMax; within && !a.opt.Scribble {
			return
		}
		if a.hand++; a.hand >= len(a.owner) {
			a.hand = 0
		}
		p := a.owner[a.hand]
		switch {
		case p == 0:
		case a.used[a.hand] && !a.free.has(uint32(p)):
			a.used[a.hand] = false
		case !a.drop(p) && swap && a.swap.err == nil:
			a.swapOut(p)
		}
	}
}

// drop gives up the image of page p if the store has it or nobody needs it, and reports
// whether it did.
func (a *Arena) drop(p PageID) bool {
	if a.pages[p].frame == 0 || p == 0 || a.dirty.has(uint32(p)) || a.inflight != nil && a.inflight.dirty.has(uint32(p)) {
		return false
	}
	a.unframe(p)
	return true
}

// NeedCheckpoint reports that the arena is above its memory limit and that only
// a checkpoint can make pages clean so that they can be dropped. While a delta is
// in flight the engine should wait for it.
func (a *Arena) NeedCheckpoint() bool {
	return a.limited && (a.ndirty > 0 || a.inflight != nil) && a.images() > a.opt.MemoryMax
}

// releaseMax is how many frames one call of releaseFrames gives back, so that the
// engine does not stall after a large pane was dropped.
const releaseMax = 4096

// releaseFrames gives back frames of free pages but for a reserve. No delta is in
// flight.
func (a *Arena) releaseFrames() {
	used := len(a.pages) - a.nfree
	reserve := used/8 + a.frames.perSlab
	bound := a.resident - used // at least this many free pages have frames
	reserve = max(reserve, bound-releaseMax)
	for p := len(a.pages) - 1; p > 0 && bound > reserve; p-- {
		if a.free.has(uint32(p)) && a.pages[p].frame != 0 {
			a.drop(PageID(p))
			bound--
		}
	}
}
