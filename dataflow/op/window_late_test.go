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

// lateWindow is a window aggregate that takes late rows for some time.
func lateWindow(t testing.TB, w op.Window, lateness int64, retract bool) func() (op.Operator, error) {
	return func() (op.Operator, error) {
		return op.NewWindowAggregate(op.WindowAggConfig{Input: inTypes, Window: w, Keys: []int{1},
			Aggs:  []*expr.AggCall{agg(t, "COUNT", expr.AggOptions{}), agg(t, "SUM0", expr.AggOptions{}, col(2))},
			Props: []op.WindowProp{op.WindowStart, op.WindowEnd}, LatenessMs: lateness, Retracting: retract})
	}
}

func TestLateRowRevisesTheResult(t *testing.T) {
	c := optest.Case{
		New: lateWindow(t, op.Window{Kind: op.Tumble, Size: 5000}, 2000, false), Input: inTypes, Ordered: true, Late: 1,
		Events: slices.Concat(optest.Rows(0, row(1, "a", 1)), []optest.Event{watermark(4.999)},
			optest.Rows(500, row(2, "a", 5), row(3, "b", 7)), []optest.Event{watermark(6.998)},
			optest.Rows(600, row(4, "a", 1)), []optest.Event{watermark(6.999)},
			optest.Rows(700, row(4, "a", 9)), []optest.Event{end()}),
	}
	r := optest.Run(t, c)
	wantTrace(t, r, `
		+I[a, 1, 1, 1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000]
		watermark 4999
		-U[a, 1, 1, 1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000]
		+U[a, 2, 6, 1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000]
		+I[b, 1, 7, 1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000]
		watermark 6998
		-U[a, 2, 6, 1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000]
		+U[a, 3, 7, 1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000]
		watermark 6999
		watermark 9223372036854775807`)
	if r.Audit.DroppedLate != 1 || r.Audit.Fired != 4 {
		t.Errorf("audit %+v", r.Audit)
	}
}

func TestWindowsThatTakeLateRowsAgreeWithCountingByHand(t *testing.T) {
	for _, w := range []op.Window{
		{Kind: op.Tumble, Size: 3000}, {Kind: op.Hop, Size: 6000, Slide: 2000}, {Kind: op.Hop, Size: 5000, Slide: 2000, Offset: 500},
		{Kind: op.Hop, Size: 2000, Slide: 5000}, {Kind: op.Hop, Size: 6000, Slide: 4000},
		{Kind: op.Cumulate, Size: 8000, Slide: 2000}, {Kind: op.Cumulate, Size: 3000, Slide: 3000, Offset: 1000},
	} {
		for seed := range int64(2) {
			events := randomEvents(seed, 100, false)
			r := optest.Run(t, optest.Case{New: lateWindow(t, w, 3600_000, false), Input: inTypes, Events: events, Lost: lostOf(events)})
			inTime := slices.DeleteFunc(slices.Clone(events), func(e optest.Event) bool { return e.Row == nil })
			want := windowsByHand(append(inTime, end()), w)
			if !slices.Equal(r.Final, want) {
				t.Fatalf("%+v, seed %d\n%s\nwant\n%s", w, seed, strings.Join(r.Final, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

// lostOf counts the rows without event time.
func lostOf(events []optest.Event) int {
	n := 0
	for _, e := range events {
		if e.Row != nil && e.Row[0].Null {
			n++
		}
	}
	return n
}

func TestLateRetractionsEmptyAGroup(t *testing.T) {
	for _, w := range []op.Window{{Kind: op.Tumble, Size: 3000}, {Kind: op.Hop, Size: 6000, Slide: 2000}, {Kind: op.Cumulate, Size: 6000, Slide: 2000}} {
		optest.RunAnyLate(t, optest.Case{New: lateWindow(t, w, 2000, true), Input: inTypes, Events: randomEvents(3, 150, true)})
	}
}

// TestRevisedResultsAreThoseOfRowsInTime holds for states that merge alike in any grouping, and
// for those that do not: what is taken back is what had been emitted, to the bit.
func TestRevisedResultsAreThoseOfRowsInTime(t *testing.T) {
	in := []types.Type{types.TimestampOf(3), types.TString, types.TDouble, types.TBigInt, types.TString}
	c := func(i int) *expr.Col { return expr.NewCol(i, fmt.Sprint("c", i), in[i]) }
	for name, aggs := range map[string][]*expr.AggCall{
		"exact":    {agg(t, "COUNT", expr.AggOptions{}), agg(t, "SUM", expr.AggOptions{}, c(3)), agg(t, "MIN", expr.AggOptions{}, c(2)), agg(t, "MAX", expr.AggOptions{}, c(3))},
		"rounding": {agg(t, "SUM", expr.AggOptions{}, c(2))},
		"in order": {agg(t, "FIRST_VALUE", expr.AggOptions{}, c(3)), agg(t, "LISTAGG", expr.AggOptions{}, c(4)), agg(t, "MAX", expr.AggOptions{}, c(1))},
	} {
		for _, w := range []op.Window{
			{Kind: op.Hop, Size: 12_000, Slide: 1000}, {Kind: op.Hop, Size: 5000, Slide: 2000}, {Kind: op.Cumulate, Size: 10_000, Slide: 1000},
		} {
			r := rand.New(rand.NewSource(7))
			var late, inTime []optest.Event
			for i := range 150 {
				s := float64(i)/5 - r.ExpFloat64()*6
				e := optest.Event{Arrival: int64(i), Row: []vec.Datum{vec.IntDatum(int64(s * 1e6)), vec.StringDatum(string(rune('a' + r.Intn(3)))),
					vec.FloatDatum(r.ExpFloat64()), vec.IntDatum(int64(i)), vec.StringDatum(fmt.Sprint(i))}}
				late, inTime = append(late, e), append(inTime, e)
				if i%10 == 9 {
					late = append(late, watermark(float64(i)/5))
				}
			}
			run := func(events []optest.Event) optest.Result {
				return optest.Run(t, optest.Case{Input: in, Events: append(events, end()), New: func() (op.Operator, error) {
					return op.NewWindowAggregate(op.WindowAggConfig{Input: in, Window: w, Keys: []int{1}, Aggs: aggs,
						Props: []op.WindowProp{op.WindowStart, op.WindowEnd}, LatenessMs: 3600_000})
				}})
			}
			got, want := run(late), run(inTime)
			if len(got.Trace) < 2*len(want.Trace) || !slices.Equal(got.Final, want.Final) {
				t.Errorf("%s, %+v: %d changes\n%s\nwant, of %d\n%s", name, w, len(got.Trace), strings.Join(got.Final, "\n"), len(want.Trace), strings.Join(want.Final, "\n"))
			}
		}
	}
}

// BenchmarkLateRow is of a row that revises 720 windows over 1,439 panes.
func BenchmarkLateRow(b *testing.B) {
	o, err := lateWindow(b, op.Window{Kind: op.Hop, Size: 3600_000, Slide: 5000}, 3600_000, false)()
	o = open(b, o, err)
	in := vec.NewBatch(inTypes)
	put := func(s float64) {
		for i, d := range row(s, "a", 1) {
			in.Cols[i].Set(0, d)
		}
		in.N, in.Arrival = 1, []int64{0}
		if err := o.Process(0, in); err != nil {
			b.Fatal(err)
		}
	}
	for s := range 1440 {
		put(float64(s) * 5)
	}
	if err := o.Watermark(0, 7200_000); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		put(3601)
	}
}
