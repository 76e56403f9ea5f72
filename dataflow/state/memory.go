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
	if a.limited {
		a.used[p] = true
	}
	e := &a.pages[p]
	if e.frame != 0 {
		return e.frame
	}
	if a.opt.Pager == nil || p == 0 || a.free.has(uint32(p)) {
		panic(fmt.Sprintf("state: page %d is not allocated", p))
	}
	f := a.frames.alloc()
	buf := a.frames.data(f, a.pageShift, a.slabShift, a.slabMask)
	img, err := a.opt.Pager.ReadPage(p, buf)
	if err == nil && len(img) != a.pageSize {
		err = fmt.Errorf("%d bytes instead of %d", len(img), a.pageSize)
	}
	if err != nil {
		a.frames.release(f)
		panic(&ReadBackError{Page: p, Err: err})
	}
	if &img[0] != &buf[0] {
		copy(buf, img)
	}
	e.frame = f
	a.resident++
	a.readBack++
	return f
}

// Maintain drops clean pages while the arena is above its memory limit. The
// engine calls it between two batches; slices that Read or Write returned before
// are not valid after it. It does nothing without a limit.
func (a *Arena) Maintain() {
	if !a.limited {
		return
	}
	for steps := 2 * len(a.pages); steps > 0 && a.memory() > a.opt.MemoryMax; steps-- {
		if a.hand++; a.hand >= len(a.pages) {
			a.hand = 1
		}
		p := uint32(a.hand)
		if a.used[p] && !a.free.has(p) {
			a.used[p] = false
			continue
		}
		a.drop(PageID(p))
	}
}

// drop gives up the image of page p if the store has it or nobody needs it.
func (a *Arena) drop(p PageID) {
	e := &a.pages[p]
	if e.frame == 0 || p == 0 || a.dirty.has(uint32(p)) || a.inflight != nil && a.inflight.dirty.has(uint32(p)) {
		return
	}
	a.frames.release(e.frame)
	e.frame = 0
	a.resident--
}

// NeedCheckpoint reports that the arena is above its memory limit and that only
// a checkpoint can make pages clean so that they can be dropped. While a delta is
// in flight the engine should wait for it.
func (a *Arena) NeedCheckpoint() bool {
	return a.limited && (a.ndirty > 0 || a.inflight != nil) && a.memory() > a.opt.MemoryMax
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
