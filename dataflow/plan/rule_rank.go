package plan

import (
	"math"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// recognizeRank makes Top-N of a filter on ROW_NUMBER: rn <= 3, rn = 1, rn BETWEEN 2 AND 5.
// What else is filtered is left above it.
func recognizeRank(r rel) rel {
	c, ok := r.(*relCalc)
	if !ok || c.filter == nil {
		return r
	}
	over, ok := c.in.(*relOver)
	if !ok || len(over.calls) != 1 || over.calls[0].Func != OverRowNumber {
		return r
	}
	col := len(over.in.cols())
	start, end, rest := rankRange(c.filter, col)
	if end == math.MaxInt64 {
		return r
	}
	out := *c
	if start > end {
		start, end, rest = 1, 1, []expr.Node{expr.NewBool(false)}
	}
	out.filter = conjunction(rest)
	rank := newRank(over.in, over.partition, over.order, start, end, start < end, over.span)
	rank.ttl = over.ttl
	out.in = rank
	if start == end {
		number := identity(over.schema)
		number[col] = bigInt(start)
		out.filter = substitute(out.filter, number)
		out.project = make([]expr.Node, len(c.project))
		for i, p := range c.project {
			out.project[i] = substitute(p, number)
		}
	}
	return &out
}

// rankRange finds the range of numbers that a condition leaves, and what else it says.
func rankRange(cond expr.Node, col int) (start, end int64, rest []expr.Node) {
	start, end = 1, math.MaxInt64
	for _, n := range conjuncts(cond) {
		op, v, ok := rankBound(n, col)
		if !ok {
			rest = append(rest, n)
			continue
		}
		switch op {
		case "=":
			start, end = max(start, v), min(end, v)
		case "<=":
			end = min(end, v)
		case "<":
			end = min(end, v-1)
		case ">=":
			start = max(start, v)
		case ">":
			start = max(start, v+1)
		}
	}
	return start, end, rest
}

// rankBound reads a comparison of the number with a constant.
func rankBound(n expr.Node, col int) (op string, v int64, ok bool) {
	c, isCall := n.(*expr.Call)
	if !isCall || len(c.Args) != 2 {
		return "", 0, false
	}
	flipped := map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
	op = c.Func.Name
	if flipped[op] == "" {
		return "", 0, false
	}
	a, b := c.Args[0], c.Args[1]
	if _, lit := a.(*expr.Lit); lit {
		a, b, op = b, a, flipped[op]
	}
	x, isCol := a.(*expr.Col)
	l, isLit := b.(*expr.Lit)
	if !isCol || !isLit || x.Index != col || !l.T.IsInteger() || l.Value.Null {
		return "", 0, false
	}
	return op, l.Value.I, true
}

// filterPartitions moves conditions on a partition's columns below Top-N.
func filterPartitions(c *relCalc, r *relRank) rel {
	in := map[int]bool{}
	for _, p := range r.partition {
		in[p] = true
	}
	pushed, rest := split(c.filter, func(col int) bool { return in[col] })
	if len(pushed) == 0 {
		return c
	}
	out := *r
	out.in = mergeCalcs(filterRel(r.in, conjunction(pushed)))
	return withoutFilter(c, &out, rest)
}
