package main

import (
	"strings"
	"testing"
)

func TestLintSaysWhereWhatAndWhatToDo(t *testing.T) {
	dir := t.TempDir()
	const source = "CREATE TABLE a (id INT) WITH ('connector' = 'datagen');\n"
	for _, c := range []struct {
		name, sql string
		words     []string
	}{
		{"a table that is not there", source + "INSERT INTO b SELECT id FROM a;", []string{"x.sql:2:13: unknown table b", "    2 | INSERT INTO b SELECT id FROM a;\n      |             ^"}},
		{"a word that is not SQL", "SELEKT 1;", []string{"x.sql:1:1: ", "^^^^^^"}},
		{"a column that is not there", source + "CREATE TABLE b (id INT) WITH ('connector' = 'print');\nINSERT INTO b SELECT idd FROM a;", []string{"x.sql:3:22: ", "idd", "^^^"}},
		{"a setting that is not there", "SET 'execution.checkpointing.intervall' = '1 s';\n" + source, []string{"x.sql:1:5: unknown option", "hint: did you mean execution.checkpointing.interval?"}},
		{"an option that is not there", "CREATE TABLE a (id INT) WITH ('connector' = 'nats', 'nats.stream' = 'X', 'nats.subjct' = 'x', 'format' = 'json');\n" +
			"CREATE TABLE b (id INT) WITH ('connector' = 'print');\nINSERT INTO b SELECT id FROM a;", []string{"x.sql:1:74: connector 'nats' has no option 'nats.subjct'", "hint: did you mean nats.subject?"}},
		{"a format that is not there", "CREATE TABLE a (id INT) WITH ('connector' = 'nats', 'nats.stream' = 'X', 'format' = 'jsn');\n" +
			"CREATE TABLE b (id INT) WITH ('connector' = 'print');\nINSERT INTO b SELECT id FROM a;", []string{"x.sql: table a: ", `did you mean "json"?`}},
		{"a value that is wrong", "CREATE TABLE a (id INT) WITH ('connector' = 'datagen', 'rows-per-second' = 'many');\n" +
			"CREATE TABLE b (id INT) WITH ('connector' = 'print');\nINSERT INTO b SELECT id FROM a;", []string{"x.sql: table a: ", "rows-per-second", "many"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, dir, "x.sql", c.sql)
			out, _ := edgeflow(t, dir, 1, "lint", "x.sql")
			contains(t, out, c.words...)
			_, errText := edgeflow(t, dir, 1, "run", "x.sql", "--listen", "")
			contains(t, errText, c.words...)
		})
	}
	write(t, dir, "ok.sql", clicks(""))
	out, _ := edgeflow(t, dir, 0, "lint", "ok.sql")
	contains(t, out, "ok.sql: ok, 1 source, 1 sink")
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	_, errText := edgeflow(t, dir, 2, "run", "--nope")
	contains(t, errText, "unknown flag: --nope", "edgeflow run --help")
	for _, args := range [][]string{{"rnu"}, {"run"}, {"lint"}, {"test"}, {"plan"}, {"plan", "a.sql", "b.sql"}, {"savepoint"}, {"version", "x"}, {"dlq", "lst"}, {"capture", "a.sql"}, {"generate", "a.sql"}, {"state"}, {"health", "--timeout", "soon"}} {
		_, errText := edgeflow(t, dir, 2, args...)
		contains(t, errText, "usage: ")
	}
	_, errText = edgeflow(t, dir, 1, "run", "absent.sql")
	contains(t, errText, "absent.sql")
	out, _ := edgeflow(t, dir, 0, "--help")
	contains(t, out, "run", "demo", "lint", "query")
	out, _ = edgeflow(t, dir, 0, "version")
	contains(t, out, "edgeflow ", "manifest version")
	write(t, dir, "ok.sql", clicks(""))
	_, errText = edgeflow(t, dir, 1, "run", "ok.sql", "--listen", "nowhere")
	contains(t, errText, "--listen", "nowhere")
	_, errText = edgeflow(t, dir, 1, "run", "ok.sql", "--log-level", "loud", "--listen", "")
	contains(t, errText, `--log-level: "loud" is not one of debug, info, warn, error`)
}

func TestFunctions(t *testing.T) {
	dir := t.TempDir()
	out, _ := edgeflow(t, dir, 0, "functions", "percentile")
	contains(t, out, "APPROX_PERCENTILE(", "2 functions")
	out, _ = edgeflow(t, dir, 0, "functions")
	contains(t, out, "COALESCE", "AGGREGATE")
	_, errText := edgeflow(t, dir, 1, "functions", "percentil3")
	contains(t, errText, `no function contains "percentil3"`)
}

func TestQueryStopsAtItsLimit(t *testing.T) {
	dir := t.TempDir()
	const numbers = "CREATE TABLE g (id INT, name STRING) WITH ('connector' = 'datagen', 'rows-per-second' = '1000000', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '100000');"
	out, _ := edgeflow(t, dir, 0, "query", numbers+" SELECT id FROM g", "--limit", "5")
	contains(t, out, "5 rows, 5 changes (uncommitted)")
	write(t, dir, "g.sql", numbers)
	out, _ = edgeflow(t, dir, 0, "query", "SELECT id FROM g", "--file", "g.sql", "--limit", "3", "--changelog")
	if want := "op\tid\n+I\t1\n+I\t2\n+I\t3\n"; out != want {
		t.Errorf("changelog:\n%s", out)
	}
	_, errText := edgeflow(t, dir, 1, "query", "SELECT id FROM h", "--file", "g.sql")
	contains(t, errText, "unknown table h")
	_, errText = edgeflow(t, dir, 1, "query", numbers)
	contains(t, errText, "SELECT")
}

const yamlCase = `name: sums by name
sql: |
  CREATE TABLE src (name STRING, n BIGINT) WITH ('connector' = 'values');
  CREATE TABLE dst (name STRING, total BIGINT, PRIMARY KEY (name) NOT ENFORCED) WITH ('connector' = 'values');
  INSERT INTO dst SELECT name, SUM(n) FROM src GROUP BY name;
input:
  - table: src
    rows: [[a, 1], [b, 2]]
  - checkpoint: restart
  - table: src
    rows: [[a, 4]]
expect:
  - table: dst
    final: [[a, 5], [b, TWO]]
`

func TestPipelineTests(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sum_test.yaml", strings.Replace(yamlCase, "TWO", "2", 1))
	out, _ := edgeflow(t, dir, 0, "test", "-v", ".")
	contains(t, out, "ok sums by name", "1 passed, 0 failed")
	write(t, dir, "sum_test.yaml", strings.Replace(yamlCase, "TWO", "3", 1))
	out, _ = edgeflow(t, dir, 1, "test", ".")
	contains(t, out, "FAIL sums by name", "0 passed, 1 failed")
	_, errText := edgeflow(t, dir, 1, "test", "absent")
	contains(t, errText, "absent")
}

func TestFailpointsThatAreWrongAreRefused(t *testing.T) {
	t.Setenv("EDGEFLOW_FAILPOINTS", "x=explode")
	_, errText := edgeflow(t, t.TempDir(), 2, "version")
	contains(t, errText, "EDGEFLOW_FAILPOINTS", "want NAME=kill|error|errors|panic[:N]")
}
