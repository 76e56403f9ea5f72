package memstore_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store/memstore"
	"github.com/edgeflow/edgeflow/store/storetest"
)

type disk struct{ s *memstore.Store }

func (d *disk) Open(testing.TB) state.Store { return d.s }
func (d *disk) Kill(testing.TB)             { d.s = d.s.Kill() }
func (d *disk) Import(_ testing.TB, b []byte) (err error) {
	d.s, err = memstore.FromSavepoint(bytes.NewReader(b), memstore.Options{})
	return err
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(testing.TB) storetest.Disk { return &disk{memstore.New(memstore.Options{})} })
}

func TestCrashLosesTheNewestUnsyncedCommits(t *testing.T) {
	lost := map[state.Epoch]bool{}
	for seed := range uint64(50) {
		s := memstore.New(memstore.Options{Seed: seed, UnsyncedMax: 2})
		for e := state.Epoch(1); e <= 5; e++ {
			if _, err := s.Commit(&state.Commit{Epoch: e}); err != nil {
				t.Fatal(err)
			}
		}
		c := s.Crash()
		r, err := c.Load()
		if err != nil {
			t.Fatal(err)
		}
		lost[r.Epoch] = true
		if _, err := s.Load(); err == nil {
			t.Fatal("the crashed store answers")
		}
	}
	if len(lost) != 3 || !lost[3] || !lost[4] || !lost[5] {
		t.Fatalf("%v", lost)
	}
}

func TestCommitsFailFromTheSeed(t *testing.T) {
	run := func() (failed []int) {
		s := memstore.New(memstore.Options{Seed: 3, FailRate: 30})
		for i := range 40 {
			if _, err := s.Commit(&state.Commit{Epoch: state.Epoch(i + 1)}); errors.Is(err, memstore.ErrCommit) {
				failed = append(failed, i)
			} else if err != nil {
				t.Fatal(err)
			}
		}
		return failed
	}
	a, b := run(), run()
	if len(a) < 5 || len(a) > 25 || len(a) != len(b) {
		t.Fatal(a, b)
	}
	s := memstore.New(memstore.Options{})
	s.FailNext(1)
	if _, err := s.Commit(&state.Commit{Epoch: 1}); !errors.Is(err, memstore.ErrCommit) {
		t.Fatal(err)
	}
	if _, err := s.Commit(&state.Commit{Epoch: 1}); err != nil {
		t.Fatal(err)
	}
}
