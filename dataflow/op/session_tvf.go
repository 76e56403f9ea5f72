package op

import (
	"encoding/binary"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// SessionTVF keeps the rows of each session and emits them, with the session's bounds
// appended, when it closes.
//
// State: that of sessions, whose payload is {id u64, next sequence u64, rows u64}; rows:
// session id, sequence -> {arrival i64, kind u8, encoded row}; progress as a
// WindowAggregate has it.
type SessionTVF struct {
	node
	cfg      WindowTVFConfig
	keys     *keyCodec
	codec    *rowCodec
	clock    *wallClock `scratch:"a cache of the zone's rules"`
	sessions *sessions
	rows     *state.Ordered
	progress *state.Scalars

	emit  *emitter    `scratch:"the emitted batch"`
	it    *state.Iter `scratch:"a walk within one call"`
	key   []byte      `scratch:"the key in hand"`
	at    []byte      `scratch:"the key in hand"`
	value []byte      `scratch:"the row in hand"`
	lates []int32     `scratch:"rows of a batch"`
	sub   vec.Batch   `scratch:"late rows"`
	fire  func(key []byte, start, end int64, payload []byte) error
}

const (
	tvfID   = 0
	tvfNext = 8
	tvfRows = 16
	tvfSize = 24
	rowHead = 9 // arrival and kind
)

func newSessionTVF(cfg WindowTVFConfig) *SessionTVF {
	return &SessionTVF{cfg: cfg, keys: newKeyCodec(cfg.Keys, typesOf(cfg.Input, cfg.Keys)), codec: newRowCodec(cfg.Input)}
}

// Open binds state.
func (o *SessionTVF) Open(c *Context) error {
	l := layout{names: o.cfg.Names}
	l.keys("sessions", o.keys)
	l.add("sessions", fmt.Sprintf("SESSION %d", o.cfg.Window.Size), "window", true, 0, 0)
	for i, t := range o.cfg.Input {
		l.column("rows", i, i, t, false, i, 0)
	}
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.sessions = openSessions(&o.node, o.cfg.Window.Size, tvfSize, o.move, func(p []byte) int64 { return word(p, tvfRows) })
	o.rows = o.space.Ordered("rows", state.OrderedSpec{ValueSize: -1})
	o.it = o.rows.Iter()
	o.progress = openProgress(o.space)
	o.clock = newWallClock(o.cfg.Window.Local || o.cfg.Window.ProcTime, zoneOf(c))
	o.emit = newEmitter(c.Out, append(append(o.cfg.Input[:0:0], o.cfg.Input...), tvfProps(o.cfg.Window)...), true)
	o.lates = make([]int32, 0, vec.BatchSize)
	o.fire = o.emitSession
	return nil
}

func (o *SessionTVF) rowKey(id, seq uint64) []byte {
	o.at = binary.BigEndian.AppendUint64(o.at[:0], id)
	o.at = binary.BigEndian.AppendUint64(o.at, seq)
	return o.at
}

// move gives the rows of a session to another one, behind its own or before them.
func (o *SessionTVF) move(dst, src []byte, before bool) {
	id, to, n := uint64(word(src, tvfID)), uint64(word(dst, tvfID)), word(src, tvfRows)
	seq := uint64(word(dst, tvfNext))
	if before {
		seq = o.room(dst, uint64(n))
	} else {
		count(dst[tvfNext:], n)
	}
	for ok := o.it.Seek(o.rowKey(id, 0)); ok && binary.BigEndian.Uint64(o.it.Key()) == id; ok = o.it.Next() {
		o.value = append(o.value[:0], o.it.Value()...)
		o.rows.Put(o.rowKey(to, seq), o.value)
		seq++
	}
	count(dst[tvfRows:], n)
	o.forget(id)
}

// seqShift is by how much the sequence of a session's rows is raised to make room before them.
const seqShift = 1 << 62

// room is the first of n sequences before those of a session's rows. Where there are none the
// rows move up, once in a session's life.
func (o *SessionTVF) room(p []byte, n uint64) uint64 {
	id := uint64(word(p, tvfID))
	o.it.Seek(o.rowKey(id, 0))
	first := binary.BigEndian.Uint64(o.it.Key()[8:])
	if first >= n {
		return first - n
	}
	for range word(p, tvfRows) {
		seq := binary.BigEndian.Uint64(o.it.Key()[8:])
		o.value = append(o.value[:0], o.it.Value()...)
		o.rows.Delete(o.rowKey(id, seq))
		o.rows.Put(o.rowKey(id, seq+seqShift), o.value)
		o.it.Next()
	}
	count(p[tvfNext:], seqShift)
	return first + seqShift - n
}

func (o *SessionTVF) forget(id uint64) {
	o.value = binary.BigEndian.AppendUint64(o.value[:0], id+1)
	o.rows.DeleteLeaves(o.rowKey(id, 0), o.value, o.relieve)
}

// Process keeps rows.
func (o *SessionTVF) Process(_ int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	o.lates = o.lates[:0]
	var n int64
	for _, i := range sel {
		row, arrival := int(i), b.ArrivalAt(int(i))
		if o.cfg.Window.ProcTime {
			if err := o.fireUpTo(o.clock.closed(arrival - 1)); err != nil {
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
		o.add(b, row, t, arrival)
	}
	o.ledger.add(assigned, n)
	o.ledger.add(droppedLate, int64(len(o.lates)))
	o.ledger.add(late, int64(len(o.lates)))
	if len(o.lates) > 0 && o.ctx.Late != nil {
		return o.ctx.Late.Process(narrow(&o.sub, b, o.lates))
	}
	return nil
}

func (o *SessionTVF) add(b *vec.Batch, row int, t, arrival int64) {
	o.key = o.keys.append(o.key[:0], b, row)
	p, fresh := o.sessions.touch(o.key, t, o.progress.Int64(progressClosed))
	if p == nil {
		o.lates = append(o.lates, int32(row))
		return
	}
	if fresh {
		setWord(p, tvfID, int64(nextGroup(o.progress)))
	}
	o.value = binary.LittleEndian.AppendUint64(o.value[:0], uint64(arrival))
	o.value = o.codec.append(append(o.value, byte(b.Kind(row))), b, row)
	o.rows.Put(o.rowKey(uint64(word(p, tvfID)), uint64(word(p, tvfNext))), o.value)
	count(p[tvfNext:], 1)
	count(p[tvfRows:], 1)
}

func (o *SessionTVF) fireUpTo(bound int64) error {
	if bound <= o.progress.Int64(progressClosed) {
		return nil
	}
	if err := o.sessions.expire(bound, o.fire); err != nil {
		return err
	}
	o.progress.SetInt64(progressClosed, bound)
	return o.emit.flush()
}

func (o *SessionTVF) emitSession(_ []byte, start, end int64, p []byte) error {
	o.ledger.add(fired, word(p, tvfRows))
	id := uint64(word(p, tvfID))
	cols, n := o.emit.batch.Cols, len(o.cfg.Input)
	for ok := o.it.Seek(o.rowKey(id, 0)); ok && binary.BigEndian.Uint64(o.it.Key()) == id; ok = o.it.Next() {
		v, row := o.it.Value(), o.emit.row()
		o.codec.decode(v[rowHead:], cols, row)
		for k, prop := range []WindowProp{WindowStart, WindowEnd, WindowTime} {
			o.clock.setProp(cols[n+k], row, prop, start, end, 0)
		}
		if err := o.emit.keep(vec.RowKind(v[8]), word(v, 0)); err != nil {
			return err
		}
		o.relieve()
	}
	o.forget(id)
	return nil
}

// Watermark emits the sessions that end at or before it.
func (o *SessionTVF) Watermark(_ int, t int64) error {
	if t != Idle && (!o.cfg.Window.ProcTime || t == EndOfInput) {
		o.progress.SetInt64(progressWatermark, t)
		if err := o.calmly(o.fireUpTo, o.clock.closed(t)); err != nil {
			return err
		}
	}
	return o.ctx.Out.Watermark(t)
}

// Tick emits the processing-time sessions that end at or before now.
func (o *SessionTVF) Tick(now int64) error {
	if o.cfg.Window.ProcTime {
		if err := o.calmly(o.fireUpTo, o.clock.closed(now-1)); err != nil {
			return err
		}
	}
	return o.ctx.Out.Tick(now)
}

// Audit implements Audited; Open is counted in the sessions.
func (o *SessionTVF) Audit() Audit {
	return o.auditOpen(func() int64 { return o.sessions.total(tvfRows) })
}
