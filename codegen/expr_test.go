package codegen

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/codegen/internal/exprtest"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// TestExpressions generates a program of one function for each case, and one more for each
// that can be a filter; the program compares them with the interpreter over random rows.
func TestExpressions(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a program")
	}
	texts := exprCases()
	if len(texts) < 500 {
		t.Fatalf("%d cases", len(texts))
	}
	texts = append(texts, conformanceExpressions(400)...)
	src, n, written, err := exprProgram(texts)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cases, %d of them without the bridge", n, written)
	if written < 1500 {
		t.Errorf("only %d cases are written out", written)
	}
	if out := os.Getenv("EDGEFLOW_EXPR_PROGRAM"); out != "" {
		if err := os.WriteFile(out, src, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := runProgram(t, src)
	if len(out) > 20_000 {
		out = out[:20_000]
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// runProgram runs a main package as part of this module, of whose tree an overlay makes it.
func runProgram(t *testing.T, src []byte) ([]byte, error) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, src, 0o600); err != nil {
		t.Fatal(err)
	}
	place, err := filepath.Abs("internal/exprtest/program/main.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {place: file}})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.Command("go", "run", "-overlay", overlay, "./internal/exprtest/program").CombinedOutput()
}

// exprProgram writes the program for the cases that can be read and generated. written is
// how many do not call the bridge.
func exprProgram(texts []string) (src []byte, n, written int, err error) {
	w := newWriter("")
	w.use("dataflow/fused")
	w.use("dataflow/vec")
	w.imports[module+"codegen/internal/exprtest"] = true
	var used, functions, filters []string
	for _, text := range texts {
		node, err := exprtest.Parse(text)
		if err != nil {
			continue
		}
		calls := w.names["call"]
		name := fmt.Sprintf("f.e%d", len(used))
		ok, err := exprFunction(w, node, len(used))
		if err != nil {
			return nil, 0, 0, fmt.Errorf("%s: %w", text, err)
		}
		if !ok {
			continue
		}
		used, functions = append(used, text), append(functions, name)
		if w.names["call"] == calls {
			written++
		}
		if node.Type().Kind == types.Boolean {
			filters = append(filters, strings.Replace(name, ".e", ".w", 1))
		} else {
			filters = append(filters, "nil")
		}
	}
	w.p("type fragment struct {\n_ fused.Call\n%s\n}", strings.Join(w.fields, "\n"))
	w.p("func (f *fragment) bind(h *exprtest.Host) error {\n%s\nreturn nil\n}", strings.Join(w.binds, "\n"))
	w.p("func main() {\nf := new(fragment)\nexprtest.Run([]string{")
	for _, text := range used {
		w.p("%q,", text)
	}
	w.p("}, f.bind, []exprtest.Function{%s}, []exprtest.Filter{%s})\n}", strings.Join(functions, ", "), strings.Join(filters, ", "))
	w.decl()
	src, err = w.file(generated, "main")
	return src, len(used), written, err
}

// exprFunction writes the functions of one case. ok is false when no code is generated.
func exprFunction(w *writer, node expr.Node, i int) (ok bool, err error) {
	cols := exprColumns()
	place := func(x *exprs) *exprs {
		x.root = func() string { return fmt.Sprintf("h.Expr(%d)", i) }
		return x
	}
	w.p("func (f *fragment) e%d(e *exprtest.Event, out *vec.Datum) int {", i)
	x := place(newExprs(w, cols))
	v, err := x.emit(node)
	var fb errFallback
	if errors.As(err, &fb) {
		w.body.Reset()
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if v.null != "" {
		w.p("if %s {\nout.Null = true\nreturn 0\n}", v.null)
	}
	switch v.phys {
	case types.F64:
		w.p("out.F = %s", v.code)
	case types.Bytes:
		w.p("out.B = %s", v.code)
	case types.Wide:
		w.p("out.I, out.Hi = %s, %s", v.code, v.hi)
	default:
		w.p("out.I = %s", v.cell(w))
	}
	w.p("return 0\n}")
	w.decl()
	if node.Type().Kind != types.Boolean {
		return true, nil
	}
	w.p("func (f *fragment) w%d(e *exprtest.Event) int {", i)
	cond, err := place(newExprs(w, cols)).filter(node)
	if err != nil {
		return false, err
	}
	w.p("if %s {\nreturn 1\n}\nreturn 0\n}", cond)
	w.decl()
	return true, nil
}

func exprColumns() []value {
	var out []value
	for i, t := range exprtest.Columns() {
		v := value{t: t, phys: t.Phys(), code: fmt.Sprintf("e.I[%d]", i)}
		switch v.phys {
		case types.F64:
			v.code = fmt.Sprintf("e.F[%d]", i)
		case types.Bytes:
			v.code = fmt.Sprintf("e.B[%d]", i)
		case types.Wide:
			v.hi = fmt.Sprintf("e.Hi[%d]", i)
		}
		if !t.NotNull {
			v.null = fmt.Sprintf("e.Null[%d]", i)
		}
		out = append(out, v)
	}
	return out
}

// kindNames name the columns' types in the cases below: {i32} and {i32b} may be NULL,
// {i32n} is not.
var kindNames = []string{"b", "i8", "i16", "i32", "i64", "f", "d", "dec", "wide", "s", "dt", "tm", "ts", "ts9", "ltz"}

// caseColumns replaces them.
func caseColumns() *strings.Replacer {
	var pairs []string
	for i, k := range kindNames {
		for j, suffix := range []string{"", "b", "n"} {
			pairs = append(pairs, "{"+k+suffix+"}", exprtest.Column(3*i+j))
		}
	}
	return strings.NewReplacer(pairs...)
}

func exprCases() []string {
	columns := caseColumns()
	var out []string
	add := func(format string, args ...any) { out = append(out, columns.Replace(fmt.Sprintf(format, args...))) }
	for _, a := range kindNames {
		for _, b := range kindNames {
			for _, op := range []string{"+", "-", "*", "/", "%"} {
				add("{%s} %s {%sb}", a, op, b)
			}
			for _, op := range []string{"=", "<", ">=", "IS NOT DISTINCT FROM"} {
				add("{%s} %s {%sb}", a, op, b)
			}
		}
		for _, to := range []string{"BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(4, 1)", "DECIMAL(18, 4)", "DECIMAL(30, 12)",
			"STRING", "CHAR(3)", "DATE", "TIME", "TIMESTAMP(0)", "TIMESTAMP(3)", "TIMESTAMP(9)", "TIMESTAMP_LTZ(3)", "TIMESTAMP_LTZ(9)"} {
			add("CAST({%s} AS %s)", a, to)
			add("TRY_CAST({%sn} AS %s)", a, to)
		}
		for _, f := range []string{"{%[1]s} IS NULL", "{%[1]sn} IS NOT NULL", "COALESCE({%[1]s}, {%[1]sb}, {%[1]sn})", "COALESCE({%[1]s}, {%[1]sb})", "NULLIF({%[1]s}, {%[1]sb})",
			"IF({b}, {%[1]s}, {%[1]sn})", "CASE WHEN {b} THEN {%[1]s} WHEN {bb} THEN {%[1]sn} END", "CASE {%[1]s} WHEN {%[1]sb} THEN 1 WHEN {%[1]sn} THEN 2 ELSE 3 END",
			"{%[1]s} <> {%[1]sn}", "{%[1]sn} <= {%[1]sb}", "{%[1]s} > {%[1]sb}", "{%[1]s} IS DISTINCT FROM {%[1]sn}", "-{%[1]s}", "ABS({%[1]s})", "{%[1]s} IN ({%[1]sb}, {%[1]sn})",
			"{%[1]s} BETWEEN {%[1]sb} AND {%[1]sn}", "GREATEST({%[1]s}, {%[1]sb})", "FLOOR({%[1]s})", "ROUND({%[1]s}, 1)", "{%[1]s} + INTERVAL '5' SECOND", "{%[1]s} - INTERVAL '3' MONTH",
			"INTERVAL '1' DAY + {%[1]s}", "EXTRACT(YEAR FROM {%[1]s})", "EXTRACT(MINUTE FROM {%[1]s})", "FLOOR({%[1]s} TO HOUR)", "CEIL({%[1]s} TO MONTH)", "CAST({%[1]s} AS STRING) = {s}"} {
			add(f, a)
		}
	}
	out = append(out, logicCases(columns)...)
	for _, s := range append(stringCases, arithmeticCases...) {
		out = append(out, columns.Replace(s))
	}
	return out
}

// logicCases combine parts that are NULL, that fail, and that need statements.
func logicCases(columns *strings.Replacer) []string {
	parts := []string{"{b}", "{bn}", "{i32} > {i32b}", "10 / {i64} > 1", "{s} LIKE 'a%'", "UPPER({s}) = 'ABC'", "NOT {bb}", "({b} OR {bb})", "CAST({s} AS INT) = 12", "NULL"}
	var out []string
	for _, a := range parts {
		for _, b := range parts {
			for _, f := range []string{"%s AND %s", "%s OR %s", "NOT (%s AND %s)", "(%s AND %s) IS NOT TRUE", "(%s OR %s) IS UNKNOWN", "{bn} AND %s AND NOT %s",
				"{b} OR %s OR (%s AND {bb})", "CASE WHEN %s THEN %s ELSE {b} END", "(%s) = (%s)", "(%s) > (%s)", "COALESCE(%s, %s)"} {
				out = append(out, columns.Replace(fmt.Sprintf(f, a, b)))
			}
		}
	}
	return out
}

var stringCases = []string{
	"{s} = 'abc'", "'abc' < {s}", "{s} <> ''", "{s} LIKE 'a%'", "{s} LIKE '%c'", "{s} LIKE '%b%'", "{s} LIKE 'a_c'", "{s} NOT LIKE '%'", "{sn} LIKE ''", "{s} LIKE '%!%%' ESCAPE '!'",
	"{s} LIKE {sb}", "{s} SIMILAR TO '[a-c]*'", "CHAR_LENGTH({s})", "CHAR_LENGTH({sn}) + 1", "UPPER({s})", "LOWER({sn})", "{s} || {sb}", "{s} || 'x' || {sn}", "SUBSTRING({s}, 2, 2)",
	"TRIM({s})", "REPLACE({s}, 'a', 'bb')", "REGEXP_EXTRACT({s}, '([a-c]+)', 1)", "REGEXP_REPLACE({s}, '[0-9]', '#')", "SPLIT_INDEX({s}, ',', 1)", "JSON_VALUE({s}, '$.a')",
	"CONCAT_WS('-', {s}, {sb}, {sn})", "POSITION('b' IN {s})", "LPAD({s}, {i8}, '*')", "REVERSE({s})", "INITCAP({s})", "DATE_FORMAT({ts}, 'yyyy-MM-dd HH:mm')", "TO_TIMESTAMP({s})",
	"TO_DATE({s})", "CAST({s} AS INT) + 1", "TRY_CAST({s} AS DOUBLE) * 2", "COALESCE(TRY_CAST({s} AS INT), CHAR_LENGTH({s}))", "MD5({s})", "ASCII({s})", "JSON_EXISTS({s}, '$.a')",
	"CASE WHEN {s} LIKE 'a%' THEN UPPER({s}) WHEN {s} = '12' THEN 'twelve' ELSE {sb} END", "CASE {s} WHEN 'a' THEN 1 WHEN 'abc' THEN 2 END", "{s} IN ('a', 'abc', '12')",
	"UPPER({s}) || UPPER({s})", "CASE WHEN UPPER({s}) = 'A' THEN UPPER({s}) ELSE LOWER({s}) END", "({s}, {i32}).EXPR$0", "ARRAY[{i32}, {i32b}][1]", "ELT({i8}, {s}, {sb})",
}

var arithmeticCases = []string{
	"{i64} + 1", "1 - {i64n}", "{i32} * -3", "{i32} / 10", "{i64} % 7", "{i64} / -1", "{i8} + {i8b}", "{i16} * {i16n}", "{i32} + {i32b} * {i32n} - 2147483647", "{i64} * {i64b} + {i64n}",
	"-{i8}", "-{i64}", "{d} * {db} + {dn}", "{d} * 0.1e0 + {db} * 1e10", "{f} * {fb} - {fn}", "{f} + 0.1", "{d} / 3e0", "{d} / {dn}", "{f} / {d}", "-{d}", "{d} = {db}", "{d} < {dn}", "{f} <> {fb}",
	"{d} IS DISTINCT FROM {db}", "{dec} * 2 + 0.5", "{dec} / {decb}", "{dec} / 0", "{dec} * {decn} - {dec}", "{wide} * {wideb}", "{wide} + {dec}", "{wide} - {i64}", "{wide} / {wideb}", "{wide} < {dec}",
	"{wide} = {i64}", "{dec} > {i32}", "{dec} + {i32}", "{i64} + 9223372036854775807", "CAST({d} AS INT) + CAST({d} AS BIGINT)", "CAST(CAST({d} AS TINYINT) AS DECIMAL(3, 1))",
	"{ts} + INTERVAL '1' HOUR < {tsb}", "{ts} - INTERVAL '5' SECOND", "{ltz} + INTERVAL '1' DAY", "{ts9} - INTERVAL '1' SECOND", "{ts} = {ts9}", "{ts9} < {ts9b}", "{ts9} IS DISTINCT FROM {ts9n}",
	"{ltz} > {ts}", "{dt} + INTERVAL '3' DAY", "{tm} + INTERVAL '90' MINUTE", "TIMESTAMPDIFF(DAY, {ts}, {tsb})", "TIMESTAMPADD(HOUR, {i8}, {ts})", "({ts} - {tsb}) DAY TO SECOND",
	"FLOOR({ts} TO DAY) = {tsb}", "HOUR({ts}) * 60 + MINUTE({ts})", "DAYOFWEEK({dt})", "POWER({d}, 2)", "SQRT({dn})", "SIGN({i32})", "ROUND({dec}, 1)", "TRUNCATE({d}, 1)", "MOD({i64}, {i32})",
	"CASE WHEN {i64} = 0 THEN 0 ELSE 100 / {i64} END", "IF({i64} <> 0, 100 / {i64}, -1)", "CASE WHEN {i64} > 0 AND 100 / {i64} > 5 THEN 100 / {i64} END", "COALESCE({i64} / {i64b}, 0)",
	"({i64} + {i64b}) * ({i64} + {i64b})", "({i64} / {i64b}) IS NULL", "NULLIF({i32}, 0) + 10 / NULLIF({i32}, 0)", "({i64} > 0) IS NOT DISTINCT FROM ({i64b} > 0)", "CAST({b} AS INT) + 1",
	"CAST({i64} > 3 AS BIGINT)", "CAST({b} AS DECIMAL(10, 2))", "CAST({i64} > 3 AS STRING)", "5 = 5", "1 / 0", "1 + 2 * 3", "CAST(300 AS TINYINT)", "1e0 / 3", "-0e0 = 0e0", "CAST(NULL AS INT) + 1",
}

// conformanceExpressions are up to n expressions of the conformance cases beside the
// repository, where they are there.
func conformanceExpressions(n int) []string {
	files, _ := filepath.Glob("../../shared/conformance/scalar/*_test.yaml")
	var all []string
	for _, f := range files {
		in, err := os.Open(f)
		if err != nil {
			continue
		}
		sc := bufio.NewScanner(in)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			text, ok := strings.CutPrefix(sc.Text(), "- ")
			var c struct{ SQL string }
			if ok && json.Unmarshal([]byte(text), &c) == nil && c.SQL != "" {
				all = append(all, c.SQL)
			}
		}
		_ = in.Close()
	}
	var out []string
	for i := range min(n, len(all)) {
		out = append(out, all[i*len(all)/min(n, len(all))])
	}
	return out
}
