package sql

import (
	"encoding/hex"
	"strings"
)

// prec is the level of an expression's outermost operator.
func prec(e Expr) int {
	switch e := e.(type) {
	case *Binary:
		return binaryPrec[e.Op]
	case *Quantified:
		return precCompare
	case *Unary:
		if e.Op == "NOT" {
			return precNot
		}
		return precUnary
	case *Is:
		return precIs
	case *In, *Between, *Like:
		return precRange
	}
	return precPrimary
}

// expr writes an expression, in parentheses when its level is below min.
func (p *printer) expr(e Expr, min int) {
	if prec(e) < min {
		p.w("(")
		p.bare(e)
		p.w(")")
		return
	}
	p.bare(e)
}

func (p *printer) top(e Expr) { p.expr(e, precLowest) }

// bare writes an expression without parentheses around it.
func (p *printer) bare(e Expr) {
	switch e := e.(type) {
	case *Unary:
		p.w(e.Op)
		switch {
		case e.Op == "NOT":
			p.w(" ")
			p.expr(e.X, precNot)
		case len(e.Op) == 1:
			if _, is := e.X.(*Unary); is { // -- is a comment
				p.w(" ")
			}
			p.expr(e.X, precUnary)
		default:
			p.w(" ")
			p.expr(e.X, precUnary)
		}
	case *Binary:
		level := binaryPrec[e.Op]
		p.expr(e.L, level)
		p.w(" ", e.Op, " ")
		p.expr(e.R, level+1)
	case *Quantified:
		p.expr(e.L, precCompare)
		p.w(" ", e.Op)
		if e.All {
			p.w(" ALL ")
		} else {
			p.w(" SOME ")
		}
		p.listOrQuery(e.List, e.Query)
	case *Is:
		p.expr(e.X, precIs)
		p.w(" IS ")
		p.when(e.Not, "NOT ")
		p.w(e.What)
	case *In:
		p.expr(e.X, precRange)
		p.when(e.Not, " NOT")
		p.w(" IN ")
		p.listOrQuery(e.List, e.Query)
	case *Between:
		p.expr(e.X, precRange)
		p.when(e.Not, " NOT")
		p.w(" BETWEEN ")
		p.when(e.Symmetric, "SYMMETRIC ")
		p.expr(e.Low, precRange+1)
		p.w(" AND ")
		p.expr(e.High, precRange+1)
	case *Like:
		p.like(e)
	default:
		p.primary(e)
	}
}

func (p *printer) like(e *Like) {
	p.expr(e.X, precRange)
	p.when(e.Not, " NOT")
	if e.Similar {
		p.w(" SIMILAR TO ")
	} else {
		p.w(" LIKE ")
	}
	p.expr(e.Pattern, precRange+1)
	if e.Escape != nil {
		p.w(" ESCAPE ")
		p.expr(e.Escape, precRange+1)
	}
}

func (p *printer) listOrQuery(items []Expr, q *Query) {
	p.w("(")
	if q != nil {
		p.query(q)
	} else {
		list(p, items, p.top)
	}
	p.w(")")
}

// primary writes expressions that never need parentheses.
func (p *printer) primary(e Expr) {
	switch e := e.(type) {
	case *Ref:
		p.dotted(e.Parts)
	case *Star:
		p.dotted(e.Qualifier)
		p.when(len(e.Qualifier) > 0, ".")
		p.w("*")
	case *Field:
		_, isRef := e.X.(*Ref)
		p.operand(e.X, isRef)
		p.w(".")
		p.ident(e.Name)
	case *Index:
		p.operand(e.X, false)
		p.w("[")
		p.top(e.I)
		p.w("]")
	case *Case:
		p.caseExpr(e)
	case *Cast:
		p.when(e.Try, "TRY_")
		p.w("CAST(")
		p.top(e.X)
		p.w(" AS ")
		p.typeSpec(e.Type)
		p.w(")")
	case *Trim:
		p.w("TRIM(", e.Side, " ")
		if e.Chars != nil {
			p.top(e.Chars)
			p.w(" ")
		}
		p.w("FROM ")
		p.top(e.X)
		p.w(")")
	case *Call:
		p.call(e)
	case *Constructor:
		p.constructor(e)
	case *Subquery:
		p.listOrQuery(nil, e.Query)
	case *Exists:
		p.w("EXISTS ")
		p.listOrQuery(nil, e.Query)
	default:
		p.literal(e)
	}
}

// operand writes what an index or a field access follows.
func (p *printer) operand(e Expr, paren bool) {
	switch e.(type) {
	case *NumberLit, *StringLit, *Star, *IntervalLit, *IntervalExpr:
		paren = true
	}
	if paren {
		p.w("(")
		p.bare(e)
		p.w(")")
		return
	}
	p.expr(e, precPrimary)
}

// literal writes literals and the things that stand only among arguments.
func (p *printer) literal(e Expr) {
	switch e := e.(type) {
	case *NullLit:
		p.w("NULL")
	case *BoolLit:
		switch {
		case e.Unknown:
			p.w("UNKNOWN")
		case e.Value:
			p.w("TRUE")
		default:
			p.w("FALSE")
		}
	case *NumberLit:
		p.w(e.Text)
	case *StringLit:
		if e.Charset != "" {
			p.w("_", e.Charset)
		}
		p.w(QuoteString(e.Value))
	case *BinaryLit:
		p.w("x'", hex.EncodeToString(e.Value), "'")
	case *TemporalLit:
		p.w([]string{"DATE ", "TIME ", "TIMESTAMP ", "TIMESTAMP WITH LOCAL TIME ZONE "}[e.Kind], QuoteString(e.Value))
	case *IntervalLit:
		p.w("INTERVAL ")
		p.when(e.Negative, "-")
		p.w(QuoteString(e.Value), " ")
		p.qualifier(e.Qualifier)
	case *IntervalExpr:
		p.w("INTERVAL (")
		p.top(e.X)
		p.w(") ")
		p.qualifier(e.Qualifier)
	case *NamedArg:
		p.ident(e.Name)
		p.w(" => ")
		p.top(e.X)
	case *DefaultArg:
		p.w("DEFAULT")
	case *UnitArg:
		p.w(string(e.Unit))
	case *Descriptor:
		p.w("DESCRIPTOR")
		p.idents(e.Columns)
	case *TableArg:
		p.tableArg(e)
	}
}

func (p *printer) qualifier(q *IntervalQualifier) {
	p.w(string(q.From))
	switch {
	case q.Precision >= 0 && q.Fraction >= 0 && q.To == "":
		p.w("(", itoa(q.Precision), ", ", itoa(q.Fraction), ")")
	case q.Precision >= 0:
		p.w("(", itoa(q.Precision), ")")
	}
	if q.To != "" {
		p.w(" TO ", string(q.To))
		if q.Fraction >= 0 {
			p.w("(", itoa(q.Fraction), ")")
		}
	}
}

func (p *printer) tableArg(a *TableArg) {
	if a.Query != nil {
		p.w("TABLE ")
		p.listOrQuery(nil, a.Query)
	} else {
		p.w("TABLE ")
		p.name(a.Table)
		p.hints(a.Hints)
	}
	if len(a.PartitionBy) > 0 {
		p.w(" PARTITION BY ")
		p.listOrQuery(a.PartitionBy, nil)
	}
	if len(a.OrderBy) > 0 {
		p.w(" ORDER BY (")
		list(p, a.OrderBy, p.orderItem)
		p.w(")")
	}
}

func (p *printer) caseExpr(c *Case) {
	p.w("CASE")
	if c.Operand != nil {
		p.w(" ")
		p.top(c.Operand)
	}
	for _, w := range c.Whens {
		p.w(" WHEN ")
		list(p, w.Conds, p.top)
		p.w(" THEN ")
		p.top(w.Then)
	}
	if c.Else != nil {
		p.w(" ELSE ")
		p.top(c.Else)
	}
	p.w(" END")
}

func (p *printer) constructor(c *Constructor) {
	p.w([]string{"ARRAY", "MAP", "ROW", "MULTISET"}[c.Kind])
	switch {
	case c.Query != nil:
		p.listOrQuery(nil, c.Query)
	case c.Kind == RowOf:
		p.listOrQuery(c.Elems, nil)
	default:
		p.w("[")
		list(p, c.Elems, p.top)
		p.w("]")
	}
}

// call writes a call with its clauses.
func (p *printer) call(c *Call) {
	p.callName(c.Name)
	if !c.NoParens {
		p.w("(")
		p.when(c.Distinct, "DISTINCT ")
		p.args(c)
		if len(c.OrderBy) > 0 {
			p.w(" ORDER BY ")
			list(p, c.OrderBy, p.orderItem)
		}
		if c.JSON != nil {
			p.json(c.JSON, len(c.Args) > 0)
		}
		p.w(")")
	}
	switch c.Nulls {
	case NullsIgnore:
		p.w(" IGNORE NULLS")
	case NullsRespect:
		p.w(" RESPECT NULLS")
	}
	if len(c.WithinGroup) > 0 {
		p.w(" WITHIN GROUP (ORDER BY ")
		list(p, c.WithinGroup, p.orderItem)
		p.w(")")
	}
	if c.Filter != nil {
		p.w(" FILTER (WHERE ")
		p.top(c.Filter)
		p.w(")")
	}
	if c.Over != nil {
		p.w(" OVER ")
		p.windowSpec(c.Over)
	}
}

// callName writes a function's name, where keywords need no backticks.
func (p *printer) callName(n *Name) {
	for i, id := range n.Parts {
		p.when(i > 0, ".")
		if upper := strings.ToUpper(id.Name); !id.Quoted && isPlainName(id.Name) && (niladic[upper] || callable[upper] || !reserved[upper]) {
			p.w(id.Name)
			continue
		}
		p.ident(id)
	}
}

// args writes the arguments in the syntax of the function.
func (p *printer) args(c *Call) {
	word := ""
	if len(c.Name.Parts) == 1 && !c.Name.Parts[0].Quoted {
		word = strings.ToUpper(c.Name.Parts[0].Name)
	}
	switch {
	case word == "EXTRACT" && len(c.Args) == 2:
		if _, is := c.Args[0].(*UnitArg); is {
			p.top(c.Args[0])
			p.w(" FROM ")
			p.top(c.Args[1])
			return
		}
	case word == "POSITION" && (len(c.Args) == 2 || len(c.Args) == 3) && !hasTableOrName(c.Args):
		p.expr(c.Args[0], precRange+1)
		p.w(" IN ")
		p.top(c.Args[1])
		if len(c.Args) > 2 {
			p.w(" FROM ")
			p.top(c.Args[2])
		}
		return
	case len(c.Args) == 2:
		if _, is := c.Args[1].(*UnitArg); is {
			p.top(c.Args[0])
			p.w(" TO ")
			p.top(c.Args[1])
			return
		}
		fallthrough
	default:
		if word == "JSON_OBJECT" || word == "JSON_OBJECTAGG" {
			p.jsonPairs(c.Args)
			return
		}
	}
	list(p, c.Args, p.top)
}

// hasTableOrName tells whether arguments need the ordinary syntax.
func hasTableOrName(args []Expr) bool {
	for _, a := range args {
		switch a.(type) {
		case *NamedArg, *TableArg:
			return true
		}
	}
	return false
}

func (p *printer) jsonPairs(args []Expr) {
	for i := 0; i+1 < len(args); i += 2 {
		p.when(i > 0, ", ")
		p.w("KEY ")
		p.top(args[i])
		p.w(" VALUE ")
		p.top(args[i+1])
	}
}

func (p *printer) json(j *JSONClause, space bool) {
	var clauses []string
	if j.Returning != nil {
		clauses = append(clauses, "RETURNING "+Format(j.Returning))
	}
	if j.Wrapper != "" {
		clauses = append(clauses, j.Wrapper+" WRAPPER")
	}
	for _, b := range []struct {
		b  *JSONBehavior
		on string
	}{{j.OnEmpty, "EMPTY"}, {j.OnError, "ERROR"}} {
		if b.b == nil {
			continue
		}
		s := b.b.Kind
		if b.b.X != nil {
			s += " " + Format(b.b.X)
		}
		clauses = append(clauses, s+" ON "+b.on)
	}
	if j.OnNull != "" {
		clauses = append(clauses, j.OnNull+" ON NULL")
	}
	p.when(space && len(clauses) > 0, " ")
	p.w(strings.Join(clauses, " "))
}
