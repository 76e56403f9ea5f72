package pipetest

import (
	"strings"
	"testing"
)

// TestBoundedJoins runs the pipelines of joins bounded by time or by a table's version.
func TestBoundedJoins(t *testing.T) {
	var out strings.Builder
	ok, err := Main(&out, []string{"testdata/bounded_joins_test.yaml"}, Options{Verbose: true})
	if err != nil || !ok {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if strings.HasPrefix(out.String(), "0 ") {
		t.Fatal("no case ran")
	}
}
