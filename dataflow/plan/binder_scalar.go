package plan

import (
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// scalar is a subquery as a value: that of its only row, NULL when it has none. A subquery
// of several columns is a row.
func (b *binder) scalar(e *sql.Subquery, sc *scope) (expr.Node, error) {
	in, err := b.valueScope(e.Span, sc, "a subquery as a value")
	if err != nil {
		return nil, err
	}
	sub, err := b.subquery(e.Query, in)
	if err != nil {
		return nil, err
	}
	out, err := b.scalars(in, sub, e.Span)
	if err != nil || len(out) == 1 {
		return first(out), err
	}
	return b.newCall("ROW", e.Span, out...)
}

func first(ns []expr.Node) expr.Node {
	if len(ns) == 0 {
		return nil
	}
	return ns[0]
}

// scalars joins the only row of a subquery, and yields its columns.
func (b *binder) scalars(in, sub *relation, at sql.Span) ([]expr.Node, error) {
	r, empty := sub.rel, []expr.Node(nil)
	if one, ok := b.oneRow(r); ok {
		r, empty = one, b.whenEmpty(one)
	} else {
		var err error
		if r, err = b.singleValue(sub, at); err != nil {
			return nil, err
		}
	}
	cols := r.cols()
	mark := false
	for i, v := range empty {
		mark = mark || !isNull(v) && !cols[i].Type.NotNull
	}
	if mark { // NULL in a column does not tell that there is no row
		r = projectRel(r, append(identity(cols), expr.NewBool(true)), append(cols.Names(), "$row"))
	}
	n := len(in.rel.cols())
	if err := b.attach(in, JoinLeft, r, nil, at); err != nil {
		return nil, err
	}
	joined := in.rel.cols()
	out := make([]expr.Node, len(cols))
	for i := range out {
		out[i] = colRef(joined, n+i)
		if empty == nil || isNull(empty[i]) {
			continue
		}
		var err error
		if !mark {
			out[i], err = b.newCall("COALESCE", at, out[i], empty[i])
		} else {
			out[i], err = b.ifRow(colRef(joined, n+len(cols)), out[i], empty[i], at)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ifRow is value where a row was joined, as mark tells, else none.
func (b *binder) ifRow(mark, value, none expr.Node, at sql.Span) (expr.Node, error) {
	absent, err := b.newCall("IS NULL", at, mark)
	if err != nil {
		return nil, err
	}
	v, err := expr.NewCase([]expr.Node{absent}, []expr.Node{coerce(none, value.Type().Nullable())}, value)
	return b.placed(v, err, at)
}

func isNull(n expr.Node) bool {
	l, ok := n.(*expr.Lit)
	return ok && l.Value.Null
}

// single tells whether a rel is an aggregation without keys, which has one row.
func single(r rel) bool {
	switch r := r.(type) {
	case *relCalc:
		return r.filter == nil && single(r.in)
	case *relAgg:
		return len(r.keys) == 0 && r.win == nil
	}
	return false
}

// oneRow makes an aggregation without keys, whose row HAVING may take away, one that always
// has its row: of NULLs where HAVING is not TRUE.
func (b *binder) oneRow(r rel) (rel, bool) {
	c, ok := mergeCalcs(r).(*relCalc)
	if !ok || c.filter == nil || !single(c.in) {
		return r, single(r)
	}
	out := &relCalc{in: c.in, uid: c.uid}
	for i, p := range c.project {
		v, err := expr.NewCase([]expr.Node{c.filter}, []expr.Node{p}, expr.NewNull(p.Type().Nullable()))
		if err != nil {
			return r, false
		}
		out.project = append(out.project, v)
		out.schema = append(out.schema, Column{c.schema[i].Name, v.Type()})
	}
	return out, true
}

// whenEmpty computes the row of an aggregation without keys over no rows at all: counts are
// zero, other aggregates NULL. Nil when every column is NULL then.
func (b *binder) whenEmpty(r rel) []expr.Node {
	var out []expr.Node
	switch r := r.(type) {
	case *relCalc:
		below := b.whenEmpty(r.in)
		for i, p := range r.project {
			v := expr.Rewrite(p, func(m expr.Node) expr.Node {
				c, ok := m.(*expr.Col)
				switch {
				case !ok:
					return m
				case below == nil:
					return expr.NewNull(c.T.Nullable())
				}
				return below[c.Index]
			})
			if v = expr.Fold(v, b.env()); !v.Type().Equal(r.schema[i].Type) {
				v = coerce(v, r.schema[i].Type.Plain().Nullable())
			}
			out = append(out, v)
		}
	case *relAgg:
		for _, a := range r.aggs {
			if counts[a.Call.Func.Name] {
				out = append(out, coerce(expr.NewInt(0), a.Call.T))
			} else {
				out = append(out, expr.NewNull(a.Call.T.Nullable()))
			}
		}
	}
	if !slices.ContainsFunc(out, func(n expr.Node) bool { return !isNull(n) }) {
		return nil
	}
	return out
}

// counts are the aggregates that are zero over no rows.
var counts = map[string]bool{"COUNT": true, "APPROX_COUNT_DISTINCT": true, "SUM0": true}

// singleValue is the only row of a subquery; a second one is an error at run time.
func (b *binder) singleValue(sub *relation, at sql.Span) (rel, error) {
	g := newGrouping(sub)
	add := func(name string, args ...expr.Node) error {
		call, err := expr.NewAgg(name, args, expr.AggOptions{})
		if err != nil {
			return b.errorf(at, "%v", err)
		}
		g.aggs = append(g.aggs, boundAgg{call: call, id: call.String(), span: at})
		return nil
	}
	for i := range sub.names {
		if err := add("SINGLE_VALUE", sub.col(i)); err != nil {
			return nil, err
		}
	}
	if err := add("COUNT"); err != nil {
		return nil, err
	}
	agg := b.buildAggregate(g, hints{})
	value := func(i int) expr.Node { return agg.resolve(expr.NewCol(aggBase+i, "", g.aggs[i].call.T)) }
	nodes := make([]expr.Node, len(sub.names))
	for i := range nodes {
		var err error
		if nodes[i], err = expr.NewSingleRow(value(i), value(len(nodes))); err != nil {
			return nil, b.errorf(at, "%v", err)
		}
	}
	return projectRel(agg.rel, nodes, unique(sub.names)), nil
}
