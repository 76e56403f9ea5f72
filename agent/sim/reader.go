package sim

import (
	"context"
	"errors"
	"fmt"
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
	h   *host
	at  nats.Position // of the newest message handed out
	buf []byte
	gap uint64 // messages found missing while running, before the next one
	// changes is the stream's when the position was last found to fit it.
	changes int
	// committed is the highest sequence of the stream said to be committed.
	committed nats.Position
}

var _ dataflow.MessageSource = (*reader)(nil)

func newReader(h *host) *reader { return &reader{h: h} }

// Open verifies the position against the stream.
func (r *reader) Open(_ context.Context, position []byte) (dataflow.OpenReport, error) {
	r.h.point(pointOpen)
	w := r.h.w
	w.arrive()
	if len(position) == 0 {
		r.at = nats.Position{Stream: streamName, CreatedNs: w.stream.createdMs * 1e6, Sequence: w.stream.first - 1}
		r.changes = w.stream.changes
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
	if len(r.h.past.spans) == 0 && r.at.Hash == 0 && r.h.past.moved == 0 {
		return dst // from the beginning, as a first start has it
	}
	return r.at.Append(dst)
}

// verify finds out whether the stream continues the position, and goes on by the policy
// where it does not: with an error, or with the number of messages that are missing.
func (r *reader) verify() (gap uint64, moved bool, err error) {
	w := r.h.w
	st := w.stream.state()
	var at nats.StoredMessage
	if r.at.Hash != 0 {
		at = w.stream.at(r.at.Sequence, w.input)
	}
	v, pe := nats.Verify(r.at, st, at)
	r.changes = w.stream.changes
	if pe == nil {
		return 0, false, nil
	}
	w.tracef("%s finds: %v", r.h.name, pe)
	if !w.resumes {
		return 0, false, pe
	}
	w.hit("gap passed over", v.Kind.String())
	w.stream.skipped(v.Next)
	r.at = nats.Position{Stream: st.Name, CreatedNs: st.CreatedNs, Sequence: v.Next - 1}
	r.h.past.moved++
	r.h.past.gap += v.Missing
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
	r.h.past.gap += gap
	return gap
}

// waiting is the number of messages that the stream has after the position.
func (r *reader) waiting() int {
	if s := r.h.w.stream; s.last() > r.at.Sequence {
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
	if r.h.sourceFails {
		r.h.sourceFails = false
		return dst, 0, errSource
	}
	if r.h.sourceCut > 0 {
		r.h.sourceCut--
		return dst, 1, nil
	}
	w.arrive()
	if r.changes != w.stream.changes {
		if err := r.renew(); err != nil {
			return dst, 1, err
		}
	}
	n := min(r.waiting(), limit)
	if n > 0 && w.faulty {
		n = 1 + w.rng.IntN(n)
	}
	slots := w.stream.slots[r.at.Sequence:][:n]
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
		r.at = nats.Position{Stream: streamName, CreatedNs: w.stream.createdMs * 1e6, Sequence: r.at.Sequence + 1, StoredNs: e.arrivalMs * 1e6, Hash: e.hash}
		dst = append(dst, dataflow.Message{Data: r.buf[from:len(r.buf):len(r.buf)], Seq: r.at.Sequence, ArrivalMs: at, Subject: []byte("events")})
		r.h.past.add(i)
	}
	return dst, uint64(r.waiting()), nil
}

// Position encodes where m stands.
func (r *reader) Position(dst []byte, m *dataflow.Message) []byte {
	w := r.h.w
	e := &w.input[w.stream.slots[m.Seq-1]]
	p := nats.Position{Stream: streamName, CreatedNs: w.stream.createdMs * 1e6, Sequence: m.Seq, StoredNs: e.arrivalMs * 1e6, Hash: e.hash}
	return p.Append(dst)
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
