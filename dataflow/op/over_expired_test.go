package op_test

import (
	"fmt"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/op/optest"
)

// A row of a partition that has expired is not late by what the partition had, whether that
// has been given back already or not, which follows from where batches end.
func TestOverForgetsWhatHasExpired(t *testing.T) {
	events := optest.Rows(0, row(10, "a", 1), row(11, "a", 2))
	events = append(events, optest.Event{Watermark: 11_000})
	for i := range 40 {
		events = append(events, optest.Rows(5000, row(12, fmt.Sprint("other", i), 1))...)
	}
	events = append(events, optest.Rows(6000, row(9, "a", 3))...)
	events = append(events, optest.Event{Watermark: 20_000}, end())
	cfg := op.OverConfig{Input: inTypes, Keys: []int{1}, Time: 0, Range: true, Preceding: 60_000, TTLMs: 3000, Calls: countAndSum(t)}
	got := optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewOver(cfg) }, Input: inTypes, Events: events, Ordered: true})
	if len(got.Trace) < 43 {
		t.Errorf("only %d rows", len(got.Trace))
	}
}
