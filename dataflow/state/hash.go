package state

import (
	"encoding/binary"
	"math/bits"
)

// The hash follows the multiply-and-fold construction of wyhash (Wang Yi, public
// domain). Index pages keep hashes, so it is part of the format: it must give the
// same result for a seed on every machine and in every version.
//
// Without a secret, keys that collide are made by arithmetic: who can make a factor of a
// product zero makes it zero for all values of the other. So a seed goes into both.
const (
	hashA = 0xa0761d6478bd642f
	hashB = 0xe7037ed1a0b428db
	hashC = 0x8ebc6af09c88c6e3
)

// hasher hashes the keys of a table with its seed. The zero one has none, as tables of
// older state files.
type hasher struct{ a, b uint64 }

func newHasher(seed uint64) hasher { return hasher{seed, seed * hashC} }

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// word is the hash of one 64-bit number.
func (s hasher) word(v uint64) uint32 {
	h := fold(v^hashA^s.a, hashB^s.b)
	return uint32(h ^ h>>32)
}

// bytes is the hash of a key.
func (s hasher) bytes(k []byte) uint32 {
	n := len(k)
	if n == 8 {
		return s.word(binary.LittleEndian.Uint64(k))
	}
	h := uint64(n) ^ hashC ^ s.b
	for len(k) > 16 {
		h = fold(binary.LittleEndian.Uint64(k)^hashA^s.a, binary.LittleEndian.Uint64(k[8:])^h)
		k = k[16:]
	}
	var x, y uint64
	switch {
	case len(k) >= 8:
		x = binary.LittleEndian.Uint64(k)
		y = tail64(k[8:])
	default:
		x = tail64(k)
	}
	h = fold(x^hashB^s.a, y^h)
	h = fold(h^hashA, hashB^s.b)
	return uint32(h ^ h>>32)
}

// tail64 reads at most eight bytes.
func tail64(k []byte) uint64 {
	switch {
	case len(k) >= 8:
		return binary.LittleEndian.Uint64(k)
	case len(k) >= 4:
		return uint64(binary.LittleEndian.Uint32(k)) | uint64(binary.LittleEndian.Uint32(k[len(k)-4:]))<<32
	case len(k) > 0:
		return uint64(k[0])<<16 | uint64(k[len(k)>>1])<<8 | uint64(k[len(k)-1])
	}
	return 0
}
