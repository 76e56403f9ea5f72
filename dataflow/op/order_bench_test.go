package op_test

import (
	"fmt"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// BenchmarkOrder measures a row of 5 columns over 10,000 keys.
func BenchmarkOrder(b *testing.B) {
	for name, make := range map[string]func() (op.Operator, error){
		"deduplicate last": func() (op.Operator, error) {
			return op.NewDeduplicate(op.DeduplicateConfig{Input: inTypes, Keys: []int{1}, Time: 0, Last: true})
		},
		"deduplicate last with -U": func() (op.Operator, error) {
			return op.NewDeduplicate(op.DeduplicateConfig{Input: inTypes, Keys: []int{1}, Time: 0, Last: true, UpdateBefore: true})
		},
		"top 10 with number": func() (op.Operator, error) {
			return op.NewRank(op.RankConfig{Input: inTypes, Keys: []int{1}, Order: numberOrder, Start: 1, End: 10, Rank: true, UpdateBefore: true})
		},
		"top 1": func() (op.Operator, error) {
			return op.NewRank(op.RankConfig{Input: inTypes, Keys: []int{1}, Order: numberOrder, Start: 1, End: 1, UpdateBefore: true})
		},
		"over 10 rows by arrival": func() (op.Operator, error) {
			return op.NewOver(op.OverConfig{Input: inTypes, Keys: []int{1}, Time: -1, Preceding: 10,
				Calls: []op.OverCall{{Agg: agg(b, "SUM", expr.AggOptions{}, col(2))}}})
		},
	} {
		b.Run(name, func(b *testing.B) {
			a, err := state.NewArena(state.Options{})
			if err != nil {
				b.Fatal(err)
			}
			o, err := make()
			if err == nil {
				err = o.Open(&op.Context{Arena: a, ID: "op", Out: &nothing{}, Env: &expr.Env{}})
			}
			if err != nil {
				b.Fatal(err)
			}
			batches := [100]*vec.Batch{}
			for k := range batches {
				batches[k] = vec.NewBatch(inTypes)
				for i := range 1000 {
					n := k*1000 + i
					for c, d := range row(float64(n), fmt.Sprint("key ", n*7919%10000), int64(n*31337%100003)) {
						batches[k].Cols[c].Set(i, d)
					}
					batches[k].N++
				}
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := o.Process(0, batches[i%len(batches)]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
		})
	}
}
