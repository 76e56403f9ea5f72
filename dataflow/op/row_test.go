package op

import (
	"bytes"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
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

// TestBuffersOfLargeRowsAreNotKept packs a large row and then a small one.
func TestBuffersOfLargeRowsAreNotKept(t *testing.T) {
	ts := []types.Type{types.TBigInt, types.TString}
	side := newJoinRows(JoinSide{Input: ts, Keys: []int{0}}, []bool{false}, JoinByRow, nil, 0, false)
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.Space("op", state.Layout{Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	side.open(s, "left")
	b := vec.NewBatch(ts)
	b.N = 1
	for _, size := range []int{10, 3 << 20, 10, 100} {
		b.Reset()
		b.Cols[0].I64[0] = int64(size)
		b.Cols[1].SetBytes(0, make([]byte, size))
		key := side.key.codec.append(nil, b, 0)
		side.add(b, 0, key, 0, 0)
		if size < 1<<20 && cap(side.buf) > 1<<20 {
			t.Errorf("a buffer of %d bytes holds a row of %d", cap(side.buf), size)
		}
		if !side.remove(b, 0, key, 0) {
			t.Errorf("a row of %d bytes is not there", size)
		}
	}
}
