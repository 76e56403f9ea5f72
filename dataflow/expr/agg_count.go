package expr

import (
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	registerAggs(&AggFunc{
		Name: "COUNT", Signature: "COUNT(*) or COUNT([DISTINCT] value, ...)", Retractable: true, maxArgs: 16, values: 16,
		Doc: "The number of rows, or of rows in which every argument is not NULL.",
		resolve: func([]Node) (types.Type, error) {
			return types.TBigInt.Required(), nil
		},
		compile: compileCount,
	})
}

// countAgg has the state {rows i64}.
type countAgg struct {
	aggAt
	cols []int
}

func compileCount(c *AggCall, _ aggCompile) (aggImpl, error) {
	a := &countAgg{}
	for i := range c.Args {
		col, err := argCol(c, i)
		if err != nil {
			return nil, err
		}
		a.cols = append(a.cols, col)
	}
	return a, nil
}

func (a *countAgg) size() int { return 8 }

func (a *countAgg) count(b *vec.Batch, st [][]byte, sel []int32, by uint64) {
	nulls := false
	for _, c := range a.cols {
		nulls = nulls || b.Cols[c].HasNulls()
	}
	if !nulls {
		for _, s := range st[:len(sel)] {
			s = s[a.off : a.off+8]
			putLE(s, le(s)+by)
		}
		return
	}
rows:
	for k, i := range sel {
		for _, c := range a.cols {
			if b.Cols[c].IsNull(int(i)) {
				continue rows
			}
		}
		s := st[k][a.off : a.off+8]
		putLE(s, le(s)+by)
	}
}

func (a *countAgg) add(_ *AggStore, b *vec.Batch, st [][]byte, sel []int32) { a.count(b, st, sel, 1) }

func (a *countAgg) retract(_ *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	a.count(b, st, sel, ^uint64(0))
}

func (a *countAgg) merge(_ *AggStore, dst []byte, _ *AggStore, src []byte) {
	putLE(dst[a.off:], le(dst[a.off:])+le(src[a.off:]))
}

func (a *countAgg) result(_ *AggStore, st []byte, out *vec.Vector, row int) error {
	out.SetNotNull(row)
	out.I64[row] = int64(le(st[a.off:]))
	return nil
}

// aggAt is the place of a state, and the methods of an aggregate whose state is all in it.
type aggAt struct{ off int }

func (a *aggAt) place(off int)             { a.off = off }
func (a *aggAt) release(*AggStore, []byte) {}
func (a *aggAt) needs() (heap, tree bool)  { return false, false }
