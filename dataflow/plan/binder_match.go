package plan

import (
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// matchVarsMax bounds the variables of a pattern, repeatMax a quantifier.
const (
	matchVarsMax = 64
	repeatMax    = 1 << 20
)

// matching is a MATCH_RECOGNIZE being bound.
type matching struct {
	in   *relation
	pre  *preProject // the columns that are read
	vars map[string]int
	out  Match
	time types.Type // of the time attribute
	// names are those of the slots' columns, for printing.
	names []string
}

// matchScope is the place of an expression of DEFINE or MEASURES.
type matchScope struct {
	m *matching
	// self is the variable whose condition this is, or -1 in MEASURES.
	self int
	// inner is set inside FIRST, LAST and aggregates, whose arguments are about one row; qual
	// is the variable that their columns may name.
	inner bool
	qual  string
}

// matchRecognize binds MATCH_RECOGNIZE (...).
func (b *binder) matchRecognize(s *sql.MatchRecognize) (*relation, error) {
	in, err := b.tableExpr(s.Input)
	if err != nil {
		return nil, err
	}
	if err := b.matchRefusals(s); err != nil {
		return nil, err
	}
	m := &matching{in: in, pre: &preProject{}, vars: map[string]int{}}
	m.out.TimeCol = -1
	var names []string
	for _, e := range s.PartitionBy {
		n, err := b.expr(e, &scope{in: in, inside: "PARTITION BY"})
		if err != nil {
			return nil, err
		}
		c, ok := n.(*expr.Col)
		if !ok {
			return nil, b.errorf(e.Range(), "PARTITION BY of MATCH_RECOGNIZE takes columns")
		}
		names = append(names, c.Name)
		m.out.PartitionBy = append(m.out.PartitionBy, m.pre.add(n, "", true))
	}
	if err := b.matchOrder(s, m); err != nil {
		return nil, err
	}
	if err := b.matchPattern(s, m); err != nil {
		return nil, err
	}
	if err := b.matchSkip(s, m); err != nil {
		return nil, err
	}
	if s.Within != nil {
		if m.out.WithinMs, err = b.intervalArg(s.Within, "WITHIN"); err != nil {
			return nil, err
		}
		if m.out.WithinMs <= 0 {
			return nil, b.errorf(s.Within.Span, "WITHIN must be positive")
		}
	}
	if err := b.matchDefines(s, m); err != nil {
		return nil, err
	}
	return b.matchMeasures(s, m, names)
}

// matchRefusals names what the clause can say and this version does not run.
func (b *binder) matchRefusals(s *sql.MatchRecognize) error {
	switch {
	case s.Rows == sql.AllRows:
		return b.unsupported(s.Span, "ALL ROWS PER MATCH").WithHint("ONE ROW PER MATCH yields a row for each match")
	case len(s.Subsets) > 0:
		return b.unsupported(s.Subsets[0].Span, "SUBSET in MATCH_RECOGNIZE")
	case s.StartAnchor || s.EndAnchor:
		return b.unsupported(s.Pattern.Range(), "an anchor (^ or $) in PATTERN")
	}
	return nil
}

// matchOrder binds ORDER BY: a time attribute, ascending, and columns for rows of one instant.
func (b *binder) matchOrder(s *sql.MatchRecognize, m *matching) error {
	if len(s.OrderBy) == 0 {
		return b.errorf(s.Span, "MATCH_RECOGNIZE needs ORDER BY a time attribute")
	}
	for i, o := range s.OrderBy {
		n, err := b.expr(o.X, &scope{in: m.in, inside: "ORDER BY"})
		if err != nil {
			return err
		}
		c, ok := n.(*expr.Col)
		if i > 0 {
			if !ok {
				return b.errorf(o.X.Range(), "ORDER BY of MATCH_RECOGNIZE takes columns")
			}
			last := o.Nulls == sql.NullsLast || o.Nulls == sql.NullsOrderDefault && o.Desc
			m.out.Order = append(m.out.Order, MatchOrder{Col: m.pre.add(n, "", true), Desc: o.Desc, NullsLast: last})
			continue
		}
		if !ok || !c.T.IsTimeAttr() {
			return b.notTimeAttribute(o.X.Range(), n.String(), n.Type())
		}
		if o.Desc {
			return b.errorf(o.Span, "MATCH_RECOGNIZE follows time: its first order is ascending")
		}
		m.time = c.T
		if m.out.ProcTime = c.T.Attr == types.ProcTime; !m.out.ProcTime {
			m.out.TimeCol = m.pre.add(n, "", true)
		}
	}
	return nil
}

// matchPattern reads PATTERN as a sequence of variables with quantifiers.
func (b *binder) matchPattern(s *sql.MatchRecognize, m *matching) error {
	if err := b.patternItems(s.Pattern, m); err != nil {
		return err
	}
	empty := true
	for _, v := range m.out.Vars {
		empty = empty && v.Min == 0
	}
	at := s.Pattern.Range()
	if empty {
		return b.errorf(at, "PATTERN (%s) is met by no rows at all; one variable must not be optional", m.out.patternText())
	}
	last := m.out.Vars[len(m.out.Vars)-1]
	if last.Greedy && last.Min != last.Max && last.Max != 1 {
		return b.errorf(at, "PATTERN ends with the greedy %s, whose end would only be known from the row behind the match", last).
			WithHint("end it with a variable without quantifier, or with the reluctant %s?", last)
	}
	return nil
}

func (b *binder) patternItems(p sql.Pattern, m *matching) error {
	switch p := p.(type) {
	case *sql.PatternSeq:
		for _, item := range p.Items {
			if err := b.patternItems(item, m); err != nil {
				return err
			}
		}
		return nil
	case *sql.PatternVar:
		return b.patternVar(p, MatchVar{Name: p.Name.Name, Min: 1, Max: 1, Greedy: true}, m)
	case *sql.PatternRepeat:
		v, ok := p.X.(*sql.PatternVar)
		if !ok {
			return b.unsupported(p.X.Range(), "a quantifier behind a group in PATTERN")
		}
		if p.Reluctant && p.Min == 0 && p.Max == 1 {
			return b.unsupported(p.Span, "the reluctant optional quantifier ??")
		}
		if p.Min > repeatMax || p.Max > repeatMax {
			return b.errorf(p.Span, "a quantifier goes up to %d", repeatMax)
		}
		return b.patternVar(v, MatchVar{Name: v.Name.Name, Min: p.Min, Max: p.Max, Greedy: !p.Reluctant}, m)
	case *sql.PatternAlt:
		return b.unsupported(p.Span, "an alternative (|) in PATTERN")
	case *sql.PatternPermute:
		return b.unsupported(p.Span, "PERMUTE in PATTERN")
	case *sql.PatternExclude:
		return b.unsupported(p.Span, "an exclusion {- -} in PATTERN")
	}
	return b.unsupported(p.Range(), "this pattern")
}

func (b *binder) patternVar(p *sql.PatternVar, v MatchVar, m *matching) error {
	if _, twice := m.vars[v.Name]; twice {
		return b.errorf(p.Span, "variable %s is twice in PATTERN; each may be there once", v.Name)
	}
	if len(m.out.Vars) == matchVarsMax {
		return b.errorf(p.Span, "PATTERN has more than %d variables", matchVarsMax)
	}
	m.vars[v.Name] = len(m.out.Vars)
	m.out.Vars = append(m.out.Vars, v)
	return nil
}

// matchSkip binds AFTER MATCH. A variable to skip to must be in every match, and matching
// that always went on where it began would find the same match for ever.
func (b *binder) matchSkip(s *sql.MatchRecognize, m *matching) error {
	if s.After == nil {
		return nil
	}
	switch s.After.Kind {
	case sql.SkipToNextRow:
		m.out.Skip = SkipToNext
		return nil
	case sql.SkipPastLastRow:
		return nil
	case sql.SkipToFirst:
		m.out.Skip = SkipToFirst
	case sql.SkipToLast:
		m.out.Skip = SkipToLast
	}
	at := s.After.Var
	i, ok := m.vars[at.Name]
	if !ok {
		return b.errorf(at.Span, "AFTER MATCH names the variable %s, which is not in PATTERN", at.Name).WithNearest(at.Name, m.varNames())
	}
	m.out.SkipVar = i
	v := m.out.Vars[i]
	if v.Min == 0 {
		return b.errorf(s.After.Span, "AFTER MATCH is ambiguous: a match may have no row of %s to skip to", v)
	}
	if i == 0 && (m.out.Skip == SkipToFirst || v.Max == 1) {
		return b.errorf(s.After.Span, "AFTER MATCH goes on at the first row of the match, which would find the same match again without end").
			WithHint("use AFTER MATCH SKIP TO NEXT ROW")
	}
	return nil
}

func (m *matching) varNames() []string {
	var out []string
	for _, v := range m.out.Vars {
		out = append(out, v.Name)
	}
	return out
}

// matchDefines binds DEFINE.
func (b *binder) matchDefines(s *sql.MatchRecognize, m *matching) error {
	for _, d := range s.Defines {
		i, ok := m.vars[d.Name.Name]
		if !ok {
			return b.errorf(d.Name.Span, "DEFINE names the variable %s, which is not in PATTERN", d.Name.Name).WithNearest(d.Name.Name, m.varNames())
		}
		if m.out.Vars[i].Define != nil {
			return b.errorf(d.Name.Span, "variable %s is defined twice", d.Name.Name)
		}
		n, err := b.condition(d.X, &scope{in: m.in, inside: "DEFINE", match: &matchScope{m: m, self: i}}, "DEFINE")
		if err != nil {
			return err
		}
		m.out.Vars[i].Define = expr.Fold(n, b.env())
	}
	return nil
}

// matchMeasures binds MEASURES and completes the clause.
func (b *binder) matchMeasures(s *sql.MatchRecognize, m *matching, names []string) (*relation, error) {
	seen := map[string]bool{}
	for _, n := range names {
		seen[n] = true
	}
	r := &relMatch{span: s.Span}
	for _, x := range s.Measures {
		if seen[x.Name.Name] {
			return nil, b.errorf(x.Name.Span, "MATCH_RECOGNIZE yields the column %s twice", x.Name.Name)
		}
		seen[x.Name.Name] = true
		n, err := b.expr(x.X, &scope{in: m.in, inside: "MEASURES", match: &matchScope{m: m, self: -1}})
		if err != nil {
			return nil, err
		}
		m.out.Measures = append(m.out.Measures, expr.Fold(n, b.env()))
		names = append(names, x.Name.Name)
	}
	if len(names) == 0 {
		return nil, b.errorf(s.Span, "MATCH_RECOGNIZE yields no column: it has neither PARTITION BY nor MEASURES")
	}
	if len(m.pre.nodes) == 0 {
		m.pre.add(expr.NewBool(true), "$one", false)
	}
	r.in = projectRel(m.in.rel, m.pre.nodes, m.pre.names)
	for i, p := range m.out.PartitionBy {
		r.schema = append(r.schema, Column{names[i], r.in.cols()[p].Type.Plain()})
	}
	for i, n := range m.out.Measures {
		r.schema = append(r.schema, Column{names[len(m.out.PartitionBy)+i], n.Type()})
	}
	r.match = m.out
	return b.aliased(newRelation(r, ""), s.Alias)
}

// callName is the name of a function in capitals.
func callName(c *sql.Call) string { return strings.ToUpper(c.Name.Key()) }
