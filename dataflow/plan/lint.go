package plan

import (
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// lint lists what works but deserves a second look.
func (b *binder) lint(p *Plan, targets []*target) []Warning {
	l := &linter{b: b, at: map[string]sql.Span{}, names: newNamer()}
	for _, t := range targets {
		l.at[t.name] = t.span
	}
	unbounded := slices.ContainsFunc(p.Nodes, func(n Node) bool { _, ok := n.(*GroupAggregate); return ok })
	l.outputs(targets)
	for _, n := range p.Nodes {
		l.node(n)
		if s, ok := n.(*Source); ok && unbounded {
			l.watermark(s)
		}
	}
	return l.out
}

// watermark looks for a table that could have event time, where state is kept for ever.
func (l *linter) watermark(s *Source) {
	if s.Table.Watermark != nil {
		return
	}
	for _, c := range s.Table.Columns {
		if rowTimeType(c.Type) && c.Type.Attr == types.NoTime {
			l.warn(s.Table.span, "table "+s.Table.Name+" has no WATERMARK; with one for "+c.Name+" results could be computed by window")
			return
		}
	}
}

// outputs tells of INSERTs that only their order tells apart.
func (l *linter) outputs(targets []*target) {
	for _, t := range targets {
		if t.name == t.table.Name+"-2" && !t.table.Synthetic {
			l.warn(t.span, "the outputs of several INSERTs into "+t.table.Name+" are told apart by their order; put new ones behind them, or write one INSERT with UNION ALL")
		}
	}
}

// volatile looks for values that come out otherwise when a row is taken back.
func (l *linter) volatile(n *Calc) {
	if !n.b.Inputs[0].Base().Mode.Retracts() || !n.b.Mode.Has(ModeUpdateBefore) {
		return
	}
	for _, e := range append([]expr.Node{n.Filter}, n.Project...) {
		if e == nil || expr.Deterministic(e) || e.Type().Attr == types.ProcTime { // a lookup remembers what it found
			continue
		}
		l.warn(sql.Span{}, e.String()+" is computed anew for a row that is taken back, so what is downstream may not know that row; compute it above "+describe(updater(n.b.Inputs[0])))
		return
	}
}

type linter struct {
	b     *binder
	at    map[string]sql.Span
	names *namer // what it has found of an operator's columns is kept for those above
	out   []Warning
}

func (l *linter) warn(at sql.Span, text string) {
	l.out = append(l.out, Warning{at.Start, text})
}

func (l *linter) node(n Node) {
	switch n := n.(type) {
	case *GroupAggregate:
		if n.b.StateTTL == 0 && len(n.Keys) > 0 {
			l.warn(sql.Span{}, "the state of the "+describe(n)+" grows with every new key; set table.exec.state.ttl, or aggregate by window")
		}
	case *Calc:
		l.volatile(n)
	case *Join:
		l.warnJoin(n)
	case orderedNode:
		l.warnOrder(n)
	case *MatchRecognize:
		if n.WithinMs == 0 && len(n.PartitionBy) > 0 {
			l.warn(sql.Span{}, "match-recognize keeps a match that has begun until the next row of its partition; bound it with WITHIN if partitions go out of use")
		}
	case *ChangelogNormalize:
		if n.b.StateTTL == 0 {
			l.warn(sql.Span{}, "changelog-normalize keeps the last row of every key; set table.exec.state.ttl if keys go out of use")
		}
	case *WatermarkAssigner:
		if c, ok := n.Expr.(*expr.Col); ok && c.Index == n.TimeCol {
			l.warn(sql.Span{}, "the watermark of "+n.b.Schema[n.TimeCol].Name+" allows for no disorder: every event that comes after a later one is late")
		}
	case *Sink:
		if c, ok := l.b.opts.Connectors[n.Table.Connector()]; ok && c.AtLeastOnce {
			l.warn(l.at[n.Name], "sink "+n.Name+" is at-least-once: after a failure rows may be written again")
		}
	}
}
