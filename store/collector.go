package store

import (
	"runtime"
	"runtime/metrics"
	"sync"
)

// Collector runs the garbage collector between checkpoints when it would otherwise run
// during one of the next. A commit under way holds some hundred thousand small objects of
// bbolt, and competes with the pipelines for the cores: a collection then takes tens of
// milliseconds and holds the pipelines up. Between commits there are few objects, because
// state lies in pages without pointers, and a collection takes one millisecond.
//
// One Collector serves a process. Its methods may be called by several goroutines.
type Collector struct {
	mu      sync.Mutex
	samples []metrics.Sample
	last    heap
}

// heap is the state of the Go heap: bytes of objects, dead ones that are not swept
// included; bytes allocated since the process began; the size at which the next
// collection ends; bytes that the last one found alive.
type heap struct{ objects, allocated, goal, live uint64 }

// AfterCommit is to be called after each commit, when its outcome has been handed on. It
// returns whether it collected.
func (c *Collector) AfterCommit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.read()
	due := now.collectNow(now.allocated - c.last.allocated)
	c.last = now
	if due {
		runtime.GC()
	}
	return due
}

// collectNow decides by what the time since the last checkpoint allocated: a collection is
// due when as much and half of it again would make the collector run, which begins to do so
// when seven tenths of the room that it leaves are used up. When that much is always
// allocated between two checkpoints, there is nothing to gain.
func (h heap) collectNow(allocated uint64) bool {
	if h.goal <= h.live {
		return false
	}
	room, next := (h.goal-h.live)/10*7, allocated+allocated/2
	return next < room && h.objects+next > h.live+room
}

func (c *Collector) read() heap {
	if c.samples == nil {
		for _, name := range []string{"/memory/classes/heap/objects:bytes", "/gc/heap/allocs:bytes", "/gc/heap/goal:bytes", "/gc/heap/live:bytes"} {
			c.samples = append(c.samples, metrics.Sample{Name: name})
		}
	}
	metrics.Read(c.samples)
	value := func(i int) uint64 {
		if c.samples[i].Value.Kind() != metrics.KindUint64 {
			return 0 // a runtime without the figure
		}
		return c.samples[i].Value.Uint64()
	}
	return heap{value(0), value(1), value(2), value(3)}
}
