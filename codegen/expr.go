package codegen

import "github.com/edgeflow/edgeflow/dataflow/expr"

// exprs writes expressions over the columns of one row.
type exprs struct {
	w    *writer
	cols []value
	// node and index tell where the expression in hand stands: in Head.Nodes[node], the
	// filter of a Calc (-1), its Project[index], or the watermark (0).
	node, index int
}

func newExprs(w *writer, cols []value) *exprs { return &exprs{w: w, cols: cols} }

// at tells where the expressions stand that follow.
func (x *exprs) at(node, index int) { x.node, x.index = node, index }

// emit writes the statements that compute an expression, and returns its value. Where it
// fails they return -1 from the function in hand, in which f is the fragment and e the event.
func (x *exprs) emit(n expr.Node) (value, error) {
	if c, ok := n.(*expr.Col); ok {
		return x.cols[c.Index], nil
	}
	return value{}, fallback("no code is generated for %s", n)
}
