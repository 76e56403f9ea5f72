package op

import (
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// heldOutput counts changes, and the bytes of former values that a mini-batch holds then.
type heldOutput struct {
	o                      *GroupAggregate
	inserts, updates, held int
}

func (h *heldOutput) Process(b *vec.Batch) error {
	for k := range b.Rows() {
		switch b.Kind(b.Row(k)) {
		case vec.Insert:
			h.inserts++
		case vec.UpdateAfter:
			h.updates++
		}
	}
	held := 0
	for _, v := range h.o.before {
		if v.Phys == types.Bytes {
			held += v.Held()
		}
	}
	h.held = max(h.held, held)
	return nil
}

func (h *heldOutput) Watermark(int64) error { return nil }
func (h *heldOutput) Tick(int64) error      { return nil }

// TestMiniBatchHoldsFewLargeResults changes many groups with large results in one batch.
func TestMiniBatchHoldsFewLargeResults(t *testing.T) {
	const groups, size = 40, 1 << 18
	call, err := expr.NewAgg("MAX", []expr.Node{expr.NewCol(1, "text", types.TString)}, expr.AggOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ts := []types.Type{types.TBigInt, types.TString}
	o, err := NewGroupAggregate(GroupAggConfig{Input: ts, Keys: []int{0}, Aggs: []*expr.AggCall{call}, UpdateBefore: true, MiniBatch: true})
	if err != nil {
		t.Fatal(err)
	}
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := &heldOutput{o: o}
	if err := o.Open(&Context{Arena: a, ID: "op", Out: out, Env: &expr.Env{}}); err != nil {
		t.Fatal(err)
	}
	b := vec.NewBatch(ts)
	for _, text := range []string{"x", "y"} {
		b.Reset()
		b.N = groups
		for i := range groups {
			b.Cols[0].I64[i] = int64(i)
			b.Cols[1].SetString(i, strings.Repeat(text, size))
			b.Arrival = append(b.Arrival, 0)
		}
		if err := o.Process(0, b); err != nil {
			t.Fatal(err)
		}
	}
	if out.inserts != groups || out.updates != groups {
		t.Errorf("%d groups came out, and %d changes of them", out.inserts, out.updates)
	}
	if out.held == 0 || out.held > batchBytes+size {
		t.Errorf("%d bytes of former values were held together", out.held)
	}
}
