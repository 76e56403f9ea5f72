package difftest

import (
	"regexp"
	"testing"
)

// The generator makes every form that generated code and what is behind it have to do with.
func TestEveryShapeIsMade(t *testing.T) {
	if testing.Short() {
		t.Skip("plans many pipelines")
	}
	forms := map[string]string{
		"projection": `(?m)^INSERT INTO \w+ SELECT [^;]* FROM t WHERE`, "tumble": `TUMBLE\(`, "hop": `HOP\(`, "cumulate": `CUMULATE\(`, "session": `SESSION\(`,
		"by processing time": `DESCRIPTOR\(p\)`, "group by": `GROUP BY .(\w+).;`, "distinct": `SELECT DISTINCT`, "distinct aggregate": `COUNT\(DISTINCT`, "filter": `FILTER \(WHERE`, "having": `HAVING`,
		"grouping sets": `GROUPING SETS`, "ranked": `ROW_NUMBER\(\) OVER \(PARTITION BY .\w+`, "deduplication": `rn <= 1;`, "ranked in windows": `PARTITION BY window_start`,
		"over": `WINDOW w AS`, "lag": `LAG\(`, "self-join": `FROM t AS x JOIN t AS y`, "join": `FROM t AS x JOIN u AS y`, "outer join": `FROM t AS x (LEFT|FULL|RIGHT) JOIN u AS y`,
		"interval join": `x\.et BETWEEN`, "window join": `x\.window_start = y\.window_start`, "temporal join": `FOR SYSTEM_TIME`, "semi-join": ` IN \(SELECT|WHERE EXISTS`, "anti-join": `WHERE NOT EXISTS`,
		"union": `UNION ALL`, "sort": `ORDER BY et;`, "unnest": `UNNEST\(`, "pattern": `MATCH_RECOGNIZE`, "windows of windows": `DESCRIPTOR\(rt\)`, "several queries": `STATEMENT SET`,
		"time to live": `state\.ttl`, "late rows": `edgeflow\.late`, "json": `'format' = 'json'`, "msgpack": `'format' = 'msgpack'`, "csv": `'format' = 'csv'`,
	}
	made := map[string]int{}
	for seed := range uint64(700) {
		p, err := NewPipeline(seed)
		if err != nil {
			t.Fatal(err)
		}
		for form, text := range forms {
			if regexp.MustCompile(text).MatchString(p.SQL) {
				made[form]++
			}
		}
	}
	for form := range forms {
		if made[form] == 0 {
			t.Errorf("no %s in 700 pipelines", form)
		}
	}
	t.Log(made)
}
