package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogramQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h histogram
	var all []time.Duration
	for range 100_000 {
		d := time.Duration(r.ExpFloat64() * float64(3*time.Millisecond))
		h.add(d)
		all = append(all, d)
	}
	slices.Sort(all)
	for _, q := range []float64{0.001, 0.5, 0.9, 0.99, 0.999, 0.9999, 1} {
		want := all[max(0, int(q*float64(len(all))+0.9999999)-1)]
		got := h.quantile(q)
		if got < want || float64(got) > float64(want)*(1+1.0/subBuckets)+1 {
			t.Errorf("quantile %v: %v, want %v", q, got, want)
		}
	}
}

func TestHistogramBuckets(t *testing.T) {
	for b := range 1500 {
		if got := bucket(least(b)); got != b {
			t.Fatalf("the least of bucket %d, %v, is in bucket %d", b, least(b), got)
		}
		if b > 0 {
			if got := bucket(least(b) - 1); got != b-1 {
				t.Fatalf("%v is in bucket %d, not %d", least(b)-1, got, b-1)
			}
		}
	}
}

func TestHistogramText(t *testing.T) {
	var h histogram
	for _, d := range []time.Duration{5 * time.Microsecond, 15 * time.Microsecond, 3 * time.Millisecond} {
		h.add(d)
	}
	if got, want := h.String(), "0s-10µs: 1, 10µs-20µs: 1, 2ms-5ms: 1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
