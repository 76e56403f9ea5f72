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

// printed is rows as a final result prints them.
func printed(ts []types.Type, rows [][]vec.Datum) []string {
	var out []string
	b := vec.NewBatch(ts)
	for _, r := range rows {
		b.Reset()
		for c, d := range r {
			b.Cols[c].Set(0, d)
		}
		b.N = 1
		out = append(out, op.FormatRow(b, 0, &expr.Env{})[2:])
	}
	slices.Sort(out)
	return out
}

func wantRows(t *testing.T, got optest.Result, ts []types.Type, rows [][]vec.Datum) {
	t.Helper()
	if want := printed(ts, rows); !slices.Equal(got.Final, want) {
		t.Errorf("final result of %d rows\n%q\nwant %d\n%q", len(got.Final), got.Final, len(want), want)
	}
}

func sameRow(a, b []vec.Datum) bool {
	return slices.EqualFunc(a, b, func(x, y vec.Datum) bool {
		return x.Null == y.Null && x.I == y.I && string(x.B) == string(y.B)
	})
}

// keyOf is the partition of a row: its key column.
func keyOf(r []vec.Datum) string {
	if r[1].Null {
		return "null"
	}
	return "k" + string(r[1].B)
}

// live is the rows that remain, in the order of arrival.
func live(events []optest.Event) [][]vec.Datum {
	var out [][]vec.Datum
	for _, e := range events {
		switch {
		case e.Row == nil:
		case e.Kind.Retracts():
			at := slices.IndexFunc(out, func(r []vec.Datum) bool { return sameRow(r, e.Row) })
			out = slices.Delete(out, at, at+1)
		default:
			out = append(out, e.Row)
		}
	}
	return out
}

// byNumber orders rows by n descending, NULLs last.
func byNumber(a, b []vec.Datum) int {
	x, y := int64(math.MinInt64), int64(math.MinInt64)
	if !a[2].Null {
		x = a[2].I
	}
	if !b[2].Null {
		y = b[2].I
	}
	return cmp.Compare(y, x)
}

var numberOrder = []op.SortKey{{Col: 2, Desc: true, NullsLast: true}}

// partitions splits rows by key, in the order of their first rows.
func partitions(rows [][]vec.Datum) (keys []string, by map[string][][]vec.Datum) {
	by = map[string][][]vec.Datum{}
	for _, r := range rows {
		k := keyOf(r)
		if by[k] == nil {
			keys = append(keys, k)
		}
		by[k] = append(by[k], r)
	}
	return keys, by
}

func TestRankAgreesWithSorting(t *testing.T) {
	for _, retract := range []bool{false, true} {
		events := randomEvents(11, 120, retract)
		for _, rng := range [][2]int64{{1, 1}, {1, 3}, {2, 2}, {3, 6}, {4, math.MaxInt64}} {
			for _, rank := range []bool{false, true} {
				for _, order := range [][]op.SortKey{numberOrder, nil} {
					name := fmt.Sprintf("retract %v, rows %d to %d, rank %v, order %v", retract, rng[0], rng[1], rank, order)
					t.Run(name, func(t *testing.T) {
						cfg := op.RankConfig{Input: inTypes, Keys: []int{1}, Order: order, Start: rng[0], End: rng[1], Rank: rank,
							Retracting: retract, UpdateBefore: true}
						got := optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewRank(cfg) }, Input: inTypes, Events: events, Ordered: true})
						out := slices.Clone(inTypes)
						if rank {
							out = append(out, types.TBigInt)
						}
						_, by := partitions(live(events))
						var want [][]vec.Datum
						for _, rows := range by {
							if order != nil {
								slices.SortStableFunc(rows, byNumber)
							}
							for i, r := range rows {
								if n := int64(i + 1); n >= rng[0] && n <= rng[1] {
									if rank {
										r = append(slices.Clone(r), vec.IntDatum(n))
									}
									want = append(want, r)
								}
							}
						}
						wantRows(t, got, out, want)
					})
				}
			}
		}
	}
}

func TestRankEmitsChangesByPlace(t *testing.T) {
	events := optest.Rows(0, row(1, "a", 5), row(2, "a", 9), row(3, "a", 7), row(4, "a", 1))
	got := optest.Run(t, optest.Case{New: func() (op.Operator, error) {
		return op.NewRank(op.RankConfig{Input: inTypes, Keys: []int{1}, Order: numberOrder, Start: 1, End: 2, Rank: true, UpdateBefore: true})
	}, Input: inTypes, Events: events, Ordered: true})
	wantTrace(t, got, `
		+I[1970-01-01 00:00:01.000, a, 5, FALSE, s5, 1]
		-U[1970-01-01 00:00:01.000, a, 5, FALSE, s5, 1]
		+U[1970-01-01 00:00:02.000, a, 9, FALSE, s2, 1]
		+I[1970-01-01 00:00:01.000, a, 5, FALSE, s5, 2]
		-U[1970-01-01 00:00:01.000, a, 5, FALSE, s5, 2]
		+U[1970-01-01 00:00:03.000, a, 7, FALSE, s0, 2]`)
}

func TestRankForgetsAfterTTL(t *testing.T) {
	events := []optest.Event{{Row: row(1, "a", 5), Arrival: 1000}, {Row: row(2, "a", 9), Arrival: 1500}, {Row: row(3, "a", 7), Arrival: 4000}}
	got := optest.Run(t, optest.Case{New: func() (op.Operator, error) {
		return op.NewRank(op.RankConfig{Input: inTypes, Keys: []int{1}, Order: numberOrder, Start: 1, End: 1, TTLMs: 2000, UpdateBefore: true})
	}, Input: inTypes, Events: events, Ordered: true})
	wantTrace(t, got, `
		+I[1970-01-01 00:00:01.000, a, 5, FALSE, s5]
		-U[1970-01-01 00:00:01.000, a, 5, FALSE, s5]
		+U[1970-01-01 00:00:02.000, a, 9, FALSE, s2]
		+I[1970-01-01 00:00:03.000, a, 7, FALSE, s0]`)
}

func TestDeduplicateAgreesWithSorting(t *testing.T) {
	events := randomEvents(12, 150, false)
	for _, last := range []bool{false, true} {
		for _, time := range []int{-1, 0} {
			t.Run(fmt.Sprintf("last %v, time %d", last, time), func(t *testing.T) {
				cfg := op.DeduplicateConfig{Input: inTypes, Keys: []int{1}, Time: time, Last: last, UpdateBefore: true}
				got := optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewDeduplicate(cfg) }, Input: inTypes, Events: events, Ordered: true})
				_, by := partitions(live(events))
				var want [][]vec.Datum
				for _, rows := range by {
					if time >= 0 {
						slices.SortStableFunc(rows, func(a, b []vec.Datum) int { return cmp.Compare(a[0].I, b[0].I) })
					}
					r := rows[0]
					if last {
						r = rows[len(rows)-1]
					}
					want = append(want, r)
				}
				wantRows(t, got, inTypes, want)
			})
		}
	}
}

// TestDeduplicateWithoutFormerRows compares the stream without -U with the one with it.
func TestDeduplicateWithoutFormerRows(t *testing.T) {
	events := randomEvents(13, 100, false)
	run := func(before bool) []string {
		cfg := op.DeduplicateConfig{Input: inTypes, Keys: []int{1}, Time: 0, Last: true, UpdateBefore: before, TTLMs: 5000}
		got := optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewDeduplicate(cfg) }, Input: inTypes, Events: events, Ordered: true})
		return slices.DeleteFunc(got.Trace, func(s string) bool { return s[0] == '-' })
	}
	if with, without := run(true), run(false); !slices.Equal(with, without) {
		t.Errorf("with -U\n%q\nwithout\n%q", with, without)
	}
}

func TestDeduplicateRefusesNullTimes(t *testing.T) {
	r := row(1, "a", 1)
	r[0] = vec.NullDatum
	for _, before := range []bool{false, true} {
		cfg := op.DeduplicateConfig{Input: inTypes, Keys: []int{1}, Time: 0, Last: true, UpdateBefore: before}
		got := optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewDeduplicate(cfg) }, Input: inTypes,
			Events: optest.Rows(0, r, row(2, "a", 2)), Ordered: true, Lost: 1})
		wantTrace(t, got, `+I[1970-01-01 00:00:02.000, a, 2, TRUE, s2]`)
	}
}

// windowedTypes are inTypes with window columns.
var windowedTypes = append(slices.Clone(inTypes), types.TimestampOf(3), types.TimestampOf(3))

func TestWindowRankAgreesWithSorting(t *testing.T) {
	events := randomEvents(14, 160, false)
	for i := range events {
		if e := &events[i]; e.Row == nil && e.Tick == 0 && e.Watermark != op.EndOfInput {
			e.Watermark += 2000
		}
		if r := events[i].Row; r != nil {
			start := r[0].I - ((r[0].I%1e6)+1e6)%1e6
			events[i].Row = append(slices.Clone(r), vec.IntDatum(start), vec.IntDatum(start+1e6))
		}
	}
	for _, rng := range [][2]int64{{1, 1}, {1, 3}, {2, 4}} {
		cfg := op.WindowRankConfig{Input: windowedTypes, Window: op.Window{Kind: op.Attached, Start: 5, End: 6}, Keys: []int{1}, Order: numberOrder,
			Start: rng[0], End: rng[1], Rank: true}
		got := optest.RunAnyLate(t, optest.Case{New: func() (op.Operator, error) { return op.NewWindowRank(cfg) }, Input: windowedTypes, Events: events, Ordered: true})
		if got.Late == 0 {
			t.Error("no row is late")
		}
		closed := int64(math.MinInt64)
		windows := map[int64][][]vec.Datum{}
		for _, e := range events {
			switch {
			case e.Row != nil && e.Row[6].I/1000 > closed:
				windows[e.Row[6].I] = append(windows[e.Row[6].I], e.Row)
			case e.Row == nil && e.Tick == 0 && e.Watermark != op.EndOfInput:
				closed = max(closed, e.Watermark+1)
			}
		}
		var want [][]vec.Datum
		for _, w := range windows {
			_, by := partitions(w)
			for _, rows := range by {
				slices.SortStableFunc(rows, byNumber)
				for i, r := range rows {
					if n := int64(i + 1); n >= rng[0] && n <= rng[1] {
						want = append(want, append(slices.Clone(r), vec.IntDatum(n)))
					}
				}
			}
		}
		wantRows(t, got, append(slices.Clone(windowedTypes), types.TBigInt), want)
	}
}

func TestSortByTime(t *testing.T) {
	events := append(optest.Rows(0, row(3, "a", 1), row(1, "b", 2), row(1, "c", 9), row(2, "d", 3)), watermark(2))
	events = append(events, optest.Rows(1000, row(2, "late", 1), row(2.5, "e", 1))...)
	events = append(events, end())
	got := optest.Run(t, optest.Case{New: func() (op.Operator, error) {
		return op.NewSort(op.SortConfig{Input: inTypes, Mode: op.SortByTime, Time: 0, Order: numberOrder})
	}, Input: inTypes, Events: events, Ordered: true, Late: 1})
	wantTrace(t, got, `
		+I[1970-01-01 00:00:01.000, c, 9, FALSE, s2]
		+I[1970-01-01 00:00:01.000, b, 2, TRUE, s2]
		+I[1970-01-01 00:00:02.000, d, 3, FALSE, s3]
		watermark 2000
		+I[1970-01-01 00:00:02.500, e, 1, FALSE, s1]
		+I[1970-01-01 00:00:03.000, a, 1, FALSE, s1]
		watermark 9223372036854775807`)
}

func TestSortAll(t *testing.T) {
	for _, retract := range []bool{false, true} {
		events := randomEvents(15, 100, retract)
		got := optest.Run(t, optest.Case{New: func() (op.Operator, error) {
			return op.NewSort(op.SortConfig{Input: inTypes, Mode: op.SortAll, Order: numberOrder, Retracting: retract})
		}, Input: inTypes, Events: events, Ordered: true})
		rows := live(events)
		wantRows(t, got, inTypes, rows)
	}
}

func TestSortByArrival(t *testing.T) {
	events := []optest.Event{{Row: row(1, "a", 1), Arrival: 10}, {Row: row(1, "b", 5), Arrival: 10}, {Row: row(1, "c", 3), Arrival: 11}, {Tick: 11}, {Tick: 12}}
	got := optest.Run(t, optest.Case{New: func() (op.Operator, error) {
		return op.NewSort(op.SortConfig{Input: inTypes, Mode: op.SortByArrival, Order: numberOrder})
	}, Input: inTypes, Events: events, Ordered: true})
	wantTrace(t, got, `
		+I[1970-01-01 00:00:01.000, b, 5, FALSE, s5]
		+I[1970-01-01 00:00:01.000, a, 1, FALSE, s1]
		+I[1970-01-01 00:00:01.000, c, 3, FALSE, s3]`)
}
