package plan

import "github.com/edgeflow/edgeflow/dataflow/expr"

// pushFilter moves conditions towards the sources: into the inputs of a union, below an
// aggregation where they are about its keys, and below a window function where they are
// not about the window. Operators that others read too stay as they are.
func pushFilter(r rel, parents map[rel]int) rel {
	c, ok := r.(*relCalc)
	if !ok || c.filter == nil {
		return r
	}
	if u, ok := c.in.(*relUnion); ok {
		return filterInputs(c, u)
	}
	if parents[c.in] > 1 {
		return r
	}
	switch in := c.in.(type) {
	case *relAgg:
		return filterKeys(c, in)
	case *relUnnest:
		return filterBeforeUnnest(c, in, parents)
	case *relJoin:
		return pushIntoJoin(c, in, parents)
	case *relTVF:
		return filterBeforeWindow(c, in)
	case *relRank:
		return filterPartitions(c, in)
	}
	return r
}

func filterInputs(c *relCalc, u *relUnion) rel {
	if !expr.Deterministic(c.filter) {
		return c
	}
	out := &relUnion{schema: u.schema}
	for _, in := range u.ins {
		out.ins = append(out.ins, mergeCalcs(filterRel(in, c.filter)))
	}
	return withoutFilter(c, out, nil)
}

// withoutFilter is the projection of c over another input, with what is left to filter.
func withoutFilter(c *relCalc, in rel, rest []expr.Node) rel {
	out := *c
	out.in, out.filter = in, conjunction(rest)
	return &out
}

// split divides the conjuncts by whether they refer only to columns that pass ok.
func split(cond expr.Node, ok func(col int) bool) (pushed, rest []expr.Node) {
	for _, n := range conjuncts(cond) {
		push := expr.Deterministic(n)
		cols := expr.Cols(n)
		for _, c := range cols {
			push = push && ok(c)
		}
		if push && len(cols) > 0 {
			pushed = append(pushed, n)
		} else {
			rest = append(rest, n)
		}
	}
	return pushed, rest
}

func filterKeys(c *relCalc, agg *relAgg) rel {
	pushed, rest := split(c.filter, func(col int) bool { return col < len(agg.keys) })
	if len(pushed) == 0 {
		return c
	}
	out := *agg
	out.in = mergeCalcs(filterRel(agg.in, remap(conjunction(pushed), padded(agg.keys, len(agg.schema)))))
	return withoutFilter(c, &out, rest)
}

// padded extends a column map, so that it is defined for n columns.
func padded(m []int, n int) []int {
	out := make([]int, n)
	copy(out, m)
	return out
}

func filterBeforeWindow(c *relCalc, w *relTVF) rel {
	base := len(w.schema) - 3
	pushed, rest := split(c.filter, func(col int) bool {
		if w.win.Kind != Session {
			return col < base
		}
		for _, p := range w.partition {
			if p == col {
				return true
			}
		}
		return false
	})
	if len(pushed) == 0 {
		return c
	}
	out := *w
	out.in = mergeCalcs(filterRel(w.in, conjunction(pushed)))
	return withoutFilter(c, &out, rest)
}
