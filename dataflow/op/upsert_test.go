package op_test

import (
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/op/optest"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func TestUpsertMaterializeFallsBackToTheRowBefore(t *testing.T) {
	take := func(r []vec.Datum) optest.Event { return optest.Event{Row: r, Kind: vec.Delete} }
	put := func(r []vec.Datum) optest.Event { return optest.Event{Row: r} }
	a1, a2, a3, b1 := row(1, "a", 1), row(1, "a", 2), row(1, "a", 3), row(1, "b", 1)
	events := []optest.Event{put(a1), put(a2), put(b1), put(a3), take(a2), take(a3), take(b1), take(b1), take(a1), put(a2)}
	got := optest.Run(t, optest.Case{New: func() (op.Operator, error) {
		return op.NewUpsertMaterialize(op.UpsertConfig{Input: inTypes, Keys: []int{1}})
	}, Input: inTypes, Events: events, Ordered: true})
	wantTrace(t, got, `
		+I[1970-01-01 00:00:01.000, a, 1, FALSE, s1]
		+U[1970-01-01 00:00:01.000, a, 2, TRUE, s2]
		+I[1970-01-01 00:00:01.000, b, 1, FALSE, s1]
		+U[1970-01-01 00:00:01.000, a, 3, FALSE, s3]
		+U[1970-01-01 00:00:01.000, a, 1, FALSE, s1]
		-D[1970-01-01 00:00:01.000, b, 1, FALSE, s1]
		-D[1970-01-01 00:00:01.000, a, 1, FALSE, s1]
		+I[1970-01-01 00:00:01.000, a, 2, TRUE, s2]`)
}

// The first row of a key counts, and the others are dropped or refused.
func TestUpsertMaterializeKeepsTheFirstRowOfAKey(t *testing.T) {
	put := func(r []vec.Datum) optest.Event { return optest.Event{Row: r} }
	events := []optest.Event{put(row(1, "a", 1)), put(row(1, "b", 2)), put(row(1, "a", 3)), put(row(1, "c", 4)), put(row(1, "b", 5))}
	for conflict, lost := range map[op.Conflict]int{op.FirstCounts: 0, op.OthersRefused: 2} {
		got := optest.Run(t, optest.Case{New: func() (op.Operator, error) {
			return op.NewUpsertMaterialize(op.UpsertConfig{Input: inTypes, Keys: []int{1}, Conflict: conflict})
		}, Input: inTypes, Events: events, Ordered: true, Lost: lost})
		wantTrace(t, got, `
			+I[1970-01-01 00:00:01.000, a, 1, FALSE, s1]
			+I[1970-01-01 00:00:01.000, b, 2, TRUE, s2]
			+I[1970-01-01 00:00:01.000, c, 4, TRUE, s4]`)
	}
}
