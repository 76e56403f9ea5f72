package codegen

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// exprs writes expressions over the columns of one row. What one of them has computed is at
// hand for the next: the caller emits them into one block, or into blocks within it.
type exprs struct {
	w    *writer
	cols []value
	// node and index tell where the expression in hand stands: in Head.Nodes[node], the
	// filter of a Calc (-1), its Project[index], or the watermark (0).
	node, index int

	// place is the number of each node of the expression in hand, in the order of expr.Walk;
	// uses counts equal ones.
	place map[expr.Node]int
	uses  map[string]int
	// scopes hold, from the outermost block to the one in hand, what has been computed.
	scopes []map[string]value
	// texts are the contents of literals of class types.Bytes, by code.
	texts map[string]string
	// root names the expression in hand in Bind, "h.Expr(0, -1)"; nil is by node and index.
	root func() string
}

func newExprs(w *writer, cols []value) *exprs {
	return &exprs{w: w, cols: cols, scopes: []map[string]value{{}}, texts: map[string]string{}}
}

// at tells where the expressions stand that follow.
func (x *exprs) at(node, index int) { x.node, x.index = node, index }

// emit writes the statements that compute an expression, and returns its value. Where it
// fails they return -1 from the function in hand, in which f is the fragment and e the event.
func (x *exprs) emit(n expr.Node) (value, error) {
	x.begin(n)
	v, err := x.value(n)
	if v.lit && (strings.HasPrefix(v.code, "-") || strings.HasPrefix(v.hi, "-")) {
		// Go converts no negative constant to an unsigned type, as keys do.
		v = x.unlit(v)
		if v.hi != "" {
			v.hi = x.local("int64(" + v.hi + ")")
		}
	}
	return v, err
}

// filter is emit for an expression of which only TRUE counts; it returns a Go bool.
func (x *exprs) filter(n expr.Node) (string, error) {
	x.begin(n)
	return x.conjunction(n)
}

func (x *exprs) begin(n expr.Node) {
	x.place, x.uses = map[expr.Node]int{}, map[string]int{}
	i := 0
	expr.Walk(n, func(m expr.Node) bool {
		if _, ok := x.place[m]; !ok {
			x.place[m] = i
		}
		i++
		x.uses[expr.Key(m)]++
		return true
	})
}

// value computes a node, unless it is at hand.
func (x *exprs) value(n expr.Node) (value, error) {
	switch n := n.(type) {
	case *expr.Col:
		return x.cols[n.Index], nil
	case *expr.Lit:
		return x.literal(n), nil
	}
	key := expr.Key(n)
	for _, s := range slices.Backward(x.scopes) {
		if v, ok := s[key]; ok {
			return v, nil
		}
	}
	v, err := x.compute(n)
	if err != nil {
		return v, err
	}
	v.t, v.phys = n.Type(), n.Type().Phys()
	if x.uses[key] > 1 {
		v = x.named(v)
	}
	x.scopes[len(x.scopes)-1][key] = v
	return v, nil
}

func (x *exprs) compute(n expr.Node) (value, error) {
	switch n := n.(type) {
	case *expr.Call:
		return x.call(n)
	case *expr.Cast:
		return x.cast(n)
	case *expr.Case:
		return x.choose(n)
	case *expr.Logic:
		return x.logic(n)
	case *expr.Field:
		return x.bridge(n)
	}
	return value{}, fallback("no code is generated for %s", n)
}

func (x *exprs) values(ns []expr.Node) ([]value, error) {
	out := make([]value, len(ns))
	for i, n := range ns {
		var err error
		if out[i], err = x.value(n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// line writes Go as it is.
func (x *exprs) line(s string) { x.w.p("%s", s) }

// local makes a new local of a Go expression and returns its name.
func (x *exprs) local(code string) string {
	name := x.w.fresh("v")
	x.w.locals = append(x.w.locals, name)
	x.line(name + " := " + code)
	return name
}

// variable declares a local.
func (x *exprs) variable(name, typ string) {
	x.w.locals = append(x.w.locals, name)
	x.line("var " + name + " " + typ)
}

// result declares locals for a cell of type t; they are set by set.
func (x *exprs) result(t types.Type, null bool) value {
	name := x.w.fresh("v")
	v := value{t: t, phys: t.Phys(), code: name}
	if t.Kind == types.Boolean {
		v.code, v.cond = "", name
		x.variable(name, "bool")
	} else {
		x.variable(name, goType(v.phys))
	}
	if v.phys == types.Wide {
		v.hi = name + "Hi"
		x.variable(v.hi, "int64")
	}
	if null {
		v.null = name + "Null"
		x.variable(v.null, "bool")
	}
	return v
}

// set writes the assignment of a value to locals made by result, which are not NULL so far.
func (x *exprs) set(to, v value) {
	if v.null != "" {
		x.line(to.null + " = " + v.null)
	}
	if v.null == "true" {
		return
	}
	if to.cond != "" {
		x.line(to.cond + " = " + v.truth())
		return
	}
	x.line(to.code + " = " + v.cell(x.w))
	if to.phys == types.Wide {
		x.line(to.hi + " = " + x.high(v))
	}
}

// named gives names to the parts of a value that are more than names.
func (x *exprs) named(v value) value {
	if v.null != "" && v.null != "true" && !isName(v.null) {
		v.null = x.local(v.null)
	}
	if v.cond != "" && !isName(v.cond) {
		v.cond = x.local(v.cond)
	}
	v.yes, v.no = "", ""
	return v
}

func isName(s string) bool {
	return !strings.ContainsAny(s, " !(&|")
}

// capture collects what fn writes, as a block of its own.
func (x *exprs) capture(fn func() error) (string, error) {
	outer := x.w.body
	x.w.body = bytes.Buffer{}
	x.scopes = append(x.scopes, map[string]value{})
	err := fn()
	text := x.w.body.String()
	x.scopes = x.scopes[:len(x.scopes)-1]
	x.w.body = outer
	return text, err
}

// raw writes captured lines.
func (x *exprs) raw(text string) { x.w.body.WriteString(text) }

// literal is a constant.
func (x *exprs) literal(n *expr.Lit) value {
	v := value{t: n.T, phys: n.T.Phys(), lit: true}
	d := n.Value
	if d.Null {
		v.null = "true"
	}
	switch {
	case n.T.Kind == types.Boolean:
		v.cond = strconv.FormatBool(d.I != 0 && !d.Null)
	case v.phys == types.F64:
		v.code = x.float(d.F)
		v.lit = !strings.Contains(v.code, "math.")
	case v.phys == types.Bytes && d.Null:
		v.code = "nil"
	case v.phys == types.Bytes:
		name := x.w.fresh("text")
		x.w.field(name + " []byte")
		x.w.bind("f.%s = []byte(%s)", name, strconv.Quote(string(d.B)))
		v.code, v.lit = "f."+name, false
		x.texts[v.code] = string(d.B)
	default:
		v.code = strconv.FormatInt(d.I, 10)
	}
	if v.phys == types.Wide {
		v.hi = strconv.FormatInt(d.Hi, 10)
	}
	return v
}

// float writes a float64 so that it stays one.
func (x *exprs) float(f float64) string {
	switch {
	case f != f:
		x.w.use("math")
		return "math.NaN()"
	case math.IsInf(f, 0):
		x.w.use("math")
		return fmt.Sprintf("math.Inf(%d)", int(math.Copysign(1, f)))
	case f == 0 && math.Signbit(f):
		x.w.use("math")
		return "math.Copysign(0, -1)"
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// nulls is the disjunction of NULLs.
func nulls(vs ...value) string {
	var parts []string
	for _, v := range vs {
		switch {
		case v.null == "true":
			return "true"
		case v.null != "" && !slices.Contains(parts, v.null):
			parts = append(parts, v.null)
		}
	}
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return "(" + strings.Join(parts, " || ") + ")"
}

// strict is nulls by a short name, for what is computed of the values.
func (x *exprs) strict(vs ...value) string {
	n := nulls(vs...)
	if strings.Count(n, "||") > 1 {
		n = x.local(n)
	}
	return n
}

// null is the value NULL.
func null(t types.Type) value {
	v := value{t: t, phys: t.Phys(), code: "0", null: "true", lit: true}
	switch {
	case t.Kind == types.Boolean:
		v.code, v.cond = "", "false"
	case v.phys == types.Bytes:
		v.code = "nil"
	case v.phys == types.Wide:
		v.hi = "0"
	}
	return v
}

// unlit makes a local of a literal, so that Go computes with it at run time, as the
// interpreter does.
func (x *exprs) unlit(v value) value {
	if v.lit && v.code != "" {
		v.code, v.lit = x.local(goType(v.phys)+"("+v.code+")"), false
	}
	return v
}

// high is the high half of a DECIMAL in 128 bits, of an exact number of either class.
func (x *exprs) high(v value) string {
	if v.hi != "" {
		return v.hi
	}
	if v.lit {
		if strings.HasPrefix(v.code, "-") {
			return "-1"
		}
		return "0"
	}
	return v.code + ">>63"
}
