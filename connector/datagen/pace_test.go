package datagen

import (
	"fmt"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// Whatever the host's clock does, rows come at their rate, at most a second's at once, and none
// arrives before the one before it.
func TestPaceOfAClockThatIsSet(t *testing.T) {
	s := schema("id", types.TBigInt)
	w := table{"rows-per-second": "10", "fields.id.kind": "sequence", "fields.id.start": "1", "fields.id.end": "1000000"}
	src, b := open(t, w, s, nil)
	made, last := uint64(0), int64(0)
	read := func(what string, nowMs int64, least, most int) {
		t.Helper()
		got, _ := rows(t, src, b, s, 10_000, 100, nowMs)
		if len(got) < least || len(got) > most {
			t.Errorf("%s: %d rows instead of %d to %d", what, len(got), least, most)
		}
		for _, row := range got {
			var n uint64
			var at int64
			if _, err := fmt.Sscanf(row, "%d@%d ", &n, &at); err != nil || n != made+1 || at < last {
				t.Fatalf("%s: row %q after %d at %d, %v", what, row, made, last, err)
			}
			made, last = n, at
		}
	}
	reopen := func() {
		src, b = open(t, w, s, src.Position(nil, made))
	}
	now := int64(startMs)
	read("the first", now, 1, 1)
	now += 500
	read("half a second later", now, 5, 5)
	now += 40 * 365 * 86400 * 1000
	read("set ahead by 40 years", now, 10, 11)
	if last < now-1000 || last > now {
		t.Errorf("the newest row arrives %d ms ago", now-last)
	}
	read("at once", now, 0, 0)
	now -= 3600 * 1000
	read("set back by an hour", now, 0, 0)
	now += 500
	read("half a second later", now, 5, 5)
	reopen()
	read("a start with the clock set back", now, 0, 0)
	now += 700
	read("0.7 s later", now, 7, 7)
	reopen()
	now += 86400 * 1000
	read("after a day's stop", now, 10, 11)
	now += 100
	read("0.1 s later", now, 1, 1)

	// With a start in the options all that is due since is made.
	w["datagen.start-time"] = start
	made, last = 0, 0
	src, b = open(t, w, s, nil)
	read("a start that the options name", startMs+100_000, 1001, 1001)
}
