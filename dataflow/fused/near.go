package fused

import "encoding/binary"

// Texts of at most 16 bytes are compared as two words, and read as such whatever their
// length: no branch depends on it, which differs from one text to the next.

// Blank stands for the text of a NULL.
var Blank = make([]byte, 0, 16)

// Short tells that a text is at most 16 bytes long, and that as many can be read from where
// it lies: Low and High ask for it.
func Short(s []byte) bool { return len(s) <= 16 && cap(s) >= 16 }

// Low is the first eight bytes of a text, padded with zeros.
func Low(s []byte) uint64 {
	return binary.LittleEndian.Uint64(s[:8]) & (1<<(8*uint(len(s))) - 1)
}

// High is the second eight bytes of a text, shifted to the top.
func High(s []byte) uint64 {
	return binary.LittleEndian.Uint64(s[8:16]) << (128 - 8*uint(len(s)))
}

// Bit is 1 for true.
func Bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// ASCII tells that the first n of 16 bytes are ASCII.
func ASCII(b []byte, n uint) bool {
	return (binary.LittleEndian.Uint64(b)&(1<<(8*n)-1)|binary.LittleEndian.Uint64(b[8:])<<(128-8*n))&highs == 0
}
