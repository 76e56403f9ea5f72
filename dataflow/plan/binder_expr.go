package plan

import (
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// scope is what an expression may refer to.
type scope struct {
	// in holds the columns; nil for none.
	in *relation
	// group is set above a GROUP BY: columns are then those of the aggregation.
	group *grouping
	// subqueries allows subqueries as values: they are joined to in.
	subqueries bool
	// inside names the clause in which aggregates are refused ("WHERE"), "" to allow them
	// where group is set.
	inside string
	// over collects functions over windows of rows; nil refuses them.
	over *overs
	// match is set in DEFINE and MEASURES of MATCH_RECOGNIZE.
	match *matchScope
}

// expr binds an expression.
func (b *binder) expr(e sql.Expr, sc *scope) (expr.Node, error) {
	n, err := b.anyExpr(e, sc)
	if err != nil {
		return nil, err
	}
	return n, b.small(e.Range(), n)
}

func (b *binder) anyExpr(e sql.Expr, sc *scope) (expr.Node, error) {
	if sc.group != nil {
		if n, done, err := b.grouped(e, sc); done || err != nil {
			return n, err
		}
	}
	if sc.match != nil {
		if n, done, err := b.matched(e, sc); done || err != nil {
			return n, err
		}
	}
	if n, ok, err := b.literal(e); ok {
		return n, err
	}
	switch e := e.(type) {
	case *sql.Ref:
		return b.ref(e.Parts, e.Span, sc.in)
	case *sql.Field:
		x, err := b.expr(e.X, sc)
		if err != nil {
			return nil, err
		}
		return b.field(x, e.Name)
	case *sql.Index:
		return b.call("ITEM", e.Span, sc, e.X, e.I)
	case *sql.Unary:
		return b.unary(e, sc)
	case *sql.Binary:
		return b.binary(e, sc)
	case *sql.Is:
		return b.is(e, sc)
	case *sql.In:
		return b.in(e, sc)
	case *sql.Quantified:
		return b.quantified(e, sc)
	case *sql.Between:
		return b.between(e, sc)
	case *sql.Like:
		return b.like(e, sc)
	case *sql.Case:
		return b.caseExpr(e, sc)
	case *sql.Cast:
		return b.cast(e, sc)
	case *sql.Call:
		return b.function(e, sc)
	}
	return b.exprRest(e, sc)
}

func (b *binder) exprRest(e sql.Expr, sc *scope) (expr.Node, error) {
	switch e := e.(type) {
	case *sql.IntervalExpr:
		x, err := b.expr(e.X, sc)
		if err != nil {
			return nil, err
		}
		unit := max(monthUnit(e.Qualifier.From), milliUnit(e.Qualifier.From))
		if unit == 0 || e.Qualifier.To != "" {
			return nil, b.unsupported(e.Span, "an INTERVAL of an expression in "+qualifierText(e.Qualifier))
		}
		return b.newCall("*", e.Span, x, intervalNode(e.Qualifier, unit))
	case *sql.Trim:
		return b.trim(e, sc)
	case *sql.Constructor:
		return b.constructor(e, sc)
	case *sql.UnitArg:
		return expr.NewSymbol(string(e.Unit)), nil
	case *sql.Star:
		return nil, b.errorf(e.Span, "* is not allowed here; it stands in the select list or in COUNT(*)")
	case *sql.Subquery:
		return b.scalar(e, sc)
	case *sql.Exists:
		return b.existsValue(e, sc)
	case *sql.NamedArg:
		return nil, b.errorf(e.Span, "named arguments are for table functions only")
	case *sql.DefaultArg:
		return nil, b.unsupported(e.Span, "DEFAULT")
	case *sql.TableArg, *sql.Descriptor:
		return nil, b.errorf(e.Range(), "a table or DESCRIPTOR is an argument of a table function in FROM TABLE(...)")
	}
	return nil, b.unsupported(e.Range(), "this expression")
}

func (b *binder) exprs(es []sql.Expr, sc *scope) ([]expr.Node, error) {
	out := make([]expr.Node, len(es))
	for i, e := range es {
		var err error
		if out[i], err = b.expr(e, sc); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// condition binds an expression that must be BOOLEAN.
func (b *binder) condition(e sql.Expr, sc *scope, clause string) (expr.Node, error) {
	n, err := b.expr(e, sc)
	if err != nil {
		return nil, err
	}
	if k := n.Type().Kind; k == types.Null {
		return expr.NewNull(types.TBoolean), nil
	} else if k != types.Boolean {
		return nil, b.errorf(e.Range(), "%s needs a BOOLEAN condition, not %s", clause, n.Type().Nullable())
	}
	return n, nil
}

// call binds the arguments of a function or operator and resolves it.
func (b *binder) call(name string, at sql.Span, sc *scope, args ...sql.Expr) (expr.Node, error) {
	ns, err := b.exprs(args, sc)
	if err != nil {
		return nil, err
	}
	return b.newCall(name, at, ns...)
}

// newCall resolves a function or operator. A time attribute that goes through a function
// is none any more.
func (b *binder) newCall(name string, at sql.Span, args ...expr.Node) (expr.Node, error) {
	n, err := expr.NewCall(name, args...)
	return b.placed(n, err, at)
}

// placed gives a constructor's error its place, and takes time attributes off its result.
func (b *binder) placed(n expr.Node, err error, at sql.Span) (expr.Node, error) {
	if err != nil {
		return nil, b.errorf(at, "%v", err)
	}
	return plainNode(n), nil
}

func plainNode(n expr.Node) expr.Node {
	if n.Type().Attr == types.NoTime {
		return n
	}
	switch x := n.(type) {
	case *expr.Call:
		c := *x
		c.T.Attr = types.NoTime
		return &c
	case *expr.Cast:
		c := *x
		c.T.Attr = types.NoTime
		return &c
	case *expr.Case:
		c := *x
		c.T.Attr = types.NoTime
		return &c
	}
	return n
}

func (b *binder) unary(e *sql.Unary, sc *scope) (expr.Node, error) {
	switch e.Op {
	case "NOT":
		return b.call("NOT", e.Span, sc, e.X)
	case "-":
		return b.call("NEGATE", e.Span, sc, e.X)
	case "+":
		n, err := b.expr(e.X, sc)
		if err == nil && !n.Type().IsNumeric() && !n.Type().IsInterval() && n.Type().Kind != types.Null {
			return nil, b.errorf(e.Span, "+ needs a number, not %s", n.Type().Nullable())
		}
		return n, err
	}
	return nil, b.errorf(e.Span, "%s is for MATCH_RECOGNIZE only", e.Op)
}

func (b *binder) binary(e *sql.Binary, sc *scope) (expr.Node, error) {
	switch e.Op {
	case "AND", "OR":
		return b.logic(e, sc)
	case "OVERLAPS":
		return b.overlaps(e, sc)
	case "MEMBER OF", "SUBMULTISET OF":
		return nil, b.unsupported(e.OpSpan, e.Op)
	}
	return b.call(e.Op, e.Span, sc, e.L, e.R)
}

// logic binds a chain of the same operator at once.
func (b *binder) logic(e *sql.Binary, sc *scope) (expr.Node, error) {
	var chain []sql.Expr
	cur := sql.Expr(e)
	for {
		l, ok := cur.(*sql.Binary)
		if !ok || l.Op != e.Op {
			break
		}
		chain = append(chain, l.R)
		cur = l.L
	}
	chain = append(chain, cur)
	args := make([]expr.Node, len(chain))
	for i, c := range chain {
		n, err := b.condition(c, sc, e.Op)
		if err != nil {
			return nil, err
		}
		args[len(chain)-1-i] = n
	}
	if e.Op == "OR" {
		n, err := expr.NewOr(args...)
		return b.placed(n, err, e.Span)
	}
	n, err := expr.NewAnd(args...)
	return b.placed(n, err, e.Span)
}

// overlaps is (a, b) OVERLAPS (c, d): the periods have an instant in common. The second
// member may be an interval.
func (b *binder) overlaps(e *sql.Binary, sc *scope) (expr.Node, error) {
	var at [4]expr.Node
	for i, side := range []sql.Expr{e.L, e.R} {
		row, ok := side.(*sql.Constructor)
		if !ok || row.Kind != sql.RowOf || len(row.Elems) != 2 {
			return nil, b.errorf(side.Range(), "OVERLAPS needs periods of the form (start, end) or (start, interval)")
		}
		from, err := b.expr(row.Elems[0], sc)
		if err != nil {
			return nil, err
		}
		to, err := b.expr(row.Elems[1], sc)
		if err != nil {
			return nil, err
		}
		if to.Type().IsInterval() {
			if to, err = b.newCall("+", row.Span, from, to); err != nil {
				return nil, err
			}
		}
		if at[2*i], at[2*i+1], err = b.ordered(from, to, row.Span); err != nil {
			return nil, err
		}
	}
	l, err := b.newCall(">=", e.Span, at[1], at[2])
	if err != nil {
		return nil, err
	}
	r, err := b.newCall(">=", e.Span, at[3], at[0])
	if err != nil {
		return nil, err
	}
	n, err := expr.NewAnd(l, r)
	return b.placed(n, err, e.Span)
}

// ordered puts two instants in order at run time.
func (b *binder) ordered(x, y expr.Node, at sql.Span) (lo, hi expr.Node, err error) {
	le, err := b.newCall("<=", at, x, y)
	if err != nil {
		return nil, nil, err
	}
	if lo, err = expr.NewCase([]expr.Node{le}, []expr.Node{x}, y); err == nil {
		hi, err = expr.NewCase([]expr.Node{le}, []expr.Node{y}, x)
	}
	if err != nil {
		return nil, nil, b.errorf(at, "%v", err)
	}
	return lo, hi, nil
}

func (b *binder) is(e *sql.Is, sc *scope) (expr.Node, error) {
	what := e.What
	switch what {
	case "A SET", "EMPTY":
		return nil, b.unsupported(e.Span, "IS "+what)
	case "UNKNOWN":
		if _, err := b.condition(e.X, sc, "IS UNKNOWN"); err != nil {
			return nil, err
		}
		what = "NULL"
	case "JSON":
		what = "JSON VALUE"
	}
	name := "IS " + what
	if e.Not {
		name = "IS NOT " + what
	}
	return b.call(name, e.Span, sc, e.X)
}

func (b *binder) negated(not bool, at sql.Span, n expr.Node, err error) (expr.Node, error) {
	if err != nil || !not {
		return n, err
	}
	return b.newCall("NOT", at, n)
}

func (b *binder) in(e *sql.In, sc *scope) (expr.Node, error) {
	if e.Query != nil {
		return b.inValue(e, sc)
	}
	n, err := b.call("IN", e.Span, sc, append([]sql.Expr{e.X}, e.List...)...)
	return b.negated(e.Not, e.Span, n, err)
}

// quantified is x op SOME (list), an OR of comparisons, or ALL, an AND.
func (b *binder) quantified(e *sql.Quantified, sc *scope) (expr.Node, error) {
	switch {
	case e.Query != nil && (e.Op == "=" && !e.All || e.Op == "<>" && e.All):
		return b.inValue(&sql.In{Span: e.Span, X: e.L, Query: e.Query, Not: e.All}, sc)
	case e.Query != nil:
		return nil, b.unsupported(e.Query.Span, "SOME or ALL of a subquery as a value, but for = SOME and <> ALL,")
	}
	x, err := b.expr(e.L, sc)
	if err != nil {
		return nil, err
	}
	args := make([]expr.Node, len(e.List))
	for i, item := range e.List {
		y, err := b.expr(item, sc)
		if err != nil {
			return nil, err
		}
		if args[i], err = b.newCall(e.Op, e.Span, x, y); err != nil {
			return nil, err
		}
	}
	if e.All {
		n, err := expr.NewAnd(args...)
		return b.placed(n, err, e.Span)
	}
	n, err := expr.NewOr(args...)
	return b.placed(n, err, e.Span)
}

func (b *binder) between(e *sql.Between, sc *scope) (expr.Node, error) {
	name := "BETWEEN"
	if e.Not {
		name = "NOT BETWEEN"
	}
	if e.Symmetric {
		name += " SYMMETRIC"
	}
	return b.call(name, e.Span, sc, e.X, e.Low, e.High)
}

func (b *binder) like(e *sql.Like, sc *scope) (expr.Node, error) {
	name := "LIKE"
	if e.Similar {
		name = "SIMILAR TO"
	}
	args := []sql.Expr{e.X, e.Pattern}
	if e.Escape != nil {
		args = append(args, e.Escape)
	}
	n, err := b.call(name, e.Span, sc, args...)
	return b.negated(e.Not, e.Span, n, err)
}

func (b *binder) caseExpr(e *sql.Case, sc *scope) (expr.Node, error) {
	var operand expr.Node
	var err error
	if e.Operand != nil {
		if operand, err = b.expr(e.Operand, sc); err != nil {
			return nil, err
		}
	}
	var conds, vals []expr.Node
	for _, w := range e.Whens {
		cond, err := b.when(w, operand, sc)
		if err != nil {
			return nil, err
		}
		val, err := b.expr(w.Then, sc)
		if err != nil {
			return nil, err
		}
		conds, vals = append(conds, cond), append(vals, val)
	}
	var other expr.Node
	if e.Else != nil {
		if other, err = b.expr(e.Else, sc); err != nil {
			return nil, err
		}
	}
	n, err := expr.NewCase(conds, vals, other)
	return b.placed(n, err, e.Span)
}

// when binds the condition of a branch: its own, or the operand's equality with a value.
func (b *binder) when(w *sql.When, operand expr.Node, sc *scope) (expr.Node, error) {
	if operand == nil {
		return b.condition(w.Conds[0], sc, "WHEN")
	}
	args := make([]expr.Node, len(w.Conds))
	for i, c := range w.Conds {
		v, err := b.expr(c, sc)
		if err != nil {
			return nil, err
		}
		if args[i], err = b.newCall("=", c.Range(), operand, v); err != nil {
			return nil, err
		}
	}
	n, err := expr.NewOr(args...)
	return b.placed(n, err, w.Span)
}

func (b *binder) cast(e *sql.Cast, sc *scope) (expr.Node, error) {
	x, err := b.expr(e.X, sc)
	if err != nil {
		return nil, err
	}
	t, err := b.typeOf(e.Type)
	if err != nil {
		return nil, err
	}
	n, err := expr.NewCast(x, t, e.Try)
	return b.placed(n, err, e.Span)
}

func (b *binder) trim(e *sql.Trim, sc *scope) (expr.Node, error) {
	x, err := b.expr(e.X, sc)
	if err != nil {
		return nil, err
	}
	var chars expr.Node = expr.NewString(" ")
	if e.Chars != nil {
		if chars, err = b.expr(e.Chars, sc); err != nil {
			return nil, err
		}
	}
	side := e.Side
	if side == "" {
		side = "BOTH"
	}
	return b.newCall("TRIM", e.Span, expr.NewSymbol(side), chars, x)
}

func (b *binder) constructor(e *sql.Constructor, sc *scope) (expr.Node, error) {
	if e.Query != nil {
		return nil, b.unsupported(e.Query.Span, "a subquery as a value")
	}
	if err := b.few(e.Span, len(e.Elems)); err != nil {
		return nil, err
	}
	switch e.Kind {
	case sql.ArrayOf:
		return b.call("ARRAY", e.Span, sc, e.Elems...)
	case sql.MapOf:
		return b.call("MAP", e.Span, sc, e.Elems...)
	case sql.RowOf:
		return b.call("ROW", e.Span, sc, e.Elems...)
	}
	return nil, b.unsupported(e.Span, "MULTISET[...]")
}
