package op

import (
	"errors"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// SessionAggregate aggregates by key and session. A session is emitted when the watermark
// (or the arrival time) has passed its end; sessions are in wall time as windows are.
//
// State: that of sessions, whose payload is {rows i64, net rows i64, states of the AggSet};
// heap and tree of the aggregates; progress as a WindowAggregate has it.
type SessionAggregate struct {
	node
	cfg      WindowAggConfig
	keys     *keyCodec
	set      *expr.AggSet
	clock    *wallClock `scratch:"a cache of the zone's rules"`
	sessions *sessions
	progress *state.Scalars
	store    expr.AggStore `scratch:"bound to the heap and the tree"`

	emit   *emitter      `scratch:"the emitted batch"`
	aggs   []*vec.Vector `scratch:"columns of the emitted batch"`
	key    []byte        `scratch:"the key in hand"`
	lates  []int32       `scratch:"rows of a batch"`
	states [1][]byte     `scratch:"the row in hand"`
	row    [1]int32      `scratch:"the row in hand"`
	sub    vec.Batch     `scratch:"late rows"`
	fire   func(key []byte, start, end int64, payload []byte) error
}

const (
	sessionRows   = 0
	sessionNet    = 8
	sessionStates = 16
)

// NewSessionAggregate makes a SessionAggregate.
func NewSessionAggregate(cfg WindowAggConfig) (*SessionAggregate, error) {
	if cfg.Window.Kind != Session {
		return nil, errors.New("only session windows are aggregated by NewSessionAggregate")
	}
	if err := cfg.Window.validate(); err != nil {
		return nil, err
	}
	return &SessionAggregate{cfg: cfg, keys: newKeyCodec(cfg.Keys, typesOf(cfg.Input, cfg.Keys))}, nil
}

// Open binds state.
func (o *SessionAggregate) Open(c *Context) error {
	var err error
	if o.set, err = expr.NewAggSet(o.cfg.Aggs, c.Env, o.cfg.Retracting); err != nil {
		return err
	}
	size := sessionStates + o.set.Size()
	if err := checkRow(c.Arena, c.ID, size+sessionHead); err != nil {
		return err
	}
	l := layout{names: o.cfg.Names}
	l.keys("sessions", o.keys)
	l.add("sessions", fmt.Sprintf("SESSION %d", o.cfg.Window.Size), "window", true, 0, 0)
	l.add("sessions", "rows", "BIGINT", false, sessionHead, 16)
	l.aggs("sessions", o.set, sessionHead+sessionStates)
	if err := o.bind(c, l); err != nil {
		return err
	}
	var rows func([]byte) int64
	if o.set.MergesBefore() {
		rows = func(p []byte) int64 { return word(p, sessionRows) }
	}
	o.sessions = openSessions(&o.node, o.cfg.Window.Size, size, o.mergeStates, rows)
	o.progress = openProgress(o.space)
	o.store.Heap = o.space.Heap("heap")
	if o.set.NeedsTree() {
		o.store.Tree = o.space.Ordered("tree", state.OrderedSpec{ValueSize: -1})
	}
	o.clock = newWallClock(o.cfg.Window.Local || o.cfg.Window.ProcTime, zoneOf(c))
	o.emit = newEmitter(c.Out, windowOutput(o.cfg, o.set), false)
	o.aggs = o.emit.batch.Cols[len(o.cfg.Keys) : len(o.cfg.Keys)+len(o.cfg.Aggs)]
	o.lates = make([]int32, 0, vec.BatchSize)
	o.fire = o.emitSession
	return nil
}

// mergeStates adds a session's payload to that of an earlier one, or of a later one.
func (o *SessionAggregate) mergeStates(dst, src []byte, before bool) {
	count(dst[sessionRows:], word(src, sessionRows))
	count(dst[sessionNet:], word(src, sessionNet))
	if before {
		o.set.MergeBefore(&o.store, dst[sessionStates:], src[sessionStates:])
	} else {
		o.set.Merge(&o.store, dst[sessionStates:], &o.store, src[sessionStates:])
	}
	o.set.Release(&o.store, src[sessionStates:])
}

// Process adds rows to their sessions.
func (o *SessionAggregate) Process(_ int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	o.lates = o.lates[:0]
	var n int64
	for _, i := range sel {
		row := int(i)
		arrived(o.progress, b.ArrivalAt(row))
		if o.cfg.Window.ProcTime {
			if err := o.fireUpTo(o.clock.closed(b.ArrivalAt(row) - 1)); err != nil {
				return err
			}
		}
		t, ok := o.cfg.Window.time(o.clock, b, row)
		if !ok {
			if err := o.fail(b, row, errNoTime); err != nil {
				return err
			}
			continue
		}
		n++
		o.add(b, row, t)
	}
	o.ledger.add(assigned, n)
	o.ledger.add(droppedLate, int64(len(o.lates)))
	o.ledger.add(late, int64(len(o.lates)))
	if len(o.lates) > 0 && o.ctx.Late != nil {
		return o.ctx.Late.Process(narrow(&o.sub, b, o.lates))
	}
	return nil
}

func (o *SessionAggregate) add(b *vec.Batch, row int, t int64) {
	o.key = o.keys.append(o.key[:0], b, row)
	p, fresh := o.sessions.touch(o.key, t, o.progress.Int64(progressClosed))
	if p == nil {
		o.lates = append(o.lates, int32(row))
		return
	}
	if fresh && o.set.NeedsTree() {
		o.set.Init(p[sessionStates:], nextGroup(o.progress))
	}
	count(p[sessionRows:], 1)
	if b.Kind(row).Retracts() {
		count(p[sessionNet:], -1)
	} else {
		count(p[sessionNet:], 1)
	}
	o.states[0], o.row[0] = p[sessionStates:], int32(row)
	o.set.Update(&o.store, b, o.states[:], o.row[:])
}

// fireUpTo emits the sessions that end at or before bound.
func (o *SessionAggregate) fireUpTo(bound int64) error {
	if bound <= o.progress.Int64(progressClosed) {
		return nil
	}
	if err := o.sessions.expire(bound, o.fire); err != nil {
		return err
	}
	o.progress.SetInt64(progressClosed, bound)
	return o.emit.flush()
}

func (o *SessionAggregate) emitSession(key []byte, start, end int64, p []byte) error {
	o.ledger.add(fired, word(p, sessionRows))
	var err error
	if word(p, sessionNet) != 0 {
		row, now := o.emit.row(), o.progress.Int64(progressArrival)
		cols := o.emit.batch.Cols
		o.keys.unpack(key, cols, row)
		failed := o.set.Result(&o.store, p[sessionStates:], o.aggs, row)
		for i, prop := range o.cfg.Props {
			o.clock.setProp(cols[len(o.cfg.Keys)+len(o.cfg.Aggs)+i], row, prop, start, end, now)
		}
		err = o.deliver(o.emit, failed, vec.Insert, now)
	}
	o.set.Release(&o.store, p[sessionStates:])
	return err
}

// Watermark fires the sessions that end at or before it.
func (o *SessionAggregate) Watermark(_ int, t int64) error {
	if t != Idle && (!o.cfg.Window.ProcTime || t == EndOfInput) {
		o.progress.SetInt64(progressWatermark, t)
		if err := o.calmly(o.fireUpTo, o.clock.closed(t)); err != nil {
			return err
		}
	}
	return o.ctx.Out.Watermark(t)
}

// Tick fires the processing-time sessions that end at or before now.
func (o *SessionAggregate) Tick(now int64) error {
	arrived(o.progress, now)
	if o.cfg.Window.ProcTime {
		if err := o.calmly(o.fireUpTo, o.clock.closed(now-1)); err != nil {
			return err
		}
	}
	return o.ctx.Out.Tick(now)
}

// Audit implements Audited; Open is counted in the sessions.
func (o *SessionAggregate) Audit() Audit {
	return o.auditOpen(func() int64 { return o.sessions.total(sessionRows) })
}
