//go:build !race

package format

import (
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// TestDecodeAllocatesNothing counts over 2,000 events, so that growth within a batch shows.
func TestDecodeAllocatesNothing(t *testing.T) {
	for _, f := range benchFormats {
		for _, events := range []int{1, 100} {
			d, err := NewDecoder(f.format, beaconWanted, Options{})
			if err != nil {
				t.Fatal(err)
			}
			msg := pack(beacon(t, f.format, f.table), events)
			batch := vec.NewBatch(columnTypes(beaconWanted.Columns))
			if rows := decodeLoop(d, batch, msg, events, 2000); rows != 2000 {
				t.Fatalf("%s: %d rows", f.name, rows)
			}
			if n := testing.AllocsPerRun(5, func() { decodeLoop(d, batch, msg, events, 2000) }); n != 0 {
				t.Errorf("%s, %d events a message: %v allocations", f.name, events, n)
			}
		}
	}
}

var nestedSchema = Schema{Columns: columns("ts", types.TimestampOf(3), "d", types.DecimalOf(30, 5), "row", types.RowOf(types.Field{Name: "a", Type: types.TInt}, types.Field{Name: "b", Type: types.ArrayOf(types.TString)}),
	"m", types.MapOf(types.TString, types.TDouble), "s", types.TString, "bin", types.TBytes)}

const nestedJSON = `{"ts":"2020-01-01 00:00:00.123","d":123.45,"row":{"a":1,"b":["x","y\n"]},"m":{"k":1.5,"l":2},"s":"es\"caped","bin":"aGVsbG8="}`

func TestNestedAllocatesNothing(t *testing.T) {
	b := vec.NewBatch(columnTypes(nestedSchema.Columns))
	d, err := NewDecoder("json", nestedSchema, Options{})
	if err != nil {
		t.Fatal(err)
	}
	decodeLoop(d, b, []byte(nestedJSON), 1, 1)
	for _, name := range []string{"json", "msgpack"} {
		e, err := NewEncoder(name, nestedSchema, Options{})
		if err != nil {
			t.Fatal(err)
		}
		msg, err := e.Append(nil, b, 0)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, 0, 4096)
		if n := testing.AllocsPerRun(5, func() {
			for range 1000 {
				if dst, err = e.Append(dst[:0], b, 0); err != nil {
					t.Fatal(err)
				}
			}
		}); n != 0 {
			t.Errorf("encoding %s: %v allocations", name, n)
		}
		d, err := NewDecoder(name, nestedSchema, Options{})
		if err != nil {
			t.Fatal(err)
		}
		o := vec.NewBatch(columnTypes(nestedSchema.Columns))
		decodeLoop(d, o, msg, 1, 2000)
		if n := testing.AllocsPerRun(5, func() { decodeLoop(d, o, msg, 1, 2000) }); n != 0 {
			t.Errorf("decoding %s: %v allocations", name, n)
		}
	}
}
