package dataflow

import (
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// regularJoin makes the operator of a regular join.
func regularJoin(n *plan.Join) (op.Operator, error) {
	in := n.Base().Inputs
	side := func(i int, keys []int) op.JoinSide {
		s := in[i].Base().Schema
		return op.JoinSide{Input: s.Types(), Names: s.Names(), Keys: keys, Time: -1}
	}
	return op.NewJoin(op.JoinConfig{
		Left: side(0, n.LeftKeys), Right: side(1, n.RightKeys), Kind: op.JoinKind(n.JoinKind), NullSafe: n.NullSafe, Cond: n.Cond,
		Identity: [2]op.JoinIdentity{op.JoinIdentity(n.Identity[0]), op.JoinIdentity(n.Identity[1])}, Unique: n.Unique,
		TTLMs: [2]int64{ms(n.TTL[0]), ms(n.TTL[1])}, Updates: n.Base().Mode.Updates(),
	})
}
