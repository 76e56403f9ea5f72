package op

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// WindowAggregate aggregates by key and window over TUMBLE, HOP, CUMULATE and attached
// windows. Each row updates one pane; when a window fires, its panes are merged by key, or
// emitted in place when there is only one. A pane's pages are freed when its last window
// has fired and its lateness is over; until then a late row revises what it was in time for.
//
// Times are wall time of the zone for Local windows, else UTC. State:
//
//	panes    by start, or by window end for attached windows: key -> groupRow
//	merge    the pane into which a window is merged while it fires; for CUMULATE that takes
//	         no late rows one for each start, kept until its last window fires
//	tree     entries of aggregates, scope = pane
//	progress {watermark i64, closed i64, last group id u64, arrival i64, set u64}: windows
//	         that end at or before closed have fired; arrival is that of the newest row
//	         or tick
//
// A groupRow is {rows i64, net i64 where the input retracts, states of the AggSet}: rows
// counts all rows, net counts retractions negatively.
type WindowAggregate struct {
	node
	cfg   WindowAggConfig
	keys  *keyCodec
	set   *expr.AggSet
	clock *wallClock `scratch:"a cache of the zone's rules"`
	head  int        // bytes before the aggregates' states

	panes    *state.Panes
	merge    *state.Panes
	progress *state.Scalars
	store    expr.AggStore `scratch:"bound to the pane in hand"`
	merged   expr.AggStore `scratch:"bound to the merge pane"`

	emit     *emitter      `scratch:"the emitted batch"`
	starts   []int64       `scratch:"rows of a batch"`
	fresh    []int32       `scratch:"rows of a batch"`
	rest     []int32       `scratch:"rows of a batch"`
	lates    []int32       `scratch:"rows of a batch"`
	revising []int32       `scratch:"rows of a batch"`
	existed  []bool        `scratch:"the windows that a row revises"`
	own      ownPanes      `scratch:"the panes of a late row's key"`
	rows     []state.Row   `scratch:"rows of a batch"`
	created  []bool        `scratch:"rows of a batch"`
	states   [][]byte      `scratch:"rows of a batch"`
	aggs     []*vec.Vector `scratch:"columns of the emitted batch"`
	sub      vec.Batch     `scratch:"late rows"`
	firing   firing        `scratch:"the window that fires"`
	emitRow  func(state.Row) bool
	mergeRow func(state.Row) bool
}

// firing is the window that fires.
type firing struct {
	start, end int64
	table      *state.Table // whose groups are read
	into       *state.Table // the merge pane
	rows       int64
	now        int64
	kind       vec.RowKind // of the rows emitted
	err        error
}

// NewWindowAggregate makes a WindowAggregate of any kind but Session.
func NewWindowAggregate(cfg WindowAggConfig) (*WindowAggregate, error) {
	if cfg.Window.Kind == Session {
		return nil, errors.New("a session window is aggregated by NewSessionAggregate")
	}
	if err := cfg.Window.validate(); err != nil {
		return nil, err
	}
	if cfg.LatenessMs > 0 && cfg.Window.ProcTime {
		return nil, errors.New("a window of processing time takes no late rows")
	}
	o := &WindowAggregate{cfg: cfg, keys: newKeyCodec(cfg.Keys, typesOf(cfg.Input, cfg.Keys)), head: 8}
	if cfg.Retracting {
		o.head = 16
	}
	return o, nil
}

// Open binds state.
func (o *WindowAggregate) Open(c *Context) error {
	var err error
	if o.set, err = expr.NewAggSet(o.cfg.Aggs, c.Env, o.cfg.Retracting); err != nil {
		return err
	}
	size := o.head + o.set.Size()
	if err := checkRow(c.Arena, c.ID, size+64); err != nil {
		return err
	}
	w := o.cfg.Window
	l := layout{names: o.cfg.Names}
	l.keys("panes", o.keys)
	l.add("panes", fmt.Sprintf("%s %d %d %d", w.Kind, w.Size, w.Slide, w.Offset), "window", true, 0, 0)
	l.add("panes", "rows", "BIGINT", false, 0, 8)
	l.aggs("panes", o.set, o.head)
	l.retracts, l.move = o.cfg.Retracting, o.migrate
	if err := o.bind(c, l); err != nil {
		return err
	}
	spec := state.TableSpec{ValueSize: size}
	o.panes, o.merge = o.space.Panes("panes", spec), o.space.Panes("merge", spec)
	o.progress = openProgress(o.space)
	if o.set.NeedsTree() {
		o.store.Tree = o.space.Ordered("tree", state.OrderedSpec{ValueSize: -1})
		o.merged.Tree = o.store.Tree
	}
	o.clock = newWallClock(w.Local || w.ProcTime, zoneOf(c))
	o.emit = newEmitter(c.Out, windowOutput(o.cfg, o.set), o.cfg.LatenessMs > 0)
	o.aggs = o.emit.batch.Cols[len(o.cfg.Keys) : len(o.cfg.Keys)+len(o.cfg.Aggs)]
	o.starts = make([]int64, vec.BatchSize)
	o.fresh, o.rest, o.lates = make([]int32, 0, vec.BatchSize), make([]int32, 0, vec.BatchSize), make([]int32, 0, vec.BatchSize)
	o.revising = make([]int32, 0, vec.BatchSize)
	o.rows, o.created = make([]state.Row, vec.BatchSize), make([]bool, vec.BatchSize)
	o.states = make([][]byte, vec.BatchSize)
	o.emitRow, o.mergeRow = o.emitOne, o.mergeOne
	o.own.exact = exactMerges(o.set)
	return nil
}

// migrate moves the panes of a query with other aggregates.
func (o *WindowAggregate) migrate(s *state.Space, m *expr.AggMove) error {
	progress := openProgress(s)
	v := mover{m: m, head: o.head, newID: func() uint64 { return nextGroup(progress) }}
	for _, name := range []string{"panes", "merge"} {
		to := s.Panes(moved(name), state.TableSpec{ValueSize: o.head + o.set.Size()})
		var err error
		s.StoredPanes(name).Ascend(math.MinInt64, func(start int64, t *state.Table) bool {
			err = v.table(t, to.Pane(start))
			return err == nil
		})
		if err != nil {
			return err
		}
		if err := s.Replace(name, moved(name)); err != nil {
			return err
		}
	}
	o.layout.dropTree(s)
	return nil
}

// windowOutput is the types of a window aggregate's output.
func windowOutput(cfg WindowAggConfig, set *expr.AggSet) []types.Type {
	out := append(typesOf(cfg.Input, cfg.Keys), set.Types()...)
	for _, p := range cfg.Props {
		out = append(out, propType(p, cfg.Window))
	}
	return out
}

func propType(p WindowProp, w Window) types.Type {
	switch {
	case p == WindowProcTime || p == WindowTime && (w.Local || w.ProcTime):
		return types.TimestampLTZOf(3)
	}
	return types.TimestampOf(3)
}

// Process adds rows to their panes.
func (o *WindowAggregate) Process(_ int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	if len(sel) == 0 {
		return nil
	}
	if o.cfg.Window.ProcTime {
		return o.processArrivals(b, sel)
	}
	arrived(o.progress, b.ArrivalAt(int(sel[len(sel)-1])))
	return o.add(b, sel)
}

// processArrivals closes the windows that end before a row's arrival, then adds it.
func (o *WindowAggregate) processArrivals(b *vec.Batch, sel []int32) error {
	for from := 0; from < len(sel); {
		if err := o.advance(b.ArrivalAt(int(sel[from]))); err != nil {
			return err
		}
		next, to := o.nextFire(), from+1
		for to < len(sel) && o.clock.closed(b.ArrivalAt(int(sel[to]))-1) < next {
			to++
		}
		if err := o.add(b, sel[from:to]); err != nil {
			return err
		}
		from = to
	}
	// Time stands at the last row, wherever the batch ended.
	return o.advance(b.ArrivalAt(int(sel[len(sel)-1])))
}

// nextFire is the end of the next window of the pane that the newest arrival is in: no row
// before it can make a window fire that is not open yet.
func (o *WindowAggregate) nextFire() int64 {
	closed := o.progress.Int64(progressClosed)
	if o.cfg.Window.Kind == Attached {
		return closed + 1
	}
	return o.cfg.Window.endAfter(closed)
}

// add sorts rows by pane and updates each pane once.
func (o *WindowAggregate) add(b *vec.Batch, sel []int32) error {
	fresh, err := o.assign(b, sel)
	if err != nil {
		return err
	}
	if err := o.revise(b); err != nil {
		return err
	}
	for len(fresh) > 0 {
		// The rows of the first row's pane; the others wait in rest.
		p, same := o.starts[fresh[0]], len(fresh)
		for k, i := range fresh {
			if o.starts[i] != p {
				same = k
				break
			}
		}
		rest := o.rest[:0]
		if same < len(fresh) {
			tail := fresh[same:]
			fresh = fresh[:same]
			for _, i := range tail {
				if o.starts[i] == p {
					fresh = append(fresh, i)
				} else {
					rest = append(rest, i)
				}
			}
		}
		o.update(p, b, fresh)
		o.fresh, o.rest = rest, fresh[:0]
		fresh = rest
	}
	return nil
}

// assign finds the pane of each row, in o.starts, and returns the rows that are not late;
// those that a window which has fired still takes are left in o.revising.
func (o *WindowAggregate) assign(b *vec.Batch, sel []int32) ([]int32, error) {
	w := o.cfg.Window
	closed := o.progress.Int64(progressClosed)
	size := w.pane()
	fresh, lates, revising := o.fresh[:0], o.lates[:0], o.revising[:0]
	var n, gone, outside int64
	// Rows of one pane follow each other mostly: its figures are kept.
	pane, windows, open, taken := int64(math.MinInt64), int64(0), int64(0), int64(0)
	for _, i := range sel {
		t, ok := o.cfg.Window.time(o.clock, b, int(i))
		if !ok {
			if err := o.fail(b, int(i), errNoTime); err != nil {
				return nil, err
			}
			continue
		}
		if w.Kind == Attached {
			pane, windows, open = t, 1, 1
			if t <= closed {
				open = 0
			}
			taken = open
		} else if t < pane || t >= pane+size || pane == math.MinInt64 {
			pane = floorTo(t, size, w.Offset)
			windows, open = w.count(pane, math.MinInt64), w.count(pane, closed)
			taken = open
		}
		if open < windows && o.cfg.LatenessMs > 0 {
			taken = open + o.revisable(pane)
		}
		n += windows
		gone += windows - taken
		switch {
		case taken > open:
			o.starts[i] = pane
			revising = append(revising, i)
		case open > 0:
			o.starts[i] = pane
			fresh = append(fresh, i)
		case windows > 0:
			lates = append(lates, i)
		default:
			outside++ // between hopping windows with a slide longer than their size
		}
	}
	o.fresh, o.lates, o.revising = fresh, lates, revising
	o.ledger.add(assigned, n)
	o.ledger.add(droppedLate, gone)
	o.ledger.add(filtered, outside)
	return fresh, o.divert(b, lates)
}

// divert counts late rows and hands them to those who keep them.
func (o *WindowAggregate) divert(b *vec.Batch, lates []int32) error {
	o.ledger.add(late, int64(len(lates)))
	if len(lates) == 0 || o.ctx.Late == nil {
		return nil
	}
	return o.ctx.Late.Process(narrow(&o.sub, b, lates))
}

var errNoTime = errors.New("the time attribute is NULL: the row is in no window")

// update adds rows to the pane p.
func (o *WindowAggregate) update(p int64, b *vec.Batch, sel []int32) {
	table := o.panes.Pane(p)
	o.store.Heap, o.store.Scope = table.Heap(), p
	keys, offs := o.pack(b, sel)
	table.UpsertBatch(keys, offs, o.rows, o.created)
	st := o.states[:len(sel)]
	for k := range sel {
		v := table.MutValue(o.rows[k])
		if o.created[k] && o.set.NeedsTree() {
			o.set.Init(v[o.head:], nextGroup(o.progress))
		}
		count(v, 1)
		if o.cfg.Retracting {
			if b.Kind(int(sel[k])).Retracts() {
				count(v[8:], -1)
			} else {
				count(v[8:], 1)
			}
		}
		st[k] = v[o.head:]
	}
	o.set.Update(&o.store, b, st, sel)
}

func count(b []byte, by int64) {
	binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)+uint64(by))
}

// pack packs the keys; that of an attached window begins with the window's start.
func (o *WindowAggregate) pack(b *vec.Batch, sel []int32) ([]byte, []uint32) {
	if o.cfg.Window.Kind != Attached {
		return o.keys.pack(b, sel)
	}
	k := o.keys
	start := b.Cols[o.cfg.Window.Start].I64
	k.buf, k.offs = reuse(k.buf), append(k.offs[:0], 0)
	for _, i := range sel {
		k.buf = binary.LittleEndian.AppendUint64(k.buf, uint64(millis(start[i])))
		k.buf = k.append(k.buf, b, int(i))
		k.offs = append(k.offs, uint32(len(k.buf)))
	}
	return k.buf, k.offs
}

// Watermark fires the windows that end at or before it.
func (o *WindowAggregate) Watermark(_ int, t int64) error {
	if t != Idle && (!o.cfg.Window.ProcTime || t == EndOfInput) {
		o.progress.SetInt64(progressWatermark, t)
		if err := o.calmly(o.fireUpTo, o.clock.closed(t)); err != nil {
			return err
		}
	}
	return o.ctx.Out.Watermark(t)
}

// Tick fires the processing-time windows that end at or before now.
func (o *WindowAggregate) Tick(now int64) error {
	if o.cfg.Window.ProcTime {
		if err := o.calmly(o.advance, now); err != nil {
			return err
		}
	}
	arrived(o.progress, now)
	return o.ctx.Out.Tick(now)
}

// advance moves processing time on: windows that end at or before now fire.
func (o *WindowAggregate) advance(now int64) error {
	arrived(o.progress, now)
	return o.fireUpTo(o.clock.closed(now - 1))
}
