package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// precheck verifies the structure of the file at path, if there is one, and
// returns *damage when bbolt would stumble over it: bbolt walks the whole file
// when it is opened, on a goroutine of its own where a panic cannot be caught.
func precheck(o Options, path string) error {
	info, err := o.FS.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	// A reader's lock keeps writers out meanwhile.
	var db *bolt.DB
	err = guard(func() (err error) {
		db, err = bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: o.LockTimeout, OpenFile: o.FS.OpenFile})
		return err
	})
	switch {
	case err == nil:
		defer db.Close()
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("store: %s: %w", path, ErrLocked)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("store: %w", err)
	default:
		return &damage{err}
	}
	f, err := o.FS.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer f.Close()
	w := &boltWalk{f: f, size: info.Size()}
	if err := w.run(); err != nil {
		return &damage{err}
	}
	return nil
}

// The parts of bbolt's file format, version 2, that the walk needs. Numbers are in
// the byte order of the machine that wrote them; little-endian is the only one
// that the meta page's magic number lets pass.
const (
	boltMagic    = 0xED0CDAED
	boltVersion  = 2
	boltHeader   = 16 // u64 page, u16 flags, u16 count, u32 overflow
	boltElement  = 16
	boltBranch   = 1
	boltLeaf     = 2
	boltFreelist = 16
	boltNoList   = ^uint64(0)
)

// boltWalk reads every page that a bbolt file reaches and checks that all that
// its pages point at is inside them, and that no page is reached twice.
type boltWalk struct {
	f        io.ReaderAt
	size     int64
	pageSize int64
	pages    uint64 // pages in the file according to the meta page
	seen     []uint64
	free     [][]byte
}

func (w *boltWalk) run() error {
	m, err := w.meta()
	if err != nil {
		return err
	}
	w.pages = binary.LittleEndian.Uint64(m[40:])
	if w.pages < 3 || int64(w.pages) > w.size/w.pageSize {
		return fmt.Errorf("the file has %d bytes and its meta page counts %d pages of %d", w.size, w.pages, w.pageSize)
	}
	w.seen = make([]uint64, w.pages/64+1)
	if list := binary.LittleEndian.Uint64(m[32:]); list != boltNoList {
		pg, err := w.page(list)
		if err != nil {
			return err
		}
		if binary.LittleEndian.Uint16(pg[8:]) != boltFreelist {
			return fmt.Errorf("page %d is no free list", list)
		}
		w.free = append(w.free, pg)
	}
	return w.tree(binary.LittleEndian.Uint64(m[16:]), 0)
}

// meta returns the meta page that bbolt takes: the valid one of the higher
// transaction.
func (w *boltWalk) meta() (best []byte, err error) {
	for _, size := range []int64{4096, 1024, 2048, 8192, 16384, 32768, 65536} {
		for i := range int64(2) {
			m := make([]byte, 64)
			if _, err := w.f.ReadAt(m, i*size+boltHeader); err != nil {
				continue
			}
			h := fnv.New64a()
			h.Write(m[:56])
			if binary.LittleEndian.Uint32(m) != boltMagic || binary.LittleEndian.Uint32(m[4:]) != boltVersion ||
				binary.LittleEndian.Uint64(m[56:]) != h.Sum64() || int64(binary.LittleEndian.Uint32(m[8:])) != size {
				continue
			}
			if best == nil || binary.LittleEndian.Uint64(m[48:]) > binary.LittleEndian.Uint64(best[48:]) {
				best, w.pageSize = m, size
			}
		}
		if best != nil {
			return best, nil
		}
	}
	return nil, errors.New("no valid meta page")
}

// page reads a page with what overflows from it.
func (w *boltWalk) page(id uint64) ([]byte, error) {
	if id < 2 || id >= w.pages {
		return nil, fmt.Errorf("page %d is outside of the file", id)
	}
	var buf []byte
	if n := len(w.free); n > 0 {
		buf, w.free = w.free[n-1][:0], w.free[:n-1]
	}
	if int64(cap(buf)) < w.pageSize {
		buf = make([]byte, w.pageSize)
	}
	buf = buf[:w.pageSize]
	if _, err := w.f.ReadAt(buf, int64(id)*w.pageSize); err != nil {
		return nil, err
	}
	over := uint64(binary.LittleEndian.Uint32(buf[12:]))
	if binary.LittleEndian.Uint64(buf) != id || id+over >= w.pages {
		return nil, fmt.Errorf("page %d has a damaged header", id)
	}
	for i := id; i <= id+over; i++ {
		if w.seen[i/64]>>(i%64)&1 != 0 {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		w.seen[i/64] |= 1 << (i % 64)
	}
	if over > 0 {
		total := (int64(over) + 1) * w.pageSize
		if int64(cap(buf)) < total {
			buf = append(make([]byte, 0, total), buf...)
		}
		buf = buf[:total]
		if _, err := w.f.ReadAt(buf[w.pageSize:], int64(id+1)*w.pageSize); err != nil {
			return nil, err
		}
	}
	return buf, nil
}

const boltDepthMax = 64

func (w *boltWalk) tree(id uint64, depth int) error {
	if depth > boltDepthMax {
		return fmt.Errorf("page %d is too deep", id)
	}
	pg, err := w.page(id)
	if err != nil {
		return err
	}
	defer func() { w.free = append(w.free, pg) }()
	switch flags := binary.LittleEndian.Uint16(pg[8:]); flags {
	case boltBranch, boltLeaf:
		return w.elements(pg, id, flags == boltLeaf, depth)
	default:
		return fmt.Errorf("page %d has flags %x", id, flags)
	}
}

// elements checks the entries of a page and walks what they point at.
func (w *boltWalk) elements(pg []byte, id uint64, leaf bool, depth int) error {
	n := int(binary.LittleEndian.Uint16(pg[10:]))
	if n == 0 && !leaf || boltHeader+n*boltElement > len(pg) {
		return fmt.Errorf("page %d counts %d entries", id, n)
	}
	var last []byte
	for i := range n {
		at := boltHeader + i*boltElement
		e := pg[at : at+boltElement]
		var pos, key, value uint64
		if leaf {
			pos, key, value = uint64(binary.LittleEndian.Uint32(e[4:])), uint64(binary.LittleEndian.Uint32(e[8:])), uint64(binary.LittleEndian.Uint32(e[12:]))
		} else {
			pos, key = uint64(binary.LittleEndian.Uint32(e)), uint64(binary.LittleEndian.Uint32(e[4:]))
		}
		start := uint64(at) + pos
		if start+key+value > uint64(len(pg)) {
			return fmt.Errorf("page %d: entry %d leaves the page", id, i)
		}
		k := pg[start : start+key]
		if i > 0 && bytes.Compare(last, k) >= 0 {
			return fmt.Errorf("page %d: entry %d is out of order", id, i)
		}
		last = k
		var err error
		if !leaf {
			err = w.tree(binary.LittleEndian.Uint64(e[8:]), depth+1)
		} else if binary.LittleEndian.Uint32(e)&1 != 0 {
			err = w.bucket(pg[start+key:start+key+value], id, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bucket walks a bucket whose record is v; a small one is inside the record.
func (w *boltWalk) bucket(v []byte, id uint64, depth int) error {
	if len(v) < 16 {
		return fmt.Errorf("page %d: bucket of %d bytes", id, len(v))
	}
	if root := binary.LittleEndian.Uint64(v); root != 0 {
		return w.tree(root, depth+1)
	}
	v = v[16:]
	if len(v) < boltHeader || binary.LittleEndian.Uint16(v[8:]) != boltLeaf {
		return fmt.Errorf("page %d: inline bucket of %d bytes", id, len(v))
	}
	return w.elements(v, id, true, depth+1)
}
