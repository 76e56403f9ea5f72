package expr

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// errDivZero is the error of dividing an exact number by zero.
var errDivZero = errors.New("division by zero")

// errBound is the error of RAND_INTEGER without room for a number.
var errBound = errors.New("the bound of RAND_INTEGER must be positive")

func init() {
	doc := map[string]string{
		"+": "The sum of numbers; a date, time or timestamp moved by an interval; the sum of intervals.",
		"-": "The difference of numbers; a date, time or timestamp moved back by an interval; the difference of intervals.",
		"*": "The product of numbers; an interval times a number.",
		"/": "The quotient; of integers truncated towards zero. An exact division by zero fails.",
		"%": "The remainder, with the sign of the dividend.",
	}
	for op, d := range doc {
		Register(&Func{Name: op, Signature: "a " + op + " b", Doc: d, Category: "arithmetic",
			Resolve: func(args []Node) (Resolved, error) { return resolveArith(op, args) }})
	}
	Alias("MOD", "%")
	Register(&Func{Name: "NEGATE", Signature: "-a", Doc: "The negated number or interval.", Category: "arithmetic", Resolve: resolveNegate})
	Register(&Func{Name: "UNARY_PLUS", Signature: "+a", Doc: "The number or interval itself.", Category: "arithmetic",
		Build: func(args []Node) (Node, error) {
			if len(args) != 1 || !args[0].Type().IsNumeric() && !args[0].Type().IsInterval() && args[0].Type().Kind != types.Null {
				return nil, errors.New("+ needs a number or an interval")
			}
			return args[0], nil
		}})
}

func resolveArith(op string, args []Node) (Resolved, error) {
	if len(args) != 2 {
		return Resolved{}, fmt.Errorf("%s takes 2 arguments, got %d", op, len(args))
	}
	a, b := args[0].Type(), args[1].Type()
	if a.Kind == types.Null && b.Kind == types.Null {
		a, b = types.TInt, types.TInt
	}
	if a.Kind == types.Null {
		a = nullOperand(op, b)
	}
	if b.Kind == types.Null {
		b = nullOperand(op, a)
	}
	if r, ok, err := resolveTemporalArith(op, a, b); ok || err != nil {
		return r, err
	}
	if a.IsString() && b.IsNumeric() {
		a = stringOperand(b).WithNull(a.NotNull)
	}
	if b.IsString() && a.IsNumeric() {
		b = stringOperand(a).WithNull(b.NotNull)
	}
	if !a.IsNumeric() || !b.IsNumeric() {
		return Resolved{}, fmt.Errorf("cannot apply %s to %s and %s", op, a.Nullable(), b.Nullable())
	}
	if op == "%" && (a.IsApprox() || b.IsApprox()) {
		return Resolved{}, fmt.Errorf("the remainder is defined for exact numbers, not for %s and %s", a.Nullable(), b.Nullable())
	}
	if op == "/" && (a.IsApprox() || b.IsApprox()) && constantZero(args[1]) {
		return Resolved{}, errDivZero
	}
	return resolveNumeric(op, a, b), nil
}

// constantZero tells a divisor that is 0 whatever the row: dividing by it is refused, while
// a DOUBLE that is 0 for a row gives an infinity there.
func constantZero(n Node) bool {
	for {
		c, ok := n.(*Cast)
		if !ok {
			break
		}
		n = c.Arg
	}
	l, ok := n.(*Lit)
	if !ok || l.Value.Null {
		return false
	}
	if l.T.IsString() {
		f, ok := parseFloat(bytes.TrimSpace(l.Value.B), false)
		return ok && f == 0
	}
	return l.T.IsNumeric() && l.Value.I == 0 && l.Value.Hi == 0 && l.Value.F == 0
}

// nullOperand is the type of a bare NULL beside an operand of type t.
func nullOperand(op string, t types.Type) types.Type {
	if isDateOrTimestamp(t) || t.Kind == types.Time {
		return types.Type{Kind: types.IntervalDS, Prec: 3}
	}
	if t.IsInterval() && (op == "*" || op == "/") {
		return types.TInt
	}
	return t.Nullable()
}

// stringOperand is what a character string converts to beside a number: DOUBLE, or the
// number's own type when it is a DECIMAL.
func stringOperand(t types.Type) types.Type {
	if t.Kind == types.Decimal {
		return t
	}
	return types.TDouble
}

func resolveNumeric(op string, a, b types.Type) Resolved {
	notNull := a.NotNull && b.NotNull
	switch {
	case a.IsApprox() || b.IsApprox():
		t := commonNumeric(a, b).WithNull(notNull)
		return Resolved{Type: t, Args: []types.Type{t, t}, Impl: Impl{Kernel: floatKernel(op, t.Kind == types.Float)}}
	case a.Kind == types.Decimal || b.Kind == types.Decimal:
		x, y := asDecimal(a), asDecimal(b)
		if op == "%" && x.Scale == 0 && y.Scale == 0 {
			return wholeRemainder(x, y, b.Plain().WithNull(notNull))
		}
		var t types.Type
		switch op {
		case "*":
			t = decimalProduct(x, y)
		case "/":
			t = decimalQuotient(x, y)
		case "%":
			t = decimalRemainder(x, y)
		default:
			t = decimalSum(x, y)
		}
		return Resolved{Type: t.WithNull(notNull), Args: []types.Type{x, y}, Impl: Impl{Kernel: decimalKernel(op, x, y, t)}}
	}
	t := commonNumeric(a, b).WithNull(notNull)
	if op == "%" {
		// The remainder has the type of the divisor.
		return Resolved{Type: b.Plain().WithNull(notNull), Args: []types.Type{a, b}, Impl: Impl{Kernel: intKernel(op, b.Kind)}}
	}
	return Resolved{Type: t, Args: []types.Type{t, t}, Impl: Impl{Kernel: intKernel(op, t.Kind)}}
}

// wholeRemainder is the remainder of decimals without digits after the point, of which one
// may be an integer: it has the divisor's type.
func wholeRemainder(x, y, t types.Type) Resolved {
	k := func(c *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		for j := range rows(n, sel) {
			i := row(sel, j)
			if out.IsNull(i) {
				continue
			}
			d := decimalAt(a[1], i)
			if d.Sign() == 0 {
				out.SetNull(i)
				c.Fail(i, errDivZero)
				continue
			}
			_, r := decimalAt(a[0], i).QuoRem(d)
			out.I64[i] = int64(r.Lo)
			if out.Phys == types.Wide {
				out.Hi[i] = r.Hi
			}
		}
	}
	return Resolved{Type: t, Args: []types.Type{x, y}, Impl: Impl{Kernel: k}}
}

func addLoop[T int64 | float64](x, y, z []T, n int, sel []int32) {
	if sel == nil {
		x, y, z = x[:n], y[:n], z[:n]
		for i := range z {
			z[i] = x[i] + y[i]
		}
		return
	}
	for _, i := range sel {
		z[i] = x[i] + y[i]
	}
}

func subLoop[T int64 | float64](x, y, z []T, n int, sel []int32) {
	if sel == nil {
		x, y, z = x[:n], y[:n], z[:n]
		for i := range z {
			z[i] = x[i] - y[i]
		}
		return
	}
	for _, i := range sel {
		z[i] = x[i] - y[i]
	}
}

func mulLoop[T int64 | float64](x, y, z []T, n int, sel []int32) {
	if sel == nil {
		x, y, z = x[:n], y[:n], z[:n]
		for i := range z {
			z[i] = x[i] * y[i]
		}
		return
	}
	for _, i := range sel {
		z[i] = x[i] * y[i]
	}
}

// wrapInts brings results back into the range of a narrower integer.
func wrapInts(z []int64, k types.Kind, n int, sel []int32) {
	switch {
	case k == types.BigInt:
	case k == types.Int && sel == nil:
		for i := range z[:n] {
			z[i] = int64(int32(z[i]))
		}
	default:
		for j := range rows(n, sel) {
			i := row(sel, j)
			z[i] = wrapInt(z[i], k)
		}
	}
}

// wrapInt is what remains of an integer in a narrower type.
func wrapInt(i int64, k types.Kind) int64 {
	switch k {
	case types.TinyInt:
		return int64(int8(i))
	case types.SmallInt:
		return int64(int16(i))
	case types.Int:
		return int64(int32(i))
	}
	return i
}

func intKernel(op string, k types.Kind) Kernel {
	return func(c *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		x, y, z := a[0].I64, a[1].I64, out.I64
		switch op {
		case "+":
			addLoop(x, y, z, n, sel)
		case "-":
			subLoop(x, y, z, n, sel)
		case "*":
			mulLoop(x, y, z, n, sel)
		default:
			divInts(c, op == "%", x, y, out, n, sel)
		}
		wrapInts(z, k, n, sel)
	}
}

func divInts(c *Ctx, rem bool, x, y []int64, out *vec.Vector, n int, sel []int32) {
	for j := range rows(n, sel) {
		i := row(sel, j)
		switch {
		case y[i] == 0:
			if !out.IsNull(i) {
				out.SetNull(i)
				c.Fail(i, errDivZero)
			}
		case rem:
			out.I64[i] = x[i] % y[i]
		default:
			out.I64[i] = x[i] / y[i]
		}
	}
}

func floatKernel(op string, single bool) Kernel {
	return func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		x, y, z := a[0].F64, a[1].F64, out.F64
		switch op {
		case "+":
			addLoop(x, y, z, n, sel)
		case "-":
			subLoop(x, y, z, n, sel)
		case "*":
			mulLoop(x, y, z, n, sel)
		case "/":
			for j := range rows(n, sel) {
				i := row(sel, j)
				z[i] = x[i] / y[i]
			}
		default:
			for j := range rows(n, sel) {
				i := row(sel, j)
				z[i] = math.Mod(x[i], y[i])
			}
		}
		if single {
			roundSingles(z, n, sel)
		}
	}
}

// roundSingles rounds results to FLOAT.
func roundSingles(z []float64, n int, sel []int32) {
	for j := range rows(n, sel) {
		i := row(sel, j)
		z[i] = float64(float32(z[i]))
	}
}

// decimalAt is the unscaled value of cell i.
func decimalAt(v *vec.Vector, i int) Int128 {
	if v.Phys == types.Wide {
		return Int128{Hi: v.Hi[i], Lo: uint64(v.I64[i])}
	}
	return Int128Of(v.I64[i])
}

// setDecimal makes x cell i of a DECIMAL, NULL when it has too many digits.
func setDecimal(v *vec.Vector, i int, x Int128) {
	if !x.Fits(v.Type.Prec) {
		v.SetNull(i)
		return
	}
	v.I64[i] = int64(x.Lo)
	if v.Phys == types.Wide {
		v.Hi[i] = x.Hi
	}
}

func decimalKernel(op string, x, y, t types.Type) Kernel {
	if k := smallDecimalKernel(op, x, y, t); k != nil {
		return k
	}
	return func(c *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		for j := range rows(n, sel) {
			i := row(sel, j)
			if out.IsNull(i) {
				continue
			}
			d, ok, err := decimalOp(op, decimalAt(a[0], i), decimalAt(a[1], i), x.Scale, y.Scale, t.Scale)
			switch {
			case err != nil:
				out.SetNull(i)
				c.Fail(i, err)
			case !ok:
				out.SetNull(i)
			default:
				setDecimal(out, i, d)
			}
		}
	}
}

// smallDecimalKernel adds, subtracts and multiplies in int64 where neither the operands
// nor the result need more than 18 digits; nil where they may.
func smallDecimalKernel(op string, x, y, t types.Type) Kernel {
	mx, my, ok := SmallDecimal(op, x, y, t)
	if !ok {
		return nil
	}
	if op == "*" {
		return func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
			mulLoop(a[0].I64, a[1].I64, out.I64, n, sel)
		}
	}
	if op == "-" {
		my = -my
	}
	return func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		p, q, z := a[0].I64, a[1].I64, out.I64
		if sel == nil {
			p, q, z = p[:n], q[:n], z[:n]
			for i := range z {
				z[i] = p[i]*mx + q[i]*my
			}
			return
		}
		for _, i := range sel {
			z[i] = p[i]*mx + q[i]*my
		}
	}
}

// decimalOp computes x op y at scales xs and ys to scale `to`; ok is false on overflow.
func decimalOp(op string, x, y Int128, xs, ys, to int) (z Int128, ok bool, err error) {
	switch op {
	case "*":
		z, ok = mulScaled(x, y, xs+ys, to)
		return z, ok, nil
	case "/", "%":
		if y.Sign() == 0 {
			return z, false, errDivZero
		}
		if op == "/" {
			z, ok = quoScaled(x, y, xs, ys, to)
			return z, ok, nil
		}
	}
	s := max(xs, ys)
	p, ok1 := x.Rescale(xs, s)
	q, ok2 := y.Rescale(ys, s)
	if !ok1 || !ok2 || p.Hi>>62 != p.Hi>>63 || q.Hi>>62 != q.Hi>>63 {
		z, ok = bigDecimalOp(op, x.big(), y.big(), xs, ys, to)
		return z, ok, nil
	}
	switch op {
	case "+":
		z = p.Add(q)
	case "-":
		z = p.Sub(q)
	default:
		_, z = p.QuoRem(q)
	}
	z, ok = z.Rescale(s, to)
	return z, ok, nil
}

// bigDecimalOp adds, subtracts or takes the remainder where aligned operands come near
// 127 bits.
func bigDecimalOp(op string, x, y *big.Int, xs, ys, to int) (Int128, bool) {
	s := max(xs, ys)
	ten := big.NewInt(10)
	x.Mul(x, new(big.Int).Exp(ten, big.NewInt(int64(s-xs)), nil))
	y.Mul(y, new(big.Int).Exp(ten, big.NewInt(int64(s-ys)), nil))
	switch op {
	case "+":
		x.Add(x, y)
	case "-":
		x.Sub(x, y)
	default:
		x.Rem(x, y)
	}
	return bigRound(x, s, to)
}

func resolveNegate(args []Node) (Resolved, error) {
	if len(args) != 1 {
		return Resolved{}, fmt.Errorf("- takes 1 argument, got %d", len(args))
	}
	t := args[0].Type().Plain()
	if t.Kind == types.Null {
		t = types.TInt
	}
	r := Resolved{Type: t, Args: []types.Type{t}}
	switch {
	case t.IsApprox():
		r.Impl.Kernel = func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
			for j := range rows(n, sel) {
				i := row(sel, j)
				out.F64[i] = -a[0].F64[i]
			}
		}
	case t.Phys() == types.Wide && t.Kind == types.Decimal:
		r.Impl.Kernel = func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
			for j := range rows(n, sel) {
				i := row(sel, j)
				setDecimal(out, i, decimalAt(a[0], i).Neg())
			}
		}
	case t.IsExact() || t.IsInterval():
		r.Impl.Kernel = func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
			for j := range rows(n, sel) {
				i := row(sel, j)
				out.I64[i] = wrapInt(-a[0].I64[i], t.Kind)
			}
		}
	default:
		return Resolved{}, fmt.Errorf("- needs a number or an interval, got %s", t.Nullable())
	}
	return r, nil
}
