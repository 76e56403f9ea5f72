package fused

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/format"
)

// MsgpackText reads the head of a text of at most 255 bytes at i: where its bytes begin
// and end. end is -1 for any other value, and for a text that is cut off or not UTF-8.
func MsgpackText(b []byte, i int) (start, end int) {
	if i < len(b)-16 && b[i] >= 0xa0 && b[i] <= 0xb0 {
		// Lengths differ from one text to the next: no branch depends on this one's.
		n := uint64(b[i]&0x1f) * 8
		low := binary.LittleEndian.Uint64(b[i+1:]) & (1<<n - 1)
		high := binary.LittleEndian.Uint64(b[i+9:]) << (128 - n)
		if (low|high)&highs == 0 {
			return i + 1, i + 1 + int(n/8)
		}
	}
	return msgpackText(b, i)
}

func msgpackText(b []byte, i int) (start, end int) {
	if i >= len(b) {
		return 0, -1
	}
	n, start := int(b[i]&0x1f), i+1
	if b[i]&0xe0 != 0xa0 {
		if b[i] != 0xd9 || start >= len(b) {
			return 0, -1
		}
		n, start = int(b[start]), start+1
	}
	end = start + n
	if end > len(b) {
		return 0, -1
	}
	j := start
	for ; j+8 <= end; j += 8 {
		if binary.LittleEndian.Uint64(b[j:])&highs != 0 {
			return start, validText(b, start, end)
		}
	}
	for ; j < end; j++ {
		if b[j] >= utf8.RuneSelf {
			return start, validText(b, start, end)
		}
	}
	return start, end
}

func validText(b []byte, start, end int) int {
	if !utf8.Valid(b[start:end]) {
		return -1
	}
	return end
}

// MsgpackSizes are the sizes of values by their first byte; 0 where that does not tell it.
var MsgpackSizes = func() (sizes [256]uint8) {
	for c := range sizes {
		switch {
		case c <= 0x80 || c == 0x90 || c >= 0xe0 || c == 0xc0 || c == 0xc2 || c == 0xc3:
			sizes[c] = 1
		case c >= 0xa0 && c <= 0xbf:
			sizes[c] = uint8(1 + c&31)
		case c == 0xca: // float 32
			sizes[c] = 5
		case c == 0xcb: // float 64
			sizes[c] = 9
		case c >= 0xcc && c <= 0xd3: // integers
			sizes[c] = uint8(1 + 1<<(c&3))
		case c >= 0xd4 && c <= 0xd8: // extensions of a fixed size
			sizes[c] = uint8(2 + 1<<(c-0xd4))
		}
	}
	return sizes
}()

// MsgpackSkip is the end of the value at i, or -1.
func MsgpackSkip(b []byte, i int) int {
	if i < len(b) {
		if n := int(MsgpackSizes[b[i]]); n != 0 {
			if i += n; i > len(b) {
				return -1
			}
			return i
		}
	}
	return format.SkipMsgpack(b, i)
}

// MsgpackNil tells whether nil stands at i.
func MsgpackNil(b []byte, i int) bool { return i < len(b) && b[i] == 0xc0 }

// MsgpackHead reads the head of a map (object) or an array at i: how many members it has
// and where they begin. pos is -1 for any other value.
func MsgpackHead(b []byte, i int) (n int, object bool, pos int) {
	if i >= len(b) {
		return 0, false, -1
	}
	c, left := b[i], uint64(len(b)-i)
	switch {
	case c&0xe0 == 0x80:
		return int(c & 15), c&0xf0 == 0x80, i + 1
	case (c == 0xde || c == 0xdc) && left >= 3:
		n, pos = int(binary.BigEndian.Uint16(b[i+1:])), i+3
	case (c == 0xdf || c == 0xdd) && left >= 5:
		u := binary.BigEndian.Uint32(b[i+1:])
		if uint64(u) > left {
			return 0, false, -1
		}
		n, pos = int(u), i+5
	default:
		return 0, false, -1
	}
	if n > len(b)-pos {
		return 0, false, -1
	}
	return n, c >= 0xde, pos
}

// msgpackBytes are the bounds of the text or the binary at i; end is -1 for any other value.
func msgpackBytes(b []byte, i int) (start, end int) {
	if i >= len(b) {
		return 0, -1
	}
	c, left := b[i], len(b)-i
	var n uint64
	switch {
	case c&0xe0 == 0xa0:
		n, start = uint64(c&31), i+1
	case (c == 0xd9 || c == 0xc4) && left >= 2:
		n, start = uint64(b[i+1]), i+2
	case (c == 0xda || c == 0xc5) && left >= 3:
		n, start = uint64(binary.BigEndian.Uint16(b[i+1:])), i+3
	case (c == 0xdb || c == 0xc6) && left >= 5:
		n, start = uint64(binary.BigEndian.Uint32(b[i+1:])), i+5
	default:
		return 0, -1
	}
	if n > uint64(len(b)-start) {
		return 0, -1
	}
	return start, start + int(n)
}

// MsgpackInt reads an integer; end is -1 for any other value and one beyond an int64.
func MsgpackInt(b []byte, i int) (v int64, end int) {
	if i >= len(b) {
		return 0, -1
	}
	c, left := b[i], len(b)-i
	switch {
	case c <= 0x7f:
		return int64(c), i + 1
	case c == 0xcd && left >= 3:
		return int64(binary.BigEndian.Uint16(b[i+1:])), i + 3
	case c == 0xcc && left >= 2:
		return int64(b[i+1]), i + 2
	case c == 0xce && left >= 5:
		return int64(binary.BigEndian.Uint32(b[i+1:])), i + 5
	case c == 0xcf && left >= 9 && b[i+1] < 0x80, c == 0xd3 && left >= 9:
		return int64(binary.BigEndian.Uint64(b[i+1:])), i + 9
	case c >= 0xe0:
		return int64(int8(c)), i + 1
	case c == 0xd0 && left >= 2:
		return int64(int8(b[i+1])), i + 2
	case c == 0xd1 && left >= 3:
		return int64(int16(binary.BigEndian.Uint16(b[i+1:]))), i + 3
	case c == 0xd2 && left >= 5:
		return int64(int32(binary.BigEndian.Uint32(b[i+1:]))), i + 5
	}
	return 0, -1
}

// MsgpackFloat reads a float of 64 or 32 bits; end is -1 for any other value.
func MsgpackFloat(b []byte, i int) (f float64, end int) {
	if len(b)-i >= 9 && b[i] == 0xcb {
		return math.Float64frombits(binary.BigEndian.Uint64(b[i+1:])), i + 9
	}
	if len(b)-i >= 5 && b[i] == 0xca {
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b[i+1:]))), i + 5
	}
	return 0, -1
}

// MsgpackBool reads a boolean; end is -1 for any other value.
func MsgpackBool(b []byte, i int) (v int64, end int) {
	if i < len(b) && b[i]&^1 == 0xc2 {
		return int64(b[i] & 1), i + 1
	}
	return 0, -1
}

// MsgpackStamp reads the timestamp extension of 4 or 8 bytes in microseconds since 1970,
// cut to a unit of so many microseconds; end is -1 for any other value.
func MsgpackStamp(b []byte, i int, unit int64) (micros int64, end int) {
	if len(b)-i >= 10 && b[i] == 0xd7 && b[i+1] == 0xff {
		v := binary.BigEndian.Uint64(b[i+2:])
		if v>>34 >= 1e9 {
			return 0, -1
		}
		return int64(v&(1<<34-1))*1e6 + int64(v>>34)/(1000*unit)*unit, i + 10
	}
	if len(b)-i >= 6 && b[i] == 0xd6 && b[i+1] == 0xff {
		return int64(binary.BigEndian.Uint32(b[i+2:])) * 1e6, i + 6
	}
	return 0, -1
}

// MsgpackNanos is the nanoseconds in the 8 bytes of a timestamp extension; those from 1e9 on
// are none.
func MsgpackNanos(b []byte) uint64 { return binary.BigEndian.Uint64(b) >> 34 }

// MsgpackMicros is the time in the 8 bytes of a timestamp extension in microseconds since
// 1970, cut to a unit of so many microseconds.
func MsgpackMicros(b []byte, unit int64) int64 {
	v := binary.BigEndian.Uint64(b)
	return int64(v&(1<<34-1))*1e6 + int64(v>>34)/(1000*unit)*unit
}
