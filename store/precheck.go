package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"syscall"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// precheck verifies the structure of the file at path, if there is one, and
// returns *damage when bbolt would stumble over it: bbolt walks the whole file
// when it is opened, on a goroutine of its own where a panic cannot be caught.
func precheck(o Options, path string) error {
	info, err := o.FS.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if info.Size() == 0 { // bbolt would take it for a new one
		return &damage{errors.New("the file is empty")}
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
	default:
		return judged(path, err)
	}
	f, err := o.FS.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer f.Close()
	w := &boltWalk{f: f, size: info.Size()}
	if err := w.run(); err != nil {
		return judged(path, err)
	}
	return nil
}

// judged tells what it means that a file cannot be read as bbolt's.
func judged(path string, err error) error {
	if passing(err) {
		return fmt.Errorf("store: %s: %w", path, err)
	}
	return &damage{err}
}

// passing tells that an error is the system's, out of memory, of descriptors or of a disk that
// does not answer: it says nothing of what the file holds.
func passing(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) || errors.Is(err, os.ErrPermission)
}

// The parts of bbolt's file format, version 2, that the walk needs. Numbers are in
// the byte order of the machine that wrote them: on one of another order the meta
// page's magic number does not let the file pass.
const (
	boltPage     = 4096
	boltMagic    = 0xED0CDAED
	boltVersion  = 2
	boltHeader   = 16 // u64 page, u16 flags, u16 count, u32 overflow
	boltElement  = 16
	boltBranch   = 1
	boltLeaf     = 2
	boltMeta     = 4
	boltFreelist = 16
	boltNoList   = ^uint64(0)
)

// boltWalk reads every page that a bbolt file reaches and checks what bbolt's own writing
// makes so: keys are in order, also between a page and those below it; no page is reached
// twice; a page is filled from its table of entries on, entry by entry without a gap, and is
// as long as that needs. With it, a count or a length that changed is found.
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
	w.pages = binary.NativeEndian.Uint64(m[40:])
	if w.pages < 3 || int64(w.pages) > w.size/w.pageSize {
		return fmt.Errorf("the file has %d bytes and its meta page counts %d pages of %d", w.size, w.pages, w.pageSize)
	}
	w.seen = make([]uint64, w.pages/64+1)
	if list := binary.NativeEndian.Uint64(m[32:]); list != boltNoList {
		pg, err := w.page(list)
		if err != nil {
			return err
		}
		if binary.NativeEndian.Uint16(pg[8:]) != boltFreelist {
			return fmt.Errorf("page %d is no free list", list)
		}
		w.free = append(w.free, pg)
	}
	return w.tree(binary.NativeEndian.Uint64(m[16:]), 0, keyRange{})
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
			if binary.NativeEndian.Uint32(m) != boltMagic || binary.NativeEndian.Uint32(m[4:]) != boltVersion ||
				binary.NativeEndian.Uint64(m[56:]) != h.Sum64() || int64(binary.NativeEndian.Uint32(m[8:])) != size {
				continue
			}
			if err := w.metaHead(uint64(i), size); err != nil {
				return nil, err
			}
			if best == nil || binary.NativeEndian.Uint64(m[48:]) > binary.NativeEndian.Uint64(best[48:]) {
				best, w.pageSize = m, size
			}
		}
		if best != nil {
			return best, nil
		}
	}
	return nil, errors.New("no valid meta page")
}

// metaHead checks the head of a valid meta page, which its checksum does not cover. The two
// are written at once: a torn write does not come between.
func (w *boltWalk) metaHead(i uint64, size int64) error {
	head := make([]byte, boltHeader)
	if _, err := w.f.ReadAt(head, int64(i)*size); err != nil {
		return err
	}
	if binary.NativeEndian.Uint64(head) != i || binary.NativeEndian.Uint16(head[8:]) != boltMeta {
		return fmt.Errorf("meta page %d has a damaged header", i)
	}
	return nil
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
	over := uint64(binary.NativeEndian.Uint32(buf[12:]))
	if binary.NativeEndian.Uint64(buf) != id || id+over >= w.pages {
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

// keyRange is where the keys below an entry lie: from low on, before high; nil is no limit.
type keyRange struct{ low, high []byte }

func (r keyRange) has(k []byte) bool {
	return bytes.Compare(k, r.low) >= 0 && (r.high == nil || bytes.Compare(k, r.high) < 0)
}

func (w *boltWalk) tree(id uint64, depth int, in keyRange) error {
	if depth > boltDepthMax {
		return fmt.Errorf("page %d is too deep", id)
	}
	pg, err := w.page(id)
	if err != nil {
		return err
	}
	defer func() { w.free = append(w.free, pg) }()
	switch flags := binary.NativeEndian.Uint16(pg[8:]); flags {
	case boltBranch, boltLeaf:
		end, err := w.elements(pg, id, flags == boltLeaf, depth, in)
		if need := (end + w.pageSize - 1) / w.pageSize * w.pageSize; err == nil && need != int64(len(pg)) {
			err = fmt.Errorf("page %d has %d bytes and needs %d", id, len(pg), need)
		}
		return err
	default:
		return fmt.Errorf("page %d has flags %x", id, flags)
	}
}

// elements checks the entries of a page and walks what they point at. It returns where the
// last one ends.
func (w *boltWalk) elements(pg []byte, id uint64, leaf bool, depth int, in keyRange) (end int64, err error) {
	n := int(binary.NativeEndian.Uint16(pg[10:]))
	if n == 0 && (!leaf || in.low != nil || !zero(pg[boltHeader:])) || boltHeader+n*boltElement > len(pg) {
		return 0, fmt.Errorf("page %d counts %d entries", id, n)
	}
	next := uint64(boltHeader + n*boltElement)
	var last []byte
	for i := range n {
		e, err := boltEntryAt(pg, i, leaf)
		switch {
		case err != nil:
		case e.start != next || e.key == 0 || e.start+e.key+e.value > uint64(len(pg)):
			err = errors.New("is at a wrong place")
		case i > 0 && bytes.Compare(last, e.keyOf(pg)) >= 0 || !in.has(e.keyOf(pg)):
			err = errors.New("is out of order")
		}
		if err != nil {
			return 0, fmt.Errorf("page %d: entry %d %w", id, i, err)
		}
		last, next = e.keyOf(pg), e.start+e.key+e.value
		switch {
		case !leaf:
			below := keyRange{last, in.high}
			if i+1 < n {
				if e, err := boltEntryAt(pg, i+1, false); err == nil && e.start+e.key <= uint64(len(pg)) {
					below.high = e.keyOf(pg)
				}
			}
			err = w.tree(e.page, depth+1, below)
		case e.bucket:
			err = w.bucket(pg[e.start+e.key:next], id, depth)
		}
		if err != nil {
			return 0, err
		}
	}
	return int64(next), nil
}

// zero tells whether all bytes are 0, as bbolt leaves them in an empty page. Only the first
// page of a bucket is ever empty.
func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// boltEntry is an entry of a page: where its key starts, how long key and value are, and
// the page that a branch points at.
type boltEntry struct {
	start, key, value, page uint64
	bucket                  bool
}

func (e boltEntry) keyOf(pg []byte) []byte { return pg[e.start : e.start+e.key] }

func boltEntryAt(pg []byte, i int, leaf bool) (e boltEntry, err error) {
	at := boltHeader + i*boltElement
	b := pg[at : at+boltElement]
	u32 := func(at int) uint64 { return uint64(binary.NativeEndian.Uint32(b[at:])) }
	if !leaf {
		return boltEntry{start: uint64(at) + u32(0), key: u32(4), page: binary.NativeEndian.Uint64(b[8:])}, nil
	}
	if u32(0) > 1 {
		err = fmt.Errorf("has flags %x", u32(0))
	}
	return boltEntry{start: uint64(at) + u32(4), key: u32(8), value: u32(12), bucket: u32(0) == 1}, err
}

// bucket walks a bucket whose record is v; a small one is inside the record.
func (w *boltWalk) bucket(v []byte, id uint64, depth int) error {
	if len(v) < 16 {
		return fmt.Errorf("page %d: bucket of %d bytes", id, len(v))
	}
	if root := binary.NativeEndian.Uint64(v); root != 0 {
		if len(v) != 16 {
			return fmt.Errorf("page %d: bucket of %d bytes with pages", id, len(v))
		}
		return w.tree(root, depth+1, keyRange{})
	}
	v = v[16:]
	if len(v) < boltHeader || binary.NativeEndian.Uint16(v[8:]) != boltLeaf {
		return fmt.Errorf("page %d: inline bucket of %d bytes", id, len(v))
	}
	end, err := w.elements(v, id, true, depth+1, keyRange{})
	if err == nil && end != int64(len(v)) {
		err = fmt.Errorf("page %d: inline bucket of %d bytes instead of %d", id, len(v), end)
	}
	return err
}
