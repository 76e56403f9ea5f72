package op_test

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/op/optest"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// The input of most tests: event time, key, number, flag, text.
var (
	inTypes = []types.Type{types.TimestampOf(3), types.TString, types.TBigInt, types.TBoolean, types.TString}
	inNames = []string{"ts", "k", "n", "flag", "s"}
)

func col(i int) *expr.Col { return expr.NewCol(i, inNames[i], inTypes[i]) }

func agg(t testing.TB, name string, o expr.AggOptions, args ...expr.Node) *expr.AggCall {
	t.Helper()
	c, err := expr.NewAgg(name, args, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// row makes a row of inTypes at second s.
func row(s float64, key string, n int64) []vec.Datum {
	return []vec.Datum{vec.IntDatum(int64(s * 1e6)), vec.StringDatum(key), vec.IntDatum(n), vec.BoolDatum(n%2 == 0), vec.StringDatum(fmt.Sprint("s", n%7))}
}

func watermark(s float64) optest.Event { return optest.Event{Watermark: int64(s * 1e3)} }

func end() optest.Event { return optest.Event{Watermark: op.EndOfInput} }

// someAggs is one aggregate of each way to keep state.
func someAggs(t testing.TB) []*expr.AggCall {
	return []*expr.AggCall{
		agg(t, "COUNT", expr.AggOptions{}),
		agg(t, "SUM", expr.AggOptions{Filter: col(3)}, col(2)),
		agg(t, "COUNT", expr.AggOptions{Distinct: true}, col(4)),
		agg(t, "MAX", expr.AggOptions{}, col(4)),
		agg(t, "COLLECT", expr.AggOptions{}, col(2)),
		agg(t, "APPROX_PERCENTILE", expr.AggOptions{}, col(2), expr.NewFloat(0.5)),
	}
}

// randomEvents are rows with disorder, nulls and late ones, watermarks and ticks.
func randomEvents(seed int64, n int, retract bool) []optest.Event {
	r := rand.New(rand.NewSource(seed))
	var out []optest.Event
	var live []optest.Event
	now := 0.0
	for i := range n {
		arrival := int64(i+1) * 100
		switch x := r.Intn(20); {
		case x == 0:
			out = append(out, watermark(now-3))
		case x == 1:
			out = append(out, optest.Event{Tick: arrival})
		case x < 5 && retract && len(live) > 0:
			k := r.Intn(len(live))
			e := live[k]
			live = slices.Delete(live, k, k+1)
			e.Kind, e.Arrival = vec.Delete, arrival
			out = append(out, e)
		default:
			now += r.Float64()
			e := optest.Event{Row: row(now-r.Float64()*4, string(rune('a'+r.Intn(4))), int64(r.Intn(50))), Arrival: arrival}
			if r.Intn(8) == 0 {
				e.Row[1+r.Intn(4)] = vec.NullDatum
			}
			live = append(live, e)
			out = append(out, e)
		}
	}
	return append(out, end())
}

func lines(s string) []string {
	var out []string
	for l := range strings.SplitSeq(s, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

func wantFinal(t *testing.T, got optest.Result, want string) {
	t.Helper()
	if w := lines(want); !slices.Equal(got.Final, w) {
		t.Errorf("final result\n%s\nwant\n%s", strings.Join(got.Final, "\n"), strings.Join(w, "\n"))
	}
}

func wantTrace(t *testing.T, got optest.Result, want string) {
	t.Helper()
	if w := lines(want); !slices.Equal(got.Trace, w) {
		t.Errorf("output\n%s\nwant\n%s", strings.Join(got.Trace, "\n"), strings.Join(w, "\n"))
	}
}

func TestCalc(t *testing.T) {
	div, err := expr.NewCall("/", expr.NewInt(100), col(2))
	if err != nil {
		t.Fatal(err)
	}
	gt, err := expr.NewCall("<>", col(1), expr.NewString("no"))
	if err != nil {
		t.Fatal(err)
	}
	c := optest.Case{
		New: func() (op.Operator, error) {
			return op.NewCalc(op.CalcConfig{Input: inTypes, Filter: gt, Project: []expr.Node{col(1), div}})
		},
		Input: inTypes, Ordered: true, Lost: 1,
		Events: append(optest.Rows(0, row(1, "a", 5), row(2, "no", 0), row(3, "b", 0), row(4, "c", 3)), watermark(5)),
	}
	r := optest.Run(t, c)
	wantTrace(t, r, `
		+I[a, 20]
		+I[c, 33]
		watermark 5000`)
	if r.Audit.Rows != 4 || r.Audit.Filtered != 1 || r.Audit.Failed != 1 {
		t.Errorf("audit %+v", r.Audit)
	}
}

func TestTumblingWindow(t *testing.T) {
	c := optest.Case{
		New: func() (op.Operator, error) {
			return op.NewWindowAggregate(op.WindowAggConfig{
				Input: inTypes, Window: op.Window{Kind: op.Tumble, Size: 5000, Time: 0}, Keys: []int{1},
				Aggs:  []*expr.AggCall{agg(t, "COUNT", expr.AggOptions{}), agg(t, "SUM", expr.AggOptions{}, col(2))},
				Props: []op.WindowProp{op.WindowStart, op.WindowEnd, op.WindowTime}})
		},
		Input: inTypes, Ordered: true, Late: 1, Lost: 1,
		Events: slices.Concat(
			optest.Rows(0, row(1, "a", 1), row(6, "b", 2), row(4, "a", 3), []vec.Datum{vec.NullDatum, vec.NullDatum, vec.NullDatum, vec.NullDatum, vec.NullDatum}),
			[]optest.Event{watermark(4.998), watermark(4.999)},
			optest.Rows(500, row(3, "a", 9), row(7, "b", 4), row(31, "c", 1)), []optest.Event{watermark(12), end()}),
	}
	wantTrace(t, optest.Run(t, c), `
		watermark 4998
		+I[a, 2, 4, 1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, 1970-01-01 00:00:04.999]
		watermark 4999
		+I[b, 2, 6, 1970-01-01 00:00:05.000, 1970-01-01 00:00:10.000, 1970-01-01 00:00:09.999]
		watermark 12000
		+I[c, 1, 1, 1970-01-01 00:00:30.000, 1970-01-01 00:00:35.000, 1970-01-01 00:00:34.999]
		watermark 9223372036854775807`)
}

// windowsByHand counts rows and sums by key and window for append-only events.
func windowsByHand(events []optest.Event, w op.Window) []string {
	type group struct {
		key        string
		start, end int64
	}
	counts := map[group][2]int64{}
	closed := int64(-1 << 62)
	for _, e := range events {
		if e.Row == nil {
			if e.Tick == 0 {
				closed = e.Watermark
			}
			continue
		}
		at := e.Row[0].I / 1000
		add := func(start, end int64) {
			if end-1 <= closed || at < start || at >= end {
				return
			}
			key := "null"
			if !e.Row[1].Null {
				key = string(e.Row[1].B)
			}
			g := counts[group{key, start, end}]
			g[0]++
			if !e.Row[2].Null {
				g[1] += e.Row[2].I
			}
			counts[group{key, start, end}] = g
		}
		for start := int64(-100_000); start < 200_000; start += 500 {
			switch w.Kind {
			case op.Tumble:
				if (start-w.Offset)%w.Size == 0 {
					add(start, start+w.Size)
				}
			case op.Hop:
				if (start-w.Offset)%w.Slide == 0 {
					add(start, start+w.Size)
				}
			case op.Cumulate:
				for size := w.Slide; (start-w.Offset)%w.Size == 0 && size <= w.Size; size += w.Slide {
					add(start, start+size)
				}
			}
		}
	}
	var out []string
	for g, n := range counts {
		f := func(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.000") }
		out = append(out, fmt.Sprintf("[%s, %d, %d, %s, %s]", g.key, n[0], n[1], f(g.start), f(g.end)))
	}
	slices.Sort(out)
	return out
}

func TestWindowsAgreeWithCountingByHand(t *testing.T) {
	for _, w := range []op.Window{
		{Kind: op.Tumble, Size: 3000}, {Kind: op.Tumble, Size: 4000, Offset: 1500},
		{Kind: op.Hop, Size: 6000, Slide: 2000}, {Kind: op.Hop, Size: 5000, Slide: 2000, Offset: 500},
		{Kind: op.Hop, Size: 2000, Slide: 5000}, {Kind: op.Hop, Size: 6000, Slide: 4000},
		{Kind: op.Cumulate, Size: 8000, Slide: 2000}, {Kind: op.Cumulate, Size: 3000, Slide: 3000, Offset: 1000},
	} {
		for seed := range int64(2) {
			events := randomEvents(seed, 100, false)
			c := optest.Case{
				New: func() (op.Operator, error) {
					return op.NewWindowAggregate(op.WindowAggConfig{Input: inTypes, Window: w, Keys: []int{1},
						Aggs:  []*expr.AggCall{agg(t, "COUNT", expr.AggOptions{}), agg(t, "SUM0", expr.AggOptions{}, col(2))},
						Props: []op.WindowProp{op.WindowStart, op.WindowEnd}})
				},
				Input: inTypes, Events: events,
			}
			r := optest.RunAnyLate(t, c)
			want := windowsByHand(events, w)
			if !slices.Equal(r.Final, want) {
				t.Fatalf("%+v, seed %d\n%s\nwant\n%s", w, seed, strings.Join(r.Final, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

func TestWindowStatesSurvive(t *testing.T) {
	for _, retract := range []bool{false, true} {
		for _, w := range []op.Window{
			{Kind: op.Tumble, Size: 3000}, {Kind: op.Hop, Size: 6000, Slide: 2000}, {Kind: op.Cumulate, Size: 8000, Slide: 2000},
			{Kind: op.Session, Size: 1000},
		} {
			c := optest.Case{
				New: func() (op.Operator, error) {
					cfg := op.WindowAggConfig{Input: inTypes, Window: w, Keys: []int{1}, Aggs: someAggs(t),
						Props: []op.WindowProp{op.WindowStart, op.WindowEnd}, Retracting: retract}
					if w.Kind == op.Session {
						return op.NewSessionAggregate(cfg)
					}
					return op.NewWindowAggregate(cfg)
				},
				Input: inTypes, Events: randomEvents(7, 120, retract),
			}
			if r := optest.RunAnyLate(t, c); len(r.Final) < 15 {
				t.Errorf("%v: only %d rows", w.Kind, len(r.Final))
			}
		}
	}
}

func TestLocalWindowsFollowDaylightSaving(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	// Clocks go back at 01:00 UTC on 2021-10-31: 02:00 to 03:00 passes twice.
	at := func(hour, minute int) int64 { return time.Date(2021, 10, 31, hour, minute, 0, 0, time.UTC).UnixMicro() }
	in := []types.Type{types.TimestampLTZOf(3)}
	rows := func(ts ...int64) (out []optest.Event) {
		for _, ts := range ts {
			out = append(out, optest.Event{Row: []vec.Datum{vec.IntDatum(ts)}})
		}
		return out
	}
	c := optest.Case{
		New: func() (op.Operator, error) {
			return op.NewWindowAggregate(op.WindowAggConfig{Input: in, Window: op.Window{Kind: op.Tumble, Size: 3600_000, Local: true},
				Aggs: []*expr.AggCall{agg(t, "COUNT", expr.AggOptions{})}, Props: []op.WindowProp{op.WindowStart, op.WindowTime}})
		},
		Input: in, Env: &expr.Env{Zone: zone}, Ordered: true,
		Events: slices.Concat(rows(at(0, 30), at(0, 40)), []optest.Event{{Watermark: at(0, 59) / 1000}},
			rows(at(1, 30)), []optest.Event{{Watermark: at(1, 59) / 1000}, {Watermark: at(2, 0) / 1000}}, rows(at(2, 1)), []optest.Event{end()}),
	}
	wantTrace(t, optest.Run(t, c), `
		watermark 1635641940000
		watermark 1635645540000
		+I[3, 2021-10-31 02:00:00.000, 2021-10-31 02:59:59.999]
		watermark 1635645600000
		+I[1, 2021-10-31 03:00:00.000, 2021-10-31 03:59:59.999]
		watermark 9223372036854775807`)
}

func TestProcessingTimeWindows(t *testing.T) {
	c := optest.Case{
		New: func() (op.Operator, error) {
			return op.NewWindowAggregate(op.WindowAggConfig{Input: inTypes, Window: op.Window{Kind: op.Tumble, Size: 1000, Time: -1, ProcTime: true},
				Keys: []int{1}, Aggs: []*expr.AggCall{agg(t, "COUNT", expr.AggOptions{})}, Props: []op.WindowProp{op.WindowEnd}})
		},
		Input: inTypes, Ordered: true,
		Events: slices.Concat(
			[]optest.Event{{Row: row(9, "a", 1), Arrival: 100}, {Row: row(1, "a", 1), Arrival: 999}, {Row: row(1, "a", 1), Arrival: 1000}},
			[]optest.Event{{Watermark: 77}, {Tick: 1999}, {Tick: 2000}, {Row: row(1, "b", 1), Arrival: 2500}, end()}),
	}
	wantTrace(t, optest.Run(t, c), `
		+I[a, 2, 1970-01-01 00:00:01.000]
		watermark 77
		+I[a, 1, 1970-01-01 00:00:02.000]
		+I[b, 1, 1970-01-01 00:00:03.000]
		watermark 9223372036854775807`)
}

func TestAttachedWindows(t *testing.T) {
	in := []types.Type{types.TimestampOf(3), types.TimestampOf(3), types.TBigInt}
	r := func(start, end, n int64) []vec.Datum {
		return []vec.Datum{vec.IntDatum(start * 1e6), vec.IntDatum(end * 1e6), vec.IntDatum(n)}
	}
	c := optest.Case{
		New: func() (op.Operator, error) {
			return op.NewWindowAggregate(op.WindowAggConfig{Input: in, Window: op.Window{Kind: op.Attached, Start: 0, End: 1},
				Aggs:  []*expr.AggCall{agg(t, "SUM", expr.AggOptions{}, expr.NewCol(2, "n", types.TBigInt))},
				Props: []op.WindowProp{op.WindowStart, op.WindowEnd}})
		},
		Input: in, Late: 1,
		Events: slices.Concat(optest.Rows(0, r(0, 5, 1), r(0, 10, 2), r(0, 5, 3)), []optest.Event{watermark(4.999)},
			optest.Rows(0, r(0, 5, 4), r(5, 10, 5)), []optest.Event{end()}),
	}
	wantFinal(t, optest.Run(t, c), `
		[2, 1970-01-01 00:00:00.000, 1970-01-01 00:00:10.000]
		[4, 1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000]
		[5, 1970-01-01 00:00:05.000, 1970-01-01 00:00:10.000]`)
}

func TestSessions(t *testing.T) {
	c := optest.Case{
		New: func() (op.Operator, error) {
			return op.NewSessionAggregate(op.WindowAggConfig{Input: inTypes, Window: op.Window{Kind: op.Session, Size: 5000}, Keys: []int{1},
				Aggs:  []*expr.AggCall{agg(t, "COUNT", expr.AggOptions{}), agg(t, "COUNT", expr.AggOptions{Distinct: true}, col(4))},
				Props: []op.WindowProp{op.WindowStart, op.WindowEnd}})
		},
		Input: inTypes, Late: 1,
		// b: 10 and 20 are joined by 15, whose gaps of exactly 5 s merge. a: 1, then 6.001 apart.
		Events: slices.Concat(
			optest.Rows(0, row(10, "b", 1), row(20, "b", 2), row(1, "a", 1), row(6.001, "a", 1), row(15, "b", 1), row(9, "b", 3)),
			[]optest.Event{watermark(12)},
			optest.Rows(700, row(2, "c", 1), row(24, "b", 1)), []optest.Event{watermark(28.998), watermark(28.999), end()}),
	}
	r := optest.Run(t, c)
	wantFinal(t, r, `
		[a, 1, 1, 1970-01-01 00:00:01.000, 1970-01-01 00:00:06.000]
		[a, 1, 1, 1970-01-01 00:00:06.001, 1970-01-01 00:00:11.001]
		[b, 5, 3, 1970-01-01 00:00:09.000, 1970-01-01 00:00:29.000]`)
	if i := slices.Index(r.Trace, "watermark 28998"); i < 0 || !strings.HasPrefix(r.Trace[i+1], "+I[b, 5") {
		t.Errorf("the session of b is not emitted between 28.998 and 28.999:\n%s", strings.Join(r.Trace, "\n"))
	}
}

func TestSessionTVF(t *testing.T) {
	c := optest.Case{
		New: func() (op.Operator, error) {
			return op.NewWindowTVF(op.WindowTVFConfig{Input: inTypes, Window: op.Window{Kind: op.Session, Size: 5000}, Keys: []int{1}})
		},
		Input: inTypes, Late: 1,
		Events: slices.Concat(optest.Rows(0, row(10, "b", 1), row(20, "b", 2), row(1, "a", 1), row(15, "b", 3)), []optest.Event{watermark(7)},
			optest.Rows(0, row(1, "a", 3)), []optest.Event{end()}),
	}
	wantFinal(t, optest.Run(t, c), `
		[1970-01-01 00:00:01.000, a, 1, FALSE, s1, 1970-01-01 00:00:01.000, 1970-01-01 00:00:06.000, 1970-01-01 00:00:05.999]
		[1970-01-01 00:00:10.000, b, 1, FALSE, s1, 1970-01-01 00:00:10.000, 1970-01-01 00:00:25.000, 1970-01-01 00:00:24.999]
		[1970-01-01 00:00:15.000, b, 3, FALSE, s3, 1970-01-01 00:00:10.000, 1970-01-01 00:00:25.000, 1970-01-01 00:00:24.999]
		[1970-01-01 00:00:20.000, b, 2, TRUE, s2, 1970-01-01 00:00:10.000, 1970-01-01 00:00:25.000, 1970-01-01 00:00:24.999]`)
}

func TestWindowTVF(t *testing.T) {
	in := []types.Type{types.TimestampOf(3)}
	for _, c := range []struct {
		w    op.Window
		want string
	}{
		{op.Window{Kind: op.Tumble, Size: 5000}, `
			[1970-01-01 00:00:07.000, 1970-01-01 00:00:05.000, 1970-01-01 00:00:10.000, 1970-01-01 00:00:09.999]`},
		{op.Window{Kind: op.Hop, Size: 10000, Slide: 5000}, `
			[1970-01-01 00:00:07.000, 1970-01-01 00:00:00.000, 1970-01-01 00:00:10.000, 1970-01-01 00:00:09.999]
			[1970-01-01 00:00:07.000, 1970-01-01 00:00:05.000, 1970-01-01 00:00:15.000, 1970-01-01 00:00:14.999]`},
		{op.Window{Kind: op.Cumulate, Size: 12000, Slide: 4000}, `
			[1970-01-01 00:00:07.000, 1970-01-01 00:00:00.000, 1970-01-01 00:00:08.000, 1970-01-01 00:00:07.999]
			[1970-01-01 00:00:07.000, 1970-01-01 00:00:00.000, 1970-01-01 00:00:12.000, 1970-01-01 00:00:11.999]`},
		{op.Window{Kind: op.Hop, Size: 1000, Slide: 10000}, ``},
	} {
		r := optest.Run(t, optest.Case{
			New:   func() (op.Operator, error) { return op.NewWindowTVF(op.WindowTVFConfig{Input: in, Window: c.w}) },
			Input: in, Events: optest.Rows(0, []vec.Datum{vec.IntDatum(7e6)}),
		})
		if c.want == "" {
			if len(r.Final) != 0 || r.Audit.Filtered != 1 {
				t.Errorf("%+v: %v", c.w, r.Final)
			}
			continue
		}
		wantFinal(t, r, c.want)
	}
}

func groupCase(t *testing.T, cfg op.GroupAggConfig, events []optest.Event) optest.Case {
	cfg.Input, cfg.Keys = inTypes, []int{1}
	if cfg.Aggs == nil {
		cfg.Aggs = []*expr.AggCall{agg(t, "COUNT", expr.AggOptions{}), agg(t, "MAX", expr.AggOptions{}, col(2))}
	}
	return optest.Case{
		New:   func() (op.Operator, error) { return op.NewGroupAggregate(cfg) },
		Input: inTypes, Events: events, Ordered: !cfg.MiniBatch,
	}
}

func TestGroupAggregateEmitsChanges(t *testing.T) {
	del := func(e []optest.Event, kind vec.RowKind) []optest.Event {
		e[0].Kind = kind
		return e
	}
	events := slices.Concat(
		del(optest.Rows(0, row(0, "x", 1)), vec.Delete), // nothing to take back
		optest.Rows(0, row(0, "a", 1), row(0, "a", 5), row(0, "b", 2)),
		del(optest.Rows(0, row(0, "a", 5)), vec.UpdateBefore), del(optest.Rows(0, row(0, "a", 1)), vec.Delete),
		optest.Rows(0, row(0, "a", 7)))
	wantTrace(t, optest.Run(t, groupCase(t, op.GroupAggConfig{Retracting: true, UpdateBefore: true}, events)), `
		+I[a, 1, 1]
		-U[a, 1, 1]
		+U[a, 2, 5]
		+I[b, 1, 2]
		-U[a, 2, 5]
		+U[a, 1, 1]
		-D[a, 1, 1]
		+I[a, 1, 7]`)
	wantFinal(t, optest.Run(t, groupCase(t, op.GroupAggConfig{Retracting: true, UpdateBefore: true, MiniBatch: true}, events)), `
		[a, 1, 7]
		[b, 1, 2]`)
}

func TestGroupAggregateLeavesOutWhatDoesNotChange(t *testing.T) {
	cfg := op.GroupAggConfig{UpdateBefore: false, Aggs: []*expr.AggCall{agg(t, "MAX", expr.AggOptions{}, col(2))}}
	wantTrace(t, optest.Run(t, groupCase(t, cfg, optest.Rows(0, row(0, "a", 5), row(0, "a", 3), row(0, "a", 8)))), `
		+I[a, 5]
		+U[a, 8]`)
}

func TestGroupAggregateForgetsAfterTTL(t *testing.T) {
	events := []optest.Event{
		{Row: row(0, "a", 5), Arrival: 1000}, {Row: row(0, "a", 3), Arrival: 1999}, {Row: row(0, "a", 1), Arrival: 2999}, {Row: row(0, "b", 1), Arrival: 9000},
	}
	wantTrace(t, optest.Run(t, groupCase(t, op.GroupAggConfig{UpdateBefore: true, TTLMs: 1000}, events)), `
		+I[a, 1, 5]
		-U[a, 1, 5]
		+U[a, 2, 5]
		+I[a, 1, 1]
		+I[b, 1, 1]`)
}

func TestGroupStatesSurvive(t *testing.T) {
	for _, retract := range []bool{false, true} {
		for _, mini := range []bool{false, true} {
			cfg := op.GroupAggConfig{Retracting: retract, UpdateBefore: true, MiniBatch: mini, Aggs: someAggs(t)}
			optest.Run(t, groupCase(t, cfg, randomEvents(3, 120, retract)))
		}
	}
}

func TestUnionTakesTheLeastWatermark(t *testing.T) {
	in := func(i int, ms int64) optest.Event { return optest.Event{Input: i, Watermark: ms} }
	c := optest.Case{
		New: func() (op.Operator, error) { return op.NewUnion(2) }, Input: inTypes[1:2], Ordered: true,
		Events: []optest.Event{in(0, 10), in(1, 5), {Input: 1, Row: []vec.Datum{vec.StringDatum("x")}}, in(1, 20), in(0, op.Idle), in(1, 30),
			in(0, 12), in(1, op.Idle), in(0, op.Idle), in(0, 40)},
	}
	wantTrace(t, optest.Run(t, c), `
		watermark 5
		+I[x]
		watermark 10
		watermark 20
		watermark 30
		watermark 30
		watermark 30
		watermark -9223372036854775808
		watermark 40`)
}

func TestDropUpdateBefore(t *testing.T) {
	e := optest.Rows(0, row(0, "a", 1), row(0, "a", 2), row(0, "a", 3), row(0, "a", 4))
	for i := range e {
		e[i].Kind = vec.RowKind(i)
	}
	r := optest.Run(t, optest.Case{
		New: func() (op.Operator, error) { return op.NewDropUpdateBefore(op.DropBeforeConfig{}) }, Input: inTypes, Events: e, Ordered: true,
	})
	if len(r.Trace) != 3 || strings.HasPrefix(r.Trace[1], "-U") {
		t.Errorf("output %v", r.Trace)
	}
}

func TestChangelogNormalize(t *testing.T) {
	e := optest.Rows(0, row(0, "a", 1), row(0, "a", 1), row(0, "a", 2), row(0, "b", 3), row(0, "a", 99), row(0, "a", 99), row(0, "a", 5))
	e[0].Kind, e[4].Kind, e[5].Kind = vec.UpdateAfter, vec.Delete, vec.Delete
	c := optest.Case{
		New: func() (op.Operator, error) {
			return op.NewChangelogNormalize(op.NormalizeConfig{Input: inTypes, Keys: []int{1}, UpdateBefore: true})
		},
		Input: inTypes, Events: e, Ordered: true,
	}
	wantTrace(t, optest.Run(t, c), `
		+I[1970-01-01 00:00:00.000, a, 1, FALSE, s1]
		-U[1970-01-01 00:00:00.000, a, 1, FALSE, s1]
		+U[1970-01-01 00:00:00.000, a, 2, TRUE, s2]
		+I[1970-01-01 00:00:00.000, b, 3, FALSE, s3]
		-D[1970-01-01 00:00:00.000, a, 2, TRUE, s2]
		+I[1970-01-01 00:00:00.000, a, 5, FALSE, s5]`)
}

func TestValuesAreEmittedOnce(t *testing.T) {
	r := optest.Run(t, optest.Case{
		New: func() (op.Operator, error) {
			return op.NewValues(op.ValuesConfig{Output: []types.Type{types.TInt, types.TString},
				Rows: [][]expr.Node{{expr.NewInt(1), expr.NewString("a")}, {expr.NewInt(2), expr.NewNull(types.TString)}}})
		},
		Input: inTypes, Events: []optest.Event{{Tick: 1}}, Ordered: true,
	})
	wantTrace(t, r, `
		+I[1, a]
		+I[2, null]
		watermark 9223372036854775807`)
}

// A -U whose +U does not follow under the same key takes its row away.
func TestDropUpdateBeforeAsDelete(t *testing.T) {
	b := vec.NewBatch(inTypes)
	for i, k := range []string{"a", "a", "a", "a", "b", "b"} {
		for c, d := range row(0, k, int64(i)) {
			b.Cols[c].Set(i, d)
		}
		b.N++
	}
	b.Kinds = []vec.RowKind{vec.Insert, vec.UpdateBefore, vec.UpdateAfter, vec.UpdateBefore, vec.UpdateAfter, vec.UpdateBefore}
	o, err := op.NewDropUpdateBefore(op.DropBeforeConfig{Input: inTypes, AsDelete: true, Keys: []int{1}})
	if err != nil {
		t.Fatal(err)
	}
	arena, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got kinds
	if err := o.Open(&op.Context{Arena: arena, ID: "drop", Out: &got}); err != nil {
		t.Fatal(err)
	}
	if err := o.Process(0, b); err != nil {
		t.Fatal(err)
	}
	if want := "+I +U -D +U -D"; strings.Join(got, " ") != want {
		t.Errorf("kinds %v, want %s", got, want)
	}
}

// kinds is an output that keeps the kinds of the rows.
type kinds []string

func (k *kinds) Process(b *vec.Batch) error {
	for i := range b.Rows() {
		*k = append(*k, b.Kind(b.Row(i)).String())
	}
	return nil
}
func (k *kinds) Watermark(int64) error { return nil }
func (k *kinds) Tick(int64) error      { return nil }
