package fused

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	ones    = 0x0101010101010101
	highs   = 0x8080808080808080
	quotes  = ones * '"'
	slashes = ones * '\\'
)

// JSONText finds the quote that closes a string whose content begins at i, eight bytes at
// a time. It is -1 for a string with escapes, one that is not UTF-8, and one that is not
// closed.
func JSONText(b []byte, i int) int {
	start := i
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		q, s := w^quotes, w^slashes
		m := ((q-ones)&^q | (s-ones)&^s | w) & highs
		if m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			if b[i] == '"' {
				return i
			}
			return jsonText(b, start, i)
		}
	}
	return jsonText(b, start, i)
}

// jsonText goes on at i, byte by byte.
func jsonText(b []byte, start, i int) int {
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			if !utf8.Valid(b[start:i]) {
				return -1
			}
			return i
		case '\\':
			return -1
		}
	}
	return -1
}

// JSONInt reads an integer of up to 18 digits in the form that JSON gives it, before a
// delimiter. end is -1 for any other number.
func JSONInt(b []byte, i int) (v int64, end int) {
	neg := i < len(b) && b[i] == '-'
	if neg {
		i++
	}
	start := i
	for i < len(b) {
		c := b[i] - '0'
		if c > 9 {
			break
		}
		v = v*10 + int64(c)
		i++
	}
	n := i - start
	if n == 0 || n > 18 || i == len(b) || b[start] == '0' && n > 1 || b[i] == '.' || b[i]|0x20 == 'e' {
		return 0, -1
	}
	if neg {
		v = -v
	}
	return v, i
}

// Day reads timestamps and keeps the day it has seen last.
type Day struct {
	text   [10]byte
	micros int64
}

// ISO reads yyyy-MM-ddTHH:mm:ss.SSSZ at i, in microseconds since 1970; end is -1 for
// any other form.
func (d *Day) ISO(b []byte, i int) (micros int64, end int) {
	if len(b)-i < 24 {
		return 0, -1
	}
	s := b[i : i+24 : i+24]
	if [10]byte(s[:10]) != d.text && !d.set([10]byte(s[:10])) {
		return 0, -1
	}
	if s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != '.' || s[23] != 'Z' {
		return 0, -1
	}
	h1, h2, m1, m2, s1, s2 := s[11]-'0', s[12]-'0', s[14]-'0', s[15]-'0', s[17]-'0', s[18]-'0'
	f1, f2, f3 := s[20]-'0', s[21]-'0', s[22]-'0'
	hour, minute, second := int64(h1)*10+int64(h2), int64(m1)*10+int64(m2), int64(s1)*10+int64(s2)
	if h1 > 9 || h2 > 9 || m1 > 9 || m2 > 9 || s1 > 9 || s2 > 9 || f1 > 9 || f2 > 9 || f3 > 9 || hour > 23 || minute > 59 || second > 59 {
		return 0, -1
	}
	ms := ((hour*60+minute)*60+second)*1000 + int64(f1)*100 + int64(f2)*10 + int64(f3)
	return d.micros + ms*1000, i + 24
}

func (d *Day) set(s [10]byte) bool {
	two := func(i int) (int, bool) {
		a, b := s[i]-'0', s[i+1]-'0'
		return int(a)*10 + int(b), a <= 9 && b <= 9
	}
	c, ok1 := two(0)
	y, ok2 := two(2)
	m, ok3 := two(5)
	day, ok4 := two(8)
	if !ok1 || !ok2 || !ok3 || !ok4 || s[4] != '-' || s[7] != '-' || m < 1 || m > 12 || day < 1 || day > 28 {
		return false // the end of a month is left to others
	}
	y += c * 100
	if m <= 2 {
		y--
	}
	era := y / 400
	yoe := y - era*400
	doy := (153*((m+9)%12)+2)/5 + day - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	d.text, d.micros = s, (int64(era)*146097+int64(doe)-719468)*86400*1e6
	return true
}
