package state

import "encoding/binary"

// pageVec is a growable array of page numbers in pages: the first ones in the
// region that its owner reserves in a root page, the rest in a radix tree of
// pages. ids is a copy for fast reading; every change is written through.
//
// Region: u32 length, u32 depth, u32 tree root, u32 unused, then inline numbers.
type pageVec struct {
	a      *Arena
	at     Ref
	inline int
	ids    []PageID
	depth  int
	root   PageID
}

const vecHeader = 16

// open binds the vector to its region of size bytes and reads it.
func (v *pageVec) open(a *Arena, at Ref, size int) {
	h := a.Read(at, vecHeader)
	*v = pageVec{
		a: a, at: at, inline: (size - vecHeader) / 4, ids: v.ids[:0],
		depth: int(binary.LittleEndian.Uint32(h[4:])),
		root:  PageID(binary.LittleEndian.Uint32(h[8:])),
	}
	n := int(binary.LittleEndian.Uint32(h))
	h = a.Read(at, size)
	for i := 0; i < min(n, v.inline); i++ {
		v.ids = append(v.ids, PageID(binary.LittleEndian.Uint32(h[vecHeader+4*i:])))
	}
	if n > v.inline {
		v.load(v.root, v.depth, n)
	}
}

func (v *pageVec) load(p PageID, depth, n int) {
	pg := v.a.read(p)
	for off := nodeVecHeader; off < len(pg) && len(v.ids) < n; off += 4 {
		id := PageID(binary.LittleEndian.Uint32(pg[off:]))
		if depth > 1 {
			v.load(id, depth-1, n)
			pg = v.a.read(p)
			continue
		}
		v.ids = append(v.ids, id)
	}
}

const nodeVecHeader = 8

// fan is the number of entries of a tree page.
func (v *pageVec) fan() int { return (v.a.pageSize - nodeVecHeader) / 4 }

func (v *pageVec) putHeader() {
	h := v.a.Write(v.at, vecHeader)
	binary.LittleEndian.PutUint32(h, uint32(len(v.ids)))
	binary.LittleEndian.PutUint32(h[4:], uint32(v.depth))
	binary.LittleEndian.PutUint32(h[8:], uint32(v.root))
}

func (v *pageVec) push(id PageID) {
	i := len(v.ids)
	v.ids = append(v.ids, id)
	if i >= v.inline {
		v.makeRoom(i - v.inline)
	}
	v.store(i, id)
	v.putHeader()
}

// set replaces entry i.
func (v *pageVec) set(i int, id PageID) {
	v.ids[i] = id
	v.store(i, id)
}

func (v *pageVec) store(i int, id PageID) {
	if i < v.inline {
		binary.LittleEndian.PutUint32(v.a.Write(v.at+Ref(vecHeader+4*i)&^7, 8)[4*i&4:], uint32(id))
		return
	}
	j := i - v.inline
	p := v.root
	span := v.span(v.depth - 1)
	for d := v.depth; d > 1; d-- {
		p = v.child(p, j/span)
		j %= span
		span /= v.fan()
	}
	v.putChild(p, j, id)
}

// span returns how many entries a subtree of the given depth holds.
func (v *pageVec) span(depth int) int {
	n := 1
	for ; depth > 0; depth-- {
		n *= v.fan()
	}
	return n
}

func (v *pageVec) child(p PageID, k int) PageID {
	return PageID(binary.LittleEndian.Uint32(v.a.read(p)[nodeVecHeader+4*k:]))
}

func (v *pageVec) putChild(p PageID, k int, id PageID) {
	binary.LittleEndian.PutUint32(v.a.write(p)[nodeVecHeader+4*k:], uint32(id))
}

// makeRoom allocates the tree pages on the path to tree entry j, the next one.
func (v *pageVec) makeRoom(j int) {
	if v.depth == 0 {
		v.depth, v.root = 1, v.a.alloc(kindVec)
	}
	if j == v.span(v.depth) {
		r := v.a.alloc(kindVec)
		v.putChild(r, 0, v.root)
		v.depth, v.root = v.depth+1, r
	}
	p := v.root
	for d := v.depth; d > 1; d-- {
		span := v.span(d - 1)
		k := j / span
		if j %= span; j == 0 {
			v.putChild(p, k, v.a.alloc(kindVec))
		}
		p = v.child(p, k)
	}
}

// pop removes the last entry and frees the tree pages that it empties.
func (v *pageVec) pop() {
	i := len(v.ids) - 1
	v.ids = v.ids[:i]
	if j := i - v.inline; j == 0 {
		v.freeTree(v.root, v.depth)
		v.depth, v.root = 0, 0
	} else if j > 0 {
		v.trim(j)
	}
	v.putHeader()
}

// trim frees the subtrees whose first entry is tree entry j.
func (v *pageVec) trim(j int) {
	p := v.root
	for d := v.depth; d > 1; d-- {
		span := v.span(d - 1)
		k := j / span
		c := v.child(p, k)
		if j %= span; j == 0 {
			v.freeTree(c, d-1)
			return
		}
		p = c
	}
}

// freeTree frees page p and the first pages below it; when it is called the
// subtree holds one entry.
func (v *pageVec) freeTree(p PageID, depth int) {
	if depth > 1 {
		v.freeTree(v.child(p, 0), depth-1)
	}
	v.a.release(p)
}

// each calls fn for each tree page. The entries are not tree pages.
func (v *pageVec) each(fn func(PageID)) {
	if v.depth > 0 {
		v.eachNode(v.root, v.depth, len(v.ids)-v.inline, fn)
	}
}

func (v *pageVec) eachNode(p PageID, depth, n int, fn func(PageID)) {
	if depth > 1 {
		span := v.span(depth - 1)
		for k := 0; k*span < n; k++ {
			v.eachNode(v.child(p, k), depth-1, min(span, n-k*span), fn)
		}
	}
	fn(p)
}
