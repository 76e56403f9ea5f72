package fused

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/format"
)

const (
	ones    = 0x0101010101010101
	highs   = 0x8080808080808080
	quotes  = ones * '"'
	slashes = ones * '\\'
)

// JSONString is the end of the string at i, behind its quote, or -1 for one that JSONText
// does not read and for any other value.
func JSONString(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	if i = JSONText(b, i+1); i < 0 {
		return -1
	}
	return i + 1
}

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

// jsonText goes on at i, where a byte is that JSONText stops at, or the end is near.
func jsonText(b []byte, start, i int) int {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		q, s := w^quotes, w^slashes
		if m := ((q-ones)&^q | (s-ones)&^s) & highs; m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			break
		}
	}
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

// JSONSkip is the end of the value at i, found by its structure alone, or -1.
func JSONSkip(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return format.SkipJSON(b, i)
	}
	start := i
	for i++; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		q, s := w^quotes, w^slashes
		m := ((q-ones)&^q | (s-ones)&^s) & highs
		if m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			if b[i] == '"' {
				return i + 1
			}
			break
		}
	}
	return format.SkipJSON(b, start)
}

// JSONNull tells whether null stands at i.
func JSONNull(b []byte, i int) bool { return len(b)-i >= 4 && string(b[i:i+4]) == "null" }

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

// JSONBool reads true or false; end is -1 for any other value.
func JSONBool(b []byte, i int) (v int64, end int) {
	if len(b)-i >= 4 && string(b[i:i+4]) == "true" {
		return 1, i + 4
	}
	if len(b)-i >= 5 && string(b[i:i+5]) == "false" {
		return 0, i + 5
	}
	return 0, -1
}

// digits reads a number of JSON without exponent, of up to 19 characters, before a
// delimiter: its digits as an integer, and how many of them are a fraction. end is -1 for
// any other number.
func digits(b []byte, i int) (m uint64, fraction int, neg bool, end int) {
	if neg = i < len(b) && b[i] == '-'; neg {
		i++
	}
	start, point := i, -1
	for ; i < len(b); i++ {
		c := b[i] - '0'
		if c <= 9 {
			m = m*10 + uint64(c)
		} else if b[i] == '.' && point < 0 {
			point = i + 1
		} else {
			break
		}
	}
	n := i - start
	if n == 0 || n > 19 || i == len(b) || b[i]|0x20 == 'e' || b[i] == '.' || b[start] == '.' || point == i {
		return 0, 0, false, -1
	}
	if b[start] == '0' && n > 1 && b[start+1] != '.' {
		return 0, 0, false, -1
	}
	if point >= 0 {
		fraction = i - point
	}
	return m, fraction, neg, i
}

// pow10 are the powers of ten that a float64 holds exactly and 18 digits need.
var pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

// JSONFloat reads a number whose digits and power of ten are exact, so that one division
// rounds once (Clinger's fast path); end is -1 for any other number.
func JSONFloat(b []byte, i int) (f float64, end int) {
	m, fraction, neg, end := digits(b, i)
	if end < 0 || m > 1<<53 {
		return 0, -1
	}
	f = float64(m)
	if fraction > 0 {
		f /= pow10[fraction]
	}
	if neg {
		f = -f
	}
	return f, end
}

// JSONFloat32 is JSONFloat in the arithmetic of 32 bits.
func JSONFloat32(b []byte, i int) (f float64, end int) {
	m, fraction, neg, end := digits(b, i)
	if end < 0 || m > 1<<24 || fraction > 10 {
		return 0, -1
	}
	x := float32(m)
	if fraction > 0 {
		x /= float32(pow10[fraction])
	}
	if neg {
		x = -x
	}
	return float64(x), end
}

// ints are the powers of ten of a DECIMAL of up to 18 digits.
var ints = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// JSONDecimal reads a number as the unscaled value of a DECIMAL(prec, scale) of at most 18
// digits; end is -1 for one with an exponent, with digits beyond the scale, and for one
// that is too large.
func JSONDecimal(b []byte, i, prec, scale int) (v int64, end int) {
	m, fraction, neg, end := digits(b, i)
	if end < 0 || m > math.MaxInt64 || fraction > scale {
		return 0, -1
	}
	unit, limit := ints[scale-fraction], ints[prec]
	if m > uint64(limit) {
		return 0, -1
	}
	hi, lo := bits.Mul64(m, uint64(unit))
	if hi != 0 || lo >= uint64(limit) {
		return 0, -1
	}
	if v = int64(lo); neg {
		v = -v
	}
	return v, end
}

// JSONWide reads a number as the unscaled value of a DECIMAL(prec, scale) of more than 18
// digits; end is -1 for one that JSONDecimal would not read, and for more than 19 digits
// or more than 18 zeros behind them.
func JSONWide(b []byte, i, prec, scale int) (lo, hi int64, end int) {
	m, fraction, neg, end := digits(b, i)
	if end < 0 || fraction > scale || scale-fraction > 18 || end-i+scale-fraction > prec {
		return 0, 0, -1
	}
	h, l := bits.Mul64(m, uint64(ints[scale-fraction]))
	if neg {
		var borrow uint64
		l, borrow = bits.Sub64(0, l, 0)
		h, _ = bits.Sub64(0, h, borrow)
	}
	return int64(l), int64(h), end
}
