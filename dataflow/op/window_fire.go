package op

import (
	"encoding/binary"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// fireUpTo emits, in the order of their ends, the windows that end above what is closed
// and not above bound, and closes them.
func (o *WindowAggregate) fireUpTo(bound int64) error {
	closed := o.progress.Int64(progressClosed)
	if bound <= closed {
		return nil
	}
	o.firing.now = o.progress.Int64(progressArrival)
	for {
		end, ok := o.nextEnd(closed)
		if !ok || end > bound {
			break
		}
		if err := o.fire(end); err != nil {
			return err
		}
		closed = end
		o.progress.SetInt64(progressClosed, closed)
		o.dropPanes(end - o.cfg.LatenessMs)
	}
	o.progress.SetInt64(progressClosed, bound)
	if o.cfg.LatenessMs > 0 {
		o.dropPanes(bound - o.cfg.LatenessMs)
	}
	return o.emit.flush()
}

// nextEnd is the end of the first window above closed that has a pane.
func (o *WindowAggregate) nextEnd(closed int64) (end int64, ok bool) {
	w := o.cfg.Window
	p, ok := o.panes.Min()
	if w.Kind == Cumulate && o.cfg.LatenessMs == 0 {
		if start, some := o.merge.Min(); some && (!ok || start < floorTo(p, w.Size, w.Offset)+w.Size) {
			// Windows that begin at start and have fired before fire again.
			return max(start+w.Slide, w.endAfter(closed)), true
		}
	}
	if !ok {
		return 0, false
	}
	if w.Kind == Attached {
		if p <= closed {
			p = o.paneFrom(closed + 1)
		}
		return p, p < math.MaxInt64
	}
	end = w.firstEnd(p)
	if closed >= end {
		end = w.endAfter(closed)
	}
	// The first panes may lie before the window's start: their last windows have fired.
	start := w.start(end)
	if p < start {
		p = o.paneFrom(start)
		if p == math.MaxInt64 {
			return 0, false
		}
		end = max(end, w.firstEnd(p))
	}
	return end, true
}

// paneFrom is the first pane at or after t, or MaxInt64.
func (o *WindowAggregate) paneFrom(t int64) int64 {
	found := int64(math.MaxInt64)
	o.panes.Ascend(t, func(start int64, _ *state.Table) bool {
		found = start
		return false
	})
	return found
}

// fire emits the window that ends at end.
func (o *WindowAggregate) fire(end int64) error {
	w := o.cfg.Window
	f := &o.firing
	f.end = end
	if w.Kind == Attached {
		return o.emitPane(o.panes.Find(end), end)
	}
	f.start = w.start(end)
	switch {
	case w.Kind == Cumulate && o.cfg.LatenessMs == 0:
		return o.fireCumulated(end)
	case w.pane() == w.Size:
		return o.emitPane(o.panes.Find(f.start), f.start)
	}
	first := o.paneFrom(f.start)
	if o.paneFrom(first+1) >= end {
		return o.emitPane(o.panes.Find(first), first)
	}
	o.bindMerge(0, math.MinInt64)
	for p := first; p < end; p = o.paneFrom(p + 1) {
		o.mergePane(p)
	}
	err := o.emitPane(f.into, o.merged.Scope)
	o.merged.DropScope(o.relieve)
	o.merge.Drop(0)
	return err
}

// fireCumulated merges the panes that came since the last fire into the merge pane of the
// windows that begin at f.start, and emits that. It lives until the last of them fires.
func (o *WindowAggregate) fireCumulated(end int64) error {
	f := &o.firing
	o.bindMerge(f.start, f.start+cumulatedScope)
	for p := o.paneFrom(f.start); p < end; p = o.paneFrom(p + 1) {
		o.mergePane(p)
		o.dropPane(p)
	}
	err := o.emitPane(f.into, o.merged.Scope)
	if end == f.start+o.cfg.Window.Size {
		o.merged.DropScope(o.relieve)
		o.merge.Drop(f.start)
	}
	return err
}

// cumulatedScope moves the scopes of merge panes away from those of panes.
const cumulatedScope = -1 << 62

func (o *WindowAggregate) bindMerge(pane, scope int64) {
	o.firing.into = o.merge.Pane(pane)
	o.merged.Heap, o.merged.Scope = o.firing.into.Heap(), scope
}

// mergePane adds the groups of pane p to the merge pane.
func (o *WindowAggregate) mergePane(p int64) {
	t := o.panes.Find(p)
	o.store.Heap, o.store.Scope = t.Heap(), p
	o.firing.table = t
	t.Scan(o.mergeRow)
}

// mergeOne adds a row of the pane f.table to the merge pane.
func (o *WindowAggregate) mergeOne(r state.Row) bool {
	t := o.firing.table
	o.mergeGroup(t.Key(r), t.Value(r))
	o.relieve()
	return true
}

// mergeGroup adds a groupRow of a key to the merge pane.
func (o *WindowAggregate) mergeGroup(key, src []byte) {
	row, created := o.firing.into.Upsert(key)
	dst := o.firing.into.MutValue(row)
	if created && o.set.NeedsTree() {
		o.set.Init(dst[o.head:], nextGroup(o.progress))
	}
	o.addGroup(dst, src)
}

// addGroup adds the groupRow src, which later rows made, to dst.
func (o *WindowAggregate) addGroup(dst, src []byte) {
	count(dst, int64(binary.LittleEndian.Uint64(src)))
	if o.cfg.Retracting {
		count(dst[8:], int64(binary.LittleEndian.Uint64(src[8:])))
	}
	o.set.Merge(&o.merged, dst[o.head:], &o.store, src[o.head:])
}

// emitPane emits the groups of a table whose aggregates' entries have the given scope.
func (o *WindowAggregate) emitPane(t *state.Table, scope int64) error {
	if t == nil {
		return nil
	}
	f := &o.firing
	f.table, f.rows, f.err = t, 0, nil
	o.store.Heap, o.store.Scope = t.Heap(), scope
	t.Scan(o.emitRow)
	o.ledger.add(fired, f.rows)
	return f.err
}

// emitOne emits a group of f.table.
func (o *WindowAggregate) emitOne(r state.Row) bool {
	f := &o.firing
	v := f.table.Value(r)
	f.rows += int64(binary.LittleEndian.Uint64(v))
	if o.cfg.Retracting && word(v, 8) == 0 {
		return true
	}
	key, row := f.table.Key(r), o.emit.row()
	start := f.start
	if o.cfg.Window.Kind == Attached {
		start = int64(binary.LittleEndian.Uint64(key))
		key = key[8:]
	}
	cols := o.emit.batch.Cols
	o.keys.unpack(key, cols, row)
	failed := o.set.Result(&o.store, v[o.head:], o.aggs, row)
	for i, p := range o.cfg.Props {
		o.clock.setProp(cols[len(o.cfg.Keys)+len(o.cfg.Aggs)+i], row, p, start, f.end, f.now)
	}
	f.err = o.deliver(o.emit, failed, f.kind, f.now)
	o.relieve()
	return f.err == nil
}

// setProp writes a window property of the window from start to end, in wall time.
func (w *wallClock) setProp(v *vec.Vector, row int, p WindowProp, start, end, now int64) {
	var ms int64
	switch p {
	case WindowStart:
		ms = start
	case WindowEnd:
		ms = end
	case WindowTime:
		ms = end - 1
		if v.Type.Kind == types.TimestampLTZ {
			ms = w.instant(ms)
		}
	case WindowProcTime:
		ms = now
	}
	v.SetNotNull(row)
	v.I64[row] = ms * 1000
}

// dropPanes frees the panes whose last window ends at or before end.
func (o *WindowAggregate) dropPanes(end int64) {
	for {
		p, ok := o.panes.Min()
		if !ok || o.cfg.Window.Kind != Attached && o.cfg.Window.lastEnd(p) > end || o.cfg.Window.Kind == Attached && p > end {
			return
		}
		o.dropPane(p)
	}
}

func (o *WindowAggregate) dropPane(p int64) {
	o.store.Scope = p
	o.store.DropScope(o.relieve)
	o.panes.Drop(p)
}

// Audit implements Audited; Open is counted in the panes.
func (o *WindowAggregate) Audit() Audit { return o.auditOpen(o.open) }

// open counts the pairs of row and window that have not fired.
func (o *WindowAggregate) open() (n int64) {
	closed := o.progress.Int64(progressClosed)
	count := func(p int64, t *state.Table) bool {
		windows := int64(1)
		if o.cfg.Window.Kind != Attached {
			windows = o.cfg.Window.count(p, closed)
		} else if p <= closed {
			windows = 0
		}
		t.Scan(func(r state.Row) bool {
			n += windows * int64(binary.LittleEndian.Uint64(t.Value(r)))
			return true
		})
		return true
	}
	o.panes.Ascend(math.MinInt64, count)
	o.merge.Ascend(math.MinInt64, count)
	return n
}
