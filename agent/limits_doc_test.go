package agent_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// The README's table of limits has the defaults that hold.
func TestDocumentedLimits(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(readme), "### Limits")
	if !ok {
		t.Fatal("no section of limits")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	seen := 0
	for _, o := range plan.ConfigOptions() {
		if !strings.HasSuffix(o.Key, "-bytes") && !strings.HasPrefix(o.Key, "edgeflow.memory.") || o.Default() == "0 b" {
			continue
		}
		seen++
		m := regexp.MustCompile("`" + regexp.QuoteMeta(o.Key) + "` ([0-9]+ [a-z]+)").FindStringSubmatch(table)
		if m == nil || m[1] != o.Default() {
			t.Errorf("%s is %s, and the table says %q", o.Key, o.Default(), m)
		}
	}
	if seen < 5 {
		t.Errorf("%d limits", seen)
	}
}
