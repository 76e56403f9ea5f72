package dataflow

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// asides is one table whose rows go several ways that meet again.
const asides = noGuard + `
CREATE TABLE a (kind STRING, k BIGINT, v BIGINT) WITH ('connector' = 'x', 'format' = 'json');
CREATE VIEW lefts AS SELECT k, v FROM a WHERE kind = 'l';
CREATE VIEW rights AS SELECT k, v FROM a WHERE kind = 'r';
CREATE TABLE o (x BIGINT, y BIGINT, z BIGINT) WITH ('connector' = 'print');
`

// What a query leaves does not follow from where batches end, though it ranks rows or takes
// the last one by their order alone, behind operators at which the ways of one table meet.
func TestWaysMeetInTheOrderOfRows(t *testing.T) {
	var log []entry
	for i := range 120 {
		kind := "l"
		if i%3 != 0 {
			kind = "r"
		}
		log = append(log, entry{at: 1000, data: fmt.Sprintf(`{"kind":"%s","k":%d,"v":%d}`, kind, i%5, i)})
	}
	for _, c := range []struct {
		name, sql      string
		merges, single bool
	}{
		{"join of projections",
			`INSERT INTO o SELECT x, y, z FROM (SELECT l.v AS x, r.v AS y, ROW_NUMBER() OVER (ORDER BY l.k DESC) AS z FROM lefts l JOIN rights r ON l.k = r.k) WHERE z <= 3`, true, false},
		{"union of projections",
			`INSERT INTO o SELECT k, LAST_VALUE(v), 0 FROM (SELECT * FROM lefts UNION ALL SELECT k, -v FROM rights WHERE v > 3 UNION ALL SELECT k, v * 2 FROM lefts) GROUP BY k`, true, false},
		{"self-join, of which a row goes both ways",
			`INSERT INTO o SELECT x, y, z FROM (SELECT b.v AS x, c.v AS y, ROW_NUMBER() OVER (PARTITION BY b.k ORDER BY c.k) AS z FROM lefts b JOIN lefts c ON b.k = c.k) WHERE z <= 2`, true, false},
		{"join of an aggregate",
			`INSERT INTO o SELECT x, y, z FROM (SELECT r.v AS x, n AS y, ROW_NUMBER() OVER (ORDER BY r.k) AS z FROM rights r JOIN (SELECT k, COUNT(*) AS n FROM lefts GROUP BY k) l ON l.k = r.k) WHERE z <= 5`, false, true},
		{"join of a join",
			`INSERT INTO o SELECT x, y, z FROM (SELECT l.v AS x, m.v AS y, ROW_NUMBER() OVER (PARTITION BY m.k ORDER BY l.k) AS z FROM lefts l JOIN rights r ON l.k = r.k JOIN lefts m ON m.v = r.v + 1) WHERE z <= 2`, true, true},
		{"join that nothing ranks",
			`INSERT INTO o SELECT l.v, MAX(r.v), COUNT(*) FROM lefts l JOIN rights r ON l.k = r.k GROUP BY l.v`, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want []string
			for _, limit := range []int{1, 0, 2, 7, 50} {
				s := &script{log: log, bounded: true, limit: limit}
				r := newRig(t, asides+c.sql, map[string]*script{"a": s}).start()
				merges, single := 0, false
				for _, v := range r.engine.vertices {
					merges += len(v.out.merges)
					single = single || v.out.single
				}
				if (merges > 0) != c.merges || single != c.single {
					t.Fatalf("%d merges, rows one by one: %v", merges, single)
				}
				r.settle()
				got := left(t, r.prints["o"].rows)
				if want == nil {
					want = got
				}
				if len(want) < 3 {
					t.Fatalf("too little: %v", want)
				}
				wantRows(t, fmt.Sprintf("limit %d", limit), got, want...)
				r.commit()
				r.balanced()
			}
		})
	}
}

// left is what a changelog leaves.
func left(t *testing.T, rows []string) []string {
	t.Helper()
	count := map[string]int{}
	for _, row := range rows {
		kind, cells := row[:2], row[2:strings.LastIndexByte(row, '@')]
		if kind == "-U" || kind == "-D" {
			count[cells]--
		} else {
			count[cells]++
		}
	}
	var out []string
	for row, n := range count {
		if n < 0 {
			t.Fatalf("%s is taken back and was not there", row)
		}
		for range n {
			out = append(out, row)
		}
	}
	slices.Sort(out)
	return out
}
