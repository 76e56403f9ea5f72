package dataflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// ingest runs one source of a plan: it polls, decodes, stamps arrival time and origin, and
// pushes batches to the source's consumers.
type ingest struct {
	node    *plan.Source
	ordinal uint32
	bind    *SourceBinding
	out     op.Output
	batch   *vec.Batch
	// payload is the view of batch that the decoder fills: its physical columns.
	payload *vec.Batch
	decoder format.Decoder
	letters *deadLetters

	msgs    []Message
	next    int
	pending uint64
	rows    bool // batch holds rows of a RowSource from next on
	ended   bool
	closed  bool // the end was passed on
	loading bool // a table for lookups of which not all has been read since the start
	keyAt   int  // of a table for lookups the column of its key, else -1
	kinds   []vec.RowKind

	position  []byte
	reached   []byte // scratch for positions
	arrivalMs int64  // the newest one, as the log has it
	stampMs   int64  // that of the rows in hand
	ledger    SourceLedger
	began     int64 // ledger.Decoded at the start
	bad       int64
	current   *Message
	refused   []*Letter // of the current message
	unlisted  int       // events of the current message that are none of refused
	events    *events   // nil until a row of the source becomes a letter
	fused     *head     // nil when the interpreter runs all of the plan
	limits    admission
}

func newIngest(n *plan.Source, ordinal int, bind *SourceBinding, out op.Output, letters *deadLetters) (*ingest, error) {
	in := &ingest{node: n, ordinal: uint32(ordinal), bind: bind, out: out, letters: letters, keyAt: -1}
	in.batch = vec.NewBatch(n.Base().Schema.Types())
	in.payload = &vec.Batch{}
	for i, c := range n.Columns {
		if c.Metadata == "" {
			in.payload.Cols = append(in.payload.Cols, in.batch.Cols[i])
		}
	}
	if bind.Messages == nil {
		return in, nil
	}
	var err error
	in.decoder, err = bind.Decoder(in.undecodable)
	return in, err
}

// undecodable diverts an event of the current message.
func (in *ingest) undecodable(event []byte, offset int, reason error) {
	in.bad++
	if field, ok := tooLarge(reason); ok {
		in.oversize(&Letter{Reason: fmt.Sprintf("column '%s' takes more bytes than '%s', which is %d", field, fieldBytesOption, in.limits.field), Offset: offset}, event)
		return
	}
	if len(in.refused) >= lettersMax {
		in.unlisted++
		return
	}
	if l := in.letters.event(in, event, offset, reason); l != nil {
		in.refused = append(in.refused, l)
	}
}

func (in *ingest) open(ctx context.Context) (OpenReport, error) {
	var r OpenReport
	var err error
	if len(in.position) == 0 {
		in.position = nil // as the sources' Open has it
	}
	if in.bind.Messages != nil {
		r, err = in.bind.Messages.Open(ctx, in.position)
	} else {
		r, err = in.bind.Rows.Open(ctx, in.position)
	}
	if err != nil {
		return r, fmt.Errorf("source %s: %w", in.node.Table.Name, err)
	}
	in.ledger.Gap += r.Gap
	if s, ok := in.bind.Messages.(Starter); ok && (len(in.position) == 0 || r.Moved) {
		in.position = s.StartPosition(in.position[:0])
	}
	return r, nil
}

// buffered tells whether rows are at hand.
func (in *ingest) buffered() bool { return in.rows || in.next < len(in.msgs) }

// waiting is the number of messages known to wait, those at hand included.
func (in *ingest) waiting() uint64 {
	switch {
	case in.rows:
		return in.pending + 1
	case in.next < len(in.msgs):
		return in.pending + uint64(len(in.msgs)-in.next)
	}
	return in.pending // next may still count rows of a batch that is gone
}

// fill polls when nothing is at hand, waiting at most wait.
func (in *ingest) fill(wait time.Duration, nowMs int64) error {
	if in.ended || in.buffered() {
		return nil
	}
	var err error
	if in.bind.Messages != nil {
		in.events.forget()
		in.msgs, in.pending, err = in.bind.Messages.Poll(in.msgs[:0], vec.BatchSize, wait)
		in.next = 0
	} else {
		in.batch.Reset()
		in.pending, err = in.bind.Rows.Next(in.batch, vec.BatchSize, nowMs)
		in.next, in.rows = 0, in.batch.N > 0
	}
	if errors.Is(err, io.EOF) {
		in.ended, err = true, nil
		in.pending = 0
	}
	if err != nil {
		return fmt.Errorf("source %s: %w", in.node.Table.Name, err)
	}
	return nil
}

// advance takes over the place of a source that has moved on without messages, and tells whether it
// has since.
func (in *ingest) advance() bool {
	a, ok := in.bind.Messages.(Advancer)
	if !ok || in.buffered() {
		return false
	}
	in.reached = a.Advanced(in.reached[:0])
	if len(in.reached) == 0 || bytes.Equal(in.reached, in.position) {
		return false
	}
	in.position = append(in.position[:0], in.reached...)
	return true
}

// head is the arrival time of the next row at hand.
func (in *ingest) head() int64 {
	if in.rows {
		return max(in.arrivalMs, in.batch.ArrivalAt(in.next))
	}
	return max(in.arrivalMs, in.msgs[in.next].ArrivalMs)
}

// run pushes what is at hand and arrived at upTo or before, at most one batch of a message
// source's messages or all rows of a row source, and returns the number of rows. Their
// arrival time is floor at least: a source that was waited for in vain may bring rows older
// than what the others brought, and arrival time does not go back.
func (in *ingest) run(upTo, floor int64) (int, error) {
	if in.rows {
		return in.runRows(upTo, floor)
	}
	return in.runMessages(upTo, floor)
}

func (in *ingest) runRows(upTo, floor int64) (int, error) {
	b := in.batch
	end := in.next
	for end < b.N && max(in.arrivalMs, b.Arrival[end]) <= upTo {
		in.arrivalMs = max(in.arrivalMs, b.Arrival[end])
		b.Arrival[end] = max(in.arrivalMs, floor)
		b.Origin[end].Source = in.ordinal
		end++
	}
	n := end - in.next
	if n == 0 {
		return 0, nil
	}
	in.ledger.Read += int64(n)
	in.ledger.Decoded += int64(n)
	if n < b.N {
		b.Sel = b.Sel[:0]
		for i := in.next; i < end; i++ {
			b.Sel = append(b.Sel, int32(i))
		}
	}
	in.position = in.bind.Rows.Position(in.position[:0], b.Origin[end-1].Seq)
	in.next = end
	in.rows = end < b.N
	return n, in.out.Process(b)
}

func (in *ingest) runMessages(upTo, floor int64) (int, error) {
	in.batch.Reset()
	rows := 0
	last := -1
	for in.next < len(in.msgs) && in.batch.N < vec.BatchSize {
		m := &in.msgs[in.next]
		at := max(in.arrivalMs, m.ArrivalMs)
		if at > upTo {
			break
		}
		in.arrivalMs, in.stampMs = at, max(at, floor)
		in.current = m
		in.ledger.Messages++
		in.ledger.Bytes += int64(len(m.Data))
		last = in.next
		in.next++
		n, err := in.take(m)
		rows += n
		if err != nil {
			return rows, err
		}
		if in.fused != nil && rows >= vec.BatchSize {
			break
		}
	}
	if in.fused != nil {
		if err := in.fused.settle(); err != nil {
			return rows, err
		}
	}
	if last >= 0 {
		in.position = in.bind.Messages.Position(in.position[:0], &in.msgs[last])
		if g, ok := in.bind.Messages.(Gapped); ok {
			in.ledger.Gap += g.Gap(in.msgs[last].Seq)
		}
	}
	if in.batch.N > 0 {
		rows += in.batch.N
		if err := in.out.Process(in.batch); err != nil {
			return rows, err
		}
		in.batch.Reset()
	}
	return rows, nil
}

func (in *ingest) take(m *Message) (int, error) {
	if len(m.Data) > in.limits.free {
		return in.large(m)
	}
	if in.fused != nil {
		return in.fused.message(m)
	}
	return in.decode(m)
}

// decode appends a message's events to the batch, pushing full batches on the way.
func (in *ingest) decode(m *Message) (pushed int, err error) {
	if in.keyAt >= 0 {
		if key, ok := removedKey(m); ok {
			return in.remove(m, key)
		}
	}
	bad := in.bad
	before := *in.decoder.Stats()
	from := in.batch.N
	in.payload.N = from
	more := in.decoder.Decode(m.Data, in.payload)
	seen := uint32(0)
	for {
		seen = in.stamp(m, from, seen)
		if !more {
			break
		}
		pushed += in.batch.N
		if err := in.hand(); err != nil {
			return pushed, err
		}
		in.batch.Reset()
		from, in.payload.N = 0, 0
		more = in.decoder.Resume(in.payload)
	}
	st := in.decoder.Stats()
	// Read is what the decoder counted, Decoded the rows that came, Undecodable the refusals.
	in.ledger.Read += int64(st.Decoded+st.Undecodable) - int64(before.Decoded+before.Undecodable)
	in.ledger.Decoded += int64(seen)
	in.ledger.Undecodable += in.bad - bad + int64(st.Ignored-before.Ignored)
	if len(in.refused) == 0 {
		return pushed, nil
	}
	n, err := in.divert()
	return pushed + n, err
}

// divert sends the letters of the current message after what the rows before them give, so
// that the order of dead letters does not follow from where batches end. It returns the
// number of rows that it pushed.
func (in *ingest) divert() (int, error) {
	n := in.batch.N
	if n > 0 {
		if err := in.hand(); err != nil {
			return n, err
		}
		in.batch.Reset()
	}
	if in.unlisted > 0 {
		in.refused = append(in.refused, in.letters.others(in))
	}
	for _, l := range in.refused {
		if err := in.letters.put(in.letters.out, l); err != nil {
			return n, err
		}
	}
	clear(in.refused)
	in.refused, in.unlisted = in.refused[:0], 0
	return n, nil
}

// stamp sets arrival, origin and metadata of the rows that a message added from row from
// on; seen is the number of the message's rows in earlier batches.
func (in *ingest) stamp(m *Message, from int, seen uint32) uint32 {
	b := in.batch
	b.N = in.payload.N
	for i := from; i < b.N; i++ {
		b.Arrival = append(b.Arrival, in.stampMs)
		b.Origin = append(b.Origin, vec.Origin{Seq: m.Seq, Row: seen, Source: in.ordinal})
		seen++
	}
	if b.Kinds != nil {
		b.Kinds = in.kindsTo(b.N)
	}
	if in.bind.Metadata != nil && b.N > from {
		in.bind.Metadata.Read(m, b.Cols, from, b.N)
	}
	return seen
}

func (in *ingest) close() error {
	if in.bind.Messages != nil {
		return in.bind.Messages.Close()
	}
	return in.bind.Rows.Close()
}

// DecoderSchema lists the columns that a source's decoder fills, those that the plan uses,
// and the table's declaration.
func DecoderSchema(n *plan.Source) format.Schema {
	var s format.Schema
	for _, c := range n.Columns {
		if c.Metadata == "" {
			s.Columns = append(s.Columns, format.Column{Name: n.Table.Columns[c.Column].Name, Type: c.Type, Path: c.Path})
		}
	}
	for _, c := range n.Table.Columns {
		if c.Kind == plan.PhysicalColumn {
			s.Declared = append(s.Declared, types.Field{Name: c.Name, Type: c.Type})
		}
	}
	return s
}
