package op_test

import (
	"fmt"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// TestOrderedStateIsFreed fills operators and empties them again, by retractions or by a
// watermark, and looks for pages that a later round added.
func TestOrderedStateIsFreed(t *testing.T) {
	retracting := map[string]func() (op.Operator, error){
		"rank": func() (op.Operator, error) {
			return op.NewRank(op.RankConfig{Input: inTypes, Keys: []int{1}, Order: numberOrder, Start: 1, End: 3, Rank: true, Retracting: true})
		},
		"free over": func() (op.Operator, error) {
			return op.NewFreeOver(op.OverConfig{Input: inTypes, Keys: []int{1}, Time: -1, Order: numberOrder, Preceding: -1, Retracting: true, Calls: countAndSum(t)})
		},
		"upsert": func() (op.Operator, error) {
			return op.NewUpsertMaterialize(op.UpsertConfig{Input: inTypes, Keys: []int{1}})
		},
	}
	byTime := map[string]func() (op.Operator, error){
		"sort": func() (op.Operator, error) { return op.NewSort(op.SortConfig{Input: inTypes, Order: numberOrder}) },
		"over a time": func() (op.Operator, error) {
			return op.NewOver(op.OverConfig{Input: inTypes, Keys: []int{1}, Range: true, Preceding: 500, Calls: countAndSum(t)})
		},
	}
	for name, make := range retracting {
		freed(t, name, make, []vec.RowKind{vec.Insert, vec.Delete})
	}
	for name, make := range byTime {
		freed(t, name, make, []vec.RowKind{vec.Insert})
	}
}

func freed(t *testing.T, name string, make func() (op.Operator, error), kinds []vec.RowKind) {
	t.Helper()
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o, err := make()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Open(&op.Context{Arena: a, ID: "op", Out: &nothing{}, Env: &expr.Env{}}); err != nil {
		t.Fatal(err)
	}
	b := vec.NewBatch(inTypes)
	var pages [3]int
	for round := range pages {
		for _, kind := range kinds {
			for k := range 3 {
				b.Reset()
				var all []vec.RowKind
				for i := range 1000 {
					for c, d := range row(float64(round*1000+k)+float64(i%10)/10, fmt.Sprintf("key %d with a long name that does not fit", i*7+k), int64(i)) {
						b.Cols[c].Set(i, d)
					}
					all = append(all, kind)
					b.N++
				}
				b.Kinds = all
				if err := o.Process(0, b); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := o.Watermark(0, int64(round*1000+900)*1000); err != nil {
			t.Fatal(err)
		}
		pages[round] = a.Stats().Pages
		if err := a.Check(); err != nil {
			t.Fatal(err)
		}
	}
	if pages[2] > pages[0] {
		t.Errorf("%s: pages after each round: %v", name, pages)
	}
}
