package state

import (
	"encoding/binary"
	"fmt"
)

// Heap holds values of variable length: in cells of about thirty sizes, and
// larger ones in chains of pages. A Ref to a value stays the same until the
// value is replaced or freed.
//
// Root: 8 u64 number of values, 16 u64 bytes of values, 24 u32 first large value,
// 32 heads of the cell pools. Cell: u32 length, bytes. First page of a large
// value: 4 u32 next page of the chain, 8 u64 length, 16 u32 previous large value,
// 20 u32 next large value, 24 bytes; further pages: 4 u32 next page, 24 bytes.
type Heap struct {
	a     *Arena
	at    Ref
	pools [maxClasses]cellPool // opened when first used
	large PageID
	len   int
	bytes int64
}

const (
	maxClasses = 40
	heapRoot   = 32 + 8*maxClasses // bytes
	largeData  = 24
)

// classes are the cell sizes of a heap.
type classes struct {
	sizes []int
	of    []uint8 // class by (size+7)/8
}

// init fills classes: steps of 8 up to 64, then four sizes per doubling, then
// sizes that divide a page.
func (c *classes) init(pageSize int) {
	most := pageSize - cellsBitmap - 8
	var sizes []int
	for s := 16; s <= 64; s += 8 {
		sizes = append(sizes, s)
	}
	for step := 16; ; step *= 2 {
		for i := 0; i < 4; i++ {
			s := sizes[len(sizes)-1] + step
			if per, _ := cellFit(pageSize, s); per >= 6 {
				sizes = append(sizes, s)
			}
		}
		if step*8 > most {
			break
		}
	}
	for per := 5; per >= 1; per-- {
		s := most / per &^ 7
		if s > sizes[len(sizes)-1] {
			sizes = append(sizes, s)
		}
	}
	c.sizes = sizes
	c.of = make([]uint8, most/8+1)
	k := 0
	for i := range c.of {
		for sizes[k] < i*8 {
			k++
		}
		c.of[i] = uint8(k)
	}
}

// class returns the class of a value of n bytes, or -1 when it is large.
func (c *classes) class(n int) int {
	i := (n + 4 + 7) / 8
	if i >= len(c.of) {
		return -1
	}
	return int(c.of[i])
}

func openHeap(a *Arena, at Ref) *Heap {
	h := &Heap{}
	h.open(a, at)
	return h
}

func (h *Heap) open(a *Arena, at Ref) {
	r := a.Read(at, heapRoot)
	*h = Heap{
		a: a, at: at,
		len:   int(binary.LittleEndian.Uint64(r[8:])),
		bytes: int64(binary.LittleEndian.Uint64(r[16:])),
		large: PageID(binary.LittleEndian.Uint32(r[24:])),
	}
}

func (h *Heap) pool(class int) *cellPool {
	p := &h.pools[class]
	if p.a == nil {
		p.open(h.a, h.at+Ref(32+8*class), byte(class), h.a.classes.sizes[class])
	}
	return p
}

func (h *Heap) count(n, bytes int) {
	h.len += n
	h.bytes += int64(bytes)
	r := h.a.Write(h.at+8, 16)
	binary.LittleEndian.PutUint64(r, uint64(h.len))
	binary.LittleEndian.PutUint64(r[8:], uint64(h.bytes))
}

// Len returns the number of values.
func (h *Heap) Len() int { return h.len }

// Bytes returns the length of all values together.
func (h *Heap) Bytes() int64 { return h.bytes }

// Put stores a copy of b and returns where. The empty value has a Ref too.
func (h *Heap) Put(b []byte) Ref {
	h.count(1, len(b))
	c := h.a.classes.class(len(b))
	if c < 0 {
		return h.putLarge(b)
	}
	r, _ := h.pool(c).alloc()
	h.fill(r, b)
	return r
}

func (h *Heap) fill(r Ref, b []byte) {
	w := h.a.Write(r, 4+len(b))
	binary.LittleEndian.PutUint32(w, uint32(len(b)))
	copy(w[4:], b)
}

// isLarge reports whether r is a large value: those begin at a fixed offset of a
// page of another kind than cells.
func (h *Heap) isLarge(r Ref) bool {
	return r.Offset() == largeData && h.a.Read(makeRef(r.Page(), 0), 1)[0] == kindBlob
}

// Size returns the length of the value at r.
func (h *Heap) Size(r Ref) int {
	if h.isLarge(r) {
		return int(binary.LittleEndian.Uint64(h.a.Read(makeRef(r.Page(), 8), 8)))
	}
	return int(binary.LittleEndian.Uint32(h.a.Read(r, 4)))
}

// Get returns the value at r, for reading. A value that does not fit a page comes
// as a copy; ReadAt avoids that.
func (h *Heap) Get(r Ref) []byte {
	if h.isLarge(r) {
		b := make([]byte, h.Size(r))
		h.ReadAt(r, 0, b)
		return b
	}
	n := int(binary.LittleEndian.Uint32(h.a.Read(r, 4)))
	return h.a.Read(r, 4+n)[4:]
}

// Mut returns the value at r, for writing in place. It must fit a page; larger
// values are changed by WriteAt.
func (h *Heap) Mut(r Ref) []byte {
	if h.isLarge(r) {
		panic("state: Heap.Mut of a value larger than a page")
	}
	n := int(binary.LittleEndian.Uint32(h.a.Read(r, 4)))
	return h.a.Write(r, 4+n)[4:]
}

// ReadAt copies the bytes of value r from offset on to dst, which must lie in it.
func (h *Heap) ReadAt(r Ref, offset int, dst []byte) {
	if !h.isLarge(r) {
		copy(dst, h.Get(r)[offset:offset+len(dst)])
		return
	}
	h.eachPart(r, offset, len(dst), func(at Ref, n int) {
		copy(dst, h.a.Read(at, n))
		dst = dst[n:]
	})
}

// WriteAt copies src into value r from offset on; it must lie in it.
func (h *Heap) WriteAt(r Ref, offset int, src []byte) {
	if !h.isLarge(r) {
		copy(h.Mut(r)[offset:offset+len(src)], src)
		return
	}
	h.eachPart(r, offset, len(src), func(at Ref, n int) {
		copy(h.a.Write(at, n), src)
		src = src[n:]
	})
}

// eachPart calls fn for the pieces of a range of a large value.
func (h *Heap) eachPart(r Ref, offset, n int, fn func(at Ref, n int)) {
	if size := h.Size(r); offset < 0 || n < 0 || offset+n > size {
		panic(fmt.Sprintf("state: bytes %d to %d of a value of %d", offset, offset+n, size))
	}
	room := h.a.pageSize - largeData
	for p := r.Page(); n > 0; {
		if offset < room {
			m := min(n, room-offset)
			fn(makeRef(p, largeData+offset), m)
			n -= m
			offset += m
		}
		offset -= room
		p = PageID(binary.LittleEndian.Uint32(h.a.Read(makeRef(p, 0), 8)[4:]))
	}
}

func (h *Heap) putLarge(b []byte) Ref {
	first := writeChain(h.a, b)
	w := h.a.Write(makeRef(first, 0), largeData)
	binary.LittleEndian.PutUint32(w[16:], 0)
	binary.LittleEndian.PutUint32(w[20:], uint32(h.large))
	if h.large != 0 {
		binary.LittleEndian.PutUint32(h.a.Write(makeRef(h.large, 0), largeData)[16:], uint32(first))
	}
	h.setLarge(first)
	return makeRef(first, largeData)
}

func (h *Heap) setLarge(p PageID) {
	h.large = p
	binary.LittleEndian.PutUint32(h.a.Write(h.at+24, 4), uint32(p))
}

// Replace stores a copy of b in the place of the value at r and returns where it
// is now; r is not valid afterwards unless it is the same.
func (h *Heap) Replace(r Ref, b []byte) Ref {
	if c := h.a.classes.class(len(b)); c >= 0 && !h.isLarge(r) {
		n := int(binary.LittleEndian.Uint32(h.a.Read(r, 4)))
		if h.a.classes.class(n) == c {
			h.count(0, len(b)-n)
			h.fill(r, b)
			return r
		}
	}
	// The new value is stored first: b may be the old one's own bytes.
	n := h.Put(b)
	h.Free(r)
	return n
}

// Free frees the value at r.
func (h *Heap) Free(r Ref) {
	n := h.Size(r)
	h.count(-1, -n)
	if !h.isLarge(r) {
		h.pool(h.a.classes.class(n)).free(r)
		return
	}
	w := h.a.Read(makeRef(r.Page(), 0), largeData)
	prev := PageID(binary.LittleEndian.Uint32(w[16:]))
	next := PageID(binary.LittleEndian.Uint32(w[20:]))
	if prev != 0 {
		binary.LittleEndian.PutUint32(h.a.Write(makeRef(prev, 0), largeData)[20:], uint32(next))
	} else {
		h.setLarge(next)
	}
	if next != 0 {
		binary.LittleEndian.PutUint32(h.a.Write(makeRef(next, 0), largeData)[16:], uint32(prev))
	}
	eachChain(h.a, r.Page(), h.a.releasePage)
}

// each calls fn for each page of the heap but its root. fn may free it.
func (h *Heap) each(fn func(PageID)) {
	for c := range h.a.classes.sizes {
		h.pool(c).each(fn)
	}
	p := h.large
	for n := 0; p != 0; n++ {
		h.a.mustEnd(n)
		next := PageID(binary.LittleEndian.Uint32(h.a.Read(makeRef(p, 0), largeData)[20:]))
		eachChain(h.a, p, fn)
		p = next
	}
}

// mustEnd panics when a chain has more links than there are pages.
func (a *Arena) mustEnd(links int) {
	if links > len(a.pages) {
		panic("state: a chain of pages has no end")
	}
}

// writeChain stores b in a new chain of pages.
func writeChain(a *Arena, b []byte) PageID {
	first := a.alloc(kindBlob)
	binary.LittleEndian.PutUint64(a.Write(makeRef(first, 8), 8), uint64(len(b)))
	for p := first; ; {
		n := copy(a.write(p)[largeData:], b)
		if b = b[n:]; len(b) == 0 {
			return first
		}
		next := a.alloc(kindBlob)
		binary.LittleEndian.PutUint32(a.Write(makeRef(p, 0), 8)[4:], uint32(next))
		p = next
	}
}

// readChain returns a copy of what writeChain stored.
func readChain(a *Arena, p PageID) []byte {
	n := int(min(binary.LittleEndian.Uint64(a.Read(makeRef(p, 8), 8)), uint64(len(a.pages)*a.pageSize)))
	b := make([]byte, 0, n)
	eachChain(a, p, func(p PageID) {
		pg := a.read(p)[largeData:]
		b = append(b, pg[:min(len(pg), n-len(b))]...)
	})
	return b
}

// eachChain calls fn for each page of a chain. fn may free it.
func eachChain(a *Arena, p PageID, fn func(PageID)) {
	for n := 0; p != 0; n++ {
		a.mustEnd(n)
		next := PageID(binary.LittleEndian.Uint32(a.Read(makeRef(p, 0), 8)[4:]))
		fn(p)
		p = next
	}
}
