package pipetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// feed is the source of a table under test: it holds the rows given so far and hands them
// out in order. It outlives restarts of the engine; each engine reads it through a reader.
type feed struct {
	table *plan.Table
	rows  []feedRow
	ended bool
}

type feedRow struct {
	kind    vec.RowKind
	cells   []vec.Datum // by column of the table; columns that a source cannot deliver are NULL
	arrival int64
}

// reader reads a feed from a position, the number of rows already read.
type reader struct {
	feed *feed
	cols []plan.SourceColumn
	at   int
}

func (r *reader) Open(_ context.Context, position []byte) (dataflow.OpenReport, error) {
	if len(position) == 8 {
		r.at = int(binary.LittleEndian.Uint64(position))
	}
	return dataflow.OpenReport{Resumed: position != nil}, nil
}

func (r *reader) Next(b *vec.Batch, limit int, _ int64) (uint64, error) {
	for b.N < limit && r.at < len(r.feed.rows) {
		row := &r.feed.rows[r.at]
		r.at++
		for i, c := range r.cols {
			b.Cols[i].Set(b.N, pathValue(row.cells[c.Column], r.feed.table.Columns[c.Column].Type, c))
		}
		b.Kinds = append(b.Kinds, row.kind)
		b.Arrival = append(b.Arrival, row.arrival)
		b.Origin = append(b.Origin, vec.Origin{Seq: uint64(r.at)})
		b.N++
	}
	if r.feed.ended && r.at == len(r.feed.rows) {
		return 0, io.EOF
	}
	return uint64(len(r.feed.rows) - r.at), nil
}

func (r *reader) Position(dst []byte, seq uint64) []byte {
	return binary.LittleEndian.AppendUint64(dst, seq)
}

func (r *reader) Close() error { return nil }

// pathValue follows a projected path below its column.
func pathValue(d vec.Datum, t types.Type, c plan.SourceColumn) vec.Datum {
	for _, name := range c.Path[min(1, len(c.Path)):] {
		i := t.FieldIndex(name)
		if d.Null || i < 0 {
			return vec.NullDatum
		}
		d, t = vec.RowAt(d.B, t.Fields, i), t.Fields[i].Type
	}
	return d
}

// parseRow makes a feed row of what a test gives: a list of cells by position, a mapping
// by column, or {op, row} around either.
func parseRow(v any, table *plan.Table, env *expr.Env) (feedRow, error) {
	var r feedRow
	if m, ok := v.(map[string]any); ok {
		if inner, has := m["row"]; has {
			if kind, has := m["op"]; has {
				var err error
				if r.kind, err = parseKind(scalarText(kind)); err != nil {
					return r, err
				}
			}
			v = inner
		}
	}
	r.cells = make([]vec.Datum, len(table.Columns))
	for i := range r.cells {
		r.cells[i] = vec.NullDatum
	}
	switch cells := v.(type) {
	case []any:
		return r, positional(&r, cells, table, env)
	case map[string]any:
		for name, cell := range cells {
			i := table.ColumnIndex(name)
			if i < 0 {
				return r, fmt.Errorf("table %s has no column %s", table.Name, name)
			}
			d, err := datum(cell, table.Columns[i].Type, env)
			if err != nil {
				return r, fmt.Errorf("column %s: %w", name, err)
			}
			r.cells[i] = d
		}
		return r, nil
	}
	return r, fmt.Errorf("a row is a list or a mapping, not %v", v)
}

// positional fills the columns that a source delivers, physical and metadata, in their
// order. Cells beyond them are fields that the table does not declare: like a decoder, a
// test ignores them.
func positional(r *feedRow, cells []any, table *plan.Table, env *expr.Env) error {
	k := 0
	for i, c := range table.Columns {
		if c.Kind == plan.ComputedColumn {
			continue
		}
		if k == len(cells) {
			break
		}
		d, err := datum(cells[k], c.Type, env)
		if err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
		r.cells[i] = d
		k++
	}
	return nil
}

func parseKind(s string) (vec.RowKind, error) {
	for k := vec.Insert; k <= vec.Delete; k++ {
		if strings.EqualFold(k.String(), strings.TrimSpace(s)) {
			return k, nil
		}
	}
	return 0, fmt.Errorf("%q is no row kind; expected +I, -U, +U or -D", s)
}
