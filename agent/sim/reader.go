package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/edgeflow/edgeflow/connector/nats"
	"github.com/edgeflow/edgeflow/dataflow"
)

// errSource is a failure of a source that passes.
var errSource = errors.New("simulated stream: the connection broke")

// reader is a host's view of the simulated stream, a dataflow.MessageSource that keeps
// positions and judges them as the real one does. What it hands out is overwritten at the
// next Poll, so that nobody can hold on to it unnoticed.
type reader struct {
	h      *host
	source int
	stream *stream
	at     nats.Position // of the newest message handed out
	buf    []byte
	handed []handed // not processed yet
	fails  bool     // at the next poll
	cut    int      // polls that find no link
	gap    uint64   // messages found missing while running, before the next one
	// changes is the stream's when the position was last found to fit it.
	changes int
	// committed is the highest sequence of the stream said to be committed.
	committed nats.Position
}

// handed is a message of the input that was handed out, with its position.
type handed struct {
	message int
	at      nats.Position
}

var _ dataflow.MessageSource = (*reader)(nil)

func newReader(h *host, source int) *reader {
	return &reader{h: h, source: source, stream: h.w.streams[source]}
}

// someSource is one of a host's.
func (h *host) someSource() *reader {
	return h.sources[slices.Index(h.w.streams, h.w.someStream())]
}

// Open verifies the position against the stream.
func (r *reader) Open(_ context.Context, position []byte) (dataflow.OpenReport, error) {
	r.h.point(pointOpen)
	w := r.h.w
	w.arrive()
	if len(position) == 0 {
		s := r.stream
		r.at = nats.Position{Stream: s.name, CreatedNs: s.createdMs * 1e6, Sequence: s.first - 1}
		r.changes = s.changes
		return dataflow.OpenReport{}, nil
	}
	var err error
	if r.at, err = nats.DecodePosition(position); err != nil {
		return dataflow.OpenReport{}, err
	}
	gap, moved, err := r.verify()
	if moved && r.h.w.planting(PlantForgetMove, 1) {
		moved = false
	}
	return dataflow.OpenReport{Resumed: true, Gap: gap, Moved: moved}, err
}

// StartPosition implements dataflow.Starter.
func (r *reader) StartPosition(dst []byte) []byte {
	if r.at.Hash == 0 && r.h.past.moved[r.source] == 0 {
		return dst // from the beginning, as a first start has it
	}
	return r.at.Append(dst)
}

// verify finds out whether the stream continues the position, and goes on by the policy
// where it does not: with an error, or with the number of messages that are missing.
func (r *reader) verify() (gap uint64, moved bool, err error) {
	w := r.h.w
	st := r.stream.state()
	var at nats.StoredMessage
	if r.at.Hash != 0 {
		at = r.stream.at(r.at.Sequence, w.input)
	}
	v, pe := nats.Verify(r.at, st, at)
	r.changes = r.stream.changes
	if pe == nil {
		return 0, false, nil
	}
	w.tracef("%s finds: %v", r.h.name, pe)
	if !w.resumes {
		return 0, false, pe
	}
	w.hit("gap passed over", v.Kind.String())
	r.stream.skipped(v.Next)
	r.at = nats.Position{Stream: st.Name, CreatedNs: st.CreatedNs, Sequence: v.Next - 1}
	r.h.past.moved[r.source]++
	r.h.past.gap[r.source] += v.Missing
	if w.planting(PlantGapUncounted, 1) {
		return 0, true, nil
	}
	return v.Missing, true, nil
}

// errMoved ends a reader whose stream was made anew or rolled back: a start goes on in it.
var errMoved = fmt.Errorf("%w: the stream has moved", errSource)

// renew sets a running reader up anew after the stream changed: it goes on over a gap, and
// leaves what else there may be to a start.
func (r *reader) renew() error {
	before := r.h.past
	gap, moved, err := r.verify()
	if err == nil && moved && gap == 0 {
		err = errMoved
	}
	if gap > 0 { // Gap counts it
		r.gap += gap
		r.h.past.gap, r.h.past.moved = before.gap, before.moved
	}
	return err
}

// Gap implements dataflow.Gapped.
func (r *reader) Gap(uint64) uint64 {
	gap := r.gap
	r.gap = 0
	r.h.past.gap[r.source] += gap
	return gap
}

// waiting is the number of messages that the stream has after the position.
func (r *reader) waiting() int {
	if s := r.stream; s.last() > r.at.Sequence {
		return int(s.last() - r.at.Sequence)
	}
	return 0
}

// Poll hands out some of the messages that are there, or none while the link is cut.
func (r *reader) Poll(dst []dataflow.Message, limit int, _ time.Duration) ([]dataflow.Message, uint64, error) {
	w := r.h.w
	for i := range r.buf {
		r.buf[i] = '#'
	}
	r.buf = r.buf[:0]
	r.h.point(pointPoll)
	if r.fails {
		r.fails = false
		return dst, 0, errSource
	}
	if r.cut > 0 {
		r.cut--
		return dst, 1, nil
	}
	w.arrive()
	if r.changes != r.stream.changes {
		if err := r.renew(); err != nil {
			return dst, 1, err
		}
	}
	n := min(r.waiting(), limit)
	if n > 0 && w.faulty {
		n = 1 + w.rng.IntN(n)
	}
	slots := r.stream.slots[r.at.Sequence:][:n]
	size := 0
	for _, i := range slots {
		size += len(w.input[i].data)
	}
	if cap(r.buf) < size {
		r.buf = make([]byte, 0, size)
	}
	for _, i := range slots {
		e := &w.input[i]
		from := len(r.buf)
		r.buf = append(r.buf, e.data...)
		at := e.arrivalMs
		if w.plant == PlantArrivalByClock {
			at = r.h.hostMs()
		}
		r.at = nats.Position{Stream: r.stream.name, CreatedNs: r.stream.createdMs * 1e6, Sequence: r.at.Sequence + 1, StoredNs: e.arrivalMs * 1e6, Hash: e.hash}
		dst = append(dst, dataflow.Message{Data: r.buf[from:len(r.buf):len(r.buf)], Seq: r.at.Sequence, ArrivalMs: at, Subject: []byte("events")})
		r.handed = append(r.handed, handed{i, r.at})
	}
	return dst, uint64(r.waiting()), nil
}

// Position encodes where m stands. The engine asks when it has processed it, and all before.
func (r *reader) Position(dst []byte, m *dataflow.Message) []byte {
	for {
		next := r.handed[0]
		r.handed = r.handed[1:]
		r.h.past.add(next.message)
		if next.at.Sequence == m.Seq {
			return next.at.Append(dst)
		}
	}
}

// Committed checks that positions grow and were read.
func (r *reader) Committed(position []byte) {
	p, err := nats.DecodePosition(position)
	if err == nil && p.CreatedNs == r.committed.CreatedNs && p.Sequence < r.committed.Sequence {
		err = fmt.Errorf("it is after %d", r.committed.Sequence)
	}
	if err == nil && p.CreatedNs == r.at.CreatedNs && p.Sequence > r.at.Sequence {
		err = fmt.Errorf("having handed out %d", r.at.Sequence)
	}
	if err != nil {
		r.h.w.violate("the source is told that %d is committed: %v", p.Sequence, err)
	}
	r.committed = p
}

// Close has nothing to release.
func (r *reader) Close() error { return nil }
