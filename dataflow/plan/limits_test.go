package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// steps writes n views, each of which reads the one before.
func steps(first, view string, n int) string {
	var b strings.Builder
	b.WriteString("CREATE VIEW v0 AS " + first + ";\n")
	for i := range n {
		fmt.Fprintf(&b, "CREATE VIEW v%d AS %s;\n", i+1, strings.ReplaceAll(view, "?", fmt.Sprintf("v%d", i)))
	}
	fmt.Fprintf(&b, "SELECT * FROM v%d", n)
	return b.String()
}

// TestShortScriptsStandForMuch plans scripts of which a few KB would take hours or all memory.
func TestShortScriptsStandForMuch(t *testing.T) {
	wrap := func(n int, before, inner, behind string) string {
		return strings.Repeat(before, n) + inner + strings.Repeat(behind, n)
	}
	columns := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "c%d INT, ", i)
		}
		return "CREATE TABLE w (" + b.String() + "z INT) WITH ('connector' = 'values');\n"
	}
	const t1 = "CREATE TABLE t (i INT, l BIGINT, s STRING) WITH ('connector' = 'values');\n"
	for name, c := range map[string]struct{ script, want string }{
		"views that double":           {t1 + steps("SELECT i FROM t", "SELECT i FROM ? UNION ALL SELECT i FROM ?", 40), "more than 10000 tables"},
		"operand of CASE":             {t1 + "SELECT " + wrap(60, "CASE ", "i", " WHEN 1 THEN 2 WHEN 3 THEN 4 ELSE 5 END") + " FROM t", "an expression of more than 200000 parts"},
		"operand of BETWEEN":          {t1 + "SELECT " + wrap(60, "CASE WHEN ", "i", " BETWEEN SYMMETRIC 1 AND 3 THEN 1 ELSE 0 END") + " FROM t", "an expression of more than 200000 parts"},
		"rows of rows":                {t1 + steps("SELECT ROW(i, i) AS r FROM t", "SELECT ROW(r, r) AS r FROM ?", 40), "a type of more than 4096 fields"},
		"rows of rows in a query":     {t1 + "SELECT r FROM " + wrap(40, "(SELECT ROW(r, r) AS r FROM ", "(SELECT i AS r FROM t)", ")"), "a type of more than 4096 fields"},
		"wide views of views":         {columns(2000) + steps("SELECT * FROM w", "SELECT * FROM ?", 100), "more than 500000 columns"},
		"a wide table, * many times":  {columns(2000) + "SELECT " + strings.Repeat("*, ", 5000) + "1 FROM w", "a row of more than 4096 columns"},
		"a wide table joined often":   {columns(2000) + "SELECT * FROM w" + strings.Repeat(", w", 300), "a row of more than 4096 columns"},
		"a wide table of many unions": {columns(2000) + "SELECT * FROM w" + strings.Repeat(" UNION ALL SELECT * FROM w", 5000), "more than 500000 columns"},
		"too many columns":            {columns(5000) + "SELECT z FROM w", "a row of more than 4096 columns"},
		"a number without end":        {"SELECT " + strings.Repeat("9", 900_000), "a number of more than 1000 characters"},
		"queries upon queries":        {t1 + "SELECT i FROM t" + strings.Repeat(" INTERSECT SELECT l FROM t", 3000), "queries stand upon each other"},
		"WITH upon WITH": {t1 + "WITH v0 AS (SELECT i FROM t)" + func() (s string) {
			for i := range 3000 {
				s += fmt.Sprintf(", v%d AS (SELECT i FROM v%d WHERE i <> %d)", i+1, i, i)
			}
			return s
		}() + " SELECT i FROM v3000", "queries stand upon each other"},
		"too many elements":  {t1 + "SELECT ARRAY[1" + strings.Repeat(", 1", 150_000) + "] FROM t", "more than 4096 elements"},
		"too many arguments": {t1 + "SELECT GREATEST(i" + strings.Repeat(", 1", 150_000) + ") FROM t", "more than 4096 elements or arguments"},
		"LIKE of LIKE": {columns(2000) + strings.Join(func() (out []string) {
			for i := range 300 {
				out = append(out, fmt.Sprintf("CREATE TABLE w%d LIKE w;\n", i))
			}
			return out
		}(), "") + "SELECT z FROM w", "more than 500000 columns"},
		"a value that is made large": {t1 + "SELECT i FROM t WHERE s = " + wrap(30, "REPLACE(", "'aaaaaaaaaa'", ", 'a', 'aaaaaaaaaa')"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := sql.Parse("script", c.script)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Build(s, Options{})
			if c.want == "" && err == nil {
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%.300v, want %s", err, c.want)
			}
		})
	}
}
