package expr

import (
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// wideBatch has one column of each physical class and more, with NULLs.
func wideBatch(n int) (*vec.Batch, map[string]Node) {
	cols := []struct {
		name string
		t    types.Type
	}{
		{"a", types.TBigInt}, {"b", types.TBigInt}, {"i", types.TInt}, {"x", types.TDouble}, {"y", types.TDouble},
		{"s", types.TString}, {"num", types.TString}, {"d", types.DecimalOf(12, 2)}, {"w", types.DecimalOf(30, 5)},
		{"ts", types.TimestampOf(3)}, {"ltz", types.TimestampLTZOf(3)}, {"day", types.TDate}, {"p", types.TBoolean}, {"f", types.TFloat},
	}
	ts := make([]types.Type, len(cols))
	for i := range cols {
		ts[i] = cols[i].t
	}
	b := vec.NewBatch(ts)
	b.N = n
	nodes := map[string]Node{}
	words := []string{"alpha", "beta gamma", "", "delta%", "ALPHA beta", "größe"}
	for c, col := range cols {
		nodes[col.name] = NewCol(c, col.name, col.t)
		v := b.Cols[c]
		for i := range n {
			k := int64(i*7919%2003 - 1000)
			switch {
			case (i+c)%11 == 0:
				v.SetNull(i)
			case col.name == "num":
				v.SetBytes(i, Int128Of(k).Append(nil, 0))
			case col.name == "s":
				v.SetString(i, words[i%len(words)])
			case col.name == "p":
				v.I64[i] = int64(i & 1)
			case v.Phys == types.F64:
				v.F64[i] = float64(k) / 8
			case v.Phys == types.Wide:
				x, _ := Int128Of(k).Mul(pow10[17])
				v.I64[i], v.Hi[i] = int64(x.Lo), x.Hi
			case col.t.IsTimestamp():
				v.I64[i] = (1_700_000_000_000 + k*977_000) * 1000
			case col.name == "day":
				v.I64[i] = 19000 + k
			default:
				v.I64[i] = k
			}
		}
	}
	return b, nodes
}

// hotExprs are expressions that evaluate without allocation.
func hotExprs(c map[string]Node) []Node {
	sec := NewSymbol("SECOND")
	return []Node{
		call("+", c["a"], c["b"]),
		call("*", call("-", c["a"], NewInt(3)), c["i"]),
		call("%", c["a"], NewInt(7)),
		call("/", c["x"], NewFloat(3)),
		call("+", c["f"], c["f"]),
		call("+", c["d"], c["d"]),
		call("*", c["d"], c["i"]),
		call("/", c["d"], must(NewDecimal("3.0"))),
		call("+", c["w"], c["d"]),
		call("NEGATE", c["w"]),
		call("<", c["a"], c["b"]),
		call(">=", c["x"], c["y"]),
		call("=", c["s"], NewString("alpha")),
		call("<>", c["s"], c["num"]),
		call("<", c["w"], c["w"]),
		call("IS NULL", c["b"]),
		call("IS DISTINCT FROM", c["a"], c["b"]),
		call("IN", c["a"], NewInt(1), NewInt(50), NewInt(-3)),
		call("IN", c["s"], NewString("alpha"), NewString("x")),
		call("LIKE", c["s"], NewString("%a_pha%")),
		call("LIKE", c["s"], NewString("beta%")),
		call("BETWEEN", c["a"], NewInt(-10), NewInt(500)),
		must(NewAnd(call(">", c["a"], NewInt(0)), call("<", c["x"], NewFloat(50)), c["p"])),
		must(NewOr(call(">", c["a"], NewInt(900)), call("IS NULL", c["x"]))),
		call("NOT", c["p"]),
		call("IS NOT TRUE", c["p"]),
		must(NewCase([]Node{call(">", c["a"], NewInt(0)), call("=", c["b"], NewInt(0))}, []Node{c["x"], NewFloat(1)}, call("*", c["x"], NewFloat(2)))),
		must(NewCase([]Node{c["p"]}, []Node{c["s"]}, NewString("none"))),
		call("COALESCE", c["a"], c["b"], NewInt(0)),
		call("IF", c["p"], c["a"], c["b"]),
		call("NULLIF", c["a"], c["b"]),
		call("GREATEST", c["a"], c["b"]),
		call("||", c["s"], c["num"]),
		cast(c["a"], types.TInt),
		cast(c["i"], types.TDouble),
		cast(c["x"], types.TBigInt),
		cast(c["a"], types.TString),
		cast(c["x"], types.TString),
		cast(c["w"], types.TString),
		cast(c["ltz"], types.TString),
		cast(c["num"], types.TBigInt),
		cast(c["num"], types.TDouble),
		cast(c["num"], types.DecimalOf(20, 3)),
		cast(c["d"], types.DecimalOf(25, 4)),
		cast(c["ltz"], types.TimestampOf(3)),
		cast(c["ts"], types.TDate),
		call("+", c["ts"], NewIntervalMillis(5000, "SECOND")),
		call("+", c["day"], NewIntervalMonths(1, "MONTH")),
		call("FLOOR", c["ts"], NewSymbol("HOUR")),
		call("FLOOR", c["ltz"], NewSymbol("DAY")),
		call("EXTRACT", NewSymbol("HOUR"), c["ltz"]),
		call("YEAR", c["day"]),
		call("TIMESTAMPDIFF", sec, c["ts"], call("+", c["ts"], NewIntervalMillis(90_000, "SECOND"))),
		call("TIMESTAMPADD", sec, c["i"], c["ts"]),
		call("DATE_FORMAT", c["ts"], NewString("yyyy-MM-dd HH:mm")),
		call("TO_TIMESTAMP", cast(c["ts"], types.TString)),
		call("ABS", c["a"]),
		call("FLOOR", c["x"]),
		call("ROUND", c["x"], NewInt(1)),
		call("ROUND", c["d"], NewInt(1)),
		call("POWER", c["x"], NewFloat(2)),
		call("CURRENT_TIMESTAMP"),
		call("RAND"),
	}
}

func TestHotExpressionsDoNotAllocate(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates")
	}
	zone := time.FixedZone("", 3600)
	env := &Env{Zone: zone}
	b, cols := wideBatch(1000)
	sel := everySecond(b.N)
	for _, n := range hotExprs(cols) {
		p, err := Compile(n, env)
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		c := &Ctx{Env: env}
		run := func() {
			c.Errs = c.Errs[:0]
			p.Eval(c, b, nil)
			p.Eval(c, b, sel)
		}
		run()
		if got := testing.AllocsPerRun(5, run); got != 0 {
			t.Errorf("%s: %v allocations for 1500 rows", n, got)
		}
	}
}

func everySecond(n int) []int32 {
	var sel []int32
	for i := 0; i < n; i += 2 {
		sel = append(sel, int32(i))
	}
	return sel
}

// TestSelectionsAgree evaluates each expression over all rows, over a selection, and row
// by row: the cells must be the same.
func TestSelectionsAgree(t *testing.T) {
	env := &Env{Zone: time.FixedZone("", 3600)}
	b, cols := wideBatch(300)
	for i := range b.N {
		b.Origin = append(b.Origin, vec.Origin{Seq: uint64(i)})
		b.Arrival = append(b.Arrival, int64(i)*1000)
	}
	for _, n := range hotExprs(cols) {
		all := evalRows(t, n, env, b, [][]int32{nil})
		half := evalRows(t, n, env, b, [][]int32{everySecond(b.N)})
		var single [][]int32
		for i := range int32(b.N) {
			single = append(single, []int32{i})
		}
		each := evalRows(t, n, env, b, single)
		for i := range b.N {
			if all[i] != each[i] || i%2 == 0 && all[i] != half[i] {
				t.Fatalf("%s: row %d: %q over all rows, %q over a selection, %q alone", n, i, all[i], half[i], each[i])
			}
		}
	}
}

func evalRows(t *testing.T, n Node, env *Env, b *vec.Batch, sels [][]int32) map[int]string {
	t.Helper()
	p, err := Compile(n, env)
	if err != nil {
		t.Fatalf("%s: %v", n, err)
	}
	out := map[int]string{}
	for _, sel := range sels {
		c := &Ctx{Env: env}
		v := p.Eval(c, b, sel)
		for k := range rows(b.N, sel) {
			i := row(sel, k)
			out[i] = string(FormatDatum(nil, v.Get(i), n.Type(), env))
		}
		for _, e := range c.Errs {
			out[e.Row] = "error"
		}
	}
	return out
}

func TestSharedSubexpressionIsComputedOnce(t *testing.T) {
	calls := 0
	f := &Func{Name: "COUNTED"}
	counted := &Call{Func: f, T: types.TBigInt, Args: []Node{NewCol(0, "a", types.TBigInt)}, Impl: Impl{Row: func(_ *RowCtx, a []vec.Datum) (vec.Datum, error) {
		calls++
		return a[0], nil
	}}}
	n := must(NewAnd(call(">", counted, NewInt(-1)), call("<", call("+", counted, counted), NewInt(1_000_000))))
	b, _ := testBatch(10)
	p, err := Compile(n, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(p.EvalSel(&Ctx{}, b, nil, nil)); got != 10 {
		t.Fatalf("%d rows selected", got)
	}
	if calls != 10 {
		t.Fatalf("%d calls for 10 rows", calls)
	}
}

func TestProgramsOfOneNodeAreIndependent(t *testing.T) {
	b, cols := wideBatch(50)
	n := call("MAP", NewString("k"), cols["a"], NewString("l"), NewInt(1))
	var ps [2]*Program
	for i := range ps {
		var err error
		if ps[i], err = Compile(n, nil); err != nil {
			t.Fatal(err)
		}
	}
	x := ps[0].Eval(&Ctx{}, b, nil)
	before := string(x.Bytes(7))
	ps[1].Eval(&Ctx{}, b, []int32{3})
	if string(x.Bytes(7)) != before {
		t.Fatal("one program changed the result of another")
	}
}

func BenchmarkEval(b *testing.B) {
	env := &Env{Zone: time.UTC}
	batch, c := wideBatch(1000)
	for name, n := range map[string]Node{
		"add":      call("+", c["a"], c["b"]),
		"compare":  call("<", c["x"], NewFloat(3)),
		"string=":  call("=", c["s"], NewString("alpha")),
		"like":     call("LIKE", c["s"], NewString("%amm%")),
		"and":      must(NewAnd(call(">", c["a"], NewInt(0)), call("<", c["x"], NewFloat(50)))),
		"case":     must(NewCase([]Node{call(">", c["a"], NewInt(0))}, []Node{c["x"]}, NewFloat(0))),
		"decimal*": call("*", c["d"], c["i"]),
		"toString": cast(c["x"], types.TString),
		"parse":    cast(c["num"], types.TBigInt),
		"floorTo":  call("FLOOR", c["ts"], NewSymbol("HOUR")),
		"format":   call("DATE_FORMAT", c["ts"], NewString("yyyy-MM-dd HH:mm")),
		"power":    call("POWER", c["x"], NewFloat(2.5)),
	} {
		b.Run(name, func(b *testing.B) {
			p, err := Compile(n, env)
			if err != nil {
				b.Fatal(err)
			}
			ctx := &Ctx{Env: env}
			b.ReportAllocs()
			for b.Loop() {
				ctx.Errs = ctx.Errs[:0]
				p.Eval(ctx, batch, nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
		})
	}
}
