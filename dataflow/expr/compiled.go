package expr

import (
	"time"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// What follows is the package's face for generated code: the meaning of what such code
// writes out itself stays here.

// At is the i-th node, from 0, of those that Walk visits below n; nil when there are fewer.
func At(n Node, i int) Node {
	var found Node
	Walk(n, func(m Node) bool {
		if i == 0 {
			found = m
		}
		i--
		return found == nil
	})
	return found
}

// SameValue tells that a cast from one type to the other changes nothing of any value.
func SameValue(from, to types.Type) bool { return samePhysical(from, to) }

// SmallDecimal tells whether x op y, of DECIMALs with a DECIMAL as result, fits int64
// throughout: the operands are multiplied by mx and my, and then combined by op.
func SmallDecimal(op string, x, y, result types.Type) (mx, my int64, ok bool) {
	if result.Prec > 18 || x.Prec > 18 || y.Prec > 18 {
		return 0, 0, false
	}
	switch {
	case op == "*" && result.Scale == x.Scale+y.Scale:
		return 1, 1, true
	case (op == "+" || op == "-") && result.Scale == max(x.Scale, y.Scale):
		return pow10i[result.Scale-x.Scale], pow10i[result.Scale-y.Scale], true
	}
	return 0, 0, false
}

// DecimalOp computes x op y (+ - * / %) of unscaled values at scales xs and ys, as a
// DECIMAL(prec, scale). ok is false when the result has too many digits and is NULL; the
// error is that of a division by zero.
func DecimalOp(op string, x, y Int128, xs, ys, prec, scale int) (z Int128, ok bool, err error) {
	z, ok, err = decimalOp(op, x, y, xs, ys, scale)
	return z, ok && z.Fits(prec), err
}

// Pattern is a compiled LIKE or SIMILAR TO pattern.
type Pattern struct{ m matcher }

// PatternOf is the pattern of a call of LIKE or SIMILAR TO that has a literal for it; ok is
// false for any other node.
func PatternOf(n Node) (p Pattern, ok bool) {
	c, isCall := n.(*Call)
	if !isCall || c.Func != likeFunc && c.Func != similarFunc || c.Impl.Kernel == nil {
		return p, false
	}
	compile := compileLike
	if c.Func == similarFunc {
		compile = compileSimilar
	}
	escape := ""
	if len(c.Args) == 3 {
		escape = string(c.Args[2].(*Lit).Value.B)
	}
	m, err := compile(string(c.Args[1].(*Lit).Value.B), escape)
	return Pattern{m}, err == nil
}

// Match tells whether a string matches the pattern.
func (p Pattern) Match(s []byte) bool { return p.m.match(s) }

// Alone is n over a row whose i-th column is n's i-th child; children that are literals
// stay as they are.
func Alone(n Node) Node {
	kids := Children(n)
	out := make([]Node, len(kids))
	for i, k := range kids {
		out[i] = k
		if _, ok := k.(*Lit); !ok {
			out[i] = &Col{Index: i, T: k.Type()}
		}
	}
	return withChildren(n, out)
}

// TimeFunc is a function of a date, time or timestamp cell, of which nanos counts for
// class types.Wide; the result is of class types.I64.
type TimeFunc func(cell, nanos int64) int64

// TimeFuncOf is the function of an EXTRACT from a date, time or timestamp, or of a FLOOR or
// CEIL of a timestamp to a unit, with the argument that it takes; nil for any other node.
func TimeFuncOf(n Node, env *Env) (f TimeFunc, arg int) {
	c, ok := n.(*Call)
	if !ok || len(c.Args) != 2 {
		return nil, 0
	}
	zone := zoneOf(env)
	switch c.Func.Name {
	case "EXTRACT":
		t := c.Args[1].Type()
		if part := timePart(unitOf(c.Args[0]), t.Kind); part != nil {
			return ofLocal(t.Kind, zone, part), 1
		}
	case "FLOOR", "CEIL":
		t, unit := c.Args[0].Type(), unitOf(c.Args[1])
		if unit == "" || !t.IsTimestamp() || c.T.Phys() != types.I64 {
			return nil, 0
		}
		f := ofLocal(t.Kind, zone, roundMicros(unitMicros(unit), c.Func.Name == "CEIL", calendarUnit(unit)))
		if t.Kind == types.TimestampLTZ {
			return func(cell, nanos int64) int64 { return fromLocal(f(cell, nanos), zone) }, 0
		}
		return f, 0
	}
	return nil, 0
}

// ofLocal is a function of local time in microseconds as one of cells of a kind.
func ofLocal(k types.Kind, zone *time.Location, f func(micros, nanos int64) int64) TimeFunc {
	switch k {
	case types.Date:
		return func(cell, _ int64) int64 { return f(cell*microsPerDay, 0) }
	case types.Time:
		return func(cell, _ int64) int64 { return f(cell*microsPerMilli, 0) }
	case types.TimestampLTZ:
		return func(cell, nanos int64) int64 { return f(toLocal(cell, zone), nanos) }
	}
	return f
}

// AppendUpper appends s in upper case, AppendLower in lower case.
func AppendUpper(dst, s []byte) []byte { return appendUpper(dst, s) }

// AppendLower appends s in lower case.
func AppendLower(dst, s []byte) []byte { return appendLower(dst, s) }

// PassesOn tells that an expression is a column or a literal, whatever it is called: its
// vector is at hand.
func PassesOn(n Node) bool {
	switch n := n.(type) {
	case *Col, *Lit:
		return true
	case *Cast:
		return samePhysical(n.Arg.Type(), n.T) && PassesOn(n.Arg)
	}
	return false
}
