package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/sql"
)

func mustBuild(t *testing.T, text string, o Options) *Plan {
	t.Helper()
	script, err := sql.Parse("q.sql", text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Build(script, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkPlan(p); err != nil {
		t.Fatal(err)
	}
	return p
}

// find returns the only operator of a kind.
func find[T Node](t *testing.T, p *Plan) T {
	t.Helper()
	var out []T
	for _, n := range p.Nodes {
		if x, ok := n.(T); ok {
			out = append(out, x)
		}
	}
	if len(out) != 1 {
		t.Fatalf("%d operators of type %T", len(out), out)
	}
	return out[0]
}

const identityTables = `
CREATE TABLE t (k STRING, v INT, w INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'values');
CREATE TABLE t2 (k STRING, v INT, w INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'values');
CREATE TABLE other (x INT) WITH ('connector' = 'values');
`

const identityQuery = `SELECT k, window_start, window_end, SUM(v) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY k, window_start, window_end;`

// TestIdentityIsStable edits a script elsewhere and finds the same identity.
func TestIdentityIsStable(t *testing.T) {
	base := find[*WindowAggregate](t, mustBuild(t, identityTables+identityQuery, Options{}))
	for name, text := range map[string]string{
		"another insert":    identityTables + "SELECT x FROM other;" + identityQuery,
		"a filter":          strings.Replace(identityTables+identityQuery, "GROUP BY", "WHERE w > 3 GROUP BY", 1),
		"a column":          strings.Replace(identityTables, "w INT", "w INT, y INT", 1) + identityQuery,
		"another order":     strings.Replace(identityTables+identityQuery, "k, window_start, window_end, SUM", "window_end, k, window_start, SUM", 1),
		"a view":            identityTables + "CREATE VIEW q AS SELECT * FROM t;" + strings.Replace(identityQuery, "TABLE t", "TABLE q", 1),
		"another watermark": strings.Replace(identityTables, "'1' SECOND", "'5' SECOND", 1) + identityQuery,
		"an option":         "SET 'table.exec.state.ttl' = '1 h';" + identityTables + identityQuery,
	} {
		n := find[*WindowAggregate](t, mustBuild(t, text, Options{}))
		if n.b.ID != base.b.ID || n.b.Layout != base.b.Layout {
			t.Errorf("%s: %s %x, want %s %x", name, n.b.ID, n.b.Layout, base.b.ID, base.b.Layout)
		}
	}
	for name, text := range map[string]string{
		"another window": strings.Replace(identityTables+identityQuery, "'1' MINUTE", "'2' MINUTE", 1),
		"another key":    strings.ReplaceAll(identityTables+identityQuery, "GROUP BY k", "GROUP BY UPPER(k)"),
		"another table":  strings.ReplaceAll(identityTables+identityQuery, "TABLE t", "TABLE t2"),
	} {
		text = strings.Replace(text, "SELECT k, window_start", "SELECT window_start", 1)
		n := find[*WindowAggregate](t, mustBuild(t, text, Options{}))
		if n.b.ID == base.b.ID {
			t.Errorf("%s: still %s", name, n.b.ID)
		}
	}
}

// TestAggregateIdentity adds an aggregate: the operator and the others stay what they are.
func TestAggregateIdentity(t *testing.T) {
	one := find[*WindowAggregate](t, mustBuild(t, identityTables+identityQuery, Options{}))
	two := find[*WindowAggregate](t, mustBuild(t, identityTables+strings.Replace(identityQuery, "SUM(v)", "MAX(w + 1) FILTER (WHERE v > 2), SUM(v)", 1), Options{}))
	if one.b.ID != two.b.ID || one.b.Layout == two.b.Layout {
		t.Errorf("%s %x, then %s %x", one.b.ID, one.b.Layout, two.b.ID, two.b.Layout)
	}
	var ids []string
	for _, a := range two.Aggs {
		ids = append(ids, a.ID)
	}
	if want := []string{"MAX((w + 1)) FILTER (WHERE (v > 2))", "SUM(v)"}; !slices.Equal(ids, want) {
		t.Errorf("aggregates %q, want %q", ids, want)
	}
	if one.Aggs[0].ID != "SUM(v)" {
		t.Errorf("aggregate %q", one.Aggs[0].ID)
	}
}

// TestUID overrides an identity.
func TestUID(t *testing.T) {
	p := mustBuild(t, identityTables+"SELECT /*+ UID('sums') */ k, SUM(v) FROM t /*+ UID('in') */ GROUP BY k;", Options{})
	if id := find[*GroupAggregate](t, p).b.ID; id != "uid-sums" {
		t.Errorf("the aggregation is %s", id)
	}
	if id := find[*Source](t, p).b.ID; id != "uid-in" {
		t.Errorf("the source is %s", id)
	}
}
