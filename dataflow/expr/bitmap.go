package expr

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Bitmap is the type of BITMAP_BUILD: a set of 32-bit integers, ordered as unsigned ones,
// held in the portable serialization of Roaring bitmaps
// (https://github.com/RoaringBitmap/RoaringFormatSpec). Of the forms that a container may
// have, an encoder takes the smallest, so that equal sets have equal bytes.
var Bitmap = types.Type{Kind: types.Raw, Class: "BITMAP"}

func isBitmap(t types.Type) bool { return t.Kind == types.Raw && t.Class == Bitmap.Class }

// A bitmap's values share their upper 16 bits within a container, which holds the lower
// ones as a sorted array of up to 4,096, as 65,536 bits, or as runs.
const (
	bitmapCookie    = 12346 // no container is a run
	bitmapRunCookie = 12347 // some are; the upper half counts the containers less one
	mostInArray     = 4096
	bitsetBytes     = 8192
	offsetsFrom     = 4 // with runs, offsets are written for so many containers or more
)

var errBitmap = errors.New("the bytes are no serialized bitmap")

// chunk is one container's set of lower halves.
type chunk [1024]uint64

func (c *chunk) set(lo, hi int) {
	for v := lo; v <= hi; v++ {
		if v&63 == 0 && v+63 <= hi {
			c[v>>6] = ^uint64(0)
			v += 63
			continue
		}
		c[v>>6] |= 1 << (v & 63)
	}
}

func (c *chunk) count() (card, runs int) {
	last := uint64(0)
	for _, w := range c {
		card += bits.OnesCount64(w)
		// A run begins at every 1 behind a 0.
		runs += bits.OnesCount64(w &^ (w<<1 | last))
		last = w >> 63
	}
	return card, runs
}

// next is the first value from v on that is, or with set false is not, in the chunk.
func (c *chunk) next(v int, set bool) int {
	for v < 1<<16 {
		w := c[v>>6]
		if !set {
			w = ^w
		}
		if w >>= v & 63; w != 0 {
			return v + bits.TrailingZeros64(w)
		}
		v = v&^63 + 64
	}
	return 1 << 16
}

// bitmapWriter encodes containers in the order of their keys.
type bitmapWriter struct {
	keys []uint16
	card []int
	run  []bool
	size []int
	body []byte
}

func (w *bitmapWriter) add(key uint16, c *chunk) {
	card, runs := c.count()
	if card == 0 {
		return
	}
	start := len(w.body)
	run := 2+4*runs < min(2*card, bitsetBytes)
	switch {
	case run:
		w.body = binary.LittleEndian.AppendUint16(w.body, uint16(runs))
		for v := c.next(0, true); v < 1<<16; {
			end := c.next(v, false)
			w.body = binary.LittleEndian.AppendUint16(w.body, uint16(v))
			w.body = binary.LittleEndian.AppendUint16(w.body, uint16(end-1-v))
			v = c.next(end, true)
		}
	case card <= mostInArray:
		for v := c.next(0, true); v < 1<<16; v = c.next(v+1, true) {
			w.body = binary.LittleEndian.AppendUint16(w.body, uint16(v))
		}
	default:
		for _, x := range c {
			w.body = binary.LittleEndian.AppendUint64(w.body, x)
		}
	}
	w.keys, w.card, w.run = append(w.keys, key), append(w.card, card), append(w.run, run)
	w.size = append(w.size, len(w.body)-start)
}

// finish appends the bitmap.
func (w *bitmapWriter) finish(dst []byte) []byte {
	start, n := len(dst), len(w.keys)
	hasRun := false
	for _, r := range w.run {
		hasRun = hasRun || r
	}
	if hasRun {
		dst = binary.LittleEndian.AppendUint32(dst, bitmapRunCookie|uint32(n-1)<<16)
		flags := make([]byte, (n+7)/8)
		for i, r := range w.run {
			if r {
				flags[i/8] |= 1 << (i % 8)
			}
		}
		dst = append(dst, flags...)
	} else {
		dst = binary.LittleEndian.AppendUint32(dst, bitmapCookie)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	}
	for i, k := range w.keys {
		dst = binary.LittleEndian.AppendUint16(dst, k)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(w.card[i]-1))
	}
	if !hasRun || n >= offsetsFrom {
		at := len(dst) - start + 4*n
		for _, s := range w.size {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(at))
			at += s
		}
	}
	return append(dst, w.body...)
}

// bitmapReader walks the containers of a serialized bitmap.
type bitmapReader struct {
	n, i  int
	flags []byte
	heads []byte
	body  []byte
	last  int // the key before
}

func readBitmap(b []byte) (r bitmapReader, err error) {
	r.last = -1
	if len(b) < 4 {
		return r, errBitmap
	}
	cookie := binary.LittleEndian.Uint32(b)
	b = b[4:]
	offsets := true
	switch {
	case cookie&0xFFFF == bitmapRunCookie:
		r.n = int(cookie>>16) + 1
		size := (r.n + 7) / 8
		if len(b) < size {
			return r, errBitmap
		}
		r.flags, b = b[:size], b[size:]
		offsets = r.n >= offsetsFrom
	case cookie == bitmapCookie && len(b) >= 4 && binary.LittleEndian.Uint32(b) <= 1<<16:
		r.n = int(binary.LittleEndian.Uint32(b))
		b = b[4:]
	default:
		return r, errBitmap
	}
	size := 4 * r.n
	if len(b) < size {
		return r, errBitmap
	}
	r.heads, b = b[:size], b[size:]
	if offsets {
		if len(b) < size {
			return r, errBitmap
		}
		b = b[size:]
	}
	r.body = b
	return r, nil
}

// key is the key of the next container, 1<<16 behind the last, and how many values it has.
func (r *bitmapReader) key() (key, card int) {
	if r.i >= r.n {
		return 1 << 16, 0
	}
	h := r.heads[4*r.i:]
	return int(binary.LittleEndian.Uint16(h)), int(binary.LittleEndian.Uint16(h[2:])) + 1
}

// next loads the next container and checks it.
func (r *bitmapReader) next(c *chunk) error {
	key, card := r.key()
	if key <= r.last || key == 1<<16 {
		return errBitmap
	}
	*c = chunk{}
	size := 2 * card
	run := r.flags != nil && r.flags[r.i/8]>>(r.i%8)&1 == 1
	switch {
	case run && len(r.body) >= 2:
		size = 2 + 4*int(binary.LittleEndian.Uint16(r.body))
	case run:
		return errBitmap
	case card > mostInArray:
		size = bitsetBytes
	}
	if len(r.body) < size {
		return errBitmap
	}
	b := r.body[:size]
	r.body = r.body[size:]
	switch {
	case run:
		for b = b[2:]; len(b) > 0; b = b[4:] {
			lo, more := int(binary.LittleEndian.Uint16(b)), int(binary.LittleEndian.Uint16(b[2:]))
			if lo+more >= 1<<16 {
				return errBitmap
			}
			c.set(lo, lo+more)
		}
	case card > mostInArray:
		for i := range c {
			c[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
	default:
		for ; len(b) > 0; b = b[2:] {
			v := int(binary.LittleEndian.Uint16(b))
			c[v>>6] |= 1 << (v & 63)
		}
	}
	if got, _ := c.count(); got != card {
		return errBitmap
	}
	r.last = key
	r.i++
	return nil
}

// combineBitmaps appends the bitmap of op over the words of a's and b's containers.
func combineBitmaps(dst, a, b []byte, op func(x, y uint64) uint64) ([]byte, error) {
	x, err := readBitmap(a)
	if err != nil {
		return nil, err
	}
	y, err := readBitmap(b)
	if err != nil {
		return nil, err
	}
	var w bitmapWriter
	var p, q chunk
	for {
		kx, _ := x.key()
		ky, _ := y.key()
		key := min(kx, ky)
		if key == 1<<16 {
			return w.finish(dst), nil
		}
		p, q = chunk{}, chunk{}
		if kx == key {
			err = x.next(&p)
		}
		if err == nil && ky == key {
			err = y.next(&q)
		}
		if err != nil {
			return nil, err
		}
		for i := range p {
			p[i] = op(p[i], q[i])
		}
		w.add(uint16(key), &p)
		if err := checkSize("BITMAP", int64(len(w.body))); err != nil {
			return nil, err
		}
	}
}

// eachOfBitmap calls f with the values in order, until it returns false.
func eachOfBitmap(b []byte, f func(v uint32) bool) error {
	r, err := readBitmap(b)
	if err != nil {
		return err
	}
	var c chunk
	for r.i < r.n {
		key, _ := r.key()
		if err := r.next(&c); err != nil {
			return err
		}
		for v := c.next(0, true); v < 1<<16; v = c.next(v+1, true) {
			if !f(uint32(key)<<16 | uint32(v)) {
				return nil
			}
		}
	}
	return nil
}

// bitmapCount is the number of values.
func bitmapCount(b []byte) (int64, error) {
	r, err := readBitmap(b)
	n := int64(0)
	for err == nil && r.i < r.n {
		_, card := r.key()
		n += int64(card)
		r.i++
	}
	return n, err
}

// longestBitmapText is the length from which the text of a bitmap is cut, as in Java.
const longestBitmapText = 0x80000

// appendBitmapText appends {1,2,3}.
func appendBitmapText(dst, b []byte) []byte {
	start := len(dst)
	dst = append(dst, '{')
	first := true
	_ = eachOfBitmap(b, func(v uint32) bool {
		if !first {
			dst = append(dst, ',')
			if len(dst)-start > longestBitmapText {
				dst = append(dst, "..."...)
				return false
			}
		}
		first = false
		dst = strconv.AppendUint(dst, uint64(v), 10)
		return true
	})
	return append(dst, '}')
}

// bitmapOfInts appends the bitmap of the INTs of an array, NULLs left out.
func bitmapOfInts(dst []byte, elems []vec.Datum, vals []uint32) ([]byte, []uint32) {
	vals = vals[:0]
	for _, e := range elems {
		if !e.Null {
			vals = append(vals, uint32(int32(e.I)))
		}
	}
	slices.Sort(vals)
	var w bitmapWriter
	var c chunk
	for i := 0; i < len(vals); {
		key := vals[i] >> 16
		c = chunk{}
		for ; i < len(vals) && vals[i]>>16 == key; i++ {
			v := vals[i] & 0xFFFF
			c[v>>6] |= 1 << (v & 63)
		}
		w.add(uint16(key), &c)
	}
	return w.finish(dst), vals
}
