package golden

import (
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/codegen"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// EXPLAIN tells which heads run generated code in this binary, which could, and why others
// cannot.
func TestExplain(t *testing.T) {
	explain := func(p *plan.Plan) string {
		var b strings.Builder
		if err := codegen.Explain(&b, p); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	contains := func(got string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in%s", want, got)
			}
		}
	}
	contains(explain(load(t, "join")), "[0] source clicks, [1] watermark-assigner: compiled into this binary\n", "[2] source buys, [3] watermark-assigner, [4] calc: compiled into this binary\n")
	contains(explain(load(t, "qoe_tumble_json")), "rows into [3] window-aggregate: compiled into this binary\n")

	s, err := sql.Parse("other.sql", `
CREATE TABLE a (x BIGINT, y STRING) WITH ('connector' = 'nats', 'format' = 'json');
CREATE TABLE b (x BIGINT, y STRING) WITH ('connector' = 'nats', 'format' = 'raw');
CREATE TABLE c (x BIGINT, y STRING) WITH ('connector' = 'nats', 'format' = 'json');
EXECUTE STATEMENT SET BEGIN
INSERT INTO c SELECT x % 77, UPPER(y) FROM a WHERE x > 77;
INSERT INTO c SELECT x, y FROM b;
END;`)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(s, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	contains(explain(p), "source a, [1] calc: interpreted; `edgeflow build` compiles it\n", "source b: interpreted: no generated decoder for format 'raw'\n")
}

// Ways of one source's rows that meet again where their order counts are the interpreter's:
// then EXPLAIN says so, and no code is made that the engine would not run.
func TestExplainOfWaysThatMeet(t *testing.T) {
	const tables = `
CREATE TABLE a (k BIGINT, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'nats', 'format' = 'json');
CREATE TABLE o (x BIGINT, y BIGINT) WITH ('connector' = 'print');
`
	for query, want := range map[string]string{
		"INSERT INTO o SELECT x.v, y.v FROM a x JOIN a y ON x.k = y.k AND x.ts BETWEEN y.ts - INTERVAL '1' SECOND AND y.ts": "source a: interpreted: its rows go several ways that meet again",
		"INSERT INTO o SELECT x.v, y.v FROM a x JOIN a y ON x.k = y.k":                                                      "source a, [1] watermark-assigner, [2] calc: interpreted; `edgeflow build` compiles it",
	} {
		s, err := sql.Parse("ways.sql", tables+query+";")
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.Build(s, plan.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := codegen.Explain(&b, p); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s: no %q in%s", query, want, b.String())
		}
	}
}
