package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
)

// errSource is a failure of a source that passes.
var errSource = errors.New("simulated stream: the connection broke")

// reader is a host's view of the simulated stream, a dataflow.MessageSource. What it hands
// out is overwritten at the next Poll, so that nobody can hold on to it unnoticed.
type reader struct {
	h    *host
	next int // index of the next entry
	buf  []byte
	// read and committed are the sequences handed out and committed so far.
	read, committed uint64
}

var _ dataflow.MessageSource = (*reader)(nil)

func newReader(h *host) *reader { return &reader{h: h} }

func messageHash(data []byte) uint64 {
	f := fnv.New64a()
	_, _ = f.Write(data)
	return f.Sum64()
}

func appendPosition(dst []byte, seq, hash uint64) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, seq), hash)
}

func decodePosition(p []byte) (seq, hash uint64, err error) {
	if len(p) != 16 {
		return 0, 0, fmt.Errorf("simulated stream: a position of %d bytes", len(p))
	}
	return binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:]), nil
}

// Open verifies the position against the stream.
func (r *reader) Open(_ context.Context, position []byte) (dataflow.OpenReport, error) {
	r.h.point(pointOpen)
	if len(position) == 0 {
		return dataflow.OpenReport{}, nil
	}
	seq, hash, err := decodePosition(position)
	if err != nil {
		return dataflow.OpenReport{}, err
	}
	w := r.h.w
	if seq == 0 || seq > uint64(len(w.input)) || w.input[seq-1].arrivalMs > w.nowMs {
		return dataflow.OpenReport{}, fmt.Errorf("simulated stream: position %d lies behind the stream's end", seq)
	}
	if messageHash(w.input[seq-1].data) != hash {
		return dataflow.OpenReport{}, fmt.Errorf("simulated stream: another message stands at position %d", seq)
	}
	r.next, r.read, r.committed = int(seq), seq, seq
	return dataflow.OpenReport{Resumed: true}, nil
}

// visible is the number of entries that the stream has at this time.
func (r *reader) visible() int {
	w := r.h.w
	n := r.next
	for n < len(w.input) && w.input[n].arrivalMs <= w.nowMs {
		n++
	}
	return n
}

// Poll hands out some of the messages that are there, or none while the link is cut.
func (r *reader) Poll(dst []dataflow.Message, limit int, _ time.Duration) ([]dataflow.Message, uint64, error) {
	w := r.h.w
	for i := range r.buf {
		r.buf[i] = '#'
	}
	r.buf = r.buf[:0]
	r.h.point(pointPoll)
	if r.h.sourceFails {
		r.h.sourceFails = false
		return dst, 0, errSource
	}
	if r.h.sourceCut > 0 {
		r.h.sourceCut--
		return dst, 1, nil
	}
	end := r.visible()
	n := min(end-r.next, limit)
	if n > 0 && w.faulty {
		n = 1 + w.rng.IntN(n)
	}
	size := 0
	for _, e := range w.input[r.next : r.next+n] {
		size += len(e.data)
	}
	if cap(r.buf) < size {
		r.buf = make([]byte, 0, size)
	}
	for i := range n {
		e := &w.input[r.next+i]
		from := len(r.buf)
		r.buf = append(r.buf, e.data...)
		dst = append(dst, dataflow.Message{Data: r.buf[from:len(r.buf):len(r.buf)], Seq: e.seq, ArrivalMs: e.arrivalMs, Subject: []byte("events")})
		r.read = e.seq
	}
	r.next += n
	return dst, uint64(end - r.next), nil
}

// Position encodes sequence and hash.
func (r *reader) Position(dst []byte, m *dataflow.Message) []byte {
	return appendPosition(dst, m.Seq, messageHash(m.Data))
}

// Committed checks that positions grow and were read.
func (r *reader) Committed(position []byte) {
	seq, _, err := decodePosition(position)
	if err != nil || seq < r.committed || seq > r.read {
		r.h.w.violate("the source is told that %d is committed after %d, having handed out %d (%v)", seq, r.committed, r.read, err)
		return
	}
	r.committed = seq
}

// Close has nothing to release.
func (r *reader) Close() error { return nil }
