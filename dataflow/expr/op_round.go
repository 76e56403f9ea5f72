package expr

import (
	"fmt"
	"math"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	Register(
		&Func{Name: "ROUND", Signature: "ROUND(x [, digits])", Category: "arithmetic",
			Doc:     "x rounded half away from zero to so many digits after the point, before it when negative.",
			Resolve: func(args []Node) (Resolved, error) { return resolveRound("ROUND", args, false) }},
		&Func{Name: "TRUNCATE", Signature: "TRUNCATE(x [, digits])", Category: "arithmetic",
			Doc:     "x cut off to so many digits after the point, before it when negative.",
			Resolve: func(args []Node) (Resolved, error) { return resolveRound("TRUNCATE", args, true) }},
		&Func{Name: "FLOOR", Signature: "FLOOR(x), FLOOR(t TO unit)", Category: "arithmetic",
			Doc:     "The largest whole number that is at most x; a date, time or timestamp rounded down to a unit.",
			Resolve: func(args []Node) (Resolved, error) { return resolveFloor("FLOOR", args, false) }},
		&Func{Name: "CEIL", Signature: "CEIL(x), CEIL(t TO unit)", Category: "arithmetic",
			Doc:     "The smallest whole number that is at least x; a date, time or timestamp rounded up to a unit.",
			Resolve: func(args []Node) (Resolved, error) { return resolveFloor("CEIL", args, true) }},
	)
	Alias("CEILING", "CEIL")
}

func resolveFloor(name string, args []Node, up bool) (Resolved, error) {
	if err := argCount(name, args, 1, 2); err != nil {
		return Resolved{}, err
	}
	if len(args) == 2 {
		return resolveFloorTo(name, args, up)
	}
	t := typesOf(args, types.TInt)[0]
	switch {
	case t.IsInteger():
		return resolveSame(name, args, func(i int64) int64 { return i }, nil, nil)
	case t.IsApprox() && up:
		return resolveSame(name, args, nil, math.Ceil, nil)
	case t.IsApprox():
		return resolveSame(name, args, nil, math.Floor, nil)
	case t.Kind == types.Decimal:
		unit := pow10[t.Scale]
		k := decimalMap(func(x Int128) (Int128, bool) {
			q, r := x.QuoRem(unit)
			if r.Sign() > 0 && up {
				q = q.Add(Int128{Lo: 1})
			}
			if r.Sign() < 0 && !up {
				q = q.Sub(Int128{Lo: 1})
			}
			return q, true
		})
		return Resolved{Type: types.DecimalOf(t.Prec, 0).WithNull(t.NotNull), Args: []types.Type{t}, Impl: Impl{Kernel: k}}, nil
	}
	return Resolved{}, wrongArg(name, 0, "a number", t)
}

func resolveRound(name string, args []Node, cut bool) (Resolved, error) {
	if err := argCount(name, args, 1, 2); err != nil {
		return Resolved{}, err
	}
	ts := typesOf(args, types.TInt)
	if !ts[0].IsNumeric() {
		return Resolved{}, wrongArg(name, 0, "a number", ts[0])
	}
	if len(args) == 2 && (!ts[1].IsInteger() || ts[1].Kind == types.BigInt) {
		return Resolved{}, wrongArg(name, 1, "an INT", ts[1])
	}
	t := ts[0]
	digits, known := 0, true
	if len(args) == 2 {
		var d vec.Datum
		d, known = constantOf(args[1])
		known = known && !d.Null
		digits = int(d.I)
	}
	out := t
	if t.Kind == types.Decimal && known {
		out = roundedDecimal(t, digits)
	}
	r := Resolved{Type: strictType(out, ts...), Args: ts}
	r.Impl.Row = func(_ *RowCtx, a []vec.Datum) (vec.Datum, error) {
		n := int64(0)
		if len(a) == 2 {
			n = max(min(a[1].I, 1000), -1000)
		}
		switch {
		case t.IsApprox():
			bits := 64
			if t.Kind == types.Float {
				bits = 32
			}
			if bits == 32 && n > 0 {
				// A FLOAT's own value counts, not its shortest form: 0.45 is a bit less.
				return vec.FloatDatum(float64(float32(roundFloat(a[0].F, int(n), 64, cut)))), nil
			}
			return vec.FloatDatum(roundFloat(a[0].F, int(n), bits, cut)), nil
		case t.Kind == types.Decimal:
			x, ok := roundDecimal(DecimalValue(a[0], t), t.Scale, int(n), out.Scale, cut)
			if !ok {
				return vec.NullDatum, nil
			}
			return DecimalDatum(x, out), nil
		}
		x, ok := roundDecimal(Int128Of(a[0].I), 0, int(n), 0, cut)
		if !ok {
			return vec.NullDatum, fmt.Errorf("%s exceeds BIGINT", name)
		}
		return vec.IntDatum(wrapInt(int64(x.Lo), t.Kind)), nil
	}
	return r, nil
}

// roundedDecimal is the type of a DECIMAL rounded to so many digits after the point.
func roundedDecimal(t types.Type, digits int) types.Type {
	switch {
	case digits >= t.Scale:
		return t
	case digits < 0:
		return types.DecimalOf(min(types.MaxDecimalPrecision, 1+t.Prec-t.Scale), 0)
	}
	return types.DecimalOf(min(types.MaxDecimalPrecision, 1+t.Prec-t.Scale+digits), digits)
}

// roundDecimal rounds a value of scale `from` to so many digits and gives it scale `to`.
func roundDecimal(x Int128, from, digits, to int, cut bool) (Int128, bool) {
	if drop := from - digits; drop > 0 {
		if drop > 38 {
			return Int128{}, true
		}
		if cut {
			x, _ = x.QuoRem(pow10[drop])
		} else {
			x = x.divRound(pow10[drop])
		}
		from = digits
	}
	if from < 0 {
		var ok bool
		if x, ok = x.Mul(pow10[-from]); !ok {
			return x, false
		}
		from = 0
	}
	return x.Rescale(from, to)
}

// roundFloat rounds the shortest decimal form of a float, as Java's BigDecimal does.
func roundFloat(f float64, digits, bits int, cut bool) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) || f == 0 {
		return f
	}
	var buf [64]byte
	s := strconv.AppendFloat(buf[:0], f, 'e', -1, bits)
	// s is d[.ddd]e±dd, after an optional sign.
	at := 0
	if s[0] == '-' {
		at = 1
	}
	e := len(s) - 1
	for s[e] != 'e' {
		e--
	}
	exp, _ := strconv.Atoi(string(s[e+1:]))
	var mant [20]byte
	m := mant[:0]
	for _, c := range s[at:e] {
		if c != '.' {
			m = append(m, c)
		}
	}
	keep := exp + 1 + digits
	if keep >= len(m) {
		return f
	}
	up := !cut && keep >= 0 && m[keep] >= '5'
	out := buf[:0]
	if at == 1 {
		out = append(out, '-')
	}
	var n int64
	for _, c := range m[:max(keep, 0)] {
		n = n*10 + int64(c-'0')
	}
	if up {
		n++
	}
	out = strconv.AppendInt(out, n, 10)
	out = strconv.AppendInt(append(out, 'e'), int64(-digits), 10)
	r, err := strconv.ParseFloat(string(out), bits)
	if err != nil {
		return f
	}
	return r
}
