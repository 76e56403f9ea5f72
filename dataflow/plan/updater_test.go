package plan

import (
	"strings"
	"testing"
)

// TestUpdatersAreNamed writes what every updating operator yields to a sink that takes
// inserts alone: the refusal names the operator.
func TestUpdatersAreNamed(t *testing.T) {
	const sink = `CREATE TABLE a (x STRING) WITH ('connector' = 'values', 'changelog-mode' = 'I');
INSERT INTO a SELECT CAST(x AS STRING) FROM (`
	for _, c := range []struct{ sql, names string }{
		{"SELECT COUNT(*) AS x FROM t GROUP BY i", "group aggregate by i"},
		{"SELECT COUNT(*) AS x FROM t", "group aggregate without keys"},
		{"SELECT t.i AS x FROM t LEFT JOIN k ON t.i = k.i", "left join"},
		{"SELECT t.i AS x FROM t FULL JOIN k ON t.i = k.i", "full join"},
		{"SELECT t.i AS x FROM t WHERE NOT EXISTS (SELECT 1 FROM k WHERE k.i = t.i)", "anti join"},
		{"SELECT s AS x FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY i ORDER BY l) AS rn FROM t) WHERE rn <= 3", "Top-N by i"},
		{"SELECT s AS x FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY i ORDER BY ts DESC) AS rn FROM t) WHERE rn = 1", "by i"},
		{"SELECT s AS x FROM (SELECT * FROM t ORDER BY l LIMIT 3)", "LIMIT"},
		{"SELECT SUM(i) OVER (PARTITION BY s ORDER BY l) AS x FROM t", "OVER in the order of l"},
		{"SELECT i AS x FROM u", "source u"},
		{"SELECT i AS x FROM c", "source c"},
		{"SELECT i AS x FROM t INTERSECT SELECT i FROM c", "group aggregate by x"},
		{"SELECT x FROM (SELECT MAX(n) AS x FROM (SELECT COUNT(*) AS n, i FROM t GROUP BY i) GROUP BY i)", "group aggregate by i"},
		{"SELECT v.n AS x FROM v JOIN k ON v.i = k.i", "group aggregate by i, s"},
		{"SELECT i AS x FROM t EXCEPT SELECT i FROM k", "group aggregate"},
	} {
		got := planText("q.sql", genCatalog+sink+c.sql+")")
		message, _, _ := strings.Cut(got, "\n")
		if !strings.HasPrefix(message, "q.sql:11:") || !strings.Contains(message, "sink a takes row kinds I only, and ") || !strings.Contains(message, c.names) {
			t.Errorf("%s\n    does not name %q: %s", c.sql, c.names, message)
		}
	}
}
