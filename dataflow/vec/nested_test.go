package vec

import (
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

func TestNestedRoundTrip(t *testing.T) {
	inner := []types.Field{{Name: "a", Type: types.TInt}, {Name: "d", Type: types.DecimalOf(30, 2)}, {Name: "s", Type: types.TString}, {Name: "f", Type: types.TDouble}}
	row := AppendRow(nil, inner, []Datum{IntDatum(7), {I: -5, Hi: -1}, StringDatum("héllo"), FloatDatum(2.5)})
	nulls := AppendRow(nil, inner, []Datum{NullDatum, NullDatum, NullDatum, NullDatum})
	elem := types.RowOf(inner...)
	arr := AppendArray([]byte("prefix"), elem, []Datum{BytesDatum(row), NullDatum, BytesDatum(nulls)})[6:]
	if ArrayLen(arr) != 3 || !ArrayAt(arr, elem, 1).Null {
		t.Fatalf("array: %v", Elems(arr, elem))
	}
	got := RowFields(ArrayAt(arr, elem, 0).B, inner)
	if got[0].I != 7 || got[1].I != -5 || got[1].Hi != -1 || string(got[2].B) != "héllo" || got[3].F != 2.5 {
		t.Fatalf("row: %+v", got)
	}
	for i := range inner {
		if !RowAt(ArrayAt(arr, elem, 2).B, inner, i).Null {
			t.Fatalf("field %d is not NULL", i)
		}
	}
	m := AppendMap(nil, types.TString, types.TInt, []Datum{StringDatum("k"), StringDatum("")}, []Datum{NullDatum, IntDatum(2)})
	keys, vals := MapParts(m)
	if string(ArrayAt(keys, types.TString, 0).B) != "k" || len(ArrayAt(keys, types.TString, 1).B) != 0 || !ArrayAt(vals, types.TInt, 0).Null || ArrayAt(vals, types.TInt, 1).I != 2 {
		t.Fatalf("map: %v %v", Elems(keys, types.TString), Elems(vals, types.TInt))
	}
}

func TestVectorCellsSurviveScratchGrowth(t *testing.T) {
	v := New(types.TString)
	v.SetString(0, "first")
	for i := 1; i < BatchSize; i++ {
		v.SetBytes(i, make([]byte, i))
	}
	if string(v.Bytes(0)) != "first" || len(v.Bytes(1000)) != 1000 {
		t.Fatal("a cell changed while the scratch grew")
	}
	v.SetNull(3)
	o := New(types.TString)
	o.Copy(5, v, 3)
	o.Copy(6, v, 0)
	if !o.IsNull(5) || string(o.Bytes(6)) != "first" {
		t.Fatal("copy of cells")
	}
}

// TestScratchOfALargeCellIsLetGo resets a vector that had a cell much larger than others.
func TestScratchOfALargeCellIsLetGo(t *testing.T) {
	v := New(types.TString)
	for _, c := range []struct {
		size int
		kept bool
	}{{1 << 20, true}, {scratchKept + 1, false}} {
		v.SetBytes(0, make([]byte, c.size))
		v.Reset()
		if kept := cap(v.Grow()) >= c.size; kept != c.kept || len(v.Bufs) != 1 || v.Bufs[0] != nil {
			t.Errorf("a cell of %d bytes: its scratch is kept: %v", c.size, kept)
		}
		v.SetString(1, "text")
		if string(v.Bytes(1)) != "text" {
			t.Error("a cell after a reset")
		}
	}
}

// TestSlotWidthIsThatOfTheClass goes over all kinds with a low and a high precision.
func TestSlotWidthIsThatOfTheClass(t *testing.T) {
	for kind := range 256 {
		for _, prec := range []int{3, 38} {
			typ := types.Type{Kind: types.Kind(kind), Prec: prec}
			want := slotSize
			if typ.Phys() == types.Wide {
				want = 2 * slotSize
			}
			if got := slotWidth(&typ); got != want {
				t.Errorf("kind %d, precision %d: %d bytes, want %d", kind, prec, got, want)
			}
		}
	}
}
