package plan

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// relMatch is MATCH_RECOGNIZE over an input that has just the columns it reads.
type relMatch struct {
	in     rel
	match  Match
	schema Schema
	span   sql.Span
}

func (r *relMatch) cols() Schema { return r.schema }
func (r *relMatch) kids() []rel  { return []rel{r.in} }
func (r *relMatch) withKids(k []rel) rel {
	c := *r
	c.in = k[0]
	return &c
}

// key is a text that equal matches over the same input share.
func (r *relMatch) key() string {
	m := &r.match
	b := []byte(fmt.Sprintf("%v %d %v %v %s %d %d %d|", m.PartitionBy, m.TimeCol, m.ProcTime, m.Order, m.patternText(), m.WithinMs, m.Skip, m.SkipVar))
	for _, v := range m.Vars {
		b = append(appendKey(b, v.Define), ';')
	}
	for _, s := range m.Slots {
		b = fmt.Appendf(b, "%d %d %d %d %d %v ", s.Kind, s.Var, s.Col, s.Offset, s.Back, s.Last)
		if s.Call != nil {
			b = fmt.Appendf(b, "%s %v ", s.Call.Func.Name, s.Call.Distinct)
			for _, a := range append([]expr.Node{s.Call.Filter}, s.Call.Args...) {
				b = append(appendKey(b, a), ';')
			}
		}
	}
	for i, n := range m.Measures {
		b = append(appendKey(b, n), r.schema[len(m.PartitionBy)+i].Name...)
		b = append(b, ';')
	}
	return string(b)
}

func (r *relMatch) text(in labels) string {
	return "Match " + r.match.text(in.shown)
}

// match keeps a pattern match whole: its input has no column that it does not read.
func (p *pruning) match(r *relMatch) pruned {
	in := p.rebuild(r.in)
	out := *r
	out.in = in.rel
	return pruned{&out, ascending(len(r.schema))}
}

// match lowers MATCH_RECOGNIZE.
func (l *lowering) match(r *relMatch) (Node, error) {
	in, err := l.node(r.in)
	if err != nil {
		return nil, err
	}
	n := &MatchRecognize{Match: r.match}
	n.b.Stateful = true
	l.add(n, r.schema, in)
	l.spans[n] = []sql.Span{r.span}
	return n, nil
}

// matchInput refuses an input with updates.
func (l *lowering) matchInput(n *MatchRecognize, in Node) error {
	return l.b.errorf(l.spans[n][0], "MATCH_RECOGNIZE takes rows that are only inserted, and %s yields updates", describe(updater(in))).
		WithHint("aggregate by window instead, which yields every result once")
}
