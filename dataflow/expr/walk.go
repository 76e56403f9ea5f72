package expr

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Children are the node's direct arguments in order of evaluation.
func Children(n Node) []Node {
	switch n := n.(type) {
	case *Call:
		return n.Args
	case *Cast:
		return []Node{n.Arg}
	case *Case:
		out := make([]Node, 0, 2*len(n.Conds)+1)
		for i := range n.Conds {
			out = append(out, n.Conds[i], n.Vals[i])
		}
		if n.Else != nil {
			out = append(out, n.Else)
		}
		return out
	case *Field:
		return []Node{n.Arg}
	case *Logic:
		return n.Args
	}
	return nil
}

// Walk visits n and what is below it, parents first. fn returns false to skip the children.
func Walk(n Node, fn func(Node) bool) {
	if n == nil || !fn(n) {
		return
	}
	for _, c := range Children(n) {
		Walk(c, fn)
	}
}

// Rewrite replaces nodes from the leaves up: fn gets each node with its children already
// rewritten and returns what stands in its place. Nodes that do not change are kept.
func Rewrite(n Node, fn func(Node) Node) Node {
	if n == nil {
		return nil
	}
	kids := Children(n)
	changed := false
	out := make([]Node, len(kids))
	for i, c := range kids {
		out[i] = Rewrite(c, fn)
		changed = changed || out[i] != c
	}
	if changed {
		n = withChildren(n, out)
	}
	return fn(n)
}

func withChildren(n Node, kids []Node) Node {
	switch n := n.(type) {
	case *Call:
		c := *n
		c.Args = kids
		return &c
	case *Cast:
		c := *n
		c.Arg = kids[0]
		return &c
	case *Case:
		c := *n
		c.Conds, c.Vals = make([]Node, len(n.Conds)), make([]Node, len(n.Vals))
		for i := range n.Conds {
			c.Conds[i], c.Vals[i] = kids[2*i], kids[2*i+1]
		}
		if n.Else != nil {
			c.Else = kids[len(kids)-1]
		}
		return &c
	case *Field:
		c := *n
		c.Arg = kids[0]
		return &c
	case *Logic:
		c := *n
		c.Args = kids
		return &c
	}
	return n
}

// Cols lists the indexes of the columns below n, ascending, each once.
func Cols(n Node) []int {
	var out []int
	Walk(n, func(m Node) bool {
		if c, ok := m.(*Col); ok && !slices.Contains(out, c.Index) {
			out = append(out, c.Index)
		}
		return true
	})
	slices.Sort(out)
	return out
}

// Deterministic tells whether n has the same value for the same columns: it calls no
// volatile function.
func Deterministic(n Node) bool {
	ok := true
	Walk(n, func(m Node) bool {
		if c, isCall := m.(*Call); isCall && c.Func.Volatile {
			ok = false
		}
		return ok
	})
	return ok
}

// Equal tells whether two nodes are the same expression: same columns, functions,
// literals and types. Names of columns do not matter.
func Equal(a, b Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a == b {
		return true
	}
	ta, tb := a.Type(), b.Type()
	if ta.NotNull != tb.NotNull || !ta.Equal(tb) || !sameHead(a, b) {
		return false
	}
	ka, kb := Children(a), Children(b)
	if len(ka) != len(kb) {
		return false
	}
	for i := range ka {
		if !Equal(ka[i], kb[i]) {
			return false
		}
	}
	return true
}

func sameHead(a, b Node) bool {
	switch x := a.(type) {
	case *Col:
		y, ok := b.(*Col)
		return ok && x.Index == y.Index
	case *Lit:
		y, ok := b.(*Lit)
		return ok && sameDatum(x.Value, y.Value)
	case *Call:
		y, ok := b.(*Call)
		return ok && x.Func == y.Func
	case *Cast:
		y, ok := b.(*Cast)
		return ok && x.Try == y.Try
	case *Case:
		y, ok := b.(*Case)
		return ok && len(x.Conds) == len(y.Conds)
	case *Field:
		y, ok := b.(*Field)
		return ok && x.Index == y.Index
	case *Logic:
		y, ok := b.(*Logic)
		return ok && x.Or == y.Or
	}
	return false
}

func sameDatum(a, b vec.Datum) bool {
	if a.Null || b.Null {
		return a.Null == b.Null
	}
	return a.I == b.I && a.Hi == b.Hi && math.Float64bits(a.F) == math.Float64bits(b.F) && bytes.Equal(a.B, b.B)
}

// appendKey appends a text that two nodes share exactly when Equal holds.
func appendKey(b []byte, n Node) []byte {
	switch n := n.(type) {
	case *Col:
		b = strconv.AppendInt(append(b, '$'), int64(n.Index), 10)
	case *Lit:
		b = append(append(b, 'l'), n.T.String()...)
		b = strconv.AppendBool(b, n.Value.Null)
		b = strconv.AppendInt(append(b, ','), n.Value.I, 10)
		b = strconv.AppendInt(append(b, ','), n.Value.Hi, 10)
		b = strconv.AppendUint(append(b, ','), math.Float64bits(n.Value.F), 16)
		b = strconv.AppendQuote(append(b, ','), string(n.Value.B))
	case *Call:
		b = append(append(b, 'f'), n.Func.Name...)
	case *Cast:
		b = append(append(b, 'c'), n.T.String()...)
		b = strconv.AppendBool(b, n.Try)
	case *Case:
		b = strconv.AppendInt(append(b, "case"...), int64(len(n.Conds)), 10)
	case *Field:
		b = strconv.AppendInt(append(b, '.'), int64(n.Index), 10)
	case *Logic:
		b = strconv.AppendBool(append(b, "or"...), n.Or)
	}
	b = append(b, '(')
	for _, c := range Children(n) {
		b = append(appendKey(b, c), ',')
	}
	return append(b, ')')
}

// Fold replaces subexpressions without columns and volatile functions by their values,
// and drops what constant conditions and declarations of NOT NULL decide. What would fail stays, and fails for the
// rows that need it; so does what is larger than foldedMax.
func Fold(n Node, env *Env) Node {
	return Rewrite(n, func(m Node) Node {
		switch m := m.(type) {
		case *Lit, *Col:
			return m
		case *Logic:
			return foldLogic(m)
		case *Case:
			return foldCase(m)
		case *Call:
			if m.Func.Volatile {
				return m
			}
			if l := foldNullTest(m); l != nil {
				return l
			}
		}
		for _, c := range Children(m) {
			if _, ok := c.(*Lit); !ok {
				return m
			}
		}
		if d, err := Constant(m, env); err == nil && len(d.B) <= foldedMax {
			return &Lit{Value: d, T: m.Type()}
		}
		return m
	})
}

// foldedMax is how many bytes a value has that is computed once and kept in the plan. A few
// calls of REPEAT or REPLACE would fill memory with larger ones; rows compute those.
const foldedMax = 64 << 10

// Constant is the value of an expression without columns, or the error of computing it.
func Constant(n Node, env *Env) (vec.Datum, error) {
	p, err := Compile(n, env)
	if err != nil {
		return vec.NullDatum, err
	}
	c := &Ctx{Env: env}
	v := p.Eval(c, &vec.Batch{N: 1}, nil)
	if len(c.Errs) > 0 {
		return vec.NullDatum, c.Errs[0].Err
	}
	d := v.Get(0)
	d.B = bytes.Clone(d.B)
	return d, nil
}

// foldNullTest decides whether a value that is declared NOT NULL is NULL, as Flink's planner
// does: by the declaration, whatever the data says. Nil where it takes the row.
func foldNullTest(n *Call) Node {
	var v bool
	switch n.Func.Name {
	case "IS NULL", "IS UNKNOWN":
	case "IS NOT NULL", "IS NOT UNKNOWN":
		v = true
	default:
		return nil
	}
	if !n.Args[0].Type().NotNull {
		return nil
	}
	return &Lit{Value: vec.BoolDatum(v), T: n.T}
}

func foldLogic(n *Logic) Node {
	var rest []Node
	for _, a := range n.Args {
		l, ok := a.(*Lit)
		switch {
		case !ok || l.Value.Null:
			rest = append(rest, a)
		case l.Value.Bool() == n.Or && len(rest) == 0:
			return &Lit{Value: l.Value, T: n.T}
		case l.Value.Bool() == n.Or:
			return withArgs(n, append(rest, a))
		}
	}
	return withArgs(n, rest)
}

func withArgs(n *Logic, args []Node) Node {
	switch len(args) {
	case 0:
		return &Lit{Value: vec.BoolDatum(!n.Or), T: n.T}
	case 1:
		return args[0]
	case len(n.Args):
		return n
	}
	return &Logic{Or: n.Or, Args: args, T: n.T}
}

func foldCase(n *Case) Node {
	out := &Case{Else: n.Else, T: n.T}
	for i, c := range n.Conds {
		if l, ok := c.(*Lit); ok {
			if l.Value.Null || !l.Value.Bool() {
				continue
			}
			out.Else = n.Vals[i]
			break
		}
		out.Conds, out.Vals = append(out.Conds, c), append(out.Vals, n.Vals[i])
	}
	if len(out.Conds) == 0 {
		if out.Else == nil {
			return NewNull(n.T)
		}
		return out.Else
	}
	if len(out.Conds) == len(n.Conds) {
		return n
	}
	return out
}

// Strings prints nodes for plans.
func Strings(ns []Node) string {
	s := make([]string, len(ns))
	for i := range ns {
		s[i] = ns[i].String()
	}
	return strings.Join(s, ", ")
}

// Key is a text that tells expressions over the same input apart by what they compute:
// columns by index, functions by name, literals and casts with their types.
func Key(n Node) string { return string(appendKey(nil, n)) }
