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
			Name: "COLLECT", Signature: "COLLECT([DISTINCT] value)", Retractable: true, minArgs: 1, maxArgs: 1, values: 1,
			Doc: "The values that are not NULL as a MULTISET, in their order.",
			resolve: func(args []Node) (types.Type, error) {
				return types.MultisetOf(args[0].Type().Plain()).Required(), nil
			},
			compile: func(c *AggCall, o aggCompile) (aggImpl, error) {
				col, err := argCol(c, 0)
				return &collectAgg{bagAgg: newBagAgg(c.Args[0].Type(), col, o)}, err
			},
		},
		&AggFunc{
			Name: "PERCENTILE", Signature: "PERCENTILE(number, percentage [, frequency])", Retractable: true, minArgs: 2, maxArgs: 3, values: 1,
			Doc:     "The exact percentile by linear interpolation; a percentage is a constant in [0, 1] or an ARRAY of them. Keeps every distinct value.",
			resolve: resolvePercentile, compile: compilePercentile,
		},
	)
}

// bagAgg adds a column's values to a bag.
type bagAgg struct {
	bagState
	col  int
	freq int // column of how often a value counts, or -1
}

func newBagAgg(t types.Type, col int, o aggCompile) bagAgg {
	return bagAgg{bagState: newBagState(t, o.ordinal), col: col, freq: -1}
}

// times is how often row i counts: not at all when its frequency is NULL or not positive.
func (a *bagAgg) times(b *vec.Batch, i int) uint64 {
	if a.freq < 0 {
		return 1
	}
	f := b.Cols[a.freq]
	if f.IsNull(i) || f.I64[i] <= 0 {
		return 0
	}
	return uint64(f.I64[i])
}

// at is the value of cell i; a bag of DOUBLE takes any number.
func (a *bagAgg) at(v *vec.Vector, i int) vec.Datum {
	if a.t.Kind == types.Double {
		return vec.FloatDatum(numberAt(v, i))
	}
	return v.Get(i)
}

func (a *bagAgg) add(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	v := b.Cols[a.col]
	for k, i := range sel {
		if n := a.times(b, int(i)); n > 0 && !v.IsNull(int(i)) {
			a.bagState.put(m, st[k], a.at(v, int(i)), n)
		}
	}
}

func (a *bagAgg) retract(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	v := b.Cols[a.col]
	for k, i := range sel {
		if n := a.times(b, int(i)); n > 0 && !v.IsNull(int(i)) {
			a.bagState.take(m, st[k], a.at(v, int(i)), n)
		}
	}
}

// collectAgg is COLLECT.
type collectAgg struct {
	bagAgg
	counts []byte // scratch: the encoded counts
	large  largeStates
}

func (a *collectAgg) retract(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	a.large.forget()
	a.bagAgg.retract(m, b, st, sel)
}

func (a *collectAgg) result(m *AggStore, st []byte, out *vec.Vector, row int) error {
	if a.large.has(m, st) {
		return errLargeValue
	}
	n, more := 0, 0 // values, and what they take besides their slots
	size := func() int { return vec.MapSize(a.t, types.TInt, n) + more }
	for ok := a.begin(m, st); ok; ok = m.next() {
		d, _ := a.value(m)
		n++
		if more += len(d.B); size() > maxResultBytes {
			return a.large.note(m, st)
		}
	}
	w := vec.BeginMap(out.Grow(), a.counts[:0], a.t, types.TInt, n)
	for ok := a.begin(m, st); ok; ok = m.next() {
		d, n := a.value(m)
		w.Add(d, vec.IntDatum(int64(n)))
	}
	var b []byte
	b, a.counts = w.Bytes()
	out.SetNotNull(row)
	out.EndGrow(row, b)
	return nil
}

func resolvePercentile(args []Node) (types.Type, error) {
	if _, err := numericArg("PERCENTILE", args, 0); err != nil {
		return types.TDouble, err
	}
	if len(args) == 3 {
		if !args[2].Type().IsInteger() {
			return types.TDouble, fmt.Errorf("the frequency of PERCENTILE must be an integer, not %s", args[2].Type())
		}
	}
	return percentages("PERCENTILE", args, 1)
}

// percentages makes argument i a literal of DOUBLE or ARRAY<DOUBLE> within [0, 1], and
// gives the type of the result.
func percentages(name string, args []Node, i int) (types.Type, error) {
	if len(Cols(args[i])) > 0 {
		return types.TDouble, fmt.Errorf("the percentage of %s must be a constant", name)
	}
	t := types.TDouble
	if args[i].Type().Kind == types.Array {
		t = types.ArrayOf(types.TDouble)
	} else if !args[i].Type().IsNumeric() {
		return t, fmt.Errorf("the percentage of %s must be a number or an ARRAY of numbers, not %s", name, args[i].Type())
	}
	n, err := NewCast(args[i], t, false)
	if err != nil {
		return t, err
	}
	d, err := Constant(n, &Env{})
	if err != nil {
		return t, err
	}
	for _, p := range percentageList(d, t) {
		if p.Null || !(p.F >= 0 && p.F <= 1) {
			return t, fmt.Errorf("a percentage of %s must lie in [0, 1]", name)
		}
	}
	args[i] = NewLit(d, t)
	if t.Kind == types.Array {
		return types.ArrayOf(types.TDouble), nil
	}
	return types.TDouble, nil
}

func percentageList(d vec.Datum, t types.Type) []vec.Datum {
	if t.Kind == types.Array && !d.Null {
		return vec.Elems(d.B, *t.Elem)
	}
	return []vec.Datum{d}
}

func compilePercentile(c *AggCall, o aggCompile) (aggImpl, error) {
	col, err := argCol(c, 0)
	if err != nil {
		return nil, err
	}
	a := &percentileAgg{bagAgg: newBagAgg(types.TDouble, col, o)}
	if len(c.Args) == 3 {
		if l, ok := c.Args[2].(*Lit); ok {
			a.constant = l.Value.I
			if a.constant <= 0 {
				return nil, fmt.Errorf("%s: the frequency is not positive", c)
			}
		} else if a.freq, err = argCol(c, 2); err != nil {
			return nil, err
		}
	}
	a.out = newPercentOut(c, 1)
	return a, nil
}

// percentOut writes one percentile or an ARRAY of them.
type percentOut struct {
	at    []vec.Datum // the percentages
	array bool
	vals  []vec.Datum // scratch
	bytes []byte      // scratch
}

func newPercentOut(c *AggCall, i int) percentOut {
	l := c.Args[i].(*Lit)
	return percentOut{at: percentageList(l.Value, l.T), array: l.T.Kind == types.Array}
}

func (p *percentOut) write(out *vec.Vector, row int) {
	out.SetNotNull(row)
	if !p.array {
		out.F64[row] = p.vals[0].F
		return
	}
	p.bytes = vec.AppendArray(p.bytes[:0], types.TDouble, p.vals)
	out.SetBytes(row, p.bytes)
}

// percentileAgg is PERCENTILE.
type percentileAgg struct {
	bagAgg
	constant int64 // frequency that is a literal: it scales all counts and changes no rank's share
	out      percentOut
}

func (a *percentileAgg) result(m *AggStore, st []byte, out *vec.Vector, row int) error {
	total := le(st[a.off:])
	if total == 0 || len(a.out.at) == 0 {
		out.SetNull(row)
		return nil
	}
	scale := uint64(max(a.constant, 1))
	a.out.vals = a.out.vals[:0]
	for _, p := range a.out.at {
		a.out.vals = append(a.out.vals, vec.FloatDatum(a.interpolate(m, st, p.F*float64(total*scale-1)+1, scale)))
	}
	a.out.write(out, row)
	return nil
}

// interpolate is the value between those of the ranks around rank, from 1, when each
// counts scale times.
func (a *percentileAgg) interpolate(m *AggStore, st []byte, rank float64, scale uint64) float64 {
	lo, hi := math.Floor(rank), math.Ceil(rank)
	var seen uint64
	var low float64
	found := false
	for ok := a.begin(m, st); ok; ok = m.next() {
		d, n := a.value(m)
		if found {
			return (hi-rank)*low + (rank-lo)*d.F
		}
		if seen += n * scale; float64(seen) >= lo {
			if low = d.F; float64(seen) >= hi {
				return low
			}
			found = true
		}
	}
	return low
}
