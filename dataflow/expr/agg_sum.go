package expr

import (
	"fmt"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	registerAggs(
		&AggFunc{
			Name: "SUM", Signature: "SUM([DISTINCT] number)", Retractable: true, minArgs: 1, maxArgs: 1, values: 1,
			Doc:     "The sum in the argument's type (DECIMAL(38, s) for DECIMAL); integers wrap, a DECIMAL that overflows is NULL. NULL without values.",
			resolve: func(args []Node) (types.Type, error) { return sumType("SUM", args, false) },
			compile: compileSum(false),
		},
		&AggFunc{
			Name: "SUM0", Signature: "SUM0([DISTINCT] number)", Retractable: true, minArgs: 1, maxArgs: 1, values: 1,
			Doc:     "As SUM, but 0 without values.",
			resolve: func(args []Node) (types.Type, error) { return sumType("SUM0", args, true) },
			compile: compileSum(true),
		},
		&AggFunc{
			Name: "AVG", Signature: "AVG([DISTINCT] number)", Retractable: true, minArgs: 1, maxArgs: 1, values: 1,
			Doc:     "The mean in the argument's type: truncated for integers, DECIMAL(38, max(s, 6)) for DECIMAL. NULL without values.",
			resolve: func(args []Node) (types.Type, error) { return avgType("AVG", args) },
			compile: compileAvg,
		},
	)
}

// numericArg checks that an argument is a number; a bare NULL becomes a DOUBLE.
func numericArg(name string, args []Node, i int) (types.Type, error) {
	t := args[i].Type()
	switch {
	case t.Kind == types.Null:
		args[i] = NewNull(types.TDouble)
		return types.TDouble, nil
	case !t.IsNumeric():
		return t, fmt.Errorf("%s needs a number, not %s", name, t)
	}
	return t, nil
}

func sumType(name string, args []Node, notNull bool) (types.Type, error) {
	t, err := numericArg(name, args, 0)
	if t.Kind == types.Decimal {
		t = types.DecimalOf(types.MaxDecimalPrecision, t.Scale)
	}
	return t.WithNull(notNull), err
}

func avgType(name string, args []Node) (types.Type, error) {
	t, err := numericArg(name, args, 0)
	if t.Kind == types.Decimal {
		t = types.DecimalOf(types.MaxDecimalPrecision, max(6, t.Scale))
	}
	return t.Nullable(), err
}

func compileSum(zero bool) func(*AggCall, aggCompile) (aggImpl, error) {
	return func(c *AggCall, _ aggCompile) (aggImpl, error) {
		col, err := argCol(c, 0)
		if err != nil {
			return nil, err
		}
		s := sumAgg{col: col, arg: c.Args[0].Type(), t: c.T, zero: zero}
		switch {
		case c.T.Kind == types.Decimal:
			return &sumDecimal{s}, nil
		case c.T.IsApprox():
			return &sumFloat{sumAgg: s, single: c.T.Kind == types.Float}, nil
		}
		return &sumInt{s}, nil
	}
}

func compileAvg(c *AggCall, _ aggCompile) (aggImpl, error) {
	col, err := argCol(c, 0)
	if err != nil {
		return nil, err
	}
	s := sumAgg{col: col, arg: c.Args[0].Type(), t: c.T, avg: true}
	switch {
	case c.T.Kind == types.Decimal:
		return &sumDecimal{s}, nil
	case c.T.IsApprox():
		return &sumFloat{sumAgg: s}, nil
	}
	return &sumInt{s}, nil
}

// sumAgg is what sums have in common; the state begins with {values i64}.
type sumAgg struct {
	aggAt
	col    int
	arg, t types.Type
	zero   bool
	avg    bool
}

// empty writes the result of a sum of nothing.
func (a *sumAgg) empty(out *vec.Vector, row int) {
	if !a.zero {
		out.SetNull(row)
		return
	}
	out.Set(row, vec.Datum{})
}

// sumInt has the state {values i64, sum i64}.
type sumInt struct{ sumAgg }

func (a *sumInt) size() int { return 16 }

func (a *sumInt) step(b *vec.Batch, st [][]byte, sel []int32, sign int64) {
	v := b.Cols[a.col]
	x, nulls := v.I64, v.HasNulls()
	for k, i := range sel {
		if nulls && v.IsNull(int(i)) {
			continue
		}
		s := st[k][a.off : a.off+16]
		putLE(s, le(s)+uint64(sign))
		putLE(s[8:], le(s[8:])+uint64(sign*x[i]))
	}
}

func (a *sumInt) add(_ *AggStore, b *vec.Batch, st [][]byte, sel []int32)     { a.step(b, st, sel, 1) }
func (a *sumInt) retract(_ *AggStore, b *vec.Batch, st [][]byte, sel []int32) { a.step(b, st, sel, -1) }

func (a *sumInt) merge(_ *AggStore, dst []byte, _ *AggStore, src []byte) {
	d, s := dst[a.off:a.off+16], src[a.off:a.off+16]
	putLE(d, le(d)+le(s))
	putLE(d[8:], le(d[8:])+le(s[8:]))
}

func (a *sumInt) result(_ *AggStore, st []byte, out *vec.Vector, row int) error {
	s := st[a.off : a.off+16]
	n, sum := int64(le(s)), int64(le(s[8:]))
	if n == 0 {
		a.empty(out, row)
		return nil
	}
	if a.avg {
		sum /= n
	}
	out.SetNotNull(row)
	out.I64[row] = wrapInt(sum, a.t.Kind)
	return nil
}

// sumFloat has the state {values i64, sum f64}. The sum of FLOAT is rounded to 32 bits
// after each addition, their mean once.
type sumFloat struct {
	sumAgg
	single bool
}

func (a *sumFloat) size() int { return 16 }

func (a *sumFloat) step(b *vec.Batch, st [][]byte, sel []int32, by uint64, sign float64) {
	v := b.Cols[a.col]
	x, nulls := v.F64, v.HasNulls()
	for k, i := range sel {
		if nulls && v.IsNull(int(i)) {
			continue
		}
		s := st[k][a.off : a.off+16]
		n := le(s) + by
		sum := math.Float64frombits(le(s[8:])) + sign*x[i]
		if a.single {
			sum = float64(float32(sum))
		}
		if n == 0 {
			sum = 0
		}
		putLE(s, n)
		putLE(s[8:], math.Float64bits(sum))
	}
}

func (a *sumFloat) add(_ *AggStore, b *vec.Batch, st [][]byte, sel []int32) { a.step(b, st, sel, 1, 1) }

func (a *sumFloat) retract(_ *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	a.step(b, st, sel, ^uint64(0), -1)
}

func (a *sumFloat) merge(_ *AggStore, dst []byte, _ *AggStore, src []byte) {
	d, s := dst[a.off:a.off+16], src[a.off:a.off+16]
	sum := math.Float64frombits(le(d[8:])) + math.Float64frombits(le(s[8:]))
	if a.single {
		sum = float64(float32(sum))
	}
	putLE(d, le(d)+le(s))
	putLE(d[8:], math.Float64bits(sum))
}

func (a *sumFloat) result(_ *AggStore, st []byte, out *vec.Vector, row int) error {
	s := st[a.off : a.off+16]
	n, sum := int64(le(s)), math.Float64frombits(le(s[8:]))
	if n == 0 {
		a.empty(out, row)
		return nil
	}
	if a.avg {
		sum /= float64(n)
	}
	if a.t.Kind == types.Float {
		sum = float64(float32(sum))
	}
	out.SetNotNull(row)
	out.F64[row] = sum
	return nil
}

// sumDecimal has the state {values i64, low u64, high i64, overflows u64}: the unscaled sum
// in 128 bits, and how often it left them. It came back to the truth only when it left
// them on both sides equally often, which is counted with a sign.
type sumDecimal struct{ sumAgg }

func (a *sumDecimal) size() int { return 32 }

func (a *sumDecimal) accumulate(s []byte, by uint64, x Int128) {
	sum, left := AddWrapping(Int128{Hi: int64(le(s[16:])), Lo: le(s[8:])}, x)
	putLE(s[24:], le(s[24:])+uint64(left))
	putLE(s, le(s)+by)
	putLE(s[8:], sum.Lo)
	putLE(s[16:], uint64(sum.Hi))
}

// AddWrapping is the sum in 128 bits, and on which side it left them: 1 above, -1 below, 0
// when it did not.
func AddWrapping(sum, x Int128) (next Int128, left int64) {
	next = sum.Add(x)
	if (sum.Hi < 0) == (x.Hi < 0) && (next.Hi < 0) != (sum.Hi < 0) {
		if left = 1; sum.Hi < 0 {
			left = -1
		}
	}
	return next, left
}

func (a *sumDecimal) step(b *vec.Batch, st [][]byte, sel []int32, retract bool) {
	v := b.Cols[a.col]
	nulls := v.HasNulls()
	for k, i := range sel {
		if nulls && v.IsNull(int(i)) {
			continue
		}
		x, by := decimalAt(v, int(i)), uint64(1)
		if retract {
			x, by = x.Neg(), ^uint64(0)
		}
		a.accumulate(st[k][a.off:a.off+32], by, x)
	}
}

func (a *sumDecimal) add(_ *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	a.step(b, st, sel, false)
}

func (a *sumDecimal) retract(_ *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	a.step(b, st, sel, true)
}

func (a *sumDecimal) merge(_ *AggStore, dst []byte, _ *AggStore, src []byte) {
	d, s := dst[a.off:a.off+32], src[a.off:a.off+32]
	a.accumulate(d, le(s), Int128{Hi: int64(le(s[16:])), Lo: le(s[8:])})
	putLE(d[24:], le(d[24:])+le(s[24:]))
}

func (a *sumDecimal) result(_ *AggStore, st []byte, out *vec.Vector, row int) error {
	s := st[a.off : a.off+32]
	n := int64(le(s))
	if n == 0 {
		a.empty(out, row)
		return nil
	}
	sum, ok := Int128{Hi: int64(le(s[16:])), Lo: le(s[8:])}, le(s[24:]) == 0
	if ok && a.avg {
		sum, ok = quoScaled(sum, Int128Of(n), a.arg.Scale, 0, a.t.Scale)
	}
	if !ok {
		out.SetNull(row)
		return nil
	}
	out.Set(row, DecimalDatum(sum, a.t))
	return nil
}
