package store

import (
	"errors"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// at is a time of the tests.
func at(ms int) time.Time { return time.UnixMilli(1_700_000_000_000 + int64(ms)) }

func TestPolicyNext(t *testing.T) {
	p := Policy{Interval: time.Second, MinPause: 300 * time.Millisecond}
	for name, c := range map[string]struct {
		h     History
		w     Want
		due   time.Time
		never bool
	}{
		"after a quick one":      {History{Start: at(1000), End: at(1050)}, WantNormal, at(2000), false},
		"after a slow one":       {History{Start: at(1000), End: at(1900)}, WantNormal, at(2200), false},
		"after one overran":      {History{Start: at(1000), End: at(5000)}, WantNormal, at(5300), false},
		"while one runs":         {History{Start: at(1000), End: at(900), Running: true}, WantNormal, time.Time{}, true},
		"urgent":                 {History{Start: at(1000), End: at(1050)}, WantUrgent, at(1050), false},
		"urgent after a failure": {History{Start: at(1000), End: at(1050), Failures: 1}, WantUrgent, at(2050), false},
		"urgent, one runs":       {History{Running: true}, WantUrgent, time.Time{}, true},
		"soon":                   {History{Start: at(1000), End: at(1050)}, WantSoon, at(1350), false},
		"soon after a failure":   {History{Start: at(1000), End: at(1050), Failures: 1}, WantSoon, at(2000), false},
		"idle":                   {History{Start: at(1000), End: at(1050)}, WantIdle, at(31_000), false},
		"failures move nothing":  {History{Start: at(1000), End: at(1050), Failures: 9}, WantNormal, at(2000), false},
	} {
		due, ok := p.Next(c.h, c.w)
		if ok == c.never || !due.Equal(c.due) {
			t.Errorf("%s: %v, %v", name, due, ok)
		}
	}
	for _, w := range []Want{WantNormal, WantSoon} {
		if due, _ := (Policy{}).Next(History{Start: at(1000), End: at(1050), Failures: 1}, w); !due.Equal(at(1100)) {
			t.Errorf("after a failure, without an interval, wanted %d: %v", w, due)
		}
	}
	for _, w := range []Want{WantIdle, WantNormal, WantSoon, WantUrgent} {
		if due, ok := p.Next(History{}, w); !ok || due.After(at(0)) {
			t.Errorf("the first, wanted %d: %v, %v", w, due, ok)
		}
	}
	p.Interval = time.Minute
	if due, _ := p.Next(History{Start: at(0)}, WantIdle); !due.Equal(at(60_000)) {
		t.Errorf("idle under a long interval: %v", due)
	}
}

func TestPolicyExpiresAndTolerates(t *testing.T) {
	p := Policy{Timeout: 100 * time.Millisecond, TolerableFailures: 2}
	if p.Expired(History{Start: at(5), Running: true}, at(104)) || !p.Expired(History{Start: at(5), Running: true}, at(105)) || p.Expired(History{Start: at(5)}, at(500)) {
		t.Error("Expired")
	}
	if !p.Tolerates(History{Failures: 2}) || p.Tolerates(History{Failures: 3}) || !DefaultPolicy.Tolerates(History{Failures: 1000}) {
		t.Error("Tolerates")
	}
	if (Policy{Interval: -1}).Validate() == nil || (Policy{MinPause: -1}).Validate() == nil || DefaultPolicy.Validate() != nil {
		t.Error("Validate")
	}
}

func TestCheckpointerEndsDeltas(t *testing.T) {
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCheckpointer(Policy{Interval: time.Second, MinPause: 10 * time.Millisecond, Timeout: 500 * time.Millisecond, TolerableFailures: 1})
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk is full")
	dirty := a.Stats().Dirty
	now := 1000
	if !c.Due(at(0), WantNormal) {
		t.Error("the first is not due")
	}
	for i, want := range []bool{false, true} {
		commit := &state.Commit{Epoch: 1, Delta: a.Barrier(1)}
		c.Begin(at(now), commit)
		left, ok := c.Left(at(now + 100))
		if c.Due(at(now+10_000), WantUrgent) || !c.Running() || !ok || left != 400*time.Millisecond || c.Expire(at(now+499)) {
			t.Fatal("while running")
		}
		if !c.Expire(at(now+500)) || c.Expire(at(now+501)) {
			t.Fatal("Expire")
		}
		if _, ok := c.Left(at(now + 501)); ok {
			t.Fatal("Left after Expire")
		}
		if err := commit.Delta.Each(func(state.PageID, []byte) error { return nil }); !errors.Is(err, state.ErrCanceled) {
			t.Fatalf("the delta can still be read: %v", err)
		}
		err := c.Finish(at(now+600), 0, full)
		if errors.Is(err, ErrTooManyFailures) != want || errors.Is(err, full) != want || a.InFlight() || a.Stats().Dirty != dirty || c.Failures() != i+1 {
			t.Fatalf("failure %d: %v, %+v", i, err, a.Stats())
		}
		if now += 1000; !c.Due(at(now), WantNormal) || c.Due(at(now-1), WantNormal) {
			t.Fatal("Due")
		}
	}
	c.Begin(at(now), &state.Commit{Epoch: 1, Delta: a.Barrier(1)})
	c.Drop(at(now))
	if c.Running() || a.InFlight() || a.Stats().Dirty != dirty || c.Failures() != 2 {
		t.Fatalf("Drop: %+v", a.Stats())
	}
	c.Begin(at(now), &state.Commit{Epoch: 1, Delta: a.Barrier(1)})
	if err := c.Finish(at(now), 0, nil); err != nil || a.Stats().Dirty != 0 || c.Failures() != 0 {
		t.Fatal(err, a.Stats())
	}
}

func TestDailyBudgetStretchesTheInterval(t *testing.T) {
	const budget = 86_400_000 // 1000 bytes a second
	p := Policy{Interval: time.Second, BytesPerDay: budget}
	var h History
	written, end := int64(0), 24*time.Hour
	for now := time.Duration(0); now < end; {
		h.Start = at(0).Add(now)
		h.End = h.Start
		h = p.Wrote(h, 5000)
		written += 5000
		due, ok := p.Next(h, WantNormal)
		if !ok || due.Sub(h.Start) < p.Interval {
			t.Fatalf("due %s after the last one", due.Sub(h.Start))
		}
		now = due.Sub(at(0))
	}
	if most := int64(budget * (1 + WriteBurst.Hours()/24)); written > most+5000 || written < budget-5000 {
		t.Errorf("%d bytes written in a day, the budget is %d", written, budget)
	}
	if s := p.Stretched(h); s < 3900*time.Millisecond || s > 4100*time.Millisecond {
		t.Errorf("an interval of 1 s grows by %s", s)
	}
	h = p.Wrote(h, budget)
	if due, _ := p.Next(h, WantNormal); due.Sub(h.Start) != StretchMax {
		t.Errorf("after a day's budget at once the next is due after %s", due.Sub(h.Start))
	}
	if due, _ := p.Next(h, WantSoon); due.Sub(h.Start) != StretchMax {
		t.Errorf("one that is wanted soon writes beyond the budget, after %s", due.Sub(h.Start))
	}
	if due, _ := p.Next(h, WantUrgent); due != h.End {
		t.Error("an urgent one waits")
	}
	if s := (Policy{Interval: time.Second}).Stretched(h); s != 0 {
		t.Errorf("without a budget: %s", s)
	}
}
