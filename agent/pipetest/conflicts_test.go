package pipetest

import (
	"strings"
	"testing"
)

// TestConflicts runs the pipelines whose rows share the primary key of their sink.
func TestConflicts(t *testing.T) {
	var out strings.Builder
	ok, err := Main(&out, []string{"testdata/conflicts_test.yaml"}, Options{Verbose: true})
	if err != nil || !ok || strings.HasPrefix(out.String(), "0 ") {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
