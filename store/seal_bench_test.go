package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
)

// BenchmarkEncryptedCommits changes 20,000 rows and commits them, in the clear and encrypted
// by turns, so that both meet the same machine: ns/op is a commit of each.
func BenchmarkEncryptedCommits(b *testing.B) {
	type side struct {
		s     *store.Store
		a     *state.Arena
		tab   *state.Table
		epoch state.Epoch
		name  string
		// capture and sync are ms of all commits.
		capture, sync float64
	}
	var sides []*side
	for name, o := range map[string]store.Options{"plain": {}, "sealed": {Keys: keys(b, 1), Scope: "p"}} {
		s, err := store.Open(filepath.Join(b.TempDir(), "state.db"), o)
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		a, tab := newTable(b, s)
		sides = append(sides, &side{s: s, a: a, tab: tab, name: name})
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	for n := range b.N {
		for _, d := range sides {
			for k := range uint64(20_000) {
				set(d.tab, k, k*uint64(n+1))
			}
			d.epoch++
			st := commit(b, d.s, d.a, &state.Commit{Epoch: d.epoch})
			d.capture += ms(st.Capture)
			d.sync += ms(st.Sync)
		}
	}
	for _, d := range sides {
		b.ReportMetric(d.capture/float64(b.N), d.name+"-capture-ms")
		b.ReportMetric(d.sync/float64(b.N), d.name+"-sync-ms")
	}
}
