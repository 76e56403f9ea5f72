package state

import (
	"encoding/binary"
	"sort"
)

// Panes is a set of tables of one shape by pane start (event time in
// milliseconds, or whatever orders panes). Each pane's table and heap live in
// pages of their own, which Drop frees whole.
//
// Root page: 8 u32 key size, 12 u32 value size, 16 u32 places, 24 directory of
// entry pages. Entry page: 16 entries of i64 start, u32 table root (0 when the
// place is free), u32 unused.
type Panes struct {
	a     *Arena
	root  PageID
	spec  TableSpec
	dir   pageVec
	panes []*pane // by start
	holes []uint32
	pool  []*pane
	last  *pane
	n     uint32 // places, free ones included
}

type pane struct {
	start int64
	place uint32
	root  PageID
	bound bool // table is open
	table Table
}

const (
	paneEntry  = 16
	panesDir   = 24
	paneHeader = 16
)

func createPanes(a *Arena, spec TableSpec) *Panes {
	p := a.alloc(kindPanes)
	w := a.write(p)
	binary.LittleEndian.PutUint32(w[8:], uint32(spec.KeySize))
	binary.LittleEndian.PutUint32(w[12:], uint32(spec.ValueSize))
	return openPanes(a, p)
}

func openPanes(a *Arena, root PageID) *Panes {
	w := a.read(root)
	s := &Panes{a: a, root: root, spec: TableSpec{
		KeySize:   int(binary.LittleEndian.Uint32(w[8:])),
		ValueSize: int(binary.LittleEndian.Uint32(w[12:])),
	}, n: binary.LittleEndian.Uint32(w[16:])}
	s.dir.open(a, makeRef(root, panesDir), a.pageSize-panesDir)
	for i := range s.n {
		e := s.entry(i)
		if p := PageID(binary.LittleEndian.Uint32(e[8:])); p != 0 {
			s.panes = append(s.panes, &pane{start: int64(binary.LittleEndian.Uint64(e)), place: i, root: p})
		} else {
			s.holes = append(s.holes, i)
		}
	}
	sort.Slice(s.panes, func(i, j int) bool { return s.panes[i].start < s.panes[j].start })
	return s
}

func (s *Panes) entryRef(i uint32) Ref {
	per := uint32((s.a.pageSize - paneHeader) / paneEntry)
	return makeRef(s.dir.ids[i/per], paneHeader+int(i%per)*paneEntry)
}

func (s *Panes) entry(i uint32) []byte { return s.a.Read(s.entryRef(i), paneEntry) }

func (s *Panes) putEntry(i uint32, start int64, root PageID) {
	e := s.a.Write(s.entryRef(i), paneEntry)
	binary.LittleEndian.PutUint64(e, uint64(start))
	binary.LittleEndian.PutUint32(e[8:], uint32(root))
}

// search returns the place in s.panes of the first pane that starts at or after start.
func (s *Panes) search(start int64) int {
	lo, hi := 0, len(s.panes)
	for lo < hi {
		if mid := (lo + hi) / 2; s.panes[mid].start < start {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

func (s *Panes) open(p *pane) *Table {
	if !p.bound {
		p.table.open(s.a, p.root)
		p.bound = true
	}
	s.last = p
	return &p.table
}

// Len returns the number of panes.
func (s *Panes) Len() int { return len(s.panes) }

// Find returns the table of the pane that starts at start, or nil. The table is
// valid until the pane is dropped.
func (s *Panes) Find(start int64) *Table {
	if s.last != nil && s.last.start == start {
		return &s.last.table
	}
	if i := s.search(start); i < len(s.panes) && s.panes[i].start == start {
		return s.open(s.panes[i])
	}
	return nil
}

// Pane returns the table of the pane that starts at start, making the pane when
// it is missing.
func (s *Panes) Pane(start int64) *Table {
	if t := s.Find(start); t != nil {
		return t
	}
	var p *pane
	if n := len(s.pool); n > 0 {
		p, s.pool = s.pool[n-1], s.pool[:n-1]
	} else {
		p = new(pane)
	}
	p.start, p.bound, p.place = start, true, s.takePlace()
	p.table.create(s.a, s.spec)
	p.root = p.table.root
	s.putEntry(p.place, start, p.root)
	i := s.search(start)
	s.panes = append(s.panes, nil)
	copy(s.panes[i+1:], s.panes[i:])
	s.panes[i] = p
	return s.open(p)
}

func (s *Panes) takePlace() uint32 {
	if n := len(s.holes); n > 0 {
		i := s.holes[n-1]
		s.holes = s.holes[:n-1]
		return i
	}
	per := uint32((s.a.pageSize - paneHeader) / paneEntry)
	if s.n%per == 0 {
		s.dir.push(s.a.alloc(kindPanes))
	}
	s.n++
	binary.LittleEndian.PutUint32(s.a.Write(makeRef(s.root, 16), 4), s.n)
	return s.n - 1
}

// Drop frees the pane that starts at start with all its pages, and reports
// whether there was one.
func (s *Panes) Drop(start int64) bool {
	i := s.search(start)
	if i == len(s.panes) || s.panes[i].start != start {
		return false
	}
	p := s.panes[i]
	s.open(p).each(s.a.releasePage)
	s.panes = append(s.panes[:i], s.panes[i+1:]...)
	s.putEntry(p.place, 0, 0)
	s.holes = append(s.holes, p.place)
	s.pool = append(s.pool, p)
	s.last = nil
	if len(s.panes) == 0 {
		s.empty()
	}
	return true
}

// empty frees the pages of entries.
func (s *Panes) empty() {
	for n := len(s.dir.ids); n > 0; n-- {
		p := s.dir.ids[n-1]
		s.dir.pop()
		s.a.release(p)
	}
	s.n, s.holes = 0, s.holes[:0]
	binary.LittleEndian.PutUint32(s.a.Write(makeRef(s.root, 16), 4), 0)
}

// Ascend calls fn for each pane that starts at or after from, in order, until fn
// returns false. fn may drop panes and make new ones.
func (s *Panes) Ascend(from int64, fn func(start int64, t *Table) bool) {
	for i := s.search(from); i < len(s.panes); {
		start := s.panes[i].start
		if !fn(start, s.open(s.panes[i])) {
			return
		}
		if i = s.search(start); i < len(s.panes) && s.panes[i].start == start {
			i++
		}
	}
}

// Min returns the start of the first pane.
func (s *Panes) Min() (start int64, ok bool) {
	if len(s.panes) == 0 {
		return 0, false
	}
	return s.panes[0].start, true
}

// Max returns the start of the last pane.
func (s *Panes) Max() (start int64, ok bool) {
	if len(s.panes) == 0 {
		return 0, false
	}
	return s.panes[len(s.panes)-1].start, true
}

// each calls fn for each page. fn may free it.
func (s *Panes) each(fn func(PageID)) {
	for _, p := range s.panes {
		s.open(p).each(fn)
	}
	for _, p := range s.dir.ids {
		fn(p)
	}
	s.dir.each(fn)
	fn(s.root)
}
