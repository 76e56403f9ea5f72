package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// OrderedSpec is the shape of an Ordered.
type OrderedSpec struct {
	ValueSize int // bytes of a value; -1 means values of variable length
}

// Ordered is a table ordered by key: a B+-tree (Bayer and McCreight 1972; leaves
// linked). Keys compare as bytes (memcomparable) and have any length. Slices that
// its methods return are valid until it is changed, so they must not be given to
// Put or Delete of the same table.
//
// Root page: 8 u64 entries, 16 i32 value size, 20 u32 top node, 64 heap root. The
// heap holds long keys and values.
type Ordered struct {
	a       *Arena
	spec    OrderedSpec
	root    PageID
	top     PageID
	len     int
	version uint64 // grows when entries move
	cuts    uint64 // calls of DeleteRange
	heap    Heap
	scratch []byte // a page
	sep     []byte
	zero    []byte // a value
	path    []step
}

// step is a node on the way down and the child taken from it.
type step struct {
	page  PageID
	child int
}

func createOrdered(a *Arena, spec OrderedSpec) *Ordered {
	if spec.ValueSize < -1 {
		panic(fmt.Sprintf("state: ordered table with values of %d bytes", spec.ValueSize))
	}
	p := a.alloc(kindOrdered)
	w := a.write(p)
	binary.LittleEndian.PutUint32(w[16:], uint32(int32(spec.ValueSize)))
	top := a.alloc(kindNode)
	initNode(a.write(top), 0)
	binary.LittleEndian.PutUint32(w[20:], uint32(top))
	return openOrdered(a, p)
}

func openOrdered(a *Arena, root PageID) *Ordered {
	w := a.read(root)
	o := &Ordered{
		a: a, root: root,
		spec:    OrderedSpec{ValueSize: int(int32(binary.LittleEndian.Uint32(w[16:])))},
		len:     int(binary.LittleEndian.Uint64(w[8:])),
		top:     PageID(binary.LittleEndian.Uint32(w[20:])),
		scratch: make([]byte, a.pageSize),
	}
	o.heap.open(a, makeRef(root, 64))
	return o
}

// Len returns the number of entries.
func (o *Ordered) Len() int { return o.len }

// Cuts returns how often DeleteRange was called since the table was opened.
func (o *Ordered) Cuts() uint64 { return o.cuts }

// Heap returns the heap that is freed with the table.
func (o *Ordered) Heap() *Heap { return &o.heap }

// inlineMax is the length in bytes up to which keys and values lie in the node;
// a node has room for at least three cells.
func (o *Ordered) inlineMax() int { return o.a.pageSize / 8 }

// compare compares key i of a node with key.
func (o *Ordered) compare(n node, i int, key []byte) int {
	k, long := n.key(i)
	if !long {
		return bytes.Compare(k, key)
	}
	if c := bytes.Compare(k[:keyPrefix], key[:min(keyPrefix, len(key))]); c != 0 {
		return c
	}
	return bytes.Compare(o.heap.Get(longRef(k)), key)
}

func longRef(k []byte) Ref { return Ref(binary.LittleEndian.Uint64(k[len(k)-8:])) }

// fullKey returns key i of a node.
func (o *Ordered) fullKey(n node, i int) []byte {
	k, long := n.key(i)
	if long {
		return o.heap.Get(longRef(k))
	}
	return k
}

// lowerBound returns the first place whose key is not less than key.
func (o *Ordered) lowerBound(n node, key []byte) int {
	i, _ := o.search(n, key)
	return i
}

// search is lowerBound, and tells whether key is there.
func (o *Ordered) search(n node, key []byte) (place int, found bool) {
	head := 8
	if n.leaf() {
		head = 4
	}
	offs := n[nodeHeader : nodeHeader+2*n.len()]
	lo, hi := 0, len(offs)/2
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		at := int(binary.LittleEndian.Uint16(offs[2*mid:]))
		size := int(binary.LittleEndian.Uint16(n[at:]))
		var c int
		if size&cellLong == 0 {
			c = bytes.Compare(n[at+head:at+head+size], key)
		} else {
			c = o.compare(n, mid, key)
		}
		if c < 0 {
			lo = mid + 1
			continue
		}
		if c == 0 {
			return mid, true
		}
		hi = mid
	}
	return lo, false
}

// childFor returns the child of an inner node that may have key.
func (o *Ordered) childFor(n node, key []byte) int {
	i, found := o.search(n, key)
	if found {
		return i
	}
	return i - 1
}

// descend returns the leaf that may have key, leaving the way in o.path.
func (o *Ordered) descend(key []byte) PageID {
	o.path = o.path[:0]
	p := o.top
	for n := node(o.a.read(p)); !n.leaf(); n = node(o.a.read(p)) {
		i := o.childFor(n, key)
		o.path = append(o.path, step{p, i})
		p = n.child(i)
	}
	return p
}

// find returns the leaf and place of key, and whether it is there.
func (o *Ordered) find(key []byte) (p PageID, n node, i int, ok bool) {
	p = o.descend(key)
	n = node(o.a.read(p))
	i, ok = o.search(n, key)
	return p, n, i, ok
}

// Get returns the value under key, for reading.
func (o *Ordered) Get(key []byte) ([]byte, bool) {
	_, n, i, ok := o.find(key)
	if !ok {
		return nil, false
	}
	return o.valueAt(n, i), true
}

func (o *Ordered) valueAt(n node, i int) []byte {
	at, size, long := n.value(i)
	v := n[at : at+size : at+size]
	if long {
		return o.heap.Get(longRef(v))
	}
	return v
}

// mutAt returns the value at place i of leaf p, for writing; it must fit a page.
func (o *Ordered) mutAt(p PageID, i int) []byte {
	n := node(o.a.read(p))
	at, size, long := n.value(i)
	if long {
		return o.heap.Mut(longRef(n[at : at+size]))
	}
	n = node(o.a.write(p))
	return n[at : at+size : at+size]
}

// Mut returns the value under key, for writing in place. The value must fit a
// page.
func (o *Ordered) Mut(key []byte) ([]byte, bool) {
	p, _, i, ok := o.find(key)
	if !ok {
		return nil, false
	}
	return o.mutAt(p, i), true
}

// Put stores a copy of value under a copy of key and reports whether the key is
// new. Values of another length than a fixed one are a mistake of the caller.
func (o *Ordered) Put(key, value []byte) (created bool) {
	if o.spec.ValueSize >= 0 && len(value) != o.spec.ValueSize {
		panic(fmt.Sprintf("state: value of %d bytes in an ordered table with values of %d", len(value), o.spec.ValueSize))
	}
	p, n, i, ok := o.find(key)
	if ok {
		o.replace(p, n, i, key, value)
		return false
	}
	o.insertLeaf(p, i, key, value)
	o.setLen(o.len + 1)
	return true
}

// Upsert returns the value under key for writing, making a zero one when there is
// none; values must be of fixed length and fit a page.
func (o *Ordered) Upsert(key []byte) (value []byte, created bool) {
	if o.spec.ValueSize < 0 || o.a.classes.class(o.spec.ValueSize) < 0 {
		panic("state: Ordered.Upsert needs values of fixed length that fit a page")
	}
	p, _, i, ok := o.find(key)
	if ok {
		return o.mutAt(p, i), false
	}
	if o.zero == nil {
		o.zero = make([]byte, o.spec.ValueSize)
	}
	o.Put(key, o.zero)
	p, _, i, _ = o.find(key)
	return o.mutAt(p, i), true
}

// replace changes the value at place i of leaf p.
func (o *Ordered) replace(p PageID, n node, i int, key, value []byte) {
	at, size, long := n.value(i)
	switch {
	case long && len(value) > o.inlineMax():
		old := longRef(n[at : at+size])
		if r := o.heap.Replace(old, value); r != old {
			binary.LittleEndian.PutUint64(node(o.a.write(p))[at:], uint64(r))
		}
	case !long && size == len(value):
		copy(node(o.a.write(p))[at:], value)
	default:
		key, value = bytes.Clone(key), bytes.Clone(value) // they may lie in this node
		o.Delete(key)
		o.Put(key, value)
	}
}

func (o *Ordered) setLen(n int) {
	o.len = n
	o.version++
	binary.LittleEndian.PutUint64(o.a.Write(makeRef(o.root, 8), 8), uint64(n))
}

func (o *Ordered) setTop(p PageID) {
	o.top = p
	binary.LittleEndian.PutUint32(o.a.Write(makeRef(o.root, 16), 8)[4:], uint32(p))
}

// Delete removes the entry under key and reports whether there was one.
func (o *Ordered) Delete(key []byte) bool {
	p, _, i, ok := o.find(key)
	if !ok {
		return false
	}
	o.cut(p, i, i+1)
	return true
}

// DeleteRange removes the entries with lo <= key < hi and returns how many there
// were. A nil lo or hi is no bound.
func (o *Ordered) DeleteRange(lo, hi []byte) int { return o.DeleteLeaves(lo, hi, func() {}) }

// DeleteLeaves is DeleteRange that calls between after the entries of each leaf, where it
// holds no bytes of the arena. hi must not be the arena's.
func (o *Ordered) DeleteLeaves(lo, hi []byte, between func()) int {
	o.cuts++
	lo = bytes.Clone(lo)
	before := o.len
	for {
		p, n, i, _ := o.find(lo)
		for i == n.len() { // the range begins after this leaf
			next := n.next()
			if next == 0 {
				return before - o.len
			}
			n = node(o.a.read(next))
			if n.len() > 0 {
				lo = append(lo[:0], o.fullKey(n, 0)...)
				p, n, i, _ = o.find(lo)
			}
		}
		j := n.len()
		if hi != nil {
			j = o.lowerBound(n, hi)
		}
		if j <= i {
			return before - o.len
		}
		o.cut(p, i, j)
		between()
	}
}

// cut removes the entries i to j-1 of leaf p, to which o.path leads.
func (o *Ordered) cut(p PageID, i, j int) {
	n := node(o.a.write(p))
	for k := i; k < j; k++ {
		if key, long := n.key(k); long {
			o.heap.Free(longRef(key))
		}
		if at, size, long := n.value(k); long {
			o.heap.Free(longRef(n[at : at+size]))
		}
	}
	n.remove(i, j)
	o.setLen(o.len - (j - i))
	o.rebalance(p)
}

// Min returns the first entry.
func (o *Ordered) Min() (key, value []byte, ok bool) { return o.edge(false) }

// Max returns the last entry.
func (o *Ordered) Max() (key, value []byte, ok bool) { return o.edge(true) }

func (o *Ordered) edge(last bool) (key, value []byte, ok bool) {
	if o.len == 0 {
		return nil, nil, false
	}
	p := o.edgeLeaf(last)
	n := node(o.a.read(p))
	i := 0
	if last {
		i = n.len() - 1
	}
	return o.fullKey(n, i), o.valueAt(n, i), true
}

// edgeLeaf returns the first or the last leaf. A leaf is empty only when the
// whole table is.
func (o *Ordered) edgeLeaf(last bool) PageID {
	p := o.top
	for n := node(o.a.read(p)); !n.leaf(); n = node(o.a.read(p)) {
		if last {
			p = n.child(n.len() - 1)
		} else {
			p = n.child(-1)
		}
	}
	return p
}

// each calls fn for each page. fn may free it.
func (o *Ordered) each(fn func(PageID)) {
	o.heap.each(fn)
	o.eachNode(o.top, fn)
	fn(o.root)
}

func (o *Ordered) eachNode(p PageID, fn func(PageID)) {
	if n := node(o.a.read(p)); !n.leaf() {
		for i := -1; i < n.len(); i++ {
			o.eachNode(n.child(i), fn)
		}
	}
	fn(p)
}
