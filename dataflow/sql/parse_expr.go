package sql

// Precedence levels, those of Calcite, except that IS DISTINCT FROM binds as
// other comparisons do. Operators of a level associate to the left.
const (
	precLowest  = 0
	precOr      = 22
	precAnd     = 24
	precNot     = 26
	precIs      = 28
	precCompare = 30 // = <> < <= > >=, OVERLAPS, MEMBER OF, IS DISTINCT FROM
	precRange   = 32 // BETWEEN, IN, LIKE, SIMILAR TO
	precAdd     = 40
	precMul     = 60 // * / % ||
	precUnary   = 80
	precPrimary = 100
)

// binaryPrec is the level of each operator of Binary.
var binaryPrec = map[string]int{
	"OR": precOr, "AND": precAnd,
	"=": precCompare, "<>": precCompare, "<": precCompare, "<=": precCompare, ">": precCompare, ">=": precCompare,
	"OVERLAPS": precCompare, "MEMBER OF": precCompare, "SUBMULTISET OF": precCompare,
	"IS DISTINCT FROM": precCompare, "IS NOT DISTINCT FROM": precCompare,
	"+": precAdd, "-": precAdd,
	"*": precMul, "/": precMul, "%": precMul, "||": precMul,
}

// expr reads an expression.
func (p *parser) expr() Expr { return p.exprPrec(precLowest) }

// exprList reads one or more expressions separated by commas.
func (p *parser) exprList() []Expr {
	list := []Expr{p.expr()}
	for p.acceptOp(",") {
		list = append(list, p.expr())
	}
	return list
}

// exprPrec reads an expression whose infix operators are all of level min or
// higher.
func (p *parser) exprPrec(min int) Expr {
	p.enter()
	start := p.pos() // of a parenthesis, where left's own span is inside
	left := p.prefix()
	for {
		next := p.infix(left, start, min)
		if next == nil {
			break
		}
		p.step()
		left = next
	}
	p.leave()
	return left
}

func (p *parser) prefix() Expr {
	start := p.pos()
	t := p.tok()
	switch {
	case t.kind == tokenWord && t.word == "NOT":
		p.i++
		x := p.exprPrec(precNot + 1)
		return &Unary{Span: p.from(start), Op: "NOT", X: x}
	case isOp(t, "-"), isOp(t, "+"):
		p.i++
		x := p.exprPrec(precUnary)
		return &Unary{Span: p.from(start), Op: t.text, X: x}
	case (p.is("FINAL") || p.is("RUNNING")) && isName(p.peek(1)) && isOp(p.peek(2), "("):
		p.i++
		x := p.exprPrec(precUnary)
		return &Unary{Span: p.from(start), Op: t.word, X: x}
	}
	return p.postfix(p.primary(), start)
}

// postfix reads [index] and .field behind a primary.
func (p *parser) postfix(x Expr, start Pos) Expr {
	for {
		switch {
		case p.acceptOp("["):
			i := p.expr()
			p.expectOp("]")
			x = &Index{Span: p.from(start), X: x, I: i}
		case p.acceptOp("."):
			if p.isOp("*") {
				p.fail(p.tok().Span, "* must follow the name of a table or a column")
			}
			f := p.fieldIdent()
			x = &Field{Span: p.from(start), X: x, Name: f}
		default:
			return x
		}
		p.step()
	}
}

// infix reads one infix operator of level min or higher and its right side, or
// returns nil. The left side begins at start, its parentheses included.
func (p *parser) infix(left Expr, start Pos, min int) Expr {
	t := p.tok()
	switch t.kind {
	case tokenOp:
		op := t.text
		if op == "!=" {
			op = "<>"
		}
		prec, is := binaryPrec[op]
		if !is || prec < min {
			return nil
		}
		return p.binary(left, start, op, prec, 1)
	case tokenWord:
		return p.infixWord(left, start, t, min)
	}
	return nil
}

func (p *parser) infixWord(left Expr, start Pos, t *token, min int) Expr {
	switch t.word {
	case "OR", "AND", "OVERLAPS":
		if prec := binaryPrec[t.word]; prec >= min {
			return p.binary(left, start, t.word, prec, 1)
		}
	case "MEMBER", "SUBMULTISET":
		if min <= precCompare && p.peek(1).word == "OF" {
			return p.binary(left, start, t.word+" OF", precCompare, 2)
		}
	case "IS":
		return p.isTest(left, start, min)
	case "NOT":
		switch p.peek(1).word {
		case "IN", "BETWEEN", "LIKE", "SIMILAR":
			if min <= precRange {
				p.i++
				return p.rangeTest(left, start, true)
			}
		}
	case "IN", "BETWEEN", "LIKE", "SIMILAR":
		if min <= precRange {
			return p.rangeTest(left, start, false)
		}
	}
	return nil
}

// binary reads an operator of n tokens and its right operand.
func (p *parser) binary(left Expr, start Pos, op string, prec, n int) Expr {
	opStart := p.pos()
	p.i += n
	opSpan := p.from(opStart)
	if prec == precCompare && p.isAny("SOME", "ANY", "ALL") && isOp(p.peek(1), "(") {
		all := p.next().word == "ALL"
		list, query := p.listOrQuery()
		return &Quantified{Span: p.from(start), Op: op, All: all, L: left, List: list, Query: query}
	}
	right := p.exprPrec(prec + 1)
	return &Binary{Span: p.from(start), Op: op, OpSpan: opSpan, L: left, R: right}
}

// isTest reads IS ... behind left.
func (p *parser) isTest(left Expr, start Pos, min int) Expr {
	n := 1
	op := "IS DISTINCT FROM"
	if p.peek(1).word == "NOT" {
		n, op = 2, "IS NOT DISTINCT FROM"
	}
	if p.peek(n).word == "DISTINCT" {
		if min > precCompare {
			return nil
		}
		if p.peek(n+1).word != "FROM" {
			p.i += n + 1
			p.unexpected("FROM")
		}
		return p.binary(left, start, op, precCompare, n+2)
	}
	if min > precIs {
		return nil
	}
	p.i += n
	x := &Is{X: left, Not: n == 2}
	switch t := p.next(); t.word {
	case "NULL", "TRUE", "FALSE", "UNKNOWN", "EMPTY":
		x.What = t.word
	case "JSON":
		x.What = "JSON"
		if p.isAny("VALUE", "OBJECT", "ARRAY", "SCALAR") {
			x.What += " " + p.next().word
		}
	case "A":
		p.expect("SET")
		x.What = "A SET"
	default:
		if t.kind != tokenEOF {
			p.i--
		}
		p.unexpected("NULL", "TRUE", "FALSE", "UNKNOWN", "DISTINCT FROM", "JSON")
	}
	x.Span = p.from(start)
	return x
}

// rangeTest reads IN, BETWEEN, LIKE or SIMILAR TO behind left and NOT.
func (p *parser) rangeTest(left Expr, start Pos, not bool) Expr {
	switch p.next().word {
	case "IN":
		list, query := p.listOrQuery()
		return &In{Span: p.from(start), X: left, Not: not, List: list, Query: query}
	case "BETWEEN":
		x := &Between{X: left, Not: not}
		if p.accept("SYMMETRIC") {
			x.Symmetric = true
		} else {
			p.accept("ASYMMETRIC")
		}
		x.Low = p.exprPrec(precRange + 1)
		p.expect("AND")
		x.High = p.exprPrec(precRange + 1)
		x.Span = p.from(start)
		return x
	case "SIMILAR":
		p.expect("TO")
		return p.like(left, start, not, true)
	default:
		return p.like(left, start, not, false)
	}
}

func (p *parser) like(left Expr, start Pos, not, similar bool) Expr {
	x := &Like{X: left, Not: not, Similar: similar}
	x.Pattern = p.exprPrec(precRange + 1)
	if p.accept("ESCAPE") {
		x.Escape = p.exprPrec(precRange + 1)
	}
	x.Span = p.from(start)
	return x
}

// listOrQuery reads (a, b, c) or (query).
func (p *parser) listOrQuery() ([]Expr, *Query) {
	p.expectOp("(")
	list, query := p.parenBody()
	if query == nil && len(list) == 1 {
		if sub, is := list[0].(*Subquery); is {
			return nil, sub.Query
		}
	}
	return list, query
}

// parenBody reads what follows an opening parenthesis, and the closing one: a
// query, or one or more expressions.
func (p *parser) parenBody() ([]Expr, *Query) {
	if p.atQuery() {
		q := p.query()
		p.expectOp(")")
		return nil, q
	}
	first := p.expr()
	if sub, is := first.(*Subquery); is && p.atQueryTail() {
		// ((SELECT ...) UNION ...): what was read is the first operand of a query.
		q := p.queryFrom(&Nested{Span: sub.Span, Query: sub.Query})
		p.expectOp(")")
		return nil, q
	}
	list := []Expr{first}
	for p.acceptOp(",") {
		list = append(list, p.expr())
	}
	p.expectOp(")", quote(","))
	return list, nil
}

// paren reads a parenthesised expression, a row or a subquery.
func (p *parser) paren() Expr {
	start := p.pos()
	p.expectOp("(")
	list, query := p.parenBody()
	switch {
	case query != nil:
		return &Subquery{Span: p.from(start), Query: query}
	case len(list) == 1:
		return list[0]
	}
	return &Constructor{Span: p.from(start), Kind: RowOf, Elems: list}
}

// orderItems reads the list behind ORDER BY.
func (p *parser) orderItems() []*OrderItem {
	items := []*OrderItem{p.orderItem()}
	for p.acceptOp(",") {
		items = append(items, p.orderItem())
	}
	return items
}

func (p *parser) orderItem() *OrderItem {
	start := p.pos()
	o := &OrderItem{X: p.expr()}
	if p.accept("DESC") {
		o.Desc = true
	} else {
		p.accept("ASC")
	}
	if p.accept("NULLS", "FIRST") {
		o.Nulls = NullsFirst
	} else if p.accept("NULLS", "LAST") {
		o.Nulls = NullsLast
	}
	o.Span = p.from(start)
	return o
}
