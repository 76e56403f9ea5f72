package sql_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/sql/sqlfuzz"
)

// seedTexts are the scripts to cut into pieces: those of the tests of this package and of
// the planner, and the published queries where they are at hand.
func seedTexts(tb testing.TB) []string {
	var out []string
	for _, pattern := range []string{"testdata/*.sql", "../plan/testdata/*/*.sql"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			tb.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				tb.Fatal(err)
			}
			out = append(out, strings.NewReplacer("\n====\n", ";\n", "\n----\n", ";\n").Replace(string(text)))
		}
	}
	var set map[string]map[string]string
	if text, err := os.ReadFile("../../../shared/nexmark/queries.yaml"); err == nil {
		if err := yaml.Unmarshal(text, &set); err != nil {
			tb.Fatal(err)
		}
		for _, part := range []string{"ddl", "queries", "patterns"} {
			for _, name := range slices.Sorted(maps.Keys(set[part])) {
				out = append(out, set[part][name])
			}
		}
	}
	return out
}

// FuzzSplice parses scripts put together of pieces of others: whatever parses prints, and
// what is printed parses to what prints the same. A text that fails belongs to the seeds
// of FuzzParse.
func FuzzSplice(f *testing.F) {
	seeds := seedTexts(f)
	corpus := sqlfuzz.New(seeds...)
	for i, text := range seeds {
		for j, stmt := range strings.SplitAfter(text, ";\n") {
			f.Add(stmt, []byte{byte(i), byte(j), 1, byte(i * 7), byte(j * 3), 2, 1})
		}
	}
	f.Fuzz(func(t *testing.T, text string, edits []byte) {
		text = corpus.Mutate(text, edits)
		s, err := sql.Parse("fuzz", text)
		if err != nil {
			for _, e := range err.(sql.Errors) {
				if e.Pos.Offset > len(text) || e.End.Offset > len(text) || e.Pos.Line == 0 {
					t.Errorf("error outside of the text: %+v\n%s", e, text)
				}
			}
		}
		printed := s.String()
		again, err := sql.Parse("printed", printed)
		if err != nil {
			t.Fatalf("printed script does not parse: %v\nof: %s", err, text)
		}
		if p := again.String(); p != printed {
			t.Fatalf("%s\nprints as\n%s\nand that as\n%s", text, printed, p)
		}
	})
}
