package replay

import (
	"path/filepath"
	"testing"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/dataflow"
)

// Steps of a test follow arrival: what arrives within 200 ms is a step, and where nothing
// arrives time passes.
func TestStepsFollowArrival(t *testing.T) {
	p, err := agent.Compile("p.sql", script)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r := &run{plan: p, path: "x.capture", o: &Options{Test: filepath.Join(dir, "tests", "p_test.yaml"), Open: true},
		letters: map[string]*letters{dataflow.DeadLetters: {all: []dataflow.Letter{{Class: dataflow.ClassCompute}}}}}
	var rows []inputRow
	for _, row := range []struct {
		table string
		at    int64
	}{{"a", 1000}, {"a", 1199}, {"a", 1200}, {"b", 1250}, {"a", 1399}, {"a", 3000}, {"b", 3200}} {
		rows = append(rows, inputRow{table: row.table, arrivalMs: row.at, text: asJSON([]any{row.at, "<\"x\">"})})
	}
	got, err := r.document(agent.Script{File: filepath.Join(dir, "p.sql")}, rows)
	if err != nil {
		t.Fatal(err)
	}
	const want = `# Made of a capture by ` + "`edgeflow replay --test`" + `.
name: "p: replay of x.capture"
file: "../p.sql"
set: {edgeflow.on-row-error: dead-letter}
input:
- table: "a"
  rows:
  - [1000,"<\"x\">"]
  - [1199,"<\"x\">"]
- table: "a"
  rows:
  - [1200,"<\"x\">"]
- table: "b"
  rows:
  - [1250,"<\"x\">"]
- table: "a"
  rows:
  - [1399,"<\"x\">"]
- arrive_after: 1200 ms
- table: "a"
  rows:
  - [3000,"<\"x\">"]
- table: "b"
  rows:
  - [3200,"<\"x\">"]
end: open
`
	if string(got) != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if _, err := r.document(agent.Script{File: "p.sql"}, nil); err == nil {
		t.Error("a test without rows")
	}
}
