package op_test

import (
	"slices"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/op/optest"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// longMatch is (A B* C) with B AS SUM(B.x) < most and C AS COUNT(*) > rows, measured by
// the sum and by DISTINCT values, which are not carried along.
func longMatch(t testing.TB, most, rows int64) op.MatchConfig {
	cfg := op.MatchConfig{Input: matchInput, Keys: []int{matchKey}, Time: matchTime}
	slot := func(name string, v int, o expr.AggOptions, args ...expr.Node) expr.Node {
		c, err := expr.NewAgg(name, args, o)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Slots = append(cfg.Slots, op.MatchSlot{Kind: op.MatchAggregate, Var: v, Call: c, Type: c.T.Nullable()})
		return expr.NewCol(len(cfg.Slots)-1, "a", c.T.Nullable())
	}
	call := func(name string, args ...expr.Node) expr.Node {
		n, err := expr.NewCall(name, args...)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	x := expr.NewCol(matchX, "x", types.TBigInt)
	sum := slot("SUM", 1, expr.AggOptions{}, x)
	count := slot("COUNT", -1, expr.AggOptions{})
	kinds := slot("COUNT", -1, expr.AggOptions{Distinct: true}, x)
	cfg.Vars = []op.MatchVar{{Min: 1, Max: 1, Greedy: true}, {Min: 0, Max: -1, Define: call("<", sum, expr.NewInt(most))},
		{Min: 1, Max: 1, Greedy: true, Define: call(">", count, expr.NewInt(rows))}}
	cfg.Measures = []expr.Node{sum, count, kinds}
	return cfg
}

// TestMatchCarriesAggregates restores matches with running aggregates at every barrier.
func TestMatchCarriesAggregates(t *testing.T) {
	cfg := longMatch(t, 1000, 5)
	cfg.ProcTime = true
	var events []optest.Event
	for i := range int64(13) {
		x := vec.IntDatum(i % 3)
		if i == 2 {
			x = vec.NullDatum
		}
		events = append(events, optest.Event{Arrival: 100 + i, Row: []vec.Datum{vec.IntDatum(1), vec.IntDatum(0), vec.IntDatum(i), x}})
	}
	events = append(events, optest.Event{Watermark: op.EndOfInput})
	got := optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewMatch(cfg) }, Input: matchInput, Events: events, Ordered: true})
	// Rows 0 to 5 and 6 to 11; the sums leave out the first and the last.
	want := []string{"[1, 2, 6, 3]", "[1, 4, 6, 3]"} // of 1, NULL, 0, 1 and of 1, 2, 0, 1
	if !slices.Equal(got.Final, want) {
		t.Errorf("got %v, want %v", got.Final, want)
	}
}

// BenchmarkMatchLong takes rows into matches of 200 rows, each condition an aggregate.
func BenchmarkMatchLong(b *testing.B) {
	cfg := longMatch(b, 1<<40, 200)
	cfg.ProcTime = true
	o, err := op.NewMatch(cfg)
	if err != nil {
		b.Fatal(err)
	}
	arena, err := state.NewArena(state.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var out devNull
	if err := o.Open(&op.Context{Arena: arena, ID: "m", Out: &out, Env: &expr.Env{}}); err != nil {
		b.Fatal(err)
	}
	in := vec.NewBatch(matchInput)
	for n := 0; n < b.N; {
		in.Reset()
		for i := 0; i < vec.BatchSize && n < b.N; i++ {
			for c, v := range []int64{1, 0, int64(n), int64(n % 7)} {
				in.Cols[c].I64[i] = v
			}
			in.Arrival = append(in.Arrival, int64(n))
			in.N = i + 1
			n++
		}
		if err := o.Process(0, in); err != nil {
			b.Fatal(err)
		}
	}
}
