package expr

import (
	"bytes"
	"fmt"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	registerAggs(
		&AggFunc{
			Name: "MIN", Signature: "MIN(value)", Retractable: true, minArgs: 1, maxArgs: 1, values: 1, ignoreDistinct: true,
			Doc:     "The least value. Over an updating input every value is kept.",
			resolve: func(args []Node) (types.Type, error) { return comparableArg("MIN", args) },
			compile: compileMinMax(false),
		},
		&AggFunc{
			Name: "MAX", Signature: "MAX(value)", Retractable: true, minArgs: 1, maxArgs: 1, values: 1, ignoreDistinct: true,
			Doc:     "The greatest value. Over an updating input every value is kept.",
			resolve: func(args []Node) (types.Type, error) { return comparableArg("MAX", args) },
			compile: compileMinMax(true),
		},
	)
}

func comparableArg(name string, args []Node) (types.Type, error) {
	t := args[0].Type()
	if t.IsNested() || t.Kind == types.Symbol || t.Kind == types.Raw {
		return t, fmt.Errorf("%s needs values that can be ordered, not %s", name, t)
	}
	return t.Nullable(), nil
}

func compileMinMax(greatest bool) func(*AggCall, aggCompile) (aggImpl, error) {
	return func(c *AggCall, o aggCompile) (aggImpl, error) {
		col, err := argCol(c, 0)
		if err != nil {
			return nil, err
		}
		t := c.Args[0].Type()
		if o.retract {
			return &extremeTree{bagState: newBagState(t, o.ordinal), col: col, max: greatest}, nil
		}
		return &extremeAgg{slot: newSlotState(t), col: col, max: greatest}, nil
	}
}

// extremeAgg is MIN or MAX over rows that are never taken back; its state is a slot.
type extremeAgg struct {
	aggAt
	slot slotState
	col  int
	max  bool
}

func (a *extremeAgg) size() int { return a.slot.size() }

func (a *extremeAgg) needs() (heap, tree bool) { return a.slot.phys == types.Bytes, false }

func (a *extremeAgg) add(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	v := b.Cols[a.col]
	switch a.slot.phys {
	case types.I64:
		a.addInts(v, st, sel)
	case types.F64:
		a.addFloats(v, st, sel)
	default:
		for k, i := range sel {
			if !v.IsNull(int(i)) {
				a.take(m, st[k][a.off:], v.Get(int(i)))
			}
		}
	}
}

func (a *extremeAgg) addInts(v *vec.Vector, st [][]byte, sel []int32) {
	x, nulls := v.I64, v.HasNulls()
	for k, i := range sel {
		if nulls && v.IsNull(int(i)) {
			continue
		}
		s := st[k][a.off : a.off+16]
		old := int64(le(s[8:]))
		if le(s) == 0 || (x[i] > old) == a.max && x[i] != old {
			putLE(s, 1)
			putLE(s[8:], uint64(x[i]))
		}
	}
}

func (a *extremeAgg) addFloats(v *vec.Vector, st [][]byte, sel []int32) {
	x, nulls := v.F64, v.HasNulls()
	for k, i := range sel {
		if nulls && v.IsNull(int(i)) {
			continue
		}
		s := st[k][a.off : a.off+16]
		next, old := orderedFloat(x[i]), orderedFloat(math.Float64frombits(le(s[8:])))
		if le(s) == 0 || (next > old) == a.max && next != old {
			putLE(s, 1)
			putLE(s[8:], math.Float64bits(x[i]))
		}
	}
}

// take replaces the value of s by d if d is more extreme.
func (a *extremeAgg) take(m *AggStore, s []byte, d vec.Datum) {
	if a.slot.isSet(s) {
		old := a.slot.get(m, s)
		var c int
		if a.slot.phys == types.Bytes {
			c = bytes.Compare(d.B, old.B)
		} else {
			c = compareDatum(d, old, a.slot.t)
		}
		if c == 0 || (c > 0) != a.max {
			return
		}
	}
	a.slot.put(m, s, d)
}

func (a *extremeAgg) retract(*AggStore, *vec.Batch, [][]byte, []int32) {
	panic("expr: MIN or MAX compiled without retraction takes a row back")
}

func (a *extremeAgg) merge(dm *AggStore, dst []byte, sm *AggStore, src []byte) {
	if s := src[a.off:]; a.slot.isSet(s) {
		a.take(dm, dst[a.off:], a.slot.get(sm, s))
	}
}

func (a *extremeAgg) result(m *AggStore, st []byte, out *vec.Vector, row int) error {
	out.Set(row, a.slot.get(m, st[a.off:]))
	return nil
}

func (a *extremeAgg) release(m *AggStore, st []byte) { a.slot.clear(m, st[a.off:]) }

// extremeTree is MIN or MAX over rows that can be taken back: a bag of all values.
type extremeTree struct {
	bagState
	col int
	max bool
}

func (a *extremeTree) add(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	v := b.Cols[a.col]
	for k, i := range sel {
		if !v.IsNull(int(i)) {
			a.bagState.put(m, st[k], v.Get(int(i)), 1)
		}
	}
}

func (a *extremeTree) retract(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	v := b.Cols[a.col]
	for k, i := range sel {
		if !v.IsNull(int(i)) {
			a.bagState.take(m, st[k], v.Get(int(i)), 1)
		}
	}
}

func (a *extremeTree) result(m *AggStore, st []byte, out *vec.Vector, row int) error {
	out.Set(row, a.bagState.extreme(m, st, a.max))
	return nil
}
