package expr

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"unsafe"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Int128 is a signed 128-bit integer in two's complement: the unscaled value of a DECIMAL.
type Int128 struct {
	Hi int64
	Lo uint64
}

// Int128Of widens an int64.
func Int128Of(i int64) Int128 { return Int128{Hi: i >> 63, Lo: uint64(i)} }

// DecimalValue is the unscaled value of a DECIMAL, or of an integer, in a datum.
func DecimalValue(d vec.Datum, t types.Type) Int128 {
	if t.Phys() == types.Wide {
		return Int128{Hi: d.Hi, Lo: uint64(d.I)}
	}
	return Int128Of(d.I)
}

// DecimalDatum is the datum of an unscaled value in a DECIMAL of type t; NULL when the
// value has more digits than t.
func DecimalDatum(x Int128, t types.Type) vec.Datum {
	if !x.Fits(t.Prec) {
		return vec.NullDatum
	}
	if t.Phys() == types.Wide {
		return vec.Datum{I: int64(x.Lo), Hi: x.Hi}
	}
	return vec.Datum{I: int64(x.Lo)}
}

// Sign is -1, 0 or 1.
func (x Int128) Sign() int {
	switch {
	case x.Hi < 0:
		return -1
	case x.Hi == 0 && x.Lo == 0:
		return 0
	}
	return 1
}

// Int64 is the low half; ok tells that it is the whole value.
func (x Int128) Int64() (i int64, ok bool) { return int64(x.Lo), x.Hi == int64(x.Lo)>>63 }

// Add wraps at 128 bits, which sums of two DECIMALs do not reach.
func (x Int128) Add(y Int128) Int128 {
	lo, carry := bits.Add64(x.Lo, y.Lo, 0)
	return Int128{Hi: x.Hi + y.Hi + int64(carry), Lo: lo}
}

// Neg is -x.
func (x Int128) Neg() Int128 {
	lo, borrow := bits.Sub64(0, x.Lo, 0)
	return Int128{Hi: -x.Hi - int64(borrow), Lo: lo}
}

// Sub is x - y.
func (x Int128) Sub(y Int128) Int128 {
	lo, borrow := bits.Sub64(x.Lo, y.Lo, 0)
	return Int128{Hi: x.Hi - y.Hi - int64(borrow), Lo: lo}
}

// Cmp is -1, 0 or 1.
func (x Int128) Cmp(y Int128) int {
	switch {
	case x.Hi < y.Hi:
		return -1
	case x.Hi > y.Hi:
		return 1
	case x.Lo < y.Lo:
		return -1
	case x.Lo > y.Lo:
		return 1
	}
	return 0
}

// abs is the magnitude, and whether x is negative.
func (x Int128) abs() (m Int128, neg bool) {
	if x.Hi < 0 {
		return x.Neg(), true
	}
	return x, false
}

func (x Int128) signed(neg bool) Int128 {
	if neg {
		return x.Neg()
	}
	return x
}

// Mul is x * y; ok is false when the product exceeds 127 bits.
func (x Int128) Mul(y Int128) (z Int128, ok bool) {
	a, na := x.abs()
	b, nb := y.abs()
	if a.Hi != 0 && b.Hi != 0 {
		return z, false
	}
	hi, lo := bits.Mul64(a.Lo, b.Lo)
	c1, m1 := bits.Mul64(uint64(a.Hi), b.Lo)
	c2, m2 := bits.Mul64(a.Lo, uint64(b.Hi))
	hi, over1 := bits.Add64(hi, m1, 0)
	hi, over2 := bits.Add64(hi, m2, 0)
	if c1|c2|over1|over2 != 0 || int64(hi) < 0 {
		return z, false
	}
	return Int128{Hi: int64(hi), Lo: lo}.signed(na != nb), true
}

// QuoRem divides magnitudes as Go and Java do: the quotient truncates towards zero, the
// remainder has the sign of x. y is not zero.
func (x Int128) QuoRem(y Int128) (q, r Int128) {
	a, na := x.abs()
	b, nb := y.abs()
	q, r = quoRemMagnitude(a, b)
	return q.signed(na != nb), r.signed(na)
}

func quoRemMagnitude(a, b Int128) (q, r Int128) {
	if b.Hi == 0 {
		hi, rem := bits.Div64(0, uint64(a.Hi), b.Lo)
		lo, rem := bits.Div64(rem, a.Lo, b.Lo)
		return Int128{Hi: int64(hi), Lo: lo}, Int128{Lo: rem}
	}
	// The divisor has more than 64 bits, so that the quotient has at most 64: estimate it
	// from the leading bits and correct by one (Hacker's Delight, 9-5).
	n := uint(bits.LeadingZeros64(uint64(b.Hi)))
	top := uint64(b.Hi)<<n | b.Lo>>(64-n)
	est, _ := bits.Div64(uint64(a.Hi)>>1, uint64(a.Hi)<<63|a.Lo>>1, top)
	est >>= 63 - n
	if est != 0 {
		est--
	}
	q = Int128{Lo: est}
	p, _ := q.Mul(b)
	r = a.Sub(p)
	for r.Cmp(b) >= 0 {
		r = r.Sub(b)
		q = q.Add(Int128{Lo: 1})
	}
	return q, r
}

// pow10 are the powers of ten that fit in 127 bits.
var pow10 = func() (p [39]Int128) {
	p[0] = Int128{Lo: 1}
	for i := 1; i < len(p); i++ {
		p[i], _ = p[i-1].Mul(Int128{Lo: 10})
	}
	return p
}()

// pow10i are the powers of ten that fit in an int64.
var pow10i = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// Fits tells whether the magnitude is below 10^digits.
func (x Int128) Fits(digits int) bool {
	m, _ := x.abs()
	return m.Hi >= 0 && m.Cmp(pow10[digits]) < 0
}

// Rescale moves a value from one scale to another, rounding half up (away from zero); ok
// is false when it exceeds 127 bits.
func (x Int128) Rescale(from, to int) (Int128, bool) {
	switch {
	case to == from:
		return x, true
	case to > from:
		if to-from > 38 {
			return x, x.Sign() == 0
		}
		return x.Mul(pow10[to-from])
	case from-to > 38:
		return Int128{}, true
	}
	return x.divRound(pow10[from-to]), true
}

// divRound is x / y rounded half away from zero; y > 0.
func (x Int128) divRound(y Int128) Int128 {
	m, neg := x.abs()
	q, r := quoRemMagnitude(m, y)
	if r.Cmp(y.Sub(r)) >= 0 {
		q = q.Add(Int128{Lo: 1})
	}
	return q.signed(neg)
}

func (x Int128) big() *big.Int {
	m, neg := x.abs()
	z := new(big.Int).SetUint64(uint64(m.Hi))
	z.Lsh(z, 64).Or(z, new(big.Int).SetUint64(m.Lo))
	if neg {
		z.Neg(z)
	}
	return z
}

// int128Of narrows a big integer; ok is false beyond 127 bits.
func int128Of(z *big.Int) (Int128, bool) {
	if z.BitLen() > 127 {
		return Int128{}, false
	}
	m := new(big.Int).Abs(z)
	lo := new(big.Int).And(m, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	hi := new(big.Int).Rsh(m, 64).Uint64()
	return Int128{Hi: int64(hi), Lo: lo}.signed(z.Sign() < 0), true
}

// mulScaled is x*y at scale sum `from`, rounded to scale `to`.
func mulScaled(x, y Int128, from, to int) (Int128, bool) {
	if p, ok := x.Mul(y); ok {
		return p.Rescale(from, to)
	}
	return bigRound(new(big.Int).Mul(x.big(), y.big()), from, to)
}

// quoScaled is (x / 10^xs) / (y / 10^ys) at scale `to`, rounded half up; y is not zero.
func quoScaled(x, y Int128, xs, ys, to int) (Int128, bool) {
	shift := to - xs + ys
	if shift >= 0 && shift <= 38 {
		if n, ok := x.Mul(pow10[shift]); ok {
			m, neg := y.abs()
			return n.signed(neg).divRound(m), true
		}
	}
	n, d := x.big(), y.big()
	ten := big.NewInt(10)
	if shift >= 0 {
		n.Mul(n, new(big.Int).Exp(ten, big.NewInt(int64(shift)), nil))
	} else {
		d.Mul(d, new(big.Int).Exp(ten, big.NewInt(int64(-shift)), nil))
	}
	return int128Of(bigDivRound(n, d))
}

func bigRound(z *big.Int, from, to int) (Int128, bool) {
	d := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(from-to, to-from))), nil)
	if to >= from {
		return int128Of(z.Mul(z, d))
	}
	return int128Of(bigDivRound(z, d))
}

func bigDivRound(n, d *big.Int) *big.Int {
	neg := n.Sign()*d.Sign() < 0
	n, d = new(big.Int).Abs(n), new(big.Int).Abs(d)
	q, r := new(big.Int).QuoRem(n, d, new(big.Int))
	if r.Lsh(r, 1).Cmp(d) >= 0 {
		q.Add(q, big.NewInt(1))
	}
	if neg {
		q.Neg(q)
	}
	return q
}

// Float is the value at a scale as the nearest float64.
func (x Int128) Float(scale int) float64 {
	if i, ok := x.Int64(); ok && scale <= 22 && i < 1<<53 && i > -1<<53 {
		return float64(i) / math.Pow10(scale)
	}
	var buf [48]byte
	text := x.Append(buf[:0], scale)
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64)
	if err != nil {
		return math.NaN()
	}
	return f
}

// Append appends the value at a scale in decimal digits, without exponent.
func (x Int128) Append(dst []byte, scale int) []byte {
	m, neg := x.abs()
	var buf [48]byte
	i := len(buf)
	for n := 0; m.Sign() != 0 || n <= scale; n++ {
		if n == scale && scale > 0 {
			i--
			buf[i] = '.'
		}
		var digit uint64
		if m.Hi == 0 {
			m.Lo, digit = m.Lo/10, m.Lo%10
		} else {
			var r Int128
			m, r = quoRemMagnitude(m, Int128{Lo: 10})
			digit = r.Lo
		}
		i--
		buf[i] = byte('0' + digit)
	}
	if neg {
		i--
		buf[i] = '-'
	}
	return append(dst, buf[i:]...)
}

// int128OfFloat is a float at a scale, rounded half up from its shortest decimal form;
// ok is false when it is not finite or too large.
func int128OfFloat(f float64, bits, scale int) (Int128, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Int128{}, false
	}
	var buf [400]byte
	return ParseInt128(strconv.AppendFloat(buf[:0], f, 'e', -1, bits), scale)
}

// ParseInt128 parses a decimal number, with an optional exponent, to a scale, rounding
// half up; ok is false when it is no number or exceeds 38 digits.
func ParseInt128(s []byte, scale int) (Int128, bool) {
	neg := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		s = s[1:]
	}
	var x Int128
	digits, frac, dropped, round := 0, 0, 0, false
	point, any := false, false
	i := 0
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		any = true
		if point {
			frac++
		}
		switch {
		case digits == 38:
			if dropped == 0 {
				round = c >= '5'
			}
			dropped++
		default:
			x, _ = x.Mul(Int128{Lo: 10})
			x = x.Add(Int128{Lo: uint64(c - '0')})
			if x.Sign() != 0 {
				digits++
			}
		}
	}
	exp := 0
	if any && i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		e, err := strconv.Atoi(string(s[i+1:]))
		if err != nil || e > 1000 || e < -1000 {
			return x, false
		}
		exp = e
		i = len(s)
	}
	if !any || i != len(s) {
		return x, false
	}
	from := frac - dropped - exp
	if round && from <= scale {
		x = x.Add(Int128{Lo: 1})
	}
	x, ok := x.Rescale(from, scale)
	return x.signed(neg), ok
}
