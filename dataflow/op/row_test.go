package op

import (
	"bytes"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// TestRowsAreEncodedAsNestedRows compares with the encoding of ROW values.
func TestRowsAreEncodedAsNestedRows(t *testing.T) {
	ts := []types.Type{types.TBigInt, types.TString, types.TDouble, types.DecimalOf(30, 2), types.TString, types.TInt, types.TBoolean, types.TBytes, types.TString}
	b, out := vec.NewBatch(ts), vec.NewBatch(ts)
	rows := [][]vec.Datum{
		{vec.IntDatum(-7), vec.StringDatum("héllo"), vec.FloatDatum(2.5), {I: -5, Hi: -1}, vec.StringDatum(""), vec.IntDatum(3), vec.BoolDatum(true), vec.BytesDatum([]byte{0, 1}), vec.StringDatum("x")},
		{vec.NullDatum, vec.NullDatum, vec.NullDatum, vec.NullDatum, vec.NullDatum, vec.NullDatum, vec.NullDatum, vec.NullDatum, vec.NullDatum},
		{vec.NullDatum, vec.StringDatum("b"), vec.NullDatum, {I: 1}, vec.NullDatum, vec.IntDatum(0), vec.BoolDatum(false), vec.NullDatum, vec.StringDatum("c")},
	}
	var fields []types.Field
	for i, c := range ts {
		fields = append(fields, types.Field{Name: string(rune('a' + i)), Type: c})
	}
	codec := newRowCodec(ts)
	for i, r := range rows {
		for k, d := range r {
			b.Cols[k].Set(i, d)
		}
		got, want := codec.append([]byte("prefix"), b, i)[6:], vec.AppendRow(nil, fields, r)
		if !bytes.Equal(got, want) {
			t.Errorf("row %d: %x, want %x", i, got, want)
		}
		codec.decode(got, out.Cols, i)
		if !sameCells(b.Cols, i, out.Cols, i) {
			t.Errorf("row %d comes back otherwise", i)
		}
	}
}
