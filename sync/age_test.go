package forward

import (
	"testing"
	"time"
)

// Rows are as old as time went by, whether the clock was set ahead meanwhile, once or twice, or not.
// One that is slewed a little, or set back, makes them no older either.
func TestAges(t *testing.T) {
	const s, year = time.Second, 365 * 24 * time.Hour
	for name, steps := range map[string][]time.Duration{"no step": {0}, "one": {40 * year}, "two": {40 * year, time.Hour}, "slewed": {s}} {
		var a ages
		now := time.Unix(1000, 0) // without a monotonic reading, so that steps are what the test says
		old := now.UnixMilli()
		if got := a.of(old, now); got != 0 {
			t.Errorf("%s: at once it is %v old", name, got)
		}
		var slewed time.Duration
		for _, step := range steps {
			a.stepped(step.Milliseconds())
			now = now.Add(step)
			a.last = now
			if step <= clockStep {
				slewed += step
			}
		}
		young := now.Add(s).UnixMilli()
		now = now.Add(4 * s)
		if got := a.of(old, now); got != 4*s+slewed {
			t.Errorf("%s: after 4 s it is %v old", name, got)
		}
		if got := a.of(young, now); got != 3*s {
			t.Errorf("%s: what is 3 s old is %v old", name, got)
		}
	}
	var a ages
	now := time.Now() // of one clock the two readings go the same way
	a.of(0, now)
	if a.of(0, now.Add(5*year)); a.set != 0 {
		t.Errorf("time that goes by is taken for a step of %d ms", a.set)
	}
}
