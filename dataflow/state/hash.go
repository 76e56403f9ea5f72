package state

import (
	"encoding/binary"
	"math/bits"
)

// The hash follows the multiply-and-fold construction of wyhash (Wang Yi, public
// domain). Index pages keep hashes, so it is part of the format: it must give the
// same result on every machine and in every version.
const (
	hashA = 0xa0761d6478bd642f
	hashB = 0xe7037ed1a0b428db
	hashC = 0x8ebc6af09c88c6e3
)

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// hash64 is the hash of one 64-bit number.
func hash64(v uint64) uint32 {
	h := fold(v^hashA, hashB)
	return uint32(h ^ h>>32)
}

// hashBytes is the hash of a key.
func hashBytes(k []byte) uint32 {
	n := len(k)
	if n == 8 {
		return hash64(binary.LittleEndian.Uint64(k))
	}
	h := uint64(n) ^ hashC
	for len(k) > 16 {
		h = fold(binary.LittleEndian.Uint64(k)^hashA, binary.LittleEndian.Uint64(k[8:])^h)
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
	h = fold(x^hashB, y^h)
	h = fold(h^hashA, hashB)
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
