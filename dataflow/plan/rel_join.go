package plan

import (
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// JoinKind is the kind of a join.
type JoinKind uint8

// The kinds of joins. Semi and anti joins yield the left side's columns alone; the outer
// joins pad the side without a match with NULLs.
const (
	JoinInner JoinKind = iota
	JoinLeft
	JoinRight
	JoinFull
	JoinSemi
	JoinAnti
)

// String is the kind's name in plans.
func (k JoinKind) String() string {
	return [...]string{"inner", "left", "right", "full", "semi", "anti"}[k%6]
}

// LeftOnly tells the kinds that yield the left side's columns alone.
func (k JoinKind) LeftOnly() bool { return k == JoinSemi || k == JoinAnti }

// PadsLeft tells the kinds that pad the left side with NULLs, for right rows without match.
func (k JoinKind) PadsLeft() bool { return k == JoinRight || k == JoinFull }

// PadsRight tells the kinds that pad the right side with NULLs, for left rows without match.
func (k JoinKind) PadsRight() bool { return k == JoinLeft || k == JoinFull }

// relJoin joins two inputs. Its schema is the columns of the left and then, but for semi
// and anti joins, those of the right; time attributes stay marked, and the rule that makes
// the operator decides whether they hold behind it.
type relJoin struct {
	left, right rel
	kind        JoinKind
	// cond is over the columns of the left followed by those of the right, whatever the
	// kind; nil is TRUE.
	cond expr.Node
	// asOf is the time of FOR SYSTEM_TIME AS OF behind the right table, over the columns of
	// the left; nil without the clause.
	asOf   expr.Node
	schema Schema
	// leftTTL and rightTTL are those of the STATE_TTL hint; negative for none.
	leftTTL, rightTTL time.Duration
	span              sql.Span
	uid               string
}

func (r *relJoin) cols() Schema { return r.schema }
func (r *relJoin) kids() []rel  { return []rel{r.left, r.right} }
func (r *relJoin) withKids(k []rel) rel {
	c := *r
	c.left, c.right = k[0], k[1]
	return &c
}

// newJoin joins two rels, with the schema of the kind.
func newJoin(kind JoinKind, left, right rel, cond expr.Node, at sql.Span) *relJoin {
	return &relJoin{left: left, right: right, kind: kind, cond: cond, leftTTL: -1, rightTTL: -1, span: at,
		schema: joinSchema(kind, left.cols(), right.cols())}
}

// joinSchema is the row of a join: columns of a side that may be padded are nullable.
func joinSchema(kind JoinKind, left, right Schema) Schema {
	out := make(Schema, 0, len(left)+len(right))
	add := func(side Schema, padded bool) {
		for _, c := range side {
			if padded {
				c.Type = c.Type.Nullable()
			}
			out = append(out, c)
		}
	}
	add(left, kind.PadsLeft())
	if !kind.LeftOnly() {
		add(right, kind.PadsRight())
	}
	return out
}

// both sides' columns, as the condition sees them.
func (r *relJoin) input() Schema {
	return append(append(make(Schema, 0, len(r.left.cols())+len(r.right.cols())), r.left.cols()...), r.right.cols()...)
}

// equiKey is an equality between the sides: Left is over the left's columns, Right over
// the right's, and both have the same type.
type equiKey struct {
	left, right expr.Node
	// nullSafe tells IS NOT DISTINCT FROM: NULL matches NULL.
	nullSafe bool
}

// joinCond is a join's condition in parts.
type joinCond struct {
	keys []equiKey
	// rest is what is no equality between the sides, over left and right; nil for none.
	rest []expr.Node
}

// split divides the condition into equalities between the sides and the rest.
func (r *relJoin) split() joinCond {
	var out joinCond
	n := len(r.left.cols())
	for _, c := range conjuncts(r.cond) {
		if k, ok := asEquiKey(c, n); ok {
			out.keys = append(out.keys, k)
		} else {
			out.rest = append(out.rest, c)
		}
	}
	return out
}

// asEquiKey reads a conjunct as an equality between columns before and from n on.
func asEquiKey(c expr.Node, n int) (equiKey, bool) {
	call, ok := c.(*expr.Call)
	if !ok || len(call.Args) != 2 || call.Func.Name != "=" && call.Func.Name != "IS NOT DISTINCT FROM" || !expr.Deterministic(c) {
		return equiKey{}, false
	}
	a, b := call.Args[0], call.Args[1]
	switch {
	case sideOf(a, n) == leftSide && sideOf(b, n) == rightSide:
	case sideOf(a, n) == rightSide && sideOf(b, n) == leftSide:
		a, b = b, a
	default:
		return equiKey{}, false
	}
	t, ok := expr.CommonType(a.Type(), b.Type())
	if !ok || !hashable(t) {
		return equiKey{}, false
	}
	t.Attr = types.NoTime
	return equiKey{left: coerceKey(a, t), right: coerceKey(shift(b, -n), t), nullSafe: call.Func.Name != "="}, true
}

// coerceKey converts a side of an equality to the common type; a time attribute is
// compared as it is.
func coerceKey(n expr.Node, t types.Type) expr.Node {
	if n.Type().Plain().Equal(t.Plain()) {
		return n
	}
	return coerce(n, t)
}

// hashable tells the types whose equal values have equal bytes.
func hashable(t types.Type) bool {
	switch t.Kind {
	case types.Map, types.Multiset, types.Row, types.Structured, types.Array, types.Null:
		return false
	}
	return true
}

// The sides that an expression's columns are from.
const (
	noSide    = 0
	leftSide  = 1
	rightSide = 2
	bothSides = 3
)

// sideOf tells which sides an expression has columns of, where the right's begin at n.
func sideOf(e expr.Node, n int) int {
	out := noSide
	for _, c := range expr.Cols(e) {
		if c < n {
			out |= leftSide
		} else {
			out |= rightSide
		}
	}
	return out
}

// shift moves the columns of an expression by d.
func shift(e expr.Node, d int) expr.Node {
	if d == 0 {
		return e
	}
	return expr.Rewrite(e, func(m expr.Node) expr.Node {
		if c, ok := m.(*expr.Col); ok {
			return expr.NewCol(c.Index+d, c.Name, c.T)
		}
		return m
	})
}

// joinText is what a join does.
func joinText(r *relJoin, in labels) string {
	s := "Join " + r.kind.String()
	if r.cond != nil {
		s += " on " + in.text(r.cond)
	}
	if r.asOf != nil {
		s += " as of " + in.text(r.asOf)
	}
	return s
}
