package state

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// checkedArena returns an arena with one structure of each kind.
func checkedArena(t testing.TB) *Arena {
	a := newTestArena(t, Options{PageSize: 4096})
	s := newTestSpace(t, a, "op")
	tab := s.Table("t", TableSpec{ValueSize: 8})
	p := s.Panes("p", TableSpec{KeySize: 8, ValueSize: 8})
	o := s.Ordered("o", OrderedSpec{ValueSize: -1})
	h := s.Heap("h")
	r := rand.New(rand.NewPCG(9, 0))
	for i := range uint64(3000) {
		tab.Upsert(key8(i))
		p.Pane(int64(i % 7)).Upsert(key8(i))
		o.Put(key8(i*7919), randomBytes(r)[:0:0])
		h.Put(key8(i))
	}
	h.Put(make([]byte, 20_000))
	o.Put(make([]byte, 5000), make([]byte, 9000))
	return a
}

func TestCheckFindsOrphansAndSharedPages(t *testing.T) {
	a := checkedArena(t)
	if err := a.Check(); err != nil {
		t.Fatal(err)
	}
	p := a.alloc(kindCells)
	if a.Check() == nil {
		t.Error("an orphaned page is not found")
	}
	a.release(p)
	tab := a.Lookup("op").Table("t", TableSpec{ValueSize: 8})
	was := tab.index.ids[1]
	tab.index.ids[1] = tab.index.ids[0]
	if a.Check() == nil {
		t.Error("a page with two owners is not found")
	}
	tab.index.ids[1] = was
	a.release(was)
	if a.Check() == nil {
		t.Error("a freed page that is in use is not found")
	}
}

// TestCheckSurvivesDamage changes words at random: Check may find nothing, since
// values are the operators' own, and must never panic or run on for ever.
func TestCheckSurvivesDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 0))
	d := newDisk()
	a := checkedArena(t)
	if err := d.write(a.Barrier(1)); err != nil {
		t.Fatal(err)
	}
	var pages []PageID
	for p := range a.pages {
		if d.pages[PageID(p)] != nil {
			pages = append(pages, PageID(p))
		}
	}
	found := 0
	for range 200 {
		b := restored(t, d, Options{PageSize: 4096})
		p := pages[1+r.IntN(len(pages)-1)]
		at := r.IntN(6) * 4 // the header
		if r.IntN(2) == 0 {
			at = r.IntN(1024) * 4
		}
		binary.LittleEndian.PutUint32(b.write(p)[at:], uint32(r.IntN(1000)))
		if b.Check() != nil {
			found++
		}
	}
	if found < 80 { // the rest hits values and bytes that nothing uses
		t.Errorf("damage was found %d times of 200", found)
	}
}
