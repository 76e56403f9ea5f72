// Package exprtest compares generated code for expressions with the interpreter. A test of
// package codegen writes a program that hands its generated functions to Run.
//
// Terms: a case is an expression as SQL, in which CAST('$3' AS type) and, where it may be
// NULL, TRY_CAST('$3' AS type) stand for column 3 of a row; an Event is that row as
// generated code sees it.
package exprtest

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Width is the number of columns.
const Width = 45

// Event is a row; which array holds a cell follows from the class of its type.
type Event struct {
	I, Hi [Width]int64
	F     [Width]float64
	B     [Width][]byte
	Null  [Width]bool
}

// Columns are the types of the columns: each twice nullable, and once NOT NULL.
func Columns() []types.Type {
	var out []types.Type
	for _, t := range kinds {
		out = append(out, t, t, t.Required())
	}
	return out
}

var kinds = []types.Type{types.TBoolean, types.TTinyInt, types.TSmallInt, types.TInt, types.TBigInt, types.TFloat, types.TDouble,
	types.DecimalOf(9, 2), types.DecimalOf(38, 10), types.TString, types.TDate, types.TTime, types.TimestampOf(3), types.TimestampOf(9),
	types.TimestampLTZOf(3)}

// Column is column i in the SQL of a case.
func Column(i int) string {
	t := Columns()[i]
	cast := "TRY_CAST"
	if t.NotNull {
		cast = "CAST"
	}
	return fmt.Sprintf("%s('$%d' AS %s)", cast, i, t.Nullable())
}

// Env is that of all cases.
func Env() *expr.Env {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		zone = time.FixedZone("east", 3600)
	}
	return &expr.Env{Zone: zone}
}

// Parse reads a case.
func Parse(text string) (expr.Node, error) {
	n, err := plan.BindExpr(text, Env())
	if err != nil {
		return nil, err
	}
	return expr.Rewrite(n, func(n expr.Node) expr.Node {
		c, ok := n.(*expr.Cast)
		if !ok {
			return n
		}
		l, ok := c.Arg.(*expr.Lit)
		if !ok || !strings.HasPrefix(string(l.Value.B), "$") {
			return n
		}
		i, err := strconv.Atoi(string(l.Value.B[1:]))
		if err != nil || i >= Width {
			return n
		}
		return &expr.Col{Index: i, T: Columns()[i]}
	}), nil
}

// Host is what generated code is bound to.
type Host struct {
	Env   *expr.Env
	nodes []expr.Node
}

// Expr is the expression of case i.
func (h *Host) Expr(i int) expr.Node { return h.nodes[i] }

// Function computes a case: -1 where it refuses the row.
type Function func(e *Event, out *vec.Datum) int

// Filter tells whether a row passes: 1, or 0; -1 where it refuses the row.
type Filter func(e *Event) int

// Run compares functions, by case, with the interpreter, and filters where there are some.
// It exits with status 1 when they differ.
func Run(texts []string, bind func(h *Host) error, functions []Function, filters []Filter) {
	h := &Host{Env: Env()}
	for _, t := range texts {
		n, err := Parse(t)
		if err != nil {
			fmt.Println(t, err)
			os.Exit(1)
		}
		h.nodes = append(h.nodes, n)
	}
	if err := bind(h); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	b, events := rows(rand.New(rand.NewPCG(1, 2)))
	bad := 0
	for i, n := range h.nodes {
		for _, err := range []string{compare(h, n, b, events, functions[i]), compareFilter(h, n, b, events, filters[i])} {
			if err != "" {
				bad++
				fmt.Printf("%s\n\t%s\n", texts[i], err)
			}
		}
	}
	fmt.Printf("%d cases, %d differ\n", len(texts), bad)
	if bad > 0 {
		os.Exit(1)
	}
}

func compare(h *Host, n expr.Node, b *vec.Batch, events []Event, fn Function) string {
	p, err := expr.Compile(n, h.Env)
	if err != nil {
		return err.Error()
	}
	c := &expr.Ctx{Env: h.Env}
	want := p.Eval(c, b, nil)
	failed := map[int]error{}
	for _, e := range c.Errs {
		failed[e.Row] = e.Err
	}
	for i := range b.N {
		var got vec.Datum
		refused := fn(&events[i], &got) < 0
		if refused != (failed[i] != nil) {
			return fmt.Sprintf("row %d %v: refused %v, while the interpreter has %v, %v", i, show(b, n, i), refused, want.Get(i), failed[i])
		}
		if !refused && !same(want.Get(i), got, n.Type().Phys()) {
			return fmt.Sprintf("row %d %v: %v, while the interpreter has %v", i, show(b, n, i), got, want.Get(i))
		}
	}
	return ""
}

func compareFilter(h *Host, n expr.Node, b *vec.Batch, events []Event, fn Filter) string {
	if fn == nil {
		return ""
	}
	p, err := expr.Compile(n, h.Env)
	if err != nil {
		return err.Error()
	}
	c := &expr.Ctx{Env: h.Env}
	pass, failed := map[int]bool{}, map[int]bool{}
	for _, i := range p.EvalSel(c, b, nil, nil) {
		pass[int(i)] = true
	}
	for _, e := range c.Errs {
		failed[e.Row] = true
	}
	for i := range b.N {
		got := fn(&events[i])
		if (got < 0) != failed[i] || got >= 0 && (got == 1) != pass[i] {
			return fmt.Sprintf("row %d %v: the filter says %d, while the interpreter says %v, failed %v", i, show(b, n, i), got, pass[i], failed[i])
		}
	}
	return ""
}

func show(b *vec.Batch, n expr.Node, i int) (out []vec.Datum) {
	for _, c := range expr.Cols(n) {
		out = append(out, b.Cols[c].Get(i))
	}
	return out
}

func same(a, b vec.Datum, p types.Phys) bool {
	if a.Null || b.Null {
		return a.Null == b.Null
	}
	switch p {
	case types.F64:
		return math.Float64bits(a.F) == math.Float64bits(b.F) || a.F != a.F && b.F != b.F
	case types.Bytes:
		return bytes.Equal(a.B, b.B)
	case types.Wide:
		return a.I == b.I && a.Hi == b.Hi
	}
	return a.I == b.I
}

// rows are random cells, extremes and NULLs among them.
func rows(r *rand.Rand) (*vec.Batch, []Event) {
	ts := Columns()
	b := vec.NewBatch(ts)
	b.N = vec.BatchSize
	events := make([]Event, b.N)
	for c, t := range ts {
		v := b.Cols[c]
		for i := range b.N {
			d := cell(r, t)
			if !t.NotNull && r.IntN(6) == 0 {
				d = vec.NullDatum
			}
			v.Set(i, d)
			e := &events[i]
			e.Null[c], e.I[c], e.Hi[c], e.F[c], e.B[c] = d.Null, d.I, d.Hi, d.F, d.B
		}
	}
	return b, events
}

func cell(r *rand.Rand, t types.Type) vec.Datum {
	small := r.IntN(3) > 0
	ints := func(lo, hi int64) vec.Datum {
		switch {
		case small:
			return vec.IntDatum(max(lo, r.Int64N(7)-3))
		case r.IntN(4) == 0:
			return vec.IntDatum([]int64{lo, hi, max(lo, -1), min(hi, lo+1)}[r.IntN(4)])
		}
		return vec.IntDatum(lo + int64(r.Uint64N(uint64(hi)-uint64(lo))))
	}
	switch t.Kind {
	case types.Boolean:
		return vec.IntDatum(r.Int64N(2))
	case types.TinyInt:
		return ints(math.MinInt8, math.MaxInt8)
	case types.SmallInt:
		return ints(math.MinInt16, math.MaxInt16)
	case types.Int:
		return ints(math.MinInt32, math.MaxInt32)
	case types.BigInt:
		return ints(math.MinInt64, math.MaxInt64)
	case types.Float, types.Double:
		f := []float64{0, math.Copysign(0, -1), 1, -1.5, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat32, 1e19, -3e9, 0.1}[r.IntN(11)]
		if small {
			f = r.NormFloat64() * 100
		}
		if t.Kind == types.Float {
			f = float64(float32(f))
		}
		return vec.FloatDatum(f)
	case types.Decimal:
		if t.Phys() == types.I64 {
			return ints(-999_999_999, 999_999_999)
		}
		x := expr.Int128Of(r.Int64() - r.Int64())
		if !small {
			x, _ = x.Mul(expr.Int128Of(10_000_000_000_000_000 - r.Int64N(100)))
		}
		return expr.DecimalDatum(x, t)
	case types.Date:
		return vec.IntDatum(r.Int64N(60_000) - 20_000)
	case types.Time:
		return vec.IntDatum(r.Int64N(86_400_000))
	case types.Timestamp, types.TimestampLTZ:
		d := vec.IntDatum((r.Int64N(4_000_000_000_000) - 1_000_000_000_000) * 1000)
		if t.Phys() == types.Wide {
			d.I, d.Hi = d.I+r.Int64N(1000), r.Int64N(1000)
		}
		return d
	}
	words := []string{"", "a", "abc", "Abcdef", "été", "12", "-7", "3.5", "1e3", "2020-02-29", "2020-02-29 12:34:56.789", "true", `{"a":1}`, "x,y,z", " pad ", "日本語", "%_"}
	return vec.StringDatum(words[r.IntN(len(words))])
}
