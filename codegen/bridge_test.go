package codegen

import (
	"testing"

	"github.com/edgeflow/edgeflow/codegen/internal/exprtest"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/fused"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// bridged are calls over an INT of 7, a STRING of "ab,Cab", a DECIMAL(9, 2) of 2.55, a
// TIMESTAMP_LTZ(3) of an hour past 1970 and a DOUBLE of 2; text is another STRING.
var bridged = []struct {
	sql, want, text string
	allocates       bool // the interpreter's own function does
}{
	{sql: "UPPER({s})", want: "AB,CAB"},
	{sql: "INITCAP({s})", want: "Ab,Cab"},
	{sql: "{s} || {s}", want: "ab,Cabab,Cab"},
	{sql: "SUBSTRING({s}, 2, {i32})", want: "b,Cab"},
	{sql: "SPLIT_INDEX({s}, ',', 1)", want: "Cab"},
	{sql: "REGEXP_EXTRACT({s}, '([a-b]+)', 1)", want: "ab"},
	{sql: "REGEXP_REPLACE({s}, 'b', 'x')", want: "ax,Cax", allocates: true},
	{sql: "REPLACE({s}, 'b', 'xy')", want: "axy,Caxy"},
	{sql: "JSON_VALUE({s}, '$.a')", want: "b", text: `{"a": "b"}`},
	{sql: "DATE_FORMAT({ltz}, 'yyyy-MM-dd HH:mm')", want: "1970-01-01 02:00"},
	{sql: "ROUND({dec}, 1)", want: "2.6"},
	{sql: "CAST({i32} AS STRING)", want: "7"},
	{sql: "CAST({dec} AS STRING)", want: "2.55"},
	{sql: "MD5({s})", want: "a25350a6159b993ea9df96d530137907"},
	{sql: "POWER({d}, 2)", want: "4.0"},
	{sql: "GREATEST({i32}, 3)", want: "7"},
	{sql: "EXTRACT(HOUR FROM {ltz})", want: "2"},
	{sql: "FLOOR({ltz} TO DAY)", want: "1970-01-01 00:00:00.000"},
	{sql: "{s} IN ('x', 'ab,Cab')", want: "TRUE"},
}

// bridgedCall binds a call.
func bridgedCall(t testing.TB, sql, text string) (n expr.Node, run func() bool, c *fused.Call) {
	t.Helper()
	n, err := exprtest.Parse(caseColumns().Replace(sql))
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	c = new(fused.Call)
	if err := c.Bind(exprtest.Env(), n, 0); err != nil {
		t.Fatal(err)
	}
	kids := expr.Children(n)
	if text == "" {
		text = "ab,Cab"
	}
	arg := []byte(text)
	return n, func() bool {
		for i, k := range kids {
			if _, ok := k.(*expr.Lit); ok {
				continue
			}
			switch t := k.Type(); t.Kind {
			case types.Varchar:
				c.SetBytes(i, arg)
			case types.Decimal:
				c.SetInt(i, 255)
			case types.TimestampLTZ:
				c.SetInt(i, 3_600_000_000)
			case types.Double:
				c.SetFloat(i, 2)
			default:
				c.SetInt(i, 7)
			}
		}
		return c.Eval()
	}, c
}

func TestBridgedCallsDoNotAllocate(t *testing.T) {
	for _, b := range bridged {
		n, run, c := bridgedCall(t, b.sql, b.text)
		if !run() {
			t.Errorf("%s fails", b.sql)
			continue
		}
		if got := bridgedText(n, c); got != b.want {
			t.Errorf("%s is %s, want %s", b.sql, got, b.want)
		}
		if n := testing.AllocsPerRun(200, func() { run() }); (n > 0) != b.allocates {
			t.Errorf("%s: %v allocations", b.sql, n)
		}
	}
}

func bridgedText(n expr.Node, c *fused.Call) string {
	if c.Null() {
		return "NULL"
	}
	d := c.Datum()
	return string(expr.FormatDatum(nil, d, n.Type(), exprtest.Env()))
}

// BenchmarkBridge has each call by itself, and in batches, in ns a row.
func BenchmarkBridge(b *testing.B) {
	for _, sql := range []string{"UPPER({s})", "EXTRACT(HOUR FROM {ltz})", "ROUND({dec}, 1)", "GREATEST({i32}, 3)", "SUBSTRING({s}, 2, 2)"} {
		b.Run(sql, func(b *testing.B) {
			_, run, _ := bridgedCall(b, sql, "")
			for b.Loop() {
				run()
			}
		})
		b.Run(sql+" in batches", func(b *testing.B) {
			n, _, _ := bridgedCall(b, sql, "")
			p, err := expr.Compile(n, exprtest.Env())
			if err != nil {
				b.Fatal(err)
			}
			rows := vec.NewBatch(exprtest.Columns())
			rows.N = vec.BatchSize
			for _, c := range rows.Cols {
				for i := range rows.N {
					c.Set(i, vec.Datum{B: []byte("ab,Cab"), I: 7, F: 2})
				}
			}
			ctx := &expr.Ctx{Env: exprtest.Env()}
			for i := 0; i < b.N; i += rows.N {
				p.Eval(ctx, rows, nil)
			}
		})
	}
}

// TestBridgedCallRefuses sees an error, and a value after it.
func TestBridgedCallRefuses(t *testing.T) {
	n, err := exprtest.Parse(caseColumns().Replace("CAST({s} AS INT)"))
	if err != nil {
		t.Fatal(err)
	}
	var c fused.Call
	if err := c.Bind(exprtest.Env(), n, 0); err != nil {
		t.Fatal(err)
	}
	c.SetBytes(0, []byte("x"))
	if c.Eval() {
		t.Error("x is an INT")
	}
	c.SetBytes(0, []byte("12"))
	if !c.Eval() || c.Null() || c.Int() != 12 {
		t.Error("12 is none")
	}
	c.SetNull(0)
	if !c.Eval() || !c.Null() {
		t.Error("NULL is not NULL")
	}
	if err := c.Bind(exprtest.Env(), n, 7); err == nil {
		t.Error("a call that is not there is bound")
	}
}
