package op_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// TestStateIsFreed runs operators over many rows twice, each time until nothing is left
// open, and looks for pages that the second run added.
func TestStateIsFreed(t *testing.T) {
	window := func(w op.Window) func() (op.Operator, error) {
		return func() (op.Operator, error) {
			cfg := op.WindowAggConfig{Input: inTypes, Window: w, Keys: []int{1}, Aggs: someAggs(t)}
			if w.Kind == op.Session {
				return op.NewSessionAggregate(cfg)
			}
			return op.NewWindowAggregate(cfg)
		}
	}
	for name, make := range map[string]func() (op.Operator, error){
		"tumble": window(op.Window{Kind: op.Tumble, Size: 3000}), "hop": window(op.Window{Kind: op.Hop, Size: 6000, Slide: 2000}),
		"cumulate": window(op.Window{Kind: op.Cumulate, Size: 8000, Slide: 2000}), "session": window(op.Window{Kind: op.Session, Size: 1000}),
		"session TVF": func() (op.Operator, error) {
			return op.NewWindowTVF(op.WindowTVFConfig{Input: inTypes, Window: op.Window{Kind: op.Session, Size: 2000}, Keys: []int{1}})
		},
		"group of updates": func() (op.Operator, error) {
			return op.NewGroupAggregate(op.GroupAggConfig{Input: inTypes, Keys: []int{1}, Retracting: true, Aggs: retractable(t)})
		},
		"normalize": func() (op.Operator, error) {
			return op.NewChangelogNormalize(op.NormalizeConfig{Input: inTypes, Keys: []int{1}})
		},
	} {
		o, err := make()
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
		var pages [3]int
		for round := range pages {
			fillAndEmpty(t, o, round)
			pages[round] = a.Stats().Pages
			if err := a.Check(); err != nil {
				t.Fatal(err)
			}
		}
		if pages[2] > pages[0] {
			t.Errorf("%s: pages after each round: %v", name, pages)
		}
	}
}

func retractable(t *testing.T) []*expr.AggCall {
	return append(someAggs(t), agg(t, "LISTAGG", expr.AggOptions{}, col(4)), agg(t, "FIRST_VALUE", expr.AggOptions{}, col(4)))
}

// fillAndEmpty feeds rows of many keys, takes them back where the operator takes
// retractions, and moves the watermark on.
func fillAndEmpty(t *testing.T, o op.Operator, round int) {
	t.Helper()
	b := vec.NewBatch(inTypes)
	kinds := make([]vec.RowKind, vec.BatchSize)
	_, windows := o.(*op.WindowAggregate)
	_, tvf := o.(*op.SessionTVF)
	_, sessions := o.(*op.SessionAggregate)
	for _, kind := range []vec.RowKind{vec.Insert, vec.Delete} {
		if kind == vec.Delete && (windows || tvf || sessions) {
			break
		}
		for k := range 10 {
			b.Reset()
			for i := range 1000 {
				r := row(float64(round*1000+k)+float64(i%10)/10, fmt.Sprintf("key %d with a long name that does not fit", i*7+k), int64(i))
				for c, d := range r {
					b.Cols[c].Set(i, d)
				}
				kinds[i] = kind
				b.N++
			}
			b.Kinds = kinds[:b.N]
			if err := o.Process(0, b); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := o.Watermark(0, int64(round*1000+900)*1000); err != nil {
		t.Fatal(err)
	}
}

func TestLayoutIgnoresNames(t *testing.T) {
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bind := func(names []string, aggs ...*expr.AggCall) error {
		g, err := op.NewGroupAggregate(op.GroupAggConfig{Input: inTypes, Names: names, Keys: []int{1}, Aggs: aggs})
		if err != nil {
			t.Fatal(err)
		}
		return g.Open(&op.Context{Arena: a, ID: "group", Out: &nothing{}, Env: &expr.Env{}})
	}
	counts := agg(t, "COUNT", expr.AggOptions{})
	if err := bind([]string{"ts", "customer", "n", "f", "s"}, counts); err != nil {
		t.Fatal(err)
	}
	if c := a.Lookup("group").Layout().Columns[0]; c.Name != "customer" || !c.Key {
		t.Errorf("the first column is %+v", c)
	}
	if err := bind([]string{"ts", "renamed", "n", "f", "s"}, counts); err != nil {
		t.Errorf("another name of the key: %v", err)
	}
	var layout *state.LayoutError
	if err := bind(nil, agg(t, "SUM", expr.AggOptions{}, col(2))); !errors.As(err, &layout) {
		t.Errorf("another aggregate: %v", err)
	}
}
