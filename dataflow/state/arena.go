package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Epoch is the number of a checkpoint.
type Epoch uint64

// PageID is the number of a page. Page 0 is the arena's own.
type PageID uint32

// Ref addresses bytes in the arena: page number << 16 | byte offset. It is a
// multiple of 8; 0 is nil.
type Ref uint64

func makeRef(p PageID, off int) Ref { return Ref(p)<<16 | Ref(off) }

// Page returns the page of r.
func (r Ref) Page() PageID { return PageID(r >> 16) }

// Offset returns the byte offset of r in its page.
func (r Ref) Offset() int { return int(r & 0xffff) }

// DefaultPageSize is the page size in bytes at which checkpoints of hot state
// delay the engine least; RATIONALE.md, "How large is a page?", shows the measurement.
const DefaultPageSize = 4096

// slabSize is the size in bytes of the blocks in which frames are allocated, unless options
// say otherwise.
const slabSize = 1 << 20

// Pager reads back the committed image of a page that the arena dropped.
type Pager interface {
	// ReadPage returns the newest committed image of page id, in dst if it has room.
	ReadPage(id PageID, dst []byte) ([]byte, error)
}

// Options configure an Arena.
type Options struct {
	// PageSize in bytes: a power of two from 4096 to 32768; 0 means DefaultPageSize.
	PageSize int
	// MemoryMax is the limit in bytes for page images in memory; 0 means none. The table of
	// pages, 12 bytes for each, comes on top. Maintain drops clean pages above the limit. It
	// needs a Pager.
	MemoryMax int64
	// CopyMax is the limit in bytes for old images kept for a checkpoint in
	// flight; at the limit Write waits for the checkpoint to catch up. 0 means a
	// quarter of MemoryMax, and no limit when there is no MemoryMax.
	CopyMax int64
	// Pager reads dropped pages back; it may be nil when MemoryMax is 0.
	Pager Pager
	// Swap keeps changed pages in the midst of a step that has no room for them; nil keeps
	// them in memory, above the limit.
	Swap Swap
	// HashSeed is a secret that goes into the hashes of the tables made from now on, so that
	// nobody can choose keys that collide; each table keeps its own. 0 is none.
	HashSeed uint64
	// SlabBytes is the size of the blocks in which images are allocated, for simulations of
	// small states: a power of two, of two pages at least; 0 means 1 MiB. MemoryMax is at least
	// four of them.
	SlabBytes int
	// Scribble is for tests: with a memory limit, Relieve and Maintain drop all that they can
	// and overwrite it, so that whoever holds bytes of the arena where it must not reads
	// other ones.
	Scribble bool
}

// Validate reports the first option that cannot be used.
func (o Options) Validate() error {
	if o.PageSize != 0 && (o.PageSize < 4096 || o.PageSize > 32768 || o.PageSize&(o.PageSize-1) != 0) {
		return fmt.Errorf("state: page size %d: want a power of two from 4096 to 32768", o.PageSize)
	}
	if o.MemoryMax < 0 || o.CopyMax < 0 {
		return errors.New("state: a memory limit is negative")
	}
	if s := o.SlabBytes; s != 0 && (s < 2*max(o.PageSize, DefaultPageSize) || s&(s-1) != 0) {
		return fmt.Errorf("state: slabs of %d bytes: want a power of two that two pages fit in", s)
	}
	if least := int64(4 * o.slab()); o.MemoryMax > 0 && o.MemoryMax < least {
		return fmt.Errorf("state: memory limit of %d bytes: want at least %d", o.MemoryMax, least)
	}
	if o.MemoryMax > 0 && o.Pager == nil {
		return errors.New("state: a memory limit needs a pager to read dropped pages back")
	}
	return nil
}

func (o *Options) slab() int {
	if o.SlabBytes > 0 {
		return o.SlabBytes
	}
	return slabSize
}

// pageEntry is what the arena knows of a page.
type pageEntry struct {
	frame uint32 // number of the frame that holds the image; 0 when none does
	gen   uint32 // write generation in which the page last became dirty
}

// Page kinds, the first byte of every page.
const (
	kindFree    = iota
	kindSuper   // page 0
	kindBlob    // link of a chain: catalog, large heap value
	kindVec     // node of a directory of pages
	kindTable   // root of a table
	kindIndex   // index slots of a table
	kindCells   // cells of one size: rows of a table, values of a heap class
	kindPanes   // root or entries of a pane directory
	kindHeap    // root of a heap
	kindOrdered // root of a B+-tree
	kindNode    // node of a B+-tree
	kindScalars // fixed bytes
)

// Arena is the state of one pipeline.
type Arena struct {
	opt       Options
	pageSize  int
	pageShift uint
	slabShift uint   // log2 of frames per slab
	slabMask  uint32 // frames per slab - 1
	limited   bool   // Options.MemoryMax is set

	frames frames
	pages  []pageEntry
	owner  []PageID // by frame: its page; kept only when limited
	used   []bool   // by frame: second chance of its page
	swap   swapped
	free   bitmap // pages not allocated
	nfree  int
	hint   int // no free page lies below

	gen      uint32 // grows at each barrier
	dirty    bitmap // allocated pages that changed since the last barrier
	ndirty   int
	freed    bitmap // pages freed since the last barrier
	spare    []bitmap
	inflight *Delta
	deltas   [2]*Delta // the newest one, in flight or not, and the one before
	marks    []*markChunk
	copies   copyPool
	hand     int   // clock hand of evict: a frame
	resident int   // pages with a frame
	readBack int64 // images read back by the Pager

	spaces []*Space
	slots  []uint64 // scratch of index splits
	// releasePage is the method value discard, made once since each one made
	// takes an allocation.
	releasePage func(PageID)
	classes     classes
}

// NewArena returns an empty arena. Restore fills it from a snapshot.
func NewArena(o Options) (*Arena, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.PageSize == 0 {
		o.PageSize = DefaultPageSize
	}
	if o.CopyMax == 0 {
		o.CopyMax = o.MemoryMax / 4
	}
	a := &Arena{opt: o}
	a.reset()
	p := a.alloc(kindSuper)
	putSuper(a.write(p))
	return a, nil
}

// reset makes the arena empty, without a superblock.
func (a *Arena) reset() {
	o := a.opt
	shift, slab := uint(bits.TrailingZeros(uint(o.PageSize))), uint(bits.TrailingZeros(uint(o.slab())))
	*a = Arena{
		opt:       o,
		pageSize:  o.PageSize,
		pageShift: shift,
		slabShift: slab - shift,
		slabMask:  1<<(slab-shift) - 1,
		limited:   o.MemoryMax > 0,
		gen:       1,
	}
	a.releasePage = a.discard
	a.frames.size, a.frames.perSlab = 1<<slab, 1<<(slab-shift)
	a.copies.init(o.PageSize, o.CopyMax)
	a.classes.init(o.PageSize)
}

const superMagic = 0x3165746174736665 // "efstate1"

func putSuper(pg []byte) {
	binary.LittleEndian.PutUint64(pg[8:], superMagic)
	binary.LittleEndian.PutUint32(pg[16:], uint32(len(pg)))
}

// PageSize returns the page size in bytes.
func (a *Arena) PageSize() int { return a.pageSize }

// Read returns the n bytes at r, for reading. They stay valid until the page is
// freed, and, when a memory limit is set, at most until the next Maintain.
// It panics with *ReadBackError when a dropped page cannot be read back.
func (a *Arena) Read(r Ref, n int) []byte {
	e := a.pages[r>>16].frame
	if e == 0 || a.limited {
		e = a.resolve(r.Page())
	}
	off := int(e&a.slabMask)<<a.pageShift | int(r&0xffff)
	return a.frames.slabs[e>>a.slabShift][off : off+n : off+n]
}

// Write returns the n bytes at r, for writing, and marks the page dirty. The
// first Write to a page that a checkpoint in flight has not read yet copies the
// old image. The bytes stay valid as those of Read do; they must not be written
// to after the next Barrier.
func (a *Arena) Write(r Ref, n int) []byte {
	e := a.pages[r>>16]
	if e.gen != a.gen || a.limited {
		e.frame = a.touch(r.Page())
	}
	off := int(e.frame&a.slabMask)<<a.pageShift | int(r&0xffff)
	return a.frames.slabs[e.frame>>a.slabShift][off : off+n : off+n]
}

// read returns the whole page p for reading.
func (a *Arena) read(p PageID) []byte { return a.Read(makeRef(p, 0), a.pageSize) }

// write returns the whole page p for writing.
func (a *Arena) write(p PageID) []byte { return a.Write(makeRef(p, 0), a.pageSize) }

// touch makes page p dirty in this generation and returns its frame.
func (a *Arena) touch(p PageID) uint32 {
	f := a.resolve(p)
	e := &a.pages[p]
	if a.swap.taken > 0 {
		a.unswap(p)
	}
	if e.gen == a.gen {
		return f
	}
	if d := a.inflight; d != nil && d.dirty.has(uint32(p)) {
		d.save(p, a.frame(p))
	}
	e.gen = a.gen
	if !a.dirty.has(uint32(p)) {
		a.dirty.set(uint32(p))
		a.ndirty++
	}
	return f
}

// alloc returns a zeroed page of the given kind.
func (a *Arena) alloc(kind byte) PageID {
	var p PageID
	if a.nfree > 0 {
		i := a.free.next(a.hint)
		p = PageID(i)
		a.hint = i + 1
		a.free.clear(uint32(i))
		a.nfree--
	} else {
		p = PageID(len(a.pages))
		a.extend(len(a.pages) + 1)
		a.hint = len(a.pages)
	}
	if a.pages[p].frame == 0 {
		a.addFrame(p)
	}
	a.freed.clear(uint32(p))
	pg := a.write(p)
	clear(pg)
	pg[0] = kind
	return p
}

// extend makes room for n pages, the new ones neither free nor allocated.
func (a *Arena) extend(n int) {
	for len(a.pages) < n {
		a.pages = append(a.pages, pageEntry{})
	}
	a.free = a.free.grow(n)
	a.dirty = a.dirty.grow(n)
	a.freed = a.freed.grow(n)
	for len(a.marks)*len(markChunk{}) < n {
		a.marks = append(a.marks, new(markChunk))
	}
}

// release frees page p. Its image stays in place until the page is allocated
// again, since a checkpoint in flight may still have to read it.
func (a *Arena) release(p PageID) {
	if p == 0 || a.free.has(uint32(p)) {
		panic(fmt.Sprintf("state: page %d freed twice", p))
	}
	a.free.set(uint32(p))
	a.nfree++
	a.hint = min(a.hint, int(p))
	a.freed.set(uint32(p))
	if a.dirty.has(uint32(p)) {
		a.dirty.clear(uint32(p))
		a.ndirty--
	}
	a.pages[p].gen = 0
	a.unswap(p)
}

// discard is release for a page that nobody looks at any more: above the memory limit its
// frame goes at once, where no checkpoint needs it.
func (a *Arena) discard(p PageID) {
	a.release(p)
	if a.limited && a.excess() {
		a.drop(p)
	}
}

// Stats describes the memory of an arena.
type Stats struct {
	Pages     int   // allocated pages
	FreePages int   // page numbers free to be used again
	Dirty     int   // pages changed since the last barrier
	InFlight  int   // pages of the checkpoint under way
	Bytes     int64 // memory for page images, old images and the page table
	Resident  int   // pages with their image in memory, free ones included
	Spilled   int   // allocated pages whose image is only in the store
	ReadBack  int64 // images read back so far
	Swapped   int64 // images put into the Swap so far
	SwapErr   error // why the Swap takes no more until the next checkpoint; nil while it does
}

// InUse returns the number of allocated pages: what a snapshot made now must have.
func (a *Arena) InUse() int { return len(a.pages) - a.nfree }

// Stats returns the arena's figures.
func (a *Arena) Stats() Stats {
	inFlight := 0
	if a.inflight != nil {
		inFlight = a.inflight.npages
	}
	return Stats{
		InFlight:  inFlight,
		Pages:     len(a.pages) - a.nfree,
		FreePages: a.nfree,
		Dirty:     a.ndirty,
		Bytes:     a.memory(),
		Resident:  a.resident,
		Spilled:   max(0, len(a.pages)-a.nfree-a.resident),
		ReadBack:  a.readBack,
		Swapped:   a.swap.writes,
		SwapErr:   a.swap.err,
	}
}

func (a *Arena) memory() int64 { return a.images() + int64(len(a.pages))*pageCost }

// images is the memory that the limit is for. What the arena keeps of each page besides is
// not counted: nothing can free it, and beyond a certain state no page would have room.
func (a *Arena) images() int64 { return int64(a.frames.live)*int64(a.pageSize) + a.copies.bytes() }

// pageCost is what the arena keeps of a page besides its image, in bytes.
const pageCost = 12
