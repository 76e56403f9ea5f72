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
