package dataflow

import (
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// A text that the parser takes can be planned, opened and run without the stack's end.
func TestDeepQueriesRun(t *testing.T) {
	const tables = "CREATE TABLE a (n BIGINT, s STRING) WITH ('connector' = 'x', 'format' = 'json'); CREATE TABLE o (q BIGINT) WITH ('connector' = 'x');\n"
	wrap := func(open, in, shut string, n int) string {
		return strings.Repeat(open, n) + in + strings.Repeat(shut, n)
	}
	for name, c := range map[string]struct{ query, want string }{
		"parentheses": {"SELECT " + wrap("(", "n", ")", 300) + " FROM a", `+I {"q":7}`},
		"sum":         {"SELECT n" + strings.Repeat(" + n", 999) + " FROM a", `+I {"q":7000}`},
		"calls":       {"SELECT " + wrap("ABS(", "n", ")", 300) + " FROM a", `+I {"q":7}`},
		"case":        {"SELECT " + wrap("CASE WHEN n > 0 THEN ", "n", " ELSE 0 END", 300) + " FROM a", `+I {"q":7}`},
		"or":          {"SELECT n FROM a WHERE n = 1" + strings.Repeat(" OR n = 7", 999), `+I {"q":7}`},
		"subqueries":  {wrap("SELECT n FROM (", "SELECT n FROM a", ")", 150), `+I {"q":7}`},
	} {
		s := &script{log: []entry{{at: 1, data: `{"n":7}`}}}
		r := newRig(t, tables+"INSERT INTO o "+c.query, map[string]*script{"a": s}).start()
		r.settle()
		r.commit()
		if got := strings.Join(r.outbox["o"], " "); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for name, q := range map[string]string{
		"parentheses": "SELECT " + wrap("(", "n", ")", 500) + " FROM a",
		"case":        "SELECT " + wrap("CASE WHEN n > 0 THEN ", "n", " ELSE 0 END", 500) + " FROM a",
		"subqueries":  wrap("SELECT n FROM (", "SELECT n FROM a", ")", 500),
		"sum":         "SELECT n" + strings.Repeat(" + n", 200_000) + " FROM a",
	} {
		sc, err := sql.Parse("deep.sql", tables+"INSERT INTO o "+q)
		if err == nil {
			_, err = plan.Build(sc, plan.Options{})
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
