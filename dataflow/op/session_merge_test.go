package op_test

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/op/optest"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// mergeByHand joins rows at the given times to sessions with a gap: of those that a row joins
// the rows of the earlier come first, and the row comes last.
func mergeByHand(times []int64, gap int64) [][]int {
	type session struct {
		start, end int64
		rows       []int
	}
	var open []session
	for i, t := range times {
		joined := session{start: t, end: t + gap}
		open = slices.DeleteFunc(open, func(s session) bool {
			if s.end < t || s.start > t+gap {
				return false
			}
			joined.start, joined.end = min(joined.start, s.start), max(joined.end, s.end)
			joined.rows = append(joined.rows, s.rows...)
			return true
		})
		joined.rows = append(joined.rows, i)
		open = append(open, joined)
		slices.SortFunc(open, func(a, b session) int { return int(a.start - b.start) })
	}
	var out [][]int
	for _, s := range open {
		out = append(out, s.rows)
	}
	return out
}

// Whichever of the sessions that a row joins takes in the others, their rows keep the order of
// the sessions: in aggregates that go by it, with and without retractions, and as rows.
func TestMergedSessionsKeepTheirOrder(t *testing.T) {
	const gap = 1000
	in := []types.Type{types.TimestampOf(3), types.TString}
	for seed := range int64(12) {
		r := rand.New(rand.NewSource(seed))
		var events []optest.Event
		var times []int64
		for i := range 60 {
			at := r.Int63n(50_000)
			times = append(times, at)
			events = append(events, optest.Event{Arrival: int64(i), Row: []vec.Datum{vec.IntDatum(at * 1000), vec.StringDatum(fmt.Sprint(i))}})
		}
		events = append(events, end())
		sessions := mergeByHand(times, gap)
		var lists, rows []string
		for _, s := range sessions {
			var names []string
			for _, i := range s {
				names = append(names, fmt.Sprint(i))
				rows = append(rows, fmt.Sprint(i))
			}
			lists = append(lists, fmt.Sprintf("+I[%d, %s, %d, %d]", len(s), strings.Join(names, ","), s[0], s[len(s)-1]))
		}
		w, text := op.Window{Kind: op.Session, Size: gap}, expr.NewCol(1, "s", in[1])
		for _, retracting := range []bool{false, true} {
			got := optest.Run(t, optest.Case{Input: in, Events: events, Ordered: true, New: func() (op.Operator, error) {
				return op.NewSessionAggregate(op.WindowAggConfig{Input: in, Window: w, Retracting: retracting, Aggs: []*expr.AggCall{
					agg(t, "COUNT", expr.AggOptions{}), agg(t, "LISTAGG", expr.AggOptions{}, text),
					agg(t, "FIRST_VALUE", expr.AggOptions{}, text), agg(t, "LAST_VALUE", expr.AggOptions{}, text)}})
			}})
			if trace := got.Trace[:len(got.Trace)-1]; !slices.Equal(trace, lists) {
				t.Fatalf("seed %d, retracting %v:\n%s\nwant\n%s", seed, retracting, strings.Join(trace, "\n"), strings.Join(lists, "\n"))
			}
		}
		got := optest.Run(t, optest.Case{Input: in, Events: events, Ordered: true, New: func() (op.Operator, error) {
			return op.NewWindowTVF(op.WindowTVFConfig{Input: in, Window: w})
		}})
		for i, name := range rows {
			if !strings.Contains(got.Trace[i], ", "+name+", ") {
				t.Fatalf("seed %d: row %d is %s, want %s", seed, i, got.Trace[i], name)
			}
		}
	}
}

// BenchmarkSmallSessionJoinsALargeOne is of a row that joins a new session to one of 50,000
// rows behind it.
func BenchmarkSmallSessionJoinsALargeOne(b *testing.B) {
	in := []types.Type{types.TimestampOf(3), types.TString}
	o, err := op.NewSessionAggregate(op.WindowAggConfig{Input: in, Window: op.Window{Kind: op.Session, Size: 1000},
		Aggs: []*expr.AggCall{agg(b, "LISTAGG", expr.AggOptions{}, expr.NewCol(1, "s", in[1]))}})
	open(b, o, err)
	batch := vec.NewBatch(in)
	put := func(ms int64) {
		batch.Cols[0].Set(0, vec.IntDatum(ms*1000))
		batch.Cols[1].Set(0, vec.StringDatum("x"))
		batch.N, batch.Arrival = 1, []int64{0}
		if err := o.Process(0, batch); err != nil {
			b.Fatal(err)
		}
	}
	const late = 1 << 40
	for range 50_000 {
		put(late)
	}
	for at := int64(late); b.Loop(); at -= 1800 {
		put(at - 1800)
		put(at - 900)
	}
}
