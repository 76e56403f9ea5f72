package sql

// matchRecognize reads MATCH_RECOGNIZE (...) behind its input.
func (p *parser) matchRecognize(input TableExpr, start Pos) *MatchRecognize {
	m := &MatchRecognize{Input: input}
	p.expect("MATCH_RECOGNIZE")
	p.expectOp("(")
	if p.accept("PARTITION", "BY") {
		m.PartitionBy = p.exprList()
	}
	if p.accept("ORDER", "BY") {
		m.OrderBy = p.orderItems()
	}
	if p.accept("MEASURES") {
		m.Measures = []*Measure{p.measure()}
		for p.acceptOp(",") {
			m.Measures = append(m.Measures, p.measure())
		}
	}
	if p.accept("ONE", "ROW", "PER", "MATCH") {
		m.Rows = OneRow
	} else if p.accept("ALL", "ROWS", "PER", "MATCH") {
		m.Rows = AllRows
	}
	if p.is("AFTER") {
		m.After = p.afterMatch()
	}
	p.matchPattern(m)
	if p.accept("WITHIN") {
		at := p.tok().Span
		within, is := p.primary().(*IntervalLit)
		if !is {
			p.fail(at, "expected an INTERVAL literal behind WITHIN")
		}
		m.Within = within
	}
	if p.accept("SUBSET") {
		m.Subsets = []*Subset{p.subset()}
		for p.acceptOp(",") {
			m.Subsets = append(m.Subsets, p.subset())
		}
	}
	p.expect("DEFINE")
	m.Defines = []*Define{p.define()}
	for p.acceptOp(",") {
		m.Defines = append(m.Defines, p.define())
	}
	p.expectOp(")", quote(","))
	m.Span = p.from(start)
	return m
}

func (p *parser) measure() *Measure {
	start := p.pos()
	m := &Measure{X: p.expr()}
	p.expect("AS")
	m.Name = p.ident("a name")
	m.Span = p.from(start)
	return m
}

func (p *parser) define() *Define {
	start := p.pos()
	d := &Define{Name: p.ident("a pattern variable")}
	p.expect("AS")
	d.X = p.expr()
	d.Span = p.from(start)
	return d
}

func (p *parser) subset() *Subset {
	start := p.pos()
	s := &Subset{Name: p.ident("a name")}
	p.expectOp("=")
	s.Vars = p.identList("a pattern variable")
	s.Span = p.from(start)
	return s
}

func (p *parser) afterMatch() *AfterMatch {
	start := p.pos()
	p.expect("AFTER", "MATCH", "SKIP")
	a := &AfterMatch{}
	switch {
	case p.accept("TO", "NEXT", "ROW"):
	case p.accept("PAST", "LAST", "ROW"):
		a.Kind = SkipPastLastRow
	case p.accept("TO"):
		a.Kind = SkipToLast
		if p.is("FIRST") && isName(p.peek(1)) && !p.is("FIRST", "PATTERN") {
			p.i++
			a.Kind = SkipToFirst
		} else if p.is("LAST") && isName(p.peek(1)) && !p.is("LAST", "PATTERN") {
			p.i++
		}
		a.Var = p.ident("a pattern variable")
	default:
		p.unexpected("TO NEXT ROW", "PAST LAST ROW", "TO FIRST", "TO LAST")
	}
	a.Span = p.from(start)
	return a
}

// matchPattern reads PATTERN ([^] pattern [$]).
func (p *parser) matchPattern(m *MatchRecognize) {
	p.expect("PATTERN")
	p.expectOp("(")
	m.StartAnchor = p.acceptOp("^")
	m.Pattern = p.patternAlt()
	m.EndAnchor = p.acceptOp("$")
	p.expectOp(")", "a pattern variable")
}

func (p *parser) patternAlt() Pattern {
	p.enter()
	start := p.pos()
	items := []Pattern{p.patternSeq()}
	for p.acceptOp("|") {
		items = append(items, p.patternSeq())
	}
	p.leave()
	if len(items) == 1 {
		return items[0]
	}
	return &PatternAlt{Span: p.from(start), Items: items}
}

func (p *parser) patternSeq() Pattern {
	start := p.pos()
	items := []Pattern{p.patternRepeat()}
	for isName(p.tok()) || p.isOp("(") || p.isOp("{") {
		items = append(items, p.patternRepeat())
	}
	if len(items) == 1 {
		return items[0]
	}
	return &PatternSeq{Span: p.from(start), Items: items}
}

// patternRepeat reads a factor and its quantifier.
func (p *parser) patternRepeat() Pattern {
	start := p.pos()
	x := p.patternFactor()
	r := &PatternRepeat{X: x, Max: -1}
	switch {
	case p.acceptOp("*"):
	case p.acceptOp("+"):
		r.Min = 1
	case p.acceptOp("?"):
		r.Max = 1
	case p.isOp("{") && !isOp(p.peek(1), "-"):
		p.i++
		p.repeatBounds(r)
	default:
		return x
	}
	r.Reluctant = p.acceptOp("?")
	r.Span = p.from(start)
	return r
}

// repeatBounds reads n}, n,}, n,m} or ,m}.
func (p *parser) repeatBounds(r *PatternRepeat) {
	at := p.tok().Span
	if !p.isOp(",") {
		r.Min = p.smallInt("a number of repetitions")
		r.Max = r.Min
	}
	if p.acceptOp(",") {
		r.Max = -1
		if !p.isOp("}") {
			r.Max = p.smallInt("a number of repetitions")
		}
	}
	p.expectOp("}")
	if r.Max >= 0 && r.Max < r.Min || r.Max == 0 {
		p.fail(at, "a repetition needs an upper bound of at least 1 and at least its lower bound")
	}
}

func (p *parser) patternFactor() Pattern {
	start := p.pos()
	switch {
	case p.is("PERMUTE") && isOp(p.peek(1), "("):
		p.i += 2
		x := &PatternPermute{Items: []Pattern{p.patternAlt()}}
		for p.acceptOp(",") {
			x.Items = append(x.Items, p.patternAlt())
		}
		p.expectOp(")", quote(","))
		x.Span = p.from(start)
		return x
	case p.acceptOp("("):
		x := p.patternAlt()
		p.expectOp(")")
		return x
	case p.isOp("{") && isOp(p.peek(1), "-"):
		p.i += 2
		x := &PatternExclude{X: p.patternAlt()}
		p.expectOp("-")
		p.expectOp("}")
		x.Span = p.from(start)
		return x
	}
	id := p.ident("a pattern variable")
	return &PatternVar{Span: id.Span, Name: id}
}
