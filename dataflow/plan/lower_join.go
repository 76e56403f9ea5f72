package plan

import (
	"slices"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
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

// regularJoin keeps both sides' rows. Time attributes are plain timestamps behind it.
func (l *lowering) regularJoin(r *relJoin, c joinCond) (Node, error) {
	ins, cols, err := l.joinSides(r, c.keys)
	if err != nil {
		return nil, err
	}
	n := &Join{JoinKind: r.kind, LeftKeys: cols[0], RightKeys: cols[1], NullSafe: make([]bool, len(c.keys))}
	for i, k := range c.keys {
		n.NullSafe[i] = k.nullSafe
	}
	left, right := len(r.left.cols()), len(r.right.cols())
	extra := len(ins[0].Base().Schema) - left
	to := ascending(left + right)
	for i := range right {
		to[left+i] += extra
	}
	n.Cond = remap(conjunction(c.rest), to)
	n.TTL = [2]time.Duration{l.b.cfg.StateTTL, l.b.cfg.StateTTL}
	for side, hint := range []time.Duration{r.leftTTL, r.rightTTL} {
		if hint >= 0 {
			n.TTL[side] = hint
		}
	}
	n.b.Stateful, n.b.uid = true, r.uid
	n.b.StateTTL = max(n.TTL[0], n.TTL[1])
	if n.TTL[0] == 0 || n.TTL[1] == 0 {
		n.b.StateTTL = 0
	}
	schema := withoutTime(joinSchema(r.kind, ins[0].Base().Schema, ins[1].Base().Schema))
	l.add(n, schema, ins[0], ins[1])
	if len(schema) == len(r.schema) {
		return n, nil
	}
	p := &Calc{}
	for i := range r.schema {
		p.Project = append(p.Project, colRef(schema, to[i]))
	}
	l.add(p, withoutTime(r.schema), n)
	return p, nil
}

// withoutTime is a schema whose time attributes are plain timestamps.
func withoutTime(s Schema) Schema {
	out := slices.Clone(s)
	for i := range out {
		out[i].Type.Attr = types.NoTime
	}
	return out
}

// withoutLostTime is the schema of a projection without the time attributes that its input
// no longer has: a regular join gives no order of time.
func withoutLostTime(s Schema, project []expr.Node, in Schema) Schema {
	out := s
	for i, p := range project {
		c, ok := p.(*expr.Col)
		if !ok || s[i].Type.Attr == types.NoTime || in[c.Index].Type.Attr != types.NoTime {
			continue
		}
		if &out[0] == &s[0] {
			out = slices.Clone(s)
		}
		out[i].Type.Attr = types.NoTime
	}
	return out
}

// hasTime refuses a window over a time that lost its order in a regular join.
func (l *lowering) hasTime(in Node, w Window) error {
	if w.Attached() || w.ProcTime || in.Base().Schema[w.TimeCol].Type.Attr != types.NoTime {
		return nil
	}
	return l.b.errorf(l.owner.span, "%s is no event time any more where the window needs it: a regular join keeps no order of time", in.Base().Schema[w.TimeCol].Name).
		WithHint("aggregate by window before the join, or join within a time interval")
}
