package pipetest

import (
	"bytes"
	"testing"
)

// TestOrder runs Top-N, deduplication, OVER, ORDER BY and LIMIT as pipelines.
func TestOrder(t *testing.T) {
	var out bytes.Buffer
	ok, err := Main(&out, []string{"testdata/order_test.yaml"}, Options{Verbose: true})
	if err != nil || !ok {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
