package plan

import (
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// withChildren is n over other children, in the order of expr.Children.
func withChildren(n expr.Node, kids []expr.Node) expr.Node {
	switch n := n.(type) {
	case *expr.Call:
		c := *n
		c.Args = kids
		return &c
	case *expr.Cast:
		c := *n
		c.Arg = kids[0]
		return &c
	case *expr.Case:
		c := *n
		c.Conds, c.Vals = make([]expr.Node, len(n.Conds)), make([]expr.Node, len(n.Vals))
		for i := range n.Conds {
			c.Conds[i], c.Vals[i] = kids[2*i], kids[2*i+1]
		}
		if n.Else != nil {
			c.Else = kids[len(kids)-1]
		}
		return &c
	case *expr.Field:
		c := *n
		c.Arg = kids[0]
		return &c
	case *expr.Logic:
		c := *n
		c.Args = kids
		return &c
	}
	return n
}

// substitute puts expressions in place of columns.
func substitute(n expr.Node, by []expr.Node) expr.Node {
	if n == nil {
		return nil
	}
	return expr.Rewrite(n, func(m expr.Node) expr.Node {
		if c, ok := m.(*expr.Col); ok {
			return by[c.Index]
		}
		return m
	})
}

// remap renumbers the columns of an expression.
func remap(n expr.Node, to []int) expr.Node {
	if n == nil {
		return nil
	}
	return expr.Rewrite(n, func(m expr.Node) expr.Node {
		if c, ok := m.(*expr.Col); ok && to[c.Index] != c.Index {
			return expr.NewCol(to[c.Index], c.Name, c.T)
		}
		return m
	})
}

// columnsOf lists the columns of several expressions in a set over n columns.
func columnsOf(n int, exprs ...expr.Node) []bool {
	out := make([]bool, n)
	for _, e := range exprs {
		if e == nil {
			continue
		}
		for _, c := range expr.Cols(e) {
			out[c] = true
		}
	}
	return out
}

// appendKey appends a text that equal expressions over the same input share and others
// do not: column numbers, functions, literals with their types, casts with their targets.
func appendKey(b []byte, n expr.Node) []byte {
	switch n := n.(type) {
	case nil:
		return append(b, '-')
	case *expr.Col:
		return strconv.AppendInt(append(b, '$'), int64(n.Index), 10)
	case *expr.Lit:
		return appendLit(b, n)
	case *expr.Call:
		b = append(append(b, n.Func.Name...), ':')
		b = append(b, n.T.String()...)
	case *expr.Cast:
		if n.Try {
			b = append(b, "try_"...)
		}
		b = append(append(b, "cast:"...), n.T.String()...)
	case *expr.Case:
		b = append(append(b, "case:"...), n.T.String()...)
	case *expr.Field:
		b = strconv.AppendInt(append(b, "field:"...), int64(n.Index), 10)
	case *expr.Logic:
		b = strconv.AppendBool(append(b, "or:"...), n.Or)
	}
	b = append(b, '(')
	for _, c := range expr.Children(n) {
		b = append(appendKey(b, c), ',')
	}
	return append(b, ')')
}

func appendLit(b []byte, n *expr.Lit) []byte {
	b = append(append(b, 'l'), n.T.String()...)
	if n.Value.Null {
		return append(b, "null"...)
	}
	switch n.T.Phys() {
	case types.F64:
		return strconv.AppendFloat(append(b, ' '), n.Value.F, 'g', -1, 64)
	case types.Bytes:
		return strconv.AppendQuote(append(b, ' '), string(n.Value.B))
	case types.Wide:
		b = strconv.AppendInt(append(b, ' '), n.Value.Hi, 10)
	}
	return strconv.AppendInt(append(b, ' '), n.Value.I, 10)
}
