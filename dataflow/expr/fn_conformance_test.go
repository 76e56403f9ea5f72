package expr

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFunctionConformance runs the function cases of the conformance suite, where it is
// at hand, that the parser of these tests can read.
func TestFunctionConformance(t *testing.T) {
	dir := os.Getenv("EDGEFLOW_CONFORMANCE")
	if dir == "" {
		dir = "../../../shared/conformance/scalar"
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*_test.yaml"))
	if len(files) == 0 {
		t.Skip("no conformance suite")
	}
	for _, f := range files {
		base := strings.TrimSuffix(filepath.Base(f), "_test.yaml")
		switch base {
		case "fn_string", "fn_regexp", "fn_url", "fn_utf8", "fn_inet", "fn_map", "fn_collection", "fn_json", "scalar_functions", "fn_misc":
			t.Run(base, func(t *testing.T) { conformanceFile(t, f) })
		}
	}
}

func conformanceFile(t *testing.T, path string) {
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	passed, unknown := 0, 0
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		text, ok := strings.CutPrefix(sc.Text(), "- ")
		if !ok {
			continue
		}
		var c sqlCase
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		problem, known := c.run()
		switch {
		case !known:
			unknown++
			t.Logf("not read: %.100s: %s", c.SQL, problem)
		case problem != "":
			t.Errorf("%.300s: %s", c.SQL, problem)
		default:
			passed++
		}
	}
	t.Logf("%d passed, %d not read", passed, unknown)
}
