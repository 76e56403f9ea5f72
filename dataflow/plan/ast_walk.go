package plan

import "github.com/edgeflow/edgeflow/dataflow/sql"

// walkExpr visits e and the expressions below it, parents first, without entering
// subqueries. fn returns false to skip what is below.
func walkExpr(e sql.Expr, fn func(sql.Expr) bool) {
	if e == nil || !fn(e) {
		return
	}
	for _, c := range exprChildren(e) {
		walkExpr(c, fn)
	}
}

// exprChildren lists the direct subexpressions; some may be nil.
func exprChildren(e sql.Expr) []sql.Expr {
	switch e := e.(type) {
	case *sql.IntervalExpr:
		return []sql.Expr{e.X}
	case *sql.Field:
		return []sql.Expr{e.X}
	case *sql.Index:
		return []sql.Expr{e.X, e.I}
	case *sql.Unary:
		return []sql.Expr{e.X}
	case *sql.Binary:
		return []sql.Expr{e.L, e.R}
	case *sql.Is:
		return []sql.Expr{e.X}
	case *sql.In:
		return append([]sql.Expr{e.X}, e.List...)
	case *sql.Quantified:
		return append([]sql.Expr{e.L}, e.List...)
	case *sql.Between:
		return []sql.Expr{e.X, e.Low, e.High}
	case *sql.Like:
		return []sql.Expr{e.X, e.Pattern, e.Escape}
	case *sql.Case:
		out := []sql.Expr{e.Operand}
		for _, w := range e.Whens {
			out = append(append(out, w.Conds...), w.Then)
		}
		return append(out, e.Else)
	case *sql.Cast:
		return []sql.Expr{e.X}
	case *sql.Trim:
		return []sql.Expr{e.Chars, e.X}
	case *sql.Call:
		return append(append([]sql.Expr(nil), e.Args...), e.Filter)
	case *sql.Constructor:
		return e.Elems
	case *sql.NamedArg:
		return []sql.Expr{e.X}
	}
	return nil
}
