package state

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// colliding makes n different keys of letters that all have one hash without a seed: a first
// block that makes the second's factor zero, whatever is in the other half.
func colliding(t *testing.T, n int) [][]byte {
	t.Helper()
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/ "
	r := rand.New(rand.NewPCG(1, 1))
	var first, zero [16]byte
	for tries := 0; ; tries++ {
		if tries == 1e8 {
			t.Fatal("no such keys")
		}
		for i := range first {
			first[i] = letters[r.IntN(len(letters))]
		}
		h := fold(binary.LittleEndian.Uint64(first[:])^hashA, binary.LittleEndian.Uint64(first[8:])^32^hashC)
		binary.LittleEndian.PutUint64(zero[8:], h)
		if !strings.ContainsFunc(string(zero[8:]), func(c rune) bool { return !strings.ContainsRune(letters, c) }) {
			break
		}
	}
	keys := make([][]byte, n)
	for i := range keys {
		copy(zero[:], fmt.Sprintf("%08d", i))
		keys[i] = append(append([]byte(nil), first[:]...), zero[:]...)
	}
	return keys
}

// Keys that collide can be computed as long as there is no secret in the hash.
func TestKeysMadeToCollide(t *testing.T) {
	keys := colliding(t, 10_000)
	most := func(h hasher) (most int) {
		same := map[uint32]int{}
		for _, k := range keys {
			same[h.bytes(k)]++
			most = max(most, same[h.bytes(k)])
		}
		return most
	}
	if n := most(newHasher(0)); n != len(keys) {
		t.Fatalf("%d of %d keys collide without a seed: they do not test anything", n, len(keys))
	}
	r := rand.New(rand.NewPCG(2, 2))
	for range 100 {
		if seed := r.Uint64(); most(newHasher(seed)) > 4 {
			t.Errorf("seed %x: %d keys collide", seed, most(newHasher(seed)))
		}
	}
}

// A table keeps the seed it was made with, whatever that of the arena it is restored into.
func TestTableKeepsItsSeed(t *testing.T) {
	for _, seed := range []uint64{0, 77} {
		a := newTestArena(t, Options{HashSeed: seed})
		tab := newTestSpace(t, a, "op").Table("t", TableSpec{ValueSize: 8})
		for i := range 3_000 {
			tab.Upsert(fmt.Appendf(nil, "key %d", i))
		}
		d := newDisk()
		if err := d.write(a.Barrier(1)); err != nil {
			t.Fatal(err)
		}
		b := restored(t, d, Options{HashSeed: 99})
		space := newTestSpace(t, b, "op")
		tab = space.Table("t", TableSpec{ValueSize: 8})
		for i := range 3_000 {
			if _, ok := tab.Get(fmt.Appendf(nil, "key %d", i)); !ok {
				t.Fatalf("seed %d: key %d is away", seed, i)
			}
		}
		if got := tab.hasher; got != newHasher(seed) {
			t.Errorf("seed %d: %x", seed, got)
		}
		if got := space.Table("new", TableSpec{ValueSize: 8}).hasher; got != newHasher(99) {
			t.Errorf("a new table has %x", got)
		}
		if err := b.Check(); err != nil {
			t.Error(err)
		}
	}
}
