package expr

import (
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	for _, f := range []struct {
		name, doc string
		last      bool
	}{
		{"FIRST_VALUE", "The first value that is not NULL, by order of arrival.", false},
		{"LAST_VALUE", "The last value that is not NULL, by order of arrival.", true},
	} {
		registerAggs(&AggFunc{
			Name: f.name, Signature: f.name + "(value)", Retractable: true, minArgs: 1, maxArgs: 1, values: 1, Doc: f.doc,
			resolve: func(args []Node) (types.Type, error) { return args[0].Type().Nullable(), nil },
			compile: func(c *AggCall, o aggCompile) (aggImpl, error) {
				col, err := argCol(c, 0)
				if err != nil {
					return nil, err
				}
				t := c.Args[0].Type()
				if o.retract {
					return &edgeList{aggList: newAggList(t, col, false, o), last: f.last}, nil
				}
				return &edgeAgg{slot: newSlotState(t), col: col, last: f.last}, nil
			},
		})
	}
	registerAggs(&AggFunc{
		Name: "SINGLE_VALUE", Signature: "SINGLE_VALUE(value)", Retractable: true, minArgs: 1, maxArgs: 1, values: 1,
		Doc:     "The value of a scalar subquery: that of its one row, NULL without rows; of several rows, the first.",
		resolve: func(args []Node) (types.Type, error) { return args[0].Type().Nullable(), nil },
		compile: func(c *AggCall, o aggCompile) (aggImpl, error) {
			col, err := argCol(c, 0)
			if err != nil {
				return nil, err
			}
			return &edgeList{aggList: newAggList(c.Args[0].Type(), col, true, o)}, nil
		},
	})
}

// edgeAgg is the first or last value over rows that are never taken back; its state is a slot.
type edgeAgg struct {
	aggAt
	slot slotState
	col  int
	last bool
}

func (a *edgeAgg) size() int { return a.slot.size() }

func (a *edgeAgg) needs() (heap, tree bool) { return a.slot.phys == types.Bytes, false }

func (a *edgeAgg) add(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	v := b.Cols[a.col]
	for k, i := range sel {
		s := st[k][a.off:]
		if !v.IsNull(int(i)) && (a.last || !a.slot.isSet(s)) {
			a.slot.put(m, s, v.Get(int(i)))
		}
	}
}

func (a *edgeAgg) retract(*AggStore, *vec.Batch, [][]byte, []int32) {
	panic("expr: FIRST_VALUE or LAST_VALUE compiled without retraction takes a row back")
}

func (a *edgeAgg) merge(dm *AggStore, dst []byte, sm *AggStore, src []byte) {
	s, d := src[a.off:], dst[a.off:]
	if a.slot.isSet(s) && (a.last || !a.slot.isSet(d)) {
		a.slot.put(dm, d, a.slot.get(sm, s))
	}
}

func (a *edgeAgg) result(m *AggStore, st []byte, out *vec.Vector, row int) error {
	out.Set(row, a.slot.get(m, st[a.off:]))
	return nil
}

func (a *edgeAgg) release(m *AggStore, st []byte) { a.slot.clear(m, st[a.off:]) }

// edgeList is the first or last value over rows that can be taken back: a list of all.
type edgeList struct {
	aggList
	last bool
}

func (a *edgeList) result(m *AggStore, st []byte, out *vec.Vector, row int) error {
	k := m.prefix(st, a.ordinal, familyList)
	if a.last && !m.beginLast(k) || !a.last && !m.begin(k) {
		out.SetNull(row)
		return nil
	}
	out.Set(row, a.value(m))
	return nil
}
