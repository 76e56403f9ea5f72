package store_test

import (
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
)

// TestTransactionsGoByStoredBytes: pages that compress well take one transaction once a
// commit has told so, and several again after pages that do not.
func TestTransactionsGoByStoredBytes(t *testing.T) {
	d := newDisk(t, store.Options{TxBytesMax: 300_000})
	s := d.Open(t)
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sp, err := a.Space("op", state.Layout{})
	if err != nil {
		t.Fatal(err)
	}
	tab := sp.Table("t", state.TableSpec{KeySize: 8, ValueSize: 248})
	fill := func(value []byte) {
		for i := range uint64(2500) {
			row, _ := tab.Upsert(le8(i))
			copy(tab.MutValue(row), value[int(i)*240:int(i+1)*240])
		}
	}
	zero, random := make([]byte, 2500*240), randomBytes(2500*240)
	for i, c := range []struct {
		value []byte
		want  string
	}{{zero, "several"}, {zero, "one"}, {random, "one"}, {random, "several"}, {zero, "several"}, {zero, "one"}} {
		fill(c.value)
		stats := commit(t, s, a, &state.Commit{Epoch: state.Epoch(i + 1)})
		if stats.PageBytes < 600_000 || stats.PageBytes > 1_200_000 {
			t.Fatalf("commit %d is of %d bytes", i, stats.PageBytes)
		}
		if got := map[bool]string{true: "one", false: "several"}[stats.Transactions == 1]; got != c.want {
			t.Fatalf("commit %d took %d transactions for %d bytes stored; want %s", i, stats.Transactions, stats.StoredBytes, c.want)
		}
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
	}
}
