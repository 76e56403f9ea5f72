package state

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// copyPool keeps old images for the checkpoint in flight. The engine's goroutine
// puts them in, the checkpoint's takes them out: a queue of chunks with one writer
// and one reader, so that neither waits for the other but at the limit. Buffers
// come back many at a time, under the lock.
type copyPool struct {
	size int // bytes of a page
	max  int // buffers that may exist; 0 means no limit

	// Of the engine's goroutine.
	own   [][]byte // free buffers
	tail  *keptChunk
	first *keptChunk // of the delta in flight
	spare []*keptChunk
	out   int // buffers taken since the barrier and not known to be back
	peak  int
	total int // buffers that exist

	// Of the checkpoint's goroutine.
	head  *keptChunk
	taken int // of head
	done  [][]byte
	image []byte

	mu     sync.Mutex
	change sync.Cond
	free   [][]byte // buffers given back
}

// keptChunk is a piece of the queue. The writer fills pages[n] before it raises n.
type keptChunk struct {
	n     atomic.Int32
	next  atomic.Pointer[keptChunk]
	pages [256]keptPage
}

type keptPage struct {
	page  PageID
	image []byte
}

const copySlab = 64 // buffers allocated, and given back, together

func (c *copyPool) init(size int, limit int64) {
	c.size = size
	c.change.L = &c.mu
	if limit > 0 {
		c.max = max(2*copySlab, int(limit/int64(size)))
	}
	c.begin()
}

// begin makes the queue empty.
func (c *copyPool) begin() {
	for k := c.first; k != nil; k = k.next.Load() {
		c.spare = append(c.spare, k)
	}
	for _, k := range c.spare {
		k.n.Store(0)
		k.next.Store(nil)
	}
	c.first = c.chunk()
	c.tail, c.head, c.taken = c.first, c.first, 0
}

func (c *copyPool) chunk() *keptChunk {
	if n := len(c.spare); n > 0 {
		k := c.spare[n-1]
		c.spare = c.spare[:n-1]
		return k
	}
	return new(keptChunk)
}

func (c *copyPool) bytes() int64 { return int64(c.total) * int64(c.size) }

// scratch returns a buffer of the checkpoint's goroutine.
func (c *copyPool) scratch() []byte {
	if c.image == nil {
		c.image = make([]byte, c.size)
	}
	return c.image
}

func (c *copyPool) wake() {
	c.mu.Lock()
	c.change.Broadcast()
	c.mu.Unlock()
}

// keep copies image into a buffer and queues it for drain.
func (c *copyPool) keep(d *Delta, p PageID, image []byte) {
	if len(c.own) == 0 {
		c.refill(d)
	}
	b := c.own[len(c.own)-1]
	c.own = c.own[:len(c.own)-1]
	copy(b, image)
	k := c.tail
	n := k.n.Load()
	if int(n) == len(k.pages) {
		k, n = c.chunk(), 0
		c.tail.next.Store(k)
		c.tail = k
	}
	k.pages[n] = keptPage{p, b}
	k.n.Store(n + 1)
	c.out++
	c.peak = max(c.peak, c.out)
}

// refill gets buffers: those given back, or new ones. At the limit it waits.
func (c *copyPool) refill(d *Delta) {
	c.mu.Lock()
	for len(c.free) == 0 && c.max > 0 && c.total+copySlab > c.max && !d.stopped.Load() && !d.canceled.Load() {
		c.change.Wait()
	}
	c.own, c.free = c.free, c.own
	c.mu.Unlock()
	c.out -= len(c.own)
	if len(c.own) > 0 {
		return
	}
	slab := make([]byte, copySlab*c.size)
	for i := 0; i < copySlab; i++ {
		c.own = append(c.own, slab[i*c.size:(i+1)*c.size:(i+1)*c.size])
	}
	c.total += copySlab
}

// drain gives the queued images to fn, and waits until it has given at least n.
// It returns how many it gave.
func (c *copyPool) drain(d *Delta, fn func(PageID, []byte) error, n int) (given int, err error) {
	for err == nil {
		k := c.head
		switch {
		case d.canceled.Load():
			err = ErrCanceled
		case c.taken < int(k.n.Load()):
			kept := k.pages[c.taken]
			c.taken++
			given++
			err = fn(kept.page, kept.image)
			if c.done = append(c.done, kept.image); len(c.done) == copySlab {
				c.giveBack()
			}
		case c.taken == len(k.pages) && k.next.Load() != nil:
			c.head, c.taken = k.next.Load(), 0
		case given >= n:
			return given, nil
		default:
			runtime.Gosched() // the writer copies one page
		}
	}
	return given, err
}

// giveBack makes drained buffers free again.
func (c *copyPool) giveBack() {
	c.mu.Lock()
	c.free = append(c.free, c.done...)
	c.change.Signal()
	c.mu.Unlock()
	c.done = c.done[:0]
}

// reset takes all buffers back after the delta ended, those that nobody drained
// too, and gives them to the Go heap when it used far fewer than there are.
func (c *copyPool) reset() {
	for c.taken < int(c.head.n.Load()) || c.head.next.Load() != nil {
		if c.taken == len(c.head.pages) {
			c.head, c.taken = c.head.next.Load(), 0
			continue
		}
		c.done = append(c.done, c.head.pages[c.taken].image)
		c.taken++
	}
	c.own = append(c.own, c.free...)
	c.own = append(c.own, c.done...)
	c.free, c.done = c.free[:0], c.done[:0]
	c.begin()
	if c.total > 4*copySlab && c.peak < c.total/4 {
		c.own, c.free, c.done, c.total = nil, nil, nil, 0
		c.spare = nil
	}
	c.out, c.peak = 0, 0
}
