package op_test

import (
	"math"
	"slices"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/op/optest"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

var markTypes = []types.Type{types.TimestampOf(3), types.TString}

// mark makes a row of a device with event time ms, arriving at arrival.
func mark(arrival, ms int64, device string) optest.Event {
	return optest.Event{Row: []vec.Datum{vec.IntDatum(ms * 1000), vec.StringDatum(device)}, Arrival: arrival}
}

func markCase(t *testing.T, cfg op.WatermarkConfig, events ...optest.Event) optest.Case {
	t.Helper()
	cfg.Input = markTypes
	less, err := expr.NewCall("-", expr.NewCol(0, "ts", markTypes[0]), expr.NewIntervalMillis(10, "SECOND(3)"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Expr = less
	return optest.Case{
		New:   func() (op.Operator, error) { return op.NewWatermarkAssigner(cfg) },
		Input: markTypes, Events: events, Ordered: true,
	}
}

func TestWatermarkOnEvent(t *testing.T) {
	c := markCase(t, op.WatermarkConfig{OnEvent: true, By: -1}, mark(0, 100, "a"), mark(1, 90, "a"), mark(2, 120, "b"), end())
	wantTrace(t, optest.Run(t, c), `
		+I[1970-01-01 00:00:00.100, a]
		watermark 90
		+I[1970-01-01 00:00:00.090, a]
		+I[1970-01-01 00:00:00.120, b]
		watermark 110
		watermark 9223372036854775807`)
}

func TestWatermarkOnEveryOtherEvent(t *testing.T) {
	c := markCase(t, op.WatermarkConfig{OnEvent: true, Gap: 2, IntervalMs: 1, By: -1}, mark(0, 100, "a"), optest.Event{Tick: 5}, mark(6, 90, "a"), mark(7, 120, "b"),
		mark(8, 130, "b"), mark(9, 140, "b"), end())
	wantTrace(t, optest.Run(t, c), `
		+I[1970-01-01 00:00:00.100, a]
		+I[1970-01-01 00:00:00.090, a]
		watermark 90
		+I[1970-01-01 00:00:00.120, b]
		+I[1970-01-01 00:00:00.130, b]
		watermark 120
		+I[1970-01-01 00:00:00.140, b]
		watermark 9223372036854775807`)
}

func TestWatermarkOnPeriodicFollowsArrival(t *testing.T) {
	c := markCase(t, op.WatermarkConfig{IntervalMs: 200, By: -1},
		mark(10, 100, "a"), mark(190, 110, "a"), mark(200, 105, "a"), mark(399, 130, "a"), optest.Event{Tick: 399}, optest.Event{Tick: 400}, optest.Event{Tick: 600},
		mark(601, 330, "a"), mark(602, 331, "a"))
	wantTrace(t, optest.Run(t, c), `
		+I[1970-01-01 00:00:00.100, a]
		watermark 90
		+I[1970-01-01 00:00:00.110, a]
		watermark 100
		+I[1970-01-01 00:00:00.105, a]
		+I[1970-01-01 00:00:00.130, a]
		watermark 120
		+I[1970-01-01 00:00:00.330, a]
		+I[1970-01-01 00:00:00.331, a]
		watermark 321`)
}

func TestWatermarkIdle(t *testing.T) {
	c := markCase(t, op.WatermarkConfig{IntervalMs: 100, By: -1, IdleMs: 1000},
		mark(10, 100, "a"), optest.Event{Tick: 1009}, optest.Event{Tick: 1010}, optest.Event{Tick: 5000}, mark(6000, 200, "a"), optest.Event{Tick: 6100})
	wantTrace(t, optest.Run(t, c), `
		+I[1970-01-01 00:00:00.100, a]
		watermark 90
		watermark -9223372036854775808
		watermark 90
		+I[1970-01-01 00:00:00.200, a]
		watermark 190`)
}

func TestWatermarkByValue(t *testing.T) {
	c := markCase(t, op.WatermarkConfig{IntervalMs: 100, By: 1, ByIdleMs: 1000},
		mark(10, 500, "a"), mark(20, 100, "b"), optest.Event{Tick: 100}, mark(110, 900, "a"), mark(130, 300, "b"), optest.Event{Tick: 200},
		mark(900, 950, "a"), optest.Event{Tick: 1129}, optest.Event{Tick: 1200})
	wantTrace(t, optest.Run(t, c), `
		+I[1970-01-01 00:00:00.500, a]
		+I[1970-01-01 00:00:00.100, b]
		watermark 90
		+I[1970-01-01 00:00:00.900, a]
		+I[1970-01-01 00:00:00.300, b]
		watermark 290
		+I[1970-01-01 00:00:00.950, a]
		watermark 940`)
}

func TestFutureGuard(t *testing.T) {
	events := []optest.Event{mark(0, 100, "a"), mark(1, 99_999_999, "bad clock"), mark(100, 200, "a"), {Row: []vec.Datum{vec.NullDatum, vec.NullDatum}, Arrival: 150}, end()}
	for ahead, want := range map[op.Ahead]string{
		op.AheadDeadLetter: "", op.AheadDrop: "", op.AheadKeep: "+I[1970-01-02 03:46:39.999, bad clock]\n",
	} {
		c := markCase(t, op.WatermarkConfig{IntervalMs: 100, By: -1, MaxAheadMs: 3600_000, Ahead: ahead}, events...)
		c.Lost = 1
		if ahead == op.AheadDeadLetter {
			c.Lost = 2
		}
		r := optest.Run(t, c)
		wantTrace(t, r, "+I[1970-01-01 00:00:00.100, a]\nwatermark 90\n"+want+`
			+I[1970-01-01 00:00:00.200, a]
			watermark 9223372036854775807`)
		if ahead == op.AheadDrop && r.Audit.Dropped != 1 {
			t.Errorf("audit %+v", r.Audit)
		}
	}
}

func TestWatermarkRefusesANumber(t *testing.T) {
	if _, err := op.NewWatermarkAssigner(op.WatermarkConfig{Input: markTypes, Time: 1}); err == nil {
		t.Fatal("a watermark over a string is not refused")
	}
}

// A watermark is guarded as event times are: one that its expression puts far ahead, as one
// that overflows, would close every window for good. One that is NULL moves nothing.
func TestFutureGuardLooksAtTheWatermark(t *testing.T) {
	in := append(slices.Clone(markTypes), types.TimestampOf(3))
	event := func(arrival, ms int64, mark vec.Datum) optest.Event {
		return optest.Event{Row: []vec.Datum{vec.IntDatum(ms * 1000), vec.StringDatum("a"), mark}, Arrival: arrival}
	}
	cfg := op.WatermarkConfig{Input: in, Expr: expr.NewCol(2, "mark", in[2]), IntervalMs: 100, By: -1, MaxAheadMs: 1000, Ahead: op.AheadDrop}
	r := optest.Run(t, optest.Case{
		New: func() (op.Operator, error) { return op.NewWatermarkAssigner(cfg) }, Input: in, Ordered: true,
		Events: []optest.Event{event(10, 100, vec.IntDatum(90_000)), event(20, 150, vec.IntDatum(math.MaxInt64)), event(30, 200, vec.IntDatum(math.MinInt64)),
			event(110, 300, vec.NullDatum), event(220, 400, vec.IntDatum(390_000)), {Tick: 300}},
	})
	wantTrace(t, r, `
		+I[1970-01-01 00:00:00.100, a, 1970-01-01 00:00:00.090]
		watermark 90
		+I[1970-01-01 00:00:00.200, a, -290308-12-21 19:59:05.224]
		+I[1970-01-01 00:00:00.300, a, null]
		+I[1970-01-01 00:00:00.400, a, 1970-01-01 00:00:00.390]
		watermark 390`)
	if r.Audit.Dropped != 1 {
		t.Errorf("audit %+v", r.Audit)
	}
}
