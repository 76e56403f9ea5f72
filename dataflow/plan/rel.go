package plan

import (
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// rel is a node of the logical plan: *relScan, *relValues, *relCalc, *relTVF, *relAgg,
// *relJoin, *relUnnest or *relUnion. Rels are not modified once another refers to them.
type rel interface {
	// cols is the row that the rel yields.
	cols() Schema
	kids() []rel
	// withKids is the rel over other inputs of the same schema.
	withKids(kids []rel) rel
}

// relScan yields all columns of a table, computed ones included.
type relScan struct {
	table *Table
	uid   string
	span  sql.Span
}

func (r *relScan) cols() Schema       { return r.table.schema() }
func (r *relScan) kids() []rel        { return nil }
func (r *relScan) withKids([]rel) rel { return r }

// relValues yields fixed rows of expressions without columns.
type relValues struct {
	rows   [][]expr.Node
	schema Schema
}

func (r *relValues) cols() Schema       { return r.schema }
func (r *relValues) kids() []rel        { return nil }
func (r *relValues) withKids([]rel) rel { return r }

// relCalc filters and projects.
type relCalc struct {
	in      rel
	filter  expr.Node // nil for none
	project []expr.Node
	schema  Schema
	uid     string
}

func (r *relCalc) cols() Schema { return r.schema }
func (r *relCalc) kids() []rel  { return []rel{r.in} }
func (r *relCalc) withKids(k []rel) rel {
	c := *r
	c.in = k[0]
	return &c
}

// relTVF appends window_start, window_end and window_time.
type relTVF struct {
	in        rel
	win       Window
	partition []int
	schema    Schema
}

func (r *relTVF) cols() Schema { return r.schema }
func (r *relTVF) kids() []rel  { return []rel{r.in} }
func (r *relTVF) withKids(k []rel) rel {
	c := *r
	c.in = k[0]
	return &c
}

// relAgg aggregates by keys, within windows when win is set. Its schema is the keys, the
// aggregates, the properties.
type relAgg struct {
	in     rel
	keys   []int
	aggs   []Aggregate
	spans  []sql.Span // where the aggregates were written
	win    *Window
	props  []WindowProp
	schema Schema
	ttl    time.Duration // of the STATE_TTL hint; negative for none
	uid    string
}

func (r *relAgg) cols() Schema { return r.schema }
func (r *relAgg) kids() []rel  { return []rel{r.in} }
func (r *relAgg) withKids(k []rel) rel {
	c := *r
	c.in = k[0]
	return &c
}

// relUnion yields the rows of all its inputs, whose schemas have the same types.
type relUnion struct {
	ins    []rel
	schema Schema
}

func (r *relUnion) cols() Schema { return r.schema }
func (r *relUnion) kids() []rel  { return r.ins }
func (r *relUnion) withKids(k []rel) rel {
	return &relUnion{ins: k, schema: r.schema}
}

// colRef is column i of a schema as an expression.
func colRef(s Schema, i int) *expr.Col { return expr.NewCol(i, s[i].Name, s[i].Type) }

// identity is the projection that passes a schema on.
func identity(s Schema) []expr.Node {
	out := make([]expr.Node, len(s))
	for i := range s {
		out[i] = colRef(s, i)
	}
	return out
}

// isIdentity tells whether a projection passes all of an input's columns on.
func isIdentity(project []expr.Node, in Schema) bool {
	if len(project) != len(in) {
		return false
	}
	for i, p := range project {
		if c, ok := p.(*expr.Col); !ok || c.Index != i || c.T.Attr != in[i].Type.Attr {
			return false
		}
	}
	return true
}

// filterRel keeps the rows for which cond is TRUE.
func filterRel(in rel, cond expr.Node) rel {
	return &relCalc{in: in, filter: cond, project: identity(in.cols()), schema: in.cols()}
}

// projectRel computes columns with the given names.
func projectRel(in rel, project []expr.Node, names []string) *relCalc {
	s := make(Schema, len(project))
	for i, p := range project {
		s[i] = Column{names[i], p.Type()}
	}
	return &relCalc{in: in, project: project, schema: s}
}

// windowCols tells where a rel has the columns of a window that was assigned below.
type windowCols struct {
	// start, end and time are columns of the rel; time is -1 when it was dropped.
	start, end, time int
	win              Window
}

// windowOf finds the window columns of a rel through projections, filters, unions of the
// same windows and aggregations by window.
func windowOf(r rel) (windowCols, bool) {
	switch r := r.(type) {
	case *relTVF:
		n := len(r.schema)
		return windowCols{n - 3, n - 2, n - 1, r.win}, true
	case *relCalc:
		w, ok := windowOf(r.in)
		if !ok {
			return w, false
		}
		return w.through(r.project)
	case orderedRel:
		return windowOf(r.input())
	case *relAgg:
		if r.win == nil {
			return windowCols{}, false
		}
		w := windowCols{-1, -1, -1, *r.win}
		for i, p := range r.props {
			at := len(r.keys) + len(r.aggs) + i
			switch p {
			case PropStart:
				w.start = at
			case PropEnd:
				w.end = at
			case PropTime:
				w.time = at
			}
		}
		return w, w.start >= 0 && w.end >= 0
	case *relJoin:
		return windowOfJoin(r)
	case *relUnion:
		first, ok := windowOf(r.ins[0])
		for _, in := range r.ins[1:] {
			w, also := windowOf(in)
			ok = ok && also && w.start == first.start && w.end == first.end && w.win.sameAs(first.win)
			if w.time != first.time {
				first.time = -1
			}
		}
		return first, ok
	}
	return windowCols{}, false
}

// through maps window columns through a projection.
func (w windowCols) through(project []expr.Node) (windowCols, bool) {
	find := func(col int) int {
		for i, p := range project {
			if c, ok := p.(*expr.Col); ok && c.Index == col && col >= 0 {
				return i
			}
		}
		return -1
	}
	w.start, w.end, w.time = find(w.start), find(w.end), find(w.time)
	return w, w.start >= 0 && w.end >= 0
}

// sameAs compares windows without regard to where their columns are.
func (w Window) sameAs(o Window) bool {
	w.TimeCol, w.StartCol, w.EndCol = o.TimeCol, o.StartCol, o.EndCol
	return w == o
}

// windowTimeType is the type of window_time.
func (w Window) timeType() types.Type {
	t := types.TimestampOf(3)
	if w.LTZ || w.ProcTime {
		t = types.TimestampLTZOf(3)
	}
	t.Attr = types.RowTime
	if w.ProcTime {
		t.Attr = types.ProcTime
	}
	return t.Required()
}

// propType is the type of a window property.
func (w Window) propType(p WindowProp) types.Type {
	if p == PropTime {
		return w.timeType()
	}
	return types.TimestampOf(3).Required()
}
