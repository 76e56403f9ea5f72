package expr

import (
	"errors"
	"math"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	for _, f := range []struct {
		name, doc string
		fn        func(float64) float64
	}{
		{"SQRT", "The square root.", math.Sqrt},
		{"LN", "The natural logarithm.", accLog},
		{"LOG10", "The logarithm to base 10.", accLog10},
		{"LOG2", "The logarithm to base 2.", func(x float64) float64 { return accLog(x) / math.Ln2 }},
		{"EXP", "e raised to x.", accExp},
		{"SIN", "The sine of x in radians.", accSin},
		{"COS", "The cosine of x in radians.", accCos},
		{"TAN", "The tangent of x in radians.", accTan},
		{"COT", "The cotangent of x in radians.", func(x float64) float64 { return 1 / accTan(x) }},
		{"SINH", "The hyperbolic sine.", fdSinh},
		{"COSH", "The hyperbolic cosine.", fdCosh},
		{"TANH", "The hyperbolic tangent.", fdTanh},
		{"ASIN", "The arc sine, in radians.", fdAsin},
		{"ACOS", "The arc cosine, in radians.", fdAcos},
		{"ATAN", "The arc tangent, in radians.", fdAtan},
		{"DEGREES", "Radians in degrees.", func(x float64) float64 { return x * (180 / math.Pi) }},
		{"RADIANS", "Degrees in radians.", func(x float64) float64 { return x * (math.Pi / 180) }},
	} {
		Register(&Func{Name: f.name, Signature: f.name + "(x)", Doc: f.doc, Category: "arithmetic",
			Resolve: func(args []Node) (Resolved, error) { return resolveDouble(f.name, args, 1, float64Kernel(f.fn)) }})
	}
	Register(
		&Func{Name: "POWER", Signature: "POWER(x, y)", Doc: "x raised to y, as DOUBLE.", Category: "arithmetic",
			Resolve: func(args []Node) (Resolved, error) { return resolveDouble("POWER", args, 2, float2Kernel(accPow)) }},
		&Func{Name: "ATAN2", Signature: "ATAN2(y, x)", Doc: "The angle of the point (x, y), in radians.", Category: "arithmetic",
			Resolve: func(args []Node) (Resolved, error) {
				return resolveDouble("ATAN2", args, 2, float2Kernel(fdAtan2))
			}},
		&Func{Name: "LOG", Signature: "LOG(x), LOG(base, x)", Doc: "The natural logarithm, or the one to a base.", Category: "arithmetic", Resolve: resolveLog},
		&Func{Name: "PI", Signature: "PI()", Doc: "The number pi.", Category: "arithmetic", Build: func(args []Node) (Node, error) { return NewFloat(math.Pi), argCount("PI", args, 0, 0) }},
		&Func{Name: "E", Signature: "E()", Doc: "The number e.", Category: "arithmetic", Build: func(args []Node) (Node, error) { return NewFloat(math.E), argCount("E", args, 0, 0) }},
		&Func{Name: "ABS", Signature: "ABS(x)", Doc: "The absolute value.", Category: "arithmetic", Resolve: resolveAbs},
		&Func{Name: "SIGN", Signature: "SIGN(x)", Doc: "-1, 0 or 1 in the type of x.", Category: "arithmetic", Resolve: resolveSign},
		&Func{Name: "BIN", Signature: "BIN(n)", Doc: "The integer in binary digits.", Category: "arithmetic", Resolve: resolveBin},
		&Func{Name: "DIV", Signature: "DIV(a, b)", Doc: "The whole part of the quotient, as BIGINT.", Category: "arithmetic", Build: buildDiv},
	)
	Alias("POW", "POWER")
}

func float2Kernel(fn func(x, y float64) float64) Kernel {
	return func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		x, y, z := a[0].F64, a[1].F64, out.F64
		for j := range rows(n, sel) {
			i := row(sel, j)
			z[i] = fn(x[i], y[i])
		}
	}
}

// resolveDouble resolves a function of DOUBLEs.
func resolveDouble(name string, args []Node, n int, k Kernel) (Resolved, error) {
	if err := argCount(name, args, n, n); err != nil {
		return Resolved{}, err
	}
	ts := typesOf(args, types.TDouble)
	for i, t := range ts {
		if !t.IsNumeric() {
			return Resolved{}, wrongArg(name, i, "a number", t)
		}
	}
	return Resolved{Type: strictType(types.TDouble, ts...), Args: repeatType(types.TDouble, n), Impl: Impl{Kernel: k}}, nil
}

func resolveLog(args []Node) (Resolved, error) {
	if len(args) == 1 {
		return resolveDouble("LOG", args, 1, float64Kernel(accLog))
	}
	return resolveDouble("LOG", args, 2, float2Kernel(func(base, x float64) float64 { return accLog(x) / accLog(base) }))
}

// resolveSame resolves a function of one number that keeps its type.
func resolveSame(name string, args []Node, ints func(int64) int64, floats func(float64) float64, decimals func(Int128) (Int128, bool)) (Resolved, error) {
	if err := argCount(name, args, 1, 1); err != nil {
		return Resolved{}, err
	}
	t := typesOf(args, types.TInt)[0]
	r := Resolved{Type: t, Args: []types.Type{t}}
	switch {
	case t.IsApprox():
		r.Impl.Kernel = float64Kernel(floats)
	case t.Kind == types.Decimal:
		r.Impl.Kernel = decimalMap(decimals)
	case t.IsInteger():
		r.Impl.Kernel = int64Kernel(func(i int64) int64 { return wrapInt(ints(i), t.Kind) })
	default:
		return Resolved{}, wrongArg(name, 0, "a number", t)
	}
	return r, nil
}

func resolveAbs(args []Node) (Resolved, error) {
	ints := func(i int64) int64 { return max(i, -i) }
	return resolveSame("ABS", args, func(i int64) int64 {
		if i == math.MinInt64 {
			return i
		}
		return ints(i)
	}, math.Abs, func(x Int128) (Int128, bool) {
		m, _ := x.abs()
		return m, true
	})
}

func resolveSign(args []Node) (Resolved, error) {
	scale := 0
	if len(args) == 1 {
		scale = args[0].Type().Scale
	}
	return resolveSame("SIGN", args,
		func(i int64) int64 {
			switch {
			case i > 0:
				return 1
			case i < 0:
				return -1
			}
			return 0
		},
		func(f float64) float64 {
			switch {
			case f > 0:
				return 1
			case f < 0:
				return -1
			}
			return f
		},
		func(x Int128) (Int128, bool) { return Int128Of(int64(x.Sign())).Mul(pow10[scale]) })
}

func resolveBin(args []Node) (Resolved, error) {
	if err := argCount("BIN", args, 1, 1); err != nil {
		return Resolved{}, err
	}
	t := typesOf(args, types.TBigInt)[0]
	if !t.IsInteger() {
		return Resolved{}, wrongArg("BIN", 0, "an integer", t)
	}
	return Resolved{Type: strictType(types.TString, t), Args: []types.Type{t}, Impl: Impl{Row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
		c.Buf = strconv.AppendUint(c.Buf[:0], uint64(a[0].I), 2)
		return vec.BytesDatum(c.Buf), nil
	}}}, nil
}

func buildDiv(args []Node) (Node, error) {
	if err := argCount("DIV", args, 2, 2); err != nil {
		return nil, err
	}
	for i, a := range args {
		if !a.Type().IsNumeric() {
			return nil, wrongArg("DIV", i, "a number", a.Type())
		}
	}
	q, err := NewCall("/", args...)
	if err != nil {
		return nil, err
	}
	if q.Type().IsInterval() {
		return nil, errors.New("DIV takes numbers")
	}
	return NewCast(q, types.TBigInt, false)
}
