package nats

import "github.com/edgeflow/edgeflow/dataflow"

// chunkBytes is the usual size of a chunk: what one read of the connection may fill.
const chunkBytes = 256 << 10

// chunk is a buffer of the connection's bytes with the messages that lie in it; messages
// of nats.go lie elsewhere, and buf is empty. The reader fills it at the end while Poll
// hands messages out at the beginning; a chunk that the reader has left and Poll has
// emptied is used again.
type chunk struct {
	buf  []byte
	r, w int // parsed and read so far; the reader's

	// msgs and metas are the reader's: they grow without the lock.
	msgs  []dataflow.Message
	metas []meta

	// The rest is shared under the source's lock. seen is the part of msgs that Poll may
	// take, and does not change any more; seenMetas goes with it.
	seen      []dataflow.Message
	seenMetas []meta
	taken     int  // messages handed out
	queued    bool // Poll knows it
	done      bool // the reader has left
}

// messageBytes is about what a message takes in memory besides its subject, header and payload: its
// entries in msgs and metas, and its reply subject. Without it empty messages would cost nothing.
const messageBytes = 200

// meta is what a message needs beside its bytes.
type meta struct {
	storedNs int64
	pending  uint64 // behind it, at the server
	size     int    // in memory, about
}

func (c *chunk) reset() {
	if len(c.buf) == 0 {
		clear(c.msgs) // their bytes are to be collected
	}
	c.r, c.w, c.taken, c.queued, c.done = 0, 0, 0, false, false
	c.msgs, c.metas = c.msgs[:0], c.metas[:0]
	c.seen, c.seenMetas = nil, nil
}

// The rest belongs to the source and is called with its lock held.

// spare returns an empty chunk of at least size bytes.
func (s *Source) spare(size int) *chunk {
	if n := len(s.free); n > 0 && size <= len(s.free[n-1].buf) {
		c := s.free[n-1]
		s.free = s.free[:n-1]
		return c
	}
	return &chunk{buf: make([]byte, size)}
}

// recycle keeps a chunk for later use. One that its reader has not left yet, because the
// connection was given up, is not used again.
func (s *Source) recycle(c *chunk) {
	if c.done && len(s.free) < 4 && len(c.buf) <= 4*chunkBytes {
		c.reset()
		s.free = append(s.free, c)
	}
}

// retire takes an emptied chunk out of the queue; the next Poll frees it.
func (s *Source) retire(old *chunk) {
	for i, c := range s.queue {
		if c == old {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			s.held = append(s.held, old)
			return
		}
	}
}
