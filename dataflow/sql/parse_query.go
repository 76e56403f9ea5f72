package sql

import "strings"

// atQuery tells whether a query starts here, other than with a parenthesis.
func (p *parser) atQuery() bool {
	switch {
	case p.isAny("SELECT", "VALUES", "WITH"):
		return true
	case p.is("TABLE"):
		return !isOp(p.peek(1), "(")
	}
	return false
}

// atQueryTail tells whether the next token goes on with a query whose first
// operand is complete.
func (p *parser) atQueryTail() bool {
	return p.isAny("UNION", "INTERSECT", "EXCEPT", "MINUS", "ORDER", "LIMIT", "OFFSET", "FETCH")
}

// query reads a whole query expression.
func (p *parser) query() *Query {
	p.enter()
	start := p.pos()
	var with []*CTE
	if p.accept("WITH") {
		if p.is("RECURSIVE") && isName(p.peek(1)) {
			p.fail(p.tok().Span, "WITH RECURSIVE is not supported")
		}
		with = append(with, p.cte())
		for p.acceptOp(",") {
			with = append(with, p.cte())
		}
	}
	q := p.queryFrom(nil)
	q.With = with
	q.Span = p.from(start)
	p.leave()
	return q
}

// queryFrom reads a query without WITH. A first operand that was already read may
// be given.
func (p *parser) queryFrom(first QueryBody) *Query {
	start := p.pos()
	if first != nil {
		start = first.Pos()
	}
	q := &Query{Body: p.unionBody(first)}
	if p.accept("ORDER") {
		p.expect("BY")
		q.OrderBy = p.orderItems()
	}
	p.limits(q)
	q.Span = p.from(start)
	return q
}

// limits reads LIMIT, OFFSET and FETCH in any order.
func (p *parser) limits(q *Query) {
	limited := false
	for {
		at := p.tok().Span
		switch {
		case p.is("LIMIT"):
			p.once(limited, "LIMIT")
			p.i++
			limited = true
			if p.accept("ALL") {
				continue
			}
			q.Limit = p.exprPrec(precAdd)
			if p.acceptOp(",") {
				p.once(q.Offset != nil, "OFFSET")
				q.Offset, q.Limit = q.Limit, p.exprPrec(precAdd)
			}
		case p.is("OFFSET"):
			p.once(q.Offset != nil, "OFFSET")
			p.i++
			q.Offset = p.exprPrec(precAdd)
			if !p.accept("ROWS") {
				p.accept("ROW")
			}
		case p.is("FETCH"):
			p.once(limited, "LIMIT")
			p.i++
			limited = true
			if !p.accept("FIRST") {
				p.expect("NEXT")
			}
			if p.isAny("ROW", "ROWS") {
				q.Limit = &NumberLit{Span: at, Kind: Integer, Text: "1"}
			} else {
				q.Limit = p.exprPrec(precAdd)
			}
			if !p.accept("ROWS") {
				p.expect("ROW")
			}
			p.expect("ONLY")
		default:
			return
		}
	}
}

func (p *parser) cte() *CTE {
	start := p.pos()
	c := &CTE{Name: p.ident("a name")}
	if p.isOp("(") {
		c.Columns = p.identList("a column name")
	}
	p.expect("AS")
	p.expectOp("(")
	_, c.Query = p.parenBody()
	if c.Query == nil {
		p.fail(p.from(start), "expected a query in the parentheses behind AS")
	}
	c.Span = p.from(start)
	return c
}

// unionBody reads operands joined by UNION and EXCEPT; INTERSECT binds tighter.
func (p *parser) unionBody(first QueryBody) QueryBody {
	left := p.intersectBody(first)
	for {
		s := &SetOp{Left: left}
		switch {
		case p.accept("UNION"):
			s.Kind = Union
		case p.accept("EXCEPT"), p.accept("MINUS"):
			s.Kind = Except
		default:
			return left
		}
		s.All = p.setQuantifier()
		s.Right = p.intersectBody(nil)
		s.Span = p.from(left.Pos())
		left = s
		p.step()
	}
}

func (p *parser) intersectBody(first QueryBody) QueryBody {
	left := first
	if left == nil {
		left = p.operand()
	}
	for p.accept("INTERSECT") {
		s := &SetOp{Kind: Intersect, Left: left, All: p.setQuantifier()}
		s.Right = p.operand()
		s.Span = p.from(left.Pos())
		left = s
		p.step()
	}
	return left
}

func (p *parser) setQuantifier() bool {
	if p.accept("ALL") {
		return true
	}
	p.accept("DISTINCT")
	return false
}

// operand reads SELECT, VALUES, TABLE t or a query in parentheses.
func (p *parser) operand() QueryBody {
	start := p.pos()
	switch {
	case p.is("SELECT"):
		return p.selectBody()
	case p.is("VALUES"):
		return p.values()
	case p.accept("TABLE"):
		n := p.name("the name of a table")
		return &ExplicitTable{Span: p.from(start), Name: n}
	case p.acceptOp("("):
		q := p.query()
		p.expectOp(")")
		return &Nested{Span: p.from(start), Query: q}
	}
	p.unexpected("SELECT", "VALUES", "TABLE", "WITH", quote("("))
	return nil
}

func (p *parser) values() QueryBody {
	start := p.pos()
	p.expect("VALUES")
	v := &Values{Rows: []*ValuesRow{p.valuesRow()}}
	for p.acceptOp(",") {
		v.Rows = append(v.Rows, p.valuesRow())
	}
	v.Span = p.from(start)
	return v
}

// valuesRow reads (a, b), ROW(a, b) or a single expression.
func (p *parser) valuesRow() *ValuesRow {
	start := p.pos()
	r := &ValuesRow{}
	if p.is("ROW") && isOp(p.peek(1), "(") {
		p.i++
	}
	if p.acceptOp("(") {
		list, query := p.parenBody()
		if query != nil {
			list = []Expr{&Subquery{Span: query.Span, Query: query}}
		}
		r.Exprs = list
	} else {
		r.Exprs = []Expr{p.expr()}
	}
	r.Span = p.from(start)
	return r
}

func (p *parser) selectBody() QueryBody {
	start := p.pos()
	p.expect("SELECT")
	s := &Select{Hints: p.hints()}
	if p.accept("DISTINCT") {
		s.Distinct = true
	} else {
		p.accept("ALL")
	}
	s.Items = []*SelectItem{p.selectItem()}
	for p.acceptOp(",") {
		s.Items = append(s.Items, p.selectItem())
	}
	if p.accept("FROM") {
		s.From = p.fromClause()
	}
	if p.accept("WHERE") {
		s.Where = p.expr()
	}
	if p.is("GROUP") {
		s.GroupBy = p.groupBy()
	}
	if p.accept("HAVING") {
		s.Having = p.expr()
	}
	if p.accept("WINDOW") {
		s.Windows = []*NamedWindow{p.namedWindow()}
		for p.acceptOp(",") {
			s.Windows = append(s.Windows, p.namedWindow())
		}
	}
	if p.accept("QUALIFY") {
		s.Qualify = p.expr()
	}
	s.Span = p.from(start)
	return s
}

func (p *parser) selectItem() *SelectItem {
	start := p.pos()
	item := &SelectItem{X: p.starOrExpr()}
	switch {
	case p.accept("AS"):
		item.Alias = p.ident("a name behind AS")
	case isName(p.tok()):
		item.Alias = p.ident("a name")
	}
	item.Span = p.from(start)
	return item
}

func (p *parser) namedWindow() *NamedWindow {
	start := p.pos()
	w := &NamedWindow{Name: p.ident("a window name")}
	p.expect("AS")
	w.Spec = p.windowSpec()
	w.Span = p.from(start)
	return w
}

func (p *parser) groupBy() *GroupBy {
	start := p.pos()
	p.expect("GROUP", "BY")
	g := &GroupBy{}
	if p.accept("DISTINCT") {
		g.Distinct = true
	} else {
		p.accept("ALL")
	}
	g.Items = p.groupItems()
	g.Span = p.from(start)
	return g
}

func (p *parser) groupItems() []*GroupItem {
	items := []*GroupItem{p.groupItem()}
	for p.acceptOp(",") {
		items = append(items, p.groupItem())
	}
	return items
}

func (p *parser) groupItem() *GroupItem {
	p.enter()
	start := p.pos()
	g := &GroupItem{}
	switch {
	case p.is("GROUPING", "SETS"):
		p.i += 2
		g.Kind = GroupSets
		g.Items = p.groupItemList()
	case p.is("ROLLUP") && isOp(p.peek(1), "("):
		p.i++
		g.Kind = GroupRollup
		g.Items = p.groupItemList()
	case p.is("CUBE") && isOp(p.peek(1), "("):
		p.i++
		g.Kind = GroupCube
		g.Items = p.groupItemList()
	case p.isOp("(") && isOp(p.peek(1), ")"):
		p.i += 2
		g.Kind = GroupSet
	default:
		row := p.isOp("(")
		g.X = p.expr()
		if c, is := g.X.(*Constructor); is && row && c.Kind == RowOf && c.Start == start {
			*g = GroupItem{Kind: GroupSet, Exprs: c.Elems}
		}
	}
	g.Span = p.from(start)
	p.leave()
	return g
}

func (p *parser) groupItemList() []*GroupItem {
	p.expectOp("(")
	items := p.groupItems()
	p.expectOp(")", quote(","))
	return items
}

// hints reads /*+ NAME(args), ... */ if it comes next.
func (p *parser) hints() []*Hint {
	var list []*Hint
	for p.tok().kind == tokenHintBegin {
		p.i++
		for p.tok().kind != tokenHintEnd {
			list = append(list, p.hint())
			p.acceptOp(",")
		}
		p.i++
	}
	return list
}

func (p *parser) hint() *Hint {
	start := p.pos()
	t := p.tok()
	if t.kind != tokenWord && t.kind != tokenQuoted {
		p.unexpected("the name of a hint", "*/")
	}
	p.i++
	h := &Hint{Name: t.word}
	if t.kind == tokenQuoted {
		h.Name = strings.ToUpper(t.text)
	}
	if p.acceptOp("(") {
		for !p.isOp(")") {
			h.Args = append(h.Args, p.hintArg())
			if !p.acceptOp(",") {
				break
			}
		}
		p.expectOp(")", quote(","))
	}
	h.Span = p.from(start)
	return h
}

func (p *parser) hintArg() *HintArg {
	start := p.pos()
	a := &HintArg{}
	a.Value, a.Literal = p.hintValue()
	if p.acceptOp("=") {
		a.HasKey = true
		a.Key = a.Value
		a.Value, a.Literal = p.hintValue()
	}
	a.Span = p.from(start)
	return a
}

// hintValue reads a literal or a dotted name.
func (p *parser) hintValue() (value string, literal bool) {
	switch t := p.tok(); t.kind {
	case tokenString:
		return p.stringTokens().Value, true
	case tokenNumber:
		p.i++
		return t.text, true
	case tokenWord, tokenQuoted:
		s := p.fieldIdent().Name
		for p.acceptOp(".") {
			s += "." + p.fieldIdent().Name
		}
		return s, false
	}
	p.unexpected("a literal", "a name")
	return "", false
}
