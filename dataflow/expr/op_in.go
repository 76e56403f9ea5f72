package expr

import (
	"errors"
	"fmt"
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// inFunc and notInFunc are x [NOT] IN (values): TRUE when one equals x, NULL when none
// does and one of them, or x, is NULL.
var (
	inFunc = &Func{Name: "IN", Signature: "x IN (value, ...)", Category: "comparison", Doc: "TRUE when x equals one of the values."}
	notIn  = &Func{Name: "NOT IN", Signature: "x NOT IN (value, ...)", Category: "comparison", Doc: "TRUE when x equals none of the values."}
)

func init() {
	inFunc.Build = func(args []Node) (Node, error) { return buildIn(args) }
	notIn.Build = func(args []Node) (Node, error) {
		n, err := buildIn(args)
		return negated(n, err, true)
	}
	Register(inFunc, notIn)
}

func buildIn(args []Node) (Node, error) {
	if len(args) < 2 {
		return nil, errors.New("IN needs a value and a list")
	}
	t := args[0].Type().Plain()
	for _, a := range args[1:] {
		c, err := compareType(t, a.Type())
		if err != nil {
			return nil, err
		}
		t = c
	}
	if t.Kind == types.Null {
		t = types.TBoolean
	}
	conv := make([]Node, len(args))
	literal, notNull := true, true
	for i, a := range args {
		c, err := implicitCast(a, t)
		if err != nil {
			return nil, fmt.Errorf("argument %d of IN: %w", i+1, err)
		}
		conv[i] = c
		notNull = notNull && a.Type().NotNull
		if _, ok := c.(*Lit); i > 0 {
			literal = literal && ok
		}
	}
	n := &Call{Func: inFunc, Args: conv, T: types.TBoolean.WithNull(notNull), Impl: Impl{CallsOnNull: true}}
	if literal && !t.IsNested() && t.Phys() != types.Wide {
		n.Impl.Kernel = inSet(conv[1:], t)
	} else {
		n.Impl.Row = func(_ *RowCtx, args []vec.Datum) (vec.Datum, error) { return inList(args[0], args[1:], t), nil }
	}
	return n, nil
}

func inList(x vec.Datum, list []vec.Datum, t types.Type) vec.Datum {
	if x.Null {
		return vec.NullDatum
	}
	null := false
	for _, d := range list {
		if d.Null {
			null = true
		} else if CompareDatum(x, d, t) == 0 {
			return vec.BoolDatum(true)
		}
	}
	if null {
		return vec.NullDatum
	}
	return vec.BoolDatum(false)
}

// inSet looks literals up: short lists one by one, longer ones in a map.
func inSet(list []Node, t types.Type) Kernel {
	null := false
	ints, floats, texts := map[int64]bool{}, map[float64]bool{}, map[string]bool{}
	for _, n := range list {
		d := n.(*Lit).Value
		if d.Null {
			null = true
			continue
		}
		ints[d.I], floats[d.F], texts[string(d.B)] = true, true, true
	}
	const few = 8
	var short []int64
	for i := range ints {
		short = append(short, i)
	}
	slices.Sort(short)
	phys := t.Phys()
	return func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		x := a[0]
		for j := range rows(n, sel) {
			i := row(sel, j)
			if x.IsNull(i) {
				out.SetNull(i)
				continue
			}
			var hit bool
			switch {
			case phys == types.Bytes:
				hit = texts[string(x.Bytes(i))]
			case phys == types.F64:
				hit = floats[x.F64[i]]
			case len(short) <= few:
				hit = slices.Contains(short, x.I64[i])
			default:
				hit = ints[x.I64[i]]
			}
			out.I64[i] = vec.BoolDatum(hit).I
			if !hit && null {
				out.SetNull(i)
			}
		}
	}
}
