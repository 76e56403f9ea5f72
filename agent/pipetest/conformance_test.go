package pipetest

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// conformanceDir holds Flink's own cases, beside the checkout when they are there.
const conformanceDir = "../../../shared/conformance"

// complete lists the areas in which every case must pass but for the skips.
var complete = []string{
	"calc", "union", "values", "group_aggregate", "window_aggregate", "window_table_function", "watermark_assigner",
	"changelog_normalize", "changelog_source", "changelog_normalize_semantic", "group_window_aggregate", "group_window", "aggregate", "aggregate_remove", "builtin_aggregates",
	"constraint_enforcer", "deletes_by_key", "expand", "incremental_group_aggregate", "mini_batch_assigner", "sink", "split_aggregate",
	"match_recognize",
	"interval_join", "lookup_join", "lookup_join_semantic", "temporal_join", "window_join",
	"rank", "deduplication", "deduplicate", "window_rank", "window_deduplicate", "over_window", "over_aggregate", "limit", "sort", "sort_limit",
	"temporal_sort",
	"join", "join_semantic", "multi_join", "semi_anti_join_stream", "set_operators", "unnest",
	"table_sink", "table_source_scan", "time_attribute", "timestamp", "window_distinct_aggregate",
}

// skips are the cases of those areas that are not expected to pass, with the reason.
var skips = map[string]string{
	"CalcITCase.testSelectWithLegacyCastIntToDate":                 "a CASE of INT and DATE has no common type; Flink's legacy cast behaviour gives it one",
	"watermark-assigner-pushdown-computed":                         "expects CURRENT_WATERMARK to be forgotten by a restart; here a restart changes no result",
	"window-table-function-hop-tvf-agg-proc-time":                  "Flink's test stops at its third row; the day that passes at the end closes the last window too, as it has to in group-window-aggregate-hop-proc-time",
	"window-table-function-cumulate-tvf-agg-proc-time":             "as the one before",
	"UnnestITCase.testUnnestMultisetWithOrdinality":                "the order of a multiset's elements; here it is that of the values",
	"UnnestITCase.testUnnestWithOrdinalityForChainOfArraysAndMaps": "the order of a map's entries, which Flink's hash decides",
	"UnnestITCase.testUnnestWithOrdinalityForMapWithNullValues":    "as the one before",
}

func area(path string) string {
	name := strings.TrimSuffix(filepath.Base(path), "_test.yaml")
	return strings.TrimPrefix(name, "itcase_")
}

// TestConformance runs Flink's cases and expressions, prints the count per file, and fails
// for a case of a complete area that is not skipped by name.
func TestConformance(t *testing.T) {
	if _, err := os.Stat(conformanceDir); err != nil {
		t.Skip("no conformance cases beside the checkout")
	}
	files, err := Find([]string{conformanceDir})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, a := range complete {
		want[a] = true
	}
	sort.Strings(files)
	passed, failed, scalarPassed, scalarFailed := 0, 0, 0, 0
	for _, f := range files {
		cases, err := Load(f)
		if err != nil {
			t.Fatal(err)
		}
		scalar := filepath.Base(filepath.Dir(f)) == "scalar"
		ok, bad := 0, 0
		for _, c := range cases {
			for i, r := range safeRun(c) {
				if scalar && i < len(c.Expressions) {
					checkScalar(t, c.Expressions[i].SQL, r)
				}
				if r.Err == nil {
					ok++
					if skips[r.Name] != "" {
						t.Errorf("%s passes: take it off the skip list", r.Name)
					}
					continue
				}
				bad++
				if !scalar && want[area(f)] && skips[r.Name] == "" {
					t.Errorf("%s: %s: %v\n%s", filepath.Base(f), r.Name, r.Err, strings.Join(r.Diff, "\n"))
				}
			}
		}
		t.Logf("%-50s %4d passed %4d failed", filepath.Base(f), ok, bad)
		if scalar {
			scalarPassed, scalarFailed = scalarPassed+ok, scalarFailed+bad
		} else {
			passed, failed = passed+ok, failed+bad
		}
	}
	t.Logf("pipelines: %d passed, %d failed; expressions: %d passed, %d failed", passed, failed, scalarPassed, scalarFailed)
}

// checkScalar reports an expression that fails, or passes against expectation.
func checkScalar(t *testing.T, sql string, r Result) {
	t.Helper()
	switch skipped := scalarSkip(sql) != ""; {
	case r.Err != nil && !skipped:
		t.Errorf("%s: %v", r.Name, r.Err)
	case r.Err == nil && skipped:
		t.Errorf("%s passes: take it off the skip list", r.Name)
	}
}
