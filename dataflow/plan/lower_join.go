package plan

import (
	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// joinRule makes an operator of a join for which it is meant: done is false when it is not.
type joinRule func(l *lowering, r *relJoin, c joinCond) (n Node, done bool, err error)

// joinRules are tried in order; regularJoin takes what none of them takes.
var joinRules = []joinRule{}

// join lowers a join.
func (l *lowering) join(r *relJoin) (Node, error) {
	c := r.split()
	for _, rule := range joinRules {
		if n, done, err := rule(l, r, c); done || err != nil {
			return n, err
		}
	}
	if r.asOf != nil {
		return nil, l.b.unsupported(r.span, "FOR SYSTEM_TIME AS OF with this table")
	}
	return l.regularJoin(r, c)
}

// joinSides lowers the inputs of a join and appends the columns of keys that are
// expressions. It returns the inputs and the numbers of the key columns. The columns
// appended stand behind those of the side's rel.
func (l *lowering) joinSides(r *relJoin, keys []equiKey) (ins [2]Node, cols [2][]int, err error) {
	for side, in := range []rel{r.left, r.right} {
		c := &relCalc{in: in, project: identity(in.cols()), schema: append(Schema(nil), in.cols()...)}
		for i, k := range keys {
			n := k.left
			if side == 1 {
				n = k.right
			}
			if col, ok := n.(*expr.Col); ok {
				cols[side] = append(cols[side], col.Index)
				continue
			}
			cols[side] = append(cols[side], len(c.project))
			c.project = append(c.project, n)
			c.schema = append(c.schema, Column{keyName(i), n.Type()})
		}
		var from rel = in
		if len(c.project) > len(in.cols()) {
			from = mergeCalcs(c)
		}
		if ins[side], err = l.node(from); err != nil {
			return ins, cols, err
		}
	}
	return ins, cols, nil
}

func keyName(i int) string { return "$key" + string(rune('0'+i%10)) }

// regularJoin keeps both sides' rows.
func (l *lowering) regularJoin(r *relJoin, _ joinCond) (Node, error) {
	return nil, l.b.unsupported(r.span, "a join")
}
