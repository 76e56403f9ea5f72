package pipetest

import (
	"strings"
	"testing"
)

// TestHaving runs the pipelines whose groups are tested against other rows.
func TestHaving(t *testing.T) {
	var out strings.Builder
	ok, err := Main(&out, []string{"testdata/having_test.yaml"}, Options{Verbose: true})
	if err != nil || !ok || strings.HasPrefix(out.String(), "0 ") {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
