package dataflow

import (
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// frameBytesMax is the size from which a frame is sealed though its epoch goes on.
const frameBytesMax = 512 << 10

// FrameWriter encodes the entries of an outbox frame. Its encoding belongs to the
// forwarder, which reads it.
type FrameWriter interface {
	// Append adds an entry; payload and subject are copied.
	Append(payload, subject []byte, kind vec.RowKind, windowEndMs int64)
	// Len is the size of the frame so far, in bytes, and Rows its entries.
	Len() int
	Rows() int
	// Seal returns the finished frame, whose bytes are the caller's, and starts another.
	Seal(first uint64) []byte
}

// Output numbers the rows of a sink and collects them into the frames of an epoch.
type Output struct {
	Name    string
	next    uint64
	emitted int64
	first   uint64
	opened  int64
	frame   FrameWriter
	sealed  []state.OutboxFrame
	staged  int // of sealed, from the front, that are stored already
	bytes   int64
	sealAt  int        // bytes of a frame from which on it is sealed
	upserts *coalescer // of a sink that takes upserts; else nil
	before  func()     // is called before each cut; may be nil
	grown   func()     // is called now and then as rows come; may be nil
}

func newOutput(name string, w FrameWriter) *Output {
	return &Output{Name: name, next: 1, first: 1, frame: w, sealAt: frameBytesMax}
}

// append adds a row that arrived at nowMs.
func (o *Output) append(payload, subject []byte, kind vec.RowKind, windowEndMs, nowMs int64) {
	if o.frame.Rows() == 0 {
		o.opened = nowMs
	}
	o.frame.Append(payload, subject, kind, windowEndMs)
	o.next++
	o.emitted++
	o.bytes += int64(len(payload))
	if o.frame.Len() >= o.sealAt {
		o.seal()
		o.grow()
	}
}

func (o *Output) grow() {
	if o.grown != nil {
		o.grown()
	}
}

// upsert keeps a row instead of its key's last one.
func (o *Output) upsert(b *vec.Batch, i int, r upsertRow) {
	if o.upserts.put(b, i, r); o.upserts.memory() >= o.upserts.look {
		o.grow()
		o.upserts.look = o.upserts.memory() + int64(o.sealAt)
	}
}

func (o *Output) seal() {
	rows := o.frame.Rows()
	if rows == 0 {
		return
	}
	o.sealed = append(o.sealed, state.OutboxFrame{
		Output: o.Name, First: o.first, Last: o.next - 1, Rows: rows, Created: o.opened, Data: o.frame.Seal(o.first),
	})
	o.first = o.next
}

// cut ends the epoch: it appends the epoch's frames to dst.
func (o *Output) cut(dst []state.OutboxFrame) []state.OutboxFrame {
	if o.upserts != nil {
		o.upserts.drain(o)
	}
	if o.before != nil {
		o.before()
	}
	o.seal()
	dst = append(dst, o.sealed...)
	clear(o.sealed) // their data is the checkpoint's
	o.sealed, o.staged, o.bytes = o.sealed[:0], 0, 0
	return dst
}

// pendingBytes is the size of the rows that wait for the next barrier.
func (o *Output) pendingBytes() int64 {
	if o.upserts != nil {
		return o.bytes + o.upserts.bytes
	}
	return o.bytes
}
