package format

import (
	"bytes"
	"math"
	"strconv"
)

// trim cuts the characters that Java's trim cuts: everything up to a space.
func trim(s []byte) []byte {
	for len(s) > 0 && s[0] <= ' ' {
		s = s[1:]
	}
	for len(s) > 0 && s[len(s)-1] <= ' ' {
		s = s[:len(s)-1]
	}
	return s
}

// parseInt reads [+-]digits without overflow.
func parseInt(s []byte) (int64, bool) {
	neg, i := false, 0
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg, i = s[0] == '-', 1
	}
	if i == len(s) {
		return 0, false
	}
	var u uint64
	for ; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 || u > (math.MaxUint64-9)/10 {
			return 0, false
		}
		u = u*10 + uint64(c)
	}
	if neg {
		if u > 1<<63 {
			return 0, false
		}
		return -int64(u), true
	}
	return int64(u), u <= math.MaxInt64
}

// float64Pow10 are the powers of ten that a float64 holds exactly.
var float64Pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// parseFloat reads a decimal number, correctly rounded to 64 or 32 bits; NaN and Infinity
// in Java's spelling are numbers too. Too large is infinite, as in Java.
func parseFloat(s []byte, bitSize int) (float64, bool) {
	if f, ok := simpleFloat(s, bitSize); ok {
		return f, true
	}
	if len(s) == 0 || bytes.IndexByte(s, '_') >= 0 {
		return 0, false
	}
	digits := s
	if s[0] == '-' || s[0] == '+' {
		digits = s[1:]
	}
	if len(digits) == 0 || (digits[0] != '.' && (digits[0] < '0' || digits[0] > '9')) {
		switch string(digits) {
		case "NaN":
			return math.NaN(), true
		case "Infinity":
			if s[0] == '-' {
				return math.Inf(-1), true
			}
			return math.Inf(1), true
		}
		return 0, false
	}
	if len(digits) > 1 && digits[1]|0x20 == 'x' {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(s), bitSize)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// simpleFloat computes numbers whose digits and power of ten are exact in the target's
// arithmetic (Clinger's fast path): one multiplication or division rounds once.
func simpleFloat(s []byte, bitSize int) (float64, bool) {
	mantissaMax, expMax := uint64(1)<<53, 22
	if bitSize == 32 {
		mantissaMax, expMax = 1<<24, 10
	}
	i, neg := 0, false
	if len(s) > 0 && s[0] == '-' {
		i, neg = 1, true
	}
	var m uint64
	digits, point := 0, -1
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && point < 0 {
			point = digits
			continue
		}
		if c < '0' || c > '9' || digits == 19 {
			return 0, false
		}
		m = m*10 + uint64(c-'0')
		digits++
	}
	if digits == 0 || m > mantissaMax {
		return 0, false
	}
	f := float64(m)
	if point >= 0 && point < digits {
		if digits-point > expMax {
			return 0, false
		}
		if bitSize == 32 {
			f = float64(float32(f) / float32(float64Pow10[digits-point]))
		} else {
			f /= float64Pow10[digits-point]
		}
	}
	if neg {
		f = -f
	}
	return f, true
}

// truncFloat cuts a number with fraction or exponent to an integer within lo..hi.
func truncFloat(s []byte, lo, hi int64) (int64, bool) {
	f, ok := parseFloat(s, 64)
	if !ok || !(f > -9.3e18 && f < 9.3e18) {
		return 0, false
	}
	f = math.Trunc(f)
	if f < float64(lo) || f > float64(hi) || f >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// parseBool reads true or false in any case.
func parseBool(s []byte) (value, ok bool) {
	switch {
	case len(s) == 4 && s[0]|0x20 == 't' && s[1]|0x20 == 'r' && s[2]|0x20 == 'u' && s[3]|0x20 == 'e':
		return true, true
	case len(s) == 5 && s[0]|0x20 == 'f' && s[1]|0x20 == 'a' && s[2]|0x20 == 'l' && s[3]|0x20 == 's' && s[4]|0x20 == 'e':
		return false, true
	}
	return false, false
}

// appendFloat prints a float as Java does: plain from 1e-3 to below 1e7, otherwise with an
// exponent, always with a fraction.
func appendFloat(dst []byte, f float64, bitSize int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	start := len(dst)
	if a := math.Abs(f); a == 0 || a >= 1e-3 && a < 1e7 {
		dst = strconv.AppendFloat(dst, f, 'f', -1, bitSize)
		if bytes.IndexByte(dst[start:], '.') < 0 {
			dst = append(dst, '.', '0')
		}
		return dst
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, bitSize)
	e := start + bytes.IndexByte(dst[start:], 'e')
	var exp [8]byte
	n := copy(exp[:], dst[e+1:])
	if bytes.IndexByte(dst[start:e], '.') < 0 {
		dst = append(dst[:e], '.', '0', 'E')
	} else {
		dst = append(dst[:e], 'E')
	}
	x := exp[:n]
	if x[0] == '-' {
		dst = append(dst, '-')
	}
	x = x[1:]
	for len(x) > 1 && x[0] == '0' {
		x = x[1:]
	}
	return append(dst, x...)
}
