package pipetest

import (
	"strings"
	"testing"
)

// TestJoins runs the pipelines of joins, subqueries and set operations.
func TestJoins(t *testing.T) {
	var out strings.Builder
	ok, err := Main(&out, []string{"testdata/joins_test.yaml"}, Options{Verbose: true})
	if err != nil || !ok || strings.HasPrefix(out.String(), "0 ") {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
