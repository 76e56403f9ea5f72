package replay

import (
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/agent/capture"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// A captured event with a nested value beyond the pipeline's limit is no row of a test, as it
// was none of the pipeline.
func TestNestedValuesOfACaptureHaveALimit(t *testing.T) {
	script, err := sql.Parse("p.sql", `CREATE TABLE a (v ARRAY<BIGINT>) WITH ('connector' = 'nats', 'nats.stream' = 'A', 'format' = 'json', 'edgeflow.field.max-bytes' = '1 kb');
CREATE TABLE o (n INT) WITH ('connector' = 'print');
INSERT INTO o SELECT CARDINALITY(v) FROM a;`)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(script, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	table := p.Sources[0].Table
	_, fieldMax := p.Config.Admission(table)
	d, err := newRowDecoder(table, p.Config.Env(), fieldMax)
	if err != nil {
		t.Fatal(err)
	}
	for _, members := range []int{10, 1000} {
		data := `{"v": [1` + strings.Repeat(", 1", members-1) + `]}`
		if err := d.message(&capture.Record{Data: []byte(data)}, 0); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.rows) != 1 || d.bad != 1 {
		t.Errorf("%d rows, %d events that cannot be decoded", len(d.rows), d.bad)
	}
}
