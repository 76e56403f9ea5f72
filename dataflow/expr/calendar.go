package expr

import (
	"time"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Units of the temporal types: timestamps count microseconds, times milliseconds.
const (
	microsPerMilli  = 1_000
	microsPerSecond = 1_000_000
	secondsPerDay   = 86_400
	microsPerDay    = secondsPerDay * microsPerSecond
	millisPerSecond = 1_000
	millisPerMinute = 60 * millisPerSecond
	millisPerHour   = 60 * millisPerMinute
	millisPerDay    = 24 * millisPerHour
)

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// civil is the proleptic Gregorian date of a day since 1970 (Howard Hinnant's
// days_from_civil and its inverse, http://howardhinnant.github.io/date_algorithms.html).
func civil(days int64) (year, month, day int64) {
	z := days + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	month = mp + 3
	if month > 12 {
		month -= 12
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

// daysOf is the day since 1970 of a proleptic Gregorian date.
func daysOf(year, month, day int64) int64 {
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yoe := year - era*400
	mp := floorMod(month+9, 12)
	doy := (153*mp+2)/5 + day - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}

func isLeap(y int64) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if isLeap(year) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// addMonths moves a day by months, to the last day of the month where it has none such.
func addMonths(days, months int64) int64 {
	y, m, d := civil(days)
	k := y*12 + m - 1 + months
	y, m = floorDiv(k, 12), floorMod(k, 12)+1
	return daysOf(y, m, min(d, daysIn(y, m)))
}

// zoneOf is the session's time zone, UTC when none is set.
func zoneOf(env *Env) *time.Location {
	if env == nil || env.Zone == nil {
		return time.UTC
	}
	return env.Zone
}

// toLocal is the local time, in microseconds, of an instant in a zone.
func toLocal(micros int64, zone *time.Location) int64 {
	if zone == nil || zone == time.UTC {
		return micros
	}
	_, off := time.Unix(floorDiv(micros, microsPerSecond), 0).In(zone).Zone()
	return micros + int64(off)*microsPerSecond
}

// fromLocal is the instant of a local time. A time that a clock change skips counts from
// before the change; of one that occurs twice the earlier is taken.
func fromLocal(micros int64, zone *time.Location) int64 {
	if zone == nil || zone == time.UTC {
		return micros
	}
	sec := floorDiv(micros, microsPerSecond)
	_, before := time.Unix(sec-86_400, 0).In(zone).Zone()
	_, after := time.Unix(sec+86_400, 0).In(zone).Zone()
	for _, off := range [2]int{before, after} {
		_, at := time.Unix(sec-int64(off), 0).In(zone).Zone()
		if at == off {
			return micros - int64(off)*microsPerSecond
		}
	}
	return micros - int64(before)*microsPerSecond
}

// tsParts are the microseconds of a timestamp and the nanoseconds within.
func tsParts(d vec.Datum, t types.Type) (micros, nanos int64) {
	if t.Prec > 6 {
		return d.I, d.Hi
	}
	return d.I, 0
}

// tsDatum is a timestamp of type t, truncated to its precision.
func tsDatum(micros, nanos int64, t types.Type) vec.Datum {
	if t.Prec <= 6 {
		u := pow10i[6-t.Prec]
		return vec.Datum{I: floorDiv(micros, u) * u}
	}
	u := pow10i[9-t.Prec]
	return vec.Datum{I: micros, Hi: nanos / u * u}
}

// TimestampMillis is a timestamp in milliseconds since 1970, rounded down.
func TimestampMillis(d vec.Datum) int64 { return floorDiv(d.I, microsPerMilli) }

// TimestampOfMillis is a timestamp of type t.
func TimestampOfMillis(ms int64, t types.Type) vec.Datum { return tsDatum(ms*microsPerMilli, 0, t) }
