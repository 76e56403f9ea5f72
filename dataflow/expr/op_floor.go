package expr

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// unitMicros is the length of the units that have a fixed one; weeks are left out, for
// they start on a Sunday.
func unitMicros(unit string) int64 {
	switch unit {
	case "DAY":
		return microsPerDay
	case "HOUR":
		return 3600 * microsPerSecond
	case "MINUTE":
		return 60 * microsPerSecond
	case "SECOND":
		return microsPerSecond
	case "MILLISECOND":
		return microsPerMilli
	case "MICROSECOND":
		return 1
	}
	return 0
}

func resolveFloorTo(name string, args []Node, up bool) (Resolved, error) {
	unit := unitOf(args[1])
	t := args[0].Type().Plain()
	if t.Kind == types.Null {
		t = types.TimestampOf(3)
	}
	if !isDateOrTimestamp(t) && t.Kind != types.Time {
		return Resolved{}, wrongArg(name, 0, "a date, time or timestamp", t)
	}
	fixed := unitMicros(unit)
	calendar := calendarUnit(unit)
	if fixed == 0 && calendar == nil || t.Kind == types.Time && fixed == 0 {
		return Resolved{}, fmt.Errorf("%s cannot round %s to %s", name, t.Nullable(), args[1])
	}
	r := Resolved{Type: t, Args: []types.Type{t, types.TSymbol}}
	switch {
	case t.Kind == types.Date && (calendar != nil || unit == "DAY"):
		r.Impl.Kernel = firstInt64Kernel(func(d int64) int64 {
			if unit == "DAY" {
				if up {
					return d + 1
				}
				return d
			}
			return roundDay(d, up, calendar)
		})
	case t.Kind == types.Date:
		r.Impl.Kernel = firstInt64Kernel(func(d int64) int64 { return d })
	case t.Kind == types.Time:
		ms := max(fixed/microsPerMilli, 1)
		r.Impl.Kernel = firstInt64Kernel(func(i int64) int64 { return roundTo(i, ms, up) })
	default:
		r.Impl.Kernel = floorTimestamps(fixed, up, calendar)
	}
	return r, nil
}

func firstInt64Kernel(fn func(i int64) int64) Kernel {
	k := int64Kernel(fn)
	return func(c *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) { k(c, a[:1], out, n, sel) }
}

// floorTimestamps rounds timestamps, those of a zone in local time. Months and what is
// longer count whole days only: a time within the first day of a month does not round up.
func floorTimestamps(fixed int64, up bool, calendar func(days int64, next bool) int64) Kernel {
	round := roundMicros(fixed, up, calendar)
	return func(c *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		x := a[0]
		zone := zoneOf(c.Env)
		ltz := x.Type.Kind == types.TimestampLTZ
		for j := range rows(n, sel) {
			i := row(sel, j)
			if out.IsNull(i) {
				continue
			}
			micros := round(localParts(x, i, zone))
			if ltz {
				micros = fromLocal(micros, zone)
			}
			out.I64[i] = micros
			if out.Phys == types.Wide {
				out.Hi[i] = 0
			}
		}
	}
}

// roundMicros rounds a local time in microseconds, with the nanoseconds within.
func roundMicros(fixed int64, up bool, calendar func(days int64, next bool) int64) func(micros, nanos int64) int64 {
	return func(micros, nanos int64) int64 {
		if fixed > 0 {
			if up && nanos > 0 && floorMod(micros, fixed) == 0 {
				micros++
			}
			return roundTo(micros, fixed, up)
		}
		return roundDay(floorDiv(micros, microsPerDay), up, calendar) * microsPerDay
	}
}

func roundTo(i, unit int64, up bool) int64 {
	f := floorDiv(i, unit) * unit
	if up && f != i {
		f += unit
	}
	return f
}

func roundDay(d int64, up bool, start func(days int64, next bool) int64) int64 {
	f := start(d, false)
	if up && f != d {
		return start(d, true)
	}
	return f
}

// calendarUnit is the first day of the unit that a day lies in, or of the next one; nil
// for units of fixed length. Weeks start on Sunday, centuries in the year ending in 01.
func calendarUnit(unit string) func(days int64, next bool) int64 {
	years := func(n, offset int64) func(days int64, next bool) int64 {
		return func(d int64, next bool) int64 {
			y, _, _ := civil(d)
			y = floorDiv(y-offset, n)*n + offset
			if next {
				y += n
			}
			return daysOf(y, 1, 1)
		}
	}
	months := func(n int64) func(days int64, next bool) int64 {
		return func(d int64, next bool) int64 {
			y, m, _ := civil(d)
			start := daysOf(y, (m-1)/n*n+1, 1)
			if next {
				return addMonths(start, n)
			}
			return start
		}
	}
	switch unit {
	case "WEEK":
		return func(d int64, next bool) int64 {
			d -= weekday(d) % 7
			if next {
				d += 7
			}
			return d
		}
	case "MONTH":
		return months(1)
	case "QUARTER":
		return months(3)
	case "YEAR":
		return years(1, 0)
	case "DECADE":
		return years(10, 0)
	case "CENTURY":
		return years(100, 1)
	case "MILLENNIUM":
		return years(1000, 1)
	}
	return nil
}
