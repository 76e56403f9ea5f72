package main

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/bench/nexmark"
)

// published is where the texts lie beside the checkout.
const published = "../../../shared/nexmark/queries.yaml"

// texts are the published texts; without their file the test is skipped.
func texts(t *testing.T) *nexmark.Set {
	t.Helper()
	set, err := nexmark.Load(published)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no published texts beside the checkout")
	}
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func contentsOf(t *testing.T, db *database, text string) *contents {
	t.Helper()
	c, err := db.query(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCompare tells multisets apart by how often a row is there.
func TestCompare(t *testing.T) {
	db, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer db.close()
	a := contentsOf(t, db, "SELECT * FROM (VALUES (1, 'x'), (1, 'x'), (2, NULL)) t")
	b := contentsOf(t, db, "SELECT * FROM (VALUES (2, NULL), (1, 'x'), (1, 'x')) t")
	if d := compare(a, b); !d.equal() || a.rows() != 3 {
		t.Errorf("another order differs: %+v", d)
	}
	c := contentsOf(t, db, "SELECT * FROM (VALUES (1, 'x'), (2, 'null'), (3, '')) t")
	d := compare(a, c)
	if d.extra != 2 || d.missing != 2 || len(d.lines) != 4 || d.lines[0] != "+ 1 | x" || d.lines[3] != "- 3 | " {
		t.Errorf("difference %+v", d)
	}
}

// TestText gives one value one text.
func TestText(t *testing.T) {
	db, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer db.close()
	for _, c := range []struct{ sql, want string }{
		{"1.500::DECIMAL(23, 3)", "1.5"},
		{"-0.05::DECIMAL(10, 2)", "-0.05"},
		{"100::DECIMAL(10, 0)", "100"},
		{"100.000::DECIMAL(10, 3)", "100"},
		{"170141183460469231731687303715884105727::HUGEINT", "170141183460469231731687303715884105727"},
		{"0.1::DOUBLE + 0.2::DOUBLE", "0.3"},
		{"TIMESTAMP '2015-07-15 00:00:10'", "2015-07-15 00:00:10"},
		{"TIMESTAMP '2015-07-15 00:00:00.120'", "2015-07-15 00:00:00.12"},
		{"NULL::BIGINT", nullText},
		{"'100.00'", "100.00"},
	} {
		if got := contentsOf(t, db, "SELECT "+c.sql); got.count[c.want] != 1 {
			t.Errorf("%s: %v", c.sql, got.count)
		}
	}
	if _, err := db.query("SELECT [1, 2] AS list"); err == nil || !strings.Contains(err.Error(), "column list") {
		t.Errorf("a list: %v", err)
	}
}

func TestWithoutTexts(t *testing.T) {
	var out strings.Builder
	if err := run(&out, options{queries: "absent.yaml", events: 1, rate: 1}); err != nil || !strings.HasPrefix(out.String(), "skipped") {
		t.Errorf("%v: %s", err, out.String())
	}
}

// TestQueries compares every query at rates that make many windows, sessions and days (low
// ones) and ties in a millisecond (high ones).
func TestQueries(t *testing.T) {
	set := texts(t)
	all, err := chosen(set, options{})
	if err != nil || len(all) != 24 {
		t.Fatalf("%d queries have an equivalent: %v, %v", len(all), all, err)
	}
	for _, c := range []struct {
		rate  int64
		names []string
	}{{1, all}, {500, all}, {10_000, all}, {1_000_000, all}} {
		var out strings.Builder
		err := run(&out, options{queries: published, events: 20_000, rate: c.rate, only: c.names})
		if n := strings.Count(out.String(), " equal "); err != nil || n != len(c.names) {
			t.Errorf("rate %d: %d equal, %v\n%s", c.rate, n, err, out.String())
		}
	}
}

// TestDifferenceIsFound runs equivalents with a trap's other reading: each has to differ, or
// the events would not show which reading is the engine's.
func TestDifferenceIsFound(t *testing.T) {
	set := texts(t)
	for _, c := range wrongReadings {
		t.Run(c.name, func(t *testing.T) {
			at := strings.ReplaceAll(set.DDL["ddl_gen"], "${TPS}", c.rate)
			s := &nexmark.Set{Queries: set.Queries, DDL: map[string]string{"ddl_gen": at, "ddl_views": set.DDL["ddl_views"]}}
			text, err := equivalents.ReadFile("queries/" + c.query + ".sql")
			if err != nil || !strings.Contains(string(text), c.right) {
				t.Fatalf("%s.sql has no %q: %v", c.query, c.right, err)
			}
			db, err := open()
			if err != nil {
				t.Fatal(err)
			}
			defer db.close()
			if err := db.load(s, c.events); err != nil {
				t.Fatal(err)
			}
			got := newContents()
			if _, err := s.Run(c.query, c.events, got); err != nil {
				t.Fatal(err)
			}
			if d := compare(got, contentsOf(t, db, string(text))); !d.equal() {
				t.Errorf("the equivalent differs: %+v", d)
			}
			if d := compare(got, contentsOf(t, db, strings.Replace(string(text), c.right, c.wrong, 1))); d.equal() {
				t.Error("the wrong reading gives the same rows")
			}
		})
	}
}
