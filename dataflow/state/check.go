package state

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Check verifies the arena: every allocated page belongs to exactly one
// structure, no free page belongs to one, and every structure is sound. It
// returns all that it finds.
func (a *Arena) Check() error {
	c := &checker{a: a, owner: make(map[PageID]string)}
	c.own(0, "superblock")
	if first := PageID(binary.LittleEndian.Uint32(a.read(0)[20:])); first != 0 {
		eachChain(a, first, func(p PageID) { c.own(p, "catalog") })
	}
	for _, s := range a.spaces {
		for _, e := range s.roots {
			name := s.id + "/" + e.Name
			c.try(name, func() {
				h := s.open(e)
				h.each(func(p PageID) { c.own(p, name) })
				c.structure(name, h)
			})
		}
	}
	for p := range a.pages {
		if _, owned := c.owner[PageID(p)]; !owned && !a.free.has(uint32(p)) {
			c.fail("page %d (kind %d) belongs to no structure", p, a.read(PageID(p))[0])
		}
	}
	return errors.Join(c.errs...)
}

// checker collects what Check finds.
type checker struct {
	a     *Arena
	owner map[PageID]string
	errs  []error
}

const checkErrorsMax = 100

func (c *checker) fail(format string, args ...any) {
	if len(c.errs) < checkErrorsMax {
		c.errs = append(c.errs, fmt.Errorf("state: "+format, args...))
	}
}

// try calls fn and takes a panic in it, as a damaged page makes structures do, for
// a finding.
func (c *checker) try(name string, fn func()) {
	defer func() {
		if p := recover(); p != nil {
			c.fail("%s cannot be walked: %v", name, p)
		}
	}()
	fn()
}

// own notes the owner of a page.
func (c *checker) own(p PageID, name string) {
	if other, ok := c.owner[p]; ok {
		c.fail("page %d belongs to %s and to %s", p, other, name)
		return
	}
	c.owner[p] = name
	if int(p) >= len(c.a.pages) || c.a.free.has(uint32(p)) {
		c.fail("page %d of %s is free", p, name)
	}
}

func (c *checker) structure(name string, h structure) {
	switch h := h.(type) {
	case *Table:
		c.table(name, h)
	case *Panes:
		for i, p := range h.panes {
			if i > 0 && h.panes[i-1].start >= p.start {
				c.fail("%s: pane %d comes after pane %d", name, p.start, h.panes[i-1].start)
			}
			c.table(fmt.Sprintf("%s[%d]", name, p.start), h.open(p))
		}
	case *rootedHeap:
		c.heap(name, h.Heap)
	case *Ordered:
		c.ordered(name, h)
	}
}

// table checks that each row is found under its key, once, and the counts.
func (c *checker) table(name string, t *Table) {
	rows := 0
	t.Scan(func(r Row) bool {
		rows++
		k := t.Key(r)
		if got, ok := t.Get(k); !ok || got != r {
			c.fail("%s: the row with key %x is not found under it", name, k)
		}
		return true
	})
	slots := 0
	for b, p := range t.index.ids {
		eachChain(t.a, p, func(p PageID) {
			pg, n := t.a.read(p), 0
			if pg[0] != kindIndex {
				c.fail("%s: page %d is no index page", name, p)
			}
			for off := indexHeader; off+8 <= len(pg); off += 8 {
				if w := binary.LittleEndian.Uint64(pg[off:]); w != 0 {
					n++
					if t.bucket(uint32(w>>32)) != uint32(b) {
						c.fail("%s: index page %d holds a slot of another bucket", name, p)
					}
				}
			}
			if n != int(binary.LittleEndian.Uint16(pg[2:])) {
				c.fail("%s: index page %d counts %d slots and has %d", name, p, binary.LittleEndian.Uint16(pg[2:]), n)
			}
			slots += n
		})
	}
	if rows != t.len || slots != t.len {
		c.fail("%s: counts %d rows, has %d, and %d index slots", name, t.len, rows, slots)
	}
	if want := 1<<t.level + int(t.split); len(t.index.ids) != want {
		c.fail("%s: %d index pages at level %d, split %d", name, len(t.index.ids), t.level, t.split)
	}
	for i, p := range t.dir.ids {
		if p != 0 && t.rowSlot(p, false) != uint32(i) {
			c.fail("%s: row page %d is in place %d of the directory and says %d", name, p, i, t.rowSlot(p, false))
		}
	}
	c.pool(name, &t.rows)
	c.heap(name, &t.heap)
}

// pool checks the counts and lists of a cell pool and returns its cells in use.
func (c *checker) pool(name string, pool *cellPool) (cells int) {
	full := false
	pool.each(func(p PageID) {
		full = full || p == pool.full
		n := 0
		pool.cellsIn(p, func(Ref) bool { n++; return true })
		h := pool.a.read(p)
		if h[0] != kindCells || h[1] != pool.class ||
			int(binary.LittleEndian.Uint16(h[cellsPer:])) != pool.per || int(binary.LittleEndian.Uint16(h[cellsData:])) != pool.data {
			c.fail("%s: page %d is no page of %d cells of class %d", name, p, pool.per, pool.class)
		}
		if used := int(binary.LittleEndian.Uint16(pool.a.read(p)[cellsUsed:])); used != n {
			c.fail("%s: page %d counts %d cells and has %d", name, p, used, n)
		}
		if full != (n == pool.per) {
			c.fail("%s: page %d with %d of %d cells is in the wrong list", name, p, n, pool.per)
		}
		cells += n
	})
	return cells
}

func (c *checker) heap(name string, h *Heap) {
	n, size := 0, int64(0)
	for k := range h.a.classes.sizes {
		pool := h.pool(k)
		n += c.pool(name, pool)
		pool.each(func(p PageID) {
			pool.cellsIn(p, func(r Ref) bool {
				size += int64(h.Size(r))
				if h.a.classes.class(h.Size(r)) != k {
					c.fail("%s: a value of %d bytes is in class %d", name, h.Size(r), k)
				}
				return true
			})
		})
	}
	for p := h.large; p != 0; {
		n++
		size += int64(h.Size(makeRef(p, largeData)))
		p = PageID(binary.LittleEndian.Uint32(h.a.Read(makeRef(p, 0), largeData)[20:]))
	}
	if n != h.len || size != h.bytes {
		c.fail("%s: heap counts %d values of %d bytes and has %d of %d", name, h.len, h.bytes, n, size)
	}
}
