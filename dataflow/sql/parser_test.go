package sql

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// TestGolden compares, for each testdata/*.sql, the statements printed and dumped,
// and the diagnostics, with the file's golden twin.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			s, parseErr := Parse(filepath.Base(f), string(text))
			var b strings.Builder
			for _, stmt := range s.Statements {
				b.WriteString("== " + Format(stmt) + "\n" + strings.TrimPrefix(dump(stmt), " "))
			}
			if parseErr != nil {
				b.WriteString(parseErr.Error() + "\n")
			}
			golden := strings.TrimSuffix(f, ".sql") + ".golden"
			if *rewrite {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			compareDumps(t, f, string(want), b.String())
			checkScriptRoundTrip(t, s)
			for _, stmt := range s.Statements {
				checkWalk(t, stmt)
				checkSpans(t, s.Source, stmt)
			}
			if wantErr := strings.HasPrefix(filepath.Base(f), "errors"); wantErr != (parseErr != nil) {
				t.Errorf("errors: %v", parseErr)
			}
		})
	}
}

// TestPrecedence reads each expression with and without its implied parentheses.
func TestPrecedence(t *testing.T) {
	for _, c := range [][2]string{
		{"a OR b AND c", "a OR (b AND c)"},
		{"NOT a AND b", "(NOT a) AND b"},
		{"NOT a = b", "NOT (a = b)"},
		{"NOT a IS NULL", "NOT (a IS NULL)"},
		{"a = b IS TRUE", "(a = b) IS TRUE"},
		{"a + b IS DISTINCT FROM c + d", "(a + b) IS DISTINCT FROM (c + d)"},
		{"a = b = c", "(a = b) = c"},
		{"a = b IN (c)", "a = (b IN (c))"},
		{"a BETWEEN b AND c AND d", "(a BETWEEN b AND c) AND d"},
		{"a BETWEEN b + 1 AND c + 1 OR d", "(a BETWEEN (b + 1) AND (c + 1)) OR d"},
		{"a - b - c", "(a - b) - c"},
		{"a + b * c", "a + (b * c)"},
		{"a + b || c", "a + (b || c)"},
		{"-a * b", "(-a) * b"},
		{"-a[1].b", "-((a[1]).b)"},
		{"- - a", "-(-a)"},
		{"a LIKE b || c ESCAPE d", "a LIKE (b || c) ESCAPE d"},
		{"a NOT IN (b) AND c", "(a NOT IN (b)) AND c"},
		{"a IS NULL = b", "(a IS NULL) = b"},
		{"a < b OR NOT c > d AND e", "(a < b) OR ((NOT (c > d)) AND e)"},
		{"a % b / c", "(a % b) / c"},
	} {
		plain, err := ParseExpr("plain", c[0])
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		full, err := ParseExpr("full", c[1])
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		compareDumps(t, c[0], dump(full), dump(plain))
		checkExprRoundTrip(t, full)
	}
}

// nodesBelow collects by reflection all nodes that Walk should visit.
func nodesBelow(v reflect.Value, seen map[Node]bool) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			nodesBelow(v.Elem(), seen)
		}
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		switch n := v.Interface().(type) {
		case *Ident, *Name, *TypeSpec, *Hint, *TableAlias, *Constraint, *Option, *TableLike, *Distribution,
			*IntervalQualifier, *AfterMatch, *Subset, Pattern:
			return
		case *StringLit:
			return // comments and metadata keys are no expressions
		case Node:
			seen[n] = true
		}
		nodesBelow(v.Elem(), seen)
	case reflect.Struct:
		for i := range v.NumField() {
			nodesBelow(v.Field(i), seen)
		}
	case reflect.Slice:
		for i := range v.Len() {
			nodesBelow(v.Index(i), seen)
		}
	}
}

// checkWalk tests that Walk visits every node once.
func checkWalk(t *testing.T, n Node) {
	t.Helper()
	want := map[Node]bool{}
	nodesBelow(reflect.ValueOf(n), want)
	got := map[Node]int{}
	Walk(n, func(n Node) bool { got[n]++; return true })
	for n := range want {
		if got[n] != 1 {
			t.Errorf("Walk visits %T %s %d times", n, Format(n), got[n])
		}
	}
}

// checkSpans tests that the text of each expression's span is that expression and
// that children lie inside their parents.
func checkSpans(t *testing.T, src *Source, n Node) {
	t.Helper()
	outer := n.Range()
	Walk(n, func(n Node) bool {
		r := n.Range()
		if r.Start.Offset < outer.Start.Offset || r.End.Offset > outer.End.Offset || r.Start.Offset > r.End.Offset {
			t.Errorf("%T %s spans %v outside of %v", n, Format(n), r, outer)
		}
		if r.Start.Line == 0 || r.Start.Column == 0 {
			t.Errorf("%T %s has no position", n, Format(n))
		}
		switch n := n.(type) {
		case *UnitArg, *NamedArg, *TableArg, *Descriptor, *Star, *DefaultArg:
		case *Subquery: // UNNEST(SELECT ...) and the like have no parentheses of their own
		case *Call:
			if !hasTableArg(n) { // FROM f((SELECT ...)) makes a table of the query
				checkSpan(t, src, n)
			}
		case Expr:
			checkSpan(t, src, n)
		}
		return true
	})
}

func checkSpan(t *testing.T, src *Source, e Expr) {
	t.Helper()
	text := src.Slice(e.Range())
	again, err := ParseExpr("span", text)
	if err != nil {
		t.Errorf("the span of %s: %v", Format(e), err)
		return
	}
	compareDumps(t, text, dump(e), dump(again))
}

func hasTableArg(c *Call) bool {
	for _, a := range c.Args {
		if _, is := a.(*TableArg); is {
			return true
		}
	}
	return false
}

func TestDeepTextsAreRefusedOrRead(t *testing.T) {
	const n = stepsMax + 10
	for name, text := range map[string]string{
		"parentheses": strings.Repeat("(", n),
		"not":         strings.Repeat("NOT ", n) + "a",
		"signs":       strings.Repeat("- ", n) + "1",
		"index":       "a" + strings.Repeat("[a", n),
		"chain":       "a" + strings.Repeat("[1]", n),
		"fields":      "f()" + strings.Repeat(".a", n),
		"name":        "a" + strings.Repeat(".a", n),
		"sum":         "1" + strings.Repeat("+1", n),
		"and":         "a" + strings.Repeat(" AND a", n),
		"is":          "a" + strings.Repeat(" IS TRUE", n),
		"case":        strings.Repeat("CASE WHEN ", n),
		"cast":        strings.Repeat("CAST(", n),
		"type":        "CAST(a AS " + strings.Repeat("ARRAY<", n),
		"suffix":      "CAST(a AS INT" + strings.Repeat(" ARRAY", n) + ")",
		"subquery":    strings.Repeat("(SELECT ", n),
		"interval":    strings.Repeat("INTERVAL (", n),
		"between":     strings.Repeat("a BETWEEN ", n),
		"over":        strings.Repeat("f() OVER (ORDER BY ", n),
		"array":       strings.Repeat("ARRAY[", n),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseExpr(name, text); err == nil {
				t.Error("no error")
			}
		})
	}
	for name, text := range map[string]string{
		"union":    "SELECT 1" + strings.Repeat(" UNION SELECT 1", n),
		"from":     "SELECT * FROM " + strings.Repeat("(", n),
		"comma":    "SELECT * FROM a" + strings.Repeat(", a", n),
		"join":     "SELECT * FROM a" + strings.Repeat(" CROSS JOIN a", n),
		"with":     strings.Repeat("WITH a AS (", n),
		"grouping": "SELECT 1 GROUP BY " + strings.Repeat("ROLLUP (", n),
		"pattern":  "SELECT * FROM t MATCH_RECOGNIZE (PATTERN (" + strings.Repeat("(", n),
		"exclude":  "SELECT * FROM t MATCH_RECOGNIZE (PATTERN (" + strings.Repeat("{-", n),
		"match":    "SELECT * FROM t" + strings.Repeat(" MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS TRUE)", n),
		"explain":  strings.Repeat("EXPLAIN ", n) + "SELECT 1",
		"execute":  strings.Repeat("EXECUTE ", n) + "SELECT 1",
		"nested":   strings.Repeat("(", n) + "SELECT 1",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(name, text); err == nil {
				t.Error("no error")
			}
		})
	}
	long := "SELECT 1" + strings.Repeat(" + 1", stepsMax-2) + " IN (1" + strings.Repeat(", 1", 50_000) + ")"
	s, err := Parse("long", long)
	if err != nil {
		t.Fatal(err)
	}
	printed := s.String()
	again, err := Parse("again", printed)
	if err != nil || again.String() != printed {
		t.Errorf("a long expression does not survive printing: %v", err)
	}
}

func TestParseReportsEachStatement(t *testing.T) {
	s, err := Parse("three.sql", "SELECT FROM a; SELECT 1;\nSELEC 2; SELECT (3")
	var all Errors
	if !errors.As(err, &all) || len(all) != 3 {
		t.Fatalf("want three errors, got %v", err)
	}
	if len(s.Statements) != 1 {
		t.Errorf("want the one good statement, got %d", len(s.Statements))
	}
	if e := Locate(err); e == nil || e.Pos.Line != 1 || e.Pos.Column != 8 {
		t.Errorf("first error at %+v", e)
	}
	if !strings.Contains(all[1].Hint, "SELECT") || all[1].Pos.Line != 2 || all[1].Pos.Column != 1 {
		t.Errorf("second error: %+v", all[1])
	}
}

func TestParseType(t *testing.T) {
	for in, want := range map[string]string{
		"row<a int not null, b timestamp(3) with local time zone>": "ROW<a INT NOT NULL, b TIMESTAMP_LTZ(3)>",
		"character varying(3)": "VARCHAR(3)",
		"INT ARRAY NOT NULL":   "ARRAY<INT> NOT NULL",
		"numeric(10, 2)":       "DECIMAL(10, 2)",
		"ROW<INT, STRING>":     "ROW<INT, STRING>",
		"ROW(`int` INT)":       "ROW<`int` INT>",
	} {
		got, err := ParseType("type", in)
		if err != nil {
			t.Errorf("%v", err)
		} else if got.String() != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	for _, in := range []string{"", "INTT", "ROW<a>", "ARRAY<INT", "TIMESTAMP(x)", "INT INT", "DECIMAL(1, 2, 3)", "VARCHAR(99999999999)"} {
		if got, err := ParseType("type", in); err == nil {
			t.Errorf("%q: no error but %s", in, got)
		}
	}
}
