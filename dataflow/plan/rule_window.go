package plan

import (
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// fuseWindow lets an aggregation by window assign the windows itself, in panes, where
// nothing between it and the window function looks at the window columns. Sessions are
// fused when they are kept apart by the same columns that the aggregation groups by.
func fuseWindow(r rel) rel {
	agg, ok := r.(*relAgg)
	if !ok || agg.win == nil || !agg.win.Attached() {
		return r
	}
	s, ok := strip(agg.in)
	if !ok || s.win.Kind == Session && !s.sameKeys(agg.keys) {
		return r
	}
	out := *agg
	out.in = s.rel
	win := s.win
	win.TimeCol = s.timeCol
	out.win = &win
	out.keys = make([]int, len(agg.keys))
	for i, k := range agg.keys {
		if s.to[k] < 0 {
			return r
		}
		out.keys[i] = s.to[k]
	}
	out.aggs = make([]Aggregate, len(agg.aggs))
	for i, a := range agg.aggs {
		c, ok := remapCall(a.Call, s.to)
		if !ok {
			return r
		}
		out.aggs[i] = Aggregate{ID: a.ID, Call: c}
	}
	return &out
}

// remapCall renumbers the columns of an aggregate; ok is false when one is gone.
func remapCall(call *expr.AggCall, to []int) (*expr.AggCall, bool) {
	c := *call
	ok := true
	renumber := func(n expr.Node) expr.Node {
		for _, col := range expr.Cols(n) {
			ok = ok && to[col] >= 0
		}
		if !ok {
			return n
		}
		return remap(n, to)
	}
	c.Args = make([]expr.Node, len(call.Args))
	for i, a := range call.Args {
		c.Args[i] = renumber(a)
	}
	if call.Filter != nil {
		c.Filter = renumber(call.Filter)
	}
	return &c, ok
}

// stripped is a rel without the window function below it.
type stripped struct {
	rel rel
	// to maps the columns of the rel as it was to those of rel; -1 for window columns.
	to []int
	// base maps them to columns below the window function; -1 for computed ones.
	base      []int
	timeCol   int
	win       Window
	partition []int
}

// sameKeys tells whether the columns that sessions are kept apart by are the keys.
func (s stripped) sameKeys(keys []int) bool {
	if len(keys) != len(s.partition) {
		return false
	}
	for _, k := range keys {
		if s.base[k] < 0 || !slices.Contains(s.partition, s.base[k]) {
			return false
		}
	}
	return true
}

// strip takes the window function from below projections and unions that do not look at
// its columns.
func strip(r rel) (stripped, bool) {
	switch r := r.(type) {
	case *relTVF:
		n := len(r.schema)
		s := stripped{rel: r.in, timeCol: r.win.TimeCol, win: r.win, partition: r.partition, to: make([]int, n), base: make([]int, n)}
		for i := range s.to {
			s.to[i] = i
			if i >= n-3 {
				s.to[i] = -1
			}
		}
		copy(s.base, s.to)
		return s, true
	case *relCalc:
		return stripCalc(r)
	case *relUnion:
		return stripUnion(r)
	}
	return stripped{}, false
}

func stripCalc(c *relCalc) (stripped, bool) {
	in, ok := strip(c.in)
	if !ok || c.filter != nil && !within(c.filter, in.to) {
		return stripped{}, false
	}
	out := stripped{win: in.win, partition: in.partition, to: make([]int, len(c.project)), base: make([]int, len(c.project))}
	calc := &relCalc{in: in.rel, filter: remap(c.filter, in.to), uid: c.uid}
	for i, p := range c.project {
		out.base[i] = -1
		if col, isCol := p.(*expr.Col); isCol {
			out.base[i] = in.base[col.Index]
			if in.to[col.Index] < 0 {
				out.to[i] = -1
				continue
			}
		}
		if !within(p, in.to) {
			return stripped{}, false
		}
		out.to[i] = len(calc.project)
		calc.project = append(calc.project, remap(p, in.to))
		calc.schema = append(calc.schema, c.schema[i])
	}
	out.timeCol = len(calc.project)
	calc.project = append(calc.project, colRef(in.rel.cols(), in.timeCol))
	calc.schema = append(calc.schema, in.rel.cols()[in.timeCol])
	out.rel = calc
	return out, true
}

// within tells whether an expression refers only to columns that are kept.
func within(n expr.Node, to []int) bool {
	for _, c := range expr.Cols(n) {
		if to[c] < 0 {
			return false
		}
	}
	return true
}

// stripUnion strips every input, when all have the same windows in the same columns. Each
// input is made a projection, so that the time attribute is the last column of all.
func stripUnion(u *relUnion) (stripped, bool) {
	var out stripped
	union := &relUnion{}
	for i, in := range u.ins {
		if _, isCalc := in.(*relCalc); !isCalc {
			in = &relCalc{in: in, project: identity(in.cols()), schema: in.cols()}
		}
		s, ok := strip(in)
		if !ok || i > 0 && (!s.win.sameAs(out.win) || !slices.Equal(s.to, out.to) || s.timeCol != out.timeCol) {
			return stripped{}, false
		}
		if i > 0 && !slices.Equal(s.base, out.base) {
			for k := range s.base {
				if s.base[k] != out.base[k] {
					s.base[k] = -1
				}
			}
		}
		out = s
		union.ins = append(union.ins, s.rel)
	}
	union.schema = append(Schema(nil), union.ins[0].cols()...)
	for i, c := range u.schema {
		if out.to[i] >= 0 {
			union.schema[out.to[i]] = c
		}
	}
	out.rel = union
	return out, true
}
