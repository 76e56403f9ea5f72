package expr

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
)

// datePattern is a compiled date pattern in the letters of Java's DateTimeFormatter.
type datePattern struct {
	items []patternItem
	// fraction is the largest number of S in a row.
	fraction int
}

// patternItem is a run of n equal letters, or (letter 0) literal text.
type patternItem struct {
	letter byte
	n      int
	text   string
}

// patternLetters are the letters that are understood.
const patternLetters = "yuMLdDHhKkmsSnaEXxZzVQ"

// compileDatePattern compiles a pattern. Letters in quotes are literal, two quotes are one.
func compileDatePattern(s string) (*datePattern, error) {
	p := &datePattern{}
	text := func(t string) {
		if k := len(p.items) - 1; k >= 0 && p.items[k].letter == 0 {
			p.items[k].text += t
			return
		}
		p.items = append(p.items, patternItem{text: t})
	}
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\'':
			quoted, next, err := quotedText(s, i)
			if err != nil {
				return nil, err
			}
			text(quoted)
			i = next
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			n := 1
			for i+n < len(s) && s[i+n] == c {
				n++
			}
			if strings.IndexByte(patternLetters, c) < 0 {
				return nil, fmt.Errorf("the date pattern %q has the unknown letter %q", s, c)
			}
			if c == 'S' {
				p.fraction = max(p.fraction, n)
			}
			p.items = append(p.items, patternItem{letter: c, n: n})
			i += n
		case c == '[' || c == ']':
			return nil, fmt.Errorf("the date pattern %q has an optional part, which is not supported", s)
		default:
			n := 1
			for i+n < len(s) && s[i+n]&0xC0 == 0x80 {
				n++
			}
			text(s[i : i+n])
			i += n
		}
	}
	return p, nil
}

// quotedText reads the quoted text that starts at s[i]; a doubled quote is one quote.
func quotedText(s string, i int) (text string, next int, err error) {
	if strings.HasPrefix(s[i:], "''") {
		return "'", i + 2, nil
	}
	var b strings.Builder
	for i++; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || s[i+1] != '\'' {
			return b.String(), i + 1, nil
		}
		b.WriteByte('\'')
		i++
	}
	return "", i, fmt.Errorf("the date pattern %q has a quote without end", s)
}

// datePatternMemo is the pattern compiled last.
type datePatternMemo struct {
	text string
	p    *datePattern
	err  error
}

func cachedPattern(memo *datePatternMemo, text []byte) (*datePattern, error) {
	if memo.text != string(text) || memo.p == nil && memo.err == nil {
		memo.text = string(text)
		memo.p, memo.err = compileDatePattern(memo.text)
	}
	return memo.p, memo.err
}

var monthNames = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}

var dayNames = [...]string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}

// format appends a local time: seconds since 1970 and nanoseconds within. The zone is printed
// where the pattern asks for it. lenient is Java's SimpleDateFormat, which puts no sign before
// a year of more digits than the pattern has letters.
func (p *datePattern) format(dst []byte, seconds, frac int64, zone *time.Location, lenient bool) []byte {
	days := floorDiv(seconds, secondsPerDay)
	y, m, d := civil(days)
	sec := seconds - days*secondsPerDay
	hour := sec / 3600
	for _, it := range p.items {
		switch it.letter {
		case 0:
			dst = append(dst, it.text...)
		case 'y', 'u':
			dst = appendYear(dst, it, y, lenient)
		case 'M', 'L':
			dst = appendName(dst, m, it.n, monthNames[m-1])
		case 'Q':
			dst = appendPadded(dst, (m-1)/3+1, it.n)
		case 'd':
			dst = appendPadded(dst, d, it.n)
		case 'D':
			dst = appendPadded(dst, days-daysOf(y, 1, 1)+1, it.n)
		case 'E':
			name := dayNames[weekday(days)-1]
			dst = appendName(dst, 0, max(it.n, 3), name)
		case 'H':
			dst = appendPadded(dst, hour, it.n)
		case 'k':
			dst = appendPadded(dst, (hour+23)%24+1, it.n)
		case 'K':
			dst = appendPadded(dst, hour%12, it.n)
		case 'h':
			dst = appendPadded(dst, (hour+11)%12+1, it.n)
		case 'm':
			dst = appendPadded(dst, sec/60%60, it.n)
		case 's':
			dst = appendPadded(dst, sec%60, it.n)
		case 'S':
			n := min(it.n, 9)
			dst = appendPadded(dst, frac/pow10i[9-n], n)
			for ; n < it.n; n++ {
				dst = append(dst, '0')
			}
		case 'n':
			dst = appendPadded(dst, frac, it.n)
		case 'a':
			if hour < 12 {
				dst = append(dst, "AM"...)
			} else {
				dst = append(dst, "PM"...)
			}
		default:
			dst = appendZone(dst, it, seconds, zone)
		}
	}
	return dst
}

// appendName appends a number for one or two letters, the short name for three, else the
// whole name.
func appendName(dst []byte, n int64, letters int, name string) []byte {
	switch {
	case letters <= 2:
		return appendPadded(dst, n, letters)
	case letters == 3:
		return append(dst, name[:3]...)
	}
	return append(dst, name...)
}

// appendYear appends a year, for y that of its era: the year 0 is the first before the era.
func appendYear(dst []byte, it patternItem, y int64, lenient bool) []byte {
	if it.letter == 'y' && y <= 0 {
		y = 1 - y
	}
	switch {
	case it.n == 2:
		return appendPadded(dst, max(y, -y)%100, 2)
	case it.n >= 4 && it.n < len(pow10i) && y >= pow10i[it.n] && !lenient:
		dst = append(dst, '+')
	}
	return appendPadded(dst, y, it.n)
}

func appendZone(dst []byte, it patternItem, seconds int64, zone *time.Location) []byte {
	if zone == nil {
		zone = time.UTC
	}
	const most = math.MaxInt64/microsPerSecond - secondsPerDay // beyond it no rule changes
	micros := min(max(seconds, -most), most) * microsPerSecond
	at := time.Unix(floorDiv(fromLocal(micros, zone), microsPerSecond), 0).In(zone)
	name, off := at.Zone()
	switch it.letter {
	case 'z':
		return append(dst, name...)
	case 'V':
		return append(dst, zone.String()...)
	case 'X':
		if off == 0 {
			return append(dst, 'Z')
		}
	}
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	h, m := int64(off/3600), int64(off/60%60)
	dst = appendPadded(append(dst, sign), h, 2)
	colon := it.letter != 'Z' && (it.n == 3 || it.n == 5) || it.letter == 'Z' && it.n == 5
	if it.n == 1 && it.letter != 'Z' && m == 0 {
		return dst
	}
	if colon {
		dst = append(dst, ':')
	}
	return appendPadded(dst, m, 2)
}

// parsed are the fields that a pattern finds; what it leaves out has the value of
// 1970-01-01 00:00:00.
type parsed struct {
	year, month, day, yearDay int64
	hour, minute, second, ns  int64
	pm, hasPM, hour12         bool
	offset                    int64
	hasOffset                 bool
}

// parse reads a local time in microseconds and nanoseconds. When the text holds an
// offset, zone is that, otherwise nil. lenient lets the fields exceed their ranges, as
// Java's SimpleDateFormat does, and ignores what follows the pattern.
func (p *datePattern) parse(s []byte, lenient bool) (micros, nanos int64, zone *time.Location, ok bool) {
	v := parsed{year: 1970, month: 1, day: 1}
	for i, it := range p.items {
		// A number that another number follows at once takes its own width only.
		adjacent := i+1 < len(p.items) && isNumeric(p.items[i+1])
		if s, ok = v.take(s, it, adjacent, lenient); !ok {
			return 0, 0, nil, false
		}
	}
	if len(s) > 0 && !lenient {
		return 0, 0, nil, false
	}
	if v.hour12 {
		v.hour %= 12
	}
	if v.hasPM && v.pm && v.hour < 12 {
		v.hour += 12
	}
	if !lenient && (v.month < 1 || v.month > 12 || v.day < 1 || v.day > daysIn(v.year, v.month) || v.hour > 23 || v.minute > 59 || v.second > 59) {
		return 0, 0, nil, false
	}
	months := v.year*12 + v.month - 1
	days := daysOf(floorDiv(months, 12), floorMod(months, 12)+1, 1) + v.day - 1
	if v.yearDay > 0 {
		days = daysOf(v.year, 1, 1) + v.yearDay - 1
	}
	micros = days*microsPerDay + ((v.hour*60+v.minute)*60+v.second)*microsPerSecond + v.ns/1000
	if v.hasOffset {
		zone = time.FixedZone("", int(v.offset))
	}
	return micros, v.ns % 1000, zone, true
}

func isNumeric(it patternItem) bool {
	switch it.letter {
	case 'y', 'u', 'd', 'D', 'H', 'h', 'K', 'k', 'm', 's', 'S', 'n':
		return true
	case 'M', 'L':
		return it.n <= 2
	}
	return false
}

func (v *parsed) take(s []byte, it patternItem, adjacent, lenient bool) ([]byte, bool) {
	switch it.letter {
	case 0:
		if !bytes.HasPrefix(s, []byte(it.text)) {
			return s, false
		}
		return s[len(it.text):], true
	case 'E':
		return takeName(s, dayNames[:], nil)
	case 'M', 'L':
		if it.n > 2 {
			return takeName(s, monthNames[:], &v.month)
		}
	case 'a':
		if len(s) < 2 || !equalFold(s[1:2], "m") || !equalFold(s[:1], "a") && !equalFold(s[:1], "p") {
			return s, false
		}
		v.hasPM, v.pm = true, equalFold(s[:1], "p")
		return s[2:], true
	case 'X', 'x', 'Z', 'z', 'V':
		return v.takeZone(s)
	case 'S':
		return v.takeFraction(s, it.n, lenient)
	}
	least, most := it.n, it.n
	if (it.n == 1 || lenient) && !adjacent {
		least, most = 1, 9
	}
	if it.letter == 'y' || it.letter == 'u' {
		least, most = it.n, 4
		if it.n == 2 {
			most = 2
		}
		if lenient && !adjacent {
			least = 1
		}
	}
	n, rest, ok := digits(s, least, most)
	if !ok {
		return s, false
	}
	v.set(it, n)
	return rest, true
}

func (v *parsed) set(it patternItem, n int64) {
	switch it.letter {
	case 'y', 'u':
		if it.n == 2 {
			n += 2000
		}
		v.year = n
	case 'M', 'L':
		v.month = n
	case 'd':
		v.day = n
	case 'D':
		v.yearDay = n
	case 'H':
		v.hour = n
	case 'k':
		v.hour = n % 24
	case 'h', 'K':
		v.hour, v.hour12 = n, true
	case 'm':
		v.minute = n
	case 's':
		v.second = n
	case 'n':
		v.ns = n
	}
}

func (v *parsed) takeFraction(s []byte, n int, lenient bool) ([]byte, bool) {
	if lenient {
		// SimpleDateFormat takes S for milliseconds.
		ms, rest, ok := digits(s, 1, 9)
		v.ns = ms % 1000 * 1e6
		v.second += ms / 1000
		return rest, ok
	}
	if len(s) < n {
		return s, false
	}
	ns, rest, _ := fraction(s[:n])
	v.ns = ns
	return s[n:], len(rest) == 0
}

func (v *parsed) takeZone(s []byte) ([]byte, bool) {
	if len(s) > 0 && s[0] == 'Z' {
		v.hasOffset = true
		return s[1:], true
	}
	if len(s) < 3 || s[0] != '+' && s[0] != '-' {
		return s, false
	}
	h, rest, ok := digits(s[1:], 2, 2)
	if !ok {
		return s, false
	}
	if len(rest) > 0 && rest[0] == ':' {
		rest = rest[1:]
	}
	m, rest, ok := digits(rest, 0, 2)
	v.offset, v.hasOffset = h*3600+m*60, true
	if s[0] == '-' {
		v.offset = -v.offset
	}
	return rest, ok
}

// takeName reads one of the names, whole or its first three letters; at is set to its
// number from 1.
func takeName(s []byte, names []string, at *int64) ([]byte, bool) {
	for i, name := range names {
		for _, w := range []string{name, name[:3]} {
			if len(s) >= len(w) && equalFold(s[:len(w)], strings.ToLower(w)) {
				if at != nil {
					*at = int64(i + 1)
				}
				return s[len(w):], true
			}
		}
	}
	return s, false
}

// zones caches the time zones by name, for loading one reads files.
var zones sync.Map

// ParseZone finds a time zone by an IANA name (Asia/Shanghai), an offset (+08:00) or an
// offset from GMT or UTC (GMT-08:00).
func ParseZone(name string) (*time.Location, error) {
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location), nil
	}
	z, err := loadZone(name)
	if err != nil {
		return nil, err
	}
	zones.Store(name, z)
	return z, nil
}

func loadZone(name string) (*time.Location, error) {
	off := name
	for _, p := range []string{"GMT", "UTC"} {
		off = strings.TrimPrefix(off, p)
	}
	switch {
	case name == "Z" || name != "" && off == "":
		return time.UTC, nil
	case len(off) > 1 && (off[0] == '+' || off[0] == '-'):
		if z, ok := parseOffset([]byte(off)); ok {
			_, sec := time.Unix(0, 0).In(z).Zone()
			return time.FixedZone(name, sec), nil
		}
	case name != "" && name != "Local":
		if z, err := time.LoadLocation(name); err == nil {
			return z, nil
		}
	}
	return nil, fmt.Errorf("there is no time zone %q; use a name such as Europe/Berlin or an offset such as +02:00", name)
}
