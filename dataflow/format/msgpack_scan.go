package format

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// mpKind is the family of a msgpack value.
type mpKind uint8

const (
	mpBroken mpKind = iota
	mpNil
	mpBool
	mpInt  // fits an int64
	mpUint // larger than an int64
	mpFloat32
	mpFloat64
	mpStr
	mpBin
	mpArray
	mpMap
	mpExt
)

// mpHead is a value's first bytes, read.
type mpHead struct {
	kind mpKind
	// ext is the type of mpExt.
	ext int8
	// n is the payload's length of mpStr, mpBin and mpExt, or the count of mpArray and mpMap.
	n int
	// pos is where the payload or the first member begins; for other kinds, the value's end.
	pos int
	// bits are an integer or bool, or the bits of a float.
	bits uint64
}

func be(b []byte, i, n int) uint64 {
	switch n {
	case 1:
		return uint64(b[i])
	case 2:
		return uint64(binary.BigEndian.Uint16(b[i:]))
	case 4:
		return uint64(binary.BigEndian.Uint32(b[i:]))
	default:
		return binary.BigEndian.Uint64(b[i:])
	}
}

// mpForm says how the header bytes 0xc0 to 0xdf go on: how many bytes hold a length or a
// value, and what follows.
type mpForm struct {
	kind mpKind
	size uint8
}

var mpForms = [32]mpForm{
	0x00: {mpNil, 0}, 0x02: {mpBool, 0}, 0x03: {mpBool, 0},
	0x04: {mpBin, 1}, 0x05: {mpBin, 2}, 0x06: {mpBin, 4},
	0x07: {mpExt, 1}, 0x08: {mpExt, 2}, 0x09: {mpExt, 4},
	0x0a: {mpFloat32, 4}, 0x0b: {mpFloat64, 8},
	0x0c: {mpUint, 1}, 0x0d: {mpUint, 2}, 0x0e: {mpUint, 4}, 0x0f: {mpUint, 8},
	0x10: {mpInt, 1}, 0x11: {mpInt, 2}, 0x12: {mpInt, 4}, 0x13: {mpInt, 8},
	0x14: {mpExt, 0}, 0x15: {mpExt, 0}, 0x16: {mpExt, 0}, 0x17: {mpExt, 0}, 0x18: {mpExt, 0},
	0x19: {mpStr, 1}, 0x1a: {mpStr, 2}, 0x1b: {mpStr, 4},
	0x1c: {mpArray, 2}, 0x1d: {mpArray, 4}, 0x1e: {mpMap, 2}, 0x1f: {mpMap, 4},
}

// head reads the header of the value at i; payloads are checked to be there.
func head(b []byte, i int) mpHead {
	if i >= len(b) {
		return mpHead{}
	}
	c := b[i]
	switch {
	case c <= 0x7f:
		return mpHead{kind: mpInt, bits: uint64(c), pos: i + 1}
	case c >= 0xe0:
		return mpHead{kind: mpInt, bits: uint64(int64(int8(c))), pos: i + 1}
	case c <= 0x8f:
		return mpHead{kind: mpMap, n: int(c & 15), pos: i + 1}
	case c <= 0x9f:
		return mpHead{kind: mpArray, n: int(c & 15), pos: i + 1}
	case c <= 0xbf:
		return payload(b, mpHead{kind: mpStr, n: int(c & 31), pos: i + 1})
	}
	f := mpForms[c&31]
	size := int(f.size)
	if i+1+size > len(b) {
		return mpHead{}
	}
	h := mpHead{kind: f.kind, pos: i + 1 + size}
	switch f.kind {
	case mpBool:
		h.bits = uint64(c & 1)
	case mpFloat32, mpFloat64:
		h.bits = be(b, i+1, size)
	case mpUint:
		h.bits = be(b, i+1, size)
		if h.bits <= math.MaxInt64 {
			h.kind = mpInt
		}
	case mpInt:
		shift := 64 - 8*size
		h.bits = uint64(int64(be(b, i+1, size)<<shift) >> shift)
	case mpArray, mpMap, mpStr, mpBin, mpExt:
		// A length or count beyond the bytes left is refused before it becomes an int.
		n := uint64(1) << (c - 0xd4) // fixext; not used for other forms
		if size > 0 {
			n = be(b, i+1, size)
		}
		if n > uint64(len(b)-h.pos) {
			return mpHead{}
		}
		h.n = int(n)
	}
	switch f.kind {
	case mpStr, mpBin:
		return payload(b, h)
	case mpExt:
		if h.pos >= len(b) {
			return mpHead{}
		}
		h.ext = int8(b[h.pos])
		h.pos++
		return payload(b, h)
	}
	return h
}

func payload(b []byte, h mpHead) mpHead {
	if h.n > len(b)-h.pos {
		return mpHead{}
	}
	return h
}

// skipMsgpack is the end of the value at i, or -1.
func skipMsgpack(b []byte, i int) int {
	for left := 1; left > 0; left-- {
		if i >= len(b) {
			return -1
		}
		c := b[i]
		switch {
		case c <= 0x7f || c >= 0xe0 || c == 0xc0 || c == 0xc2 || c == 0xc3:
			i++
			continue
		case c >= 0xa0 && c <= 0xbf:
			if i += 1 + int(c&31); i > len(b) {
				return -1
			}
			continue
		}
		h := head(b, i)
		i = h.pos
		switch h.kind {
		case mpBroken:
			return -1
		case mpStr, mpBin, mpExt:
			i += h.n
		case mpArray:
			left += h.n
		case mpMap:
			left += 2 * h.n
		}
		if left-1 > len(b)-i {
			return -1
		}
	}
	return i
}

// mpTimestamp reads the payload of extension -1: 32 bits of seconds, 30 bits of
// nanoseconds and 34 of seconds, or 32 bits of nanoseconds and 64 of seconds.
func mpTimestamp(p []byte) (seconds, nanos int64, ok bool) {
	switch len(p) {
	case 4:
		return int64(binary.BigEndian.Uint32(p)), 0, true
	case 8:
		v := binary.BigEndian.Uint64(p)
		seconds, nanos = int64(v&(1<<34-1)), int64(v>>34)
	case 12:
		seconds, nanos = int64(binary.BigEndian.Uint64(p[4:])), int64(binary.BigEndian.Uint32(p))
	default:
		return 0, 0, false
	}
	return seconds, nanos, nanos < 1e9 && seconds > -9e12 && seconds < 9e12
}

// mpIntAt reads an integer that fits an int64.
func mpIntAt(b []byte, i int) (v int64, end int, ok bool) {
	c := b[i]
	if c <= 0x7f || c >= 0xe0 {
		return int64(int8(c)), i + 1, true
	}
	if c < 0xcc || c > 0xd3 {
		return 0, 0, false
	}
	size := 1 << (c & 3)
	if i+1+size > len(b) {
		return 0, 0, false
	}
	u := be(b, i+1, size)
	if c >= 0xd0 {
		shift := 64 - 8*size
		return int64(u<<shift) >> shift, i + 1 + size, true
	}
	return int64(u), i + 1 + size, u <= math.MaxInt64
}

// asciiOrUTF8 is utf8.Valid, with short ASCII texts settled eight bytes at a time.
func asciiOrUTF8(s []byte) bool {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if binary.LittleEndian.Uint64(s[i:])&highMask != 0 {
			return utf8.Valid(s[i:])
		}
	}
	for ; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return utf8.Valid(s[i:])
		}
	}
	return true
}
