package pipetest

import (
	"strings"
	"testing"
)

// TestWindows runs the pipelines of windows, late rows and keyed sinks.
func TestWindows(t *testing.T) {
	var out strings.Builder
	ok, err := Main(&out, []string{"testdata/windows_test.yaml"}, Options{Verbose: true})
	if err != nil || !ok || strings.HasPrefix(out.String(), "0 ") {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
