package state

import (
	"encoding/binary"
	"math/bits"
)

// Page of cells: 0 kind, 1 class, 2 u16 cells in use, 4 u32 previous page, 8 u32
// next page, 12 u32 slot (the page's place in its table's row directory), 16
// u16 cells per page, 18 u16 offset of the first cell, 20 unused, 24 bitmap of
// cells in use, then the cells.
const (
	cellsUsed   = 2
	cellsPrev   = 4
	cellsNext   = 8
	cellsSlot   = 12
	cellsPer    = 16
	cellsData   = 18
	cellsBitmap = 24
)

// cellPool allocates cells of one size. Its pages are in two lists, those with a
// free cell and the full ones, whose heads are two u32 at the pool's head.
type cellPool struct {
	a       *Arena
	head    Ref
	class   byte
	size    int // bytes of a cell, a multiple of 8
	per     int // cells per page
	data    int // offset of the first cell
	partial PageID
	full    PageID
}

// cellFit returns how many cells of size bytes a page holds and where they begin.
func cellFit(pageSize, size int) (per, data int) {
	for per = (pageSize - cellsBitmap) / size; per > 0; per-- {
		data = cellsBitmap + (per+63)/64*8
		if data+per*size <= pageSize {
			return per, data
		}
	}
	return 0, 0
}

func (c *cellPool) open(a *Arena, head Ref, class byte, size int) {
	per, data := cellFit(a.pageSize, size)
	h := a.Read(head, 8)
	*c = cellPool{
		a: a, head: head, class: class, size: size, per: per, data: data,
		partial: PageID(binary.LittleEndian.Uint32(h)),
		full:    PageID(binary.LittleEndian.Uint32(h[4:])),
	}
}

func (c *cellPool) putHeads() {
	h := c.a.Write(c.head, 8)
	binary.LittleEndian.PutUint32(h, uint32(c.partial))
	binary.LittleEndian.PutUint32(h[4:], uint32(c.full))
}

// alloc returns a cell; fresh reports that it is the first of a new page. The
// cell's bytes are those of its last use.
func (c *cellPool) alloc() (r Ref, fresh bool) {
	p := c.partial
	if p == 0 {
		p, fresh = c.a.alloc(kindCells), true
		pg := c.a.write(p)
		pg[1] = c.class
		binary.LittleEndian.PutUint16(pg[cellsPer:], uint16(c.per))
		binary.LittleEndian.PutUint16(pg[cellsData:], uint16(c.data))
		c.link(p, &c.partial)
	}
	pg := c.a.write(p)
	used := binary.LittleEndian.Uint16(pg[cellsUsed:]) + 1
	binary.LittleEndian.PutUint16(pg[cellsUsed:], used)
	i := 0
	for off := cellsBitmap; ; off += 8 {
		if w := binary.LittleEndian.Uint64(pg[off:]); w != ^uint64(0) {
			b := bits.TrailingZeros64(^w)
			binary.LittleEndian.PutUint64(pg[off:], w|1<<b)
			i = (off-cellsBitmap)*8 + b
			break
		}
	}
	if int(used) == c.per {
		c.unlink(p, &c.partial)
		c.link(p, &c.full)
	}
	return makeRef(p, c.data+i*c.size), fresh
}

// free frees a cell. It frees its page too when the page is empty and another
// one has room, and reports that.
func (c *cellPool) free(r Ref) (pageFreed bool) {
	p := r.Page()
	i := (r.Offset() - c.data) / c.size
	pg := c.a.write(p)
	off := cellsBitmap + i>>6*8
	w := binary.LittleEndian.Uint64(pg[off:])
	if w>>(i&63)&1 == 0 {
		panic("state: a cell was freed twice")
	}
	binary.LittleEndian.PutUint64(pg[off:], w&^(1<<(i&63)))
	used := int(binary.LittleEndian.Uint16(pg[cellsUsed:]))
	binary.LittleEndian.PutUint16(pg[cellsUsed:], uint16(used-1))
	if used == c.per {
		c.unlink(p, &c.full)
		c.link(p, &c.partial)
	}
	if used > 1 || c.partial == p && binary.LittleEndian.Uint32(pg[cellsNext:]) == 0 {
		return false
	}
	c.unlink(p, &c.partial)
	c.a.release(p)
	return true
}

func (c *cellPool) link(p PageID, list *PageID) {
	next := *list
	h := c.a.Write(makeRef(p, 0), cellsBitmap)
	binary.LittleEndian.PutUint32(h[cellsPrev:], 0)
	binary.LittleEndian.PutUint32(h[cellsNext:], uint32(next))
	if next != 0 {
		binary.LittleEndian.PutUint32(c.a.Write(makeRef(next, 0), cellsBitmap)[cellsPrev:], uint32(p))
	}
	*list = p
	c.putHeads()
}

func (c *cellPool) unlink(p PageID, list *PageID) {
	h := c.a.Read(makeRef(p, 0), cellsBitmap)
	prev := PageID(binary.LittleEndian.Uint32(h[cellsPrev:]))
	next := PageID(binary.LittleEndian.Uint32(h[cellsNext:]))
	if prev != 0 {
		binary.LittleEndian.PutUint32(c.a.Write(makeRef(prev, 0), cellsBitmap)[cellsNext:], uint32(next))
	} else {
		*list = next
		c.putHeads()
	}
	if next != 0 {
		binary.LittleEndian.PutUint32(c.a.Write(makeRef(next, 0), cellsBitmap)[cellsPrev:], uint32(prev))
	}
}

// each calls fn for each page. fn may free it.
func (c *cellPool) each(fn func(PageID)) {
	for _, p := range [2]PageID{c.partial, c.full} {
		for n := 0; p != 0; n++ {
			c.a.mustEnd(n)
			next := PageID(binary.LittleEndian.Uint32(c.a.Read(makeRef(p, 0), cellsBitmap)[cellsNext:]))
			fn(p)
			p = next
		}
	}
}

// cellsIn calls fn for each cell in use of page p, until fn returns false.
func (c *cellPool) cellsIn(p PageID, fn func(Ref) bool) bool {
	for i := 0; i < c.per; i += 64 {
		w := binary.LittleEndian.Uint64(c.a.Read(makeRef(p, cellsBitmap+i/8), 8))
		for ; w != 0; w &= w - 1 {
			k := i + bits.TrailingZeros64(w)
			if !fn(makeRef(p, c.data+k*c.size)) {
				return false
			}
		}
	}
	return true
}
