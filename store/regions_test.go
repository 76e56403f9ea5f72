package store_test

import (
	"encoding/binary"
	"fmt"
)

// regions names the bytes of a state file by what they are to bbolt and to the store.
type regions struct {
	file  []byte
	spans map[string][]span
	pages uint64
	used  map[uint64]bool
}

// span is bytes from start on, up to end.
type span struct{ start, end int }

const (
	pageSize   = 4096
	pageHead   = 16
	elementLen = 16
)

// regionsOf walks a file of bbolt, whose pages have 4096 bytes.
func regionsOf(file []byte) (*regions, error) {
	r := &regions{file: file, spans: map[string][]span{}, used: map[uint64]bool{0: true, 1: true}}
	newest := 0
	for i := range 2 {
		at := i * pageSize
		if r.u64(at+pageHead+48) > r.u64(newest*pageSize+pageHead+48) {
			newest = i
		}
	}
	for i := range 2 {
		name := "meta page, newest"
		if i != newest {
			name = "meta page, older"
		}
		r.add(name, i*pageSize, i*pageSize+pageHead+64)
		r.add("unused in a meta page", i*pageSize+pageHead+64, (i+1)*pageSize)
	}
	at := newest*pageSize + pageHead
	r.pages = r.u64(at + 40)
	if err := r.page(r.u64(at+16), "", ""); err != nil {
		return nil, err
	}
	for p := uint64(2); p < r.pages; p++ {
		if !r.used[p] {
			r.add("free page", int(p)*pageSize, int(p+1)*pageSize)
		}
	}
	r.add("end of the file", int(r.pages)*pageSize, len(file))
	return r, nil
}

func (r *regions) u64(at int) uint64 { return binary.LittleEndian.Uint64(r.file[at:]) }
func (r *regions) u32(at int) int    { return int(binary.LittleEndian.Uint32(r.file[at:])) }
func (r *regions) u16(at int) int    { return int(binary.LittleEndian.Uint16(r.file[at:])) }

func (r *regions) add(name string, start, end int) {
	if start < end {
		r.spans[name] = append(r.spans[name], span{start, end})
	}
}

// page walks the page of a bucket; within is the bucket that the bucket is in.
func (r *regions) page(id uint64, within, bucket string) error {
	at, n := int(id)*pageSize, 1
	if at+pageHead > len(r.file) {
		return fmt.Errorf("page %d", id)
	}
	n += r.u32(at + 12)
	for i := range n {
		r.used[id+uint64(i)] = true
	}
	return r.elements(at, at+n*pageSize, within, bucket)
}

// elements walks a page, or what is in its form inside a value.
func (r *regions) elements(at, end int, within, bucket string) error {
	flags, count := r.u16(at+8), r.u16(at+10)
	kind := map[int]string{1: "branch", 2: "leaf"}[flags]
	if kind == "" {
		return fmt.Errorf("page at %d has flags %d", at, flags)
	}
	if bucket == "" {
		kind = "root " + kind
	}
	r.add(kind+": header", at, at+pageHead)
	last := at + pageHead + count*elementLen
	r.add(kind+": elements", at+pageHead, last)
	for i := range count {
		e := at + pageHead + i*elementLen
		var pos, key, value int
		if flags == 1 {
			pos, key = r.u32(e), r.u32(e+4)
		} else {
			pos, key, value = r.u32(e+4), r.u32(e+8), r.u32(e+12)
		}
		start := e + pos
		last = max(last, start+key+value)
		if flags == 1 {
			r.add("branch: keys", start, start+key)
			if err := r.page(r.u64(e+8), within, bucket); err != nil {
				return err
			}
			continue
		}
		name := string(r.file[start : start+key])
		if r.u32(e)&1 != 0 {
			if err := r.inner(start, key, value, bucket, name); err != nil {
				return err
			}
			continue
		}
		r.value(start, key, value, within, bucket, name)
	}
	r.add("unused in a page", last, end)
	return nil
}

// inner walks a bucket in a leaf.
func (r *regions) inner(start, key, value int, bucket, name string) error {
	r.add("bucket: name", start, start+key)
	r.add("bucket: root", start+key, start+key+8)
	r.add("bucket: sequence, unused", start+key+8, start+key+16)
	if root := r.u64(start + key); root != 0 {
		return r.page(root, bucket, name)
	}
	return r.elements(start+key+16, start+key+value, bucket, name)
}

// value names a key and its value.
func (r *regions) value(start, key, value int, within, bucket, name string) {
	what := bucket + " " + name
	switch {
	case within == "outbox":
		what = "outbox frame"
	case bucket == "pages":
		what = "page"
	case bucket == "outputs":
		what = "outbox counters"
	case bucket == "meta":
		what = name
	}
	r.add(what+": key", start, start+key)
	r.add(what, start+key, start+key+value)
}
