package op_test

import (
	"slices"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/op/optest"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func TestUnnest(t *testing.T) {
	pair := types.RowOf(types.Field{Name: "x", Type: types.TInt}, types.Field{Name: "y", Type: types.TString})
	array := func(vals ...vec.Datum) vec.Datum { return vec.BytesDatum(vec.AppendArray(nil, pair, vals)) }
	row := func(x int64, y string) vec.Datum {
		return vec.BytesDatum(vec.AppendRow(nil, pair.Fields, []vec.Datum{vec.IntDatum(x), vec.StringDatum(y)}))
	}
	bag := types.MultisetOf(types.TString)
	bagOf := func(word string, n int64) vec.Datum {
		return vec.BytesDatum(vec.AppendMap(nil, types.TString, types.TInt, []vec.Datum{vec.StringDatum(word)}, []vec.Datum{vec.IntDatum(n)}))
	}
	in := []types.Type{types.TBigInt, types.ArrayOf(pair), bag}
	events := []optest.Event{
		{Row: []vec.Datum{vec.IntDatum(1), array(row(10, "a"), vec.NullDatum), bagOf("w", 2)}},
		{Row: []vec.Datum{vec.IntDatum(2), vec.NullDatum, vec.NullDatum}},
		{Row: []vec.Datum{vec.IntDatum(3), array(row(30, "c")), bagOf("v", 1)}},
		{Row: []vec.Datum{vec.IntDatum(3), array(row(30, "c")), bagOf("v", 1)}, Kind: vec.Delete},
	}
	for _, c := range []struct {
		cfg  op.UnnestConfig
		want []string
	}{
		{op.UnnestConfig{Arg: expr.NewCol(1, "a", in[1]), Pass: []int{0}, Ordinality: true, Output: []types.Type{in[0], types.TInt, types.TString, types.TInt}},
			[]string{"[1, 10, a, 1]", "[1, null, null, 2]"}},
		{op.UnnestConfig{Arg: expr.NewCol(1, "a", in[1]), Pass: []int{0}, Outer: true, Output: []types.Type{in[0], types.TInt, types.TString}},
			[]string{"[1, 10, a]", "[1, null, null]", "[2, null, null]"}},
		{op.UnnestConfig{Arg: expr.NewCol(2, "m", bag), Output: []types.Type{types.TString}}, []string{"[w]", "[w]"}},
		{op.UnnestConfig{Arg: expr.NewCol(0, "n", in[0]), Pass: []int{0}, Output: in[:1]}, []string{"[1]", "[2]", "[2]"}},
	} {
		c.cfg.Input, c.cfg.Updates = in, true
		r := optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewUnnest(c.cfg) }, Input: in, Events: events})
		if !slices.Equal(r.Final, c.want) {
			t.Errorf("%v: got %q, want %q", c.cfg.Arg, r.Final, c.want)
		}
	}
	if _, err := op.NewUnnest(op.UnnestConfig{Arg: expr.NewCol(0, "s", types.TString)}); err == nil {
		t.Error("a STRING has elements")
	}
}
