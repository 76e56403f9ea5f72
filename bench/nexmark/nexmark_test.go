package nexmark

import (
	"os"
	"testing"
)

// published is where the texts lie beside the checkout.
const published = "../../../shared/nexmark/queries.yaml"

// skips are the queries that do not run, with the reason.
var skips = map[string]string{}

// quiet are the queries that yield no row of so few events.
var quiet = map[string]bool{}

func TestQueriesRun(t *testing.T) {
	if _, err := os.Stat(published); err != nil {
		t.Skip("no published texts beside the checkout")
	}
	set, err := Load(published)
	if err != nil {
		t.Fatal(err)
	}
	names := set.Names()
	if len(names) != 28 || names[0] != "q0" || names[23] != "q23" || names[24] != "pattern q0" {
		t.Fatalf("queries %v", names)
	}
	log, err := set.Log(10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		t.Run(n, func(t *testing.T) {
			var c, again Counter
			r, err := set.Run(n, 10_000, &c)
			if why := skips[n]; why != "" {
				if err == nil {
					t.Errorf("it runs: take it off the skip list (%s)", why)
				}
				t.Skip(why)
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.Events < 10_000 || (c.Rows() == 0) != quiet[n] {
				t.Errorf("%d events, %d rows", r.Events, c.Rows())
			}
			if _, err := set.Do(Job{Query: n, Log: log, Sink: &again}); err != nil || again != c {
				t.Errorf("rows of decoded events: %v, of generated ones %v; %v", again, c, err)
			}
		})
	}
}
