package dataflow

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// boundedJoin makes the operator of a join bounded by time or by a table's version.
func boundedJoin(n plan.BoundedJoin) (op.Operator, error) {
	s := n.Sides()
	side := func(i int, keys []int, time int) op.JoinSide {
		schema := n.Base().Inputs[i].Base().Schema
		return op.JoinSide{Input: schema.Types(), Names: schema.Names(), Keys: keys, Time: time}
	}
	kind, ttl := op.JoinKind(s.JoinKind), ms(n.Base().StateTTL)
	switch n := n.(type) {
	case *plan.IntervalJoin:
		return op.NewIntervalJoin(op.IntervalJoinConfig{Left: side(0, s.LeftKeys, n.LeftTime), Right: side(1, s.RightKeys, n.RightTime),
			Kind: kind, NullSafe: s.NullSafe, Cond: s.Cond, ProcTime: n.ProcTime, LowerMs: ms(n.Lower), UpperMs: ms(n.Upper)})
	case *plan.WindowJoin:
		return op.NewWindowJoin(op.WindowJoinConfig{
			Left:  op.WindowSide{JoinSide: side(0, s.LeftKeys, -1), Start: n.LeftStart, End: n.LeftEnd},
			Right: op.WindowSide{JoinSide: side(1, s.RightKeys, -1), Start: n.RightStart, End: n.RightEnd},
			Kind:  kind, NullSafe: s.NullSafe, Cond: s.Cond, Local: n.Window.LTZ})
	case *plan.TemporalJoin:
		return op.NewTemporalJoin(op.TemporalJoinConfig{Left: side(0, s.LeftKeys, n.LeftTime), Right: side(1, s.RightKeys, n.RightTime),
			Kind: kind, NullSafe: s.NullSafe, Cond: s.Cond, LeftUpdates: n.Base().Mode.Updates(), TTLMs: ttl})
	case *plan.LookupJoin:
		return op.NewLookupJoin(op.LookupJoinConfig{Left: side(0, s.LeftKeys, -1), Right: side(1, s.RightKeys, -1),
			Kind: kind, NullSafe: s.NullSafe, Cond: s.Cond, Identity: n.Identity, LeftUpdates: n.LeftUpdates, LeftIdentity: n.LeftIdentity, TTLMs: ttl})
	}
	return nil, fmt.Errorf("no operator for %T", n)
}
