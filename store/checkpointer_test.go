package store

import (
	"errors"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

func TestPolicyNext(t *testing.T) {
	p := Policy{IntervalMs: 1000, MinPauseMs: 300}
	for name, c := range map[string]struct {
		h     History
		due   int64
		never bool
	}{
		"at the start":           {h: History{}, due: 1000},
		"after a quick one":      {h: History{StartMs: 1000, EndMs: 1050}, due: 2000},
		"after a slow one":       {h: History{StartMs: 1000, EndMs: 1900}, due: 2200},
		"after one overran":      {h: History{StartMs: 1000, EndMs: 5000}, due: 5300},
		"while one runs":         {h: History{StartMs: 1000, EndMs: 900, Running: true}, never: true},
		"on request":             {h: History{StartMs: 1000, EndMs: 1050, Requested: true}, due: 1350},
		"on request, one runs":   {h: History{Running: true, Requested: true}, never: true},
		"failures do not matter": {h: History{StartMs: 1000, EndMs: 1050, Failures: 9}, due: 2000},
	} {
		due, ok := p.Next(c.h)
		if ok == c.never || due != c.due {
			t.Errorf("%s: %d, %v", name, due, ok)
		}
	}
}

func TestPolicyExpiresAndTolerates(t *testing.T) {
	p := Policy{IntervalMs: 1, TimeoutMs: 100, TolerableFailures: 2}
	if p.Expired(History{StartMs: 5, Running: true}, 104) || !p.Expired(History{StartMs: 5, Running: true}, 105) || p.Expired(History{StartMs: 5}, 500) {
		t.Error("Expired")
	}
	if !p.Tolerates(History{Failures: 2}) || p.Tolerates(History{Failures: 3}) || !DefaultPolicy.Tolerates(History{Failures: 1000}) {
		t.Error("Tolerates")
	}
	if (Policy{}).Validate() == nil || (Policy{IntervalMs: 1, MinPauseMs: -1}).Validate() == nil || DefaultPolicy.Validate() != nil {
		t.Error("Validate")
	}
}

// fakeStore answers Commit alone.
type fakeStore struct {
	state.Store
	err error
}

func (f *fakeStore) Commit(c *state.Commit) (state.CommitStats, error) {
	if c.Delta != nil {
		if err := c.Delta.Each(func(state.PageID, []byte) error { return f.err }); err != nil {
			return state.CommitStats{}, err
		}
	}
	return state.CommitStats{Epoch: c.Epoch}, f.err
}

func TestCheckpointerEndsDeltas(t *testing.T) {
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCheckpointer(Policy{IntervalMs: 1000, MinPauseMs: 10, TimeoutMs: 500, TolerableFailures: 1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	st := &fakeStore{err: errors.New("disk is full")}
	dirty := a.Stats().Dirty
	now := int64(1000)
	for i, want := range []bool{false, true} {
		if !c.Due(now) || c.Due(now-1) {
			t.Fatal("Due")
		}
		c.Run(now, st, &state.Commit{Epoch: 1, Delta: a.Barrier(1)})
		if c.Due(now+10_000) || !c.Running() || c.Expire(now+499) || !c.Expire(now+500) {
			t.Fatal("while running")
		}
		err := c.Finish(now+600, <-c.Results())
		if errors.Is(err, ErrTooManyFailures) != want || a.InFlight() || a.Stats().Dirty != dirty || c.Failures() != i+1 {
			t.Fatalf("failure %d: %v, %+v", i, err, a.Stats())
		}
		now += 1000
	}
	st.err = nil
	c.Request()
	if !c.Due(now - 400 + 10) {
		t.Fatal("Request")
	}
	c.Run(now, st, &state.Commit{Epoch: 1, Delta: a.Barrier(1)})
	if err := c.Finish(now, <-c.Results()); err != nil || a.Stats().Dirty != 0 || c.Failures() != 0 {
		t.Fatal(err, a.Stats())
	}
}
