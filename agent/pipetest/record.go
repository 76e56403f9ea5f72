package pipetest

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Table is the sink of a table: it keeps and prints the changes that it is given, as tests
// see them.
type Table struct {
	c   *collector
	env *expr.Env
}

var _ dataflow.Printer = (*Table)(nil)

// NewTable makes the sink of a table.
func NewTable(n *plan.Sink, env *expr.Env) *Table { return &Table{newCollector(n), env} }

// Print keeps the rows of b.
func (t *Table) Print(b *vec.Batch) error { return t.c.Print(b) }

// Close has nothing to do.
func (t *Table) Close() error { return nil }

// Columns are the names of the columns, in the order of cells.
func (t *Table) Columns() []string { return t.c.schema.Names() }

// Changes is how many changes there are.
func (t *Table) Changes() int { return len(t.c.rows) }

// Change prints a change, as in +I[1, a].
func (t *Table) Change(i int) string { return t.c.printRow(t.c.rows[i].kind, t.c.rows[i].cells, t.env) }

// Cells are the kind of a change and its cells as text, nil for NULL.
func (t *Table) Cells(i int) (kind string, cells []*string) {
	r := t.c.rows[i]
	for j, d := range r.cells {
		var cell *string
		if !d.Null {
			s := printCell(d, t.c.schema[j].Type, t.env)
			cell = &s
		}
		cells = append(cells, cell)
	}
	return r.kind.String(), cells
}

// Final prints what the table holds: upserted by its primary key, or a multiset of rows.
func (t *Table) Final() []string {
	var out []string
	for _, cells := range t.c.final(t.env) {
		out = append(out, t.c.printRow(vec.Insert, cells, t.env))
	}
	return out
}

// Rows are the rows that the table holds, as a test expects them under final: lists of
// cells as text, nil for NULL.
func (t *Table) Rows() [][]any {
	var out [][]any
	for _, cells := range t.c.final(t.env) {
		row := make([]any, len(cells))
		for j, d := range cells {
			if !d.Null {
				row[j] = printCell(d, t.c.schema[j].Type, t.env)
			}
		}
		out = append(out, row)
	}
	return out
}

// Record runs a case without expectations and returns what its tables hold at the end, by
// name.
func Record(c *Case) (map[string]*Table, error) {
	b, err := newBench(c)
	if err != nil {
		return nil, err
	}
	if err := b.run(); err != nil {
		return nil, err
	}
	out := map[string]*Table{}
	for name, s := range b.sinks {
		out[name] = &Table{s, b.env}
	}
	return out, nil
}

// errNoText is returned for a value that no cell of a test stands for.
var errNoText = errors.New("a test has no form for this value")

// Cell is a value as a row of a test gives it: a number, a boolean, a text, a list or a
// mapping. What it returns is read as the same value; where that cannot be, the error
// says so.
func Cell(d vec.Datum, t types.Type, env *expr.Env) (any, error) {
	if d.Null {
		return nil, nil
	}
	for _, v := range cellForms(d, t, env) {
		back, err := datum(v, t, env)
		if err == nil && sameDatum(back, d) {
			return v, nil
		}
	}
	return nil, fmt.Errorf("%w: %s %s", errNoText, t, expr.FormatDatum(nil, d, t, env))
}

// cellForms are the forms in which a value may be given, the most readable first.
func cellForms(d vec.Datum, t types.Type, env *expr.Env) []any {
	text := string(expr.FormatDatum(nil, d, t, env))
	switch t.Kind {
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		return []any{d.I, text}
	case types.Boolean:
		return []any{text == "TRUE" || text == "true", text}
	case types.Binary, types.Varbinary:
		return []any{map[string]any{"$bytes": hex.EncodeToString(d.B)}}
	case types.Array:
		return []any{cellsOf(vec.Elems(d.B, *t.Elem), func(int) types.Type { return *t.Elem }, env)}
	case types.Row, types.Structured:
		return []any{cellsOf(vec.RowFields(d.B, t.Fields), func(i int) types.Type { return t.Fields[i].Type }, env)}
	case types.Map, types.Multiset:
		key, val := t.Key, t.Elem
		if t.Kind == types.Multiset {
			key, val = t.Elem, &types.TInt
		}
		kb, vb := vec.MapParts(d.B)
		keys, vals := vec.Elems(kb, *key), vec.Elems(vb, *val)
		pairs := make([]any, len(keys))
		for i := range keys {
			pairs[i] = []any{first(keys[i], *key, env), first(vals[i], *val, env)}
		}
		return []any{map[string]any{"$map": pairs}}
	}
	return []any{text, printCell(d, t, env)}
}

func cellsOf(cells []vec.Datum, t func(int) types.Type, env *expr.Env) []any {
	out := make([]any, len(cells))
	for i, c := range cells {
		out[i] = first(c, t(i), env)
	}
	return out
}

// first is the form that reads back, or nil: the whole is compared then.
func first(d vec.Datum, t types.Type, env *expr.Env) any {
	v, err := Cell(d, t, env)
	if err != nil {
		return nil
	}
	return v
}

func sameDatum(a, b vec.Datum) bool {
	if a.Null || b.Null {
		return a.Null == b.Null
	}
	return a.I == b.I && (a.F == b.F || a.F != a.F && b.F != b.F) && string(a.B) == string(b.B) && a.Hi == b.Hi
}
