package forward

import "time"

// clockStep is from when on a difference between the wall clock and the monotonic one is a clock
// that was set, and not one that is slewed.
const clockStep = time.Minute

// ages tells how old rows are. A host without a clock of its own begins somewhere in the past, and
// sets its clock when it has a network: rows of before are as old then as they were. It is to see
// the time at least once before a row is created, and now and then while rows wait.
type ages struct {
	last   time.Time
	before int64 // rows created up to then were created by the clock as it was, ms since 1970
	set    int64 // by how much it was set ahead since, ms
}

// see takes in the time. Several goroutines may tell it, and one the time of a while ago: of these a
// clock that is set in between would be found once more.
func (a *ages) see(now time.Time) {
	if !a.last.IsZero() {
		passed := now.Sub(a.last).Milliseconds()
		if passed < 0 {
			return
		}
		a.stepped(now.UnixMilli()-a.last.UnixMilli()-passed, a.last.UnixMilli()+passed)
	}
	a.last = now
}

// of is the age of what was created at a time, in ms since 1970, at the time seen last.
func (a *ages) of(created int64, now time.Time) time.Duration {
	a.see(now)
	age := now.UnixMilli() - created
	if created <= a.before {
		age -= a.set
	}
	return time.Duration(age) * time.Millisecond
}

// stepped takes in that the wall clock went so many ms further than time did, and would show old now.
// Of what was created since the time was seen last it cannot be told by which clock: it counts as the
// younger one, and is kept the longer.
func (a *ages) stepped(ms, old int64) {
	if ms > clockStep.Milliseconds() {
		a.before, a.set = old, a.set+ms
	}
}
