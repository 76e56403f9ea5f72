package expr

import (
	"bytes"
	"encoding/binary"
	"math/rand"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func TestBitmapFunctions(t *testing.T) {
	const three = "BITMAP_BUILD(ARRAY[3, 1, -1, 3])"
	runCases(t, []sqlCase{
		{SQL: "BITMAP_TO_STRING(" + three + ")", Expect: "{1,3,4294967295}"},
		{SQL: "CAST(" + three + " AS STRING)", Expect: "{1,3,4294967295}"},
		{SQL: "BITMAP_TO_ARRAY(" + three + ")", Expect: list(1, 3, -1)},
		{SQL: "BITMAP_CARDINALITY(" + three + ")", Expect: 3, Type: "BIGINT"},
		{SQL: "BITMAP_TO_BYTES(BITMAP_BUILD(ARRAY[7]))", Expect: bytesOf("3a300000010000000000000010000000" + "0700")},
		// One run is shorter than five values.
		{SQL: "BITMAP_TO_BYTES(BITMAP_BUILD(ARRAY[1, 2, 3, 4, 5]))", Expect: bytesOf("3b30000001" + "00000400" + "0100" + "01000400")},
		{SQL: "BITMAP_TO_STRING(BITMAP_FROM_BYTES(x'3b30000001000004000100" + "01000400'))", Expect: "{1,2,3,4,5}"},
		{SQL: "BITMAP_TO_STRING(BITMAP_AND(" + three + ", BITMAP_BUILD(ARRAY[1, 2])))", Expect: "{1}"},
		{SQL: "BITMAP_TO_STRING(BITMAP_OR(" + three + ", BITMAP_BUILD(ARRAY[1, 2])))", Expect: "{1,2,3,4294967295}"},
		{SQL: "BITMAP_TO_STRING(BITMAP_XOR(" + three + ", BITMAP_BUILD(ARRAY[1, 2])))", Expect: "{2,3,4294967295}"},
		{SQL: "BITMAP_TO_STRING(BITMAP_ANDNOT(" + three + ", BITMAP_BUILD(ARRAY[1, 2])))", Expect: "{3,4294967295}"},
		{SQL: "BITMAP_FROM_BYTES(x'')", Error: true},
		{SQL: "BITMAP_FROM_BYTES(x'3a30000002000000')", Error: true},
		{SQL: "BITMAP_CARDINALITY(ARRAY[1])", Error: true},
		{SQL: "CAST(" + three + " AS INT)", Error: true},
	})
}

// Sets of every density go through the serialization and back, and equal a map's algebra.
func TestBitmapAlgebra(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	random := func() (map[uint32]bool, []byte) {
		set := map[uint32]bool{}
		var elems []vec.Datum
		for range 1 + r.Intn(4) {
			base, span := uint32(r.Intn(3))<<16|uint32(r.Intn(1<<16)), 1+r.Intn(30000)
			for range r.Intn(12000) {
				v := base + uint32(r.Intn(span))
				set[v] = true
				elems = append(elems, vec.IntDatum(int64(int32(v))))
			}
		}
		b, _ := bitmapOfInts(nil, elems, nil)
		return set, b
	}
	check := func(name string, b []byte, want func(v uint32) bool, universe ...map[uint32]bool) {
		t.Helper()
		n := int64(0)
		for i, m := range universe {
			for v := range m {
				if want(v) && (i == 0 || !universe[0][v]) {
					n++
				}
			}
		}
		got, last := int64(0), int64(-1)
		if err := eachOfBitmap(b, func(v uint32) bool {
			if got++; !want(v) || int64(v) <= last {
				t.Fatalf("%s holds %d after %d", name, v, last)
			}
			last = int64(v)
			return true
		}); err != nil || got != n {
			t.Fatalf("%s: %d values, want %d, error %v", name, got, n, err)
		}
	}
	for range 30 {
		x, a := random()
		y, b := random()
		check("build", a, func(v uint32) bool { return x[v] }, x)
		same, err := combineBitmaps(nil, a, emptyBitmap, func(p, _ uint64) uint64 { return p })
		if err != nil || !bytes.Equal(same, a) {
			t.Fatalf("read and written again: %d bytes of %d, error %v", len(same), len(a), err)
		}
		and, _ := combineBitmaps(nil, a, b, func(p, q uint64) uint64 { return p & q })
		check("and", and, func(v uint32) bool { return x[v] && y[v] }, x, y)
		xor, _ := combineBitmaps(nil, a, b, func(p, q uint64) uint64 { return p ^ q })
		check("xor", xor, func(v uint32) bool { return x[v] != y[v] }, x, y)
	}
}

func FuzzBitmapBytes(f *testing.F) {
	f.Add([]byte{0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 7, 0})
	f.Add([]byte{0x3b, 0x30, 0, 0, 1, 0, 0, 4, 0, 1, 0, 1, 0, 4, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := combineBitmaps(nil, b, emptyBitmap, func(x, _ uint64) uint64 { return x })
		if err != nil {
			return
		}
		n, err := bitmapCount(out)
		if err != nil {
			t.Fatal(err)
		}
		if n < 1000 && len(appendBitmapText(nil, out)) < 2 {
			t.Fatal("no text")
		}
	})
}

// An array of what a few bytes of runs stand for is made without a value of its own for each
// member, and refused beyond the limit of results.
func TestArrayOfAHugeBitmap(t *testing.T) {
	full := func(containers int) []byte { // all values below containers << 16
		b := binary.LittleEndian.AppendUint32(nil, 12347|uint32(containers-1)<<16)
		b = append(b, bytes.Repeat([]byte{0xff}, (containers+7)/8)...)
		for k := range containers {
			b = binary.LittleEndian.AppendUint32(b, uint32(k)|0xffff<<16)
		}
		for k, at := 0, len(b)+4*containers; k < containers; k++ {
			b = binary.LittleEndian.AppendUint32(b, uint32(at+6*k))
		}
		return append(b, bytes.Repeat([]byte{1, 0, 0, 0, 0xff, 0xff}, containers)...)
	}
	c := &RowCtx{}
	d, err := bitmapToArray(c, []vec.Datum{vec.BytesDatum(full(8))})
	if want := vec.ArraySize(types.TInt, 8<<16); err != nil || len(d.B) != want {
		t.Errorf("%d bytes, want %d; %v", len(d.B), want, err)
	}
	if _, err := bitmapToArray(c, []vec.Datum{vec.BytesDatum(full(1 << 16))}); err == nil {
		t.Error("an array of all values is not refused")
	}
	if _, err := bitmapToArray(c, []vec.Datum{vec.BytesDatum(full(33))}); err == nil {
		t.Error("an array of 17 MB is not refused")
	}
}
