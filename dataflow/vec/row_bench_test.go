package vec_test

import (
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// BenchmarkRowAt reads the last field of a row of seven.
func BenchmarkRowAt(b *testing.B) {
	var fields []types.Field
	var vals []vec.Datum
	for range 7 {
		fields = append(fields, types.Field{Name: "f", Type: types.TBigInt})
		vals = append(vals, vec.IntDatum(7))
	}
	row := vec.AppendRow(nil, fields, vals)
	for b.Loop() {
		if vec.RowAt(row, fields, 6).I != 7 {
			b.Fatal("another value")
		}
	}
}
