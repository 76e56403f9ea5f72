package state

import "bytes"

// ordered checks key order, separators, levels, the chain of leaves and counts.
func (c *checker) ordered(name string, o *Ordered) {
	w := &orderedWalk{c: c, name: name, o: o}
	top := node(o.a.read(o.top))
	w.node(o.top, int(top[1]), nil, nil)
	if w.leaf != 0 {
		if n := node(o.a.read(w.leaf)); n.next() != 0 {
			c.fail("%s: leaf %d is last and points at %d", name, w.leaf, n.next())
		}
	}
	if w.entries != o.len {
		c.fail("%s: counts %d entries and has %d", name, o.len, w.entries)
	}
	c.heap(name, &o.heap)
	if w.long > o.heap.len {
		c.fail("%s: %d long keys and values, and %d in the heap", name, w.long, o.heap.len)
	}
}

type orderedWalk struct {
	c       *checker
	name    string
	o       *Ordered
	leaf    PageID // the last leaf seen
	entries int
	long    int
}

// node checks a subtree whose keys must lie in [lo, hi).
func (w *orderedWalk) node(p PageID, level int, lo, hi []byte) {
	n := node(w.o.a.read(p))
	if n[0] != kindNode || int(n[1]) != level {
		w.c.fail("%s: page %d has kind %d and level %d, want level %d", w.name, p, n[0], n[1], level)
		return
	}
	low, size := len(n), 0
	var last []byte
	for i := range n.len() {
		k := w.o.fullKey(n, i)
		if i > 0 && bytes.Compare(last, k) >= 0 || lo != nil && bytes.Compare(k, lo) < 0 || hi != nil && bytes.Compare(k, hi) >= 0 {
			w.c.fail("%s: page %d: key %d (%x) is out of order", w.name, p, i, k)
		}
		last = k
		low = min(low, n.off(i))
		size += n.cellSize(i)
		if _, long := n.key(i); long {
			w.long++
		}
		if n.leaf() {
			if _, _, long := n.value(i); long {
				w.long++
			}
		}
	}
	if n.low() > low || size+n.holes() != len(n)-n.low() {
		w.c.fail("%s: page %d: cells of %d bytes and %d freed from offset %d", w.name, p, size, n.holes(), n.low())
	}
	if n.leaf() {
		w.leafLinks(p, n)
		return
	}
	for i := -1; i < n.len(); i++ {
		from, to := lo, hi
		if i >= 0 {
			from = w.o.fullKey(n, i)
		}
		if i+1 < n.len() {
			to = w.o.fullKey(n, i+1)
		}
		w.node(n.child(i), level-1, from, to)
	}
}

func (w *orderedWalk) leafLinks(p PageID, n node) {
	if n.prev() != w.leaf || w.leaf != 0 && node(w.o.a.read(w.leaf)).next() != p {
		w.c.fail("%s: leaf %d is not linked with leaf %d before it", w.name, p, w.leaf)
	}
	if n.len() == 0 && p != w.o.top {
		w.c.fail("%s: leaf %d is empty", w.name, p)
	}
	w.leaf = p
	w.entries += n.len()
}
