package plan

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

var durationUnits = []struct {
	names []string
	unit  time.Duration
}{
	{[]string{"d", "day", "days"}, 24 * time.Hour},
	{[]string{"h", "hour", "hours"}, time.Hour},
	{[]string{"min", "m", "minute", "minutes"}, time.Minute},
	{[]string{"s", "sec", "secs", "second", "seconds"}, time.Second},
	{[]string{"ms", "milli", "millis", "millisecond", "milliseconds", ""}, time.Millisecond},
	{[]string{"µs", "us", "micro", "micros", "microsecond", "microseconds"}, time.Microsecond},
	{[]string{"ns", "nano", "nanos", "nanosecond", "nanoseconds"}, time.Nanosecond},
}

// ParseDuration reads a duration as Flink's options write it: a whole number and a unit
// ("10 s", "500ms", "1 h", "2 days"; milliseconds without a unit), or in ISO 8601 form
// ("PT1H30M").
func ParseDuration(s string) (time.Duration, error) {
	text := strings.TrimSpace(s)
	if strings.HasPrefix(text, "P") || strings.HasPrefix(text, "p") {
		return parseISODuration(text)
	}
	n, unit, ok := splitNumber(text)
	if !ok {
		return 0, fmt.Errorf("%q is no duration; expected a number and a unit as in \"10 s\"", s)
	}
	for _, u := range durationUnits {
		for _, name := range u.names {
			if name == unit {
				return scaled(s, n, u.unit)
			}
		}
	}
	return 0, fmt.Errorf("%q is no unit of time; expected d, h, min, s, ms, us or ns", unit)
}

func scaled(s string, n int64, unit time.Duration) (time.Duration, error) {
	if n > math.MaxInt64/int64(unit) {
		return 0, fmt.Errorf("%q is too long", s)
	}
	return time.Duration(n) * unit, nil
}

// splitNumber splits "10 s" into 10 and "s".
func splitNumber(s string) (n int64, unit string, ok bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	n, err := strconv.ParseInt(s[:i], 10, 64)
	return n, strings.ToLower(strings.TrimSpace(s[i:])), err == nil
}

// parseISODuration reads P[nD][T[nH][nM][nS]]; seconds may have a fraction.
func parseISODuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is no duration; expected ISO 8601 as in \"PT1H30M\"", s)
	rest, inTime, total, parts := strings.ToUpper(s)[1:], false, time.Duration(0), 0
	for rest != "" {
		if rest[0] == 'T' && !inTime {
			inTime, rest = true, rest[1:]
			continue
		}
		i := strings.IndexAny(rest, "DHMS")
		if i <= 0 {
			return 0, bad
		}
		unit, known := map[string]time.Duration{"D": 24 * time.Hour, "TH": time.Hour, "TM": time.Minute, "TS": time.Second}[isoUnit(inTime, rest[i])]
		n, err := strconv.ParseFloat(rest[:i], 64)
		if !known || err != nil || n < 0 || n*float64(unit) > math.MaxInt64/2 {
			return 0, bad
		}
		total, rest, parts = total+time.Duration(math.Round(n*float64(unit))), rest[i+1:], parts+1
		if total < 0 {
			return 0, bad
		}
	}
	if parts == 0 {
		return 0, bad
	}
	return total, nil
}

func isoUnit(inTime bool, c byte) string {
	if inTime {
		return "T" + string(c)
	}
	return string(c)
}

// FormatDuration prints a duration in the largest unit that divides it: "10 s".
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0 ms"
	}
	for _, u := range durationUnits {
		if d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + " " + u.names[0]
		}
	}
	return d.String()
}

var byteUnits = []struct {
	names []string
	unit  int64
}{
	{[]string{"t", "tb", "tib", "tebibytes"}, 1 << 40},
	{[]string{"g", "gb", "gib", "gibibytes"}, 1 << 30},
	{[]string{"m", "mb", "mib", "mebibytes"}, 1 << 20},
	{[]string{"k", "kb", "kib", "kibibytes"}, 1 << 10},
	{[]string{"b", "bytes", ""}, 1},
}

// ParseBytes reads a size as Flink's options write it: "64 mb", "1g", "4096". Units are
// powers of 1024.
func ParseBytes(s string) (int64, error) {
	n, unit, ok := splitNumber(strings.TrimSpace(s))
	if !ok {
		return 0, fmt.Errorf("%q is no size; expected a number and a unit as in \"64 mb\"", s)
	}
	for _, u := range byteUnits {
		for _, name := range u.names {
			if name == unit {
				if n > math.MaxInt64/u.unit {
					return 0, fmt.Errorf("%q is too large", s)
				}
				return n * u.unit, nil
			}
		}
	}
	return 0, fmt.Errorf("%q is no unit of size; expected b, kb, mb, gb or tb", unit)
}

// FormatBytes prints a size in the largest unit that divides it: "64 mb".
func FormatBytes(n int64) string {
	for _, u := range byteUnits {
		if n != 0 && n%u.unit == 0 {
			name := u.names[0]
			if u.unit > 1 {
				name = u.names[1]
			}
			return strconv.FormatInt(n/u.unit, 10) + " " + name
		}
	}
	return strconv.FormatInt(n, 10) + " b"
}

// parseZone reads a time zone: an IANA name, UTC, or an offset as in GMT+08:00.
func parseZone(s string) (*time.Location, error) {
	if s == "Z" || s == "GMT" || s == "UT" {
		return time.UTC, nil
	}
	for _, prefix := range []string{"GMT", "UTC", "UT", ""} {
		rest, ok := strings.CutPrefix(s, prefix)
		if !ok || rest == "" || (rest[0] != '+' && rest[0] != '-') {
			continue
		}
		for _, layout := range []string{"-07:00", "-0700", "-07", "-7"} {
			if t, err := time.Parse(layout, rest); err == nil {
				_, off := t.Zone()
				return time.FixedZone(s, off), nil
			}
		}
		if n, err := strconv.Atoi(rest); err == nil && n >= -18 && n <= 18 {
			return time.FixedZone(s, n*3600), nil
		}
	}
	loc, err := time.LoadLocation(s)
	if err != nil || s == "" || s == "Local" {
		return nil, fmt.Errorf("%q is no time zone; expected a name such as Europe/Berlin or an offset such as GMT+01:00", s)
	}
	return loc, nil
}

// ms prints a number of milliseconds as a duration.
func ms(n int64) string {
	if n < 0 {
		return "-" + FormatDuration(time.Duration(-n)*time.Millisecond)
	}
	return FormatDuration(time.Duration(n) * time.Millisecond)
}
