package plan

import "github.com/edgeflow/edgeflow/dataflow/expr"

// foldConstants computes what does not depend on the row, and drops filters that are TRUE.
func (b *binder) foldConstants(r rel) rel {
	c, ok := r.(*relCalc)
	if !ok {
		return r
	}
	out := *c
	out.project = foldAll(c.project, b.env())
	if c.filter != nil {
		out.filter = expr.Fold(c.filter, b.env())
		if isTrue(out.filter) {
			out.filter = nil
		}
	}
	return &out
}

func isTrue(n expr.Node) bool {
	l, ok := n.(*expr.Lit)
	return ok && !l.Value.Null && l.Value.Bool()
}
