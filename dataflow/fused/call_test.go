package fused

import (
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// TestLargeResultsAreLeftToTheInterpreter calls a function with a result that the results of a
// row are judged together for.
func TestLargeResultsAreLeftToTheInterpreter(t *testing.T) {
	n, err := expr.NewCall("REPEAT", expr.NewCol(0, "s", types.TString), expr.NewCol(1, "n", types.TInt))
	if err != nil {
		t.Fatal(err)
	}
	var c Call
	if err := c.Bind(&expr.Env{}, n, 0); err != nil {
		t.Fatal(err)
	}
	for times, want := range map[int64]bool{3: true, 1 << 20: true, 1<<20 + 1: false, 1 << 30: false} {
		c.SetBytes(0, []byte("x"))
		c.SetInt(1, times)
		if got := c.Eval(); got != want {
			t.Errorf("%d bytes: %v", times, got)
		}
	}
}
