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
			a.stepped(step.Milliseconds(), now.UnixMilli())
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
	// A row that was created after the time was seen last, and before the clock was set.
	var a ages
	now := time.Unix(1000, 0)
	a.see(now)
	row := now.Add(5 * s)
	a.stepped((40 * year).Milliseconds(), now.Add(8*s).UnixMilli())
	if a.last = now.Add(8*s + 40*year); a.of(row.UnixMilli(), a.last) != 3*s {
		t.Errorf("a row of between two looks is %v old", a.of(row.UnixMilli(), a.last))
	}
	if a.see(now); a.last.Equal(now) {
		t.Error("the time of a while ago is taken for the newest")
	}
	a = ages{}
	now = time.Now() // of one clock the two readings go the same way
	a.of(0, now)
	if a.of(0, now.Add(5*year)); a.set != 0 {
		t.Errorf("time that goes by is taken for a step of %d ms", a.set)
	}
}

type noHub struct{ Hub }

// The time is seen before there are rows: the first may be created before the clock is set, and is
// looked at after.
func TestTimeIsSeenWithoutRows(t *testing.T) {
	for _, look := range []func(*Forwarder, time.Time){
		func(f *Forwarder, now time.Time) { f.Plan(now) },
		func(f *Forwarder, now time.Time) { f.Statuses(now) },
	} {
		f, err := New(Options{Pipeline: "p", Instance: "i", Store: newMemStore(), Outputs: []OutputOptions{
			{Name: "o", Hub: noHub{}, Subject: "s", CursorSubject: "c", AgeMax: time.Hour, OnFull: DropOldest}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		now := time.UnixMilli(1e12)
		if look(f, now); !f.ages.last.Equal(now) {
			t.Error("the time is not seen")
		}
	}
}
