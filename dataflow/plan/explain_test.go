package plan

import (
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// TestExplainPartitionsAndMiniBatch: a sink tells its partitions where the connector keeps
// them, a grouping that it coalesces changes.
func TestExplainPartitionsAndMiniBatch(t *testing.T) {
	script, err := sql.Parse("q.sql", `SET 'table.exec.mini-batch.enabled' = 'true';
CREATE TABLE s (a INT) WITH ('connector' = 'files');
CREATE TABLE p (a INT, d STRING) PARTITIONED BY (d) WITH ('connector' = 'files');
INSERT INTO p SELECT a, 'x' FROM s GROUP BY a HAVING COUNT(*) > 1`)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Build(script, Options{Connectors: map[string]Connector{"files": {Source: true, Sink: true, Partitions: true}}})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := p.Explain(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sink p (a, d) partitioned by d", "COUNT(*), changes of a batch coalesced"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
