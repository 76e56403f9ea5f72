package dataflow

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// sink is the last operator of an INSERT: it enforces the table's constraints and hands
// rows to the outbox, or to a Printer at once.
type sink struct {
	node    *plan.Sink
	bind    *SinkBinding
	out     *Output // nil with a Printer
	letters *rowErrors
	nowMs   func() int64

	checked   vec.Batch     // rows that the constraints let pass, when there are constraints
	columns   []*vec.Vector // cells of other lengths than their column's, by column
	lengths   []int         // columns whose cells, or values inside them, may have to be changed or refused
	nested    []*constraint // by column, of the values inside its cells
	printed   vec.Batch     // what a Printer is given, retyped its vectors of other types
	retyped   []vec.Vector
	encoded   *vec.Batch
	payload   []int // columns that the encoder writes
	subject   int   // the column of Schema with the metadata 'subject', or -1
	windowEnd int   // the column of Schema named window_end, or -1
	fieldMax  int   // of the payload's columns, in bytes
	buf       []byte
	rows      int64
	to        []byte // scratch for subjects
	watermark int64  // the newest one; told is the one that the target has heard of
	told      int64
	// Of the rows taken, written went out and refused broke a constraint or cannot be encoded.
	taken, written, refused int64
}

var _ op.Operator = (*sink)(nil)

func newSink(n *plan.Sink, bind *SinkBinding, out *Output, letters *rowErrors, nowMs func() int64) *sink {
	s := &sink{node: n, bind: bind, out: out, letters: letters, nowMs: nowMs, subject: -1, windowEnd: -1, fieldMax: math.MaxInt}
	s.encoded, s.payload = &vec.Batch{}, SinkColumns(n)
	s.watermark, s.told = math.MinInt64, math.MinInt64
	if bind.Follows {
		out.before = s.progress
	}
	for i, c := range n.Base().Schema {
		if i < len(n.Metadata) && n.Metadata[i] == "subject" {
			s.subject = i
		}
		if c.Name == "window_end" && c.Type.IsTimestamp() && c.Type.Phys() == types.I64 {
			s.windowEnd = i
		}
		if n.Compaction != nil {
			s.windowEnd = n.Compaction.End
		}
		inside := nestedConstraint(c.Type, n)
		s.nested = append(s.nested, inside)
		if inside != nil || n.Lengths != plan.LengthIgnore && fixedLength(c.Type) {
			s.lengths = append(s.lengths, i)
		}
	}
	return s
}

// SinkColumns lists the columns of a sink that its encoder writes, by index in the sink's
// schema: the physical ones but for those that are kept in names of partitions.
func SinkColumns(n *plan.Sink) []int {
	var out []int
	for i := range n.Base().Schema {
		if i >= len(n.Metadata) || n.Metadata[i] == "" {
			if !n.Table.Partitioned || !slices.Contains(n.Table.PartitionBy, n.Base().Schema[i].Name) {
				out = append(out, i)
			}
		}
	}
	return out
}

// progress tells the target how far event time has come.
func (s *sink) progress() {
	if s.watermark == s.told {
		return
	}
	s.told = s.watermark
	s.buf = strconv.AppendInt(s.buf[:0], s.watermark, 10)
	s.out.append(s.buf, []byte(ProgressSubject), vec.Insert, 0, s.nowMs())
}

// Open has nothing to bind: a sink keeps no state of its own.
func (s *sink) Open(*op.Context) error { return nil }

// Process writes the rows of b.
func (s *sink) Process(_ int, b *vec.Batch) error {
	s.taken += int64(b.Rows())
	b, err := s.enforce(b)
	if err != nil || b.Rows() == 0 {
		return err
	}
	s.rows += int64(b.Rows())
	if s.bind.Printer != nil {
		s.written += int64(b.Rows())
		return s.bind.Printer.Print(s.declared(b))
	}
	s.encoded.Cols = s.encoded.Cols[:0]
	for _, i := range s.payload {
		s.encoded.Cols = append(s.encoded.Cols, b.Cols[i])
	}
	s.encoded.N, s.encoded.Kinds = b.N, b.Kinds
	for k := range b.Rows() {
		if err := s.write(b, b.Row(k)); err != nil {
			return err
		}
	}
	return nil
}

// declared is b with vectors of the types that the table's columns have. Those of b may have
// others with the same values, as of fewer digits, which printed values would show.
func (s *sink) declared(b *vec.Batch) *vec.Batch {
	out := &s.printed
	cols := out.Cols[:0]
	*out = *b
	out.Cols = cols
	for i, v := range b.Cols {
		if t := s.node.Base().Schema[i].Type; !v.Type.Equal(t) {
			if s.retyped == nil {
				s.retyped = make([]vec.Vector, len(b.Cols))
			}
			s.retyped[i] = *v
			v = &s.retyped[i]
			v.Type = t
		}
		out.Cols = append(out.Cols, v)
	}
	return out
}

// errTooLarge is returned for a row that no message to the target can hold.
var errTooLarge = errors.New("the encoded row is larger than a message to the target may be")

func (s *sink) write(b *vec.Batch, i int) error {
	var err error
	s.buf, err = s.bind.Encoder.Append(s.buf[:0], s.encoded, i)
	if err == nil && len(s.buf) > s.fieldMax {
		if found, err := s.large(b, i); found {
			return err
		}
	}
	if err == nil && s.bind.RowBytesMax != nil {
		if limit := s.bind.RowBytesMax(); limit > 0 && len(s.buf) > limit {
			err = fmt.Errorf("%w: %d bytes of at most %d", errTooLarge, len(s.buf), limit)
		}
	}
	var subject []byte
	if s.subject >= 0 && !b.Cols[s.subject].IsNull(i) {
		subject = b.Cols[s.subject].Bytes(i)
	} else if s.bind.Subject != nil && err == nil {
		s.to, err = s.bind.Subject(s.to[:0], b, i)
		subject = s.to
	}
	if err == nil && len(subject) > 0 && s.bind.Takes != nil {
		err = s.bind.Takes(subject)
	}
	if err != nil {
		s.refused++
		return s.letters.RowError(b, i, err)
	}
	s.written++
	var end int64
	if s.windowEnd >= 0 && !b.Cols[s.windowEnd].IsNull(i) {
		end = b.Cols[s.windowEnd].I64[i] / 1000
	}
	if s.out.upserts != nil {
		s.out.upsert(b, i, upsertRow{payload: s.buf, subject: subject, kind: b.Kind(i), windowEnd: end, nowMs: s.nowMs()})
		return nil
	}
	s.out.append(s.buf, subject, b.Kind(i), end, s.nowMs())
	return nil
}

// Watermark ends here.
func (s *sink) Watermark(_ int, t int64) error {
	s.watermark = max(s.watermark, t)
	return nil
}

// Tick ends here.
func (s *sink) Tick(int64) error { return nil }

// Close closes the printer; an outbox belongs to the host.
func (s *sink) Close() error {
	if s.bind.Printer != nil {
		return s.bind.Printer.Close()
	}
	return nil
}

// enforce applies the table's NOT NULL and length constraints.
func (s *sink) enforce(b *vec.Batch) (*vec.Batch, error) {
	if len(s.node.NotNull) == 0 && len(s.lengths) == 0 {
		return b, nil
	}
	if s.columns == nil {
		s.columns = make([]*vec.Vector, len(b.Cols))
		for _, c := range s.lengths {
			s.columns[c] = vec.New(s.node.Base().Schema[c].Type)
		}
	}
	out := &s.checked
	sel, cols := out.Sel[:0], append(out.Cols[:0], b.Cols...)
	*out = *b
	out.Cols = cols
	for _, c := range s.lengths {
		s.columns[c].Reset()
		out.Cols[c] = s.columns[c]
	}
	if sel == nil {
		sel = make([]int32, 0, vec.BatchSize)
	}
rows:
	for k := range b.Rows() {
		i := b.Row(k)
		for _, c := range s.node.NotNull {
			if !b.Cols[c].IsNull(i) {
				continue
			}
			s.refused++
			if s.node.Enforcer == plan.NotNullDrop {
				continue rows
			}
			err := fmt.Errorf("column '%s' of table %s is NOT NULL, but a NULL is to be written to it", s.node.Base().Schema[c].Name, s.node.Table.Name)
			if err := s.letters.RowError(b, i, err); err != nil {
				return nil, err
			}
			continue rows
		}
		for _, c := range s.lengths {
			err := s.fitCell(b, i, c)
			if err == nil {
				continue
			}
			s.refused++
			var null errNull
			if errors.As(err, &null) && s.node.Enforcer == plan.NotNullDrop {
				continue rows
			}
			if err := s.letters.RowError(b, i, err); err != nil {
				return nil, err
			}
			continue rows
		}
		sel = append(sel, int32(i))
	}
	out.Sel = sel
	return out, nil
}

// fitCell brings cell i of column c to what the column asks for.
func (s *sink) fitCell(b *vec.Batch, i, c int) error {
	if s.nested[c] != nil {
		if err := s.fitNested(s.columns[c], b.Cols[c], i, c); err != nil {
			return fmt.Errorf("table %s: %w", s.node.Table.Name, err)
		}
		return nil
	}
	return s.fit(s.columns[c], b.Cols[c], i, s.node.Base().Schema[c])
}

// fit copies cell i with its length brought to the column's, or refuses it.
func (s *sink) fit(dst, src *vec.Vector, i int, col plan.Column) error {
	if src.IsNull(i) {
		dst.SetNull(i)
		return nil
	}
	b := src.Bytes(i)
	fitted, err := fitLength(s.buf[:0], b, col.Type, s.node.Lengths, col.Name)
	if err != nil {
		return fmt.Errorf("table %s: %w", s.node.Table.Name, err)
	}
	dst.SetBytes(i, fitted)
	return nil
}

// fitNested copies cell i with the values inside it brought to their declared lengths, or
// refuses it.
func (s *sink) fitNested(dst, src *vec.Vector, i, c int) error {
	if src.IsNull(i) {
		dst.SetNull(i)
		return nil
	}
	d, err := s.nested[c].hold(vec.BytesDatum(src.Bytes(i)), s.node.Base().Schema[c].Name)
	if err != nil {
		return err
	}
	dst.SetBytes(i, d.B)
	return nil
}
