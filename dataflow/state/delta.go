package state

import (
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"sync/atomic"
)

// A mark is the capture state of one page in one delta: the delta's tag << 2 |
// reading or captured. A mark with another tag means uncaptured, so marks need
// no clearing between checkpoints.
const (
	markReading  = 1 // the checkpoint copies the image; a writer waits
	markCaptured = 2 // the checkpoint has the image, or a writer kept it for it
)

type markChunk [512]atomic.Uint32

// ErrCanceled is returned by Delta.Each after Delta.Cancel.
var ErrCanceled = errors.New("state: checkpoint canceled")

// Delta is what one epoch changed: the pages to write and the pages to delete.
//
// Barrier makes it. Each and Freed may run on another goroutine while the engine
// goes on writing. After Each has returned, the engine's goroutine calls Done
// when the delta is committed, or Abort when it is not. It is used again by the
// barrier after the next one.
type Delta struct {
	epoch    Epoch
	roots    Roots
	a        *Arena
	tag      uint32
	dirty    bitmap
	freed    bitmap
	npages   int // set bits of dirty
	pages    []pageEntry
	slots    []uint32 // as swapped has them, at the barrier
	slabs    [][]byte
	marks    []*markChunk
	started  atomic.Bool
	stopped  atomic.Bool // nobody reads images any more: writers need not keep them
	canceled atomic.Bool
}

// Roots is what a restore needs besides the pages.
type Roots struct {
	Format    uint32 // layout version of pages
	PageSize  uint32 // bytes
	PageCount uint32 // highest page number in use + 1
	// InUse is the number of pages that the snapshot must have, 0 when that is not known. A
	// store does not keep it; who commits a delta does, beside it.
	InUse uint32
}

// RootsFormat is the version of the page layouts that this package writes. It
// reads every version up to this one. In version 1 the hashes of tables had no seed.
const RootsFormat = 2

// Barrier ends an epoch and returns what it changed. It swaps two bitmaps, so it
// takes microseconds whatever the state's size. It must be called between two
// batches, and not while a delta is in flight (InFlight); it panics then.
func (a *Arena) Barrier(epoch Epoch) *Delta {
	if a.inflight != nil {
		panic(fmt.Sprintf("state: barrier %d while epoch %d is in flight", epoch, a.inflight.epoch))
	}
	// The one before last ended long ago.
	a.deltas[0], a.deltas[1] = a.deltas[1], a.deltas[0]
	if a.deltas[0] == nil {
		a.deltas[0] = new(Delta)
	}
	d := a.deltas[0]
	*d = Delta{
		epoch:  epoch,
		roots:  a.roots(),
		a:      a,
		tag:    a.gen << 2,
		dirty:  a.dirty,
		freed:  a.freed,
		npages: a.ndirty,
		pages:  a.pages,
		slots:  a.swap.snapshot(),
		slabs:  a.frames.slabs,
		marks:  a.marks,
	}
	a.dirty = a.takeSpare()
	a.freed = a.takeSpare()
	a.ndirty = 0
	a.nextGen()
	a.inflight = d
	return d
}

// nextGen starts a write generation. Generation 0 is no generation, and tags
// have two bits less.
func (a *Arena) nextGen() {
	a.gen++
	if a.gen < 1<<30 {
		return
	}
	a.gen = 1
	for i := range a.pages {
		a.pages[i].gen = 0
	}
	for _, c := range a.marks {
		for i := range c {
			c[i].Store(0)
		}
	}
}

func (a *Arena) roots() Roots {
	return Roots{Format: RootsFormat, PageSize: uint32(a.pageSize), PageCount: uint32(len(a.pages))}
}

// InFlight reports whether a delta is neither done nor aborted.
func (a *Arena) InFlight() bool { return a.inflight != nil }

// takeSpare returns an empty bitmap with room for all pages.
func (a *Arena) takeSpare() bitmap {
	var b bitmap
	if n := len(a.spare); n > 0 {
		b, a.spare = a.spare[n-1], a.spare[:n-1]
	}
	if need := (len(a.pages) + 63) >> 6; cap(b) < need {
		return make(bitmap, need, need+need/4)
	}
	return b.grow(len(a.pages))
}

// Epoch returns the epoch that the barrier ended.
func (d *Delta) Epoch() Epoch { return d.epoch }

// Roots returns what a restore to this epoch needs besides the pages.
func (d *Delta) Roots() Roots { return d.roots }

// Len returns the number of pages to write.
func (d *Delta) Len() int { return d.npages }

// Bytes returns the size in bytes of the pages to write.
func (d *Delta) Bytes() int64 { return int64(d.npages) * int64(d.roots.PageSize) }

// Freed calls fn for each page to delete, in order. Some may never have been
// committed.
func (d *Delta) Freed(fn func(PageID) error) error {
	for p := d.freed.next(0); p >= 0; p = d.freed.next(p + 1) {
		if err := fn(PageID(p)); err != nil {
			return err
		}
	}
	return nil
}

func (d *Delta) mark(p PageID) *atomic.Uint32 {
	const n = len(markChunk{})
	return &d.marks[int(p)/n][int(p)%n]
}

// Each calls fn once for each page to write, in no particular order, with its
// image as it was at the barrier; the image is valid during the call. It may be
// called once. It stops at the first error of fn, and with ErrCanceled after
// Cancel.
func (d *Delta) Each(fn func(page PageID, image []byte) error) error {
	if d.started.Swap(true) {
		return errors.New("state: a delta can be read only once")
	}
	defer d.stop()
	scratch := d.a.copies.scratch()
	shift := uint(bits.TrailingZeros32(d.roots.PageSize))
	perSlab := uint32(d.a.frames.perSlab)
	owed := 0 // pages whose image a writer keeps for us
	for wi, w := range d.dirty {
		for ; w != 0; w &= w - 1 {
			p := PageID(wi<<6 + bits.TrailingZeros64(w))
			m := d.mark(p)
			if s := m.Load(); s == d.tag|markCaptured || !m.CompareAndSwap(s, d.tag|markReading) {
				owed++
				continue
			}
			if d.swapped(p) {
				if err := d.a.opt.Swap.Get(d.slots[p]-1, scratch); err != nil {
					return fmt.Errorf("state: page %d cannot be read from the swap: %w", p, err)
				}
			} else {
				f := d.pages[p].frame
				copy(scratch, d.slabs[f/perSlab][f%perSlab<<shift:])
			}
			m.Store(d.tag | markCaptured)
			if err := fn(p, scratch); err != nil {
				return err
			}
		}
		n, err := d.a.copies.drain(d, fn, 0)
		if owed -= n; err != nil {
			return err
		}
		if d.canceled.Load() {
			return ErrCanceled
		}
	}
	_, err := d.a.copies.drain(d, fn, owed)
	return err
}

// Cancel makes Each return ErrCanceled soon. Any goroutine may call it.
func (d *Delta) Cancel() {
	d.canceled.Store(true)
	d.a.copies.wake()
}

// Release tells that nobody reads the delta's images any more, also where nobody began to: a commit
// may fail before that. The engine waits no longer for room for them.
func (d *Delta) Release() {
	d.started.Store(true)
	d.stop()
}

func (d *Delta) stop() {
	d.stopped.Store(true)
	d.a.copies.wake()
}

// save keeps the image of page p for the delta unless it has been read. The
// engine calls it before it changes the page.
func (d *Delta) save(p PageID, image []byte) {
	if d.stopped.Load() || d.swapped(p) {
		return
	}
	m := d.mark(p)
	for {
		s := m.Load()
		switch {
		case s == d.tag|markCaptured:
			return
		case s == d.tag|markReading:
			runtime.Gosched() // the reader copies one page
		case m.CompareAndSwap(s, d.tag|markCaptured):
			d.a.copies.keep(d, p, image)
			return
		}
	}
}

// Done ends the delta after it was committed. The engine's goroutine calls it.
func (d *Delta) Done() { d.end(true) }

// Abort ends a delta that was not committed: what it held becomes part of the
// next one. The engine's goroutine calls it.
func (d *Delta) Abort() {
	a := d.a
	for i, w := range d.dirty {
		a.dirty[i] |= w &^ a.freed[i]
	}
	for i, w := range d.freed {
		a.freed[i] |= w &^ a.dirty[i]
	}
	a.ndirty = a.dirty.count()
	d.end(false)
}

func (d *Delta) end(committed bool) {
	a := d.a
	if a.inflight != d {
		panic(fmt.Sprintf("state: delta of epoch %d ended twice", d.epoch))
	}
	d.stop()
	a.inflight = nil
	a.settleSwap(d, committed)
	a.copies.reset()
	clear(d.dirty)
	clear(d.freed)
	a.spare = append(a.spare, d.dirty, d.freed)
	d.dirty, d.freed, d.pages, d.slots, d.slabs, d.marks = nil, nil, nil, nil, nil, nil
	a.releaseFrames()
}
