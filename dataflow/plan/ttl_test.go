package plan

import (
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// TestStateTTLHint reaches the operators that keep state for a SELECT: of OVER, of Top-N, of
// a grouping and of the sides of a join.
func TestStateTTLHint(t *testing.T) {
	for text, kind := range map[string]string{
		"SELECT /*+ STATE_TTL('t' = '1 h') */ SUM(i) OVER (PARTITION BY s ORDER BY ts) FROM t":                                                   "over-aggregate",
		"SELECT * FROM (SELECT /*+ STATE_TTL('t' = '1 h') */ i, s, ROW_NUMBER() OVER (PARTITION BY s ORDER BY l DESC) AS n FROM t) WHERE n <= 3": "rank",
		"SELECT * FROM (SELECT /*+ STATE_TTL('t' = '1 h') */ i, s, ROW_NUMBER() OVER (PARTITION BY s ORDER BY ts) AS n FROM t) WHERE n = 1":      "deduplicate",
		"SELECT /*+ STATE_TTL('t' = '1 h') */ i, COUNT(*) FROM t GROUP BY i":                                                                     "group-aggregate",
		"SELECT /*+ STATE_TTL('t' = '1 h', 'k' = '30 min') */ t.l FROM t JOIN k ON t.i = k.i":                                                    "join",
	} {
		script, err := sql.Parse("q.sql", genCatalog+"SET 'table.exec.state.ttl' = '1 d';"+text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Build(script, Options{})
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, n := range p.Nodes {
			if n.Kind() == kind {
				found = n.Base().StateTTL == time.Hour
			}
			if j, ok := n.(*Join); ok && j.TTL != [2]time.Duration{time.Hour, 30 * time.Minute} {
				t.Errorf("%s: %v", text, j.TTL)
			}
		}
		if !found {
			t.Errorf("no %s with the hint's time to live: %s", kind, text)
		}
	}
}
