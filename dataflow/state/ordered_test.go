package state

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// orderedModel drives an Ordered and a Go map.
type orderedModel struct {
	spec   OrderedSpec
	keys   func(r *rand.Rand) []byte
	values func(r *rand.Rand) []byte
	o      *Ordered
	want   map[string]string
}

func (m *orderedModel) sorted() []string { return slices.Sorted(maps.Keys(m.want)) }

func (m *orderedModel) step(r *rand.Rand) {
	k := m.keys(r)
	v, had := m.want[string(k)]
	switch op := r.IntN(100); {
	case op < 35:
		if m.o.Delete(k) != had {
			panic("Delete")
		}
		delete(m.want, string(k))
	case op < 45:
		got, ok := m.o.Get(k)
		if ok != had || string(got) != v {
			panic(fmt.Sprintf("Get(%x) = %x, %v", k, got, ok))
		}
	case op < 46:
		m.deleteRange(r)
	case op < 47:
		m.iterate(r)
	case op < 50 && had:
		w, _ := m.o.Mut(k)
		if len(w) > 0 {
			w[0]++
		}
		m.want[string(k)] = string(w)
	default:
		v := m.values(r)
		if m.o.Put(k, v) == had {
			panic("Put")
		}
		m.want[string(k)] = string(v)
	}
}

func (m *orderedModel) deleteRange(r *rand.Rand) {
	lo, hi := m.keys(r), m.keys(r)
	if r.IntN(3) == 0 {
		hi = append(bytes.Clone(lo), 200)
	}
	n := 0
	for k := range m.want {
		if k >= string(lo) && k < string(hi) {
			delete(m.want, k)
			n++
		}
	}
	if got := m.o.DeleteRange(lo, hi); got != n {
		panic(fmt.Sprintf("DeleteRange(%x, %x) = %d, want %d", lo, hi, got, n))
	}
}

// iterate walks some entries and changes the table meanwhile.
func (m *orderedModel) iterate(r *rand.Rand) {
	it := m.o.Iter()
	k := m.keys(r)
	forward := r.IntN(2) == 0
	var ok bool
	if forward {
		ok = it.Seek(k)
	} else {
		ok = it.SeekBefore(k)
	}
	for range 20 {
		keys := m.sorted()
		i, _ := slices.BinarySearch(keys, string(k))
		if !forward {
			i--
		}
		if ok != (i >= 0 && i < len(keys)) || it.Valid() != ok {
			panic("the iterator is at an end too soon or too late")
		}
		if !ok {
			return
		}
		if string(it.Key()) != keys[i] || string(it.Value()) != m.want[keys[i]] {
			panic(fmt.Sprintf("the iterator is at %x, want %x", it.Key(), keys[i]))
		}
		k = bytes.Clone(it.Key())
		switch r.IntN(4) {
		case 0:
			it.Delete()
			delete(m.want, string(k))
		case 1:
			k, v := m.keys(r), m.values(r)
			m.o.Put(k, v)
			m.want[string(k)] = string(v)
		}
		if forward {
			ok = it.Next()
			k = append(k, 0)
		} else {
			ok = it.Prev()
		}
	}
}

var orderedModels = map[string]orderedModel{
	"timers": {
		spec:   OrderedSpec{ValueSize: 8},
		keys:   func(r *rand.Rand) []byte { return fmt.Appendf(nil, "%016d", r.IntN(5000)) },
		values: func(r *rand.Rand) []byte { return key8(r.Uint64()) },
	},
	"variable": {
		spec: OrderedSpec{ValueSize: -1},
		keys: func(r *rand.Rand) []byte {
			b := make([]byte, r.IntN(12))
			for i := range b {
				b[i] = byte(r.IntN(3))
			}
			return b
		},
		values: func(r *rand.Rand) []byte { return randomBytes(r)[:0:0] },
	},
	"large": {
		spec: OrderedSpec{ValueSize: -1},
		keys: func(r *rand.Rand) []byte {
			n := r.IntN(400)
			if n%4 == 0 {
				return fmt.Appendf(nil, "%0*d", n*12, n)
			}
			return append(bytes.Repeat([]byte{'x'}, 500+n%50), fmt.Sprint(n)...)
		},
		values: func(r *rand.Rand) []byte { return make([]byte, r.IntN(3)*r.IntN(500)) },
	},
	"no values": {
		keys:   func(r *rand.Rand) []byte { return key8(r.Uint64N(3000)) },
		values: func(*rand.Rand) []byte { return nil },
	},
}

func checkOrdered(t *testing.T, o *Ordered, want map[string]string) {
	t.Helper()
	if o.Len() != len(want) {
		t.Fatalf("%d entries, want %d", o.Len(), len(want))
	}
	keys := slices.Sorted(maps.Keys(want))
	it := o.Iter()
	i := 0
	for ok := it.First(); ok; ok = it.Next() {
		if string(it.Key()) != keys[i] || string(it.Value()) != want[keys[i]] {
			t.Fatalf("entry %d is %x", i, it.Key())
		}
		i++
	}
	for ok := it.Last(); ok; ok = it.Prev() {
		if i--; string(it.Key()) != keys[i] {
			t.Fatalf("backwards, entry %d is %x", i, it.Key())
		}
	}
	if len(keys) > 0 {
		lo, _, _ := o.Min()
		hi, _, _ := o.Max()
		if string(lo) != keys[0] || string(hi) != keys[len(keys)-1] || i != 0 {
			t.Fatal("Min or Max")
		}
	}
}

func TestOrderedAgainstMap(t *testing.T) {
	for name, m := range orderedModels {
		t.Run(name, func(t *testing.T) {
			m.want = map[string]string{}
			runModel(t, 5, func(s *Space) { m.o = s.Ordered("o", m.spec) }, m.step, func(s *Space, want any) {
				checkOrdered(t, s.Ordered("o", m.spec), want.(map[string]string))
			}, func() any { return maps.Clone(m.want) })
		})
	}
}

func TestOrderedInOrderFillsItsPages(t *testing.T) {
	a := newTestArena(t, Options{PageSize: 4096})
	o := newTestSpace(t, a, "op").Ordered("o", OrderedSpec{ValueSize: 8})
	floor := a.Stats().Pages
	const n = 100_000
	for i := range n {
		o.Put(fmt.Appendf(nil, "%08d", i), key8(uint64(i)))
	}
	// 8 bytes each of key and value, 8 of header and padding, 2 of slot.
	if got, ideal := a.Stats().Pages, n*26/4072; got > ideal*11/10+floor {
		t.Fatalf("%d pages, %d would do", got, ideal)
	}
	if got := o.DeleteRange(nil, fmt.Appendf(nil, "%08d", n/2)); got != n/2 {
		t.Fatal(got)
	}
	if err := a.Check(); err != nil {
		t.Fatal(err)
	}
	if got := o.DeleteRange(nil, nil); got != n/2 || a.Stats().Pages != floor {
		t.Fatalf("%d deleted, %d pages are left of %d", got, a.Stats().Pages, floor)
	}
}

func TestOrderedUpsert(t *testing.T) {
	a := newTestArena(t, Options{})
	o := newTestSpace(t, a, "op").Ordered("o", OrderedSpec{ValueSize: 16})
	v, created := o.Upsert([]byte("k"))
	v[3] = 7
	w, again := o.Upsert([]byte("k"))
	if !created || again || len(w) != 16 || w[3] != 7 {
		t.Fatal(created, again, w)
	}
}

func TestOrderedAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	a := newTestArena(t, Options{})
	o := newTestSpace(t, a, "op").Ordered("o", OrderedSpec{ValueSize: 8})
	key := make([]byte, 16)
	it := o.Iter()
	at := 0
	batch := func() {
		for range 1000 {
			key[8], key[9], key[10] = byte(at>>16), byte(at>>8), byte(at)
			at++
			v, _ := o.Upsert(key)
			v[0]++
			o.Get(key)
		}
		for ok := it.First(); ok; ok = it.Next() {
			it.Delete()
		}
	}
	for range 10 {
		batch()
	}
	if n := testing.AllocsPerRun(20, batch); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}
