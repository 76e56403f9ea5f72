package fused

import "github.com/edgeflow/edgeflow/dataflow/format"

// Day reads dates and timestamps and keeps the day and the minute it has seen last.
type Day struct {
	known  bool     // a day has been seen; before, text is no date
	text   [10]byte // yyyy-MM-dd
	days   int64
	minute [16]byte // the day, a letter, HH:mm
	micros int64    // of minute
}

func (d *Day) set(s [10]byte) bool {
	days, ok := format.Date(s[:])
	if ok {
		d.known, d.text, d.days = true, s, days
	}
	return ok
}

func (d *Day) setMinute(s [16]byte) bool {
	if day := [10]byte(s[:10]); (day != d.text || !d.known) && !d.set(day) {
		return false
	}
	h1, h2, m1, m2 := s[11]-'0', s[12]-'0', s[14]-'0', s[15]-'0'
	hour, minute := int64(h1)*10+int64(h2), int64(m1)*10+int64(m2)
	if s[13] != ':' || h1 > 9 || h2 > 9 || m1 > 9 || m2 > 9 || hour > 23 || minute > 59 {
		return false
	}
	d.minute, d.micros = s, d.days*86400e6+(hour*60+minute)*60e6
	return true
}

// Date reads yyyy-MM-dd at i, in days since 1970; end is -1 for any other form.
func (d *Day) Date(b []byte, i int) (days int64, end int) {
	if len(b)-i < 10 {
		return 0, -1
	}
	if s := [10]byte(b[i : i+10]); (s != d.text || !d.known) && !d.set(s) {
		return 0, -1
	}
	return d.days, i + 10
}

// JSONDate is Date in quotes.
func (d *Day) JSONDate(b []byte, i int) (days int64, end int) {
	if len(b)-i < 12 || b[i] != '"' || b[i+11] != '"' {
		return 0, -1
	}
	days, end = d.Date(b, i+1)
	if end < 0 {
		return 0, -1
	}
	return days, end + 1
}

// JSONStamp is Stamp in quotes.
func (d *Day) JSONStamp(b []byte, i int, sep byte, zoned bool, prec int) (micros int64, end int) {
	if i >= len(b) || b[i] != '"' {
		return 0, -1
	}
	micros, end = d.Stamp(b, i+1, sep, zoned, prec)
	if end < 0 || end >= len(b) || b[end] != '"' {
		return 0, -1
	}
	return micros, end + 1
}

// Stamp reads yyyy-MM-dd, sep, HH:mm:ss and a fraction of up to prec digits, 6 at most, and
// the Z of a zoned timestamp, in microseconds since 1970; end is -1 for any other form.
// Something must stand behind it.
func (d *Day) Stamp(b []byte, i int, sep byte, zoned bool, prec int) (micros int64, end int) {
	if len(b)-i < 20 {
		return 0, -1
	}
	s := b[i : i+20 : i+20]
	if m := [16]byte(s[:16]); m != d.minute && !d.setMinute(m) {
		return 0, -1
	}
	s1, s2 := s[17]-'0', s[18]-'0'
	if s[10] != sep || s[16] != ':' || s1 > 5 || s2 > 9 {
		return 0, -1
	}
	micros = d.micros + (int64(s1)*10+int64(s2))*1e6
	if i += 19; b[i] == '.' {
		var f int64
		if f, i = fraction(b, i+1, prec); i < 0 {
			return 0, -1
		}
		micros += f
	}
	if zoned {
		if i >= len(b) || b[i] != 'Z' {
			return 0, -1
		}
		i++
	}
	return micros, i
}

// fraction reads one to prec digits at i as microseconds; end is -1 for more and for none.
func fraction(b []byte, i, prec int) (micros int64, end int) {
	start := i
	for i < len(b) && b[i]-'0' <= 9 {
		if i-start == prec {
			return 0, -1
		}
		micros = micros*10 + int64(b[i]-'0')
		i++
	}
	switch n := i - start; n {
	case 0:
		return 0, -1
	case 3:
		return micros * 1000, i
	case 6:
		return micros, i
	default:
		return micros * ints[6-n], i
	}
}
