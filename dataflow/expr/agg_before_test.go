package expr

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// A state that takes in one of earlier rows has the results that the other way round gives,
// and nothing remains of either.
func TestMergeBeforeAgreesWithMerge(t *testing.T) {
	for seed := range int64(10) {
		for _, retract := range []bool{false, true} {
			r := rand.New(rand.NewSource(seed))
			calls := allCalls(t)
			for _, name := range []string{"FIRST_VALUE", "LAST_VALUE", "LISTAGG", "ARRAY_AGG"} {
				calls = append(calls, mustAgg(t, name, AggOptions{}, aggCol(2)))
			}
			if !retract {
				calls = append(calls, mustAgg(t, "JSON_OBJECTAGG", AggOptions{}, aggCol(2), aggCol(0)))
			}
			want, got := newAggBench(t, retract, calls...), newAggBench(t, retract, calls...)
			if !got.set.MergesBefore() {
				t.Fatal("the set does not merge earlier rows")
			}
			var rows [][]vec.Datum
			var groups []uint64
			for i := range 200 {
				rows, groups = append(rows, randomRow(r)), append(groups, uint64(i/50))
			}
			want.run(rows, groups, nil)
			got.run(rows, groups, nil)
			for g := range uint64(3) {
				want.set.Merge(want.store, want.group(0), want.store, want.group(g+1))
				want.set.Release(want.store, want.group(g+1))
				got.set.MergeBefore(got.store, got.group(3), got.group(2-g))
				got.set.Release(got.store, got.group(2-g))
			}
			more, tail := rows[:20], make([]uint64, 20)
			want.run(more, tail, nil)
			for i := range tail {
				tail[i] = 3
			}
			got.run(more, tail, nil)
			if g, w := got.results(3), want.results(0); g != w {
				t.Fatalf("seed %d, retracting %v:\n%s\nwant\n%s", seed, retract, g, w)
			}
			got.set.Release(got.store, got.group(3))
			if n, m := got.store.Heap.Len(), got.store.Tree.Len(); n != 0 || m != 0 {
				t.Fatalf("seed %d: %d heap values and %d tree entries remain", seed, n, m)
			}
		}
	}
}

func TestDistinctInOrderDoesNotMergeBefore(t *testing.T) {
	for name, want := range map[string]bool{"COUNT": true, "MIN": true, "LISTAGG": false, "ARRAY_AGG": false, "FIRST_VALUE": false} {
		c, err := NewAgg(name, []Node{aggCol(2)}, AggOptions{Distinct: true})
		if err != nil {
			t.Fatal(fmt.Errorf("%s: %w", name, err))
		}
		set, err := NewAggSet([]*AggCall{c}, &Env{}, false)
		if err != nil {
			t.Fatal(err)
		}
		if set.MergesBefore() != want {
			t.Errorf("DISTINCT %s merges before: %v", name, !want)
		}
	}
}
