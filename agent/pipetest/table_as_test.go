package pipetest

import (
	"strings"
	"testing"
)

// TestTableAs runs the pipelines that make tables of queries.
func TestTableAs(t *testing.T) {
	var out strings.Builder
	ok, err := Main(&out, []string{"testdata/table_as_test.yaml"}, Options{Verbose: true})
	if err != nil || !ok || strings.HasPrefix(out.String(), "0 ") {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
