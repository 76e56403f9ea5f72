package expr

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// argCount checks the number of arguments; most < 0 means any number from least.
func argCount(name string, args []Node, least, most int) error {
	if len(args) >= least && (most < 0 || len(args) <= most) {
		return nil
	}
	want := fmt.Sprint(least)
	switch {
	case most < 0:
		want += " or more"
	case most > least:
		want += fmt.Sprintf(" to %d", most)
	}
	return fmt.Errorf("%s takes %s arguments, got %d", name, want, len(args))
}

// wrongArg is the error of argument i (from 0) having the wrong type.
func wrongArg(name string, i int, want string, got types.Type) error {
	return fmt.Errorf("argument %d of %s must be %s, not %s", i+1, name, want, got.Nullable())
}

// typesOf are the arguments' types, a bare NULL taking the type null.
func typesOf(args []Node, null types.Type) []types.Type {
	ts := make([]types.Type, len(args))
	for i, a := range args {
		ts[i] = a.Type().Plain()
		if ts[i].Kind == types.Null {
			ts[i] = null.Nullable()
		}
	}
	return ts
}

// strictType is t, NOT NULL when all of ts are.
func strictType(t types.Type, ts ...types.Type) types.Type {
	for _, a := range ts {
		if !a.NotNull {
			return t.Nullable()
		}
	}
	return t.Required()
}

// symbolOf is the keyword that a node is, or "".
func symbolOf(n Node) string {
	if l, ok := n.(*Lit); ok && l.T.Kind == types.Symbol {
		return string(l.Value.B)
	}
	return ""
}

// constantOf is the value of an argument without columns and volatile functions; ok is
// false for others and for those that fail.
func constantOf(n Node) (d vec.Datum, ok bool) {
	if l, isLit := n.(*Lit); isLit {
		return l.Value, true
	}
	if len(Cols(n)) > 0 || !Deterministic(n) {
		return d, false
	}
	d, err := Constant(n, &Env{})
	return d, err == nil
}

// int64Kernel is a strict kernel that maps the integer cells of its last argument.
func int64Kernel(fn func(i int64) int64) Kernel {
	return func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		x, z := a[len(a)-1].I64, out.I64
		if sel == nil {
			x, z = x[:n], z[:n]
			for i := range z {
				z[i] = fn(x[i])
			}
			return
		}
		for _, i := range sel {
			z[i] = fn(x[i])
		}
	}
}

// float64Kernel is a strict kernel that maps the cells of its argument.
func float64Kernel(fn func(f float64) float64) Kernel {
	return func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		x, z := a[0].F64, out.F64
		for j := range rows(n, sel) {
			i := row(sel, j)
			z[i] = fn(x[i])
		}
	}
}

// decimalMap is a strict kernel over DECIMAL cells; ok false makes a cell NULL.
func decimalMap(fn func(x Int128) (z Int128, ok bool)) Kernel {
	return func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		for j := range rows(n, sel) {
			i := row(sel, j)
			if out.IsNull(i) {
				continue
			}
			if z, ok := fn(decimalAt(a[0], i)); ok {
				setDecimal(out, i, z)
			} else {
				out.SetNull(i)
			}
		}
	}
}
