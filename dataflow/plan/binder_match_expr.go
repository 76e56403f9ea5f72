package plan

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// matched binds what is special in DEFINE and MEASURES: columns, which are those of rows of
// the match, FIRST, LAST and PREV, aggregates, and the time of the match. done is false for
// everything else.
func (b *binder) matched(e sql.Expr, sc *scope) (n expr.Node, done bool, err error) {
	ms := sc.match
	switch e := e.(type) {
	case *sql.Ref:
		if ms.inner {
			if _, isVar := ms.m.vars[e.Parts[0].Name]; isVar && len(e.Parts) > 1 && e.Parts[0].Name == ms.qual {
				n, err = b.ref(e.Parts[1:], e.Span, sc.in)
				return n, true, err
			}
			return nil, false, nil
		}
		n, err = b.matchRow(e, true, 0, 0, sc)
		return n, true, err
	case *sql.Unary:
		if e.Op == "FINAL" || e.Op == "RUNNING" {
			if ms.self >= 0 && e.Op == "FINAL" {
				return nil, true, b.errorf(e.Span, "FINAL is for MEASURES: DEFINE does not know the rest of the match")
			}
			n, err = b.expr(e.X, sc)
			return n, true, err
		}
	case *sql.Call:
		return b.matchCall(e, sc)
	}
	return nil, false, nil
}

func (b *binder) matchCall(e *sql.Call, sc *scope) (n expr.Node, done bool, err error) {
	name := callName(e)
	switch name {
	case "FIRST", "LAST", "PREV", "NEXT":
		if sc.match.inner {
			return nil, true, b.errorf(e.Span, "%s is not allowed inside FIRST, LAST or an aggregate", name)
		}
		n, err = b.navigation(e, name, sc)
		return n, true, err
	case "CLASSIFIER", "MATCH_NUMBER":
		return nil, true, b.unsupported(e.Span, name+"()")
	case "MATCH_ROWTIME", "MATCH_PROCTIME":
		n, err = b.matchTime(e, name, sc)
		return n, true, err
	}
	if !isAggregate(e) {
		return nil, false, nil
	}
	if sc.match.inner {
		return nil, true, b.errorf(e.Span, "%s is not allowed inside FIRST, LAST or an aggregate", name)
	}
	n, err = b.matchAggregate(e, name, sc)
	return n, true, err
}

// qualifier finds the variable whose columns an expression names, "" when it names none.
func (b *binder) qualifier(es []sql.Expr, m *matching) (string, error) {
	first, seen := "", false
	var err error
	for _, e := range es {
		walkExpr(e, func(x sql.Expr) bool {
			q, at := "", sql.Span{}
			switch x := x.(type) {
			case *sql.Ref:
				if _, ok := m.vars[x.Parts[0].Name]; ok && len(x.Parts) > 1 {
					q = x.Parts[0].Name
				}
				at = x.Span
			case *sql.Star:
				if len(x.Qualifier) == 1 {
					q = x.Qualifier[0].Name
				}
				at = x.Span
			default:
				return true
			}
			if seen && q != first && err == nil {
				err = b.errorf(at, "an argument of FIRST, LAST or an aggregate is about the rows of one variable, and this names another one")
			}
			first, seen = q, true
			return true
		})
	}
	return first, err
}

func (m *matching) varOf(qual string) int {
	if i, ok := m.vars[qual]; ok && qual != "" {
		return i
	}
	return AnyVar
}

// inner is the scope of an argument that is about one row.
func (sc *scope) inner(qual string) *scope {
	c := *sc
	ms := *sc.match
	ms.inner, ms.qual = true, qual
	c.match = &ms
	return &c
}

// matchRow is the value of an expression in a row of the match.
func (b *binder) matchRow(e sql.Expr, last bool, offset, back int, sc *scope) (expr.Node, error) {
	m := sc.match.m
	qual, err := b.qualifier([]sql.Expr{e}, m)
	if err != nil {
		return nil, err
	}
	n, err := b.expr(e, sc.inner(qual))
	if err != nil {
		return nil, err
	}
	if l, ok := n.(*expr.Lit); ok {
		return l, nil
	}
	s := MatchSlot{Kind: SlotRow, Var: m.varOf(qual), Col: m.pre.add(n, "", true), Last: last, Offset: offset, Back: back}
	text := e.String()
	switch {
	case back > 0:
		text = fmt.Sprintf("PREV(%s, %d)", text, back)
	case !last:
		text = fmt.Sprintf("FIRST(%s, %d)", text, offset)
	case offset > 0:
		text = fmt.Sprintf("LAST(%s, %d)", text, offset)
	}
	return m.slot(s, text, n.Type().Plain().Nullable()), nil
}

// slot adds a slot, or finds it among those that are there.
func (m *matching) slot(s MatchSlot, text string, t types.Type) expr.Node {
	for i, o := range m.out.Slots {
		if s.Call != nil && o.Call != nil && s.Var == o.Var && sameAgg(s.Call, o.Call) || s.Call == nil && s == o {
			return expr.NewCol(i, m.names[i], t)
		}
	}
	m.out.Slots, m.names = append(m.out.Slots, s), append(m.names, text)
	return expr.NewCol(len(m.names)-1, text, t)
}

// navigation binds FIRST(x, n), LAST(x, n) and PREV(x, n), whose x may be one of the first two.
func (b *binder) navigation(e *sql.Call, name string, sc *scope) (expr.Node, error) {
	if name == "NEXT" {
		return nil, b.unsupported(e.Span, "NEXT, which would look at rows that have not come,").WithHint("use FIRST or LAST of a later variable")
	}
	if len(e.Args) < 1 || len(e.Args) > 2 || e.Distinct || e.Filter != nil {
		return nil, b.errorf(e.Span, "%s takes an expression and a number of rows, as in %s(A.price, 1)", name, name)
	}
	n := 0
	if name == "PREV" {
		n = 1
	}
	if len(e.Args) == 2 {
		var err error
		if n, err = b.matchOffset(e.Args[1], name); err != nil {
			return nil, err
		}
	}
	if name != "PREV" {
		return b.matchRow(e.Args[0], name == "LAST", n, 0, sc)
	}
	if in, ok := e.Args[0].(*sql.Call); ok && (callName(in) == "FIRST" || callName(in) == "LAST") && len(in.Args) > 0 && len(in.Args) <= 2 {
		off := 0
		if len(in.Args) == 2 {
			var err error
			if off, err = b.matchOffset(in.Args[1], callName(in)); err != nil {
				return nil, err
			}
		}
		return b.matchRow(in.Args[0], callName(in) == "LAST", off, n, sc)
	}
	return b.matchRow(e.Args[0], true, 0, n, sc)
}

// offsetMax bounds how far FIRST, LAST and PREV reach.
const offsetMax = 1 << 16

func (b *binder) matchOffset(e sql.Expr, name string) (int, error) {
	n, err := b.expr(e, &scope{inside: "an offset"})
	if err != nil {
		return 0, err
	}
	l, ok := expr.Fold(n, b.env()).(*expr.Lit)
	if !ok || l.Value.Null || !l.T.IsInteger() || l.Value.I < 0 || l.Value.I > offsetMax {
		return 0, b.errorf(e.Range(), "the offset of %s is a constant from 0 to %d", name, offsetMax)
	}
	return int(l.Value.I), nil
}

// matchAggregate binds an aggregate over the rows of a variable, or of all.
func (b *binder) matchAggregate(e *sql.Call, name string, sc *scope) (expr.Node, error) {
	m := sc.match.m
	if len(e.OrderBy) > 0 || len(e.WithinGroup) > 0 || e.Nulls == sql.NullsIgnore || e.JSON != nil {
		return nil, b.unsupported(e.Span, "this clause of an aggregate in MATCH_RECOGNIZE")
	}
	all := e.Args
	if e.Filter != nil {
		all = append(append([]sql.Expr(nil), e.Args...), e.Filter)
	}
	qual, err := b.qualifier(all, m)
	if err != nil {
		return nil, err
	}
	in := sc.inner(qual)
	var args []expr.Node
	for _, a := range e.Args {
		if s, ok := a.(*sql.Star); ok && len(e.Args) == 1 && name == "COUNT" {
			if _, known := m.vars[qual]; qual != "" && !known {
				return nil, b.errorf(s.Span, "variable %s is not in PATTERN", qual).WithNearest(qual, m.varNames())
			}
			break
		}
		n, err := b.expr(a, in)
		if err != nil {
			return nil, err
		}
		args = append(args, n)
	}
	o := expr.AggOptions{Distinct: e.Distinct}
	if e.Filter != nil {
		if o.Filter, err = b.condition(e.Filter, in, "FILTER"); err != nil {
			return nil, err
		}
	}
	call, err := expr.NewAgg(name, foldAll(args, b.env()), o)
	if err != nil {
		return nil, b.errorf(e.Span, "%v", err)
	}
	call = overColumns(call, m.pre, true, 0)
	return m.slot(MatchSlot{Kind: SlotAggregate, Var: m.varOf(qual), Call: call}, e.String(), call.T.Plain().Nullable()), nil
}

// matchTime binds MATCH_ROWTIME([column]) and MATCH_PROCTIME().
func (b *binder) matchTime(e *sql.Call, name string, sc *scope) (expr.Node, error) {
	m := sc.match.m
	if sc.match.self >= 0 {
		return nil, b.errorf(e.Span, "%s is for MEASURES: the match has not been found in DEFINE", name)
	}
	if name == "MATCH_PROCTIME" {
		if len(e.Args) > 0 {
			return nil, b.errorf(e.Span, "MATCH_PROCTIME takes no arguments")
		}
		t := types.TimestampLTZOf(3).Required()
		t.Attr = types.ProcTime
		return m.slot(MatchSlot{Kind: SlotProcTime, Var: AnyVar}, "MATCH_PROCTIME()", t), nil
	}
	if m.out.ProcTime {
		return nil, b.errorf(e.Span, "MATCH_ROWTIME needs ORDER BY an event time attribute; here it is processing time")
	}
	if len(e.Args) > 1 {
		return nil, b.errorf(e.Span, "MATCH_ROWTIME takes one column at most")
	}
	t := m.time
	if len(e.Args) == 1 {
		n, err := b.expr(e.Args[0], sc.inner(""))
		if err != nil {
			return nil, err
		}
		if n.Type().Attr != types.RowTime {
			return nil, b.notTimeAttribute(e.Args[0].Range(), n.String(), n.Type())
		}
		t = n.Type()
	}
	return m.slot(MatchSlot{Kind: SlotRowTime, Var: AnyVar}, "MATCH_ROWTIME()", t.Required()), nil
}
