package sql

import "strconv"

func itoa(n int) string { return strconv.Itoa(n) }

func (p *printer) query(q *Query) {
	if len(q.With) > 0 {
		p.w("WITH ")
		list(p, q.With, func(c *CTE) {
			p.ident(c.Name)
			if len(c.Columns) > 0 {
				p.w(" ")
				p.idents(c.Columns)
			}
			p.w(" AS (")
			p.query(c.Query)
			p.w(")")
		})
		p.w(" ")
	}
	p.body(q.Body)
	if len(q.OrderBy) > 0 {
		p.w(" ORDER BY ")
		list(p, q.OrderBy, p.orderItem)
	}
	if q.Limit != nil {
		p.w(" LIMIT ")
		p.expr(q.Limit, precAdd)
	}
	if q.Offset != nil {
		p.w(" OFFSET ")
		p.expr(q.Offset, precAdd)
	}
}

// bodyPrec ranks query bodies: set operations bind loosest.
func bodyPrec(b QueryBody) int {
	if s, is := b.(*SetOp); is {
		if s.Kind == Intersect {
			return 1
		}
		return 0
	}
	return 2
}

func (p *printer) bodyIn(b QueryBody, min int) {
	if bodyPrec(b) < min {
		p.w("(")
		p.body(b)
		p.w(")")
		return
	}
	p.body(b)
}

func (p *printer) body(b QueryBody) {
	switch b := b.(type) {
	case *Select:
		p.selectBody(b)
	case *SetOp:
		level := bodyPrec(b)
		p.bodyIn(b.Left, level)
		p.w(" ", []string{"UNION", "INTERSECT", "EXCEPT"}[b.Kind], " ")
		p.when(b.All, "ALL ")
		p.bodyIn(b.Right, level+1)
	case *Values:
		p.w("VALUES ")
		list(p, b.Rows, func(r *ValuesRow) { p.listOrQuery(r.Exprs, nil) })
	case *ExplicitTable:
		p.w("TABLE ")
		p.name(b.Name)
	case *Nested:
		p.listOrQuery(nil, b.Query)
	}
}

func (p *printer) selectBody(s *Select) {
	p.w("SELECT")
	p.hints(s.Hints)
	p.w(" ")
	p.when(s.Distinct, "DISTINCT ")
	list(p, s.Items, p.selectItem)
	if s.From != nil {
		p.w(" FROM ")
		p.table(s.From)
	}
	if s.Where != nil {
		p.w(" WHERE ")
		p.top(s.Where)
	}
	if s.GroupBy != nil {
		p.w(" ")
		p.groupBy(s.GroupBy)
	}
	if s.Having != nil {
		p.w(" HAVING ")
		p.top(s.Having)
	}
	if len(s.Windows) > 0 {
		p.w(" WINDOW ")
		list(p, s.Windows, func(w *NamedWindow) {
			p.ident(w.Name)
			p.w(" AS ")
			p.windowSpec(w.Spec)
		})
	}
	if s.Qualify != nil {
		p.w(" QUALIFY ")
		p.top(s.Qualify)
	}
}

func (p *printer) selectItem(i *SelectItem) {
	p.top(i.X)
	if i.Alias != nil {
		p.w(" AS ")
		p.ident(i.Alias)
	}
}

func (p *printer) groupBy(g *GroupBy) {
	p.w("GROUP BY ")
	p.when(g.Distinct, "DISTINCT ")
	list(p, g.Items, p.groupItem)
}

func (p *printer) groupItem(g *GroupItem) {
	switch g.Kind {
	case GroupExpr:
		p.top(g.X)
		return
	case GroupSet:
		p.listOrQuery(g.Exprs, nil)
		return
	case GroupRollup:
		p.w("ROLLUP (")
	case GroupCube:
		p.w("CUBE (")
	case GroupSets:
		p.w("GROUPING SETS (")
	}
	list(p, g.Items, p.groupItem)
	p.w(")")
}

func (p *printer) hints(hs []*Hint) {
	if len(hs) == 0 {
		return
	}
	p.w(" /*+ ")
	list(p, hs, p.hint)
	p.w(" */")
}

func (p *printer) hint(h *Hint) {
	p.w(QuoteIdent(h.Name))
	if len(h.Args) == 0 {
		return
	}
	p.w("(")
	list(p, h.Args, func(a *HintArg) {
		if a.HasKey {
			p.w(QuoteString(a.Key), " = ")
		}
		if a.Literal {
			p.w(QuoteString(a.Value))
		} else {
			p.w(QuoteIdent(a.Value))
		}
	})
	p.w(")")
}

func (p *printer) alias(a *TableAlias) {
	if a == nil {
		return
	}
	p.w(" AS ")
	p.ident(a.Name)
	if len(a.Columns) > 0 {
		p.w(" ")
		p.idents(a.Columns)
	}
}

func (p *printer) table(t TableExpr) {
	switch t := t.(type) {
	case *TableName:
		p.name(t.Name)
		p.hints(t.Hints)
		if t.AsOf != nil {
			p.w(" FOR SYSTEM_TIME AS OF ")
			p.expr(t.AsOf, precAdd)
		}
		p.alias(t.Alias)
	case *Derived:
		p.when(t.Lateral, "LATERAL ")
		p.listOrQuery(nil, t.Query)
		p.alias(t.Alias)
	case *TableFunc:
		p.when(t.Lateral, "LATERAL ")
		p.w("TABLE(")
		p.call(t.Call)
		p.w(")")
		p.alias(t.Alias)
	case *Unnest:
		p.w("UNNEST")
		p.listOrQuery(t.Exprs, nil)
		p.when(t.Ordinality, " WITH ORDINALITY")
		p.alias(t.Alias)
	case *Join:
		p.join(t)
	case *MatchRecognize:
		p.match(t)
	}
}

// joinOperand writes a side of a join, in parentheses where it is a join itself
// that would not be read that way without them.
func (p *printer) joinOperand(t TableExpr, paren bool) {
	if paren {
		p.w("(")
		p.table(t)
		p.w(")")
		return
	}
	p.table(t)
}

func (p *printer) join(j *Join) {
	left, leftJoin := j.Left.(*Join)
	right, rightJoin := j.Right.(*Join)
	if j.Kind == CommaJoin {
		p.joinOperand(j.Left, false)
		p.w(", ")
		p.joinOperand(j.Right, rightJoin && right.Kind == CommaJoin)
		return
	}
	p.joinOperand(j.Left, leftJoin && left.Kind == CommaJoin)
	p.w(" ")
	p.when(j.Natural, "NATURAL ")
	p.w([]string{"INNER", "LEFT", "RIGHT", "FULL", "CROSS", "", "LEFT SEMI", "LEFT ANTI"}[j.Kind], " JOIN ")
	p.joinOperand(j.Right, rightJoin)
	switch {
	case j.On != nil:
		p.w(" ON ")
		p.top(j.On)
	case j.Using != nil:
		p.w(" USING ")
		p.idents(j.Using)
	}
}

func (p *printer) match(m *MatchRecognize) {
	_, isJoin := m.Input.(*Join)
	p.joinOperand(m.Input, isJoin)
	p.w(" MATCH_RECOGNIZE (")
	if len(m.PartitionBy) > 0 {
		p.w("PARTITION BY ")
		list(p, m.PartitionBy, p.top)
		p.w(" ")
	}
	if len(m.OrderBy) > 0 {
		p.w("ORDER BY ")
		list(p, m.OrderBy, p.orderItem)
		p.w(" ")
	}
	if len(m.Measures) > 0 {
		p.w("MEASURES ")
		list(p, m.Measures, func(x *Measure) {
			p.top(x.X)
			p.w(" AS ")
			p.ident(x.Name)
		})
		p.w(" ")
	}
	p.w([]string{"", "ONE ROW PER MATCH ", "ALL ROWS PER MATCH "}[m.Rows])
	if m.After != nil {
		p.w("AFTER MATCH SKIP ", []string{"TO NEXT ROW", "PAST LAST ROW", "TO FIRST ", "TO LAST "}[m.After.Kind])
		if m.After.Var != nil {
			p.ident(m.After.Var)
		}
		p.w(" ")
	}
	p.w("PATTERN (")
	p.when(m.StartAnchor, "^ ")
	p.pattern(m.Pattern, 0)
	p.when(m.EndAnchor, " $")
	p.w(")")
	if m.Within != nil {
		p.w(" WITHIN ")
		p.top(m.Within)
	}
	if len(m.Subsets) > 0 {
		p.w(" SUBSET ")
		list(p, m.Subsets, func(s *Subset) {
			p.ident(s.Name)
			p.w(" = ")
			p.idents(s.Vars)
		})
	}
	p.w(" DEFINE ")
	list(p, m.Defines, func(d *Define) {
		p.ident(d.Name)
		p.w(" AS ")
		p.top(d.X)
	})
	p.w(")")
	p.alias(m.Alias)
}

// pattern writes a pattern; level 1 is inside a sequence, 2 under a quantifier.
func (p *printer) pattern(x Pattern, level int) {
	switch x := x.(type) {
	case *PatternVar:
		p.ident(x.Name)
	case *PatternAlt:
		p.patternItems(x.Items, " | ", 1, level > 0)
	case *PatternSeq:
		p.patternItems(x.Items, " ", 2, level > 1)
	case *PatternRepeat:
		if _, nested := x.X.(*PatternRepeat); nested {
			p.patternItems([]Pattern{x.X}, "", 0, true)
		} else {
			p.pattern(x.X, 3)
		}
		p.quantifier(x)
	case *PatternPermute:
		p.w("PERMUTE")
		p.patternItems(x.Items, ", ", 0, true)
	case *PatternExclude:
		p.w("{- ")
		p.pattern(x.X, 0)
		p.w(" -}")
	}
}

func (p *printer) patternItems(items []Pattern, sep string, level int, paren bool) {
	p.when(paren, "(")
	for i, x := range items {
		p.when(i > 0, sep)
		p.pattern(x, level)
	}
	p.when(paren, ")")
}

func (p *printer) quantifier(r *PatternRepeat) {
	switch {
	case r.Min == 0 && r.Max < 0:
		p.w("*")
	case r.Min == 1 && r.Max < 0:
		p.w("+")
	case r.Min == 0 && r.Max == 1:
		p.w("?")
	case r.Max < 0:
		p.w("{", itoa(r.Min), ",}")
	case r.Max == r.Min:
		p.w("{", itoa(r.Min), "}")
	default:
		p.w("{", itoa(r.Min), ",", itoa(r.Max), "}")
	}
	p.when(r.Reluctant, "?")
}
