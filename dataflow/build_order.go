package dataflow

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// orderedOperator makes the operator of a node that ranks, numbers or sorts rows.
func orderedOperator(n plan.Node) (op.Operator, error) {
	in := n.Base().Inputs[0].Base().Schema
	types, names, ttl := in.Types(), in.Names(), ms(n.Base().StateTTL)
	switch n := n.(type) {
	case *plan.Rank:
		if n.Dedup {
			return op.NewDeduplicate(op.DeduplicateConfig{Input: types, Names: names, Keys: n.Partition, Time: n.TimeCol,
				Last: n.KeepLast, UpdateBefore: n.EmitBefore, TTLMs: ttl})
		}
		return op.NewRank(op.RankConfig{Input: types, Names: names, Keys: n.Partition, Order: sortKeys(n.Order), Start: n.Start,
			End: n.End, Rank: n.WithRank, Retracting: n.Retract, UpdateBefore: n.EmitBefore, TTLMs: ttl})
	case *plan.WindowRank:
		return op.NewWindowRank(op.WindowRankConfig{Input: types, Names: names, Window: window(n.Window), Keys: n.Partition,
			Order: sortKeys(n.Order), Start: n.Start, End: n.End, Rank: n.WithRank, Latest: n.Latest})
	case *plan.Sort:
		return op.NewSort(op.SortConfig{Input: types, Names: names, Mode: op.SortMode(n.SortMode), Time: n.TimeCol,
			Order: sortKeys(n.Order), Retracting: n.Retract})
	case *plan.UpsertMaterialize:
		return op.NewUpsertMaterialize(op.UpsertConfig{Input: types, Names: names, Keys: n.KeyCols, TTLMs: ttl, Conflict: conflict(n.Conflict)})
	case *plan.Over:
		c := op.OverConfig{Input: types, Names: names, Keys: n.Partition, Time: n.TimeCol, Order: sortKeys(n.Order), Range: n.Range,
			Preceding: n.Preceding, Retracting: n.Retract, UpdateBefore: n.EmitBefore, TTLMs: ttl}
		for _, call := range n.Calls {
			c.Calls = append(c.Calls, op.OverCall{Func: op.OverFunc(call.Func), Agg: call.Agg, Col: call.Col, Offset: call.Offset, Default: call.Default})
		}
		if n.Free {
			return op.NewFreeOver(c)
		}
		return op.NewOver(c)
	}
	return nil, fmt.Errorf("no operator for %T", n)
}

// conflict is what an operator makes of ON CONFLICT.
func conflict(a sql.ConflictAction) op.Conflict {
	switch a {
	case sql.ConflictNothing:
		return op.FirstCounts
	case sql.ConflictError:
		return op.OthersRefused
	}
	return op.LastCounts
}

func sortKeys(keys []plan.SortKey) []op.SortKey {
	out := make([]op.SortKey, len(keys))
	for i, k := range keys {
		out[i] = op.SortKey{Col: k.Col, Desc: k.Desc, NullsLast: k.NullsLast}
	}
	return out
}

// divertsLate tells whether an operator's late rows are kept.
func (e *Engine) divertsLate(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.WindowAggregate:
		return n.Late == plan.LateDivert
	case *plan.WindowRank, *plan.Over, *plan.Sort:
		return e.plan.Config.Late == plan.LateDivert
	}
	return false
}
