package codegen

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

var update = flag.Bool("update", false, "write the packages below golden anew")

func compile(t testing.TB, name, text string) *plan.Plan {
	t.Helper()
	s, err := sql.Parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(s, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The packages below golden are what the generator makes of their pipelines.
func TestGolden(t *testing.T) {
	scripts, err := filepath.Glob("golden/*/pipeline.sql")
	if err != nil || len(scripts) == 0 {
		t.Fatal(scripts, err)
	}
	for _, script := range scripts {
		dir := filepath.Dir(script)
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.ReplaceAll(filepath.Base(dir), "_", "")
		pkg, err := Generate(compile(t, script, string(text)), Options{Package: name, Source: string(text)})
		if err != nil {
			t.Errorf("%s: %v", script, err)
			continue
		}
		for _, f := range pkg.Fallbacks {
			t.Errorf("%s: %s of %s: %s", script, f.Node, f.Source, f.Reason)
		}
		old, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range old {
			if pkg.Files[filepath.Base(f)] != nil {
				continue
			}
			t.Errorf("%s is not generated", f)
			if *update {
				if err := os.Remove(f); err != nil {
					t.Error(err)
				}
			}
		}
		for f, want := range pkg.Files {
			path := filepath.Join(dir, f)
			if *update {
				if err := os.WriteFile(path, want, 0o644); err != nil {
					t.Error(err)
				}
			} else if got, err := os.ReadFile(path); err != nil || string(got) != string(want) {
				t.Errorf("%s is not what the generator makes (%v): go generate ./codegen/golden", path, err)
			}
		}
	}
}
