package op_test

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// nothing is an Output that drops what it gets.
type nothing struct{ rows int }

func (n *nothing) Process(b *vec.Batch) error { n.rows += b.Rows(); return nil }
func (n *nothing) Watermark(int64) error      { return nil }
func (n *nothing) Tick(int64) error           { return nil }

// The columns of player beacons: time, customer, cdn, is error, startup ms, rebuffer ms.
var beaconTypes = []types.Type{types.TimestampOf(3), types.TString, types.TString, types.TBoolean, types.TDouble, types.TDouble}

// beacons makes batches of 1,000 rows over 50 customers and 4 CDNs, spread over seconds of
// event time, whose strings lie in one buffer a batch as those of a decoder do.
func beacons(n int, seconds float64) []*vec.Batch {
	r := rand.New(rand.NewSource(1))
	var out []*vec.Batch
	for k := range n {
		b := vec.NewBatch(beaconTypes)
		b.N = 1000
		for i := range b.N {
			t := (float64(k*b.N+i)/float64(n*b.N))*seconds + r.Float64()
			b.Cols[0].I64[i] = int64(t*1e3) * 1000
			b.Cols[1].SetString(i, fmt.Sprintf("customer-%02d", r.Intn(50)))
			b.Cols[2].SetString(i, fmt.Sprintf("cdn-%d", r.Intn(4)))
			b.Cols[3].I64[i] = int64(r.Intn(20) / 19)
			b.Cols[4].F64[i] = 100 + r.ExpFloat64()*800
			b.Cols[5].F64[i] = r.ExpFloat64() * 50
			b.Arrival = append(b.Arrival, int64(t*1e3))
		}
		out = append(out, b)
	}
	return out
}

func beaconAggs(t testing.TB) []*expr.AggCall {
	c := func(i int) *expr.Col { return expr.NewCol(i, fmt.Sprint("c", i), beaconTypes[i]) }
	return []*expr.AggCall{
		agg(t, "COUNT", expr.AggOptions{}),
		agg(t, "COUNT", expr.AggOptions{Filter: c(3)}),
		agg(t, "SUM", expr.AggOptions{}, c(5)),
		agg(t, "AVG", expr.AggOptions{}, c(4)),
		agg(t, "APPROX_PERCENTILE", expr.AggOptions{}, c(4), expr.NewFloat(0.5)),
		agg(t, "APPROX_PERCENTILE", expr.AggOptions{}, c(4), expr.NewFloat(0.95)),
	}
}

// open opens an operator over a new arena.
func open(t testing.TB, o op.Operator, err error) op.Operator {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Open(&op.Context{Arena: a, ID: "op", Out: &nothing{}, Env: &expr.Env{}}); err != nil {
		t.Fatal(err)
	}
	return o
}

func beaconWindow(t testing.TB, w op.Window) op.Operator {
	o, err := op.NewWindowAggregate(op.WindowAggConfig{Input: beaconTypes, Window: w, Keys: []int{1, 2},
		Aggs: beaconAggs(t), Props: []op.WindowProp{op.WindowStart, op.WindowEnd}})
	return open(t, o, err)
}

func benchWindow(b *testing.B, w op.Window) {
	batches := beacons(100, 60)
	o := beaconWindow(b, w)
	b.ReportAllocs()
	shift := int64(0)
	n := 0
	for b.Loop() {
		k := n % len(batches)
		if k == 0 && n > 0 {
			shift += 60_000_000
			for _, bt := range batches {
				for i := range bt.N {
					bt.Cols[0].I64[i] += 60_000_000
				}
			}
		}
		n++
		if err := o.Process(0, batches[k]); err != nil {
			b.Fatal(err)
		}
		if err := o.Watermark(0, batches[k].Cols[0].I64[0]/1000-2000); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*1000), "ns/event")
}

func BenchmarkTumblingBeacons(b *testing.B) {
	benchWindow(b, op.Window{Kind: op.Tumble, Size: 10_000})
}

func BenchmarkWatermark(b *testing.B) {
	for name, cfg := range map[string]op.WatermarkConfig{
		"plain": {By: -1}, "by customer": {By: 1, ByIdleMs: 60_000}, "on event": {By: -1, OnEvent: true},
	} {
		b.Run(name, func(b *testing.B) {
			cfg.Input, cfg.IntervalMs, cfg.MaxAheadMs = beaconTypes, 200, 3600_000
			batches := beacons(100, 60)
			m, err := op.NewWatermarkAssigner(cfg)
			o := open(b, m, err)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				bt := batches[n%len(batches)]
				if err := o.Process(0, bt); err != nil {
					b.Fatal(err)
				}
				for i := range bt.N {
					bt.Cols[0].I64[i] += 60_000_000
					bt.Arrival[i] += 60_000
				}
				n++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*1000), "ns/event")
		})
	}
}

// BenchmarkSparse is a row at a time, as when each row brings a watermark.
func BenchmarkSparse(b *testing.B) {
	bt := beacons(1, 60)[0]
	bt.N = 1
	o := beaconWindow(b, op.Window{Kind: op.Tumble, Size: 10_000})
	b.ReportAllocs()
	for b.Loop() {
		if err := o.Process(0, bt); err != nil {
			b.Fatal(err)
		}
		if err := o.Watermark(0, bt.Cols[0].I64[0]/1000-2000); err != nil {
			b.Fatal(err)
		}
		bt.Cols[0].I64[0] += 1_000_000
	}
}

func BenchmarkHoppingBeacons(b *testing.B) {
	benchWindow(b, op.Window{Kind: op.Hop, Size: 60_000, Slide: 10_000})
}

func BenchmarkGroupAggregate(b *testing.B) {
	for _, mini := range []bool{false, true} {
		b.Run(fmt.Sprintf("mini-batch=%v", mini), func(b *testing.B) {
			batches := beacons(100, 60)
			g, err := op.NewGroupAggregate(op.GroupAggConfig{Input: beaconTypes, Keys: []int{1, 2}, Aggs: beaconAggs(b)[:4], UpdateBefore: true, MiniBatch: mini})
			o := open(b, g, err)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if err := o.Process(0, batches[n%len(batches)]); err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*1000), "ns/event")
		})
	}
}

// allocs measures allocations over batches that move on by a minute from run to run, so
// that windows open and fire in each.
func allocs(t *testing.T, o op.Operator) float64 {
	batches := beacons(20, 60)
	last := int64(0)
	step := func() {
		for _, b := range batches {
			if err := o.Process(0, b); err != nil {
				t.Fatal(err)
			}
			last = b.Cols[0].I64[0]/1000 - 2000
			if err := o.Watermark(0, last); err != nil {
				t.Fatal(err)
			}
			for i := range b.N {
				b.Cols[0].I64[i] += 60_000_000
				b.Arrival[i] += 60_000
			}
		}
		if err := o.Tick(last); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		step()
	}
	return testing.AllocsPerRun(5, step)
}

func TestOperatorsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	window := func(w op.Window) op.Operator { return beaconWindow(t, w) }
	group := func(mini, retract bool) op.Operator {
		g, err := op.NewGroupAggregate(op.GroupAggConfig{Input: beaconTypes, Keys: []int{1, 2}, Aggs: beaconAggs(t), UpdateBefore: true, MiniBatch: mini, Retracting: retract})
		return open(t, g, err)
	}
	session, err := op.NewSessionAggregate(op.WindowAggConfig{Input: beaconTypes, Window: op.Window{Kind: op.Session, Size: 5000}, Keys: []int{1, 2}, Aggs: beaconAggs(t)})
	sessions := open(t, session, err)
	mark, err := op.NewWatermarkAssigner(op.WatermarkConfig{Input: beaconTypes, By: 2, ByIdleMs: 1000, IntervalMs: 200, MaxAheadMs: 1000})
	marks := open(t, mark, err)
	norm, err := op.NewChangelogNormalize(op.NormalizeConfig{Input: beaconTypes, Keys: []int{1}, UpdateBefore: true})
	norms := open(t, norm, err)
	tvf, err := op.NewWindowTVF(op.WindowTVFConfig{Input: beaconTypes, Window: op.Window{Kind: op.Hop, Size: 10_000, Slide: 2000}})
	tvfs := open(t, tvf, err)
	for name, o := range map[string]op.Operator{
		"tumble": window(op.Window{Kind: op.Tumble, Size: 10_000}), "hop": window(op.Window{Kind: op.Hop, Size: 10_000, Slide: 2000}),
		"cumulate": window(op.Window{Kind: op.Cumulate, Size: 20_000, Slide: 5000}), "processing time": window(op.Window{Kind: op.Tumble, Size: 10_000, ProcTime: true}),
		"group": group(false, false), "group of updates": group(false, true), "group by mini-batch": group(true, false),
		"session": sessions, "watermark": marks, "normalize": norms, "window TVF": tvfs,
	} {
		if n := allocs(t, o); n != 0 {
			t.Errorf("%s: %v allocations in 20 batches of 1,000 rows", name, n)
		}
	}
}
