package expr

import (
	"errors"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

var argBitmap = argOf("a BITMAP", Bitmap, isBitmap)

func init() {
	ints := types.ArrayOf(types.TInt)
	argInts := argOf("an ARRAY of INT", ints, func(t types.Type) bool {
		return t.Kind == types.Array && t.Elem.IsInteger() && t.Elem.Kind != types.BigInt
	})
	Register(
		rowDef{name: "BITMAP_BUILD", sig: "BITMAP_BUILD(array)", category: "bitmap",
			doc:  "The BITMAP of the INTs of an array, as unsigned numbers of 32 bits; NULLs are left out.",
			args: []argSpec{argInts("array")}, result: ifArgs(Bitmap), row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
				memo, _ := c.Memo.(*[]uint32)
				if memo == nil {
					memo = new([]uint32)
					c.Memo = memo
				}
				b, vals := bitmapOfInts(c.Buf[:0], vec.Elems(a[0].B, *c.ArgTypes[0].Elem), *memo)
				*memo = vals
				return done(c, b)
			}}.fn(),
		rowDef{name: "BITMAP_CARDINALITY", sig: "BITMAP_CARDINALITY(bitmap)", category: "bitmap", doc: "The number of values of a BITMAP.",
			args: []argSpec{argBitmap("bitmap")}, result: ifArgs(types.TBigInt), row: func(_ *RowCtx, a []vec.Datum) (vec.Datum, error) {
				n, err := bitmapCount(a[0].B)
				return vec.IntDatum(n), err
			}}.fn(),
		rowDef{name: "BITMAP_FROM_BYTES", sig: "BITMAP_FROM_BYTES(bytes)", category: "bitmap", doc: "The BITMAP whose serialization (32-bit Roaring) the bytes are.",
			args: []argSpec{argBinary("bytes")}, result: ifArgs(Bitmap), row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
				b, err := combineBitmaps(c.Buf[:0], a[0].B, emptyBitmap, func(x, _ uint64) uint64 { return x })
				if err != nil {
					return vec.NullDatum, err
				}
				return done(c, b)
			}}.fn(),
		rowDef{name: "BITMAP_TO_ARRAY", sig: "BITMAP_TO_ARRAY(bitmap)", category: "bitmap", doc: "The values of a BITMAP as an ARRAY<INT>, in unsigned order.",
			args: []argSpec{argBitmap("bitmap")}, result: ifArgs(ints), row: bitmapToArray}.fn(),
		rowDef{name: "BITMAP_TO_BYTES", sig: "BITMAP_TO_BYTES(bitmap)", category: "bitmap", doc: "The serialization (32-bit Roaring) of a BITMAP.",
			args: []argSpec{argBitmap("bitmap")}, result: ifArgs(types.TBytes), row: func(_ *RowCtx, a []vec.Datum) (vec.Datum, error) { return a[0], nil }}.fn(),
		rowDef{name: "BITMAP_TO_STRING", sig: "BITMAP_TO_STRING(bitmap)", category: "bitmap", doc: "The values of a BITMAP as {1,2,3}, cut where the text is very long.",
			args: []argSpec{argBitmap("bitmap")}, result: ifArgs(types.TString), row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
				return done(c, appendBitmapText(c.Buf[:0], a[0].B))
			}}.fn(),
	)
	for _, f := range []struct {
		name, doc string
		op        func(x, y uint64) uint64
	}{
		{"BITMAP_AND", "The values that are in both BITMAPs.", func(x, y uint64) uint64 { return x & y }},
		{"BITMAP_OR", "The values that are in one of the BITMAPs.", func(x, y uint64) uint64 { return x | y }},
		{"BITMAP_XOR", "The values that are in exactly one of the BITMAPs.", func(x, y uint64) uint64 { return x ^ y }},
		{"BITMAP_ANDNOT", "The values of the first BITMAP that are not in the second.", func(x, y uint64) uint64 { return x &^ y }},
	} {
		Register(rowDef{name: f.name, sig: f.name + "(bitmap1, bitmap2)", category: "bitmap", doc: f.doc,
			args: []argSpec{argBitmap("bitmap1"), argBitmap("bitmap2")}, result: ifArgs(Bitmap),
			row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
				b, err := combineBitmaps(c.Buf[:0], a[0].B, a[1].B, f.op)
				if err != nil {
					return vec.NullDatum, err
				}
				return done(c, b)
			}}.fn())
	}
}

// emptyBitmap is the serialization of the empty set.
var emptyBitmap = (&bitmapWriter{}).finish(nil)

func bitmapToArray(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
	n, err := bitmapCount(a[0].B)
	if err == nil {
		err = checkSize("BITMAP_TO_ARRAY", int64(vec.ArraySize(types.TInt, int(n))))
	}
	if err != nil {
		return vec.NullDatum, err
	}
	w := vec.BeginArray(c.Buf[:0], types.TInt, int(n))
	err = eachOfBitmap(a[0].B, func(v uint32) bool {
		if n--; n >= 0 {
			w.Add(vec.IntDatum(int64(int32(v))))
		}
		return n >= 0
	})
	if err == nil && n != 0 {
		err = errors.New("BITMAP_TO_ARRAY: the bitmap does not have as many values as it says")
	}
	if err != nil {
		return vec.NullDatum, err
	}
	return done(c, w.Bytes())
}
