package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
)

// TestCommitsRest counts the rests of commits: none in a small one, and in none more than
// a quarter of a second.
func TestCommitsRest(t *testing.T) {
	for _, rows := range []int{100, 40_000, 2_500_000} {
		if testing.Short() && rows > 100_000 {
			continue
		}
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			var rests int
			var rested time.Duration
			d := newDisk(t, store.Options{NoSync: true, Rest: func(d time.Duration) {
				rests++
				rested += d
			}})
			s := d.Open(t)
			a, tab := newTable(t, s)
			for i := range uint64(rows) {
				set(tab, i, i)
			}
			st := commit(t, s, a, &state.Commit{Epoch: 1})
			switch want := st.Pages / 128; {
			case want <= 250 && rests != want:
				t.Errorf("%d pages, %d rests", st.Pages, rests)
			case want > 250 && (rests < 125 || rested > 250*time.Millisecond):
				t.Errorf("%d pages, %d rests, %v in all", st.Pages, rests, rested)
			}
			if rows > 100_000 && st.Pages < 128*250 {
				t.Errorf("%d pages are too few to tell", st.Pages)
			}
		})
	}
}
