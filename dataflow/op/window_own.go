package op

import (
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
)

// ownPanes are the panes that hold the key of a late row, in order, among those under the
// windows that the row revises. All of these windows lie over the row's own pane: each is
// what the key has from the window's start up to that pane, the left half, and from there to
// its end, the right half. Where states merge to the same in whatever grouping, the left
// halves are merged once for each start, and the right half grows from window to window, so
// that a row costs two merges for each window and each pane, not one for each pair of them.
type ownPanes struct {
	starts []int64
	tables []*state.Table
	rows   []state.Row

	exact bool
	lefts []byte // a groupRow for each pane up to the late row's
	right []byte // a groupRow, of the panes from middle to end
	end   int
}

// exactMerges tells that the states of a set merge to the same bits in whatever grouping:
// they round nothing and keep nothing elsewhere.
func exactMerges(set *expr.AggSet) bool {
	return !slices.ContainsFunc(set.Parts(), func(p expr.AggPart) bool {
		return p.Kind == expr.AggOther || p.Kind == expr.AggSumFloat
	})
}

// from is the place of the first pane at or after t.
func (p *ownPanes) from(t int64) int {
	k, _ := slices.BinarySearch(p.starts, t)
	return k
}

// gather finds the panes of a key under the windows over pane p that a late row revises.
func (o *WindowAggregate) gather(p int64, key []byte) {
	w, own := o.cfg.Window, &o.own
	if w.Kind == Attached || w.pane() == w.Size {
		return
	}
	first, last := o.firedEnds(p)
	own.starts, own.tables, own.rows = own.starts[:0], own.tables[:0], own.rows[:0]
	o.panes.Ascend(w.start(first), func(start int64, t *state.Table) bool {
		if start >= last {
			return false
		}
		if r, ok := t.Get(key); ok {
			own.starts, own.tables, own.rows = append(own.starts, start), append(own.tables, t), append(own.rows, r)
		}
		return true
	})
	if own.exact {
		o.mergeLefts(own.from(p + 1))
	}
}

// mergeLefts merges each of the first n panes with those of them behind it.
func (o *WindowAggregate) mergeLefts(n int) {
	own, size := &o.own, o.head+o.set.Size()
	own.lefts = slices.Grow(own.lefts[:0], n*size)[:n*size]
	for k := n - 1; k >= 0; k-- {
		left := own.lefts[k*size:][:size]
		copy(left, own.tables[k].Value(own.rows[k]))
		if k < n-1 {
			o.addGroup(left, own.lefts[(k+1)*size:][:size])
		}
	}
	own.right = slices.Grow(own.right[:0], size)[:size]
	clear(own.right)
	own.end = n
}

// mergeHalves merges the panes at places from to to into the merge pane. Calls for the
// windows of one late row come in the order of their ends.
func (o *WindowAggregate) mergeHalves(from, to int, key []byte) {
	own, size := &o.own, o.head+o.set.Size()
	for ; own.end < to; own.end++ {
		o.addGroup(own.right, own.tables[own.end].Value(own.rows[own.end]))
	}
	if left := from * size; left < len(own.lefts) {
		o.mergeGroup(key, own.lefts[left:][:size])
	}
	o.mergeGroup(key, own.right)
}
