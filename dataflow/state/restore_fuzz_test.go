package state

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// FuzzRestore restores a snapshot in which bytes of one page were changed: page says which,
// at where, patch what is put there. The store's checksums keep such pages away; without
// them the answer is an error or an arena whose Check finds what is wrong or nothing.
func FuzzRestore(f *testing.F) {
	images, roots := fuzzSnapshot(f)
	f.Add(uint16(0), uint16(0), []byte{9})
	f.Add(uint16(0), uint16(20), []byte{0xff, 0xff, 0xff, 0xff})
	f.Add(uint16(1), uint16(0), bytes.Repeat([]byte{0xff}, 64))
	f.Add(uint16(2), uint16(4), []byte{2, 0, 0, 0})
	f.Fuzz(func(t *testing.T, page, at uint16, patch []byte) {
		p, from := int(page)%len(images), int(at)%len(images[0])
		a, err := NewArena(Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = a.Restore(roots, func(fn func(PageID, []byte) error) error {
			for i, img := range images {
				if i == p {
					img = bytes.Clone(img)
					copy(img[from:], patch)
				}
				if err := fn(PageID(i), img); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			_ = a.Check()
		}
	})
}

// fuzzSnapshot is an arena with tables of fixed and of growing size.
func fuzzSnapshot(f *testing.F) (images [][]byte, roots Roots) {
	a, err := NewArena(Options{})
	if err != nil {
		f.Fatal(err)
	}
	for _, id := range []string{"one", "another"} {
		s, err := a.Space(id, Layout{Version: 1})
		if err != nil {
			f.Fatal(err)
		}
		tab := s.Table("t", TableSpec{KeySize: 8, ValueSize: 40})
		for i := range uint64(300) {
			row, _ := tab.Upsert(binary.LittleEndian.AppendUint64(nil, i*7))
			copy(tab.MutValue(row), "value")
		}
	}
	d := a.Barrier(1)
	roots = d.Roots()
	images = make([][]byte, roots.PageCount)
	if err := d.Each(func(p PageID, img []byte) error {
		images[p] = bytes.Clone(img)
		return nil
	}); err != nil {
		f.Fatal(err)
	}
	d.Done()
	return images, roots
}
