package expr

import (
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// resolveTemporalArith resolves +, -, * and / where an operand is a date, time,
// timestamp or interval; ok is false where none is.
func resolveTemporalArith(op string, a, b types.Type) (r Resolved, ok bool, err error) {
	point := func(t types.Type) bool { return isDateOrTimestamp(t) || t.Kind == types.Time }
	notNull := a.NotNull && b.NotNull
	bad := fmt.Errorf("cannot apply %s to %s and %s", op, a.Nullable(), b.Nullable())
	switch {
	case !point(a) && !point(b) && !a.IsInterval() && !b.IsInterval():
		return r, false, nil
	case point(a) && b.IsInterval() && (op == "+" || op == "-"):
		return moveBy(a, b, op == "-", false, notNull), true, nil
	case a.IsInterval() && point(b) && op == "+":
		return moveBy(b, a, false, true, notNull), true, nil
	case a.IsInterval() && b.Kind == a.Kind && (op == "+" || op == "-"):
		t, _ := CommonType(a, b)
		return Resolved{Type: t.WithNull(notNull), Impl: Impl{Kernel: intKernel(op, types.BigInt)}}, true, nil
	case a.IsInterval() && b.IsNumeric() && (op == "*" || op == "/"):
		return scaleInterval(op, a, b, notNull), true, nil
	case a.IsNumeric() && b.IsInterval() && op == "*":
		r = scaleInterval(op, b, a, notNull)
		r.Args[0], r.Args[1] = r.Args[1], r.Args[0]
		k := r.Impl.Row
		r.Impl.Row = func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
			args[0], args[1] = args[1], args[0]
			return k(c, args)
		}
		return r, true, nil
	}
	return r, true, bad
}

// moveBy is a point in time moved by an interval. A DATE moves by whole days, a TIME
// within the day.
func moveBy(t, iv types.Type, back, swapped, notNull bool) Resolved {
	t = t.Plain()
	sign := int64(1)
	if back {
		sign = -1
	}
	months := iv.Kind == types.IntervalYM
	k := func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		x, d := a[0], a[1]
		if swapped {
			x, d = d, x
		}
		for j := range rows(n, sel) {
			i := row(sel, j)
			if out.IsNull(i) {
				continue
			}
			out.I64[i] = movePoint(x.I64[i], sign*d.I64[i], t.Kind, months)
			if out.Phys == types.Wide {
				out.Hi[i] = x.Hi[i]
			}
		}
	}
	return Resolved{Type: t.WithNull(notNull), Impl: Impl{Kernel: k}}
}

func movePoint(x, by int64, k types.Kind, months bool) int64 {
	switch k {
	case types.Date:
		if months {
			return addMonths(x, by)
		}
		return x + floorDiv(by, millisPerDay)
	case types.Time:
		if months {
			return x
		}
		return floorMod(x+by, millisPerDay)
	}
	if months {
		days := floorDiv(x, microsPerDay)
		return addMonths(days, by)*microsPerDay + x - days*microsPerDay
	}
	return x + by*microsPerMilli
}

// scaleInterval is an interval times or divided by a number.
func scaleInterval(op string, iv, num types.Type, notNull bool) Resolved {
	r := Resolved{Type: iv.WithNull(notNull), Args: []types.Type{iv, types.TBigInt}}
	if num.IsInteger() {
		r.Impl.Row = func(_ *RowCtx, a []vec.Datum) (vec.Datum, error) {
			if op == "*" {
				return vec.IntDatum(a[0].I * a[1].I), nil
			}
			if a[1].I == 0 {
				return vec.NullDatum, errDivZero
			}
			return vec.IntDatum(a[0].I / a[1].I), nil
		}
		return r
	}
	r.Args[1] = types.TDouble
	r.Impl.Row = func(_ *RowCtx, a []vec.Datum) (vec.Datum, error) {
		if op == "*" {
			return vec.IntDatum(FloatToInt(float64(a[0].I)*a[1].F, types.BigInt)), nil
		}
		if a[1].F == 0 {
			return vec.NullDatum, errDivZero
		}
		return vec.IntDatum(FloatToInt(float64(a[0].I)/a[1].F, types.BigInt)), nil
	}
	return r
}

// intervalUnit is what one unit of an interval such as INTERVAL DAY(2) counts, in months or
// milliseconds; 0 for a type that is no interval of a single unit.
func intervalUnit(t types.Type) int64 {
	if !t.IsInterval() || strings.Contains(t.Unit, " TO ") {
		return 0
	}
	unit, _, _ := strings.Cut(t.Unit, "(")
	if t.Kind == types.IntervalYM {
		return monthsOf(unit)
	}
	return spanOf(unit) / microsPerMilli
}
