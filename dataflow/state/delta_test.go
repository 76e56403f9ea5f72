package state

import (
	"bytes"
	"errors"
	"runtime"
	"sync"
	"testing"
)

func TestDeltaHoldsWhatChanged(t *testing.T) {
	a := newTestArena(t, Options{})
	tab := newTestSpace(t, a, "op").Table("t", TableSpec{KeySize: 8, ValueSize: 8})
	for i := range uint64(100_000) {
		tab.Upsert(key8(i))
	}
	d := newDisk()
	first := a.Barrier(1)
	if err := d.write(first); err != nil {
		t.Fatal(err)
	}
	if err := first.Each(func(PageID, []byte) error { return nil }); err == nil {
		t.Error("a delta is read twice")
	}
	first.Done()
	row, _ := tab.Get(key8(77))
	tab.MutValue(row)[0] = 1
	second := a.Barrier(2)
	if second.Len() != 1 || second.Epoch() != 2 || second.Bytes() != int64(a.PageSize()) {
		t.Fatalf("one row changed and %d pages", second.Len())
	}
	if err := d.write(second); err != nil {
		t.Fatal(err)
	}
	second.Done()
	if third := a.Barrier(3); third.Len() != 0 {
		t.Fatal("nothing changed")
	}
}

func TestCanceledDeltaIsPartOfTheNext(t *testing.T) {
	a := newTestArena(t, Options{})
	s := newTestSpace(t, a, "op")
	tab := s.Table("t", TableSpec{KeySize: 8, ValueSize: 8})
	drop := s.Table("gone", TableSpec{KeySize: 8, ValueSize: 8})
	for i := range uint64(10_000) {
		tab.Upsert(key8(i))
		drop.Upsert(key8(i))
	}
	d := newDisk()
	delta := a.Barrier(1)
	if err := d.write(delta); err != nil {
		t.Fatal(err)
	}
	delta.Done()

	s.Drop("gone")
	row, _ := tab.Get(key8(5))
	tab.MutValue(row)[0] = 5
	delta = a.Barrier(2)
	n := delta.Len()
	err := delta.Each(func(PageID, []byte) error {
		delta.Cancel()
		return nil
	})
	if !errors.Is(err, ErrCanceled) {
		t.Fatal(err)
	}
	// Pages freed before become used and free again before the abort.
	again := s.Table("again", TableSpec{KeySize: 8, ValueSize: 8})
	again.Upsert(key8(1))
	delta.Abort()
	if a.Stats().Dirty < n {
		t.Fatal("changes are lost")
	}
	delta = a.Barrier(2)
	if err := d.write(delta); err != nil {
		t.Fatal(err)
	}
	delta.Done()
	b := restored(t, d, Options{})
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	if got, want := b.Stats().Pages, a.Stats().Pages; got != want {
		t.Fatalf("%d pages are restored of %d", got, want)
	}
	var x, y bytes.Buffer
	if a.Dump(&x) != nil || b.Dump(&y) != nil || x.String() != y.String() {
		t.Fatal("the restored state is another one")
	}
}

func TestWriterWaitsAtTheCopyLimit(t *testing.T) {
	a := newTestArena(t, Options{CopyMax: 1})
	tab := newTestSpace(t, a, "op").Table("t", TableSpec{KeySize: 8, ValueSize: 1000})
	const n = 2000
	for i := range uint64(n) {
		tab.Upsert(key8(i))
	}
	delta := a.Barrier(1)
	start := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(1)
	pages := 0
	go func() {
		defer wg.Done()
		<-start
		_ = delta.Each(func(_ PageID, img []byte) error {
			pages++
			return nil
		})
	}()
	for i := range uint64(n) {
		if i == n/10 {
			close(start)
		}
		row, _ := tab.Get(key8(i))
		tab.MutValue(row)[0] = 1
	}
	wg.Wait()
	if out := a.copies.total; out > 2*copySlab || pages != delta.Len() {
		t.Fatalf("%d buffers, %d pages of %d", out, pages, delta.Len())
	}
	delta.Done()
}

func TestMisuseOfDeltasPanics(t *testing.T) {
	a := newTestArena(t, Options{})
	d := a.Barrier(1)
	panics := func(name string, fn func()) {
		defer func() {
			if recover() == nil {
				t.Errorf("%s: no panic", name)
			}
		}()
		fn()
	}
	panics("a second barrier", func() { a.Barrier(2) })
	d.Done()
	panics("a delta ended twice", d.Done)
}

func TestGenerationsWrapAround(t *testing.T) {
	a := newTestArena(t, Options{})
	tab := newTestSpace(t, a, "op").Table("t", TableSpec{KeySize: 8, ValueSize: 8})
	row, _ := tab.Upsert(key8(1))
	a.Barrier(1).Done()
	a.gen = 1<<30 - 1
	for i := range Epoch(4) {
		tab.MutValue(row)[0]++
		d := a.Barrier(2 + i)
		if d.Len() != 1 {
			t.Fatalf("%d pages", d.Len())
		}
		tab.MutValue(row)[0]++ // copied for d
		if err := d.Each(func(_ PageID, img []byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
		d.Done()
	}
}

func TestHeapObjectsDoNotGrowWithKeys(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("counts objects of the Go heap")
	}
	objects := func(keys uint64) uint64 {
		a := newTestArena(t, Options{})
		s := newTestSpace(t, a, "op")
		tab := s.Table("t", TableSpec{ValueSize: 40})
		o := s.Ordered("o", OrderedSpec{ValueSize: 8})
		for i := range keys {
			row, _ := tab.Upsert(key8(i))
			_ = row
			o.Put(key8(i*0x9e3779b97f4a7c15), key8(i))
			tab.Heap().Put(key8(i))
		}
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		runtime.KeepAlive(a)
		return m.HeapObjects
	}
	small, large := objects(10_000), objects(1_000_000)
	t.Logf("%d objects with 10,000 keys, %d with 1,000,000", small, large)
	if large > small+1000 {
		t.Errorf("%d objects with 10,000 keys, %d with 1,000,000", small, large)
	}
}

func TestReadBackFailureIsAnError(t *testing.T) {
	d := newDisk()
	a := newTestArena(t, Options{MemoryMax: 4 << 20, Pager: d})
	tab := newTestSpace(t, a, "op").Table("t", TableSpec{KeySize: 8, ValueSize: 1000})
	for i := range uint64(20_000) {
		tab.Upsert(key8(i))
	}
	if !a.NeedCheckpoint() {
		t.Fatal("20 MB are dirty and no checkpoint is wanted")
	}
	delta := a.Barrier(1)
	if err := d.write(delta); err != nil {
		t.Fatal(err)
	}
	delta.Done()
	a.Maintain()
	if st := a.Stats(); st.Spilled == 0 || st.Bytes > 5<<20 || a.NeedCheckpoint() {
		t.Fatalf("%+v", st)
	}
	clear(d.pages)
	defer func() {
		var rb *ReadBackError
		if err, ok := recover().(error); !ok || !errors.As(err, &rb) || rb.Page == 0 {
			t.Fatal("want a panic with *ReadBackError")
		}
	}()
	for i := range uint64(20_000) {
		tab.Get(key8(i))
	}
}
