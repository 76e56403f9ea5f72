package op_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/op/optest"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// overByHand counts and sums the rows up to each row, as Over does by event time.
type overByHand struct {
	isRange   bool
	preceding int64
	watermark int64
	pending   [][]vec.Datum
	done      map[string][][]vec.Datum // by partition, in order
	out       [][]vec.Datum
	late      int
}

func (h *overByHand) row(r []vec.Datum) {
	t := r[0].I / 1000
	done := h.done[keyOf(r)]
	if t <= h.watermark && (h.preceding < 0 || len(done) > 0 && t <= done[len(done)-1][0].I/1000) {
		h.late++
		return
	}
	h.pending = append(h.pending, r)
}

func (h *overByHand) fire(t int64) {
	slices.SortStableFunc(h.pending, func(a, b []vec.Datum) int { return cmp.Compare(a[0].I, b[0].I) })
	var rest [][]vec.Datum
	var fired [][]vec.Datum
	for _, r := range h.pending {
		if r[0].I/1000 > t {
			rest = append(rest, r)
			continue
		}
		fired = append(fired, r)
	}
	for i, r := range fired {
		k := keyOf(r)
		h.done[k] = append(h.done[k], r)
		if !h.isRange {
			h.emit(r, h.done[k])
			continue
		}
		more := slices.ContainsFunc(fired[i+1:], func(o []vec.Datum) bool { return keyOf(o) == k && o[0].I == r[0].I })
		if more {
			continue
		}
		for _, o := range fired[:i+1] {
			if keyOf(o) == k && o[0].I == r[0].I {
				h.emit(o, h.done[k])
			}
		}
	}
	h.pending, h.watermark = rest, t
	if h.isRange && h.preceding >= 0 {
		for k, done := range h.done {
			waits := slices.ContainsFunc(h.pending, func(r []vec.Datum) bool { return keyOf(r) == k })
			if last := done[len(done)-1][0].I / 1000; last+h.preceding+1 <= t && !waits {
				delete(h.done, k)
			}
		}
	}
}

func (h *overByHand) emit(r []vec.Datum, done [][]vec.Datum) {
	from := 0
	switch {
	case h.preceding >= 0 && h.isRange:
		for from < len(done) && done[from][0].I/1000 < r[0].I/1000-h.preceding {
			from++
		}
	case h.preceding >= 0:
		from = max(0, len(done)-1-int(h.preceding))
	}
	n, sum := int64(0), vec.NullDatum
	for _, o := range done[from:] {
		n++
		if !o[2].Null {
			sum = vec.IntDatum(sum.I + o[2].I)
		}
	}
	h.out = append(h.out, append(slices.Clone(r), vec.IntDatum(n), sum))
}

func countAndSum(t *testing.T) []op.OverCall {
	return []op.OverCall{{Agg: agg(t, "COUNT", expr.AggOptions{})}, {Agg: agg(t, "SUM", expr.AggOptions{}, col(2))}}
}

var countSumTypes = append(slices.Clone(inTypes), types.TBigInt, types.TBigInt)

func TestOverAgreesWithSummingByHand(t *testing.T) {
	for _, isRange := range []bool{false, true} {
		for _, preceding := range []int64{-1, 0, 2, 1500} {
			t.Run(fmt.Sprintf("range %v, preceding %d", isRange, preceding), func(t *testing.T) {
				events := randomEvents(21, 160, false)
				for i := range events { // peers
					if r := events[i].Row; r != nil {
						r[0].I -= r[0].I % 250000
					}
				}
				cfg := op.OverConfig{Input: inTypes, Keys: []int{1}, Time: 0, Range: isRange, Preceding: preceding, Calls: countAndSum(t)}
				got := optest.RunAnyLate(t, optest.Case{New: func() (op.Operator, error) { return op.NewOver(cfg) }, Input: inTypes, Events: events, Ordered: true})
				h := &overByHand{isRange: isRange, preceding: preceding, watermark: math.MinInt64, done: map[string][][]vec.Datum{}}
				for _, e := range events {
					switch {
					case e.Row != nil:
						h.row(e.Row)
					case e.Tick == 0:
						h.fire(e.Watermark)
					}
				}
				if got.Late != h.late {
					t.Errorf("%d rows late, want %d", got.Late, h.late)
				}
				wantRows(t, got, countSumTypes, h.out)
			})
		}
	}
}

// TestOverStatesSurvive runs every way to keep an aggregate's state.
func TestOverStatesSurvive(t *testing.T) {
	for _, time := range []int{-1, 0} {
		for _, isRange := range []bool{false, true} {
			for _, preceding := range []int64{-1, 3} {
				cfg := op.OverConfig{Input: inTypes, Keys: []int{1}, Time: time, Range: isRange, Preceding: preceding, TTLMs: 3000}
				for _, c := range retractable(t) {
					cfg.Calls = append(cfg.Calls, op.OverCall{Agg: c})
				}
				if preceding < 0 {
					cfg.Calls = append(cfg.Calls, op.OverCall{Func: op.OverRowNumber}, op.OverCall{Func: op.OverRank}, op.OverCall{Func: op.OverDenseRank},
						op.OverCall{Func: op.OverLag, Col: 4, Offset: 2}, op.OverCall{Func: op.OverLag, Col: 2, Offset: 1, Default: expr.NewInt(7)})
				}
				optest.RunAnyLate(t, optest.Case{New: func() (op.Operator, error) { return op.NewOver(cfg) }, Input: inTypes, Events: randomEvents(22, 80, false)})
			}
		}
	}
}

func TestOverNumbersPeers(t *testing.T) {
	events := append(optest.Rows(0, row(1, "a", 1), row(2, "a", 2), row(2, "a", 3), row(3, "a", 4)), end())
	cfg := op.OverConfig{Input: inTypes, Keys: []int{1}, Time: 0, Range: true, Preceding: -1, Calls: []op.OverCall{
		{Func: op.OverRank}, {Func: op.OverDenseRank}, {Func: op.OverLag, Col: 2, Offset: 1}}}
	got := optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewOver(cfg) }, Input: inTypes, Events: events, Ordered: true})
	wantTrace(t, got, `
		+I[1970-01-01 00:00:01.000, a, 1, FALSE, s1, 1, 1, null]
		+I[1970-01-01 00:00:02.000, a, 2, TRUE, s2, 2, 2, 2]
		+I[1970-01-01 00:00:02.000, a, 3, FALSE, s3, 2, 2, 2]
		+I[1970-01-01 00:00:03.000, a, 4, TRUE, s4, 4, 3, 3]
		watermark 9223372036854775807`)
}

func TestFreeOverAgreesWithSummingByHand(t *testing.T) {
	for _, isRange := range []bool{false, true} {
		for _, retract := range []bool{false, true} {
			events := randomEvents(23, 100, retract)
			cfg := op.OverConfig{Input: inTypes, Keys: []int{1}, Time: -1, Order: numberOrder, Range: isRange, Preceding: -1, Calls: countAndSum(t),
				Retracting: retract, UpdateBefore: true}
			got := optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewFreeOver(cfg) }, Input: inTypes, Events: events, Ordered: true})
			h := &overByHand{preceding: -1}
			_, by := partitions(live(events))
			for _, rows := range by {
				slices.SortStableFunc(rows, byNumber)
				for i, r := range rows {
					to := i + 1
					for isRange && to < len(rows) && byNumber(r, rows[to]) == 0 {
						to++
					}
					h.emit(r, rows[:to])
				}
			}
			wantRows(t, got, countSumTypes, h.out)
		}
	}
}

func TestFreeOverStatesSurvive(t *testing.T) {
	cfg := op.OverConfig{Input: inTypes, Keys: []int{1}, Time: -1, Order: numberOrder, Preceding: -1, Retracting: true, UpdateBefore: true, TTLMs: 4000}
	for _, c := range someAggs(t) {
		cfg.Calls = append(cfg.Calls, op.OverCall{Agg: c})
	}
	cfg.Calls = append(cfg.Calls, op.OverCall{Func: op.OverRowNumber})
	optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewFreeOver(cfg) }, Input: inTypes, Events: randomEvents(24, 60, true), Ordered: true})
}

func TestFreeOverRanksAndLagsAgreeWithCountingByHand(t *testing.T) {
	for _, retract := range []bool{false, true} {
		events := randomEvents(26, 100, retract)
		cfg := op.OverConfig{Input: inTypes, Keys: []int{1}, Time: -1, Order: numberOrder, Range: true, Preceding: -1, Retracting: retract, UpdateBefore: true, TTLMs: 1 << 40,
			Calls: []op.OverCall{{Func: op.OverRank}, {Func: op.OverDenseRank}, {Func: op.OverLag, Col: 2, Offset: 2, Default: expr.NewInt(-1)}}}
		got := optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewFreeOver(cfg) }, Input: inTypes, Events: events, Ordered: true})
		var want [][]vec.Datum
		_, by := partitions(live(events))
		for _, rows := range by {
			slices.SortStableFunc(rows, byNumber)
			rank, dense := 0, int64(0)
			for i, r := range rows {
				if i == 0 || byNumber(rows[i-1], r) != 0 {
					rank, dense = i, dense+1
				}
				last := i
				for last+1 < len(rows) && byNumber(r, rows[last+1]) == 0 {
					last++
				}
				lag := vec.IntDatum(-1)
				if last >= 2 {
					lag = rows[last-2][2]
				}
				want = append(want, append(slices.Clone(r), vec.IntDatum(int64(rank)+1), vec.IntDatum(dense), lag))
			}
		}
		wantRows(t, got, append(slices.Clone(inTypes), types.TBigInt, types.TBigInt, inTypes[2]), want)
	}
}

func TestFreeOverOfBoundedFramesAgreesWithSummingByHand(t *testing.T) {
	for _, preceding := range []int64{0, 1, 3} {
		for _, retract := range []bool{false, true} {
			events := randomEvents(25, 100, retract)
			cfg := op.OverConfig{Input: inTypes, Keys: []int{1}, Time: -1, Order: numberOrder, Preceding: preceding, Calls: countAndSum(t),
				Retracting: retract, UpdateBefore: true}
			got := optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewFreeOver(cfg) }, Input: inTypes, Events: events, Ordered: true})
			h := &overByHand{preceding: preceding}
			_, by := partitions(live(events))
			for _, rows := range by {
				slices.SortStableFunc(rows, byNumber)
				for i, r := range rows {
					h.emit(r, rows[:i+1])
				}
			}
			wantRows(t, got, countSumTypes, h.out)
		}
	}
}
