package main

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// histogram counts durations in buckets that are exact below 64 ns and at most 1/32 wide
// above, as HdrHistogram does with two digits (Tene). The zero value is empty.
type histogram struct {
	counts []int64
	n      int64
	max    time.Duration
}

// subBuckets is the number of buckets in each power of two.
const subBuckets = 32

// bucket is the place of a duration; durations below 0 count as 0.
func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 2*subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - bits.Len64(subBuckets)
	return shift*subBuckets + int(v>>shift)
}

// least is the least duration of a bucket.
func least(b int) time.Duration {
	if b < 2*subBuckets {
		return time.Duration(b)
	}
	shift := b/subBuckets - 1
	return time.Duration(subBuckets+b%subBuckets) << shift
}

func (h *histogram) add(d time.Duration) {
	b := bucket(d)
	for b >= len(h.counts) {
		h.counts = append(h.counts, 0)
	}
	h.counts[b]++
	h.n++
	h.max = max(h.max, d)
}

// quantile is the least duration that a part q of all does not exceed, rounded up to the
// end of its bucket.
func (h *histogram) quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank, seen := max(1, int64(q*float64(h.n)+0.9999999)), int64(0)
	for b, c := range h.counts {
		if seen += c; seen >= rank {
			return min(least(b+1), h.max)
		}
	}
	return h.max
}

// String lists how many durations lie below 1, 2, 5, 10 ... of a unit, without empty ends.
func (h *histogram) String() string {
	var out []string
	from, below := time.Duration(0), int64(0)
	for scale := 10 * time.Microsecond; below < h.n; scale *= 10 {
		for _, step := range []time.Duration{1, 2, 5} {
			to, n := step*scale, int64(0)
			for b, c := range h.counts {
				if least(b) < to {
					n += c
				}
			}
			if n > below {
				out = append(out, fmt.Sprintf("%v-%v: %d", from, to, n-below))
			}
			from, below = to, n
			if below == h.n {
				break
			}
		}
	}
	return strings.Join(out, ", ")
}
