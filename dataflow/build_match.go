package dataflow

import (
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// matchConfig is the operator's configuration for MATCH_RECOGNIZE.
func matchConfig(n *plan.MatchRecognize) op.MatchConfig {
	in := inputTypes(n)
	c := op.MatchConfig{Input: in, Names: inputNames(n), Keys: n.PartitionBy, Time: n.TimeCol, ProcTime: n.ProcTime,
		Measures: n.Measures, WithinMs: n.WithinMs, Skip: op.MatchSkip(n.Skip), SkipVar: n.SkipVar}
	for _, o := range n.Order {
		c.Order = append(c.Order, op.MatchOrder(o))
	}
	for _, v := range n.Vars {
		c.Vars = append(c.Vars, op.MatchVar{Min: v.Min, Max: v.Max, Greedy: v.Greedy, Define: v.Define})
	}
	for _, s := range n.Slots {
		slot := op.MatchSlot{Kind: op.MatchSlotKind(s.Kind), Var: s.Var, Col: s.Col, Offset: s.Offset, Back: s.Back, Last: s.Last, Call: s.Call}
		switch s.Kind {
		case plan.SlotRow:
			slot.Type = in[s.Col]
		case plan.SlotAggregate:
			slot.Type = s.Call.T
		case plan.SlotRowTime:
			slot.Type = in[n.TimeCol]
		case plan.SlotProcTime:
			slot.Type = types.TimestampLTZOf(3)
		}
		slot.Type = slot.Type.Plain().Nullable()
		c.Slots = append(c.Slots, slot)
	}
	return c
}
