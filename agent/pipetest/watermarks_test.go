package pipetest

import (
	"strings"
	"testing"
)

// TestWatermarks runs the pipelines whose devices have clocks that differ.
func TestWatermarks(t *testing.T) {
	var out strings.Builder
	ok, err := Main(&out, []string{"testdata/watermarks_test.yaml"}, Options{Verbose: true})
	if err != nil || !ok || strings.HasPrefix(out.String(), "0 ") {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
