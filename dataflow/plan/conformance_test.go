package plan

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// conformanceDir holds the conformance cases beside the repository, where they are there.
const conformanceDir = "../../../shared/conformance"

type conformanceCase struct {
	Name   string            `yaml:"name"`
	SQL    string            `yaml:"sql"`
	Set    map[string]string `yaml:"set"`
	Expect []struct {
		Error any `yaml:"error"`
	} `yaml:"expect"`
}

// mustPlan are the areas of which every case must plan, but for the named ones.
var mustPlan = []string{"calc", "union", "values", "group_aggregate", "window_aggregate", "window_table_function", "watermark_assigner"}

// unplanned names the cases of those areas that are not planned, with the reason.
var unplanned = map[string]string{
	"calc-coalesce-nested-row-left-join":           "a join",
	"CalcITCase.testSelectWithLegacyCastIntToDate": "an INT and a DATE have no common type; Flink takes the first in a legacy mode",
}

func readCases(t *testing.T, file string) []conformanceCase {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var out []conformanceCase
	for d := yaml.NewDecoder(f); ; {
		var c conformanceCase
		err := d.Decode(&c)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if c.SQL != "" {
			out = append(out, c)
		}
	}
}

// TestConformance counts, by file, the cases that plan.
func TestConformance(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(conformanceDir, "*_test.yaml"))
	if len(files) == 0 {
		t.Skip("no conformance cases beside the repository")
	}
	sort.Strings(files)
	total, planned := 0, 0
	reasons := map[string]int{}
	for _, file := range files {
		area := strings.TrimSuffix(filepath.Base(file), "_test.yaml")
		must := slices.Contains(mustPlan, strings.TrimPrefix(area, "itcase_"))
		ok, n := 0, 0
		for _, c := range readCases(t, file) {
			n++
			err := planCase(c)
			wantsError := len(c.Expect) > 0 && c.Expect[0].Error != nil
			if err == nil || wantsError {
				ok++
				continue
			}
			if must && unplanned[c.Name] == "" {
				t.Errorf("%s: %v", c.Name, err)
			} else {
				reasons[reason(err)]++
			}
		}
		t.Logf("%-40s %3d of %3d plan", area, ok, n)
		total, planned = total+n, planned+ok
	}
	t.Logf("%d of %d plan", planned, total)
	for _, r := range sortedKeys(reasons) {
		t.Logf("%3d: %s", reasons[r], r)
	}
}

// reason is an error's message without its place.
func reason(err error) string {
	if e := sql.Locate(err); e != nil {
		return strings.SplitN(e.Msg, "\n", 2)[0]
	}
	return err.Error()
}

func planCase(c conformanceCase) error {
	script, err := sql.Parse(c.Name, c.SQL)
	if err != nil {
		return err
	}
	p, err := Build(script, Options{Set: c.Set})
	if err != nil {
		return err
	}
	if err := checkPlan(p); err != nil {
		return err
	}
	return p.Explain(io.Discard)
}
