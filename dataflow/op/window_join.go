package op

import (
	"fmt"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// WindowSide is an input of a window join: rows to which a window was assigned.
type WindowSide struct {
	JoinSide
	// Start and End are the columns of the window's bounds, of type TIMESTAMP(3).
	Start, End int
}

// WindowJoinConfig configures NewWindowJoin. The output is the left and then, but for semi
// and anti joins, the right columns; neither input has updates.
type WindowJoinConfig struct {
	Left, Right WindowSide
	Kind        JoinKind
	// NullSafe tells for each key whether NULL matches NULL.
	NullSafe []bool
	// Cond is what pairs must meet besides, over the columns of left and right; nil for none.
	Cond expr.Node
	// Local tells that windows are aligned by the wall clock of Env.Zone.
	Local bool
}

// WindowJoin joins the rows of equal windows and keys and emits them when the watermark
// passes the window's end. A row whose window the watermark of its own input has passed is
// late, even while the other input holds the operator's watermark: so it does not depend on
// how far one input is ahead of the other which rows are.
//
// State:
//
//	left, right   a pane for each window end: start, key -> {first Ref, last Ref, rows u64};
//	              in its heap the rows of a key as a chain of {next Ref, matched u8, row}
//	inputs, progress
type WindowJoin struct {
	node
	cfg      WindowJoinConfig
	sides    [2]*windowSide
	marks    inputMarks
	progress *state.Scalars
	clock    *wallClock `scratch:"a cache of the zone's rules"`
	pairs    *pairs     `scratch:"the emitted batch"`
	emit     *emitter   `scratch:"the emitted batch of semi and anti joins"`
	panes    [2]*state.Table
	sub      vec.Batch `scratch:"late rows"`
	lates    []int32   `scratch:"rows of a batch"`
}

// windowSide keeps the rows of an input.
type windowSide struct {
	cfg   WindowSide `scratch:"from the configuration"`
	key   joinKey
	codec *rowCodec
	panes *state.Panes

	at    []byte `scratch:"the key in hand"`
	value []byte `scratch:"the row in hand"`
}

const (
	chainFirst = 0
	chainLast  = 8
	chainRows  = 16
	chainSize  = 24

	linkNext    = 0
	linkMatched = 8
	linkHead    = 9
)

// NewWindowJoin makes a WindowJoin.
func NewWindowJoin(cfg WindowJoinConfig) (*WindowJoin, error) {
	if len(cfg.Left.Keys) != len(cfg.Right.Keys) || len(cfg.NullSafe) != len(cfg.Left.Keys) {
		return nil, fmt.Errorf("a window join with %d keys on the left and %d on the right", len(cfg.Left.Keys), len(cfg.Right.Keys))
	}
	return &WindowJoin{cfg: cfg}, nil
}

// Open binds state.
func (o *WindowJoin) Open(c *Context) error {
	names, sides := [2]string{"left", "right"}, [2]WindowSide{o.cfg.Left, o.cfg.Right}
	var l layout
	for i, s := range sides {
		l.side(names[i], s.JoinSide, newJoinKey(s.JoinSide, o.cfg.NullSafe).codec)
	}
	if err := o.bind(c, l); err != nil {
		return err
	}
	for i, s := range sides {
		o.sides[i] = &windowSide{cfg: s, key: newJoinKey(s.JoinSide, o.cfg.NullSafe), codec: newRowCodec(s.Input),
			panes: o.space.Panes(names[i], state.TableSpec{ValueSize: chainSize})}
	}
	o.marks = openInputMarks(o.space, 2)
	o.progress = openProgress(o.space)
	o.clock = newWallClock(o.cfg.Local, zoneOf(c))
	var err error
	if o.pairs, err = newPairs(&o.node, o.cfg.Cond, o.cfg.Left.Input, o.cfg.Right.Input, false); err != nil {
		return err
	}
	if o.cfg.Kind != JoinInner {
		o.pairs.hit = o.matched
	}
	o.pairs.quiet = o.cfg.Kind.leftOnly()
	if o.pairs.quiet {
		o.emit = newEmitter(c.Out, o.cfg.Left.Input, false)
	}
	o.lates = make([]int32, 0, vec.BatchSize)
	return nil
}

// matched notes that the rows of a pair have a partner.
func (o *WindowJoin) matched(i int) {
	for k, ref := range o.pairs.refs[i] {
		o.panes[k].Heap().WriteAt(ref, linkMatched, isMatched)
	}
}

// Process keeps rows.
func (o *WindowJoin) Process(input int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	s := o.sides[input]
	o.lates = o.lates[:0]
	closed := o.progress.Int64(progressClosed)
	if own := o.marks.of(input); own > noWatermark {
		closed = max(closed, o.clock.closed(own))
	}
	var n int64
	for _, i := range sel {
		row := int(i)
		arrived(o.progress, b.ArrivalAt(row))
		start, end := b.Cols[s.cfg.Start], b.Cols[s.cfg.End]
		if start.IsNull(row) || end.IsNull(row) {
			if err := o.fail(b, row, errNoTime); err != nil {
				return err
			}
			continue
		}
		n++
		at := millis(end.I64[row])
		if at <= closed {
			o.lates = append(o.lates, i)
			continue
		}
		s.put(b, row, at, millis(start.I64[row]))
	}
	o.ledger.add(assigned, n)
	o.ledger.add(droppedLate, int64(len(o.lates)))
	o.ledger.add(late, int64(len(o.lates)))
	if len(o.lates) > 0 && o.ctx.Late != nil && input == 0 {
		return o.ctx.Late.Process(narrow(&o.sub, b, o.lates))
	}
	return nil
}

// put appends a row to the chain of its key.
func (s *windowSide) put(b *vec.Batch, row int, end, start int64) {
	pane := s.panes.Pane(end)
	s.at = s.key.codec.append(appendOrdered(s.at[:0], start), b, row)
	s.value = append(reuse(s.value), 0, 0, 0, 0, 0, 0, 0, 0, 0)
	s.value = s.codec.append(s.value, b, row)
	ref := pane.Heap().Put(s.value)
	r, created := pane.Upsert(s.at)
	v := pane.MutValue(r)
	var link [8]byte
	setWord(link[:], 0, int64(ref))
	if created {
		copy(v[chainFirst:], link[:])
	} else {
		pane.Heap().WriteAt(state.Ref(word(v, chainLast)), linkNext, link[:])
	}
	copy(v[chainLast:], link[:])
	count(v[chainRows:], 1)
}

// fireUpTo joins the windows that end at or before bound.
func (o *WindowJoin) fireUpTo(bound int64) error {
	if bound <= o.progress.Int64(progressClosed) {
		return nil
	}
	for {
		end, some := int64(0), false
		for _, s := range o.sides {
			if e, ok := s.panes.Min(); ok && e <= bound && (!some || e < end) {
				end, some = e, true
			}
		}
		if !some {
			break
		}
		if err := o.fire(end); err != nil {
			return err
		}
	}
	o.progress.SetInt64(progressClosed, bound)
	return nil
}

// fire joins the rows of a window end and forgets them.
func (o *WindowJoin) fire(end int64) error {
	for i, s := range o.sides {
		o.panes[i] = s.panes.Find(end)
	}
	left, right := o.panes[0], o.panes[1]
	var err error
	if left != nil && right != nil {
		left.Scan(func(r state.Row) bool {
			if other, ok := right.Get(left.Key(r)); ok {
				err = o.cross(chainOf(left, r), chainOf(right, other))
			}
			o.relieve()
			return err == nil
		})
	}
	if err == nil {
		err = o.pairs.flush()
	}
	kind := o.cfg.Kind
	if err == nil && left != nil && (kind.padsRight() || kind.leftOnly()) {
		err = o.rest(0, left)
	}
	if err == nil && right != nil && kind.padsLeft() {
		err = o.rest(1, right)
	}
	if err == nil {
		err = o.pairs.flush()
	}
	if err == nil && o.emit != nil {
		err = o.emit.flush()
	}
	for i, s := range o.sides {
		if o.panes[i] != nil {
			o.ledger.add(fired, o.chainedRows(o.panes[i]))
			s.panes.Drop(end)
		}
		o.panes[i] = nil
	}
	return err
}

// chainOf is the first row of a key.
func chainOf(t *state.Table, r state.Row) state.Ref {
	return state.Ref(word(t.Value(r), chainFirst))
}

func (o *WindowJoin) chainedRows(t *state.Table) (n int64) {
	t.Scan(func(r state.Row) bool {
		n += word(t.Value(r), chainRows)
		o.relieve()
		return true
	})
	return n
}

// cross pairs the rows of one key, of which left and right are the first.
func (o *WindowJoin) cross(left, right state.Ref) error {
	l, r := o.sides[0], o.sides[1]
	arrival := o.progress.Int64(progressArrival)
	for a := left; a != 0; {
		for b := right; b != 0; {
			x := o.panes[0].Heap().Get(a)
			y := o.panes[1].Heap().Get(b)
			row := o.pairs.batch.N
			l.codec.decode(x[linkHead:], o.pairs.leftCols(), row)
			r.codec.decode(y[linkHead:], o.pairs.rightCols(), row)
			if !o.matchable(row) {
				return nil
			}
			next := state.Ref(word(y, linkNext))
			if err := o.pairs.keep(pairCandidate, vec.Insert, arrival, a, b); err != nil {
				return err
			}
			b = next
			o.relieve()
		}
		a = state.Ref(word(o.panes[0].Heap().Get(a), linkNext))
	}
	return nil
}

// matchable tells whether the pair in a row may match, in that its keys are not NULL where
// NULL matches nothing.
func (o *WindowJoin) matchable(row int) bool {
	return o.sides[0].key.matches(o.pairs.leftCols(), row)
}

// rest emits the rows of a side by whether they have a partner: those without, padded; for
// a semi join those with one.
func (o *WindowJoin) rest(side int, pane *state.Table) (err error) {
	s, arrival := o.sides[side], o.progress.Int64(progressArrival)
	want := byte(0)
	if o.cfg.Kind == JoinSemi {
		want = 1
	}
	pane.Scan(func(r state.Row) bool {
		for a := state.Ref(word(pane.Value(r), chainFirst)); a != 0 && err == nil; {
			o.relieve()
			x := pane.Heap().Get(a)
			a = state.Ref(word(x, linkNext))
			if x[linkMatched] != want {
				continue
			}
			if o.emit != nil {
				s.codec.decode(x[linkHead:], o.emit.batch.Cols, o.emit.row())
				err = o.emit.keep(vec.Insert, arrival)
				continue
			}
			s.codec.decode(x[linkHead:], o.pairs.side(side), o.pairs.batch.N)
			o.pairs.null(o.pairs.side(1 - side))
			err = o.pairs.keep(pairSure, vec.Insert, arrival, 0, 0)
		}
		return err == nil
	})
	return err
}

// Watermark joins the windows that it closes.
func (o *WindowJoin) Watermark(input int, t int64) error {
	low, ok := o.marks.advance(input, t)
	if !ok {
		return nil
	}
	if low != Idle {
		if err := o.calmly(o.fireUpTo, o.clock.closed(low)); err != nil {
			return err
		}
	}
	return o.ctx.Out.Watermark(low)
}

// Tick forwards.
func (o *WindowJoin) Tick(now int64) error {
	if !o.marks.tick(now) {
		return nil
	}
	arrived(o.progress, now)
	return o.ctx.Out.Tick(now)
}

// Audit implements Audited; Open is counted in the panes.
func (o *WindowJoin) Audit() Audit {
	return o.auditOpen(func() (n int64) {
		for _, s := range o.sides {
			s.panes.Ascend(math.MinInt64, func(_ int64, t *state.Table) bool {
				n += o.chainedRows(t)
				return true
			})
		}
		return n
	})
}
