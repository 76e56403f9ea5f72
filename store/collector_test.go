package store

import (
	"runtime"
	"testing"
)

func TestCollectorDecides(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		name      string
		heap      heap
		allocated uint64
		want      bool
	}{
		{"nothing known", heap{}, 10 * mb, false},
		{"room for many checkpoints", heap{objects: 110 * mb, live: 100 * mb, goal: 200 * mb}, 10 * mb, false},
		{"room for one and a half", heap{objects: 154 * mb, live: 100 * mb, goal: 200 * mb}, 10 * mb, false},
		{"room for less", heap{objects: 156 * mb, live: 100 * mb, goal: 200 * mb}, 10 * mb, true},
		{"beyond where the collector begins", heap{objects: 180 * mb, live: 100 * mb, goal: 200 * mb}, 10 * mb, true},
		{"a checkpoint that always reaches it", heap{objects: 156 * mb, live: 100 * mb, goal: 200 * mb}, 50 * mb, false},
		{"the collector is off", heap{objects: 156 * mb, live: 100 * mb, goal: 1<<64 - 1}, 50 * mb, false},
	} {
		if got := c.heap.collectNow(c.allocated); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestCollectorReadsTheHeap: the runtime has all figures, and they agree.
func TestCollectorReadsTheHeap(t *testing.T) {
	keep := make([]byte, 32<<20)
	runtime.GC()
	var c Collector
	h := c.read()
	if h.live < 32<<20 || h.objects < h.live/2 || h.goal <= h.live || h.allocated < 32<<20 {
		t.Fatalf("%+v", h)
	}
	runtime.KeepAlive(keep)
	c.AfterCommit()
	if c.last.allocated < h.allocated {
		t.Fatalf("%+v after %+v", c.last, h)
	}
	if n := testing.AllocsPerRun(10, func() { c.read() }); n != 0 {
		t.Fatalf("reading takes %v allocations", n)
	}
}
