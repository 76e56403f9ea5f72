package sql

// jsonCall reads a call of one of the JSON_ functions with their clauses.
func (p *parser) jsonCall() Expr {
	word := p.tok().word
	c := p.openCall()
	switch {
	case p.isOp(")"), p.is("NULL", "ON", "NULL"), p.is("ABSENT", "ON", "NULL"):
	case word == "JSON_OBJECT" || word == "JSON_OBJECTAGG":
		p.jsonPair(c)
		for p.acceptOp(",") {
			p.jsonPair(c)
		}
	default:
		c.Args = append(c.Args, p.arg())
		for p.acceptOp(",") {
			c.Args = append(c.Args, p.arg())
		}
	}
	if p.accept("ORDER", "BY") {
		c.OrderBy = p.orderItems()
	}
	p.jsonClauses(c)
	if j := c.JSON; j != nil && constructsJSON(word) && (j.Returning != nil || j.Wrapper != "" || j.OnEmpty != nil || j.OnError != nil) {
		p.fail(j.Span, "%s takes NULL ON NULL or ABSENT ON NULL only", word)
	}
	p.expectOp(")", quote(","))
	return p.callTail(c)
}

// constructsJSON tells of functions that make JSON of values, not values of JSON.
func constructsJSON(word string) bool {
	switch word {
	case "JSON_OBJECT", "JSON_ARRAY", "JSON_OBJECTAGG", "JSON_ARRAYAGG":
		return true
	}
	return false
}

// jsonPair reads [KEY] k VALUE v or k : v.
func (p *parser) jsonPair(c *Call) {
	if p.is("KEY") && p.keyIsKeyword() {
		p.i++
	}
	c.Args = append(c.Args, p.expr())
	if !p.accept("VALUE") && !p.acceptOp(":") {
		p.unexpected("VALUE")
	}
	c.Args = append(c.Args, p.expr())
}

// keyIsKeyword tells whether KEY introduces a key here and is not itself the name
// of the column that is the key: KEY value VALUE x against key VALUE value.
func (p *parser) keyIsKeyword() bool {
	if p.peek(1).word != "VALUE" {
		return startsOperand(p.peek(1))
	}
	last := p.peek(3)
	return p.peek(2).word == "VALUE" && startsOperand(last) && last.kind != tokenEOF && p.peek(4).word != "ON"
}

// jsonClauses reads RETURNING, WRAPPER, ON EMPTY, ON ERROR and ON NULL.
func (p *parser) jsonClauses(c *Call) {
	start := p.pos()
	j := &JSONClause{}
	for p.jsonClause(j) {
		j.Span = p.from(start)
		c.JSON = j
	}
}

// jsonClause reads one clause; false when there is none.
func (p *parser) jsonClause(j *JSONClause) bool {
	switch {
	case p.is("NULL", "ON", "NULL"), p.is("ABSENT", "ON", "NULL"):
		p.once(j.OnNull != "", "ON NULL")
		j.OnNull = p.next().word
		p.i += 2
	case p.accept("RETURNING"):
		p.once(j.Returning != nil, "RETURNING")
		j.Returning = p.typeSpec()
	case p.accept("WITHOUT"):
		p.once(j.Wrapper != "", "WRAPPER")
		p.accept("ARRAY")
		p.expect("WRAPPER")
		j.Wrapper = "WITHOUT ARRAY"
	case p.accept("WITH"):
		p.once(j.Wrapper != "", "WRAPPER")
		mode := "UNCONDITIONAL"
		if p.isAny("CONDITIONAL", "UNCONDITIONAL") {
			mode = p.next().word
		}
		p.accept("ARRAY")
		p.expect("WRAPPER")
		j.Wrapper = "WITH " + mode + " ARRAY"
	default:
		b := p.jsonBehavior()
		if b == nil {
			return false
		}
		switch {
		case p.accept("ON", "EMPTY"):
			p.once(j.OnEmpty != nil, "ON EMPTY")
			j.OnEmpty = b
		case p.accept("ON", "ERROR"):
			p.once(j.OnError != nil, "ON ERROR")
			j.OnError = b
		default:
			p.unexpected("ON EMPTY", "ON ERROR")
		}
	}
	return true
}

// jsonBehavior reads what stands before ON EMPTY and ON ERROR, or returns nil.
func (p *parser) jsonBehavior() *JSONBehavior {
	start := p.pos()
	b := &JSONBehavior{}
	switch {
	case p.isAny("NULL", "ERROR", "TRUE", "FALSE", "UNKNOWN"):
		b.Kind = p.next().word
	case p.accept("EMPTY"):
		b.Kind = "EMPTY ARRAY"
		if p.isAny("ARRAY", "OBJECT") {
			b.Kind = "EMPTY " + p.next().word
		}
	case p.accept("DEFAULT"):
		b.Kind = "DEFAULT"
		b.X = p.expr()
	default:
		return nil
	}
	b.Span = p.from(start)
	return b
}

// once refuses a clause that was already given.
func (p *parser) once(given bool, what string) {
	if given {
		p.fail(p.tok().Span, "%s is given twice", what)
	}
}
