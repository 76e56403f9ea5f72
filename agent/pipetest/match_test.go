package pipetest

import (
	"strings"
	"testing"
)

// TestMatchRecognize runs the pipelines of pattern matches.
func TestMatchRecognize(t *testing.T) {
	var out strings.Builder
	ok, err := Main(&out, []string{"testdata/match_test.yaml"}, Options{Verbose: true})
	if err != nil || !ok || strings.HasPrefix(out.String(), "0 ") {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
