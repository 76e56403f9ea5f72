package op

import (
	"math"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// revisable is the number of windows over the pane p that have fired and still take rows.
func (o *WindowAggregate) revisable(p int64) int64 {
	closed := o.progress.Int64(progressClosed)
	if o.cfg.Window.Kind == Attached {
		if p <= closed && p > closed-o.cfg.LatenessMs {
			return 1
		}
		return 0
	}
	return o.cfg.Window.count(p, closed-o.cfg.LatenessMs) - o.cfg.Window.count(p, closed)
}

// revise takes the rows of o.revising, one after the other: the results of their windows
// that have fired are taken back and emitted anew.
func (o *WindowAggregate) revise(b *vec.Batch) error {
	if len(o.revising) == 0 {
		return nil
	}
	f := &o.firing
	f.now = o.progress.Int64(progressArrival)
	for k, i := range o.revising {
		one, p := o.revising[k:k+1], o.starts[i]
		if err := o.takeBack(b, one, p); err != nil {
			return err
		}
		o.update(p, b, one)
		if err := o.emitAnew(b, one, p); err != nil {
			return err
		}
	}
	f.kind = vec.Insert
	return o.emit.flush()
}

// takeBack emits the former results of the windows over pane p that a late row revises, as
// -U, or as -D where the row may empty the group.
func (o *WindowAggregate) takeBack(b *vec.Batch, row []int32, p int64) error {
	o.firing.kind = vec.UpdateBefore
	if o.cfg.Retracting {
		o.firing.kind = vec.Delete
	}
	o.existed = o.existed[:0]
	key, _ := o.pack(b, row)
	o.gather(p, key)
	var err error
	o.eachFired(p, func(end int64) bool {
		var some bool
		some, err = o.emitGroup(end, key)
		o.existed = append(o.existed, some)
		return err == nil
	})
	return err
}

// emitAnew emits the results after the row, in the order of takeBack.
func (o *WindowAggregate) emitAnew(b *vec.Batch, row []int32, p int64) error {
	key, _ := o.pack(b, row)
	o.gather(p, key)
	var err error
	k := 0
	o.eachFired(p, func(end int64) bool {
		o.firing.kind = vec.Insert
		if o.existed[k] && !o.cfg.Retracting {
			o.firing.kind = vec.UpdateAfter
		}
		k++
		o.ledger.add(fired, 1)
		_, err = o.emitGroup(end, key)
		return err == nil
	})
	return err
}

// eachFired visits the ends of the windows over pane p that have fired and still take rows.
func (o *WindowAggregate) eachFired(p int64, visit func(end int64) bool) {
	if o.cfg.Window.Kind == Attached {
		visit(p)
		return
	}
	for end, last := o.firedEnds(p); end <= last && visit(end); end += o.cfg.Window.slide() {
	}
}

// firedEnds are the first and the last of the ends that eachFired visits.
func (o *WindowAggregate) firedEnds(p int64) (first, last int64) {
	w, closed := o.cfg.Window, o.progress.Int64(progressClosed)
	first = w.firstEnd(p)
	if kept := closed - o.cfg.LatenessMs; kept >= first {
		first = w.endAfter(kept)
	}
	return first, min(w.lastEnd(p), closed)
}

// emitGroup emits the group of a key in the window that ends at end. It is false when the
// window has none.
func (o *WindowAggregate) emitGroup(end int64, key []byte) (bool, error) {
	w, f := o.cfg.Window, &o.firing
	f.end = end
	p := end
	if w.Kind != Attached {
		f.start = w.start(end)
		p = f.start
	}
	if w.Kind == Attached || w.pane() == w.Size {
		return o.emitKey(o.panes.Find(p), p, key)
	}
	from, to := o.own.from(f.start), o.own.from(end)
	if from == to {
		return false, nil
	}
	o.bindMerge(0, math.MinInt64)
	if o.own.exact {
		o.mergeHalves(from, to, key)
	} else {
		for k := from; k < to; k++ {
			f.table = o.own.tables[k]
			o.store.Heap, o.store.Scope = f.table.Heap(), o.own.starts[k]
			o.mergeOne(o.own.rows[k])
		}
	}
	some, err := o.emitKey(f.into, o.merged.Scope, key)
	o.merged.DropScope(o.relieve)
	o.merge.Drop(0)
	return some, err
}

// emitKey emits one group of a table whose aggregates' entries have the given scope.
func (o *WindowAggregate) emitKey(t *state.Table, scope int64, key []byte) (bool, error) {
	if t == nil {
		return false, nil
	}
	r, ok := t.Get(key)
	if !ok || o.cfg.Retracting && word(t.Value(r), 8) == 0 {
		return false, nil
	}
	f := &o.firing
	f.table, f.err = t, nil
	o.store.Heap, o.store.Scope = t.Heap(), scope
	o.emitOne(r)
	return true, f.err
}
