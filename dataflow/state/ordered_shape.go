package state

import (
	"bytes"
	"encoding/binary"
)

// leafSize returns the size of the leaf cell for an entry.
func (o *Ordered) leafSize(key, value []byte) int {
	k, v := len(key), len(value)
	if k > o.inlineMax() {
		k = keyPrefix + 8
	}
	if v > o.inlineMax() {
		v = 8
	}
	return (4+k+7)&^7 + (v+7)&^7
}

// putLong writes b, or a prefix of it and a Ref, to dst and returns the length.
func (o *Ordered) putLong(dst, b []byte, prefix int) (size int) {
	if len(b) <= o.inlineMax() {
		return copy(dst, b)
	}
	copy(dst, b[:prefix])
	binary.LittleEndian.PutUint64(dst[prefix:], uint64(o.heap.Put(b)))
	return (prefix + 8) | cellLong
}

func (o *Ordered) fillLeaf(cell, key, value []byte) {
	k := o.putLong(cell[4:], key, keyPrefix)
	binary.LittleEndian.PutUint16(cell, uint16(k))
	v := o.putLong(cell[(4+k&^cellLong+7)&^7:], value, 0)
	binary.LittleEndian.PutUint16(cell[2:], uint16(v))
}

// insertLeaf puts an entry at place i of leaf p, to which o.path leads.
func (o *Ordered) insertLeaf(p PageID, i int, key, value []byte) {
	n := node(o.a.write(p))
	size := o.leafSize(key, value)
	if cell := n.insert(i, size, o.scratch); cell != nil {
		o.fillLeaf(cell, key, value)
		return
	}
	q := o.a.alloc(kindNode)
	m := node(o.a.write(q))
	initNode(m, 0)
	o.linkAfter(p, q)
	at := n.len() // entries that come in order fill their leaves
	if i != at || m.next() != 0 {
		at = splitPlace(n, i, size)
	}
	n.moveTo(m, at, o.scratch)
	if i <= at && n.len() > 0 && (i < at || size+2 <= n.room() && m.len() > 0) {
		o.fillLeaf(n.insert(i, size, o.scratch), key, value)
	} else {
		o.fillLeaf(m.insert(i-at, size, o.scratch), key, value)
	}
	o.sep = o.separator(o.sep[:0], o.fullKey(n, n.len()-1), o.fullKey(m, 0))
	o.insertChild(len(o.path)-1, o.sep, q)
}

// splitPlace returns the place from which cells move to a new node so that both
// are about equally full when a cell of size bytes comes to place i.
func splitPlace(n node, i, size int) int {
	total := n.used() + size + 2
	left := 0
	for k := range n.len() {
		if k == i {
			left += size + 2
		}
		left += n.cellSize(k) + 2
		if left > total/2 {
			return max(k, 1)
		}
	}
	return n.len() - 1
}

// separator returns the shortest key that is greater than lo and not greater
// than hi.
func (o *Ordered) separator(dst, lo, hi []byte) []byte {
	k := 0
	for k < len(lo) && lo[k] == hi[k] {
		k++
	}
	return append(dst, hi[:k+1]...)
}

// linkAfter puts leaf q after leaf p.
func (o *Ordered) linkAfter(p, q PageID) {
	n, m := node(o.a.write(p)), node(o.a.write(q))
	next := n.next()
	m.setPrev(p)
	m.setNext(next)
	n.setNext(q)
	if next != 0 {
		node(o.a.write(next)).setPrev(q)
	}
}

func (o *Ordered) innerSize(key []byte) int {
	k := len(key)
	if k > o.inlineMax() {
		k = keyPrefix + 8
	}
	return (8 + k + 7) &^ 7
}

// insertChild puts child q, whose keys begin at key, after the child taken at
// level depth of o.path.
func (o *Ordered) insertChild(depth int, key []byte, q PageID) {
	if depth < 0 {
		old := node(o.a.read(o.top))
		top := o.a.alloc(kindNode)
		n := node(o.a.write(top))
		initNode(n, old[1]+1)
		n.setFirst(o.top)
		o.fillInner(n.insert(0, o.innerSize(key), o.scratch), key, q)
		o.setTop(top)
		return
	}
	p, i := o.path[depth].page, o.path[depth].child+1
	n := node(o.a.write(p))
	size := o.innerSize(key)
	if cell := n.insert(i, size, o.scratch); cell != nil {
		o.fillInner(cell, key, q)
		return
	}
	// The node is split at a cell whose key moves up; its child becomes the
	// leftmost of the new node.
	right := o.a.alloc(kindNode)
	m := node(o.a.write(right))
	initNode(m, n[1])
	at := min(splitPlace(n, i, size), n.len()-1)
	up := bytes.Clone(o.fullKey(n, at))
	n.moveTo(m, at+1, o.scratch)
	m.setFirst(n.child(at))
	if k, long := n.key(at); long {
		o.heap.Free(longRef(k))
	}
	n.remove(at, at+1)
	if i <= at {
		o.fillInner(n.insert(i, size, o.scratch), key, q)
	} else {
		o.fillInner(m.insert(i-at-1, size, o.scratch), key, q)
	}
	o.insertChild(depth-1, up, right)
}

func (o *Ordered) fillInner(cell, key []byte, child PageID) {
	binary.LittleEndian.PutUint16(cell, uint16(o.putLong(cell[8:], key, keyPrefix)))
	binary.LittleEndian.PutUint16(cell[2:], 0)
	binary.LittleEndian.PutUint32(cell[4:], uint32(child))
}

// rebalance frees leaf p, to which o.path leads, when it is empty, and merges it
// with a neighbour when both fit one page.
func (o *Ordered) rebalance(p PageID) {
	n := node(o.a.read(p))
	if len(o.path) == 0 || n.used() >= n.capacity()/3 {
		return
	}
	depth := len(o.path) - 1
	if n.len() == 0 {
		o.unlink(p)
		o.a.release(p)
		o.removeChild(depth)
		return
	}
	o.mergeAt(depth)
}

// unlink takes leaf p out of the chain of leaves.
func (o *Ordered) unlink(p PageID) {
	n := node(o.a.read(p))
	if q := n.prev(); q != 0 {
		node(o.a.write(q)).setNext(n.next())
	}
	if q := n.next(); q != 0 {
		node(o.a.write(q)).setPrev(n.prev())
	}
}

// removeChild takes the child taken at level depth of o.path, which is freed, out
// of its node, and frees the node when that was its only child.
func (o *Ordered) removeChild(depth int) {
	if depth < 0 { // the last node of all is gone
		top := o.a.alloc(kindNode)
		initNode(o.a.write(top), 0)
		o.setTop(top)
		return
	}
	p, i := o.path[depth].page, o.path[depth].child
	n := node(o.a.write(p))
	if n.len() == 0 {
		o.a.release(p)
		o.removeChild(depth - 1)
		return
	}
	if i < 0 {
		n.setFirst(n.child(0))
		i = 0
	}
	if k, long := n.key(i); long {
		o.heap.Free(longRef(k))
	}
	n.remove(i, i+1)
	if depth == 0 {
		o.collapse()
	} else if n.used() < n.capacity()/3 {
		o.mergeAt(depth - 1)
	}
}

// collapse lowers the tree while its top node has one child.
func (o *Ordered) collapse() {
	for n := node(o.a.read(o.top)); !n.leaf() && n.len() == 0; n = node(o.a.read(o.top)) {
		p := o.top
		o.setTop(n.child(-1))
		o.a.release(p)
	}
}

// mergeAt merges the child taken at level depth of o.path with the one after or
// before it, when both fit one page.
func (o *Ordered) mergeAt(depth int) {
	parent := node(o.a.read(o.path[depth].page))
	i := o.path[depth].child
	if i+1 < parent.len() && o.merge(depth, i+1) {
		return
	}
	if i >= 0 {
		o.merge(depth, i)
	}
}

// merge merges child i of the node at level depth of o.path into the child before
// it, and reports whether they fit.
func (o *Ordered) merge(depth, i int) bool {
	parent := node(o.a.read(o.path[depth].page))
	left, right := parent.child(i-1), parent.child(i)
	n, m := node(o.a.read(left)), node(o.a.read(right))
	extra := 0
	if !n.leaf() {
		extra = o.innerSize(o.fullKey(parent, i)) + 2
	}
	if n.used()+m.used()+extra > n.capacity() {
		return false
	}
	n, m = node(o.a.write(left)), node(o.a.write(right))
	if n.leaf() {
		o.unlink(right)
	} else {
		key := bytes.Clone(o.fullKey(parent, i))
		o.fillInner(n.insert(n.len(), o.innerSize(key), o.scratch), key, m.child(-1))
	}
	m.moveTo(n, 0, o.scratch)
	o.a.release(right)
	o.path[depth].child = i
	o.removeChild(depth)
	return true
}
