package codegen

import (
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

func typesOf(t *testing.T, columns, with string) (string, error) {
	t.Helper()
	s, err := sql.Parse("t.sql", "CREATE TABLE my_events (id BIGINT, "+columns+") WITH ('connector' = 'filesystem', 'path' = 'in', "+with+");\n"+
		"CREATE TABLE s (id BIGINT) WITH ('connector' = 'blackhole');\nINSERT INTO s SELECT id FROM my_events;")
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(s, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := Types(p, Options{Package: "x"})
	if err != nil {
		return "", err
	}
	return string(g.Files[TypesFile]), nil
}

func TestTypesNames(t *testing.T) {
	src, err := typesOf(t, "view_id INT, `view-id` INT, `7up` INT, marshalMsg INT, url STRING, `ü` INT, day DATE", "'format' = 'csv'")
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.Join(strings.Fields(src), " ")
	for _, w := range []string{"type MyEvents struct {", "ID *int64 `json:\"id\"", "ViewID *int32 `json:\"view_id\"", "ViewID2 *int32 `json:\"view-id\"", "X7up *int32",
		"MarshalMsg2 *int32", "URL *string", "X *int32 `json:\"ü\"", "Day *Date", "// MyEvents is a row of the table my_events. The table itself reads neither JSON nor msgpack."} {
		if !strings.Contains(plain, w) {
			t.Errorf("no %q in\n%s", w, src)
		}
	}
}

func TestTypesThatHaveNone(t *testing.T) {
	for _, c := range []struct{ columns, want string }{
		{"m MAP<DOUBLE, INT>", "table my_events: column m: no Go type for keys of type DOUBLE"},
		{"r ROW<m MAP<ROW<a INT>, INT>>", "table my_events: column r: column m: no Go type for keys of type ROW"},
		{"`a,b` INT", `table my_events: column "a,b": the name cannot stand in a Go struct's tag`},
		{"`-` INT", `table my_events: column "-": the name`},
	} {
		if _, err := typesOf(t, c.columns, "'format' = 'json'"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.columns, err)
		}
	}
}

func TestTypesAreTheSameEachTime(t *testing.T) {
	const columns = "a TIMESTAMP(3), b TIMESTAMP_LTZ(3), c DECIMAL(5, 2), d DATE, e TIME(3), f ROW<x INT>, g ARRAY<ROW<y INT>>"
	first, err := typesOf(t, columns, "'format' = 'json'")
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if again, err := typesOf(t, columns, "'format' = 'json'"); err != nil || again != first {
			t.Fatalf("%v:\n%s", err, again)
		}
	}
}

func TestIdentifier(t *testing.T) {
	for in, want := range map[string]string{"qoe-1m": "qoe1m", "1st": "pipeline1st", "type": "pipelinetype", "": "pipeline", "Ünï": "n", "main": "pipelinemain"} {
		if got := Identifier(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
