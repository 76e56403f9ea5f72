package plan

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// monthUnit is the length in months of a unit of INTERVAL YEAR TO MONTH, or 0.
func monthUnit(u sql.Unit) int64 {
	switch u {
	case "CENTURY":
		return 1200
	case "DECADE":
		return 120
	case "YEAR":
		return 12
	case "QUARTER":
		return 3
	case "MONTH":
		return 1
	}
	return 0
}

// milliUnit is the length in milliseconds of a unit of INTERVAL DAY TO SECOND, or 0.
func milliUnit(u sql.Unit) int64 {
	switch u {
	case "WEEK":
		return 7 * 24 * 3600 * 1000
	case "DAY":
		return 24 * 3600 * 1000
	case "HOUR":
		return 3600 * 1000
	case "MINUTE":
		return 60 * 1000
	case "SECOND":
		return 1000
	case "MILLISECOND":
		return 1
	}
	return 0
}

// qualifierText is the printed range of an interval.
func qualifierText(q *sql.IntervalQualifier) string {
	s := string(q.From)
	last := q.From
	if q.To != "" {
		s += " TO " + string(q.To)
		last = q.To
	}
	if last == "SECOND" {
		s += "(3)"
	}
	return s
}

// intervalNode is a literal of the unit's type; n counts months or milliseconds.
func intervalNode(q *sql.IntervalQualifier, n int64) expr.Node {
	if monthUnit(q.From) > 0 {
		return expr.NewIntervalMonths(n, qualifierText(q))
	}
	return expr.NewIntervalMillis(n, qualifierText(q))
}

var errInterval = errors.New("does not fit its range")

// parseInterval reads the text of an INTERVAL literal: months or milliseconds, by the
// qualifier. The leading field may have any number of digits; the others are in range.
func parseInterval(text string, q *sql.IntervalQualifier) (int64, error) {
	s := strings.TrimSpace(text)
	sign := int64(1)
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		s, sign = strings.TrimSpace(rest), -1
	} else if rest, ok := strings.CutPrefix(s, "+"); ok {
		s = strings.TrimSpace(rest)
	}
	var n int64
	var err error
	switch {
	case q.To == "":
		n, err = parseSingle(s, q.From)
	case monthUnit(q.From) > 0:
		n, err = parseYearMonth(s)
	default:
		n, err = parseDayTime(s, q.From, q.To)
	}
	if err != nil {
		return 0, fmt.Errorf("interval '%s' %w: expected %s", text, errInterval, intervalForm(q))
	}
	return sign * n, nil
}

// intervalForm describes a literal by example.
func intervalForm(q *sql.IntervalQualifier) string {
	switch {
	case q.To == "":
		return "a number such as '10'"
	case monthUnit(q.From) > 0:
		return "years and months such as '1-6'"
	}
	forms := map[sql.Unit]string{"DAY": "2 ", "HOUR": "10:", "MINUTE": "30:", "SECOND": "15.5"}
	s, on := "", false
	for _, u := range []sql.Unit{"DAY", "HOUR", "MINUTE", "SECOND"} {
		if on = on || u == q.From; on {
			s += forms[u]
		}
		if u == q.To {
			break
		}
	}
	return fmt.Sprintf("%s as in '%s'", qualifierText(q), strings.TrimRight(s, ": "))
}

func parseSingle(s string, u sql.Unit) (int64, error) {
	if m := monthUnit(u); m > 0 {
		return scaledDigits(s, m)
	}
	if u == "SECOND" {
		return parseSeconds(s)
	}
	if ms := milliUnit(u); ms > 0 {
		return scaledDigits(s, ms)
	}
	return 0, errInterval
}

// scaledDigits is a number without sign times a unit.
func scaledDigits(s string, unit int64) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || strings.HasPrefix(s, "+") || int64(n) > math.MaxInt64/unit {
		return 0, errInterval
	}
	return int64(n) * unit, nil
}

// parseSeconds is seconds with a fraction in milliseconds; what is below is cut off.
func parseSeconds(s string) (int64, error) {
	whole, frac, _ := strings.Cut(s, ".")
	ms, err := scaledDigits(whole, 1000)
	if err != nil {
		return 0, err
	}
	if frac == "" {
		return ms, nil
	}
	if len(frac) > 9 {
		return 0, errInterval
	}
	f, err := strconv.ParseUint(frac, 10, 63)
	if err != nil {
		return 0, errInterval
	}
	for i := len(frac); i < 9; i++ {
		f *= 10
	}
	if ms += int64(f / 1_000_000); ms < 0 {
		return 0, errInterval
	}
	return ms, nil
}

func parseYearMonth(s string) (int64, error) {
	y, m, ok := strings.Cut(s, "-")
	if !ok {
		return 0, errInterval
	}
	years, err := scaledDigits(y, 12)
	months, err2 := scaledDigits(m, 1)
	if err != nil || err2 != nil || months > 11 || years > math.MaxInt64-11 {
		return 0, errInterval
	}
	return years + months, nil
}

// parseDayTime reads "2 10:30:15.5" from a unit to a finer one.
func parseDayTime(s string, from, to sql.Unit) (int64, error) {
	units := []sql.Unit{"DAY", "HOUR", "MINUTE", "SECOND"}
	limits := []int64{0, 24, 60, 60}
	i, j := indexUnit(units, from), indexUnit(units, to)
	if i < 0 || j <= i {
		return 0, errInterval
	}
	var parts []string
	if from == "DAY" {
		day, rest, ok := strings.Cut(s, " ")
		if !ok {
			return 0, errInterval
		}
		parts, s = append(parts, day), strings.TrimSpace(rest)
	}
	parts = append(parts, strings.Split(s, ":")...)
	if len(parts) != j-i+1 {
		return 0, errInterval
	}
	var total int64
	for k, p := range parts {
		n, err := parseSingle(p, units[i+k])
		if err != nil || k > 0 && n >= limits[i+k]*milliUnit(units[i+k]) || total+n < 0 {
			return 0, errInterval
		}
		total += n
	}
	return total, nil
}

func indexUnit(units []sql.Unit, u sql.Unit) int {
	for i, x := range units {
		if x == u {
			return i
		}
	}
	return -1
}
