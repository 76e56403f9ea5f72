package print

import (
	"bytes"
	"errors"
	"testing"

	"github.com/edgeflow/edgeflow/connector/internal/with"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

var _ dataflow.Printer = (*Sink)(nil)

func TestLines(t *testing.T) {
	b := vec.NewBatch([]types.Type{types.TInt, types.TString, types.TBoolean, types.TimestampOf(3), types.DecimalOf(5, 2)})
	for i := range 3 {
		b.Cols[0].I64[i] = int64(i)
		b.Cols[1].SetString(i, "Alice")
		b.Cols[2].I64[i] = int64(i & 1)
		b.Cols[3].I64[i] = 1577836800123000
		b.Cols[4].I64[i] = 150
	}
	b.Cols[1].SetNull(2)
	b.N, b.Kinds = 3, []vec.RowKind{vec.Insert, vec.UpdateBefore, vec.Delete}
	b.Sel = []int32{0, 2}
	for _, c := range []struct {
		with map[string]string
		want string
	}{
		{nil, "+I[0, Alice, false, 2020-01-01 00:00:00.123, 1.50]\n-D[2, null, false, 2020-01-01 00:00:00.123, 1.50]\n"},
		{map[string]string{"print-identifier": "out"}, "out> +I[0, Alice, false, 2020-01-01 00:00:00.123, 1.50]\nout> -D[2, null, false, 2020-01-01 00:00:00.123, 1.50]\n"},
	} {
		o, err := ParseOptions(c.with)
		if err != nil || o.Validate() != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		o.Out = &out
		s := New(o)
		if err := s.Print(b); err != nil || out.String() != c.want {
			t.Errorf("%q %v, want %q", out.String(), err, c.want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := ParseOptions(map[string]string{"print-identifer": "x"}); !errors.Is(err, with.ErrOption) {
		t.Errorf("an unknown option: %v", err)
	}
	if _, err := ParseOptions(map[string]string{"standard-error": "maybe"}); !errors.Is(err, with.ErrOption) {
		t.Errorf("a wrong value: %v", err)
	}
}
