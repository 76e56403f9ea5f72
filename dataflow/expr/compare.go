package expr

import (
	"bytes"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	docs := map[string]string{
		"=": "TRUE when the values are equal.", "<>": "TRUE when the values differ.",
		"<": "TRUE when a is less than b.", "<=": "TRUE when a is at most b.",
		">": "TRUE when a is greater than b.", ">=": "TRUE when a is at least b.",
	}
	for op, d := range docs {
		Register(&Func{Name: op, Signature: "a " + op + " b", Doc: d, Category: "comparison",
			Resolve: func(args []Node) (Resolved, error) { return resolveCompare(op, args) }})
	}
	Alias("!=", "<>")
	Alias("==", "=")
	for _, not := range []string{"", "NOT "} {
		name := "IS " + not + "DISTINCT FROM"
		Register(&Func{Name: name, Signature: "a " + name + " b", Category: "comparison",
			Doc:     "Compares two values for being " + map[string]string{"": "different", "NOT ": "equal"}[not] + ", where NULL equals NULL; never NULL itself.",
			Resolve: func(args []Node) (Resolved, error) { return resolveDistinct(name, args, not == "") }})
		Register(&Func{Name: "IS " + not + "NULL", Signature: "a IS " + not + "NULL", Category: "comparison",
			Doc: "Tests for NULL; never NULL itself.",
			Resolve: func(args []Node) (Resolved, error) {
				if len(args) != 1 {
					return Resolved{}, fmt.Errorf("IS %sNULL takes 1 argument, got %d", not, len(args))
				}
				return Resolved{Type: types.TBoolean.Required(), Impl: Impl{Kernel: isNullKernel(not == ""), CallsOnNull: true}}, nil
			}})
	}
}

// compareType is the type to which both sides of a comparison convert: their common type;
// beside a character string, the other side's type if that is a date, time or timestamp.
func compareType(a, b types.Type) (types.Type, error) {
	if t, ok := CommonType(a.Plain(), b.Plain()); ok {
		return t, nil
	}
	t, text := a.Plain(), b
	if a.IsString() {
		t, text = b.Plain(), a
	}
	if text.IsString() {
		switch {
		case t.IsTimestamp() || t.Kind == types.Time:
			t.Prec = max(t.Prec, 3)
			return t, nil
		case t.Kind == types.Date:
			return t, nil
		}
	}
	return types.Type{}, fmt.Errorf("cannot compare %s with %s; cast one of them", a.Nullable(), b.Nullable())
}

func comparable2(op string, args []Node) (types.Type, error) {
	if len(args) != 2 {
		return types.Type{}, fmt.Errorf("%s takes 2 arguments, got %d", op, len(args))
	}
	t, err := compareType(args[0].Type(), args[1].Type())
	if err != nil {
		return t, err
	}
	if t.Kind == types.Null {
		t = types.TBoolean
	}
	return t, nil
}

func resolveCompare(op string, args []Node) (Resolved, error) {
	t, err := comparable2(op, args)
	if err != nil && op != "=" && op != "<>" && len(args) == 2 {
		// An order between a character string and a number is that of numbers.
		switch a, b := args[0].Type(), args[1].Type(); {
		case a.IsString() && b.IsNumeric():
			t, err = stringOperand(b.Plain()), nil
		case a.IsNumeric() && b.IsString():
			t, err = stringOperand(a.Plain()), nil
		}
	}
	if err != nil {
		return Resolved{}, err
	}
	if t.IsNested() || t.Kind == types.Raw {
		if op != "=" && op != "<>" && t.Kind != types.Row && t.Kind != types.Array {
			return Resolved{}, fmt.Errorf("%s values have no order", t.Kind)
		}
	}
	out := types.TBoolean.WithNull(args[0].Type().NotNull && args[1].Type().NotNull)
	return Resolved{Type: out, Args: []types.Type{t, t}, Impl: Impl{Kernel: compareKernel(op, t)}}, nil
}

// The six comparisons come down to three loops: a > b is b < a, a >= b is b <= a, and
// a <> b the negated equality.

func compareKernel(op string, t types.Type) Kernel {
	swap := op == ">" || op == ">="
	not := op == "<>"
	switch op {
	case ">":
		op = "<"
	case ">=":
		op = "<="
	case "<>":
		op = "="
	}
	loop := compareLoop(op, t)
	return func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		x, y := a[0], a[1]
		if swap {
			x, y = y, x
		}
		loop(x, y, out, n, sel)
		if not {
			z := out.I64
			for j := range rows(n, sel) {
				z[row(sel, j)] ^= 1
			}
		}
	}
}

func compareLoop(op string, t types.Type) func(x, y, out *vec.Vector, n int, sel []int32) {
	phys := t.Phys()
	if t.IsNested() {
		return func(x, y, out *vec.Vector, n int, sel []int32) {
			orderLoop(op, x, y, out, n, sel, func(i int) int { return CompareDatum(x.Get(i), y.Get(i), t) })
		}
	}
	switch {
	case phys == types.Wide:
		return func(x, y, out *vec.Vector, n int, sel []int32) {
			if t.Kind == types.Decimal {
				orderLoop(op, x, y, out, n, sel, func(i int) int { return decimalAt(x, i).Cmp(decimalAt(y, i)) })
				return
			}
			orderLoop(op, x, y, out, n, sel, func(i int) int { return cmpPair(x.I64[i], x.Hi[i], y.I64[i], y.Hi[i]) })
		}
	case phys == types.Bytes && op == "=":
		return func(x, y, out *vec.Vector, n int, sel []int32) {
			for j := range rows(n, sel) {
				i := row(sel, j)
				out.I64[i] = 0
				if !out.IsNull(i) && bytes.Equal(x.Bytes(i), y.Bytes(i)) {
					out.I64[i] = 1
				}
			}
		}
	case phys == types.Bytes:
		return func(x, y, out *vec.Vector, n int, sel []int32) {
			orderLoop(op, x, y, out, n, sel, func(i int) int { return bytes.Compare(x.Bytes(i), y.Bytes(i)) })
		}
	case phys == types.F64:
		return func(x, y, out *vec.Vector, n int, sel []int32) {
			scalarLoop(op, x.F64, y.F64, out.I64, n, sel)
		}
	}
	return func(x, y, out *vec.Vector, n int, sel []int32) {
		scalarLoop(op, x.I64, y.I64, out.I64, n, sel)
	}
}

func scalarLoop[T int64 | float64](op string, x, y []T, z []int64, n int, sel []int32) {
	switch op {
	case "=":
		eqLoop(x, y, z, n, sel)
	case "<":
		ltLoop(x, y, z, n, sel)
	default:
		leLoop(x, y, z, n, sel)
	}
}

func eqLoop[T int64 | float64](x, y []T, z []int64, n int, sel []int32) {
	if sel == nil {
		x, y, z = x[:n], y[:n], z[:n]
		for i := range z {
			var v int64
			if x[i] == y[i] {
				v = 1
			}
			z[i] = v
		}
		return
	}
	for _, i := range sel {
		var v int64
		if x[i] == y[i] {
			v = 1
		}
		z[i] = v
	}
}

func ltLoop[T int64 | float64](x, y []T, z []int64, n int, sel []int32) {
	if sel == nil {
		x, y, z = x[:n], y[:n], z[:n]
		for i := range z {
			var v int64
			if x[i] < y[i] {
				v = 1
			}
			z[i] = v
		}
		return
	}
	for _, i := range sel {
		var v int64
		if x[i] < y[i] {
			v = 1
		}
		z[i] = v
	}
}

func leLoop[T int64 | float64](x, y []T, z []int64, n int, sel []int32) {
	if sel == nil {
		x, y, z = x[:n], y[:n], z[:n]
		for i := range z {
			var v int64
			if x[i] <= y[i] {
				v = 1
			}
			z[i] = v
		}
		return
	}
	for _, i := range sel {
		var v int64
		if x[i] <= y[i] {
			v = 1
		}
		z[i] = v
	}
}

// orderLoop compares by a three-way comparison of the cells that are not NULL.
func orderLoop(op string, x, y, out *vec.Vector, n int, sel []int32, cmp func(i int) int) {
	for j := range rows(n, sel) {
		i := row(sel, j)
		out.I64[i] = 0
		if out.IsNull(i) {
			continue
		}
		c := cmp(i)
		if c == 0 && op != "<" || c < 0 && op != "=" {
			out.I64[i] = 1
		}
	}
}

func cmpPair(a, ah, b, bh int64) int {
	switch {
	case a < b || a == b && ah < bh:
		return -1
	case a == b && ah == bh:
		return 0
	}
	return 1
}

// CompareDatum orders two values of a type that are not NULL: -1, 0 or 1. Members of
// nested values that are NULL come first and equal each other; MAPs compare as sets of
// entries for equality, and otherwise by their bytes. NaN is the largest number.
func CompareDatum(a, b vec.Datum, t types.Type) int {
	switch t.Kind {
	case types.Float, types.Double:
		return cmpFloat(a.F, b.F)
	case types.Array:
		na, nb := vec.ArrayLen(a.B), vec.ArrayLen(b.B)
		for i := range min(na, nb) {
			if c := compareMember(vec.ArrayAt(a.B, *t.Elem, i), vec.ArrayAt(b.B, *t.Elem, i), *t.Elem); c != 0 {
				return c
			}
		}
		return na - nb
	case types.Row, types.Structured:
		for i, f := range t.Fields {
			if c := compareMember(vec.RowAt(a.B, t.Fields, i), vec.RowAt(b.B, t.Fields, i), f.Type); c != 0 {
				return c
			}
		}
		return 0
	case types.Map, types.Multiset:
		if equalMaps(a.B, b.B, t) {
			return 0
		}
		if c := bytes.Compare(a.B, b.B); c != 0 {
			return c
		}
		return 1
	case types.Decimal:
		return DecimalValue(a, t).Cmp(DecimalValue(b, t))
	}
	switch t.Phys() {
	case types.Bytes:
		return bytes.Compare(a.B, b.B)
	default:
		return cmpPair(a.I, a.Hi, b.I, b.Hi)
	}
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	case a != a && b != b:
		return 0
	case a != a:
		return 1
	}
	return -1
}

func compareMember(a, b vec.Datum, t types.Type) int {
	switch {
	case a.Null && b.Null:
		return 0
	case a.Null:
		return -1
	case b.Null:
		return 1
	}
	return CompareDatum(a, b, t)
}

func equalMaps(a, b []byte, t types.Type) bool {
	key, val := mapTypes(t)
	ak, av := vec.MapParts(a)
	bk, bv := vec.MapParts(b)
	n := vec.ArrayLen(ak)
	if n != vec.ArrayLen(bk) {
		return false
	}
	return matchEntries(key, ak, bk, n, nil, func(i, j int) bool {
		return compareMember(vec.ArrayAt(ak, key, i), vec.ArrayAt(bk, key, j), key) == 0 &&
			compareMember(vec.ArrayAt(av, val, i), vec.ArrayAt(bv, val, j), val) == 0
	})
}

// mapTypes are the types of the keys and the values of a MAP or MULTISET.
func mapTypes(t types.Type) (key, val types.Type) {
	if t.Kind == types.Multiset {
		return *t.Elem, types.TInt
	}
	return *t.Key, *t.Elem
}

// findKey is the index of a key in an encoded array of keys, or -1.
func findKey(keys []byte, t types.Type, k vec.Datum) int {
	for i := range vec.ArrayLen(keys) {
		if compareMember(vec.ArrayAt(keys, t, i), k, t) == 0 {
			return i
		}
	}
	return -1
}

func isNullKernel(want bool) Kernel {
	return func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		x, z := a[0], out.I64
		for j := range rows(n, sel) {
			i := row(sel, j)
			var v int64
			if x.IsNull(i) == want {
				v = 1
			}
			z[i] = v
		}
	}
}

func resolveDistinct(name string, args []Node, distinct bool) (Resolved, error) {
	t, err := comparable2(name, args)
	if err != nil {
		return Resolved{}, err
	}
	k := func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		x, y := a[0], a[1]
		for j := range rows(n, sel) {
			i := row(sel, j)
			same := compareMember(x.Get(i), y.Get(i), t) == 0
			out.I64[i] = vec.BoolDatum(same != distinct).I
		}
	}
	return Resolved{Type: types.TBoolean.Required(), Args: []types.Type{t, t}, Impl: Impl{Kernel: k, CallsOnNull: true}}, nil
}
