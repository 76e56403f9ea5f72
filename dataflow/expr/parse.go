package expr

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// ParseDatum is CAST(text AS t). For character and binary types the datum refers to text.
func ParseDatum(text []byte, t types.Type, env *Env) (vec.Datum, error) {
	s := bytes.TrimSpace(text)
	fail := func() (vec.Datum, error) { return vec.NullDatum, castError(text, t) }
	switch t.Kind {
	case types.Char, types.Varchar:
		return vec.BytesDatum(fitString(nil, text, t)), nil
	case types.Binary, types.Varbinary:
		return vec.BytesDatum(fitBinary(nil, text, t)), nil
	case types.Boolean:
		if b, ok := parseBool(s); ok {
			return vec.BoolDatum(b), nil
		}
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		if i, ok := parseInt(s); ok && wrapInt(i, t.Kind) == i {
			return vec.IntDatum(i), nil
		}
	case types.Float, types.Double:
		if f, ok := parseFloat(s, t.Kind == types.Float); ok {
			return vec.FloatDatum(f), nil
		}
	case types.Decimal:
		if x, ok := ParseInt128(s, t.Scale); ok && x.Fits(t.Prec) {
			return DecimalDatum(x, t), nil
		}
	case types.Date:
		if d, ok := parseDate(s); ok {
			return vec.IntDatum(d), nil
		}
	case types.Time:
		if ns, ok := parseClock(s, false); ok {
			u := pow10i[max(0, 3-t.Prec)]
			return vec.IntDatum(ns / 1e6 / u * u), nil
		}
	case types.Timestamp, types.TimestampLTZ:
		micros, nanos, zone, ok := parseTimestamp(s)
		if !ok {
			return fail()
		}
		if t.Kind == types.TimestampLTZ {
			if zone == nil {
				zone = zoneOf(env)
			}
			micros = fromLocal(micros, zone)
		}
		return tsDatum(micros, nanos, t), nil
	case types.IntervalYM, types.IntervalDS:
		if i, ok := parseInterval(s, t.Kind); ok {
			return vec.IntDatum(i), nil
		}
	}
	return fail()
}

func castError(text []byte, t types.Type) error {
	return fmt.Errorf("cannot cast %q to %s", clip(text), t.Nullable())
}

// clip is the start of a text for a message.
func clip(text []byte) []byte {
	const most = 60
	if len(text) > most {
		text = append(append([]byte(nil), text[:most]...), "..."...)
	}
	return text
}

func parseBool(s []byte) (b, ok bool) {
	for _, w := range []string{"true", "t", "yes", "y", "1"} {
		if equalFold(s, w) {
			return true, true
		}
	}
	for _, w := range []string{"false", "f", "no", "n", "0"} {
		if equalFold(s, w) {
			return false, true
		}
	}
	return false, false
}

// equalFold compares ASCII text with a word in lower case.
func equalFold(s []byte, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i, c := range s {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// parseInt parses an integer; digits after a decimal point are dropped.
func parseInt(s []byte) (int64, bool) {
	neg := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		s = s[1:]
	}
	if len(s) == 0 {
		return 0, false
	}
	var n uint64
	limit := uint64(math.MaxInt64)
	if neg {
		limit++
	}
	for i, c := range s {
		if c == '.' {
			for _, f := range s[i+1:] {
				if f < '0' || f > '9' {
					return 0, false
				}
			}
			if len(s) == 1 {
				return 0, false
			}
			break
		}
		if c < '0' || c > '9' || n > (limit-uint64(c-'0'))/10 {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	if neg {
		return -int64(n), true
	}
	return int64(n), true
}

func parseFloat(s []byte, single bool) (float64, bool) {
	switch string(s) {
	case "NaN":
		return math.NaN(), true
	case "Infinity", "+Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	for _, c := range s {
		if (c < '0' || c > '9') && c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-' {
			return 0, false
		}
	}
	bits := 64
	if single {
		bits = 32
	}
	f, err := strconv.ParseFloat(string(s), bits)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// digits parses from least to most digits at the start of s.
func digits(s []byte, least, most int) (n int64, rest []byte, ok bool) {
	i := 0
	for i < len(s) && i < most && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + int64(s[i]-'0')
		i++
	}
	return n, s[i:], i >= least
}

// parseDate parses yyyy, yyyy-M or yyyy-M-d; what follows a blank or a T is ignored.
func parseDate(s []byte) (int64, bool) {
	if i := bytes.IndexAny(s, " T"); i > 0 {
		s = s[:i]
	}
	d, rest, ok := parseDay(s)
	return d, ok && len(rest) == 0
}

func parseDay(s []byte) (days int64, rest []byte, ok bool) {
	y, s, ok := digits(s, 1, 4)
	m, d := int64(1), int64(1)
	if ok && len(s) > 0 && s[0] == '-' {
		m, s, ok = digits(s[1:], 1, 2)
		if ok && len(s) > 0 && s[0] == '-' {
			d, s, ok = digits(s[1:], 1, 2)
		}
	}
	if !ok || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, s, false
	}
	return daysOf(y, m, d), s, true
}

// parseClock parses H[:m[:s[.fraction]]] to nanoseconds of the day; full asks for seconds.
func parseClock(s []byte, full bool) (int64, bool) {
	h, s, ok := digits(s, 1, 2)
	var m, sec, frac int64
	parts := 1
	if ok && len(s) > 0 && s[0] == ':' {
		parts++
		m, s, ok = digits(s[1:], 1, 2)
		if ok && len(s) > 0 && s[0] == ':' {
			parts++
			sec, s, ok = digits(s[1:], 1, 2)
			if ok && len(s) > 0 && s[0] == '.' {
				frac, s, ok = fraction(s[1:])
			}
		}
	}
	if !ok || len(s) > 0 || h > 23 || m > 59 || sec > 59 || full && parts < 3 {
		return 0, false
	}
	return ((h*60+m)*60+sec)*1e9 + frac, true
}

// fraction parses decimals of a second to nanoseconds; digits beyond nine are dropped.
func fraction(s []byte) (ns int64, rest []byte, ok bool) {
	i := 0
	unit := int64(1e8)
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		ns += int64(s[i]-'0') * unit
		unit /= 10
		i++
	}
	return ns, s[i:], true
}

// parseTimestamp parses yyyy-M-d[( |T)H:m:s[.fraction]][Z|+hh:mm].
func parseTimestamp(s []byte) (micros, nanos int64, zone *time.Location, ok bool) {
	days, rest, ok := parseDay(s)
	if !ok || bytes.Count(s[:len(s)-len(rest)], []byte{'-'}) != 2 {
		return 0, 0, nil, false
	}
	micros = days * microsPerDay
	if len(rest) == 0 {
		return micros, 0, nil, true
	}
	if rest[0] != ' ' && rest[0] != 'T' {
		return 0, 0, nil, false
	}
	rest = rest[1:]
	if i := bytes.IndexAny(rest, "Z+-"); i > 0 {
		z, ok := parseOffset(rest[i:])
		if !ok {
			return 0, 0, nil, false
		}
		zone, rest = z, bytes.TrimSpace(rest[:i])
	}
	ns, ok := parseClock(rest, true)
	return micros + ns/1000, ns % 1000, zone, ok
}

// parseLoose parses what TO_TIMESTAMP takes where a text does not fit its pattern, which
// is what java.sql.Timestamp takes: yyyy-[M]M-[d]d[ H:m:s[.fraction]]. A day up to 31 that
// the month does not have counts on into the next month.
func parseLoose(s []byte) (micros, nanos int64, ok bool) {
	s = bytes.TrimSpace(s)
	y, rest, ok := digits(s, 4, 4)
	var m, d int64
	if ok = ok && len(rest) > 0 && rest[0] == '-'; ok {
		m, rest, ok = digits(rest[1:], 1, 2)
	}
	if ok = ok && len(rest) > 0 && rest[0] == '-'; ok {
		d, rest, ok = digits(rest[1:], 1, 2)
	}
	if !ok || m < 1 || m > 12 || d < 1 || d > 31 {
		return 0, 0, false
	}
	micros = (daysOf(y, m, 1) + d - 1) * microsPerDay
	if len(rest) == 0 {
		return micros, 0, true
	}
	if rest[0] != ' ' {
		return 0, 0, false
	}
	ns, ok := parseClock(rest[1:], true)
	return micros + ns/1000, ns % 1000, ok
}

func parseOffset(s []byte) (*time.Location, bool) {
	if string(s) == "Z" {
		return time.UTC, true
	}
	h, rest, ok := digits(s[1:], 1, 2)
	var m int64
	if ok && len(rest) > 0 && rest[0] == ':' {
		m, rest, ok = digits(rest[1:], 2, 2)
	}
	if !ok || len(rest) > 0 || h > 18 || m > 59 {
		return nil, false
	}
	off := int(h*3600 + m*60)
	if s[0] == '-' {
		off = -off
	}
	return time.FixedZone("", off), true
}

// parseInterval parses the printed form: [+-]years-months, or [+-]days h:m:s[.fraction].
func parseInterval(s []byte, k types.Kind) (int64, bool) {
	sign := int64(1)
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	n, rest, ok := digits(s, 1, 9)
	if !ok || len(rest) < 2 {
		return 0, false
	}
	if k == types.IntervalYM {
		m, end, ok := digits(rest[1:], 1, 2)
		return sign * (n*12 + m), ok && rest[0] == '-' && len(end) == 0 && m < 12
	}
	ns, ok := parseClock(rest[1:], true)
	return sign * (n*millisPerDay + ns/1e6), ok && rest[0] == ' '
}

// fitString makes text a value of a CHAR or VARCHAR type: cut to its length in
// characters, padded with blanks for CHAR. It refers to text where nothing changes.
func fitString(buf, text []byte, t types.Type) []byte {
	if len(text) <= t.Prec && t.Kind == types.Varchar {
		return text
	}
	n, at := 0, 0
	for at < len(text) {
		if n == t.Prec {
			return text[:at]
		}
		n++
		at++
		for at < len(text) && text[at]&0xC0 == 0x80 {
			at++
		}
	}
	if t.Kind == types.Varchar || n == t.Prec {
		return text
	}
	buf = append(buf[:0], text...)
	for ; n < t.Prec; n++ {
		buf = append(buf, ' ')
	}
	return buf
}

// fitBinary cuts bytes to the length of a BINARY or VARBINARY type and pads BINARY with
// zeros.
func fitBinary(buf, b []byte, t types.Type) []byte {
	if len(b) > t.Prec {
		return b[:t.Prec]
	}
	if t.Kind == types.Varbinary || len(b) == t.Prec {
		return b
	}
	buf = append(buf[:0], b...)
	for len(buf) < t.Prec {
		buf = append(buf, 0)
	}
	return buf
}
