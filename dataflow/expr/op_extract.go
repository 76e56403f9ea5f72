package expr

import (
	"fmt"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	Register(&Func{Name: "EXTRACT", Signature: "EXTRACT(unit FROM t)", Category: "temporal",
		Doc: "A part of a date, time, timestamp or interval, such as YEAR, MONTH, HOUR or EPOCH.", Resolve: resolveExtract})
	for name, unit := range map[string]string{"YEAR": "YEAR", "QUARTER": "QUARTER", "MONTH": "MONTH", "WEEK": "WEEK",
		"DAYOFYEAR": "DOY", "DAYOFMONTH": "DAY", "DAYOFWEEK": "DOW", "HOUR": "HOUR", "MINUTE": "MINUTE", "SECOND": "SECOND"} {
		Register(&Func{Name: name, Signature: name + "(t)", Category: "temporal", Doc: "The same as EXTRACT(" + unit + " FROM t).",
			Build: func(args []Node) (Node, error) {
				if err := argCount(name, args, 1, 1); err != nil {
					return nil, err
				}
				return NewCall("EXTRACT", NewSymbol(unit), args[0])
			}})
	}
}

// unitOf is a unit in its plain spelling: SQL_TSI_DAY and DAYS are DAY.
func unitOf(n Node) string {
	u := strings.TrimPrefix(symbolOf(n), "SQL_TSI_")
	switch u {
	case "FRAC_SECOND":
		return "MICROSECOND"
	case "MILLENNIUM", "CENTURY", "DECADE", "YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DOW", "ISODOW", "DOY", "ISOYEAR",
		"HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND", "EPOCH":
		return u
	}
	if t := strings.TrimSuffix(u, "S"); t != u {
		return unitOf(NewSymbol(t))
	}
	return ""
}

func resolveExtract(args []Node) (Resolved, error) {
	if err := argCount("EXTRACT", args, 2, 2); err != nil {
		return Resolved{}, err
	}
	unit := unitOf(args[0])
	if unit == "" {
		return Resolved{}, fmt.Errorf("EXTRACT has no unit %s", args[0])
	}
	t := args[1].Type().Plain()
	if t.Kind == types.Null {
		t = types.TimestampOf(3)
	}
	r := Resolved{Type: types.TBigInt.WithNull(t.NotNull), Args: []types.Type{types.TSymbol, t}}
	bad := fmt.Errorf("EXTRACT cannot take %s from %s", unit, t.Nullable())
	if t.IsInterval() {
		fn := intervalPart(unit, t.Kind)
		if fn == nil {
			return Resolved{}, bad
		}
		r.Impl.Kernel = int64Kernel(fn)
		return r, nil
	}
	part := timePart(unit, t.Kind)
	if part == nil {
		return Resolved{}, bad
	}
	r.Impl.Kernel = func(c *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		zone := zoneOf(c.Env)
		x := a[1]
		for j := range rows(n, sel) {
			i := row(sel, j)
			if !out.IsNull(i) {
				out.I64[i] = part(localParts(x, i, zone))
			}
		}
	}
	return r, nil
}

// timePart takes a unit out of a date, time or timestamp; nil for units it does not have.
func timePart(unit string, k types.Kind) func(micros, nanos int64) int64 {
	switch k {
	case types.Date:
		if strings.HasSuffix(unit, "OND") && unit != "SECOND" {
			return nil
		}
	case types.Time:
		return clockPart(unit)
	case types.Timestamp, types.TimestampLTZ:
	default:
		return nil
	}
	if part := datePart(unit); part != nil {
		return part
	}
	return clockPart(unit)
}

// localParts are the microseconds since 1970 of a date, time or timestamp cell, in local
// time, and the nanoseconds within.
func localParts(x *vec.Vector, i int, zone *time.Location) (micros, nanos int64) {
	v := x.I64[i]
	switch x.Type.Kind {
	case types.Date:
		return v * microsPerDay, 0
	case types.Time:
		return v * microsPerMilli, 0
	case types.TimestampLTZ:
		v = toLocal(v, zone)
	}
	if x.Phys == types.Wide {
		return v, x.Hi[i]
	}
	return v, 0
}

// clockPart takes a unit out of the time of the day; nil for others.
func clockPart(unit string) func(micros, nanos int64) int64 {
	switch unit {
	case "HOUR":
		return func(t, _ int64) int64 { return floorMod(t, microsPerDay) / (3600 * microsPerSecond) }
	case "MINUTE":
		return func(t, _ int64) int64 { return floorMod(t, microsPerDay) / (60 * microsPerSecond) % 60 }
	case "SECOND":
		return func(t, _ int64) int64 { return floorMod(t, microsPerDay) / microsPerSecond % 60 }
	case "MILLISECOND":
		return func(t, _ int64) int64 { return floorMod(t, microsPerSecond) / 1000 }
	case "MICROSECOND":
		return func(t, _ int64) int64 { return floorMod(t, microsPerSecond) }
	case "NANOSECOND":
		return func(t, ns int64) int64 { return floorMod(t, microsPerSecond)*1000 + ns }
	case "EPOCH":
		return func(t, _ int64) int64 { return floorDiv(t, microsPerSecond) }
	}
	return nil
}

// datePart takes a unit out of the date; nil for others. Weeks are those of ISO 8601; DOW
// counts from Sunday, 1.
func datePart(unit string) func(micros, nanos int64) int64 {
	of := func(fn func(days int64) int64) func(micros, nanos int64) int64 {
		return func(t, _ int64) int64 { return fn(floorDiv(t, microsPerDay)) }
	}
	year := func(days int64) int64 { y, _, _ := civil(days); return y }
	switch unit {
	case "MILLENNIUM":
		return of(func(d int64) int64 { return floorDiv(year(d)+999, 1000) })
	case "CENTURY":
		return of(func(d int64) int64 { return floorDiv(year(d)+99, 100) })
	case "DECADE":
		return of(func(d int64) int64 { return floorDiv(year(d), 10) })
	case "YEAR":
		return of(year)
	case "QUARTER":
		return of(func(d int64) int64 { _, m, _ := civil(d); return (m-1)/3 + 1 })
	case "MONTH":
		return of(func(d int64) int64 { _, m, _ := civil(d); return m })
	case "DAY":
		return of(func(d int64) int64 { _, _, day := civil(d); return day })
	case "DOW":
		return of(func(d int64) int64 { return weekday(d)%7 + 1 })
	case "ISODOW":
		return of(weekday)
	case "DOY":
		return of(func(d int64) int64 { return d - daysOf(year(d), 1, 1) + 1 })
	case "ISOYEAR":
		return of(isoYear)
	case "WEEK":
		return of(func(d int64) int64 {
			return (d-isoStart(isoYear(d)))/7 + 1
		})
	}
	return nil
}

// weekday is 1 for Monday to 7 for Sunday; 1970-01-01 was a Thursday.
func weekday(days int64) int64 { return floorMod(days+3, 7) + 1 }

// isoYear is the year that the week's Thursday lies in, isoStart the Monday of its first week.
func isoYear(days int64) int64 { y, _, _ := civil(days - weekday(days) + 4); return y }

func isoStart(year int64) int64 {
	d := daysOf(year, 1, 4)
	return d - weekday(d) + 1
}

// intervalPart takes a unit out of an interval; nil for units it does not have.
func intervalPart(unit string, k types.Kind) func(i int64) int64 {
	if k == types.IntervalYM {
		switch unit {
		case "MILLENNIUM":
			return func(i int64) int64 { return i / 12000 }
		case "CENTURY":
			return func(i int64) int64 { return i / 1200 }
		case "DECADE":
			return func(i int64) int64 { return i / 120 }
		case "YEAR":
			return func(i int64) int64 { return i / 12 }
		case "QUARTER":
			return func(i int64) int64 { return i%12/3 + 1 }
		case "MONTH":
			return func(i int64) int64 { return i % 12 }
		}
		return nil
	}
	switch unit {
	case "DAY":
		return func(i int64) int64 { return i / millisPerDay }
	case "HOUR":
		return func(i int64) int64 { return i / millisPerHour % 24 }
	case "MINUTE":
		return func(i int64) int64 { return i / millisPerMinute % 60 }
	case "SECOND":
		return func(i int64) int64 { return i / millisPerSecond % 60 }
	case "MILLISECOND":
		return func(i int64) int64 { return i % millisPerSecond }
	case "MICROSECOND":
		return func(i int64) int64 { return i % millisPerSecond * 1000 }
	case "NANOSECOND":
		return func(i int64) int64 { return i % millisPerSecond * 1_000_000 }
	case "EPOCH":
		return func(i int64) int64 { return i / millisPerSecond }
	}
	return nil
}
