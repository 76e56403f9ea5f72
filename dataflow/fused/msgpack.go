package fused

import (
	"encoding/binary"
	"unicode/utf8"
)

// MsgpackText reads the head of a text of at most 255 bytes at i: where its bytes begin
// and end. end is -1 for any other value, and for a text that is cut off or not UTF-8.
func MsgpackText(b []byte, i int) (start, end int) {
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

// MsgpackSkipText passes a text of at most 31 bytes, or 255 with a length of its own; -1
// for any other value.
func MsgpackSkipText(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	end := i + 1 + int(b[i]&0x1f)
	if b[i]&0xe0 != 0xa0 {
		if b[i] != 0xd9 || i+1 >= len(b) {
			return -1
		}
		end = i + 2 + int(b[i+1])
	}
	if end > len(b) {
		return -1
	}
	return end
}

// MsgpackInt reads an integer; end is -1 for any other value and one beyond 63 bits.
func MsgpackInt(b []byte, i int) (v int64, end int) {
	if i >= len(b) {
		return 0, -1
	}
	c := b[i]
	if c <= 0x7f {
		return int64(c), i + 1
	}
	return msgpackInt(b, i, c)
}

func msgpackInt(b []byte, i int, c byte) (v int64, end int) {
	switch {
	case c == 0xcd && i+3 <= len(b):
		return int64(binary.BigEndian.Uint16(b[i+1:])), i + 3
	case c == 0xcc && i+2 <= len(b):
		return int64(b[i+1]), i + 2
	case c == 0xce && i+5 <= len(b):
		return int64(binary.BigEndian.Uint32(b[i+1:])), i + 5
	case c >= 0xe0:
		return int64(int8(c)), i + 1
	}
	return 0, -1
}
