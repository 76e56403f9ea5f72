package pipetest

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// collector is the sink of a table under test: it keeps the changelog. It outlives
// restarts of the engine.
type collector struct {
	schema plan.Schema
	key    []int
	order  []int // the columns of the rows taken, in the order of schema
	rows   []change
}

func newCollector(n *plan.Sink) *collector {
	c := &collector{order: sinkOrder(n)}
	for _, j := range c.order {
		c.schema = append(c.schema, n.Base().Schema[j])
	}
	for _, k := range n.PrimaryKey {
		c.key = append(c.key, slices.Index(c.order, k))
	}
	return c
}

type change struct {
	kind  vec.RowKind
	cells []vec.Datum
}

// Print keeps the rows of b.
func (c *collector) Print(b *vec.Batch) error {
	for k := range b.Rows() {
		i := b.Row(k)
		row := change{kind: b.Kind(i), cells: make([]vec.Datum, len(b.Cols))}
		for j, from := range c.order {
			row.cells[j] = b.Cols[from].Get(i)
			row.cells[j].B = append([]byte(nil), row.cells[j].B...)
		}
		c.rows = append(c.rows, row)
	}
	return nil
}

// Close has nothing to do.
func (c *collector) Close() error { return nil }

func (c *collector) text(row []vec.Datum, cols []int, env *expr.Env) string {
	var b strings.Builder
	for _, j := range cols {
		b.WriteString(printCell(row[j], c.schema[j].Type, env))
		b.WriteByte(0)
	}
	return b.String()
}

// final collapses the changelog to what a table would hold: upserted by primary key, or a
// multiset of rows.
func (c *collector) final(env *expr.Env) [][]vec.Datum {
	cols := c.key
	if len(cols) == 0 {
		for j := range c.schema {
			cols = append(cols, j)
		}
	}
	keys := map[string][]int{}
	live := map[int][]vec.Datum{}
	for i, r := range c.rows {
		k := c.text(r.cells, cols, env)
		at := keys[k]
		switch {
		case r.kind.Retracts() && len(at) > 0:
			delete(live, at[len(at)-1])
			keys[k] = at[:len(at)-1]
		case r.kind.Retracts():
		case len(c.key) > 0 && len(at) > 0:
			live[at[0]] = r.cells
		default:
			keys[k] = append(at, i)
			live[i] = r.cells
		}
	}
	order := make([]int, 0, len(live))
	for i := range live {
		order = append(order, i)
	}
	sort.Ints(order)
	out := make([][]vec.Datum, len(order))
	for i, k := range order {
		out[i] = live[k]
	}
	return out
}

// printRow prints a row as Flink does: +I[1, a].
func (c *collector) printRow(kind vec.RowKind, cells []vec.Datum, env *expr.Env) string {
	parts := make([]string, len(cells))
	for j, d := range cells {
		parts[j] = printCell(d, c.schema[j].Type, env)
	}
	return fmt.Sprintf("%s[%s]", kind, strings.Join(parts, ", "))
}

// rowEqual compares an expected row, a list of cells or a printed row, with an actual one.
func (c *collector) rowEqual(want any, kind vec.RowKind, withKind bool, cells []vec.Datum, env *expr.Env) bool {
	switch w := want.(type) {
	case string:
		got := c.printRow(kind, cells, env)
		if !withKind && !strings.HasPrefix(w, "+I[") {
			w = "+I[" + strings.TrimSuffix(strings.TrimPrefix(w, "["), "]") + "]"
		}
		return canonical(w) == canonical(got)
	case []any:
		if withKind && kind != vec.Insert {
			return false
		}
		ts := c.schema.Types()
		if len(w) != len(cells) {
			cells, ts = bareCells(cells, func(j int) types.Type { return c.schema[j].Type })
		}
		if len(w) != len(cells) {
			return false
		}
		for j := range w {
			if !cellEqual(w[j], cells[j], ts[j], env) {
				return false
			}
		}
		return true
	case map[string]any:
		if row, ok := w["row"].([]any); ok {
			if k, err := parseKind(scalarText(w["op"])); withKind && (err != nil || k != kind) {
				return false
			}
			return c.rowEqual(row, vec.Insert, withKind, cells, env)
		}
		for name, v := range w {
			j := -1
			for i, col := range c.schema {
				if col.Name == name {
					j = i
				}
			}
			if j < 0 || !cellEqual(v, cells[j], c.schema[j].Type, env) {
				return false
			}
		}
		return len(w) == len(cells)
	}
	return false
}

// diff compares rows in any order and returns the differences as lines, - for a row that is
// missing, + for one too many.
func (c *collector) diff(want []any, got []change, withKind bool, env *expr.Env) []string {
	used := make([]bool, len(got))
	var out []string
next:
	for _, w := range want {
		for i, g := range got {
			if !used[i] && c.rowEqual(w, g.kind, withKind, g.cells, env) {
				used[i] = true
				continue next
			}
		}
		out = append(out, fmt.Sprintf("- %v", w))
	}
	for i, g := range got {
		if !used[i] {
			out = append(out, "+ "+c.printRow(g.kind, g.cells, env))
		}
	}
	return out
}
