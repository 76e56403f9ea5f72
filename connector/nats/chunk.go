package nats

import "github.com/edgeflow/edgeflow/dataflow"

// chunkBytes is the usual size of a chunk: what one read of the connection may fill.
const chunkBytes = 256 << 10

// chunk is a buffer of the connection's bytes with the messages that lie in it. The
// reader fills it at the end while Poll hands messages out at the beginning; a chunk that
// the reader has left and Poll has emptied is used again.
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
	done      bool // the reader has left
}

// meta is what a message needs beside its bytes.
type meta struct {
	storedNs int64
	pending  uint64 // behind it, at the server
	size     int
}

func (c *chunk) reset() {
	c.r, c.w, c.taken, c.done = 0, 0, 0, false
	c.msgs, c.metas = c.msgs[:0], c.metas[:0]
	c.seen, c.seenMetas = nil, nil
}
