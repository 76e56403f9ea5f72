package format

import "strconv"

// Times are read and written in two standards that differ in the letter between date and
// time of day, and for TIMESTAMP_LTZ end in Z; see Flink's 'json.timestamp-format.standard'.

const (
	secondsPerDay = 86400
	nanosPerMilli = 1_000_000
	microsPerDay  = secondsPerDay * 1_000_000
)

// daysFromCivil is the number of days since 1970-01-01 in the proleptic Gregorian
// calendar (Hinnant, "chrono-compatible low-level date algorithms").
func daysFromCivil(y, m, d int) int64 {
	if m <= 2 {
		y--
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	yoe := y - era*400
	mp := (m + 9) % 12
	doy := (153*mp+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}

// civilFromDays is the inverse of daysFromCivil.
func civilFromDays(z int64) (y, m, d int) {
	z += 719468
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = int(doy-(153*mp+2)/5) + 1
	m = int(mp) + 3
	if m > 12 {
		m -= 12
	}
	y = int(yoe + era*400)
	if m <= 2 {
		y++
	}
	return y, m, d
}

var monthDays = [...]int{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func two(s []byte, i int) (int, bool) {
	a, b := s[i]-'0', s[i+1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}

// parseDate reads yyyy-MM-dd at the beginning of s, as days since 1970.
func parseDate(s []byte) (days int64, rest []byte, ok bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return 0, s, false
	}
	c, ok1 := two(s, 0)
	y, ok2 := two(s, 2)
	m, ok3 := two(s, 5)
	d, ok4 := two(s, 8)
	y += c * 100
	if !ok1 || !ok2 || !ok3 || !ok4 || m < 1 || m > 12 || d < 1 || d > monthDays[m] {
		if !(ok1 && ok2 && m == 2 && d == 29 && y%4 == 0 && (y%100 != 0 || y%400 == 0)) {
			return 0, s, false
		}
	}
	return daysFromCivil(y, m, d), s[10:], true
}

// parseClock reads HH:mm[:ss[.fffffffff]], as nanoseconds of the day.
func parseClock(s []byte, needSeconds bool) (nanos int64, rest []byte, ok bool) {
	if len(s) < 5 || s[2] != ':' {
		return 0, s, false
	}
	h, ok1 := two(s, 0)
	m, ok2 := two(s, 3)
	if !ok1 || !ok2 || h > 23 || m > 59 {
		return 0, s, false
	}
	sec := int64(h*3600 + m*60)
	s = s[5:]
	if len(s) < 3 || s[0] != ':' {
		return sec * 1e9, s, !needSeconds
	}
	x, ok3 := two(s, 1)
	if !ok3 || x > 59 {
		return 0, s, false
	}
	nanos = (sec + int64(x)) * 1e9
	s = s[3:]
	if len(s) < 2 || s[0] != '.' || s[1] < '0' || s[1] > '9' {
		return nanos, s, true
	}
	s = s[1:]
	unit := int64(100_000_000)
	for len(s) > 0 && s[0] >= '0' && s[0] <= '9' {
		if unit == 0 {
			return 0, s, false
		}
		nanos += unit * int64(s[0]-'0')
		unit /= 10
		s = s[1:]
	}
	return nanos, s, true
}

// parseOffset reads Z or ±HH:mm to the end of s, in seconds.
func parseOffset(s []byte) (seconds int64, ok bool) {
	if len(s) == 1 && s[0] == 'Z' {
		return 0, true
	}
	if len(s) != 6 || s[3] != ':' || (s[0] != '+' && s[0] != '-') {
		return 0, false
	}
	h, ok1 := two(s, 1)
	m, ok2 := two(s, 4)
	if !ok1 || !ok2 || h > 18 || m > 59 {
		return 0, false
	}
	seconds = int64(h*3600 + m*60)
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// nanoUnit is the unit of the last of p fractional digits, in nanoseconds.
var nanoUnit = [...]int64{1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 100, 10, 1}

// parseTimestamp reads a timestamp in the type's standard; anySep takes either letter
// between date and time, and lets an instant go without its Z. Digits beyond the type's
// precision are cut. sub are the nanoseconds within the microsecond.
func parseTimestamp(s []byte, c *ctype, anySep bool) (micros, sub int64, ok bool) {
	days, rest, ok := parseDate(s)
	if !ok || len(rest) == 0 {
		return 0, 0, false
	}
	iso := c.std != standardSQL
	if sep := rest[0]; sep != ' ' && sep != 'T' || !anySep && (sep == 'T') != iso {
		return 0, 0, false
	}
	nanos, rest, ok := parseClock(rest[1:], !iso)
	if !ok {
		return 0, 0, false
	}
	zoned := c.ltz || c.std == standardISOOffset || anySep
	if len(rest) > 0 {
		if !zoned {
			return 0, 0, false
		}
		off, ok := parseOffset(rest)
		if !ok {
			return 0, 0, false
		}
		nanos -= off * 1e9
	} else if c.ltz && !anySep {
		return 0, 0, false
	}
	micros, sub = cutNanos(days, nanos, c.prec)
	return micros, sub, true
}

// cutNanos splits days and nanoseconds into microseconds and nanoseconds within, cut to
// the precision.
func cutNanos(days, nanos int64, prec int) (micros, sub int64) {
	unit := nanoUnit[min(max(prec, 0), 9)]
	r := nanos % unit
	if r < 0 {
		r += unit
	}
	nanos -= r
	q, sub := nanos/1000, nanos%1000
	if sub < 0 {
		q, sub = q-1, sub+1000
	}
	return days*microsPerDay + q, sub
}

func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// appendDate writes yyyy-MM-dd; a year of more than four digits has a sign, as in ISO 8601.
func appendDate(dst []byte, days int64) []byte {
	y, m, d := civilFromDays(days)
	if y < 0 {
		dst = append(dst, '-')
		y = -y
	} else if y > 9999 {
		dst = append(dst, '+')
	}
	if y > 9999 {
		dst = strconv.AppendInt(dst, int64(y), 10)
	} else {
		dst = appendTwo(appendTwo(dst, y/100), y%100)
	}
	dst = appendTwo(append(dst, '-'), m)
	return appendTwo(append(dst, '-'), d)
}

// appendClock writes HH:mm:ss and as many fractional digits as are needed.
func appendClock(dst []byte, nanos int64) []byte {
	sec := int(nanos / 1e9)
	dst = appendTwo(dst, sec/3600)
	dst = appendTwo(append(dst, ':'), sec/60%60)
	dst = appendTwo(append(dst, ':'), sec%60)
	frac := nanos % 1e9
	if frac == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := int64(1e8); frac > 0; unit /= 10 {
		dst = append(dst, byte('0'+frac/unit))
		frac %= unit
	}
	return dst
}

// appendTimestamp writes a timestamp in the type's standard.
func appendTimestamp(dst []byte, micros, sub int64, c *ctype) []byte {
	days, rest := micros/microsPerDay, micros%microsPerDay
	if rest < 0 {
		days, rest = days-1, rest+microsPerDay
	}
	dst = appendDate(dst, days)
	if c.std == standardSQL {
		dst = append(dst, ' ')
	} else {
		dst = append(dst, 'T')
	}
	dst = appendClock(dst, rest*1000+sub)
	if c.ltz {
		dst = append(dst, 'Z')
	}
	return dst
}
