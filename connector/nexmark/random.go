package nexmark

import "math"

// random is the generator of java.util.Random: a linear congruential one of 48 bits, as its
// documentation defines it.
type random struct{ seed uint64 }

const (
	randomMul  = 0x5DEECE66D
	randomAdd  = 0xB
	randomMask = 1<<48 - 1
)

func newRandom(seed int64) random { return random{(uint64(seed) ^ randomMul) & randomMask} }

func (r *random) next(bits uint) int32 {
	r.seed = (r.seed*randomMul + randomAdd) & randomMask
	return int32(r.seed >> (48 - bits))
}

// int31n is a number from 0 to n-1; n is positive.
func (r *random) int31n(n int32) int32 {
	if n&-n == n {
		return int32(int64(n) * int64(r.next(31)) >> 31)
	}
	for {
		bits := r.next(31)
		val := bits % n
		if bits-val+(n-1) >= 0 { // else it wrapped: the last, incomplete range
			return val
		}
	}
}

func (r *random) int64() int64 {
	hi := int64(r.next(32)) << 32
	return hi + int64(r.next(32))
}

func (r *random) float64() float64 {
	hi := int64(r.next(26)) << 27
	return float64(hi+int64(r.next(27))) * (1.0 / (1 << 53))
}

// below is a number from 0 to n-1, skewed for large n.
func (r *random) below(n int64) int64 {
	if n < math.MaxInt32 {
		return int64(r.int31n(int32(n)))
	}
	v := r.int64() % n
	if v < 0 {
		return -v
	}
	return v
}

// price is spread evenly over the orders of magnitude from 1 to 10^6, in cents.
func (r *random) price() int64 {
	return int64(math.Floor(math.Pow(10, r.float64()*6)*100 + 0.5))
}

// text appends 3 to most-1 letters, with a separator in one of 13 places, but for
// separators at its ends when they are blanks.
func (r *random) text(dst []byte, most int32, separator byte) []byte {
	from := len(dst)
	for n := 3 + r.int31n(most-3); n > 0; n-- {
		if r.int31n(13) == 0 {
			dst = append(dst, separator)
			continue
		}
		dst = append(dst, byte('a'+r.int31n(26)))
	}
	if separator != ' ' {
		return dst
	}
	to := len(dst)
	for to > from && dst[to-1] == ' ' {
		to--
	}
	lead := from
	for lead < to && dst[lead] == ' ' {
		lead++
	}
	return dst[:from+copy(dst[from:], dst[lead:to])]
}

// fill appends random characters, so that an event of size bytes is as long as average, up
// to a fifth more or less.
func (r *random) fill(dst []byte, size, average int32) []byte {
	if size > average {
		return dst
	}
	average -= size
	delta := int32(math.Floor(float64(average)*0.2 + 0.5))
	n := average - delta
	if delta > 0 {
		n += r.int31n(2 * delta)
	}
	var rnd int32
	for left := 0; n > 0; n-- {
		if left == 0 {
			rnd, left = r.next(32), 6
		}
		dst = append(dst, byte('a'+rnd%26)) // below 'a' when rnd is negative
		rnd /= 26
		left--
	}
	return dst
}
