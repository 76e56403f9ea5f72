package expr

import (
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// distinctAgg hands an inner aggregate the first row of each value, and takes it back with
// the last. Its state is that of a bag over the value, then the inner state.
//
// A call with several arguments counts their tuples: the value is the concatenation of the
// arguments' keys.
type distinctAgg struct {
	bagState
	inner aggImpl
	cols  []int
	args  []types.Type

	tuple []byte
	one   *vec.Batch // scratch: a row with the value in the argument's column
	row   [1]int32
	st    [1][]byte
}

func newDistinctAgg(c *AggCall, o aggCompile) (aggImpl, error) {
	d := &distinctAgg{}
	width := 0
	for i := range c.Args {
		if _, ok := c.Args[i].(*Lit); ok {
			continue
		}
		col, err := argCol(c, i)
		if err != nil {
			return nil, err
		}
		d.cols = append(d.cols, col)
		d.args = append(d.args, c.Args[i].Type())
		width = max(width, col+1)
	}
	if len(d.cols) == 0 {
		return c.Func.compile(c, o)
	}
	t := d.args[0]
	if len(d.cols) > 1 {
		t = types.TBytes
	}
	d.bagState = newBagState(t, o.ordinal)
	o.ordinal |= distinctOrdinal
	var err error
	if d.inner, err = c.Func.compile(c, o); err != nil {
		return nil, err
	}
	d.one = &vec.Batch{N: 1, Cols: make([]*vec.Vector, width)}
	for i, col := range d.cols {
		d.one.Cols[col] = vec.New(d.args[i])
	}
	return d, nil
}

// distinctOrdinal parts the entries of an aggregate within DISTINCT from those of DISTINCT.
const distinctOrdinal = 1 << 15

func (d *distinctAgg) size() int { return d.bagState.size() + d.inner.size() }

func (d *distinctAgg) place(off int) {
	d.bagState.place(off)
	d.inner.place(off + d.bagState.size())
}

func (d *distinctAgg) needs() (heap, tree bool) {
	h, _ := d.inner.needs()
	return h, true
}

// value is the value of a row, or ok is false when an argument is NULL.
func (d *distinctAgg) value(b *vec.Batch, i int) (v vec.Datum, ok bool) {
	if len(d.cols) == 1 {
		v = b.Cols[d.cols[0]].Get(i)
		return v, !v.Null
	}
	d.tuple = d.tuple[:0]
	for j, c := range d.cols {
		x := b.Cols[c].Get(i)
		if x.Null {
			return x, false
		}
		d.tuple = AppendKey(d.tuple, x, d.args[j], false)
	}
	return vec.Datum{B: d.tuple}, true
}

func (d *distinctAgg) add(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	for k, i := range sel {
		if v, ok := d.value(b, int(i)); ok && d.bagState.put(m, st[k], v, 1) {
			d.inner.add(m, b, st[k:k+1], sel[k:k+1])
		}
	}
}

func (d *distinctAgg) retract(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	for k, i := range sel {
		if v, ok := d.value(b, int(i)); ok && d.bagState.take(m, st[k], v, 1) {
			d.inner.retract(m, b, st[k:k+1], sel[k:k+1])
		}
	}
}

// merge adds the values of src; those that dst has not seen go through the inner aggregate.
func (d *distinctAgg) merge(dm *AggStore, dst []byte, sm *AggStore, src []byte) {
	for ok := d.bagState.begin(sm, src); ok; ok = sm.next() {
		x, n := d.bagState.value(sm)
		if !d.bagState.put(dm, dst, x, n) {
			continue
		}
		if len(d.cols) == 1 {
			one := d.one.Cols[d.cols[0]]
			one.Reset()
			one.Set(0, x)
		}
		d.st[0] = dst
		d.inner.add(dm, d.one, d.st[:], d.row[:])
	}
}

func (d *distinctAgg) result(m *AggStore, st []byte, out *vec.Vector, row int) {
	d.inner.result(m, st, out, row)
}

func (d *distinctAgg) release(m *AggStore, st []byte) {
	d.inner.release(m, st)
}
