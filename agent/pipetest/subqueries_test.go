package pipetest

import (
	"strings"
	"testing"
)

// TestSubqueries runs the pipelines of subqueries that are used as values.
func TestSubqueries(t *testing.T) {
	var out strings.Builder
	ok, err := Main(&out, []string{"testdata/subqueries_test.yaml"}, Options{Verbose: true})
	if err != nil || !ok || strings.HasPrefix(out.String(), "0 ") {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
