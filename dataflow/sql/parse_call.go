package sql

// nameOrCall reads a column reference, t.* or a function call.
func (p *parser) nameOrCall() Expr {
	start := p.pos()
	t := p.next()
	parts := []*Ident{{Span: t.Span, Name: t.text, Quoted: t.kind == tokenQuoted}}
	for p.isOp(".") {
		p.i++
		if p.acceptOp("*") {
			return &Star{Span: p.from(start), Qualifier: parts}
		}
		parts = append(parts, p.fieldIdent())
		p.step()
	}
	if p.isOp("(") {
		return p.call(&Name{Span: p.from(start), Parts: parts})
	}
	return &Ref{Span: p.from(start), Parts: parts}
}

// call reads the arguments and the clauses of an ordinary function call.
func (p *parser) call(name *Name) *Call {
	c := &Call{Name: name}
	p.expectOp("(")
	if !p.isOp(")") {
		if p.accept("DISTINCT") {
			c.Distinct = true
		} else {
			p.accept("ALL")
		}
		c.Args = append(c.Args, p.arg())
		for p.acceptOp(",") {
			c.Args = append(c.Args, p.arg())
		}
		p.nullTreatment(c)
		if p.accept("ORDER", "BY") {
			c.OrderBy = p.orderItems()
		}
	}
	p.expectOp(")", quote(","))
	return p.callTail(c)
}

// arg reads one argument: name => x, TABLE t, a query with PARTITION BY, or an
// expression.
func (p *parser) arg() Expr {
	start := p.pos()
	if t := p.tok(); (t.kind == tokenWord || t.kind == tokenQuoted) && isOp(p.peek(1), "=>") {
		id := p.fieldIdent()
		p.i++
		x := p.argValue()
		return &NamedArg{Span: p.from(start), Name: id, X: x}
	}
	return p.argValue()
}

func (p *parser) argValue() Expr {
	start := p.pos()
	if p.is("TABLE") {
		p.i++
		a := &TableArg{}
		if p.isOp("(") {
			p.i++
			_, a.Query = p.parenBody()
			if a.Query == nil {
				p.fail(p.from(start), "expected a query or the name of a table behind TABLE")
			}
		} else {
			a.Table = p.name("the name of a table")
			a.Hints = p.hints()
		}
		return p.tableArgTail(a, start)
	}
	x := p.starOrExpr()
	if sub, is := x.(*Subquery); is && (p.is("PARTITION", "BY") || p.is("ORDER", "BY")) {
		return p.tableArgTail(&TableArg{Query: sub.Query}, start)
	}
	return x
}

// starOrExpr reads an expression where a star may stand for all columns.
func (p *parser) starOrExpr() Expr {
	if t := p.tok(); p.acceptOp("*") {
		return &Star{Span: t.Span}
	}
	return p.expr()
}

// tableArgTail reads PARTITION BY and ORDER BY behind a table argument. More than
// one key stands in parentheses, as commas separate arguments.
func (p *parser) tableArgTail(a *TableArg, start Pos) Expr {
	if p.accept("PARTITION", "BY") {
		if p.acceptOp("(") {
			a.PartitionBy = p.exprList()
			p.expectOp(")", quote(","))
		} else {
			a.PartitionBy = []Expr{p.expr()}
		}
	}
	if p.accept("ORDER", "BY") {
		if p.acceptOp("(") {
			a.OrderBy = p.orderItems()
			p.expectOp(")", quote(","))
		} else {
			a.OrderBy = []*OrderItem{p.orderItem()}
		}
	}
	a.Span = p.from(start)
	return a
}

func (p *parser) nullTreatment(c *Call) {
	if p.accept("IGNORE", "NULLS") {
		c.Nulls = NullsIgnore
	} else if p.accept("RESPECT", "NULLS") {
		c.Nulls = NullsRespect
	}
}

// callTail reads what may follow the parentheses of a call.
func (p *parser) callTail(c *Call) *Call {
	p.nullTreatment(c)
	if p.accept("WITHIN", "GROUP") {
		p.expectOp("(")
		p.expect("ORDER", "BY")
		c.WithinGroup = p.orderItems()
		p.expectOp(")")
	}
	if p.is("FILTER") && isOp(p.peek(1), "(") {
		p.i += 2
		p.expect("WHERE")
		c.Filter = p.expr()
		p.expectOp(")")
	}
	p.nullTreatment(c)
	if p.accept("OVER") {
		if p.isOp("(") {
			c.Over = p.windowSpec()
		} else {
			id := p.ident("a window name or \"(\"")
			c.Over = &WindowSpec{Span: id.Span, Base: id, Bare: true}
		}
	}
	c.Span = p.from(c.Name.Start)
	return c
}

// windowSpec reads ([base] [PARTITION BY ...] [ORDER BY ...] [frame]).
func (p *parser) windowSpec() *WindowSpec {
	start := p.pos()
	w := &WindowSpec{}
	p.expectOp("(")
	if isName(p.tok()) && !p.isAny("ROWS", "RANGE") {
		w.Base = p.ident("a window name")
	}
	if p.accept("PARTITION", "BY") {
		w.PartitionBy = p.exprList()
	}
	if p.accept("ORDER", "BY") {
		w.OrderBy = p.orderItems()
	}
	if p.isAny("ROWS", "RANGE") {
		w.Frame = p.frame()
	}
	p.expectOp(")")
	w.Span = p.from(start)
	return w
}

func (p *parser) frame() *Frame {
	start := p.pos()
	f := &Frame{IsRange: p.next().word == "RANGE"}
	if p.accept("BETWEEN") {
		f.Start = p.frameBound()
		p.expect("AND")
		f.End = p.frameBound()
	} else {
		f.Start = p.frameBound()
	}
	f.Span = p.from(start)
	return f
}

func (p *parser) frameBound() *FrameBound {
	start := p.pos()
	b := &FrameBound{}
	switch {
	case p.accept("CURRENT", "ROW"):
		b.Kind = CurrentRow
	case p.accept("UNBOUNDED", "PRECEDING"):
		b.Kind = UnboundedPreceding
	case p.accept("UNBOUNDED", "FOLLOWING"):
		b.Kind = UnboundedFollowing
	default:
		b.Offset = p.exprPrec(precRange + 1)
		switch {
		case p.accept("PRECEDING"):
			b.Kind = Preceding
		case p.accept("FOLLOWING"):
			b.Kind = Following
		default:
			p.unexpected("PRECEDING", "FOLLOWING")
		}
	}
	b.Span = p.from(start)
	return b
}

// specialCall reads the calls whose arguments have a syntax of their own; nil for
// any other word.
func (p *parser) specialCall(t *token) Expr {
	switch t.word {
	case "EXTRACT":
		if p.peek(3).word != "FROM" {
			return nil
		}
		c := p.openCall()
		c.Args = []Expr{p.unitArg()}
		p.expect("FROM")
		c.Args = append(c.Args, p.expr())
		p.expectOp(")")
		return p.callTail(c)
	case "TIMESTAMPADD", "TIMESTAMPDIFF":
		if u := p.peek(2); u.kind != tokenWord || units[u.word] == "" || !isOp(p.peek(3), ",") {
			return nil
		}
		c := p.openCall()
		c.Args = []Expr{p.unitArg()}
		return p.closeCall(c)
	case "POSITION":
		c := p.openCall()
		c.Args = []Expr{p.exprPrec(precRange + 1)}
		if p.accept("IN") {
			c.Args = append(c.Args, p.expr())
			p.wordArg(c, "FROM")
			p.expectOp(")")
			return p.callTail(c)
		}
		return p.closeCall(c)
	case "SUBSTRING":
		c := p.openCall()
		c.Args = []Expr{p.expr()}
		if p.wordArg(c, "FROM") {
			p.wordArg(c, "FOR")
		}
		return p.closeCall(c)
	case "OVERLAY":
		c := p.openCall()
		c.Args = []Expr{p.expr()}
		if p.wordArg(c, "PLACING") {
			p.expect("FROM")
			c.Args = append(c.Args, p.expr())
			p.wordArg(c, "FOR")
		}
		return p.closeCall(c)
	case "CEIL", "CEILING", "FLOOR":
		c := p.openCall()
		c.Args = []Expr{p.expr()}
		if p.accept("TO") {
			c.Args = append(c.Args, p.unitArg())
			p.expectOp(")")
			return p.callTail(c)
		}
		return p.closeCall(c)
	case "TRIM":
		return p.trim()
	case "JSON_VALUE", "JSON_QUERY", "JSON_EXISTS", "JSON_OBJECT", "JSON_ARRAY", "JSON_OBJECTAGG", "JSON_ARRAYAGG":
		return p.jsonCall()
	}
	return nil
}

// openCall consumes the name and the parenthesis of a special call.
func (p *parser) openCall() *Call {
	t := p.next()
	p.expectOp("(")
	id := &Ident{Span: t.Span, Name: t.text}
	return &Call{Name: &Name{Span: t.Span, Parts: []*Ident{id}}}
}

// closeCall reads further ordinary arguments and the end of a special call.
func (p *parser) closeCall(c *Call) Expr {
	for p.acceptOp(",") {
		c.Args = append(c.Args, p.arg())
	}
	p.expectOp(")", quote(","))
	return p.callTail(c)
}

// wordArg reads an argument that a word introduces, if the word comes next.
func (p *parser) wordArg(c *Call, word string) bool {
	if !p.accept(word) {
		return false
	}
	c.Args = append(c.Args, p.expr())
	return true
}

func (p *parser) unitArg() Expr {
	start := p.pos()
	u := p.unit()
	return &UnitArg{Span: p.from(start), Unit: u}
}

func (p *parser) trim() Expr {
	start := p.pos()
	p.i++
	p.expectOp("(")
	x := &Trim{Side: "BOTH"}
	from := false
	if after := p.peek(1); p.isAny("BOTH", "LEADING", "TRAILING") && startsOperand(after) {
		x.Side = p.next().word
		from = true
		if p.accept("FROM") {
			x.X = p.expr()
			p.expectOp(")")
			x.Span = p.from(start)
			return x
		}
	}
	first := p.expr()
	switch {
	case p.accept("FROM"):
		x.Chars = first
		x.X = p.expr()
	case from:
		x.X = first // TRIM(BOTH x) is TRIM(BOTH FROM x)
	case p.acceptOp(","):
		x.Chars = p.expr() // TRIM(x, chars)
		x.X = first
	default:
		x.X = first
	}
	p.expectOp(")")
	x.Span = p.from(start)
	return x
}

// startsOperand tells whether a token behind a word such as KEY or LEADING begins
// the operand that the word introduces; otherwise the word is a name.
func startsOperand(t *token) bool {
	return t.kind != tokenOp || t.text == "(" || t.text == "-" || t.text == "+"
}
