package state

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// newTight returns an arena that holds a few pages in memory, and a heap in it.
func newTight(t *testing.T, d *disk, s Swap) (*Arena, *Heap) {
	a := newTestArena(t, Options{PageSize: 4096, MemoryMax: 64 << 10, SlabBytes: 8 << 10, CopyMax: 1 << 20, Pager: d, Swap: s})
	return a, newTestSpace(t, a, "op").Table("t", TableSpec{KeySize: 8, ValueSize: 8}).Heap()
}

func fillHeap(a *Arena, h *Heap, n int) (refs []Ref) {
	for range n {
		refs = append(refs, h.Put(make([]byte, 2000)))
		a.Relieve()
	}
	return refs
}

// A checkpoint that is in flight during all of a step keeps the slots that it reads, and no
// other: the swap stays as large as the state.
func TestASwapDoesNotGrowBesideACheckpoint(t *testing.T) {
	d := newDisk()
	a, h := newTight(t, d, &memSwap{})
	refs := fillHeap(a, h, 200)
	delta := a.Barrier(1)
	if err := d.write(delta); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 5000 {
		h.Mut(refs[r.IntN(len(refs))])[0]++
		a.Relieve()
	}
	if n, pages := a.swap.next, a.Stats().Pages; a.Stats().Swapped < 2000 || n > uint32(2*pages) {
		t.Errorf("%d slots for %d pages, after %d that were swapped", n, pages, a.Stats().Swapped)
	}
	delta.Done()
	if err := a.Check(); err != nil {
		t.Error(err)
	}
}

// Where a step frees or changes all that it swapped, the swap gives its room back, too.
func TestASwapIsGivenBackThatNothingIsInAtABarrier(t *testing.T) {
	d, swap := newDisk(), &memSwap{}
	a, h := newTight(t, d, swap)
	for _, r := range fillHeap(a, h, 200) {
		h.Free(r)
	}
	for p, slot := range a.swap.slots {
		if slot != 0 {
			a.write(PageID(p))
		}
	}
	delta := a.Barrier(1)
	if err := d.write(delta); err != nil {
		t.Fatal(err)
	}
	delta.Done()
	if swap.puts == 0 || len(swap.slots) > 0 {
		t.Errorf("%d of %d images are kept", len(swap.slots), swap.puts)
	}
}

// With a disk that is full, a step does not look through all of its pages at each row.
func TestASwapThatIsFullIsNotTriedAtEachRow(t *testing.T) {
	swap := &fullSwap{}
	a, h := newTight(t, newDisk(), swap)
	refs := fillHeap(a, h, 2000)
	walks := 0
	for i := range refs {
		h.Mut(refs[i])
		f := a.pages[refs[i].Page()].frame
		a.Relieve()
		if !a.used[f] {
			walks++
		}
	}
	if walks > 2 {
		t.Errorf("%d walks through the pages for %d rows", walks, len(refs))
	}
	if a.Stats().SwapErr == nil {
		t.Error("the disk is not full")
	}
}

type fullSwap struct{}

func (*fullSwap) Put(uint32, []byte) error { return errors.New("the disk is full") }
func (*fullSwap) Get(uint32, []byte) error { return errors.New("no such slot") }
func (*fullSwap) Reset() error             { return nil }
