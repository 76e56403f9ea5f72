package plan

import (
	"strings"
	"testing"
)

// TestRefusedConstructs plans what the language does not have: each message has a place and
// names the construct.
func TestRefusedConstructs(t *testing.T) {
	match := func(pattern string) string {
		return "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES A.i AS x " + pattern + " DEFINE A AS A.i > 1)"
	}
	over := func(call, frame string) string {
		return "SELECT " + call + " OVER (PARTITION BY s ORDER BY ts" + frame + ") FROM t"
	}
	column := func(def string) string { return "CREATE TABLE x (" + def + ") WITH ('connector' = 'values')" }
	for _, c := range []struct{ sql, names string }{
		{match("ALL ROWS PER MATCH PATTERN (A)"), "ALL ROWS PER MATCH"},
		{match("PATTERN (PERMUTE(A, B))"), "PERMUTE"},
		{match("PATTERN (A B) SUBSET S = (A, B)"), "SUBSET"},
		{match("PATTERN (A | B)"), "alternative (|)"},
		{match("PATTERN ((A B)+ C)"), "quantifier behind a group"},
		{match("PATTERN (^ A B $)"), "anchor"},
		{match("PATTERN ({- A -} B)"), "exclusion"},
		{match("PATTERN (A B?? C)"), "??"},
		{match("PATTERN (A B+)"), "greedy"},
		{strings.Replace(match("PATTERN (A B)"), "A.i AS", "NEXT(A.i) AS", 1), "NEXT"},
		{strings.Replace(match("PATTERN (A B)"), "A.i AS", "CLASSIFIER() AS", 1), "CLASSIFIER"},
		{strings.Replace(match("PATTERN (A B)"), "A.i AS", "MATCH_NUMBER() AS", 1), "MATCH_NUMBER"},
		{"SELECT * FROM t FOR SYSTEM_TIME AS OF t.pt", "FOR SYSTEM_TIME AS OF"},
		{"SELECT * FROM t JOIN c FOR SYSTEM_TIME AS OF t.ts ON t.i = c.i", "FOR SYSTEM_TIME AS OF"},
		{"SELECT * FROM t JOIN u FOR SYSTEM_TIME AS OF TIMESTAMP '2020-01-01 00:00:00' ON t.i = u.i", "FOR SYSTEM_TIME AS OF"},
		{"SELECT * FROM t JOIN u FOR SYSTEM_TIME AS OF t.ts ON t.l = u.l", "temporal join"},
		{"SELECT * FROM t FULL JOIN u FOR SYSTEM_TIME AS OF t.ts ON t.i = u.i", "full join"},
		{over("LEAD(i)", ""), "LEAD"},
		{over("NTILE(4)", ""), "NTILE"},
		{over("CUME_DIST()", ""), "CUME_DIST"},
		{over("PERCENT_RANK()", ""), "PERCENT_RANK"},
		{over("LAG(i) IGNORE NULLS", ""), "IGNORE NULLS"},
		{over("SUM(i)", " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING"), "frame that does not end at the current row"},
		{over("SUM(i)", " ROWS BETWEEN 5 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW"), "EXCLUDE"},
		{over("SUM(i)", " GROUPS 2 PRECEDING"), "GROUPS"},
		{"SELECT * FROM t TABLESAMPLE BERNOULLI (10)", "TABLESAMPLE"},
		{"SELECT * FROM t PIVOT (SUM(i) FOR s IN ('a', 'b'))", "PIVOT"},
		{"SELECT * FROM t UNPIVOT (v FOR s IN (i, l))", "UNPIVOT"},
		{"WITH RECURSIVE r AS (SELECT 1) SELECT * FROM r", "WITH RECURSIVE"},
		{"SELECT i, COUNT(*) FROM t GROUP BY i QUALIFY ROW_NUMBER() OVER (ORDER BY i) = 1", "QUALIFY"},
		{"SELECT * FROM t FETCH FIRST 10 PERCENT ROWS ONLY", "PERCENT"},
		{"SELECT * FROM t FETCH FIRST 3 ROWS WITH TIES", "WITH TIES"},
		{"SELECT * FROM t FOR UPDATE", "FOR UPDATE"},
		{"SELECT TOP 3 i FROM t", "TOP"},
		{"SELECT * FROM t, LATERAL TABLE(split(s)) AS x (w)", "LATERAL TABLE"},
		{"SELECT * FROM LATERAL TABLE(split(s)) AS x (w)", "LATERAL TABLE"},
		{"SELECT * FROM TABLE(ML_PREDICT(TABLE t, MODEL m, DESCRIPTOR(i)))", "MODEL"},
		{"SELECT * FROM TABLE(frob(TABLE t))", "frob"},
		{"SELECT * FROM t NATURAL JOIN LATERAL (SELECT u.l FROM u WHERE u.i = t.i)", "NATURAL"},
		{"SELECT * FROM t RIGHT JOIN LATERAL (SELECT u.l FROM u WHERE u.i = t.i) ON TRUE", "right join"},
		{"SELECT * FROM t LEFT JOIN UNNEST(a) AS x (y) ON y > 1", "LEFT JOIN with UNNEST"},
		{"SELECT * FROM t CROSS APPLY u", "APPLY"},
		{"SELECT i FROM t START WITH i = 1 CONNECT BY i = l", "CONNECT BY"},
		{"SELECT MULTISET[1, 2] FROM t", "MULTISET"},
		{"SELECT a MULTISET UNION a FROM t", "MULTISET UNION"},
		{"SELECT a SUBMULTISET OF a FROM t", "SUBMULTISET OF"},
		{"SELECT i IS A SET FROM t", "IS A SET"},
		{"SELECT CASE WHEN i > ANY (SELECT l FROM u) THEN 1 END FROM t", "SOME or ALL"},
		{"SELECT * FROM t JOIN u ON t.i = u.i AND EXISTS (SELECT 1 FROM c)", "EXISTS"},
		{"SELECT i FROM t WHERE i IN (SELECT t.i + u.i FROM u)", "computes its columns"},
		{"SELECT (SELECT MAX(u.l) FROM u WHERE u.i > t.i) FROM t", "another condition than an equality"},
		{"SELECT i FROM t WHERE ROW_NUMBER() OVER (ORDER BY ts) IN (SELECT i FROM u)", "ROW_NUMBER"},
		{"SELECT SUM(i ORDER BY l) FROM t", "ORDER BY inside an aggregate"},
		{"SELECT FIRST_VALUE(i) IGNORE NULLS FROM t", "IGNORE NULLS"},
		{"SELECT CURSOR(SELECT 1)", "CURSOR"},
		{"SELECT NEXT VALUE FOR q", "NEXT VALUE FOR"},
		{"SELECT REGEXP_REPLACE(s, '(a)\\1', 'b') FROM t", "back-reference"},
		{"SELECT REGEXP_REPLACE(s, '(?=a)', 'b') FROM t", "look-ahead"},
		{"CREATE CATALOG x WITH ('type' = 'jdbc')", "CREATE CATALOG"},
		{"CREATE DATABASE x", "CREATE DATABASE"},
		{"CREATE MODEL m INPUT (a INT) OUTPUT (b INT) WITH ('p' = 'q')", "CREATE MODEL"},
		{"CREATE MATERIALIZED TABLE m FRESHNESS = INTERVAL '1' MINUTE AS SELECT 1", "CREATE MATERIALIZED"},
		{"CREATE FUNCTION f AS 'a.B' USING JAR 'x.jar'", "JAR"},
		{column("i INT UNIQUE"), "UNIQUE"},
		{column("i INT, CHECK (i > 1)"), "CHECK"},
		{column("i INT REFERENCES t (i)"), "REFERENCES"},
		{column("i INT DEFAULT 1"), "DEFAULT"},
		{column("i INT GENERATED ALWAYS AS IDENTITY"), "GENERATED"},
		{column("i INT, PRIMARY KEY (i)"), "primary key"},
		{column("r ROW<ts TIMESTAMP(3)>, WATERMARK FOR r.ts AS r.ts"), "WATERMARK for a nested field"},
		{column("r RAW('a', 'b')"), "RAW"},
		{column("r VARIANT"), "VARIANT"},
		{"ALTER TABLE t ADD x INT", "ALTER"},
		{"DROP CATALOG x", "DROP CATALOG"},
		{"DROP DATABASE x", "DROP DATABASE"},
		{"TRUNCATE TABLE t", "TRUNCATE"},
		{"DELETE FROM k WHERE i = 1", "DELETE"},
		{"UPDATE k SET s = 'x' WHERE i = 1", "UPDATE"},
		{"MERGE INTO k USING t ON k.i = t.i WHEN MATCHED THEN DELETE", "MERGE"},
		{"CALL sys.compact('t')", "CALL"},
		{"USE CATALOG x", "USE"},
		{"SHOW TABLES", "SHOW"},
		{"DESCRIBE t", "DESCRIBE"},
		{"ANALYZE TABLE t COMPUTE STATISTICS", "ANALYZE"},
		{"LOAD MODULE hive", "LOAD"},
		{"COMPILE PLAN 'x' FOR INSERT INTO k SELECT i, s FROM t", "COMPILE"},
		{"EXECUTE PLAN 'x'", "EXECUTE PLAN"},
		{"ADD JAR 'x.jar'", "ADD"},
		{"EXPLAIN CREATE TABLE x (i INT)", "EXPLAIN of this statement"},
		{"INSERT INTO k (i) VALUES (1) ON CONFLICT DO UPDATE", "ON CONFLICT DO UPDATE"},
		{"INSERT INTO t (r.x) SELECT 1", "INSERT into a nested field"},
	} {
		got := planText("q.sql", genCatalog+c.sql)
		message, _, _ := strings.Cut(got, "\n")
		if !strings.HasPrefix(message, "q.sql:10:") || !strings.Contains(message, c.names) {
			t.Errorf("%s\n    does not name %q: %s", c.sql, c.names, message)
		}
	}
}
