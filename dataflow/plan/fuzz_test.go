package plan

import (
	"crypto/sha256"
	"errors"
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

// seedScripts are whole scripts of the tests of this package and of the parser, and the
// published queries where they are at hand.
func seedScripts(tb testing.TB) []string {
	tb.Helper()
	var out []string
	for _, pattern := range []string{"testdata/*/*.sql", "../sql/testdata/*.sql"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			tb.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				tb.Fatal(err)
			}
			prelude, rest, ok := strings.Cut(string(text), "\n====\n")
			if !ok {
				out = append(out, string(text))
				continue
			}
			for _, s := range strings.Split(rest, "\n----\n") {
				out = append(out, prelude+"\n"+s)
			}
		}
	}
	text, err := os.ReadFile("../../../shared/nexmark/queries.yaml")
	if errors.Is(err, os.ErrNotExist) {
		return out
	}
	var set map[string]map[string]string
	if err = errors.Join(err, yaml.Unmarshal(text, &set)); err != nil {
		tb.Fatal(err)
	}
	ddl := strings.ReplaceAll(set["ddl"]["ddl_gen"]+set["ddl"]["ddl_views"], "${NEXMARK_TABLE}", "datagen")
	for _, part := range []string{"queries", "patterns"} {
		for _, name := range slices.Sorted(maps.Keys(set[part])) {
			out = append(out, ddl+set[part][name])
		}
	}
	return out
}

// FuzzBuild plans whatever parses: it must not panic, every diagnostic has its place, and
// the same text gives the same plan.
func FuzzBuild(f *testing.F) {
	for _, text := range seedScripts(f) {
		f.Add(text)
	}
	f.Fuzz(checkBuild)
}

// FuzzSplice plans scripts put together of pieces of others. A text that fails belongs to
// the seeds of FuzzBuild.
func FuzzSplice(f *testing.F) {
	seeds := seedScripts(f)
	corpus := sqlfuzz.New(seeds...)
	for i, text := range seeds {
		f.Add(text, []byte{})
		f.Add(text, []byte{1, byte(i * 7), byte(i), 1, byte(i * 3), 2, 1, byte(i), byte(i * 5), 0, 3})
	}
	f.Fuzz(func(t *testing.T, text string, edits []byte) { checkBuild(t, corpus.Mutate(text, edits)) })
}

// FuzzBind plans generated queries over a catalog with columns of every kind. A text that
// fails belongs to the seeds of FuzzBuild.
func FuzzBind(f *testing.F) {
	for i := range 200 {
		sum := sha256.Sum256([]byte{byte(i)})
		more := sha256.Sum256(sum[:])
		f.Add(append(sum[:], more[:]...))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkBuild(t, genCatalog+generate(data)) })
}

// checkBuild plans a script twice.
func checkBuild(t *testing.T, text string) {
	if len(text) > 20_000 {
		return
	}
	script, err := sql.Parse("q.sql", text)
	if err != nil && len(script.Statements) == 0 {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("panic planning:\n%s", text)
			panic(r)
		}
	}()
	one, err1 := build(script)
	two, err2 := build(script)
	if (err1 == nil) != (err2 == nil) || err1 != nil && err1.Error() != err2.Error() || one != two {
		t.Fatalf("two plans of one text:\n%s\n%s\n%v\n%v\n%s", one, two, err1, err2, text)
	}
	if err1 != nil && sql.Locate(err1) == nil {
		t.Fatalf("a diagnostic without a place: %v\n%s", err1, text)
	}
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

// TestGenerated counts how many generated queries parse and plan, so that the generator
// keeps reaching the planner.
func TestGenerated(t *testing.T) {
	parsed, planned, total := 0, 0, 2000
	why := map[string]int{}
	for i := range total {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		more := sha256.Sum256(sum[:])
		text := genCatalog + generate(append(sum[:], more[:]...))
		script, err := sql.Parse("q.sql", text)
		if err != nil {
			why[reason(err)]++
			continue
		}
		parsed++
		if _, err := build(script); err == nil {
			planned++
		} else {
			why[reason(err)]++
		}
	}
	t.Logf("%d of %d parse, %d plan", parsed, total, planned)
	if parsed < total/2 || planned < total/50 {
		t.Errorf("%d of %d generated queries parse, %d plan", parsed, total, planned)
	}
	for _, r := range sortedKeys(why) {
		if why[r] > 5 {
			t.Logf("%3d: %s", why[r], r)
		}
	}
}
