package state

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
)

// memSwap is a Swap in memory that is full from so many slots on, when full is above 0.
type memSwap struct {
	mu         sync.Mutex
	slots      map[uint32][]byte
	full       int
	puts, gets int
}

func (s *memSwap) Put(slot uint32, image []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full > 0 && int(slot) >= s.full {
		return errors.New("the disk is full")
	}
	if s.slots == nil {
		s.slots = map[uint32][]byte{}
	}
	s.slots[slot] = bytes.Clone(image)
	s.puts++
	return nil
}

func (s *memSwap) Get(slot uint32, dst []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	img, ok := s.slots[slot]
	if !ok {
		return errors.New("no such slot")
	}
	copy(dst, img)
	s.gets++
	return nil
}

func (s *memSwap) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.slots)
	return nil
}

// structures are what a step changes, in one arena.
type structures struct {
	a     *Arena
	table *Table
	tree  *Ordered
	panes *Panes
	refs  []Ref
}

func newStructures(t *testing.T, a *Arena) *structures {
	s := newTestSpace(t, a, "op")
	return &structures{a: a, table: s.Table("t", TableSpec{ValueSize: 40}), tree: s.Ordered("o", OrderedSpec{ValueSize: -1}), panes: s.Panes("p", TableSpec{KeySize: 8, ValueSize: 24})}
}

// change does one thing that r draws. It returns what it read.
func (s *structures) change(r *rand.Rand) string {
	n := r.Uint64N(3000)
	key := fmt.Appendf(nil, "key %d of a length that does not lie in a row", n)
	switch r.IntN(10) {
	case 0, 1:
		row, _ := s.table.Upsert(key)
		v := s.table.MutValue(row)
		v[n%40]++
		return fmt.Sprint(v)
	case 2:
		return fmt.Sprint(s.table.Delete(key))
	case 3, 4:
		return fmt.Sprint(s.tree.Put(key, bytes.Repeat(key[:4], 1+int(n%200))))
	case 5:
		return fmt.Sprint(s.tree.Delete(key))
	case 6:
		v, ok := s.tree.Get(key)
		return fmt.Sprint(ok, len(v))
	case 7:
		row, _ := s.panes.Pane(int64(n % 7)).Upsert(key8(n))
		s.panes.Pane(int64(n % 7)).MutValue(row)[0]++
	case 8:
		if n%50 == 0 {
			return fmt.Sprint(s.panes.Drop(int64(n % 7)))
		}
		if n%51 == 0 {
			hi := fmt.Appendf(nil, "key %d", n+100)
			return fmt.Sprint(s.tree.DeleteRange(key, hi))
		}
	case 9:
		if n%2 == 0 || len(s.refs) == 0 {
			s.refs = append(s.refs, s.table.Heap().Put(bytes.Repeat(key, 1+int(n)%300)))
			return ""
		}
		i := int(n) % len(s.refs)
		ref := s.refs[i]
		s.refs[i] = s.refs[len(s.refs)-1]
		s.refs = s.refs[:len(s.refs)-1]
		v := string(s.table.Heap().Get(ref))
		s.table.Heap().Free(ref)
		return v
	}
	return ""
}

// An arena whose pages are swapped in the midst of steps is the same as one that has room
// for all, and so is what its checkpoints store: while they are read, when they are given up,
// and when the disk for the swap is full.
func TestSwappedPages(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		d := newDisk()
		swap := &memSwap{}
		if seed%4 == 3 {
			swap.full = 20
		}
		tight := newStructures(t, newTestArena(t, Options{MemoryMax: 64 << 10, SlabBytes: 8 << 10, CopyMax: 1 << 20, Pager: d, Swap: swap, Scribble: seed == 1}))
		roomy := newStructures(t, newTestArena(t, Options{}))
		same := func(when string) string {
			var x, y bytes.Buffer
			if err := errors.Join(tight.a.Dump(&x), roomy.a.Dump(&y), tight.a.Check()); err != nil || x.String() != y.String() {
				t.Fatalf("seed %d: %s: %v, the states differ: %v", seed, when, err, x.String() != y.String())
			}
			return y.String()
		}
		steps := func(n int) {
			for range n {
				s := r.Uint64()
				if x, y := tight.change(rand.New(rand.NewPCG(s, 2))), roomy.change(rand.New(rand.NewPCG(s, 2))); x != y {
					t.Fatalf("seed %d: %s instead of %s", seed, x, y)
				}
				tight.a.Relieve()
			}
		}
		for epoch := range Epoch(12) {
			steps(r.IntN(1500))
			at := ""
			if epoch%4 == 3 {
				at = same("at a barrier")
			}
			x, y := tight.a.Barrier(epoch), roomy.a.Barrier(epoch)
			written := make(chan error, 1)
			images := map[PageID][]byte{}
			go func() { written <- readDelta(x, images) }()
			steps(r.IntN(1500))
			if err := <-written; err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if r.IntN(4) == 0 {
				x.Abort()
				y.Abort()
				continue
			}
			if err := d.take(x, images); err != nil {
				t.Fatal(err)
			}
			x.Done()
			y.Done()
			if at != "" {
				back := restored(t, d, Options{})
				var got bytes.Buffer
				if err := errors.Join(back.Dump(&got), back.Check()); err != nil || got.String() != at {
					t.Fatalf("seed %d: what epoch %d stored is not what was there at its barrier: %v", seed, epoch, err)
				}
			}
			tight.a.Maintain()
		}
		same("at the end")
		if swap.puts == 0 || swap.gets == 0 || swap.full == 0 && tight.a.Stats().SwapErr != nil {
			t.Errorf("seed %d: the swap was put %d images and gave %d: %v", seed, swap.puts, swap.gets, tight.a.Stats().SwapErr)
		}
		tight.a.Relieve()
		if swap.full == 0 && tight.a.Stats().Resident > 16 {
			t.Errorf("seed %d: %d pages are in memory", seed, tight.a.Stats().Resident)
		}
	}
}

// readDelta reads the images of a delta, as a store does beside the engine.
func readDelta(d *Delta, images map[PageID][]byte) error {
	return d.Each(func(p PageID, img []byte) error {
		images[p] = bytes.Clone(img)
		return nil
	})
}

// take stores what readDelta read.
func (d *disk) take(delta *Delta, images map[PageID][]byte) error {
	d.roots = delta.Roots()
	maps.Copy(d.pages, images)
	return delta.Freed(func(p PageID) error {
		delete(d.pages, p)
		return nil
	})
}

// A state whose table of pages is larger than the limit does not ask for one checkpoint after
// the other.
func TestALimitSmallerThanTheTableOfPages(t *testing.T) {
	d := newDisk()
	const limit = 32 << 10
	a := newTestArena(t, Options{MemoryMax: limit, SlabBytes: 8 << 10, Pager: d})
	h := newTestSpace(t, a, "op").Table("t", TableSpec{KeySize: 8, ValueSize: 8}).Heap()
	value := make([]byte, 3000)
	for epoch := Epoch(1); a.Stats().Pages*pageCost <= 2*limit; epoch++ {
		for range 50 {
			h.Put(value)
		}
		delta := a.Barrier(epoch)
		if err := d.write(delta); err != nil {
			t.Fatal(err)
		}
		delta.Done()
		a.Maintain()
	}
	h.Put(value)
	a.Maintain()
	if st := a.Stats(); a.NeedCheckpoint() || st.Dirty == 0 {
		t.Errorf("a checkpoint is needed for %d dirty pages of %d, of which %d are in memory", st.Dirty, st.Pages, st.Resident)
	}
}
