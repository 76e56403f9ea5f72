package expr

import (
	"math"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// FormatDatum appends what CAST(value AS STRING) gives, or NULL.
func FormatDatum(dst []byte, d vec.Datum, t types.Type, env *Env) []byte {
	if d.Null {
		return append(dst, "NULL"...)
	}
	switch t.Kind {
	case types.Boolean:
		if d.I != 0 {
			return append(dst, "TRUE"...)
		}
		return append(dst, "FALSE"...)
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		return strconv.AppendInt(dst, d.I, 10)
	case types.Float:
		return AppendFloat(dst, d.F, 32)
	case types.Double:
		return AppendFloat(dst, d.F, 64)
	case types.Decimal:
		return DecimalValue(d, t).Append(dst, t.Scale)
	case types.Date:
		return appendDate(dst, d.I)
	case types.Time:
		return appendTime(dst, d.I, t.Prec)
	case types.Timestamp:
		micros, nanos := tsParts(d, t)
		return appendTimestamp(dst, micros, nanos, t.Prec)
	case types.TimestampLTZ:
		micros, nanos := tsParts(d, t)
		return appendTimestamp(dst, toLocal(micros, zoneOf(env)), nanos, t.Prec)
	case types.IntervalYM:
		return appendMonths(dst, d.I)
	case types.IntervalDS:
		return appendMillis(dst, d.I)
	case types.Array, types.Map, types.Multiset, types.Row, types.Structured:
		return appendNested(dst, d.B, t, env)
	case types.Null:
		return append(dst, "NULL"...)
	case types.Raw:
		if isBitmap(t) {
			return appendBitmapText(dst, d.B)
		}
	}
	return append(dst, d.B...)
}

// AppendFloat prints a float as Java does: plain from 10^-3 up to 10^7, otherwise as
// 1.0E10, with the shortest digits that give it back. Whole numbers too large to be exact
// have the digits that Java 17 gives them. bits is 32 or 64.
func AppendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	at := len(dst)
	a := math.Abs(f)
	if a == 0 || a >= 1e-3 && a < 1e7 {
		dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
		for _, c := range dst[at:] {
			if c == '.' {
				return dst
			}
		}
		return append(dst, ".0"...)
	}
	var buf [32]byte
	exact := 0x1p53
	if bits == 32 {
		exact = 0x1p24
	}
	if a >= exact && a < 0x1p63 {
		return appendWhole(dst, f, bits)
	}
	s := strconv.AppendFloat(buf[:0], f, 'e', -1, bits)
	point := false
	for i, c := range s {
		if c == '.' {
			point = true
		}
		if c != 'e' {
			dst = append(dst, c)
			continue
		}
		if !point {
			dst = append(dst, ".0"...)
		}
		dst = append(dst, 'E')
		e := s[i+1:]
		if e[0] == '-' {
			dst = append(dst, '-')
		}
		e = e[1:]
		for len(e) > 1 && e[0] == '0' {
			e = e[1:]
		}
		return append(dst, e...)
	}
	return dst
}

// appendWhole prints a whole number beyond the exact ones, below 2^63: its decimal digits
// without as many at its end as the distance to the next number covers for certain.
func appendWhole(dst []byte, f float64, bits int) []byte {
	if f < 0 {
		dst = append(dst, '-')
		f = -f
	}
	_, e := math.Frexp(f)
	mantissa := 53
	if bits == 32 {
		mantissa = 24
	}
	n, exp := uint64(f), 0
	if spare := e - 1 - mantissa - 1; spare > 1 {
		exp = spare * 30103 / 100000 // the digits of 2^spare but for the first
		p := uint64(pow10i[exp])
		rest := n % p
		if n /= p; rest >= p/2 && exp > 0 {
			n++
		}
	}
	var buf [20]byte
	s := strconv.AppendUint(buf[:0], n, 10)
	exp += len(s) - 1
	for len(s) > 2 && s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	dst = append(append(dst, s[0], '.'), s[1:]...)
	return strconv.AppendInt(append(dst, 'E'), int64(exp), 10)
}

// appendPadded appends n with at least width digits.
func appendPadded(dst []byte, n int64, width int) []byte {
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	var buf [20]byte
	s := strconv.AppendInt(buf[:0], n, 10)
	for i := len(s); i < width; i++ {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}

func appendDate(dst []byte, days int64) []byte {
	y, m, d := civil(days)
	dst = append(appendPadded(dst, y, 4), '-')
	dst = append(appendPadded(dst, m, 2), '-')
	return appendPadded(dst, d, 2)
}

func appendClock(dst []byte, seconds int64) []byte {
	dst = append(appendPadded(dst, seconds/3600, 2), ':')
	dst = append(appendPadded(dst, seconds/60%60, 2), ':')
	return appendPadded(dst, seconds%60, 2)
}

// appendTime prints a time of day; of the fraction, trailing zeros after the first digit
// are left out.
func appendTime(dst []byte, ms int64, prec int) []byte {
	dst = appendClock(dst, ms/millisPerSecond)
	if prec <= 0 {
		return dst
	}
	dst = append(dst, '.')
	for ms %= millisPerSecond; prec > 0; prec-- {
		dst = append(dst, byte('0'+ms/100))
		ms = ms % 100 * 10
		if ms == 0 {
			break
		}
	}
	return dst
}

func appendTimestamp(dst []byte, micros, nanos int64, prec int) []byte {
	days := floorDiv(micros, microsPerDay)
	rest := micros - days*microsPerDay
	dst = append(appendDate(dst, days), ' ')
	dst = appendClock(dst, rest/microsPerSecond)
	if prec <= 0 {
		return dst
	}
	frac := rest%microsPerSecond*1000 + nanos
	dst = append(dst, '.')
	return appendPadded(dst, frac/pow10i[9-prec], prec)
}

func appendSign(dst []byte, n int64) ([]byte, int64) {
	if n < 0 {
		return append(dst, '-'), -n
	}
	return append(dst, '+'), n
}

// appendMonths prints an INTERVAL YEAR TO MONTH: +1-02.
func appendMonths(dst []byte, months int64) []byte {
	dst, n := appendSign(dst, months)
	dst = append(strconv.AppendInt(dst, n/12, 10), '-')
	return appendPadded(dst, n%12, 2)
}

// appendMillis prints an INTERVAL DAY TO SECOND: +1 02:03:04.005.
func appendMillis(dst []byte, ms int64) []byte {
	dst, n := appendSign(dst, ms)
	dst = append(strconv.AppendInt(dst, n/millisPerDay, 10), ' ')
	n %= millisPerDay
	dst = append(appendClock(dst, n/millisPerSecond), '.')
	return appendPadded(dst, n%millisPerSecond, 3)
}

func appendNested(dst, b []byte, t types.Type, env *Env) []byte {
	switch t.Kind {
	case types.Array:
		dst = append(dst, '[')
		for i := range vec.ArrayLen(b) {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = FormatDatum(dst, vec.ArrayAt(b, *t.Elem, i), *t.Elem, env)
		}
		return append(dst, ']')
	case types.Row, types.Structured:
		dst = append(dst, '(')
		for i, f := range t.Fields {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			if t.Kind == types.Structured {
				dst = append(append(dst, f.Name...), '=')
			}
			dst = FormatDatum(dst, vec.RowAt(b, t.Fields, i), f.Type, env)
		}
		return append(dst, ')')
	}
	key, val := mapTypes(t)
	ks, vs := vec.MapParts(b)
	dst = append(dst, '{')
	for i := range vec.ArrayLen(ks) {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(FormatDatum(dst, vec.ArrayAt(ks, key, i), key, env), '=')
		dst = FormatDatum(dst, vec.ArrayAt(vs, val, i), val, env)
	}
	return append(dst, '}')
}
