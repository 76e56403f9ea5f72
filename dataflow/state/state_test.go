package state

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// disk is a store of page images for tests. Its versions are what a crash would
// leave.
type disk struct {
	pages map[PageID][]byte
	roots Roots
}

func newDisk() *disk { return &disk{pages: map[PageID][]byte{}} }

// write applies a delta, on any goroutine.
func (d *disk) write(delta *Delta) error {
	d.roots = delta.Roots()
	err := delta.Each(func(p PageID, img []byte) error {
		d.pages[p] = bytes.Clone(img)
		return nil
	})
	if err != nil {
		return err
	}
	return delta.Freed(func(p PageID) error {
		delete(d.pages, p)
		return nil
	})
}

func (d *disk) ReadPage(p PageID, dst []byte) ([]byte, error) {
	img, ok := d.pages[p]
	if !ok {
		return nil, errors.New("no such page")
	}
	return append(dst[:0], img...), nil
}

func (d *disk) each(fn func(PageID, []byte) error) error {
	for p, img := range d.pages {
		if err := fn(p, img); err != nil {
			return err
		}
	}
	return nil
}

func newTestArena(t testing.TB, o Options) *Arena {
	t.Helper()
	a, err := NewArena(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// restored returns a new arena from what the disk holds.
func restored(t testing.TB, d *disk, o Options) *Arena {
	t.Helper()
	a := newTestArena(t, o)
	if err := a.Restore(d.roots, d.each); err != nil {
		t.Fatal(err)
	}
	return a
}

func newTestSpace(t testing.TB, a *Arena, id string) *Space {
	t.Helper()
	s, err := a.Space(id, Layout{Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOptionsAreValidated(t *testing.T) {
	for _, o := range []Options{
		{PageSize: 1000}, {PageSize: 2048}, {PageSize: 65536}, {PageSize: 12288},
		{MemoryMax: -1}, {MemoryMax: 1 << 30}, {MemoryMax: 1 << 10, Pager: newDisk()},
	} {
		if _, err := NewArena(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

func TestSpacesComeBackByIdentity(t *testing.T) {
	a := newTestArena(t, Options{})
	l := Layout{Version: 2, Hash: 7, Columns: []Column{{Structure: "t", Name: "n", Type: "BIGINT", Size: 8}}}
	s, err := a.Space("op-1", l)
	if err != nil || !s.Fresh() {
		t.Fatal(err, s.Fresh())
	}
	row, _ := s.Table("t", TableSpec{KeySize: 8, ValueSize: 8}).Upsert(key8(5))
	s.Table("t", TableSpec{KeySize: 8, ValueSize: 8}).MutValue(row)[0] = 9
	s.Scalars("w", 16).SetInt64(8, -3)
	other := newTestSpace(t, a, "op-0")
	ref := other.Heap("h").Put([]byte("value"))

	d := newDisk()
	if err := d.write(a.Barrier(1)); err != nil {
		t.Fatal(err)
	}
	b := restored(t, d, Options{})
	if got := fmt.Sprint(b.Spaces()[0].ID(), b.Spaces()[1].ID()); got != "op-0op-1" && got != "op-0 op-1" {
		t.Fatal(got)
	}
	s, err = b.Space("op-1", l)
	if err != nil || s.Fresh() || s.Layout().Columns[0].Name != "n" {
		t.Fatal(err, s)
	}
	tab := s.Table("t", TableSpec{KeySize: 8, ValueSize: 8})
	if r, ok := tab.Get(key8(5)); !ok || tab.Value(r)[0] != 9 {
		t.Fatal("row is gone")
	}
	if s.Scalars("w", 16).Int64(8) != -3 {
		t.Fatal("scalar is gone")
	}
	if got := b.Lookup("op-0").Heap("h").Get(ref); string(got) != "value" {
		t.Fatalf("%q", got)
	}
	var le *LayoutError
	if _, err := b.Space("op-1", Layout{Version: 2, Hash: 8}); !errors.As(err, &le) || le.Stored.Hash != 7 {
		t.Fatal(err)
	}
	if !b.DropSpace("op-1") || !b.DropSpace("op-0") || b.DropSpace("op-0") {
		t.Fatal("drop")
	}
	if n := b.Stats().Pages; n != 2 { // page 0 and the catalog
		t.Fatalf("%d pages are left", n)
	}
}

func TestRestoreRefusesWhatItCannotRead(t *testing.T) {
	a := newTestArena(t, Options{})
	d := newDisk()
	if err := d.write(a.Barrier(1)); err != nil {
		t.Fatal(err)
	}
	good := d.roots
	for name, r := range map[string]Roots{
		"newer format": {Format: 99, PageSize: good.PageSize, PageCount: good.PageCount},
		"page size":    {Format: 1, PageSize: 16384, PageCount: good.PageCount},
		"page count":   {Format: 1, PageSize: good.PageSize},
	} {
		if err := newTestArena(t, Options{}).Restore(r, d.each); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	whole := good
	whole.InUse = uint32(a.InUse())
	if err := newTestArena(t, Options{}).Restore(whole, d.each); err != nil {
		t.Error(err)
	}
	whole.InUse++
	if err := newTestArena(t, Options{}).Restore(whole, d.each); !errors.Is(err, ErrIncomplete) {
		t.Errorf("a snapshot that lacks a page: %v", err)
	}
	d.pages[0][8] ^= 1
	if err := newTestArena(t, Options{}).Restore(good, d.each); err == nil {
		t.Error("a changed superblock is accepted")
	}
}

func key8(v uint64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(v >> (8 * i))
	}
	return b
}

// Pages of a later version are told from damage: whoever reads them has to be another program.
func TestPagesOfALaterVersionAreRefused(t *testing.T) {
	d := newDisk()
	if err := d.write(newTestArena(t, Options{}).Barrier(1)); err != nil {
		t.Fatal(err)
	}
	d.roots.Format = RootsFormat + 1
	if err := newTestArena(t, Options{}).Restore(d.roots, d.each); !errors.Is(err, ErrNewer) {
		t.Error(err)
	}
}
