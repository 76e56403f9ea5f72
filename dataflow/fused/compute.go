package fused

import (
	"fmt"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// The functions of this file are the operators of expressions in generated code, where Go
// has none of the same meaning.

// Like is a LIKE or SIMILAR TO with a pattern that is a literal.
type Like struct{ expr.Pattern }

// Bind compiles the pattern of the node that is the at-th of root, in the order of expr.Walk.
func (l *Like) Bind(root expr.Node, at int) error {
	p, ok := expr.PatternOf(expr.At(root, at))
	if !ok {
		return fmt.Errorf("generated code takes node %d of %v for a pattern: generate it again", at, root)
	}
	l.Pattern = p
	return nil
}

// Time is an EXTRACT, or a FLOOR or CEIL to a unit, of a date, time or timestamp.
type Time struct{ Of expr.TimeFunc }

// Bind takes the node that is the at-th of root, in the order of expr.Walk.
func (t *Time) Bind(env *expr.Env, root expr.Node, at int) error {
	if t.Of, _ = expr.TimeFuncOf(expr.At(root, at), env); t.Of == nil {
		return fmt.Errorf("generated code takes node %d of %v for a function of time: generate it again", at, root)
	}
	return nil
}

// Upper appends s in upper case, Lower in lower case.
func Upper(dst, s []byte) []byte { return expr.AppendUpper(dst, s) }

// Lower appends s in lower case.
func Lower(dst, s []byte) []byte { return expr.AppendLower(dst, s) }

// FloatToBigInt and FloatToInt cast a DOUBLE to BIGINT and INT.
func FloatToBigInt(f float64) int64 { return expr.FloatToInt(f, types.BigInt) }

// FloatToInt casts a DOUBLE to INT.
func FloatToInt(f float64) int64 { return expr.FloatToInt(f, types.Int) }

// Floor is the greatest multiple of unit, which is positive, that is at most x.
func Floor(x, unit int64) int64 {
	r := x % unit
	if r < 0 {
		r += unit
	}
	return x - r
}

// FloorDiv is x / unit, which is positive, rounded down.
func FloorDiv(x, unit int64) int64 {
	q := x / unit
	if x%unit < 0 {
		q--
	}
	return q
}

// CharLength is the number of characters of a string.
func CharLength(s []byte) int64 { return int64(utf8.RuneCount(s)) }

// Decimal computes x op y, one of + - * /, of DECIMALs of scales xs and ys, to a
// DECIMAL(prec, scale). null tells that the result has too many digits, ok that there is
// one at all.
func Decimal(op string, xlo, xhi, ylo, yhi int64, xs, ys, prec, scale int) (lo, hi int64, null, ok bool) {
	z, fits, err := expr.DecimalOp(op, expr.Int128{Hi: xhi, Lo: uint64(xlo)}, expr.Int128{Hi: yhi, Lo: uint64(ylo)}, xs, ys, prec, scale)
	return int64(z.Lo), z.Hi, !fits, err == nil
}

// Rescale moves a DECIMAL of one scale to DECIMAL(prec, scale); null tells that it has too
// many digits for that.
func Rescale(lo, hi int64, from, prec, scale int) (zlo, zhi int64, null bool) {
	z, ok := expr.Int128{Hi: hi, Lo: uint64(lo)}.Rescale(from, scale)
	return int64(z.Lo), z.Hi, !ok || !z.Fits(prec)
}

// DecimalFloat is a DECIMAL of a scale as DOUBLE.
func DecimalFloat(lo, hi int64, scale int) float64 {
	return expr.Int128{Hi: hi, Lo: uint64(lo)}.Float(scale)
}

// CompareDecimal is -1, 0 or 1 as the DECIMAL x, of the same scale as y, is less, equal or
// greater.
func CompareDecimal(xlo, xhi, ylo, yhi int64) int {
	return expr.Int128{Hi: xhi, Lo: uint64(xlo)}.Cmp(expr.Int128{Hi: yhi, Lo: uint64(ylo)})
}

// ComparePair is -1, 0 or 1 as the timestamp of x microseconds and xn nanoseconds is before,
// at or after that of y and yn.
func ComparePair(x, xn, y, yn int64) int {
	switch {
	case x < y || x == y && xn < yn:
		return -1
	case x == y && xn == yn:
		return 0
	}
	return 1
}
