package plan

import (
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// conjunct is one of the conditions that a WHERE joins by AND, or its negation.
type conjunct struct {
	e   sql.Expr
	not bool
}

// conjunctsOf splits a condition at its ANDs, and at the ORs below a NOT.
func conjunctsOf(e sql.Expr, not bool, out []conjunct) []conjunct {
	switch x := e.(type) {
	case *sql.Unary:
		if x.Op == "NOT" {
			return conjunctsOf(x.X, !not, out)
		}
	case *sql.Binary:
		if x.Op == "AND" && !not || x.Op == "OR" && not {
			return conjunctsOf(x.R, not, conjunctsOf(x.L, not, out))
		}
	}
	return append(out, conjunct{e, not})
}

// hasSubquery tells whether an expression holds a subquery.
func hasSubquery(e sql.Expr) bool {
	found := false
	walkExpr(e, func(x sql.Expr) bool {
		switch x := x.(type) {
		case *sql.Subquery, *sql.Exists:
			found = true
		case *sql.In:
			found = found || x.Query != nil
		case *sql.Quantified:
			found = found || x.Query != nil
		}
		return !found
	})
	return found
}

// where binds WHERE: conditions with subqueries become joins, the others a filter.
func (b *binder) where(e sql.Expr, in *relation) (*relation, error) {
	out := *in
	if !hasSubquery(e) {
		cond, err := b.condition(e, &scope{in: &out, inside: "WHERE"}, "WHERE")
		if err != nil {
			return nil, err
		}
		out.rel = filterRel(out.rel, cond)
		return &out, nil
	}
	var later []conjunct
	for _, c := range conjunctsOf(e, false, nil) {
		if hasSubquery(c.e) {
			later = append(later, c)
			continue
		}
		if err := b.filterBy(c, &out); err != nil {
			return nil, err
		}
	}
	for _, c := range later {
		done, err := b.existence(c, &out, func(e sql.Expr) (expr.Node, error) {
			return b.expr(e, &scope{in: &out, inside: "WHERE"})
		})
		if err != nil {
			return nil, err
		}
		if !done {
			if err := b.filterBy(c, &out); err != nil {
				return nil, err
			}
		}
	}
	return &out, nil
}

// filterBy binds a conjunct as a filter.
func (b *binder) filterBy(c conjunct, in *relation) error {
	cond, err := b.condition(c.e, &scope{in: in, inside: "WHERE", subqueries: true}, "WHERE")
	if err != nil {
		return err
	}
	if c.not {
		if cond, err = b.newCall("NOT", c.e.Range(), cond); err != nil {
			return err
		}
	}
	in.rel = filterRel(in.rel, cond)
	return nil
}

// testsRows tells whether a conjunct is EXISTS, IN or a comparison with the rows of a
// subquery, and gives the values on its left.
func (c conjunct) testsRows() (left []sql.Expr, ok bool) {
	var x sql.Expr
	switch e := c.e.(type) {
	case *sql.Exists:
		return nil, true
	case *sql.In:
		if x = e.X; e.Query == nil {
			return nil, false
		}
	case *sql.Quantified:
		if x = e.L; e.Query == nil || c.not {
			return nil, false
		}
	default:
		return nil, false
	}
	left = []sql.Expr{x}
	if r, ok := x.(*sql.Constructor); ok && r.Kind == sql.RowOf && r.Query == nil {
		left = r.Elems
	}
	return left, !hasSubquery(x)
}

// existence makes a semi or anti join of a conjunct that tests the rows of a subquery. value
// yields what stands on its left.
func (b *binder) existence(c conjunct, in *relation, value func(sql.Expr) (expr.Node, error)) (bool, error) {
	left, ok := c.testsRows()
	if !ok {
		return false, nil
	}
	switch e := c.e.(type) {
	case *sql.Exists:
		return true, b.semi(in, e.Query, c.not, e.Span, nil)
	case *sql.In:
		not := c.not != e.Not
		return true, b.semi(in, e.Query, not, e.Span, func(ys []expr.Node) (expr.Node, error) {
			return b.membership(left, value, "=", ys, e.Span, not)
		})
	case *sql.Quantified:
		return true, b.semi(in, e.Query, e.All, e.Span, func(ys []expr.Node) (expr.Node, error) {
			n, err := b.membership(left, value, e.Op, ys, e.Span, false)
			if err != nil || !e.All {
				return n, err
			}
			return b.newCall("IS NOT TRUE", e.Span, n)
		})
	}
	return false, nil
}

// semi joins a subquery for the rows that it has, or with anti has not. on is the condition
// besides those within the subquery, given its columns; nil for none.
func (b *binder) semi(in *relation, q *sql.Query, anti bool, at sql.Span, on func(ys []expr.Node) (expr.Node, error)) error {
	sub, err := b.subquery(q, in)
	if err != nil {
		return err
	}
	if done, err := b.semiOne(in, sub, anti, at, on); done || err != nil {
		return err
	}
	var cond expr.Node
	r := sub.rel
	if on != nil {
		n := len(in.rel.cols())
		if cond, err = on(identityFrom(n, r.cols())); err != nil {
			return err
		}
	} else if c, ok := r.(*relCalc); ok {
		r = &relCalc{in: c.in, filter: c.filter, project: identity(c.in.cols()), schema: c.in.cols()}
	}
	kind := JoinSemi
	if anti {
		kind = JoinAnti
	}
	return b.attach(in, kind, r, cond, at)
}

// identityFrom are a schema's columns behind n others.
func identityFrom(n int, s Schema) []expr.Node {
	out := make([]expr.Node, len(s))
	for i, c := range s {
		out[i] = expr.NewCol(n+i, c.Name, c.Type)
	}
	return out
}

// semiOne is semi for an aggregation without keys. It has its row for every outer row, also
// where no row meets the conditions on it, which a join by these conditions would not find:
// so its row is joined as a value.
func (b *binder) semiOne(in, sub *relation, anti bool, at sql.Span, on func(ys []expr.Node) (expr.Node, error)) (done bool, err error) {
	always := single(sub.rel)
	if on == nil && always {
		if anti {
			in.rel = filterRel(in.rel, expr.NewBool(false))
		}
		return true, nil
	}
	if one, ok := b.oneRow(sub.rel); !ok || !relRefersOut(one, len(b.outer)) {
		return false, nil
	}
	var cond expr.Node
	switch {
	case on == nil: // HAVING decides
		c := mergeCalcs(sub.rel).(*relCalc)
		flag := newRelation(&relCalc{in: c.in, project: []expr.Node{c.filter}, schema: Schema{{"$having", c.filter.Type()}}}, "")
		ys, err := b.scalars(in, flag, at)
		if err != nil {
			return true, err
		}
		cond = ys[0]
		if anti {
			if cond, err = b.newCall("IS NOT TRUE", at, cond); err != nil {
				return true, err
			}
		}
		anti = false
	case !always:
		return true, b.unsupported(at, "IN, SOME or ALL of an aggregation with HAVING that depends on the row")
	default:
		ys, err := b.scalars(in, sub, at)
		if err != nil {
			return true, err
		}
		if cond, err = on(ys); err != nil {
			return true, err
		}
	}
	if anti {
		if cond, err = b.newCall("NOT", at, cond); err != nil {
			return true, err
		}
	}
	in.rel = filterRel(in.rel, cond)
	return true, nil
}

// attach joins a subquery to the query around it by the conditions within it and cond.
func (b *binder) attach(in *relation, kind JoinKind, r rel, cond expr.Node, at sql.Span) error {
	level := len(b.outer)
	d := &decorrelation{b: b, level: level, span: at}
	r, conds, err := d.lift(r)
	if err != nil {
		return err
	}
	if relRefersOut(r, level) {
		return d.refuse()
	}
	n := len(in.rel.cols())
	for _, c := range conds {
		cond = both(cond, resolveOuter(c, level, n))
	}
	if cond != nil && slices.ContainsFunc(expr.Cols(cond), func(c int) bool { return c >= n+len(r.cols()) }) {
		return b.unsupported(at, "a comparison of an OVER or an aggregate with a subquery")
	}
	j := newJoin(kind, in.rel, r, cond, at)
	if err := b.yields(at, j); err != nil {
		return err
	}
	if kind.LeftOnly() {
		in.rel = j
		return nil
	}
	in.rel = j
	in.names, in.quals = append([]string(nil), in.names...), append([]string(nil), in.quals...)
	for range r.cols() {
		in.names, in.quals = append(in.names, ""), append(in.quals, "")
	}
	if in.hidden != nil {
		in.hidden = append(append([]bool(nil), in.hidden...), make([]bool, len(r.cols()))...)
	}
	return nil
}

// subquery binds a query that may refer to the columns of in.
func (b *binder) subquery(q *sql.Query, in *relation) (*relation, error) {
	b.outer = append(b.outer, in)
	defer func() { b.outer = b.outer[:len(b.outer)-1] }()
	return b.query(q)
}

// membership compares a value, or the values of a row, with those of a subquery's row. For
// NOT IN what is not known to differ counts as equal.
func (b *binder) membership(xs []sql.Expr, value func(sql.Expr) (expr.Node, error), op string, ys []expr.Node, at sql.Span, not bool) (expr.Node, error) {
	if len(xs) != len(ys) {
		return nil, b.errorf(at, "%d values are compared with a subquery of %d columns", len(xs), len(ys))
	}
	var out expr.Node
	for i, e := range xs {
		l, err := value(e)
		if err != nil {
			return nil, err
		}
		eq, err := b.newCall(op, at, l, ys[i])
		if err != nil {
			return nil, err
		}
		if not && !eq.Type().NotNull {
			if eq, err = b.newCall("IS NOT FALSE", at, eq); err != nil {
				return nil, err
			}
		}
		out = both(out, eq)
	}
	return out, nil
}

// existsValue is EXISTS as a value: the number of rows is above zero.
func (b *binder) existsValue(e *sql.Exists, sc *scope) (expr.Node, error) {
	in, err := b.valueScope(e.Span, sc, "EXISTS")
	if err != nil {
		return nil, err
	}
	sub, err := b.subquery(e.Query, in)
	if err != nil {
		return nil, err
	}
	if single(sub.rel) {
		return expr.NewBool(true), nil
	}
	counts, err := b.attachCounts(in, sub.rel, nil, e.Span)
	if err != nil {
		return nil, err
	}
	return b.newCall(">", e.Span, counts[0], expr.NewInt(0))
}

// valueScope is the query to which a subquery that is a value is joined.
func (b *binder) valueScope(at sql.Span, sc *scope, what string) (*relation, error) {
	if sc.in == nil || !sc.subqueries {
		return nil, b.unsupported(at, what+" at this place")
	}
	return sc.in, nil
}

// attachCounts joins the number of rows of a subquery, and for each of cols the number of
// its values that are not NULL; they are 0 when there are none.
func (b *binder) attachCounts(in *relation, sub rel, cols []int, at sql.Span) ([]expr.Node, error) {
	g := newGrouping(newRelation(sub, ""))
	add := func(args ...expr.Node) error {
		call, err := expr.NewAgg("COUNT", args, expr.AggOptions{})
		if err != nil {
			return b.errorf(at, "%v", err)
		}
		g.aggs = append(g.aggs, boundAgg{call: call, id: call.String(), span: at})
		return nil
	}
	if err := add(); err != nil {
		return nil, err
	}
	for _, c := range cols {
		if err := add(colRef(sub.cols(), c)); err != nil {
			return nil, err
		}
	}
	n := len(in.rel.cols())
	agg := b.buildAggregate(g, hints{})
	nodes, names := make([]expr.Node, len(g.aggs)), make([]string, len(g.aggs))
	for i, a := range g.aggs {
		nodes[i] = agg.resolve(expr.NewCol(aggBase+i, "", a.call.T))
		names[i] = a.id
	}
	if err := b.attach(in, JoinLeft, projectRel(agg.rel, nodes, unique(names)), nil, at); err != nil {
		return nil, err
	}
	out := make([]expr.Node, len(nodes))
	for i := range out {
		var err error
		if out[i], err = b.newCall("COALESCE", at, colRef(in.rel.cols(), n+i), coerce(expr.NewInt(0), types.TBigInt)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// inValue is [NOT] IN as a value: TRUE for a row that equals, else NULL where a comparison
// was with NULL, else FALSE.
func (b *binder) inValue(e *sql.In, sc *scope) (expr.Node, error) {
	in, err := b.valueScope(e.Span, sc, "IN")
	if err != nil {
		return nil, err
	}
	x, err := b.expr(e.X, sc)
	if err != nil {
		return nil, err
	}
	sub, err := b.subquery(e.Query, in)
	if err != nil {
		return nil, err
	}
	if len(sub.names) != 1 {
		return nil, b.errorf(e.Query.Span, "IN compares a value with a subquery of one column, and this one has %d", len(sub.names))
	}
	counts, err := b.attachCounts(in, sub.rel, []int{0}, e.Span)
	if err != nil {
		return nil, err
	}
	distinct := b.distinct(sub, hints{})
	mark := projectRel(distinct.rel, []expr.Node{colRef(distinct.rel.cols(), 0), expr.NewBool(true)}, []string{"value", "$in"})
	n := len(in.rel.cols())
	eq, err := b.newCall("=", e.Span, x, expr.NewCol(n, "value", mark.schema[0].Type))
	if err != nil {
		return nil, err
	}
	if err := b.attach(in, JoinLeft, mark, eq, e.Span); err != nil {
		return nil, err
	}
	return b.inCases(e, x, counts, colRef(in.rel.cols(), n+1))
}

// inCases puts the result of IN together.
func (b *binder) inCases(e *sql.In, x expr.Node, counts []expr.Node, mark expr.Node) (expr.Node, error) {
	call := func(name string, args ...expr.Node) expr.Node {
		n, err := b.newCall(name, e.Span, args...)
		if err != nil {
			return expr.NewLit(vec.NullDatum, types.TBoolean)
		}
		return n
	}
	unknown, err := expr.NewOr(call("IS NULL", x), call("<", counts[1], counts[0]))
	if err != nil {
		return nil, b.errorf(e.Span, "%v", err)
	}
	n, err := expr.NewCase(
		[]expr.Node{call("IS NOT NULL", mark), call("=", counts[0], coerce(expr.NewInt(0), types.TBigInt)), unknown},
		[]expr.Node{expr.NewBool(true), expr.NewBool(false), expr.NewNull(types.TBoolean)}, expr.NewBool(false))
	if n, err = b.placed(n, err, e.Span); err != nil {
		return nil, err
	}
	return b.negated(e.Not, e.Span, n, nil)
}

// sideCol is a column of a grouping's subqueries, until they are joined to its result.
type sideCol struct{ *expr.Col }

// isSubquery tells the subqueries that may stand above an aggregation.
func isSubquery(e sql.Expr) bool {
	switch e.(type) {
	case *sql.Subquery, *sql.Exists:
		return true
	}
	return false
}

// groupedSubquery binds a subquery above an aggregation; it does not refer to the query.
func (b *binder) groupedSubquery(e sql.Expr, g *grouping) (expr.Node, error) {
	if g.side == nil {
		g.side = &relation{rel: &relValues{}}
	}
	sc := &scope{in: g.side, subqueries: true}
	var n expr.Node
	var err error
	switch e := e.(type) {
	case *sql.Subquery:
		n, err = b.scalar(e, sc)
	case *sql.Exists:
		n, err = b.existsValue(e, sc)
	}
	if err != nil {
		return nil, err
	}
	return expr.Rewrite(n, func(m expr.Node) expr.Node {
		if c, ok := m.(*expr.Col); ok {
			return sideCol{c}
		}
		return m
	}), nil
}

// beside joins the subqueries to the aggregation's result.
func (g *grouping) beside(r rel) rel {
	if g.side == nil {
		return r
	}
	var onto func(side rel) rel
	onto = func(side rel) rel {
		j, ok := side.(*relJoin)
		if !ok {
			return r
		}
		return newJoin(j.kind, onto(j.left), j.right, nil, j.span)
	}
	return onto(g.side.rel)
}

// placeSide puts the columns of the joined subqueries in place of the marks.
func (g *grouping) placeSide(n expr.Node, agg rel) expr.Node {
	if g.side == nil {
		return n
	}
	return expr.Rewrite(n, func(m expr.Node) expr.Node {
		if c, ok := m.(sideCol); ok {
			return expr.NewCol(c.Index+len(agg.cols()), c.Name, c.T)
		}
		return m
	})
}
