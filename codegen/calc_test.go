package codegen

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/codegen/internal/exprtest"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// TestCalcs generates a program of several Calcs and compares them with the interpreter;
// -v shows what a row takes either way.
func TestCalcs(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a program")
	}
	columns := caseColumns()
	var cases []exprtest.CalcCase
	for _, c := range calcCases {
		c.Filter = columns.Replace(c.Filter)
		c.Project = strings.Split(columns.Replace(strings.Join(c.Project, "\n")), "\n")
		cases = append(cases, c)
	}
	timed := len(cases)
	cases = append(cases, randomCalcs(t, 150)...)
	src, err := calcProgram(cases, timed)
	if err != nil {
		t.Fatal(err)
	}
	out, err := runProgram(t, src)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("\n%s", out)
}

// randomCalcs combines the cases of TestExpressions that are written out.
func randomCalcs(t *testing.T, n int) (out []exprtest.CalcCase) {
	r := rand.New(rand.NewPCG(5, 6))
	texts := exprCases()
	for len(out) < n {
		pick := func() string { return texts[r.IntN(len(texts))] }
		c := exprtest.CalcCase{Filter: pick(), Project: []string{pick(), pick(), pick()}}
		node, err := c.Node()
		if err != nil || node.Filter.Type().Kind != types.Boolean {
			continue
		}
		var fb errFallback
		switch _, err := generateCalc(node, "calc", "main"); {
		case err == nil:
			out = append(out, c)
		case !errors.As(err, &fb):
			t.Fatalf("%v: %v", c, err)
		}
	}
	return out
}

// calcProgram puts the files of Calcs into one.
func calcProgram(cases []exprtest.CalcCase, timed int) ([]byte, error) {
	w := newWriter("")
	w.use("dataflow/fused")
	w.use("dataflow/vec")
	w.imports[module+"codegen/internal/exprtest"] = true
	w.p("func main() {\nexprtest.RunCalcs([]exprtest.CalcCase{")
	var decls []string
	for i, c := range cases {
		n, err := c.Node()
		if err != nil {
			return nil, fmt.Errorf("%v: %w", c, err)
		}
		src, err := generateCalc(n, fmt.Sprintf("calc%d", i), "main")
		if err != nil {
			return nil, fmt.Errorf("%v: %w", c, err)
		}
		_, rest, _ := strings.Cut(string(src), ")\n")
		decls = append(decls, rest)
		w.p("{Filter: %q, Project: %#v},", c.Filter, c.Project)
	}
	w.use("math")
	w.p("}, %d)\n}\nvar _ = math.Pi\nvar _ fused.Calc\nvar _ vec.Batch\n%s", timed, strings.Join(decls, "\n"))
	w.decl()
	return w.file(generated, "main")
}

var calcCases = []exprtest.CalcCase{
	{Project: []string{"{i64n} * 2 + {i32n} - {i16n}", "{d} * 1.5e0", "{i64n}", "{s}", "{b} IS NULL"}},
	{Filter: "{i64n} > 0", Project: []string{"{i64n}", "{s}"}},
	{Filter: "{i32} > 0 AND {i64} < 100 AND {dn} > 0", Project: []string{"{i32}", "{i64}"}},
	{Filter: "{s} = 'abc' OR {s} LIKE 'a%'", Project: []string{"{i64}", "{s}"}},
	{Filter: "{i32} IS NOT NULL", Project: []string{"CASE WHEN {i64} > 10 THEN 'high' WHEN {i64} > 0 THEN 'low' ELSE {s} END"}},
	{Project: []string{"CASE WHEN {i64n} > 10 THEN 1 WHEN {i64n} > 0 THEN 2 ELSE 3 END", "COALESCE({i64}, 0)"}},
	{Project: []string{"100 / {i64}", "{i64} % 7"}},
	{Project: []string{"CAST({i64n} AS DOUBLE) / {dn}", "{d} + {db}", "{d} > {db}"}},
	{Project: []string{"{dec} * 2 + {decn}", "{ts} + INTERVAL '5' SECOND"}},
	{Project: []string{"{wide} + {wideb}", "{wide} < {dec}"}},
	{Filter: "100 / {i64} > 3 AND 10 / {i64b} < 4", Project: []string{"{bn}", "{i64} > {i64b} OR {b}"}},
	{Filter: "{b} OR {i64} > 3 AND NOT {bb}", Project: []string{"{ts9}", "CAST({d} AS INT)"}},
	{Project: []string{"EXTRACT(HOUR FROM {ts})", "FLOOR({ts} TO DAY)"}},
	{Filter: "{s} < {sb}", Project: []string{"COALESCE({s}, {sb})"}},
}

// TestCalcsLeftAlone sees Calcs for which no code is generated.
func TestCalcsLeftAlone(t *testing.T) {
	for _, c := range []exprtest.CalcCase{{Project: []string{"{s}", "1", "{i64} * 2 + {i32}", "UPPER({s} || {sb})"}}, {Project: []string{"REVERSE({s})"}}, {Filter: "RAND() > 0.5e0", Project: []string{"{s}"}}} {
		c.Filter = caseColumns().Replace(c.Filter)
		for i := range c.Project {
			c.Project[i] = caseColumns().Replace(c.Project[i])
		}
		n, err := c.Node()
		if err != nil {
			t.Fatal(err)
		}
		src, err := generateCalc(n, "calc", "main")
		var fb errFallback
		if !errors.As(err, &fb) && !errors.Is(err, errIdle) {
			t.Errorf("%v: %v\n%s", c, err, src)
		}
	}
}
