package sql

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// sharedDir holds cases taken from Flink's own tests, where they are at hand.
const sharedDir = "../../../shared"

// conformanceCase is what these tests read of a case; the rest is for others.
type conformanceCase struct {
	Name        string           `yaml:"name"`
	SQL         string           `yaml:"sql"`
	Expect      []map[string]any `yaml:"expect"`
	Expressions []struct {
		SQL   string `yaml:"sql"`
		Error bool   `yaml:"error"`
	} `yaml:"expressions"`
}

// refused tells whether the case expects an error.
func (c *conformanceCase) refused() bool {
	for _, e := range c.Expect {
		if _, is := e["error"]; is {
			return true
		}
	}
	return false
}

func readCases(t *testing.T, pattern string) []conformanceCase {
	files, err := filepath.Glob(filepath.Join(sharedDir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("no shared cases at hand")
	}
	var cases []conformanceCase
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		dec := yaml.NewDecoder(bytes.NewReader(text))
		for {
			var c conformanceCase
			if err := dec.Decode(&c); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			c.Name = filepath.Base(f) + ": " + c.Name
			cases = append(cases, c)
		}
	}
	return cases
}

func TestConformancePipelinesParse(t *testing.T) {
	parsed, refused, statements := 0, 0, 0
	for _, c := range readCases(t, "conformance/*.yaml") {
		if c.SQL == "" {
			continue
		}
		s, err := Parse(c.Name, c.SQL)
		if err != nil {
			refused++
			if !c.refused() {
				t.Errorf("%v", err)
			}
			continue
		}
		parsed++
		statements += len(s.Statements)
		checkScriptRoundTrip(t, s)
		for _, stmt := range s.Statements {
			checkWalk(t, stmt)
			checkSpans(t, s.Source, stmt)
		}
	}
	t.Logf("%d pipelines of %d statements parse, %d that must fail do so here", parsed, statements, refused)
}

func TestConformanceExpressionsParse(t *testing.T) {
	parsed, refused, skipped := 0, 0, 0
	for _, c := range readCases(t, "conformance/scalar/*.yaml") {
		for _, x := range c.Expressions {
			e, err := ParseExpr(c.Name, x.SQL)
			if err != nil {
				switch {
				case x.Error:
					refused++
				case valueInType(x.SQL):
					skipped++
				default:
					t.Errorf("%v", err)
				}
				continue
			}
			parsed++
			checkExprRoundTrip(t, e)
		}
	}
	t.Logf("%d expressions parse, %d that must fail do so here, %d are no SQL", parsed, refused, skipped)
}

// valueInType tells whether a case has a value where the type of a row has the
// name of a field. Such cases are not SQL: the names of the test's columns were
// replaced by values inside types, too, when the cases were written down.
func valueInType(s string) bool {
	return strings.Contains(s, "ROW<CAST(") || strings.Contains(s, "AS ROW(CAST(")
}

func TestNexmarkParses(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(sharedDir, "nexmark/queries.yaml"))
	if err != nil {
		t.Skip("no shared cases at hand")
	}
	var groups map[string]map[string]string
	if err := yaml.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	parsed := 0
	for group, queries := range groups {
		for name, query := range queries {
			query = strings.ReplaceAll(query, "${NEXMARK_TABLE}", "datagen")
			s, err := Parse(group+"/"+name, query)
			if err != nil {
				t.Errorf("%v", err)
				continue
			}
			parsed++
			checkScriptRoundTrip(t, s)
		}
	}
	t.Logf("%d texts parse", parsed)
}
