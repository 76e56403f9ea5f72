package state

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// benchTable returns a table of n rows and random batches of 1,000 of its keys.
func benchTable(b *testing.B, n uint64) (t *Table, keys []byte, offs []uint32) {
	a := newTestArena(b, Options{})
	t = newTestSpace(b, a, "op").Table("t", TableSpec{KeySize: 8, ValueSize: 48})
	for i := range n {
		t.Upsert(key8(i))
	}
	r := rand.New(rand.NewPCG(1, 0))
	for range 1_000_000 {
		keys = binary.LittleEndian.AppendUint64(keys, r.Uint64N(n))
	}
	for i := range 1001 {
		offs = append(offs, uint32(8*i))
	}
	b.ReportAllocs()
	b.ResetTimer()
	return t, keys, offs
}

func BenchmarkUpsertBatch(b *testing.B) {
	for name, n := range map[string]uint64{"100": 100, "100k": 100_000, "1M": 1_000_000} {
		b.Run(name, func(b *testing.B) {
			t, keys, offs := benchTable(b, n)
			rows, created := make([]Row, 1000), make([]bool, 1000)
			at := 0
			for i := 0; i < b.N; i += 1000 {
				t.UpsertBatch(keys[at:at+8000], offs, rows, created)
				for _, r := range rows {
					v := t.MutValue(r)
					binary.LittleEndian.PutUint64(v, binary.LittleEndian.Uint64(v)+1)
				}
				if at += 8000; at == len(keys) {
					at = 0
				}
			}
		})
	}
}

func BenchmarkUpsert(b *testing.B) {
	t, keys, _ := benchTable(b, 1_000_000)
	for i := 0; i < b.N; i++ {
		k := i % 1_000_000 * 8
		t.Upsert(keys[k : k+8])
	}
}

func BenchmarkInsert(b *testing.B) {
	t, _, _ := benchTable(b, 1)
	key := make([]byte, 8)
	for i := 0; i < b.N; i++ {
		binary.LittleEndian.PutUint64(key, uint64(i))
		t.Upsert(key)
	}
}

func BenchmarkOrderedPut(b *testing.B) {
	a := newTestArena(b, Options{})
	o := newTestSpace(b, a, "op").Ordered("o", OrderedSpec{ValueSize: 8})
	r := rand.New(rand.NewPCG(1, 0))
	key, value := make([]byte, 16), make([]byte, 8)
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		binary.BigEndian.PutUint64(key, r.Uint64N(1_000_000))
		o.Put(key, value)
	}
}
