package format

import (
	"math/bits"
	"strconv"
)

// u128 is an unsigned 128-bit integer.
type u128 struct{ hi, lo uint64 }

func (a u128) less(b u128) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// mulAdd is a*m + n; callers keep it below 2^128.
func (a u128) mulAdd(m, n uint64) u128 {
	hi, lo := bits.Mul64(a.lo, m)
	lo, carry := bits.Add64(lo, n, 0)
	return u128{hi + a.hi*m + carry, lo}
}

// pow10 are the powers of ten up to 10^38.
var pow10 = func() (p [39]u128) {
	p[0].lo = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1].mulAdd(10, 0)
	}
	return p
}()

// decimalStatus is the outcome of reading a DECIMAL.
type decimalStatus uint8

const (
	decimalOK decimalStatus = iota
	decimalOverflow
	decimalSyntax
)

// decimalDigitsMax bounds the written digits of a number that is read as DECIMAL.
const decimalDigitsMax = 4096

// parseDecimal reads a number exactly, rounds it half up to the scale, and gives the
// unscaled value as 128-bit two's complement.
func parseDecimal(s []byte, prec, scale int) (hi, lo int64, st decimalStatus) {
	neg, i := false, 0
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg, i = s[0] == '-', 1
	}
	start, point, exp, digits := i, -1, 0, 0
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && point < 0 {
			point = i
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		digits++
	}
	mantissa := s[start:i]
	if digits == 0 || digits > decimalDigitsMax {
		return 0, 0, decimalSyntax
	}
	if i < len(s) {
		if s[i]|0x20 != 'e' {
			return 0, 0, decimalSyntax
		}
		e, err := strconv.Atoi(string(s[i+1:]))
		if err != nil {
			return 0, 0, decimalSyntax
		}
		exp = max(min(e, 1<<20), -(1 << 20))
	}
	intDigits := digits
	if point >= 0 {
		intDigits = point - start
	}
	u, ok := roundDigits(mantissa, intDigits+exp+scale)
	if !ok || !u.less(pow10[prec]) {
		return 0, 0, decimalOverflow
	}
	if neg {
		l, borrow := bits.Sub64(0, u.lo, 0)
		h, _ := bits.Sub64(0, u.hi, borrow)
		u = u128{h, l}
	}
	return int64(u.hi), int64(u.lo), decimalOK
}

// roundDigits takes the first keep digits of a mantissa (its point is passed over), fills
// up with zeros, and rounds half up; ok is false beyond 38 digits.
func roundDigits(mantissa []byte, keep int) (u u128, ok bool) {
	taken := 0
	for _, c := range mantissa {
		if c == '.' {
			continue
		}
		if taken >= keep {
			if taken == keep && c >= '5' {
				u = u.mulAdd(1, 1)
			}
			return u, true
		}
		taken++
		if u.hi|u.lo == 0 && c == '0' {
			continue
		}
		if !u.less(pow10[38]) {
			return u, false
		}
		u = u.mulAdd(10, uint64(c-'0'))
	}
	if u.hi|u.lo == 0 {
		return u, true
	}
	for ; taken < keep; taken++ {
		if !u.less(pow10[38]) {
			return u, false
		}
		u = u.mulAdd(10, 0)
	}
	return u, true
}

// appendDecimal prints an unscaled value. plain forbids the scientific notation that very
// small numbers take otherwise (Java's rule: an adjusted exponent below -6).
func appendDecimal(dst []byte, hi, lo int64, scale int, plain bool) []byte {
	u := u128{uint64(hi), uint64(lo)}
	if hi < 0 {
		dst = append(dst, '-')
		l, borrow := bits.Sub64(0, u.lo, 0)
		h, _ := bits.Sub64(0, u.hi, borrow)
		u = u128{h, l}
	}
	var buf [40]byte
	d := u.digits(buf[:])
	switch {
	case scale == 0:
		return append(dst, d...)
	case !plain && len(d)-1-scale < -6:
		dst = append(dst, d[0])
		if len(d) > 1 {
			dst = append(append(dst, '.'), d[1:]...)
		}
		dst = append(dst, 'E')
		return strconv.AppendInt(dst, int64(len(d)-1-scale), 10)
	case len(d) <= scale:
		dst = append(dst, '0', '.')
		for range scale - len(d) {
			dst = append(dst, '0')
		}
		return append(dst, d...)
	default:
		dst = append(dst, d[:len(d)-scale]...)
		dst = append(dst, '.')
		return append(dst, d[len(d)-scale:]...)
	}
}

// digits writes the decimal digits into the end of buf, without leading zeros.
func (a u128) digits(buf []byte) []byte {
	i := len(buf)
	for a.hi != 0 {
		var r uint64
		q := a.hi / 10
		a.lo, r = bits.Div64(a.hi%10, a.lo, 10)
		a.hi = q
		i--
		buf[i] = byte('0' + r)
	}
	for {
		i--
		buf[i] = byte('0' + a.lo%10)
		if a.lo /= 10; a.lo == 0 {
			return buf[i:]
		}
	}
}
