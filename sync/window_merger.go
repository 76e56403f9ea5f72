package forward

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// WindowMerger is the Merger of a sink of window results in one of the formats: it decodes
// the rows, puts those with the same keys into the wider window that holds theirs, merges
// their columns with the very aggregates of the language, and encodes the results.
type WindowMerger struct {
	spec *plan.Compaction
	dec  format.Decoder
	enc  format.Encoder
	set  *expr.AggSet
	in   *vec.Batch
	bad  bool

	groups map[string]*mergeGroup
	order  []*mergeGroup
	keys   []*vec.Batch // of the groups, a row for each
	used   int          // rows of them
	key    []byte
}

// mergeGroup is the rows of one key and wide window.
type mergeGroup struct {
	first  Entry // the row, while it is the only one
	rows   int
	stands uint64
	start  int64 // of the window, in the column's unit
	state  []byte
	keys   *vec.Batch // whose row holds the cells of the first one
	row    int
}

// NewWindowMerger makes the merger of a sink. Schema is what its encoder writes, and must
// hold every column of the sink: rows of which a part is kept elsewhere cannot be merged.
func NewWindowMerger(n *plan.Sink, name string, schema format.Schema, table map[string]string) (*WindowMerger, error) {
	if len(schema.Columns) != len(n.Base().Schema) {
		return nil, fmt.Errorf("'edgeflow.outbox.compact': table %s has metadata columns or partitions, whose rows cannot be merged", n.Table.Name)
	}
	m := &WindowMerger{spec: n.Compaction, groups: map[string]*mergeGroup{}}
	var err error
	if m.set, err = expr.NewAggSet(n.Compaction.Calls, nil, false); err != nil {
		return nil, err
	}
	if m.dec, err = format.NewDecoder(name, schema, format.Options{Table: table, OnBad: func([]byte, int, error) { m.bad = true }}); err != nil {
		return nil, err
	}
	if m.enc, err = format.NewEncoder(name, schema, format.Options{Table: table}); err != nil {
		return nil, err
	}
	m.in = vec.NewBatch(columnTypes(schema))
	return m, nil
}

func columnTypes(s format.Schema) []types.Type {
	var out []types.Type
	for _, c := range s.Columns {
		out = append(out, c.Type)
	}
	return out
}

// Merge implements Merger. Results are in the order of each one's first row.
func (m *WindowMerger) Merge(rows []Entry, width time.Duration, emit func(Entry)) error {
	clear(m.groups)
	m.order, m.used = m.order[:0], 0
	for _, e := range rows {
		m.add(e, width)
	}
	out := vec.NewBatch(m.typesOf())
	var buf []byte
	for _, g := range m.order {
		if g.rows == 1 {
			emit(g.first)
			continue
		}
		var err error
		if buf, err = m.encode(buf[:0], out, g, width); err != nil {
			return err
		}
		end := out.Cols[m.spec.End].I64[0] / 1000
		emit(Entry{Payload: buf, Kind: vec.Insert, WindowEnd: end, Subject: g.first.Subject, Stands: g.stands})
	}
	return nil
}

func (m *WindowMerger) typesOf() []types.Type {
	var out []types.Type
	for _, c := range m.in.Cols {
		out = append(out, c.Type)
	}
	return out
}

// add puts a row into its group, or into one of its own when it is no row of a window within
// the wide one.
func (m *WindowMerger) add(e Entry, width time.Duration) {
	m.in.Reset()
	m.bad = false
	more := m.dec.Decode(e.Payload, m.in)
	start, ok := int64(0), e.Kind == vec.Insert && !more && !m.bad && m.in.N == 1
	if ok {
		start, ok = m.window(width.Microseconds())
	}
	if !ok {
		m.order = append(m.order, &mergeGroup{first: e, rows: 1})
		return
	}
	m.groupKey(start, e.Subject)
	g := m.groups[string(m.key)]
	if g == nil {
		g = &mergeGroup{first: e, start: start, state: make([]byte, m.set.Size())}
		g.keys, g.row = m.keep()
		m.set.Init(g.state, uint64(len(m.order)))
		m.groups[string(m.key)] = g
		m.order = append(m.order, g)
	}
	g.rows++
	g.stands += e.Stands
	m.set.Update(nil, m.in, [][]byte{g.state}, []int32{0})
}

// keep copies the decoded row and says where to.
func (m *WindowMerger) keep() (*vec.Batch, int) {
	n, row := m.used/vec.BatchSize, m.used%vec.BatchSize
	if n == len(m.keys) {
		m.keys = append(m.keys, vec.NewBatch(m.typesOf()))
	}
	b := m.keys[n]
	if row == 0 {
		b.Reset()
	}
	for i, c := range m.in.Cols {
		b.Cols[i].Copy(row, c, 0)
	}
	m.used++
	return b, row
}

// window is the start of the wide window that holds the decoded row's, which must not be
// wider itself.
func (m *WindowMerger) window(width int64) (start int64, ok bool) {
	end := m.in.Cols[m.spec.End]
	if end.IsNull(0) {
		return 0, false
	}
	start = floorDiv(end.I64[0]-1, width) * width
	if s := m.spec.Start; s >= 0 && (m.in.Cols[s].IsNull(0) || m.in.Cols[s].I64[0] < start) {
		return 0, false
	}
	return start, true
}

// groupKey writes what rows of one group agree in.
func (m *WindowMerger) groupKey(start int64, subject []byte) {
	k := binary.AppendVarint(m.key[:0], start)
	k = append(binary.AppendUvarint(k, uint64(len(subject))), subject...)
	for _, i := range m.spec.Keys {
		c := m.in.Cols[i]
		if c.IsNull(0) {
			k = append(k, 0)
			continue
		}
		k = append(k, 1)
		switch c.Phys {
		case types.I64:
			k = binary.LittleEndian.AppendUint64(k, uint64(c.I64[0]))
		case types.F64:
			k = binary.LittleEndian.AppendUint64(k, math.Float64bits(c.F64[0]))
		case types.Wide:
			k = binary.LittleEndian.AppendUint64(k, uint64(c.I64[0]))
			k = binary.LittleEndian.AppendUint64(k, uint64(c.Hi[0]))
		default:
			k = append(binary.AppendUvarint(k, uint64(len(c.Bytes(0)))), c.Bytes(0)...)
		}
	}
	m.key = k
}

// encode appends the row of a group; out holds it meanwhile.
func (m *WindowMerger) encode(dst []byte, out *vec.Batch, g *mergeGroup, width time.Duration) ([]byte, error) {
	out.Reset()
	for i, c := range g.keys.Cols {
		out.Cols[i].Copy(0, c, g.row)
	}
	end := g.start + width.Microseconds()
	for _, b := range []struct {
		col int
		at  int64
	}{{m.spec.Start, g.start}, {m.spec.End, end}, {m.spec.Time, end - 1000}} {
		if b.col >= 0 {
			out.Cols[b.col].SetNotNull(0)
			out.Cols[b.col].I64[0] = b.at
		}
	}
	var merged []*vec.Vector
	for _, i := range m.spec.Merge {
		out.Cols[i].SetNotNull(0)
		merged = append(merged, out.Cols[i])
	}
	m.set.Result(nil, g.state, merged, 0)
	out.N = 1
	return m.enc.Append(dst, out, 0)
}
