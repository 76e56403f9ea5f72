package plan

import (
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// mergeCalcs makes one projection and filter of two that follow each other, and drops
// those that change nothing. A volatile expression is not merged where that would compute
// it more than once for a row, or for other rows than before.
func mergeCalcs(r rel) rel {
	c, ok := r.(*relCalc)
	if !ok {
		return r
	}
	in, ok := c.in.(*relCalc)
	if !ok || in.uid != "" || !mergeable(c, in) {
		_, scan := c.in.(*relScan) // the projection tells which columns are read
		if !scan && c.filter == nil && c.uid == "" && sameNames(c.schema, c.in.cols()) && isIdentity(c.project, c.in.cols()) {
			return c.in
		}
		return r
	}
	out := &relCalc{in: in.in, schema: c.schema, uid: c.uid}
	for _, p := range c.project {
		out.project = append(out.project, substitute(p, in.project))
	}
	out.filter = both(in.filter, substitute(c.filter, in.project))
	return mergeCalcs(out)
}

func sameNames(a, b Schema) bool {
	return slices.EqualFunc(a, b, func(x, y Column) bool { return x.Name == y.Name && x.Type.Attr == y.Type.Attr })
}

func mergeable(c, in *relCalc) bool {
	uses := make([]int, len(in.project))
	count := func(n expr.Node) {
		if n == nil {
			return
		}
		expr.Walk(n, func(m expr.Node) bool {
			if col, ok := m.(*expr.Col); ok {
				uses[col.Index]++
			}
			return true
		})
	}
	for _, p := range c.project {
		count(p)
	}
	count(c.filter)
	if in.filter != nil && !expr.Deterministic(in.filter) {
		return false
	}
	size := 0
	for i, p := range in.project {
		if !expr.Deterministic(p) && (uses[i] != 1 || c.filter != nil) {
			return false
		}
		if uses[i] > 1 {
			size += (uses[i] - 1) * nodeCount(p)
		}
	}
	return size <= mergedMax
}

// mergedMax limits by how many nodes merging may make expressions longer: what is used
// more than once is copied.
const mergedMax = 1000

func nodeCount(n expr.Node) int {
	count := 0
	expr.Walk(n, func(expr.Node) bool {
		count++
		return true
	})
	return count
}

// both is the conjunction of two conditions, either of which may be nil.
func both(a, b expr.Node) expr.Node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	n, err := expr.NewAnd(a, b)
	if err != nil {
		// NewAnd takes any two conditions, and these are BOOLEAN.
		return &expr.Logic{Args: []expr.Node{a, b}, T: a.Type().Nullable()}
	}
	return n
}

// conjuncts splits a condition at its ANDs.
func conjuncts(n expr.Node) []expr.Node {
	if n == nil {
		return nil
	}
	if l, ok := n.(*expr.Logic); ok && !l.Or {
		return l.Args
	}
	return []expr.Node{n}
}

// conjunction joins conditions by AND; nil for none.
func conjunction(ns []expr.Node) expr.Node {
	var out expr.Node
	for _, n := range ns {
		out = both(out, n)
	}
	return out
}
