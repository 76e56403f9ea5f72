package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

// tableModel drives a table and a Go map with the same operations.
type tableModel struct {
	spec  TableSpec
	keys  func(r *rand.Rand) []byte
	table *Table
	want  map[string]uint64
}

func (m *tableModel) step(r *rand.Rand) {
	k := m.keys(r)
	switch r.IntN(10) {
	case 0, 1, 2:
		_, had := m.want[string(k)]
		if got := m.table.Delete(k); got != had {
			panic(fmt.Sprintf("Delete(%x) = %v", k, got))
		}
		delete(m.want, string(k))
	case 3:
		row, ok := m.table.Get(k)
		v, had := m.want[string(k)]
		if ok != had || ok && binary.LittleEndian.Uint64(m.table.Value(row)) != v {
			panic(fmt.Sprintf("Get(%x) = %v", k, ok))
		}
	default:
		row, created := m.table.Upsert(k)
		v, had := m.want[string(k)]
		if created == had || binary.LittleEndian.Uint64(m.table.Value(row)) != v || !bytes.Equal(m.table.Key(row), k) {
			panic(fmt.Sprintf("Upsert(%x) = %v, value %x, key %x", k, created, m.table.Value(row), m.table.Key(row)))
		}
		v = r.Uint64()
		binary.LittleEndian.PutUint64(m.table.MutValue(row), v)
		m.want[string(k)] = v
	}
}

func checkTable(t *testing.T, tab *Table, want map[string]uint64) {
	t.Helper()
	if tab.Len() != len(want) {
		t.Fatalf("%d rows, want %d", tab.Len(), len(want))
	}
	got := map[string]uint64{}
	tab.Scan(func(r Row) bool {
		got[string(tab.Key(r))] = binary.LittleEndian.Uint64(tab.Value(r))
		return true
	})
	if !maps.Equal(got, want) {
		t.Fatalf("the rows differ: %d and %d", len(got), len(want))
	}
	for k := range want {
		if _, ok := tab.Get([]byte(k)); !ok {
			t.Fatalf("no row for %x", k)
		}
	}
}

var tableModels = map[string]tableModel{
	"8-byte keys": {spec: TableSpec{KeySize: 8, ValueSize: 24}, keys: func(r *rand.Rand) []byte {
		return key8(r.Uint64N(20000))
	}},
	"12-byte keys": {spec: TableSpec{KeySize: 12, ValueSize: 8}, keys: func(r *rand.Rand) []byte {
		return binary.BigEndian.AppendUint64(make([]byte, 4), r.Uint64N(5000))
	}},
	"variable keys": {spec: TableSpec{ValueSize: 8}, keys: func(r *rand.Rand) []byte {
		n := r.Uint64N(3000)
		return fmt.Appendf(nil, "%0*d", n%60, n)
	}},
	"keys larger than a page": {spec: TableSpec{ValueSize: 8}, keys: func(r *rand.Rand) []byte {
		n := r.Uint64N(40)
		return fmt.Appendf(nil, "%0*d", n*250, n)
	}},
	"wide rows": {spec: TableSpec{KeySize: 8, ValueSize: 2500}, keys: func(r *rand.Rand) []byte {
		return key8(r.Uint64N(500))
	}},
}

func TestTableAgainstMap(t *testing.T) {
	for name, m := range tableModels {
		t.Run(name, func(t *testing.T) {
			runModel(t, 1, func(s *Space) {
				m.table = s.Table("t", m.spec)
				if m.want == nil {
					m.want = map[string]uint64{}
				}
			}, m.step, func(s *Space, want any) {
				checkTable(t, s.Table("t", m.spec), want.(map[string]uint64))
			}, func() any { return maps.Clone(m.want) })
		})
	}
}

// runModel drives a structure with random steps, and takes checkpoints at random
// points: some are captured beside further steps and committed or aborted, and
// after some the arena is restored from the disk and compared with what the model
// was at the barrier.
func runModel(t *testing.T, seed uint64, bind func(*Space), step func(*rand.Rand), check func(*Space, any), clone func() any) {
	r := rand.New(rand.NewPCG(seed, 0))
	a := newTestArena(t, Options{})
	s := newTestSpace(t, a, "op")
	bind(s)
	d := newDisk()
	rounds := 30
	if testing.Short() {
		rounds = 8
	}
	for epoch := Epoch(1); int(epoch) <= rounds; epoch++ {
		for range r.IntN(3000) {
			step(r)
		}
		delta := a.Barrier(epoch)
		at := clone()
		done := make(chan error, 1)
		fail := r.IntN(4) == 0
		go func() {
			if !fail {
				done <- d.write(delta)
				return
			}
			n := 0
			done <- delta.Each(func(PageID, []byte) error {
				if n++; n > 5 {
					return errTest
				}
				return nil
			})
		}()
		for range r.IntN(2000) {
			step(r)
		}
		if err := <-done; err != nil || fail {
			delta.Abort()
			continue
		}
		delta.Done()
		b := restored(t, d, Options{})
		if err := b.Check(); err != nil {
			t.Fatalf("seed %d, epoch %d: restored: %v", seed, epoch, err)
		}
		check(b.Lookup("op"), at)
		if err := a.Check(); err != nil {
			t.Fatalf("seed %d, epoch %d: %v", seed, epoch, err)
		}
		check(s, clone())
	}
}

var errTest = fmt.Errorf("commit fails")

func TestUpsertBatchIsUpsert(t *testing.T) {
	for name, m := range tableModels {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(2, 0))
			a := newTestArena(t, Options{})
			tab := newTestSpace(t, a, "op").Table("t", m.spec)
			want := map[string]uint64{}
			rows, created := make([]Row, 1000), make([]bool, 1000)
			for range 30 {
				var keys []byte
				offs := []uint32{0}
				n := 1 + r.IntN(1000)
				for range n {
					keys = append(keys, m.keys(r)...)
					offs = append(offs, uint32(len(keys)))
				}
				tab.UpsertBatch(keys, offs, rows, created)
				for i := range n {
					k := keys[offs[i]:offs[i+1]]
					v, had := want[string(k)]
					if had == created[i] || !bytes.Equal(tab.Key(rows[i]), k) || binary.LittleEndian.Uint64(tab.Value(rows[i])) != v {
						t.Fatalf("key %x: created %v", k, created[i])
					}
					want[string(k)] = v + 1
					binary.LittleEndian.PutUint64(tab.MutValue(rows[i]), v+1)
				}
				tab.GetBatch(keys, offs, rows)
				for i := range n {
					if !bytes.Equal(tab.Key(rows[i]), keys[offs[i]:offs[i+1]]) {
						t.Fatal("GetBatch returns another row")
					}
				}
			}
			checkTable(t, tab, want)
		})
	}
}

func TestTableFreesItsPages(t *testing.T) {
	a := newTestArena(t, Options{})
	tab := newTestSpace(t, a, "op").Table("t", TableSpec{KeySize: 8, ValueSize: 40})
	floor := a.Stats().Pages
	for i := range uint64(200_000) {
		tab.Upsert(key8(i))
	}
	most := a.Stats().Pages
	for from := 0; ; {
		if from = tab.Sweep(from, 7, func(Row) bool { return true }); from == 0 {
			break
		}
	}
	if err := a.Check(); err != nil {
		t.Fatal(err)
	}
	if n := a.Stats().Pages; tab.Len() != 0 || n > floor+12 {
		t.Fatalf("%d rows, %d pages of %d are left, %d were there before", tab.Len(), n, most, floor)
	}
	a.Barrier(1).Done()
	if s := a.Stats(); s.Resident > 1024 {
		t.Fatalf("memory stays: %+v", s)
	}
}

func TestCollidingHashesOverflow(t *testing.T) {
	a := newTestArena(t, Options{})
	tab := newTestSpace(t, a, "op").Table("t", TableSpec{KeySize: 8, ValueSize: 8})
	const n = 3000
	for i := range uint64(n) {
		if r, _, _ := tab.find(7, key8(i)); r != 0 {
			t.Fatal("found before it was there")
		}
		tab.insert(7, key8(i))
	}
	for i := range uint64(n) {
		if r, _, _ := tab.find(7, key8(i)); r == 0 || !bytes.Equal(tab.Key(Row(r)), key8(i)) {
			t.Fatalf("key %d is not found", i)
		}
	}
}

func TestTableAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	a := newTestArena(t, Options{})
	tab := newTestSpace(t, a, "op").Table("t", TableSpec{KeySize: 8, ValueSize: 16})
	var keys []byte
	offs := []uint32{0}
	for i := range uint64(1000) {
		keys = append(keys, key8(i)...)
		offs = append(offs, uint32(len(keys)))
	}
	rows, created := make([]Row, 1000), make([]bool, 1000)
	batch := func() {
		tab.UpsertBatch(keys, offs, rows, created)
		for _, r := range rows {
			tab.MutValue(r)[0]++
		}
		for i := range 1000 {
			tab.Upsert(keys[8*i : 8*i+8])
			tab.Get(keys[8*i : 8*i+8])
		}
	}
	batch()
	epoch := Epoch(0)
	checkpoint := func() {
		batch()
		epoch++
		d := a.Barrier(epoch)
		batch()
		d.Done()
	}
	for range 5 {
		checkpoint()
	}
	if n := testing.AllocsPerRun(20, batch); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
	if n := testing.AllocsPerRun(20, checkpoint); n > 1 {
		t.Errorf("%v allocations a checkpoint, want the delta alone", n)
	}
}
