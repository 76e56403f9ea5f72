package codegen

import (
	"fmt"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

const microsPerDay = "86_400_000_000"

// cast is a conversion: of numbers, dates and timestamps that cannot fail it is written
// out, any other goes through the bridge.
func (x *exprs) cast(n *expr.Cast) (value, error) {
	from, to := n.Arg.Type(), n.T
	if expr.SameValue(from, to) {
		return x.value(n.Arg)
	}
	write := x.writtenCast(from, to)
	if write == nil {
		return x.bridge(n)
	}
	v, err := x.value(n.Arg)
	if err != nil {
		return v, err
	}
	if v.null == "true" {
		return null(to), nil
	}
	return write(x.unlit(v)), nil
}

// writtenCast is the function that writes a conversion out, or nil.
func (x *exprs) writtenCast(from, to types.Type) func(v value) value {
	local := func(format string) func(v value) value {
		return func(v value) value {
			return value{code: x.local(fmt.Sprintf(format, v.cell(x.w))), null: v.null}
		}
	}
	single := func(code string) string {
		if to.Kind == types.Float {
			return "float64(float32(" + code + "))"
		}
		return code
	}
	switch {
	case from.IsInteger() && to.IsInteger():
		return local(wrap(to.Kind, "%s"))
	case (from.IsInteger() || from.Kind == types.Boolean) && to.IsApprox():
		return local(single("float64(%s)"))
	case from.IsApprox() && to.IsInteger():
		x.w.use("dataflow/fused")
		if to.Kind == types.BigInt {
			return local("fused.FloatToBigInt(%s)")
		}
		return local(wrapNarrow(to.Kind, "fused.FloatToInt(%s)"))
	case from.Kind == types.Double && to.Kind == types.Float:
		return local("float64(float32(%s))")
	case from.Kind == types.Boolean && to.IsInteger():
		return local("%s")
	case from.IsInteger() && to.Kind == types.Boolean, from.IsApprox() && to.Kind == types.Boolean:
		return func(v value) value { return value{cond: "(" + v.code + " != 0)", null: v.null} }
	case from.Kind == types.Decimal || to.Kind == types.Decimal:
		return x.decimalCast(from, to, single)
	}
	return x.temporalCast(from, to)
}

// wrapNarrow is wrap for what is an INT already.
func wrapNarrow(k types.Kind, code string) string {
	if k == types.Int {
		return code
	}
	return wrap(k, code)
}

var digits = map[types.Kind]int{types.Boolean: 1, types.TinyInt: 3, types.SmallInt: 5, types.Int: 10, types.BigInt: 19}

// decimalCast is writtenCast where one of the types is DECIMAL.
func (x *exprs) decimalCast(from, to types.Type, single func(code string) string) func(v value) value {
	switch {
	case to.IsApprox() && from.Kind == types.Decimal:
		return func(v value) value {
			x.w.use("dataflow/fused")
			return value{code: x.local(single(fmt.Sprintf("fused.DecimalFloat(%s, %s, %d)", v.code, x.high(v), from.Scale))), null: v.null}
		}
	case to.IsInteger() && from.Phys() == types.I64:
		unit := power(from.Scale)
		return func(v value) value { return value{code: x.local(wrap(to.Kind, v.code+" / "+unit)), null: v.null} }
	case to.Kind != types.Decimal || from.Kind != types.Decimal && digits[from.Kind] == 0:
		return nil
	}
	have := digits[from.Kind]
	if from.Kind == types.Decimal {
		have = from.Prec
	}
	if up := to.Scale - from.Scale; up >= 0 && have+up <= to.Prec && to.Prec <= 18 {
		return func(v value) value {
			return value{code: x.local(v.cell(x.w) + " * " + power(up)), null: v.null}
		}
	}
	return func(v value) value { return x.rescale(from, to, v) }
}

// power is a power of ten up to 10^18.
func power(n int) string {
	p := int64(1)
	for range n {
		p *= 10
	}
	return strconv.FormatInt(p, 10)
}

// rescale moves an exact number to a DECIMAL that it may have too many digits for.
func (x *exprs) rescale(from, to types.Type, v value) value {
	x.w.use("dataflow/fused")
	v = x.named(v)
	code, hi := v.cell(x.w), ""
	if from.Kind == types.Boolean {
		code = x.local(code)
	}
	if hi = v.hi; hi == "" {
		hi = code + ">>63"
	}
	out := x.result(to, true)
	if v.null != "" {
		x.line(out.null + " = " + v.null)
		x.line("if !" + out.null + " {")
	} else {
		x.line("{")
	}
	x.line(fmt.Sprintf("lo, hi, null := fused.Rescale(%s, %s, %d, %d, %d)", code, hi, from.Scale, to.Prec, to.Scale))
	x.setDecimal(out)
	x.line("}")
	return out
}

// temporalCast is writtenCast of dates and timestamps that need no time zone.
func (x *exprs) temporalCast(from, to types.Type) func(v value) value {
	switch {
	case from.IsTimestamp() && from.Kind == to.Kind && to.Phys() == types.I64:
		unit := power(6 - to.Prec)
		return func(v value) value {
			if unit == "1" {
				return value{code: v.code, null: v.null}
			}
			x.w.use("dataflow/fused")
			return value{code: x.local("fused.Floor(" + v.code + ", " + unit + ")"), null: v.null}
		}
	case from.IsTimestamp() && from.Kind == to.Kind:
		unit := power(9 - to.Prec)
		return func(v value) value {
			out := value{code: v.code, hi: "0", null: v.null}
			if v.hi != "" {
				out.hi = x.local(v.hi + " / " + unit + " * " + unit)
			}
			return out
		}
	case from.Kind == types.Timestamp && to.Kind == types.Date:
		return func(v value) value {
			x.w.use("dataflow/fused")
			return value{code: x.local("fused.FloorDiv(" + v.code + ", " + microsPerDay + ")"), null: v.null}
		}
	case from.Kind == types.Date && to.Kind == types.Timestamp && to.Phys() == types.I64:
		return func(v value) value { return value{code: x.local(v.code + " * " + microsPerDay), null: v.null} }
	}
	return nil
}
