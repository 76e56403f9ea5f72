package sql

// fromClause reads the items of FROM. JOIN binds tighter than the comma.
func (p *parser) fromClause() TableExpr {
	start := p.pos()
	left := p.joins()
	for p.acceptOp(",") {
		right := p.joins()
		left = &Join{Span: p.from(start), Kind: CommaJoin, Left: left, Right: right}
		p.step()
	}
	return left
}

// joins reads a table and the joins behind it.
func (p *parser) joins() TableExpr {
	start := p.pos()
	left := p.table()
	for {
		j := p.joinHead()
		if j == nil {
			return left
		}
		j.Left = left
		j.Right = p.table()
		p.joinCondition(j)
		j.Span = p.from(start)
		left = j
		p.step()
	}
}

// joinHead reads the words up to JOIN; nil when no join follows.
func (p *parser) joinHead() *Join {
	j := &Join{}
	if p.accept("NATURAL") {
		j.Natural = true
	}
	switch {
	case p.accept("INNER"):
	case p.accept("LEFT"):
		j.Kind = LeftJoin
		switch {
		case p.accept("SEMI"):
			j.Kind = SemiJoin
		case p.accept("ANTI"):
			j.Kind = AntiJoin
		default:
			p.accept("OUTER")
		}
	case p.accept("RIGHT"):
		j.Kind = RightJoin
		p.accept("OUTER")
	case p.accept("FULL"):
		j.Kind = FullJoin
		p.accept("OUTER")
	case p.is("CROSS") && !j.Natural:
		p.i++
		j.Kind = CrossJoin
	case p.is("JOIN"):
	case j.Natural:
		p.unexpected("JOIN")
	default:
		return nil
	}
	p.expect("JOIN")
	return j
}

func (p *parser) joinCondition(j *Join) {
	switch {
	case j.Natural || j.Kind == CrossJoin:
		if p.is("ON") && p.peek(1).word != "CONFLICT" || p.is("USING") {
			p.fail(p.tok().Span, "a CROSS or NATURAL join has no condition")
		}
	case p.is("ON") && p.peek(1).word != "CONFLICT":
		p.i++
		j.On = p.expr()
	case p.accept("USING"):
		j.Using = p.identList("a column name")
	default:
		p.unexpected("ON", "USING")
	}
}

// table reads one table of FROM with what may follow it.
func (p *parser) table() TableExpr {
	p.enter()
	start := p.pos()
	t, alias := p.tablePrimary(start)
	if alias != nil {
		*alias = p.tableAlias()
		setEnd(t, p.from(start))
	}
	for p.is("MATCH_RECOGNIZE") {
		m := p.matchRecognize(t, start)
		m.Alias = p.tableAlias()
		m.Span = p.from(start)
		t = m
		p.step()
	}
	p.leave()
	return t
}

// setEnd widens a table's span over its alias.
func setEnd(t TableExpr, at Span) {
	switch t := t.(type) {
	case *TableName:
		t.Span = at
	case *Derived:
		t.Span = at
	case *TableFunc:
		t.Span = at
	case *Unnest:
		t.Span = at
	}
}

// tablePrimary reads a table without its alias. It returns where the alias goes,
// nil where none may stand.
func (p *parser) tablePrimary(start Pos) (TableExpr, **TableAlias) {
	lateral := p.accept("LATERAL")
	switch {
	case p.is("UNNEST"):
		return p.unnest(start)
	case p.is("TABLE") && isOp(p.peek(1), "("):
		p.i += 2
		at := p.tok().Span
		x := p.nameCall()
		if x == nil {
			p.fail(at, "expected a call of a table function in the parentheses behind TABLE")
		}
		p.expectOp(")")
		f := &TableFunc{Span: p.from(start), Lateral: lateral, Call: x}
		return f, &f.Alias
	case p.isOp("("):
		return p.tableParen(start, lateral)
	case isName(p.tok()):
		return p.tableName(start, lateral)
	}
	if t := p.tok(); t.kind == tokenWord {
		p.ident("a table") // reports the reserved word
	}
	p.unexpected("a table", quote("("), "UNNEST", "LATERAL")
	return nil, nil
}

// nameCall reads the call of a table function, or returns nil when no name with
// an opening parenthesis is next.
func (p *parser) nameCall() *Call {
	if !isName(p.tok()) {
		return nil
	}
	n := p.name("the name of a function")
	if !p.isOp("(") {
		return nil
	}
	return tableCall(p.call(n))
}

// tableCall turns the queries among a table function's arguments into table
// arguments.
func tableCall(c *Call) *Call {
	for i, a := range c.Args {
		switch a := a.(type) {
		case *Subquery:
			c.Args[i] = &TableArg{Span: a.Span, Query: a.Query}
		case *NamedArg:
			if s, is := a.X.(*Subquery); is {
				a.X = &TableArg{Span: s.Span, Query: s.Query}
			}
		}
	}
	return c
}

func (p *parser) tableName(start Pos, lateral bool) (TableExpr, **TableAlias) {
	n := p.name("a table")
	if p.isOp("(") {
		f := &TableFunc{Lateral: lateral, Call: tableCall(p.call(n))}
		f.Span = p.from(start)
		return f, &f.Alias
	}
	if lateral {
		p.unexpected(quote("("))
	}
	t := &TableName{Name: n}
	t.Hints = p.hints()
	if p.is("FOR") {
		p.i++
		if !p.accept("SYSTEM_TIME") {
			p.unexpected("SYSTEM_TIME")
		}
		p.expect("AS", "OF")
		t.AsOf = p.exprPrec(precAdd)
		if t.Hints == nil {
			t.Hints = p.hints()
		}
	}
	t.Span = p.from(start)
	return t, &t.Alias
}

// tableParen reads (query) or a join in parentheses.
func (p *parser) tableParen(start Pos, lateral bool) (TableExpr, **TableAlias) {
	p.expectOp("(")
	if p.atQuery() {
		return p.derived(start, lateral, p.query())
	}
	t := p.fromClause()
	d, is := t.(*Derived)
	if is && d.Alias == nil && !d.Lateral && p.atQueryTail() {
		// ((SELECT ...) UNION ...): what was read is the first operand of a query.
		return p.derived(start, lateral, p.queryFrom(&Nested{Span: d.Span, Query: d.Query}))
	}
	p.expectOp(")")
	if is && d.Alias == nil {
		d.Lateral = d.Lateral || lateral
		d.Span = p.from(start)
		return d, &d.Alias
	}
	if lateral {
		p.fail(p.from(start), "LATERAL needs a query or TABLE(f(...)) behind it")
	}
	return t, aliasOf(t)
}

func (p *parser) derived(start Pos, lateral bool, q *Query) (TableExpr, **TableAlias) {
	p.expectOp(")")
	d := &Derived{Span: p.from(start), Lateral: lateral, Query: q}
	return d, &d.Alias
}

// aliasOf returns where the alias of a table in parentheses goes, nil when it has
// one already or cannot have one.
func aliasOf(t TableExpr) **TableAlias {
	var a **TableAlias
	switch t := t.(type) {
	case *TableName:
		a = &t.Alias
	case *TableFunc:
		a = &t.Alias
	case *Unnest:
		a = &t.Alias
	}
	if a == nil || *a != nil {
		return nil
	}
	return a
}

func (p *parser) unnest(start Pos) (TableExpr, **TableAlias) {
	p.expect("UNNEST")
	p.expectOp("(")
	u := &Unnest{}
	list, query := p.parenBody()
	u.Exprs = list
	if query != nil {
		u.Exprs = []Expr{&Subquery{Span: query.Span, Query: query}}
	}
	if p.accept("WITH") {
		p.expect("ORDINALITY")
		u.Ordinality = true
	}
	u.Span = p.from(start)
	return u, &u.Alias
}

// tableAlias reads [AS] name [(columns)], or returns nil.
func (p *parser) tableAlias() *TableAlias {
	start := p.pos()
	if !p.accept("AS") && !isName(p.tok()) {
		return nil
	}
	a := &TableAlias{Name: p.ident("a name")}
	if p.isOp("(") {
		a.Columns = p.identList("a column name")
	}
	a.Span = p.from(start)
	return a
}
