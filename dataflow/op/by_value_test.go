package op_test

import (
	"math/rand"
	"strconv"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/op/optest"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// A device whose clock stands at 1970 holds the watermark of the others neither while it is
// the newest to have come nor by going on to send.
func TestDeviceFarBehindHoldsNothing(t *testing.T) {
	c := markCase(t, op.WatermarkConfig{IntervalMs: 100, By: 1, MaxBehindMs: 1000},
		mark(10, 5, "flat battery"), mark(110, 5000, "good"), mark(120, 4500, "slow"), optest.Event{Tick: 200},
		mark(210, 6, "flat battery"), mark(220, 5200, "slow"), mark(310, 7, "flat battery"), mark(320, 5300, "good"), optest.Event{Tick: 400})
	r := optest.Run(t, c)
	wantTrace(t, r, `
		+I[1970-01-01 00:00:00.005, flat battery]
		watermark -5
		+I[1970-01-01 00:00:05.000, good]
		+I[1970-01-01 00:00:04.500, slow]
		watermark 4490
		+I[1970-01-01 00:00:00.006, flat battery]
		+I[1970-01-01 00:00:05.200, slow]
		watermark 4990
		+I[1970-01-01 00:00:00.007, flat battery]
		+I[1970-01-01 00:00:05.300, good]
		watermark 5190`)
	if r.Audit.Behind != 2 {
		t.Errorf("audit %+v", r.Audit)
	}
}

// A device whose clock falls back to 1970 leaves its last good watermark behind: it is
// forgotten as if the device had fallen silent, and counts again once its clock is right.
func TestClockThatFallsBackIsNoSignOfLife(t *testing.T) {
	c := markCase(t, op.WatermarkConfig{IntervalMs: 100, By: 1, ByIdleMs: 300, MaxBehindMs: 1000},
		mark(10, 5000, "a"), mark(20, 5000, "b"), optest.Event{Tick: 100},
		mark(110, 5100, "a"), mark(120, 1, "b"), mark(210, 5200, "a"), mark(220, 2, "b"), optest.Event{Tick: 319},
		mark(390, 5300, "a"), optest.Event{Tick: 400}, mark(410, 5350, "b"), mark(420, 5400, "a"), optest.Event{Tick: 500})
	r := optest.Run(t, c)
	wantTrace(t, r, `
		+I[1970-01-01 00:00:05.000, a]
		+I[1970-01-01 00:00:05.000, b]
		watermark 4990
		+I[1970-01-01 00:00:05.100, a]
		+I[1970-01-01 00:00:00.001, b]
		+I[1970-01-01 00:00:05.200, a]
		+I[1970-01-01 00:00:00.002, b]
		+I[1970-01-01 00:00:05.300, a]
		watermark 5290
		+I[1970-01-01 00:00:05.350, b]
		+I[1970-01-01 00:00:05.400, a]
		watermark 5340`)
	if r.Audit.Behind != 2 {
		t.Errorf("audit %+v", r.Audit)
	}
}

// A clock a little ahead of arrival, which the future guard lets pass, does not make those
// that are right too far behind; where event times have nothing to do with arrival it leads.
func TestClockAheadLeadsNoFurtherThanArrival(t *testing.T) {
	for _, v := range []struct {
		ahead int64
		want  string
	}{{1000, "watermark 9890"}, {0, "watermark 10890"}} {
		c := markCase(t, op.WatermarkConfig{IntervalMs: 100, By: 1, MaxBehindMs: 900, MaxAheadMs: v.ahead},
			mark(10_000, 10_900, "ahead"), mark(10_010, 9_900, "right"), optest.Event{Tick: 10_100})
		wantTrace(t, optest.Run(t, c), `
			+I[1970-01-01 00:00:10.900, ahead]
			+I[1970-01-01 00:00:09.900, right]
			`+v.want)
	}
}

// Devices none of which is near the time of arrival are compared with each other.
func TestAllFarBehindArrivalAlign(t *testing.T) {
	c := markCase(t, op.WatermarkConfig{IntervalMs: 100, By: 1, MaxBehindMs: 1000, MaxAheadMs: 1000},
		mark(1_000_000, 100, "a"), mark(1_000_010, 600, "b"), optest.Event{Tick: 1_000_100})
	wantTrace(t, optest.Run(t, c), `
		+I[1970-01-01 00:00:00.100, a]
		+I[1970-01-01 00:00:00.600, b]
		watermark 90`)
}

// State from before there was a floor opens, and the watermark that a device held goes on.
func TestStateWithoutFloorOpens(t *testing.T) {
	arena, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	marks := &marksOnly{}
	step := func(behind int64, arrival int64, times ...int64) *op.WatermarkAssigner {
		o, err := op.NewWatermarkAssigner(op.WatermarkConfig{Input: markTypes, IntervalMs: 100, By: 1, MaxBehindMs: behind})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Open(&op.Context{Arena: arena, ID: "mark", Out: marks}); err != nil {
			t.Fatal(err)
		}
		b := vec.NewBatch(markTypes)
		for i, at := range times {
			b.Cols[0].Set(i, vec.IntDatum(at*1000))
			b.Cols[1].Set(i, vec.StringDatum(string(rune('a'+i))))
			b.Arrival = append(b.Arrival, arrival)
			b.N++
		}
		if err := o.Process(0, b); err != nil {
			t.Fatal(err)
		}
		if err := o.Tick(arrival + 100); err != nil {
			t.Fatal(err)
		}
		return o
	}
	step(0, 0, 5, 5000)
	if o := step(1000, 200, 6, 5000); marks.last != 5000 || o.Audit().Behind != 1 {
		t.Errorf("watermark %d, audit %+v", marks.last, o.Audit())
	}
	if o := step(1000, 400, 7, 6000); marks.last != 6000 || o.Audit().Behind != 2 {
		t.Errorf("watermark %d, audit %+v", marks.last, o.Audit())
	}
}

// marksOnly notes the newest watermark.
type marksOnly struct{ last int64 }

func (m *marksOnly) Process(*vec.Batch) error { return nil }
func (m *marksOnly) Tick(int64) error         { return nil }
func (m *marksOnly) Watermark(t int64) error  { m.last = t; return nil }

// Devices with clocks that are right, late, stuck and come back give the same watermarks in
// every batch and over every restore, and the leading one is never waited for longer than it
// may be.
func TestRandomClocksAlign(t *testing.T) {
	for seed := range int64(6) {
		r := rand.New(rand.NewSource(seed))
		var events []optest.Event
		behind := 0
		for i := range 200 {
			arrival := int64(i) * 40
			at, device := arrival-r.Int63n(300), string(rune('a'+r.Intn(5)))
			if device == "e" && r.Intn(3) > 0 || r.Intn(20) == 0 {
				at -= 5_000_000
				behind++
			}
			if r.Intn(10) == 0 {
				events = append(events, optest.Event{Tick: arrival})
			}
			events = append(events, mark(arrival, at, device))
		}
		events = append(events, optest.Event{Tick: 8100})
		r2 := optest.Run(t, markCase(t, op.WatermarkConfig{IntervalMs: 100, By: 1, ByIdleMs: 2000, MaxBehindMs: 1000, MaxAheadMs: 1000, OnEvent: seed%2 == 0}, events...))
		last := ""
		for _, l := range r2.Trace {
			if strings.HasPrefix(l, "watermark ") {
				last = l
			}
		}
		at, err := strconv.ParseInt(strings.TrimPrefix(last, "watermark "), 10, 64)
		if err != nil || at < 8000-1500 || at > 8000 {
			t.Errorf("seed %d: the last is %s", seed, last)
		}
		if n := int(r2.Audit.Behind); n < behind/2 || n > behind {
			t.Errorf("seed %d: %d rows counted of %d that are behind", seed, n, behind)
		}
	}
}
