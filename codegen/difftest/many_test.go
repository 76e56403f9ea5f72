package difftest

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// A table of more columns than a word has bits, all of which must be there, is decoded as the
// interpreter does it: with columns missing, twice, in other orders and of other types.
func TestManyColumns(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	var cols, names []string
	for i := range 70 {
		cols, names = append(cols, fmt.Sprintf("c%d INT", i)), append(names, fmt.Sprintf("c%d", i))
	}
	var cases []*Case
	for i, f := range []string{"msgpack", "json"} {
		sql := fmt.Sprintf("CREATE TABLE t (%[1]s) WITH ('connector' = 'log', 'format' = '%[2]s', '%[2]s.fail-on-missing-field' = 'true');\n"+
			"CREATE TABLE o (%[1]s) WITH ('connector' = 'print');\nINSERT INTO o SELECT %[3]s FROM t;\n", strings.Join(cols, ", "), f, strings.Join(names, ", "))
		p, err := Build(sql)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(12) {
			cases = append(cases, &Case{Pipeline: Pipeline{Seed: uint64(i), SQL: sql}, Input: seed, Schedule: seed, Logs: Logs(p, seed, 400, seed < 4)})
		}
	}
	rep, err := Replay(context.Background(), Options{Module: module(t), Dir: t.TempDir()}, cases)
	if err != nil {
		t.Fatal(err)
	}
	var n Counts
	for _, r := range rep.Results {
		if n.Add(r.Counts); r.Err != "" || r.Case != nil {
			t.Errorf("%s %v", r.Err, r.Case.Difference)
		}
	}
	if len(rep.Results) != len(cases) || n.Taken < n.Refused || n.Refused == 0 {
		t.Errorf("%d results of %d cases; %+v", len(rep.Results), len(cases), n)
	}
}
