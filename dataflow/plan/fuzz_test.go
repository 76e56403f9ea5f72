package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// FuzzBuild plans whatever parses: it must not panic, every diagnostic has its place, and
// the same text gives the same plan.
func FuzzBuild(f *testing.F) {
	seeds, _ := filepath.Glob("testdata/*/*.sql")
	more, _ := filepath.Glob("../sql/testdata/*/*.sql")
	more2, _ := filepath.Glob("../sql/testdata/*.sql")
	for _, file := range append(append(seeds, more...), more2...) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		prelude, rest, ok := strings.Cut(string(text), "\n====\n")
		if !ok {
			f.Add(string(text))
			continue
		}
		for _, s := range strings.Split(rest, "\n----\n") {
			f.Add(prelude + "\n" + s)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 20_000 {
			return
		}
		script, err := sql.Parse("q.sql", text)
		if script == nil {
			return
		}
		if err != nil && len(script.Statements) == 0 {
			return
		}
		one, err1 := build(script)
		two, err2 := build(script)
		if (err1 == nil) != (err2 == nil) || err1 != nil && err1.Error() != err2.Error() || one != two {
			t.Fatalf("two plans of one text:\n%s\n%s\n%v\n%v", one, two, err1, err2)
		}
		if err1 != nil && sql.Locate(err1) == nil {
			t.Fatalf("a diagnostic without a place: %v", err1)
		}
	})
}

func build(script *sql.Script) (string, error) {
	p, err := Build(script, Options{})
	if err != nil {
		return "", err
	}
	if err := checkPlan(p); err != nil {
		return "", err
	}
	var b strings.Builder
	err = p.Explain(&b)
	return b.String(), err
}
