package codegen

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// call is a function: written out where Go says the same, otherwise through the bridge.
func (x *exprs) call(n *expr.Call) (value, error) {
	if n.Func.Volatile {
		return value{}, fallback("%s has another value each time", n.Func.Name)
	}
	if n.Func.Name == "COALESCE" {
		return x.coalesce(n)
	}
	write := x.written(n)
	if write == nil {
		return x.bridge(n)
	}
	args := n.Args
	if _, ok := expr.PatternOf(n); ok {
		args = args[:1]
	}
	if f, i := expr.TimeFuncOf(n, nil); f != nil {
		args = args[i : i+1]
	}
	a, err := x.values(args)
	if err != nil {
		return value{}, err
	}
	return write(a), nil
}

// written is the function that writes a call out, given its arguments; nil where there is none.
func (x *exprs) written(n *expr.Call) func(a []value) value {
	switch name := n.Func.Name; name {
	case "=", "<>", "<", "<=", ">", ">=":
		if t := n.Args[0].Type(); !t.IsNested() {
			return func(a []value) value { return x.compare(name, t, a[0], a[1]) }
		}
	case "IS DISTINCT FROM", "IS NOT DISTINCT FROM":
		if t := n.Args[0].Type(); !t.IsNested() {
			return func(a []value) value { return x.distinct(name == "IS DISTINCT FROM", t, a[0], a[1]) }
		}
	case "+", "-", "*", "/", "%":
		return x.arithmetic(n)
	case "NEGATE":
		return x.negate(n)
	case "NOT":
		return func(a []value) value {
			return value{cond: not(a[0].truth()), null: a[0].null, yes: a[0].isFalse(), no: a[0].isTrue()}
		}
	case "IS NULL", "IS NOT NULL":
		return func(a []value) value {
			isNull := a[0].null
			if isNull == "" {
				isNull = "false"
			}
			if name == "IS NOT NULL" {
				isNull = not(isNull)
			}
			return value{cond: isNull}
		}
	case "IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "IS UNKNOWN", "IS NOT UNKNOWN":
		return func(a []value) value { return truthTest(name, a[0]) }
	case "CHAR_LENGTH":
		return func(a []value) value {
			x.w.use("dataflow/fused")
			return value{code: x.local("fused.CharLength(" + a[0].code + ")"), null: x.strict(a[0])}
		}
	case "UPPER", "LOWER":
		return func(a []value) value {
			return x.letters(map[string]string{"UPPER": "Upper", "LOWER": "Lower"}[name], a[0])
		}
	case "||":
		return func(a []value) value { return x.joined(n.T, a[0], a[1]) }
	case "ABS":
		if n.T.IsInteger() {
			return func(a []value) value {
				i := x.unlit(a[0]).code
				return value{code: x.local(wrap(n.T.Kind, "max("+i+", -"+i+")")), null: a[0].null}
			}
		}
	case "EXTRACT", "FLOOR", "CEIL":
		if f, _ := expr.TimeFuncOf(n, nil); f != nil {
			return func(a []value) value { return x.time(n, a[0]) }
		}
	case "LIKE", "SIMILAR TO":
		if _, ok := expr.PatternOf(n); ok {
			return func(a []value) value { return x.like(n, a[0]) }
		}
	}
	return nil
}

func truthTest(name string, a value) value {
	v := value{}
	switch name {
	case "IS TRUE", "IS NOT TRUE":
		v.cond = a.isTrue()
	case "IS FALSE", "IS NOT FALSE":
		v.cond = a.isFalse()
	default:
		v.cond = a.null
		if a.null == "" {
			v.cond = "false"
		}
	}
	if strings.HasPrefix(name, "IS NOT") {
		v.cond = not(v.cond)
	}
	return v
}

// like matches a string against a literal pattern.
func (x *exprs) like(n *expr.Call, a value) value {
	x.w.use("dataflow/fused")
	name := x.w.fresh("like")
	x.w.field(name + " fused.Like // " + comment(n.Args[1].String()))
	x.w.bind("if err := f.%s.Bind(%s, %d); err != nil {\nreturn err\n}", name, x.rootCode(), x.place[n])
	out := value{null: a.null}
	if out.null == "true" {
		return null(n.T)
	}
	// A NULL string may be any bytes, and a match of them does no harm.
	out.cond = x.local("f." + name + ".Match(" + a.code + ")")
	return out
}

// letters is UPPER or LOWER.
func (x *exprs) letters(fn string, a value) value {
	x.w.use("dataflow/fused")
	return x.scratch(types.TString, "letters", a.null, func(name string) string {
		return fmt.Sprintf("fused.%s(%s[:0], %s)", fn, name, a.code)
	})
}

// joined is a || b.
func (x *exprs) joined(t types.Type, a, b value) value {
	return x.scratch(t, "joined", x.strict(a, b), func(name string) string {
		return fmt.Sprintf("append(append(%s[:0], %s...), %s...)", name, a.code, b.code)
	})
}

// scratch is a string that is made in scratch of the fragment, of that name.
func (x *exprs) scratch(t types.Type, prefix, isNull string, code func(name string) string) value {
	if isNull == "true" {
		return null(t)
	}
	name := x.w.fresh(prefix)
	x.w.field(name + " []byte")
	name = "f." + name
	if isNull != "" {
		x.line("if " + not(isNull) + " {")
	}
	x.line(name + " = " + code(name))
	if isNull != "" {
		x.line("}")
	}
	return value{code: name, null: isNull}
}

// time is a function of a date, time or timestamp.
func (x *exprs) time(n *expr.Call, a value) value {
	if a.null == "true" {
		return null(n.T)
	}
	x.w.use("dataflow/fused")
	name := x.w.fresh("time")
	x.w.field(name + " fused.Time // " + comment(shorten(n.String())))
	x.w.bind("if err := f.%s.Bind(h.Env, %s, %d); err != nil {\nreturn err\n}", name, x.rootCode(), x.place[n])
	return value{code: x.local(fmt.Sprintf("f.%s.Of(%s, %s)", name, a.code, nanos(a))), null: a.null}
}

// rootCode is the expression in hand, in Bind.
func (x *exprs) rootCode() string {
	if x.root != nil {
		return x.root()
	}
	return fmt.Sprintf("h.Expr(%d, %d)", x.node, x.index)
}

// compare is a comparison of two values of one type.
func (x *exprs) compare(op string, t types.Type, a, b value) value {
	out := value{null: nulls(a, b)}
	if out.null == "true" {
		return null(types.TBoolean)
	}
	out.cond = "(" + x.comparison(op, t, a, b) + ")"
	return out
}

func (x *exprs) comparison(op string, t types.Type, a, b value) string {
	g := map[string]string{"=": "==", "<>": "!="}[op]
	if g == "" {
		g = op
	}
	switch t.Phys() {
	case types.Wide:
		x.w.use("dataflow/fused")
		if t.Kind == types.Decimal {
			return fmt.Sprintf("fused.CompareDecimal(%s, %s, %s, %s) %s 0", a.code, x.high(a), b.code, x.high(b), g)
		}
		return fmt.Sprintf("fused.ComparePair(%s, %s, %s, %s) %s 0", a.code, nanos(a), b.code, nanos(b), g)
	case types.Bytes:
		return x.compareBytes(g, a, b)
	}
	if t.Kind == types.Boolean {
		return compareBools(op, a.truth(), b.truth())
	}
	if a.lit && b.lit {
		a = x.unlit(a)
	}
	return a.code + " " + g + " " + b.code
}

// nanos are those within the microsecond of a timestamp.
func nanos(v value) string {
	if v.hi == "" {
		return "0"
	}
	return v.hi
}

func compareBools(op, a, b string) string {
	switch op {
	case "=":
		return a + " == " + b
	case "<>":
		return a + " != " + b
	case "<":
		return not(a) + " && " + b
	case "<=":
		return not(a) + " || " + b
	case ">":
		return a + " && " + not(b)
	}
	return a + " || " + not(b)
}

func (x *exprs) compareBytes(g string, a, b value) string {
	text := func(v value) string {
		if s, ok := x.texts[v.code]; ok {
			return strconv.Quote(s)
		}
		return "string(" + v.code + ")"
	}
	if x.texts[a.code] != "" && x.texts[b.code] != "" {
		return "string(" + a.code + ") " + g + " string(" + b.code + ")"
	}
	return text(a) + " " + g + " " + text(b)
}

// distinct is IS [NOT] DISTINCT FROM: NULL equals NULL, and NaN equals NaN.
func (x *exprs) distinct(want bool, t types.Type, a, b value) value {
	same := "true"
	if a.null != "true" && b.null != "true" {
		same = "(" + x.comparison("=", t, a, b) + ")"
		if t.Phys() == types.F64 {
			a, b = x.unlit(a), x.unlit(b)
			same = fmt.Sprintf("(%s == %s || %s != %s && %s != %s)", a.code, b.code, a.code, a.code, b.code, b.code)
		}
	}
	or := func(s string) string {
		if s == "" {
			return "false"
		}
		return s
	}
	switch {
	case a.null == "" && b.null == "":
	case a.null == "" || b.null == "":
		same = "(" + not(or(a.null+b.null)) + " && " + same + ")"
	default:
		same = fmt.Sprintf("(%s && %s || %s && %s && %s)", a.null, b.null, not(a.null), not(b.null), same)
	}
	if want {
		same = not(same)
	}
	return value{cond: same}
}

// bridge is a node that is run by the function that the interpreter runs: see fused.Call.
func (x *exprs) bridge(n expr.Node) (value, error) {
	kids := expr.Children(n)
	args, err := x.values(kids)
	if err != nil {
		return value{}, err
	}
	strict := true
	if c, ok := n.(*expr.Call); ok {
		strict = !c.Impl.CallsOnNull
	}
	anyNull := nulls(args...)
	if strict && anyNull == "true" {
		return null(n.Type()), nil
	}
	x.w.use("dataflow/fused")
	call := x.w.fresh("call")
	x.w.field(call + " fused.Call // " + comment(shorten(n.String())))
	x.w.bind("if err := f.%s.Bind(h.Env, %s, %d); err != nil {\nreturn err\n}", call, x.rootCode(), x.place[n])
	call = "f." + call
	out := x.result(n.Type(), true)
	guard := strict && anyNull != ""
	if guard {
		x.line(out.null + " = " + anyNull)
		x.line("if !" + out.null + " {")
	}
	for i, a := range args {
		if _, ok := kids[i].(*expr.Lit); !ok {
			x.argument(call, i, a, strict)
		}
	}
	x.line("if !" + call + ".Eval() {\nreturn -1\n}")
	x.line("if " + call + ".Null() {\n" + out.null + " = true\n} else {")
	switch {
	case out.cond != "":
		x.line(out.cond + " = " + call + ".Int() != 0")
	case out.phys == types.F64:
		x.line(out.code + " = " + call + ".Float()")
	case out.phys == types.Bytes:
		x.line(out.code + " = " + call + ".Bytes()")
	default:
		x.line(out.code + " = " + call + ".Int()")
		if out.phys == types.Wide {
			x.line(out.hi + " = " + call + ".Hi()")
		}
	}
	x.line("}")
	if guard {
		x.line("}")
	}
	return out, nil
}

// argument sets an argument of a bridged call.
func (x *exprs) argument(call string, i int, a value, strict bool) {
	if a.null == "true" {
		x.line(fmt.Sprintf("%s.SetNull(%d)", call, i))
		return
	}
	checked := a.null != "" && !strict
	if checked {
		x.line(fmt.Sprintf("if %s {\n%s.SetNull(%d)\n} else {", a.null, call, i))
	}
	switch a.phys {
	case types.F64:
		x.line(fmt.Sprintf("%s.SetFloat(%d, %s)", call, i, a.code))
	case types.Wide:
		x.line(fmt.Sprintf("%s.SetWide(%d, %s, %s)", call, i, a.code, a.hi))
	case types.Bytes:
		x.line(fmt.Sprintf("%s.SetBytes(%d, %s)", call, i, a.code))
	default:
		x.line(fmt.Sprintf("%s.SetInt(%d, %s)", call, i, a.cell(x.w)))
	}
	if checked {
		x.line("}")
	}
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 100 {
		return string(r[:100]) + "..."
	}
	return s
}
