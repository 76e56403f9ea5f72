package state

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestPanesAgainstMap(t *testing.T) {
	spec := TableSpec{ValueSize: 16}
	var p *Panes
	want := map[int64]map[string]uint64{}
	step := func(r *rand.Rand) {
		start := int64(r.IntN(30))*1000 - 5000
		if r.IntN(40) == 0 {
			_, had := want[start]
			if p.Drop(start) != had {
				panic("Drop")
			}
			delete(want, start)
			return
		}
		tab := p.Pane(start)
		if want[start] == nil {
			want[start] = map[string]uint64{}
		}
		k := fmt.Appendf(nil, "key-%d", r.IntN(50))
		row, created := tab.Upsert(k)
		v, had := want[start][string(k)]
		if created == had || binary.LittleEndian.Uint64(tab.Value(row)) != v {
			panic("Upsert")
		}
		w := tab.MutValue(row)
		old := Ref(binary.LittleEndian.Uint64(w[8:]))
		if old == 0 {
			old = tab.Heap().Put(k)
		} else {
			old = tab.Heap().Replace(old, make([]byte, r.IntN(300)))
		}
		binary.LittleEndian.PutUint64(w[8:], uint64(old))
		binary.LittleEndian.PutUint64(w, v+1)
		want[start][string(k)] = v + 1
	}
	check := func(s *Space, w any) {
		want := w.(map[int64]map[string]uint64)
		p := s.Panes("p", spec)
		starts := slices.Sorted(maps.Keys(want))
		var got []int64
		p.Ascend(-1<<63, func(start int64, tab *Table) bool {
			got = append(got, start)
			checkTable(t, tab, want[start])
			return true
		})
		if !slices.Equal(got, starts) || p.Len() != len(starts) {
			t.Fatalf("panes %v, want %v", got, starts)
		}
	}
	clone := func() any {
		c := map[int64]map[string]uint64{}
		for start, m := range want {
			c[start] = maps.Clone(m)
		}
		return c
	}
	runModel(t, 3, func(s *Space) { p = s.Panes("p", spec) }, step, check, clone)
}

func TestAscendMayDropPanes(t *testing.T) {
	a := newTestArena(t, Options{})
	p := newTestSpace(t, a, "op").Panes("p", TableSpec{KeySize: 8, ValueSize: 8})
	floor := a.Stats().Pages
	for i := range int64(1000) {
		p.Pane(i * 10).Upsert(key8(uint64(i)))
	}
	var seen []int64
	p.Ascend(5000, func(start int64, tab *Table) bool {
		seen = append(seen, start)
		if !p.Drop(start) {
			t.Fatal("Drop")
		}
		return start < 9000
	})
	if len(seen) != 401 || p.Len() != 599 {
		t.Fatalf("%d seen, %d left", len(seen), p.Len())
	}
	if lo, _ := p.Min(); lo != 0 {
		t.Fatal(lo)
	}
	if hi, _ := p.Max(); hi != 9990 {
		t.Fatal(hi)
	}
	if p.Find(5000) != nil || p.Find(4990) == nil {
		t.Fatal("Find")
	}
	p.Ascend(0, func(start int64, tab *Table) bool { return p.Drop(start) })
	if err := a.Check(); err != nil {
		t.Fatal(err)
	}
	if n := a.Stats().Pages; n != floor {
		t.Fatalf("%d pages are left of %d", n, floor)
	}
}

func TestPanesAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	a := newTestArena(t, Options{})
	p := newTestSpace(t, a, "op").Panes("p", TableSpec{KeySize: 8, ValueSize: 8})
	start := int64(0)
	key := key8(1)
	batch := func() {
		for i := range 1000 {
			key[0], key[1] = byte(i), byte(i>>8)
			p.Pane(start).Upsert(key)
			p.Pane(start + 10).Upsert(key)
		}
		p.Drop(start)
		start += 10
	}
	for range 10 {
		batch()
	}
	if n := testing.AllocsPerRun(20, batch); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}
