package expr

import (
	"math"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	for _, f := range []struct {
		name, doc    string
		sample, root bool
	}{
		{"VAR_POP", "The population variance", false, false},
		{"VAR_SAMP", "The sample variance", true, false},
		{"STDDEV_POP", "The population standard deviation", false, true},
		{"STDDEV_SAMP", "The sample standard deviation", true, true},
	} {
		registerAggs(&AggFunc{
			Name: f.name, Signature: f.name + "([DISTINCT] number)", Retractable: true, minArgs: 1, maxArgs: 1, values: 1,
			Doc:     f.doc + ", in the type that AVG has. NULL without values; the sample forms also for one value.",
			resolve: func(args []Node) (types.Type, error) { return avgType(f.name, args) },
			compile: func(c *AggCall, _ aggCompile) (aggImpl, error) {
				col, err := argCol(c, 0)
				return &varAgg{col: col, arg: c.Args[0].Type(), t: c.T, sample: f.sample, root: f.root}, err
			},
		})
	}
}

// varAgg has the state {values i64, mean f64, m2 f64}: Welford's mean and sum of squared
// deviations (Technometrics 4, 1962), merged by the formula of Chan et al. (1979).
type varAgg struct {
	aggAt
	col          int
	arg, t       types.Type
	sample, root bool
}

func (a *varAgg) size() int { return 24 }

// numberAt is cell i of a numeric column as a float.
func numberAt(v *vec.Vector, i int) float64 {
	switch {
	case v.Phys == types.F64:
		return v.F64[i]
	case v.Type.Kind == types.Decimal:
		return decimalAt(v, i).Float(v.Type.Scale)
	}
	return float64(v.I64[i])
}

func (a *varAgg) load(s []byte) (n int64, mean, m2 float64) {
	return int64(le(s)), math.Float64frombits(le(s[8:])), math.Float64frombits(le(s[16:]))
}

func (a *varAgg) store(s []byte, n int64, mean, m2 float64) {
	putLE(s, uint64(n))
	putLE(s[8:], math.Float64bits(mean))
	putLE(s[16:], math.Float64bits(m2))
}

func (a *varAgg) add(_ *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	v := b.Cols[a.col]
	for k, i := range sel {
		if v.IsNull(int(i)) {
			continue
		}
		s := st[k][a.off : a.off+24]
		n, mean, m2 := a.load(s)
		x := numberAt(v, int(i))
		if n++; n <= 0 {
			a.store(s, n, 0, 0) // more values were taken back than came
			continue
		}
		d := x - mean
		mean += d / float64(n)
		a.store(s, n, mean, m2+d*(x-mean))
	}
}

func (a *varAgg) retract(_ *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	v := b.Cols[a.col]
	for k, i := range sel {
		if v.IsNull(int(i)) {
			continue
		}
		s := st[k][a.off : a.off+24]
		n, mean, m2 := a.load(s)
		if n <= 1 {
			a.store(s, n-1, 0, 0)
			continue
		}
		x := numberAt(v, int(i))
		old := (mean*float64(n) - x) / float64(n-1)
		a.store(s, n-1, old, max(0, m2-(x-old)*(x-mean)))
	}
}

func (a *varAgg) merge(_ *AggStore, dst []byte, _ *AggStore, src []byte) {
	d, s := dst[a.off:a.off+24], src[a.off:a.off+24]
	nb, mb, m2b := a.load(s)
	if nb == 0 {
		return
	}
	na, ma, m2a := a.load(d)
	n := na + nb
	delta := mb - ma
	a.store(d, n, ma+delta*float64(nb)/float64(n), m2a+m2b+delta*delta*float64(na)*float64(nb)/float64(n))
}

func (a *varAgg) result(_ *AggStore, st []byte, out *vec.Vector, row int) error {
	n, _, m2 := a.load(st[a.off : a.off+24])
	by := n
	if a.sample {
		by--
	}
	if n <= 0 || by <= 0 {
		out.SetNull(row)
		return nil
	}
	x := m2 / float64(by)
	if a.root {
		x = math.Sqrt(x)
	}
	setNumber(out, row, x, a.t)
	return nil
}

// setNumber makes a float a cell of a numeric type: truncated for integers, rounded half up
// for DECIMAL, NULL where it does not fit.
func setNumber(out *vec.Vector, row int, x float64, t types.Type) {
	out.SetNotNull(row)
	switch {
	case t.Kind == types.Float:
		out.F64[row] = float64(float32(x))
	case t.Kind == types.Double:
		out.F64[row] = x
	case t.Kind == types.Decimal:
		d, ok := int128OfFloat(x, 64, t.Scale)
		if !ok {
			out.SetNull(row)
			return
		}
		out.Set(row, DecimalDatum(d, t))
	default:
		out.I64[row] = wrapInt(int64(x), t.Kind)
	}
}
