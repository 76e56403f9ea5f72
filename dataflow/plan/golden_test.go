package plan

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/sql"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// planText plans a script and prints the plan, or the diagnostic.
func planText(name, text string) string {
	script, err := sql.Parse(name, text)
	if err != nil {
		return err.Error() + "\n"
	}
	p, err := Build(script, Options{})
	if err != nil {
		return err.Error() + "\n"
	}
	if err := checkPlan(p); err != nil {
		return name + ": " + err.Error() + "\n"
	}
	var b strings.Builder
	if err := p.Explain(&b); err != nil {
		return err.Error() + "\n"
	}
	for _, x := range p.Explains {
		b.WriteString("\n== EXPLAIN " + strings.Join(x.Details, ", ") + " ==\n")
		if err := x.Plan.Explain(&b); err != nil {
			return err.Error() + "\n"
		}
	}
	return b.String()
}

// golden compares with the file beside a script, or writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-rewrite writes it anew); got:\n%s", file, got)
	}
}

// TestGoldenPlans prints the plan of each testdata/plan/*.sql.
func TestGoldenPlans(t *testing.T) {
	files, _ := filepath.Glob("testdata/plan/*.sql")
	if len(files) == 0 {
		t.Fatal("no scripts in testdata/plan")
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".sql"), func(t *testing.T) {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			got := planText(filepath.Base(f), string(text))
			if strings.HasPrefix(got, filepath.Base(f)+":") {
				t.Fatalf("not planned: %s", got)
			}
			golden(t, strings.TrimSuffix(f, ".sql")+".plan", got)
		})
	}
}

// TestGoldenErrors prints the diagnostics of testdata/error/*.sql: scripts separated by
// lines of dashes, each of which must fail.
func TestGoldenErrors(t *testing.T) {
	files, _ := filepath.Glob("testdata/error/*.sql")
	if len(files) == 0 {
		t.Fatal("no scripts in testdata/error")
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".sql"), func(t *testing.T) {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			prelude, rest, ok := strings.Cut(string(text), "\n====\n")
			if !ok {
				prelude, rest = "", string(text)
			}
			for _, s := range strings.Split(rest, "\n----\n") {
				s = strings.TrimSpace(s)
				got := planText("q.sql", prelude+"\n"+s)
				if !strings.HasPrefix(got, "q.sql:") && !strings.HasPrefix(got, "q.sql ") {
					t.Errorf("no error for: %s\n%s", s, got)
				}
				b.WriteString(got + "\n")
			}
			golden(t, strings.TrimSuffix(f, ".sql")+".txt", b.String())
		})
	}
}
