package state

import "math/bits"

// bitmap is a set of small numbers, one bit each; numbers past its end are not in it.
type bitmap []uint64

func (b bitmap) has(i uint32) bool {
	w := int(i >> 6)
	return w < len(b) && b[w]>>(i&63)&1 != 0
}

func (b bitmap) set(i uint32)   { b[i>>6] |= 1 << (i & 63) }
func (b bitmap) clear(i uint32) { b[i>>6] &^= 1 << (i & 63) }

// grow returns the bitmap with room for n numbers.
func (b bitmap) grow(n int) bitmap {
	for len(b) < (n+63)>>6 {
		b = append(b, 0)
	}
	return b
}

func (b bitmap) count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// next returns the lowest member that is at least from, or -1.
func (b bitmap) next(from int) int {
	w := from >> 6
	if w >= len(b) {
		return -1
	}
	if x := b[w] >> (uint(from) & 63); x != 0 {
		return from + bits.TrailingZeros64(x)
	}
	for w++; w < len(b); w++ {
		if b[w] != 0 {
			return w<<6 + bits.TrailingZeros64(b[w])
		}
	}
	return -1
}
