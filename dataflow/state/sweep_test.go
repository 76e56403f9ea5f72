package state

import (
	"encoding/binary"
	"testing"
)

// TestSweepKeepsUpWithNewRows makes a thousand rows between sweeps of one page, of which
// each may go after fifty sweeps, and counts rows and pages.
func TestSweepKeepsUpWithNewRows(t *testing.T) {
	const batch, live = 1000, 50
	a := newTestArena(t, Options{})
	tab := newTestSpace(t, a, "op").Table("t", TableSpec{KeySize: 8, ValueSize: 24})
	round, from, next := uint64(0), 0, uint64(0)
	dead := func(r Row) bool { return round-binary.LittleEndian.Uint64(tab.Value(r)) >= live }
	run := func(rounds int) (rows, pages int) {
		for range rounds {
			round++
			for range batch {
				next++
				r, _ := tab.Upsert(key8(next))
				binary.LittleEndian.PutUint64(tab.MutValue(r), round)
			}
			from = tab.Sweep(from, 1, dead)
			rows, pages = max(rows, tab.Len()), max(pages, a.Stats().Pages)
		}
		return rows, pages
	}
	_, needed := run(live)
	rows, pages := run(4 * live)
	again, more := run(10 * live)
	if rows > batch*live*4/3 || again > rows+rows/20 || more > pages+pages/20 || more > needed*4/3 {
		t.Errorf("%d rows in %d pages, later %d in %d; %d rows in %d pages count", rows, pages, again, more, batch*live, needed)
	}
	if err := a.Check(); err != nil {
		t.Fatal(err)
	}
	if got := tab.Sweep(0, 1<<30, func(Row) bool { return true }); got != 0 || tab.Len() != 0 {
		t.Errorf("%d rows left, to go on from %d", tab.Len(), got)
	}
}
