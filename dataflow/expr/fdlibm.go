package expr

import "math"

// The hyperbolic functions and the inverse trigonometric ones follow fdlibm (Sun
// Microsystems, "Freely Distributable LIBM", 1993), whose results Java guarantees for
// them, so that the last digit is the one that Flink prints.

// fdExp is e^x: x = k ln 2 + r, |r| <= ln(2)/2, and a rational approximation of e^r.
func fdExp(x float64) float64 {
	const (
		ln2Hi = 6.93147180369123816490e-01
		ln2Lo = 1.90821492927058770002e-10
		p1    = 1.66666666666666019037e-01
		p2    = -2.77777777770155933842e-03
		p3    = 6.61375632143793436117e-05
		p4    = -1.65339022054652515390e-06
		p5    = 4.13813679705723846039e-08
	)
	a := math.Abs(x)
	switch {
	case math.IsNaN(x) || math.IsInf(x, 1):
		return x
	case math.IsInf(x, -1) || x < -7.45133219101941108420e+02:
		return 0
	case x > 7.09782712893383973096e+02:
		return math.Inf(1)
	case a < 0x1p-28:
		return 1 + x
	}
	k := 0
	hi, lo, r := x, 0.0, x
	if a > 0.5*math.Ln2 {
		k = int(math.Copysign(1, x))
		if a >= 1.5*math.Ln2 {
			k = int(math.Log2E*x + math.Copysign(0.5, x))
		}
		hi = x - float64(float64(k)*ln2Hi)
		lo = float64(k) * ln2Lo
		r = hi - lo
	}
	t := r * r
	c := r - float64(t*(p1+float64(t*(p2+float64(t*(p3+float64(t*(p4+float64(t*p5)))))))))
	if k == 0 {
		return 1 - (float64(float64(r*c)/(c-2)) - r)
	}
	return math.Ldexp(1-((lo-float64(float64(r*c)/(2-c)))-hi), k)
}

// fdExpm1 is e^x - 1 for |x| below 44, the range of its callers.
func fdExpm1(x float64) float64 {
	const (
		ln2Hi = 6.93147180369123816490e-01
		ln2Lo = 1.90821492927058770002e-10
		q1    = -3.33333333333331316428e-02
		q2    = 1.58730158725481460165e-03
		q3    = -7.93650757867487942473e-05
		q4    = 4.00821782732936239552e-06
		q5    = -2.01099218183624371326e-07
	)
	a := math.Abs(x)
	k := 0
	c := 0.0
	switch {
	case a > 0.5*math.Ln2:
		k = int(math.Copysign(1, x))
		if a >= 1.5*math.Ln2 {
			k = int(math.Log2E*x + math.Copysign(0.5, x))
		}
		hi := x - float64(float64(k)*ln2Hi)
		lo := float64(k) * ln2Lo
		x = hi - lo
		c = (hi - x) - lo
	case a < 0x1p-54:
		return x
	}
	hfx := 0.5 * x
	hxs := x * hfx
	r1 := 1 + float64(hxs*(q1+float64(hxs*(q2+float64(hxs*(q3+float64(hxs*(q4+float64(hxs*q5)))))))))
	t := 3 - float64(r1*hfx)
	e := hxs * ((r1 - t) / (6 - float64(x*t)))
	if k == 0 {
		return x - (float64(x*e) - hxs)
	}
	e = float64(x*(e-c)) - c
	e -= hxs
	switch {
	case k == -1:
		return 0.5*(x-e) - 0.5
	case k == 1 && x < -0.25:
		return -2 * (e - (x + 0.5))
	case k == 1:
		return 1 + 2*(x-e)
	case k <= -2 || k > 56:
		return math.Ldexp(1-(e-x), k) - 1
	case k < 20:
		return math.Ldexp((1-math.Ldexp(1, -k))-(e-x), k)
	}
	return math.Ldexp((x-(e+math.Ldexp(1, -k)))+1, k)
}

func fdSinh(x float64) float64 {
	a, h := math.Abs(x), math.Copysign(0.5, x)
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0) || a < 0x1p-28:
		return x
	case a < 22:
		t := fdExpm1(a)
		if a < 1 {
			return h * (2*t - float64(t*t)/(t+1))
		}
		return h * (t + t/(t+1))
	case a < 709.78:
		return h * fdExp(a)
	case a <= 7.10475860073943863426e+02:
		w := fdExp(0.5 * a)
		return float64(h*w) * w
	}
	return math.Copysign(math.Inf(1), x)
}

func fdCosh(x float64) float64 {
	a := math.Abs(x)
	switch {
	case math.IsNaN(x):
		return x
	case a < 0.5*math.Ln2:
		t := fdExpm1(a)
		w := 1 + t
		if a < 0x1p-55 {
			return w
		}
		return 1 + float64(t*t)/(w+w)
	case a < 22:
		t := fdExp(a)
		return float64(0.5*t) + 0.5/t
	case a < 709.78:
		return 0.5 * fdExp(a)
	case a <= 7.10475860073943863426e+02:
		w := fdExp(0.5 * a)
		return float64(0.5*w) * w
	}
	return math.Inf(1)
}

func fdTanh(x float64) float64 {
	a := math.Abs(x)
	switch {
	case math.IsNaN(x):
		return x
	case a < 0x1p-55:
		return x * (1 + x)
	case a < 1:
		t := fdExpm1(-2 * a)
		return math.Copysign(-t/(t+2), x)
	case a < 22:
		t := fdExpm1(2 * a)
		return math.Copysign(1-2/(t+2), x)
	}
	return math.Copysign(1, x)
}

var (
	atanHi = [4]float64{4.63647609000806093515e-01, 7.85398163397448278999e-01, 9.82793723247329054082e-01, 1.57079632679489655800e+00}
	atanLo = [4]float64{2.26987774529616870924e-17, 3.06161699786838301793e-17, 1.39033110312309984516e-17, 6.12323399573676603587e-17}
	atanC  = [11]float64{
		3.33333333333329318027e-01, -1.99999999998764832476e-01, 1.42857142725034663711e-01, -1.11111104054623557880e-01,
		9.09088713343650656196e-02, -7.69187620504482999495e-02, 6.66107313738753120669e-02, -5.83357013379057348645e-02,
		4.97687799461593236017e-02, -3.65315727442169155270e-02, 1.62858201153657823623e-02,
	}
)

func fdAtan(x float64) float64 {
	a := math.Abs(x)
	if math.IsNaN(x) || a < 0x1p-29 {
		return x
	}
	if a >= 0x1p66 {
		return math.Copysign(atanHi[3]+atanLo[3], x)
	}
	id := -1
	switch {
	case a < 0.4375:
		a = x
	case a < 0.6875:
		id, a = 0, (2*a-1)/(2+a)
	case a < 1.1875:
		id, a = 1, (a-1)/(a+1)
	case a < 2.4375:
		id, a = 2, (a-1.5)/(1+float64(1.5*a))
	default:
		id, a = 3, -1/a
	}
	z := a * a
	w := z * z
	c := &atanC
	s1 := z * (c[0] + float64(w*(c[2]+float64(w*(c[4]+float64(w*(c[6]+float64(w*(c[8]+float64(w*c[10]))))))))))
	s2 := w * (c[1] + float64(w*(c[3]+float64(w*(c[5]+float64(w*(c[7]+float64(w*c[9]))))))))
	if id < 0 {
		return a - float64(a*(s1+s2))
	}
	return math.Copysign(atanHi[id]-((float64(a*(s1+s2))-atanLo[id])-a), x)
}

func fdAtan2(y, x float64) float64 {
	const pi, piLo = 3.1415926535897931160, 1.2246467991473531772e-16
	switch {
	case math.IsNaN(x) || math.IsNaN(y) || x == 0 || y == 0 || math.IsInf(x, 0) || math.IsInf(y, 0):
		return math.Atan2(y, x)
	case x == 1:
		return fdAtan(y)
	}
	_, ey := math.Frexp(y)
	_, ex := math.Frexp(x)
	var z float64
	switch k := ey - ex; {
	case k > 60:
		z = pi/2 + 0.5*piLo
	case x < 0 && k < -60:
		z = 0
	default:
		z = fdAtan(math.Abs(y / x))
	}
	switch {
	case x > 0:
		return math.Copysign(z, y)
	case y > 0:
		return pi - (z - piLo)
	}
	return (z - piLo) - pi
}

// asinRatio is the approximation of (asin x - x) / x^3 times t = x^2 of asin and acos.
func asinRatio(t float64) float64 {
	const (
		pS0 = 1.66666666666666657415e-01
		pS1 = -3.25565818622400915405e-01
		pS2 = 2.01212532134862925881e-01
		pS3 = -4.00555345006794114027e-02
		pS4 = 7.91534994289814532176e-04
		pS5 = 3.47933107596021167570e-05
		qS1 = -2.40339491173441421878e+00
		qS2 = 2.02094576023350569471e+00
		qS3 = -6.88283971605453293030e-01
		qS4 = 7.70381505559019352791e-02
	)
	p := t * (pS0 + float64(t*(pS1+float64(t*(pS2+float64(t*(pS3+float64(t*(pS4+float64(t*pS5))))))))))
	q := 1 + float64(t*(qS1+float64(t*(qS2+float64(t*(qS3+float64(t*qS4)))))))
	return p / q
}

// upper clears the lower 32 bits.
func upper(x float64) float64 { return math.Float64frombits(math.Float64bits(x) &^ 0xFFFFFFFF) }

const (
	halfPiHi = 1.57079632679489655800e+00
	halfPiLo = 6.12323399573676603587e-17
)

func fdAsin(x float64) float64 {
	a := math.Abs(x)
	switch {
	case a == 1:
		return float64(x*halfPiHi) + float64(x*halfPiLo)
	case !(a < 1):
		return math.NaN()
	case a < 0x1p-27:
		return x
	case a < 0.5:
		return x + float64(x*asinRatio(x*x))
	}
	t := (1 - a) * 0.5
	r := asinRatio(t)
	s := math.Sqrt(t)
	if a >= 0.975 {
		return math.Copysign(halfPiHi-(2*(s+float64(s*r))-halfPiLo), x)
	}
	w := upper(s)
	c := (t - float64(w*w)) / (s + w)
	p := float64(2*s*r) - (halfPiLo - 2*c)
	q := math.Pi/4 - 2*w
	return math.Copysign(math.Pi/4-(p-q), x)
}

func fdAcos(x float64) float64 {
	a := math.Abs(x)
	switch {
	case x == 1:
		return 0
	case x == -1:
		return math.Pi
	case !(a < 1):
		return math.NaN()
	case a <= 0x1p-57:
		return halfPiHi + halfPiLo
	case a < 0.5:
		return halfPiHi - (x - (halfPiLo - float64(x*asinRatio(x*x))))
	case x < 0:
		z := (1 + x) * 0.5
		s := math.Sqrt(z)
		w := float64(asinRatio(z)*s) - halfPiLo
		return math.Pi - 2*(s+w)
	}
	z := (1 - x) * 0.5
	s := math.Sqrt(z)
	d := upper(s)
	c := (z - float64(d*d)) / (s + d)
	return 2 * (d + (float64(asinRatio(z)*s) + c))
}
