package store

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// What a commit of many transactions left when it failed is swept in many, too, though no page of it
// has a version that stays.
func TestSweepOfADeclinedCommit(t *testing.T) {
	steps, fail := 0, false
	s, err := Open(filepath.Join(t.TempDir(), "state.db"), Options{NoSync: true, TxBytesMax: 16 << 20, Failpoint: func(name string) error {
		if name == "checkpoint.sweep" {
			steps++
		}
		if name == "checkpoint.before-commit" && fail {
			return errors.New("disk is full")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sp, err := a.Space("s", state.Layout{})
	if err != nil {
		t.Fatal(err)
	}
	tab := sp.Table("t", state.TableSpec{KeySize: 8, ValueSize: 3000})
	for i := range 3 * sweepStep {
		tab.Upsert([]byte{byte(i), byte(i >> 8), byte(i >> 16), 0, 0, 0, 0, 0})
	}
	fail = true
	d := a.Barrier(1)
	if _, err := s.Commit(&state.Commit{Epoch: 1, Generation: 1, Delta: d, Manifest: []byte("m")}); err == nil {
		t.Fatal("it did not fail")
	}
	d.Abort()
	fail = false
	if err := s.sweep(); err != nil {
		t.Fatal(err)
	}
	if steps < 2 {
		t.Errorf("%d keys were swept in %d transactions", 3*sweepStep, steps)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if st := s.db.Stats(); st.OpenTxN != 0 {
		t.Errorf("%d transactions are open", st.OpenTxN)
	}
}
