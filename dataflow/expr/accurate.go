package expr

import "math"

// The elementary functions here are computed in twice the precision of a float64 and
// rounded once, so that results are the nearest float64 in all but very rare cases, on
// every platform. Go's own differ between platforms in the last digit.

// dd is an unevaluated sum hi + lo with |lo| <= ulp(hi)/2 (Dekker, "A floating-point
// technique for extending the available precision", 1971).
type dd struct{ hi, lo float64 }

func quickSum(a, b float64) dd {
	s := a + b
	return dd{s, b - (s - a)}
}

func twoSum(a, b float64) dd {
	s := a + b
	t := s - a
	return dd{s, (a - (s - t)) + (b - t)}
}

func twoProd(a, b float64) dd {
	p := a * b
	return dd{p, math.FMA(a, b, -p)}
}

func (a dd) add(b dd) dd {
	s := twoSum(a.hi, b.hi)
	t := twoSum(a.lo, b.lo)
	s = quickSum(s.hi, s.lo+t.hi)
	return quickSum(s.hi, s.lo+t.lo)
}

func (a dd) neg() dd { return dd{-a.hi, -a.lo} }

func (a dd) mul(b dd) dd {
	p := twoProd(a.hi, b.hi)
	return quickSum(p.hi, p.lo+(a.hi*b.lo+a.lo*b.hi))
}

func (a dd) div(b dd) dd {
	q := a.hi / b.hi
	r := a.add(b.mul(dd{q, 0}).neg())
	q2 := r.hi / b.hi
	r = r.add(b.mul(dd{q2, 0}).neg())
	q3 := r.hi / b.hi
	return quickSum(q, q2).add(dd{q3, 0})
}

func (a dd) scale(k int) dd { return dd{math.Ldexp(a.hi, k), math.Ldexp(a.lo, k)} }

func (a dd) float() float64 { return a.hi + a.lo }

// Constants to 106 bits, and to 159 for the reduction by half pi.
var (
	ddLn2  = dd{0.6931471805599453, 2.3190468138462996e-17}
	halfPi = [3]float64{1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33}
	// inverses of the factorials from 3! on.
	inverseFactorial = func() (f [18]dd) {
		x := dd{1, 0}
		for i := range f {
			x = x.div(dd{float64(i + 1), 0})
			f[i] = x
		}
		return f
	}()
)

// expDD is e^x for |x| up to 745.
func expDD(x dd) dd {
	k := math.Round(x.hi / math.Ln2)
	r := x.add(ddLn2.mul(dd{k, 0}).neg()).scale(-9)
	// e^r - 1 by Taylor's series, |r| < 0.0007, then squared nine times.
	sum := dd{}
	for i := 7; i >= 0; i-- {
		sum = sum.add(inverseFactorial[i]).mul(r)
	}
	for range 9 {
		sum = sum.scale(1).add(sum.mul(sum))
	}
	return sum.add(dd{1, 0}).scale(int(k))
}

// logDD is the natural logarithm of a positive normal number: one Newton step from the
// float64 one.
func logDD(x float64) dd {
	frac, exp := math.Frexp(x)
	if frac < math.Sqrt2/2 {
		frac *= 2
		exp--
	}
	y := dd{math.Log(frac), 0}
	// y + frac*e^-y - 1, twice, for the first step leaves an error of y's squared.
	for range 2 {
		y = y.add(expDD(y.neg()).mul(dd{frac, 0}).add(dd{-1, 0}))
	}
	return ddLn2.mul(dd{float64(exp), 0}).add(y)
}

// plain tells a finite number other than zero that is not subnormal.
func plain(x float64) bool {
	a := math.Abs(x)
	return a >= 0x1p-1000 && a <= math.MaxFloat64
}

func accExp(x float64) float64 {
	if !plain(x) || math.Abs(x) > 700 {
		return math.Exp(x)
	}
	return expDD(dd{x, 0}).float()
}

func accLog(x float64) float64 {
	if !plain(x) || x < 0 {
		return math.Log(x)
	}
	return logDD(x).float()
}

func accLog10(x float64) float64 {
	if !plain(x) || x < 0 {
		return math.Log10(x)
	}
	return logDD(x).div(logDD(10)).float()
}

func accPow(x, y float64) float64 {
	if !plain(x) || !plain(y) || x < 0 && y != math.Trunc(y) {
		return math.Pow(x, y)
	}
	l := logDD(math.Abs(x)).mul(dd{y, 0})
	if math.Abs(l.hi) > 700 {
		return math.Pow(x, y)
	}
	r := expDD(l).float()
	if x < 0 && math.Mod(y, 2) != 0 {
		return -r
	}
	return r
}

// trigLimit bounds the arguments whose reduction below is exact enough.
const trigLimit = 1e11

// sinCosDD gives the sine and the cosine, each to 100 bits or so.
func sinCosDD(x float64) (sin, cos dd) {
	k := math.Round(x / halfPi[0])
	r := dd{x, 0}
	for _, c := range halfPi {
		r = r.add(twoProd(k, c).neg())
	}
	q := r.mul(r)
	// Taylor's series; |r| < 0.79.
	s, c := dd{}, dd{}
	for i := 8; i >= 1; i-- {
		fs, fc := inverseFactorial[2*i], inverseFactorial[2*i-1]
		if i%2 == 1 {
			fs, fc = fs.neg(), fc.neg()
		}
		s, c = s.add(fs).mul(q), c.add(fc).mul(q)
	}
	s, c = r.add(s.mul(r)), c.add(dd{1, 0})
	switch int64(k) & 3 {
	case 0:
		return s, c
	case 1:
		return c, s.neg()
	case 2:
		return s.neg(), c.neg()
	}
	return c.neg(), s
}

func trigPlain(x float64) bool { return plain(x) && math.Abs(x) < trigLimit }

func accSin(x float64) float64 {
	if !trigPlain(x) {
		return math.Sin(x)
	}
	s, _ := sinCosDD(x)
	return s.float()
}

func accCos(x float64) float64 {
	if !trigPlain(x) {
		return math.Cos(x)
	}
	_, c := sinCosDD(x)
	return c.float()
}

func accTan(x float64) float64 {
	if !trigPlain(x) {
		return math.Tan(x)
	}
	s, c := sinCosDD(x)
	return s.div(c).float()
}
