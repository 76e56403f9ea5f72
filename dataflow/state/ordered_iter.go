package state

// Iter walks an Ordered. It is at an entry or at none. It survives changes: when
// its entry was deleted, Next and Prev go on from where it was.
type Iter struct {
	o       *Ordered
	page    PageID
	i       int
	valid   bool
	gone    bool // the entry was deleted; page and i are those of its successor
	version uint64
	key     []byte
}

// Iter returns an iterator at no entry.
func (o *Ordered) Iter() *Iter { return &Iter{o: o} }

// Valid reports whether the iterator is at an entry.
func (it *Iter) Valid() bool { return it.valid }

// Key returns the key of the entry; it is valid until the iterator moves.
func (it *Iter) Key() []byte { return it.key }

// Value returns the value of the entry, for reading. It is nil when the entry was
// deleted.
func (it *Iter) Value() []byte {
	if !it.settle() {
		return nil
	}
	return it.o.valueAt(node(it.o.a.read(it.page)), it.i)
}

// MutValue returns the value of the entry, for writing in place.
func (it *Iter) MutValue() []byte {
	if !it.settle() {
		return nil
	}
	return it.o.mutAt(it.page, it.i)
}

// settle finds the entry again after the table was changed.
func (it *Iter) settle() bool {
	if it.valid && it.version != it.o.version {
		p, _, i, ok := it.o.find(it.key)
		it.page, it.i, it.version, it.gone = p, i, it.o.version, !ok
	}
	return it.valid && !it.gone
}

func (it *Iter) set(p PageID, n node, i int) bool {
	it.page, it.i, it.valid = p, i, true
	it.key = append(it.key[:0], it.o.fullKey(n, i)...)
	return true
}

// after moves to place i of leaf p or the first place that follows.
func (it *Iter) after(p PageID, i int) bool {
	it.valid, it.gone, it.version = false, false, it.o.version
	for p != 0 {
		n := node(it.o.a.read(p))
		if i < n.len() {
			return it.set(p, n, i)
		}
		p, i = n.next(), 0
	}
	return false
}

// before moves to the last place before place i of leaf p.
func (it *Iter) before(p PageID, i int) bool {
	it.valid, it.gone, it.version = false, false, it.o.version
	for {
		n := node(it.o.a.read(p))
		if i > 0 {
			return it.set(p, n, i-1)
		}
		if p = n.prev(); p == 0 {
			return false
		}
		i = node(it.o.a.read(p)).len()
	}
}

// First moves to the first entry and reports whether there is one.
func (it *Iter) First() bool { return it.after(it.o.edgeLeaf(false), 0) }

// Last moves to the last entry and reports whether there is one.
func (it *Iter) Last() bool {
	p := it.o.edgeLeaf(true)
	return it.before(p, node(it.o.a.read(p)).len())
}

// Seek moves to the first entry whose key is not less than key and reports
// whether there is one.
func (it *Iter) Seek(key []byte) bool {
	p, _, i, _ := it.o.find(key)
	return it.after(p, i)
}

// SeekBefore moves to the last entry whose key is less than key and reports
// whether there is one.
func (it *Iter) SeekBefore(key []byte) bool {
	p, _, i, _ := it.o.find(key)
	return it.before(p, i)
}

// Next moves to the entry after this one and reports whether there is one.
func (it *Iter) Next() bool {
	if !it.valid {
		return false
	}
	if it.settle() {
		return it.after(it.page, it.i+1)
	}
	return it.after(it.page, it.i)
}

// Prev moves to the entry before this one and reports whether there is one.
func (it *Iter) Prev() bool {
	if !it.valid {
		return false
	}
	it.settle()
	return it.before(it.page, it.i)
}

// Delete removes the entry; Next and Prev go on from where it was.
func (it *Iter) Delete() bool {
	return it.valid && it.o.Delete(it.key)
}
