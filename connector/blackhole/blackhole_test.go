package blackhole

import (
	"testing"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

var _ dataflow.Printer = (*Sink)(nil)

func TestSinkCountsRows(t *testing.T) {
	o, err := ParseOptions(map[string]string{"connector": "blackhole"})
	if err != nil || o.Validate() != nil {
		t.Fatal(err)
	}
	s := New(o)
	for _, b := range []*vec.Batch{{N: 5}, {N: 5, Sel: []int32{1, 3}}} {
		if err := s.Print(b); err != nil {
			t.Fatal(err)
		}
	}
	if s.Rows() != 7 || s.Close() != nil {
		t.Errorf("%d rows, want 7", s.Rows())
	}
	if _, err := ParseOptions(map[string]string{"conector": "blackhole"}); err == nil {
		t.Error("an unknown option is accepted")
	}
}
