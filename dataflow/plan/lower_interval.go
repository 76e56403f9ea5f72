package plan

import (
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// timeBound is a comparison of time attributes of the two sides, both of which are columns
// moved by constants: l - r op ms.
type timeBound struct {
	left, right int // columns of the sides
	op          string
	ms          int64
	exact       bool // ms tells all that the comparison does
}

// intervalJoin recognises a join whose condition keeps the times of both sides within an
// interval of each other, in whatever comparisons it is written.
func intervalJoin(l *lowering, r *relJoin, c joinCond) (Node, bool, error) {
	if r.asOf != nil || r.kind.LeftOnly() {
		return nil, false, nil
	}
	in, left := r.input(), len(r.left.cols())
	n := &IntervalJoin{LeftTime: -1}
	var hasLow, hasHigh bool
	var low, high int64
	take := func(x expr.Node) (taken bool) {
		b, ok := asTimeBound(x, in, left)
		if !ok || n.LeftTime >= 0 && (b.left != n.LeftTime || b.right != n.RightTime) {
			return false
		}
		if b.op == "=" && n.LeftTime < 0 && !b.exact {
			return false
		}
		n.LeftTime, n.RightTime = b.left, b.right
		if b.op == ">=" || b.op == "=" {
			if !hasLow || b.ms > low {
				low, hasLow = b.ms, true
			}
		}
		if b.op == "<=" || b.op == "=" {
			if !hasHigh || b.ms < high {
				high, hasHigh = b.ms, true
			}
		}
		return b.exact
	}
	var rest []expr.Node
	for _, x := range c.rest {
		if !take(x) {
			rest = append(rest, x)
		}
	}
	var keys []equiKey
	for _, k := range c.keys {
		x, err := k.condition(left)
		if err != nil || k.nullSafe || !take(x) {
			keys = append(keys, k)
		}
	}
	if !hasLow || !hasHigh {
		return nil, false, nil
	}
	n.ProcTime = in[n.LeftTime].Type.Attr == types.ProcTime
	n.Lower, n.Upper = time.Duration(low)*time.Millisecond, time.Duration(high)*time.Millisecond
	out, err := l.bounded(n, r, keys, rest)
	return out, err == nil, err
}

// mirrored are the comparisons with their sides changed.
var mirrored = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// asTimeBound reads a comparison as a bound of the distance of two time attributes.
func asTimeBound(x expr.Node, in Schema, left int) (timeBound, bool) {
	call, ok := x.(*expr.Call)
	if !ok || len(call.Args) != 2 || mirrored[call.Func.Name] == "" {
		return timeBound{}, false
	}
	op := call.Func.Name
	a, byA, ok := movedTime(call.Args[0], in)
	b, byB, also := movedTime(call.Args[1], in)
	if !ok || !also || in[a].Type.Attr != in[b].Type.Attr || in[a].Type.Kind != in[b].Type.Kind {
		return timeBound{}, false
	}
	if a >= left {
		a, b, byA, byB, op = b, a, byB, byA, mirrored[op]
	}
	if a >= left || b < left {
		return timeBound{}, false
	}
	out := timeBound{left: a, right: b - left, op: op, ms: byB - byA, exact: true}
	if in[a].Type.Attr == types.RowTime && (in[a].Type.Prec > 3 || in[b].Type.Prec > 3) {
		out.exact = false // below milliseconds the comparison itself decides
	}
	switch {
	case op == ">" && out.exact:
		out.ms++
	case op == "<" && out.exact:
		out.ms--
	case !out.exact:
		// Times are rounded down to milliseconds, so that their distance is off by less
		// than one.
		if op == ">" || op == ">=" {
			out.ms--
		} else {
			out.ms++
		}
	}
	switch op {
	case ">":
		out.op = ">="
	case "<":
		out.op = "<="
	}
	return out, true
}

// movedTime reads an expression as a time attribute plus a constant in ms.
func movedTime(n expr.Node, in Schema) (col int, ms int64, ok bool) {
	switch n := n.(type) {
	case *expr.Col:
		return n.Index, 0, in[n.Index].Type.IsTimeAttr()
	case *expr.Cast:
		t := n.Arg.Type()
		if n.T.Kind != t.Kind || n.T.Prec < t.Prec {
			return 0, 0, false
		}
		return movedTime(n.Arg, in)
	case *expr.Call:
		if len(n.Args) != 2 || n.Func.Name != "+" && n.Func.Name != "-" {
			return 0, 0, false
		}
		a, b := n.Args[0], n.Args[1]
		if n.Func.Name == "+" && a.Type().IsInterval() {
			a, b = b, a
		}
		l, isLit := b.(*expr.Lit)
		if !isLit || l.Value.Null || l.T.Kind != types.IntervalDS {
			return 0, 0, false
		}
		by := l.Value.I
		if n.Func.Name == "-" {
			by = -by
		}
		col, ms, ok = movedTime(a, in)
		return col, ms + by, ok
	}
	return 0, 0, false
}

// withoutTimes moves equalities of time attributes to the rest: they are bounds.
func (c joinCond) withoutTimes(r *relJoin) joinCond {
	var keys []equiKey
	for _, k := range c.keys {
		x, err := k.condition(len(r.left.cols()))
		if err == nil && !k.nullSafe {
			if _, ok := asTimeBound(x, r.input(), len(r.left.cols())); ok {
				c.rest = append(c.rest[:len(c.rest):len(c.rest)], x)
				continue
			}
		}
		keys = append(keys, k)
	}
	c.keys = keys
	return c
}
