package codegen

import (
	"fmt"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// arithmetic writes + - * / % out, or is nil.
func (x *exprs) arithmetic(n *expr.Call) func(a []value) value {
	op, t := n.Func.Name, n.T
	p, q := n.Args[0].Type(), n.Args[1].Type()
	ints := p.IsInteger() && q.IsInteger() && t.IsInteger()
	switch {
	case ints && (op == "/" || op == "%"):
		return func(a []value) value { return x.divide(op, t, a[0], a[1]) }
	case ints, p.IsInterval() && q.IsInterval():
		return func(a []value) value {
			return value{code: x.local(wrap(t.Kind, a[0].code+" "+op+" "+x.unlitIf(a[0].lit, a[1]).code)), null: x.strict(a...)}
		}
	case p.IsApprox() && q.IsApprox() && op != "%":
		return func(a []value) value { return x.floats(op, t, a[0], a[1]) }
	case t.Kind == types.Decimal && p.Kind == types.Decimal && q.Kind == types.Decimal && op != "%":
		return func(a []value) value { return x.decimals(op, t, p, q, a[0], a[1]) }
	case p.IsTimestamp() && q.Kind == types.IntervalDS && (op == "+" || op == "-"):
		return func(a []value) value { return x.move(op, a[0], a[1]) }
	case p.Kind == types.Date && q.Kind == types.IntervalDS && (op == "+" || op == "-"):
		return func(a []value) value {
			x.w.use("dataflow/fused")
			by := a[1].code
			if op == "-" {
				by = "-" + x.unlit(a[1]).code
			}
			return value{code: x.local(x.unlit(a[0]).code + " + fused.FloorDiv(" + by + ", 86_400_000)"), null: x.strict(a...)}
		}
	case p.Kind == types.IntervalDS && q.IsTimestamp() && op == "+":
		return func(a []value) value { return x.move(op, a[1], a[0]) }
	}
	return nil
}

// unlitIf is unlit where the other operand is a literal, too.
func (x *exprs) unlitIf(other bool, v value) value {
	if other {
		return x.unlit(v)
	}
	return v
}

// wrap brings an integer into the range of its type.
func wrap(k types.Kind, code string) string {
	switch k {
	case types.TinyInt:
		return "int64(int8(" + code + "))"
	case types.SmallInt:
		return "int64(int16(" + code + "))"
	case types.Int:
		return "int64(int32(" + code + "))"
	}
	return code
}

// divide is the quotient or the remainder of integers; a division by zero is refused.
func (x *exprs) divide(op string, t types.Type, a, b value) value {
	n := x.strict(a, b)
	if n == "true" {
		return null(t)
	}
	a = x.unlitIf(b.lit, a)
	if b.lit && b.code != "0" {
		return value{code: x.local(wrap(t.Kind, a.code+" "+op+" "+b.code)), null: n}
	}
	b = x.unlit(b)
	out := x.result(t, false)
	out.null = n
	if n != "" {
		x.line("if !" + n + " {")
	}
	x.line("if " + b.code + " == 0 {\nreturn -1\n}")
	x.line(out.code + " = " + wrap(t.Kind, a.code+" "+op+" "+b.code))
	if n != "" {
		x.line("}")
	}
	return out
}

// floats computes with FLOAT or DOUBLE. The conversion of a product keeps Go from fusing it
// with a sum, which rounds once where the interpreter rounds twice.
func (x *exprs) floats(op string, t types.Type, a, b value) value {
	if op == "/" || a.lit {
		b = x.unlitIf(a.lit || op == "/", b)
	}
	code := a.code + " " + op + " " + b.code
	switch {
	case t.Kind == types.Float:
		code = "float64(float32(float64(" + code + ")))"
	case op == "*":
		code = "float64(" + code + ")"
	}
	return value{code: x.local(code), null: x.strict(a, b)}
}

// move is a timestamp moved by an interval of milliseconds.
func (x *exprs) move(op string, t, by value) value {
	d := by.code + "*1000"
	if ms, err := strconv.ParseInt(by.code, 10, 64); err == nil && by.lit && ms < 1<<52 && ms > -1<<52 {
		d = strconv.FormatInt(ms*1000, 10)
	}
	t = x.unlit(t)
	return value{code: x.local(t.code + " " + op + " " + d), hi: t.hi, null: x.strict(t, by)}
}

// decimals is + - * / of DECIMALs.
func (x *exprs) decimals(op string, t, p, q types.Type, a, b value) value {
	if nulls(a, b) == "true" {
		return null(t)
	}
	if mx, my, ok := expr.SmallDecimal(op, p, q, t); ok {
		times := func(v value, m int64) string {
			if m == 1 {
				return v.code
			}
			return v.code + "*" + strconv.FormatInt(m, 10)
		}
		b = x.unlit(b)
		return value{code: x.local(times(x.unlit(a), mx) + " " + op + " " + times(b, my)), null: x.strict(a, b)}
	}
	a, b = x.unlit(a), x.unlit(b)
	x.w.use("dataflow/fused")
	out := x.result(t, true)
	n := nulls(a, b)
	if n != "" {
		x.line(out.null + " = " + n)
		x.line("if !" + out.null + " {")
	} else {
		x.line("{")
	}
	x.line(fmt.Sprintf("lo, hi, null, ok := fused.Decimal(%q, %s, %s, %s, %s, %d, %d, %d, %d)",
		op, a.code, x.high(a), b.code, x.high(b), p.Scale, q.Scale, t.Prec, t.Scale))
	x.line("if !ok {\nreturn -1\n}")
	x.setDecimal(out)
	x.line("}")
	return out
}

// setDecimal takes the locals lo, hi and null for the cell out.
func (x *exprs) setDecimal(out value) {
	if out.phys == types.Wide {
		x.line(fmt.Sprintf("%s, %s, %s = lo, hi, null", out.code, out.hi, out.null))
		return
	}
	x.line(fmt.Sprintf("%s, %s = lo, null\n_ = hi", out.code, out.null))
}

// negate is -a, of numbers of one word and intervals.
func (x *exprs) negate(n *expr.Call) func(a []value) value {
	t := n.T
	switch {
	case t.IsApprox():
		return func(a []value) value { return value{code: x.local("-" + x.unlit(a[0]).code), null: a[0].null} }
	case t.Phys() == types.I64:
		return func(a []value) value {
			return value{code: x.local(wrap(t.Kind, "-"+x.unlit(a[0]).code)), null: a[0].null}
		}
	}
	return nil
}
