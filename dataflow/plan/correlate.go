package plan

import (
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// outerCol is a column of a query around the one being bound. It lives until the subquery
// is joined to that query.
type outerCol struct {
	*expr.Col
	level int // the place of the query's FROM in binder.outer
}

// outerRef resolves a name that the subquery does not know in the queries around it; ok is
// false when none of them knows it either.
func (b *binder) outerRef(parts []*sql.Ident, span sql.Span, in *relation) (n expr.Node, ok bool, err error) {
	if len(b.outer) == 0 || in.knows(parts) {
		return nil, false, nil
	}
	for level := len(b.outer) - 1; level >= 0; level-- {
		if !b.outer[level].knows(parts) {
			continue
		}
		kept := b.outer
		b.outer = nil
		n, err = b.ref(parts, span, kept[level])
		b.outer = kept
		if err != nil {
			return nil, true, err
		}
		return expr.Rewrite(n, func(m expr.Node) expr.Node {
			if c, isCol := m.(*expr.Col); isCol {
				return outerCol{c, level}
			}
			return m
		}), true, nil
	}
	return nil, false, nil
}

// knows tells whether a name can be resolved in a relation.
func (r *relation) knows(parts []*sql.Ident) bool {
	if r == nil {
		return false
	}
	parts = dropCatalog(parts, r)
	if len(parts) > 1 && r.hasAlias(parts[0].Name) {
		return true
	}
	return len(r.find("", parts[0].Name)) > 0
}

// refersOut tells whether an expression refers to the query at a level.
func refersOut(n expr.Node, level int) bool {
	found := false
	if n != nil {
		expr.Walk(n, func(m expr.Node) bool {
			c, ok := m.(outerCol)
			found = found || ok && c.level == level
			return !found
		})
	}
	return found
}

// relRefersOut tells whether a rel refers to the query at a level.
func relRefersOut(r rel, level int) bool {
	for _, n := range relExprs(r) {
		if refersOut(n, level) {
			return true
		}
	}
	for _, k := range r.kids() {
		if relRefersOut(k, level) {
			return true
		}
	}
	return false
}

// relExprs lists the expressions of a rel; some may be nil.
func relExprs(r rel) []expr.Node {
	switch r := r.(type) {
	case *relCalc:
		return append([]expr.Node{r.filter}, r.project...)
	case *relJoin:
		return []expr.Node{r.cond, r.asOf}
	case *relUnnest:
		return []expr.Node{r.arg}
	case *relAgg:
		var out []expr.Node
		for _, a := range r.aggs {
			out = append(append(out, a.Call.Args...), a.Call.Filter)
		}
		return out
	case *relValues:
		var out []expr.Node
		for _, row := range r.rows {
			out = append(out, row...)
		}
		return out
	}
	return nil
}

// decorrelation takes the conditions that refer to the query at level out of a subquery.
type decorrelation struct {
	b     *binder
	level int
	span  sql.Span
}

// lift returns the rel without its conditions on the outer query, and these over its
// columns. The rel keeps its columns where they are and may have more behind them.
func (d *decorrelation) lift(r rel) (rel, []expr.Node, error) {
	if !relRefersOut(r, d.level) {
		return r, nil, nil
	}
	switch r := r.(type) {
	case *relCalc:
		return d.calc(r)
	case *relJoin:
		return d.join(r)
	case *relAgg:
		return d.aggregate(r)
	case *relUnnest:
		return d.unnest(r)
	case *relRank:
		return d.rank(r)
	}
	return nil, nil, d.refuse()
}

func (d *decorrelation) refuse() error {
	return d.because("refers to the query around it in a way that is not supported")
}

// because is the refusal of a subquery, with what it does.
func (d *decorrelation) because(what string) error {
	return d.b.errorf(d.span, "this subquery %s", what).
		WithHint("conditions on outer columns may stand in the WHERE of the subquery, as conjuncts of their own")
}

// divide splits conditions by whether they refer to the outer query.
func (d *decorrelation) divide(cond expr.Node) (outer, inner []expr.Node) {
	for _, c := range conjuncts(cond) {
		if refersOut(c, d.level) {
			outer = append(outer, c)
		} else {
			inner = append(inner, c)
		}
	}
	return outer, inner
}

func (d *decorrelation) calc(r *relCalc) (rel, []expr.Node, error) {
	in, conds, err := d.lift(r.in)
	if err != nil {
		return nil, nil, err
	}
	outer, inner := d.divide(r.filter)
	conds = append(conds, outer...)
	out := &relCalc{in: in, filter: conjunction(inner), project: append([]expr.Node(nil), r.project...), schema: append(Schema(nil), r.schema...), uid: r.uid}
	for _, p := range r.project {
		if refersOut(p, d.level) {
			return nil, nil, d.because("computes its columns with those of the query around it, which is not supported")
		}
	}
	to := make([]int, len(in.cols()))
	for i := range to {
		to[i] = -1
	}
	for _, c := range conds {
		for _, col := range expr.Cols(c) {
			if to[col] < 0 {
				to[col] = out.expose(colRef(in.cols(), col))
			}
		}
	}
	for i, c := range conds {
		conds[i] = remap(c, to)
	}
	return out, conds, nil
}

// expose makes a column of the input one of the projection's and tells which.
func (r *relCalc) expose(c *expr.Col) int {
	for i, p := range r.project {
		if o, ok := p.(*expr.Col); ok && o.Index == c.Index {
			return i
		}
	}
	r.project = append(r.project, c)
	r.schema = append(r.schema, Column{c.Name, c.T})
	return len(r.project) - 1
}

func (d *decorrelation) join(r *relJoin) (rel, []expr.Node, error) {
	if r.asOf != nil || r.kind == JoinRight || r.kind == JoinFull {
		return nil, nil, d.because("refers to the query around it below a " + r.kind.String() + " join, which is not supported")
	}
	outer, inner := d.divide(r.cond)
	if r.kind != JoinInner && (len(outer) > 0 || relRefersOut(r.right, d.level)) {
		return nil, nil, d.because("refers to the query around it in the condition or the right side of a " + r.kind.String() + " join, which is not supported")
	}
	left, lc, err := d.lift(r.left)
	if err != nil {
		return nil, nil, err
	}
	right, rc, err := d.lift(r.right)
	if err != nil {
		return nil, nil, err
	}
	nl, nr, wide := len(r.left.cols()), len(r.right.cols()), len(left.cols())
	to := ascending(nl + nr)
	for i := range nr {
		to[nl+i] = wide + i
	}
	out := *r
	out.left, out.right = left, right
	out.cond = remap(conjunction(inner), to)
	out.schema = joinSchema(r.kind, left.cols(), right.cols())
	p := &relCalc{in: &out, schema: append(Schema(nil), r.schema...)}
	at := make([]int, len(out.schema)) // where the columns of out are in p
	for i := range at {
		at[i] = -1
	}
	for i := range r.schema {
		at[to[i]] = len(p.project)
		p.project = append(p.project, colRef(out.schema, to[i]))
	}
	for i := range out.schema {
		if at[i] < 0 {
			at[i] = len(p.project)
			p.project = append(p.project, colRef(out.schema, i))
			p.schema = append(p.schema, out.schema[i])
		}
	}
	var conds []expr.Node
	for _, c := range outer {
		conds = append(conds, remap(remap(c, to), at))
	}
	for _, c := range lc {
		conds = append(conds, remap(c, at))
	}
	for _, c := range rc {
		conds = append(conds, remap(shift(c, wide), at))
	}
	return p, conds, nil
}

// aggregate makes the inner sides of equalities with the outer query keys.
func (d *decorrelation) aggregate(r *relAgg) (rel, []expr.Node, error) {
	in, conds, err := d.lift(r.in)
	if err != nil {
		return nil, nil, err
	}
	if r.win != nil || len(conds) == 0 {
		return nil, nil, d.because("refers to the query around it inside an aggregate or a window, which is not supported")
	}
	pre := &relCalc{in: in, project: identity(in.cols()), schema: append(Schema(nil), in.cols()...)}
	out := &relAgg{aggs: r.aggs, spans: r.spans, ttl: r.ttl, uid: r.uid, keys: append([]int(nil), r.keys...)}
	nk := len(r.keys)
	for i, c := range conds {
		inner, outer, ok := d.equality(c)
		if !ok {
			return nil, nil, d.because("aggregates rows that meet another condition than an equality with the query around it, which is not supported")
		}
		col, ok := inner.(*expr.Col)
		if !ok {
			pre.project = append(pre.project, inner)
			pre.schema = append(pre.schema, Column{keyName(i), inner.Type()})
			col = colRef(pre.schema, len(pre.project)-1)
		}
		out.keys = append(out.keys, col.Index)
		key := expr.NewCol(len(r.schema)+i, col.Name, inner.Type())
		if conds[i], err = expr.NewCall("=", key, outer); err != nil {
			return nil, nil, d.refuse()
		}
	}
	out.in = pre
	if len(pre.project) == len(in.cols()) {
		out.in = in
	}
	out.schema = append(out.schema, r.schema[:nk]...)
	for i := range conds {
		c := out.in.cols()[out.keys[nk+i]]
		out.schema = append(out.schema, Column{c.Name, c.Type})
	}
	out.schema = append(out.schema, r.schema[nk:]...)
	p := &relCalc{in: out, schema: append(Schema(nil), r.schema...)}
	for i := range r.schema {
		at := i
		if i >= nk {
			at += len(conds)
		}
		p.project = append(p.project, colRef(out.schema, at))
	}
	for i := range conds {
		p.project = append(p.project, colRef(out.schema, nk+i))
		p.schema = append(p.schema, out.schema[nk+i])
	}
	return p, conds, nil
}

// equality reads a condition as an equality of an expression over the subquery and one
// over the outer query.
func (d *decorrelation) equality(c expr.Node) (inner, outer expr.Node, ok bool) {
	call, ok := c.(*expr.Call)
	if !ok || call.Func.Name != "=" || len(call.Args) != 2 {
		return nil, nil, false
	}
	inner, outer = call.Args[0], call.Args[1]
	if refersOut(inner, d.level) {
		inner, outer = outer, inner
	}
	return inner, outer, !refersOut(inner, d.level) && len(expr.Cols(outer)) == 0
}

// resolveOuter puts the columns of the outer query, at a level, in place of the marks, and
// moves the other columns by n.
func resolveOuter(c expr.Node, level, n int) expr.Node {
	return expr.Rewrite(c, func(m expr.Node) expr.Node {
		switch m := m.(type) {
		case outerCol:
			if m.level == level {
				return m.Col
			}
		case *expr.Col:
			return expr.NewCol(m.Index+n, m.Name, m.T)
		}
		return m
	})
}
