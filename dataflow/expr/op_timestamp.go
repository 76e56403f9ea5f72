package expr

import (
	"fmt"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	Register(
		&Func{Name: "TIMESTAMPADD", Signature: "TIMESTAMPADD(unit, n, t)", Category: "temporal",
			Doc: "A date, time or timestamp moved by n units.", Resolve: resolveTimestampAdd},
		&Func{Name: "TIMESTAMPDIFF", Signature: "TIMESTAMPDIFF(unit, from, to)", Category: "temporal",
			Doc: "The whole units between two points in time.", Resolve: resolveTimestampDiff},
		&Func{Name: "OVERLAPS", Signature: "(start, end) OVERLAPS (start, end)", Category: "temporal",
			Doc: "Tests whether two periods have a point in time in common; each end may be an interval from its start.", Build: buildOverlaps},
		&Func{Name: "MINUS_DATE", Signature: "(a - b) unit", Category: "temporal",
			Doc: "The interval between two points in time.", Resolve: resolveMinusDate},
	)
}

// monthsOf is the number of months in a unit of years, quarters or months; 0 for others.
func monthsOf(unit string) int64 {
	switch unit {
	case "MONTH":
		return 1
	case "QUARTER":
		return 3
	case "YEAR":
		return 12
	case "DECADE":
		return 120
	case "CENTURY":
		return 1200
	case "MILLENNIUM":
		return 12000
	}
	return 0
}

// spanOf is a unit as microseconds, of weeks too; 0 where it has no fixed length.
func spanOf(unit string) int64 {
	if unit == "WEEK" {
		return 7 * microsPerDay
	}
	return unitMicros(unit)
}

func resolveTimestampAdd(args []Node) (Resolved, error) {
	if err := argCount("TIMESTAMPADD", args, 3, 3); err != nil {
		return Resolved{}, err
	}
	unit := unitOf(args[0])
	months, span := monthsOf(unit), spanOf(unit)
	if months == 0 && span == 0 && unit != "NANOSECOND" {
		return Resolved{}, fmt.Errorf("TIMESTAMPADD has no unit %s", args[0])
	}
	n, t := args[1].Type(), args[2].Type().Plain()
	if !n.IsInteger() && n.Kind != types.Null {
		return Resolved{}, wrongArg("TIMESTAMPADD", 1, "an integer", n)
	}
	if t.Kind == types.Null {
		t = types.TimestampOf(3)
	}
	if !isDateOrTimestamp(t) && t.Kind != types.Time {
		return Resolved{}, wrongArg("TIMESTAMPADD", 2, "a date, time or timestamp", t)
	}
	out := t
	switch {
	case t.Kind == types.Date && months == 0 && span%microsPerDay != 0:
		t = types.TimestampOf(6).WithNull(t.NotNull)
		out = t
	case t.IsTimestamp() && unit == "NANOSECOND":
		t.Prec, out.Prec = 9, 9
	case t.IsTimestamp() && unit == "MICROSECOND":
		t.Prec, out.Prec = max(t.Prec, 6), max(t.Prec, 6)
	case t.IsTimestamp() && unit == "MILLISECOND":
		t.Prec, out.Prec = max(t.Prec, 3), max(t.Prec, 3)
	}
	out = strictType(out, n, t)
	r := Resolved{Type: out, Args: []types.Type{types.TSymbol, types.TBigInt, t}}
	r.Impl.Row = func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
		return addUnits(a[2], a[1].I, t, months, span, zoneOf(c.Env)), nil
	}
	return r, nil
}

// addUnits moves a point in time by n units of so many months, or else microseconds, or
// (both 0) nanoseconds.
func addUnits(d vec.Datum, n int64, t types.Type, months, span int64, zone *time.Location) vec.Datum {
	switch t.Kind {
	case types.Date:
		if months > 0 {
			return vec.IntDatum(addMonths(d.I, n*months))
		}
		return vec.IntDatum(d.I + n*(span/microsPerDay))
	case types.Time:
		return vec.IntDatum(floorMod(d.I+n*span/microsPerMilli, millisPerDay))
	}
	micros, nanos := tsParts(d, t)
	switch {
	case months > 0:
		if t.Kind == types.TimestampLTZ {
			micros = toLocal(micros, zone)
		}
		micros = movePoint(micros, n*months, types.Timestamp, true)
		if t.Kind == types.TimestampLTZ {
			micros = fromLocal(micros, zone)
		}
	case span > 0:
		micros += n * span
	default:
		nanos += n
		micros += floorDiv(nanos, 1000)
		nanos = floorMod(nanos, 1000)
	}
	return tsDatum(micros, nanos, t)
}

func resolveTimestampDiff(args []Node) (Resolved, error) {
	if err := argCount("TIMESTAMPDIFF", args, 3, 3); err != nil {
		return Resolved{}, err
	}
	unit := unitOf(args[0])
	months, span := monthsOf(unit), spanOf(unit)
	if months == 0 && span == 0 && unit != "NANOSECOND" {
		return Resolved{}, fmt.Errorf("TIMESTAMPDIFF has no unit %s", args[0])
	}
	a, b := args[1].Type().Plain(), args[2].Type().Plain()
	if a.Kind == types.Null {
		a = b.Nullable()
	}
	if b.Kind == types.Null {
		b = a.Nullable()
	}
	if a.Kind == types.Null {
		a, b = types.TimestampOf(3), types.TimestampOf(3)
	}
	point := func(t types.Type) bool { return isDateOrTimestamp(t) || t.Kind == types.Time }
	if !point(a) || !point(b) || (a.Kind == types.TimestampLTZ) != (b.Kind == types.TimestampLTZ) {
		return Resolved{}, fmt.Errorf("TIMESTAMPDIFF cannot compare %s with %s", a.Nullable(), b.Nullable())
	}
	out := types.TInt
	if unit == "MICROSECOND" || unit == "NANOSECOND" {
		out = types.TBigInt
	}
	r := Resolved{Type: strictType(out, a, b), Args: []types.Type{types.TSymbol, a, b}}
	r.Impl.Kernel = func(c *Ctx, v []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		zone := zoneOf(c.Env)
		if months == 0 {
			// Units of fixed length count between instants, whatever the zone does.
			zone = time.UTC
		}
		for j := range rows(n, sel) {
			i := row(sel, j)
			if out.IsNull(i) {
				continue
			}
			x, xn := localParts(v[1], i, zone)
			y, yn := localParts(v[2], i, zone)
			var d int64
			switch {
			case months > 0:
				d = monthsBetween(x, y) / months
			case span > 0:
				d = y - x
				if d > 0 && yn < xn {
					d--
				} else if d < 0 && yn > xn {
					d++
				}
				d /= span
			default:
				d = (y-x)*1000 + yn - xn
			}
			out.I64[i] = wrapInt(d, out.Type.Kind)
		}
	}
	return r, nil
}

// monthsBetween counts whole months from x to y, in microseconds of local time.
func monthsBetween(x, y int64) int64 {
	dx, dy := floorDiv(x, microsPerDay), floorDiv(y, microsPerDay)
	yx, mx, _ := civil(dx)
	yy, my, _ := civil(dy)
	n := (yy-yx)*12 + my - mx
	for n > 0 && movePoint(x, n, types.Timestamp, true) > y {
		n--
	}
	for n < 0 && movePoint(x, n, types.Timestamp, true) < y {
		n++
	}
	return n
}

// resolveMinusDate resolves (a - b) unit: a symbol that is the interval's range, then the
// two points in time.
func resolveMinusDate(args []Node) (Resolved, error) {
	if err := argCount("MINUS_DATE", args, 3, 3); err != nil {
		return Resolved{}, err
	}
	unit := symbolOf(args[0])
	a, b := args[1].Type().Plain(), args[2].Type().Plain()
	t, ok := CommonType(a, b)
	if !ok || !isDateOrTimestamp(t) && t.Kind != types.Time {
		return Resolved{}, fmt.Errorf("cannot subtract %s from %s", b.Nullable(), a.Nullable())
	}
	iv := types.Type{Kind: types.IntervalDS, Prec: 3, Unit: unit}
	months := monthsOf(unitOf(args[0])) > 0
	if months {
		iv = types.Type{Kind: types.IntervalYM, Unit: unit}
	}
	r := Resolved{Type: strictType(iv, a, b), Args: []types.Type{types.TSymbol, t, t}}
	r.Impl.Kernel = func(c *Ctx, v []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		zone := zoneOf(c.Env)
		if !months {
			zone = time.UTC
		}
		for j := range rows(n, sel) {
			i := row(sel, j)
			if out.IsNull(i) {
				continue
			}
			x, _ := localParts(v[1], i, zone)
			y, _ := localParts(v[2], i, zone)
			if months {
				out.I64[i] = monthsBetween(y, x)
			} else {
				out.I64[i] = (x - y) / microsPerMilli
			}
		}
	}
	return r, nil
}

// buildOverlaps compares two periods (s1, e1) and (s2, e2), each end a point in time or an
// interval; ends before their starts are swapped.
func buildOverlaps(args []Node) (Node, error) {
	if err := argCount("OVERLAPS", args, 4, 4); err != nil {
		return nil, err
	}
	bounds := func(s, e Node) (lo, hi Node, err error) {
		if e.Type().IsInterval() {
			if e, err = NewCall("+", s, e); err != nil {
				return nil, nil, err
			}
		}
		if lo, err = NewCall("LEAST", s, e); err != nil {
			return nil, nil, err
		}
		hi, err = NewCall("GREATEST", s, e)
		return lo, hi, err
	}
	lo1, hi1, err := bounds(args[0], args[1])
	if err != nil {
		return nil, err
	}
	lo2, hi2, err := bounds(args[2], args[3])
	if err != nil {
		return nil, err
	}
	a, err := NewCall(">=", hi1, lo2)
	if err != nil {
		return nil, err
	}
	b, err := NewCall(">=", hi2, lo1)
	if err != nil {
		return nil, err
	}
	return NewAnd(a, b)
}
