package op

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Over computes functions over the rows up to each row, in the order of time. Its input is
// append-only. By event time rows wait for the watermark and go out in the order of their
// times; by arrival time they go out at once, but for a frame that is a time, whose rows of
// one ms are peers and wait for the next. Late rows are dropped: over all preceding rows
// those not after the watermark, over a bounded frame those not after the last row of their
// partition.
//
// State:
//
//	partitions key -> overRow
//	pending    time, id of the partition, sequence -> {arrival i64, encoded row}
//	frame      id, time, sequence -> encoded row, of bounded frames
//	ends       time, key -> nothing: when a frame that is a time is empty for good
//	lags, tree as overCalls has them
//	progress   {last id i64, next sequence i64, watermark i64, set i64, arrival of the newest row i64}
type Over struct {
	node
	cfg        OverConfig
	keys       *keyCodec
	codec      *rowCodec
	calls      *overCalls
	partitions *state.Table
	pending    *state.Ordered
	frame      *state.Ordered
	ends       *state.Ordered
	progress   *state.Scalars

	emit    *emitter    `scratch:"the emitted batch"`
	it      *state.Iter `scratch:"a walk within one call"`
	peers   *state.Iter `scratch:"a walk within one call"`
	old     *state.Iter `scratch:"a walk within one call"`
	lates   []int32     `scratch:"rows of a batch"`
	sub     vec.Batch   `scratch:"late rows"`
	key     []byte      `scratch:"the key in hand"`
	at      []byte      `scratch:"the key in hand"`
	from    []byte      `scratch:"the key in hand"`
	prefix  []byte      `scratch:"the key in hand"`
	value   []byte      `scratch:"the row in hand"`
	sweepAt int         `scratch:"where the search for expired partitions goes on"`
	now     int64       `scratch:"arrival of the newest row of the batch"`
	expired func(state.Row) bool
}

const (
	overLastID    = 0
	overNext      = 8
	overWatermark = 16
	overSet       = 24
	overArrival   = 32
	overProgress  = 40
)

// NewOver makes an Over.
func NewOver(cfg OverConfig) (*Over, error) {
	return &Over{cfg: cfg, keys: newKeyCodec(cfg.Keys, typesOf(cfg.Input, cfg.Keys)), codec: newRowCodec(cfg.Input)}, nil
}

// bounded tells that rows leave the frame; waits that rows are emitted later.
func (o *Over) bounded() bool { return o.cfg.Preceding >= 0 }
func (o *Over) waits() bool   { return o.cfg.Time >= 0 || o.cfg.Range && o.bounded() }

// Open binds state.
func (o *Over) Open(c *Context) error {
	var err error
	if o.calls, err = newOverCalls(o.cfg, c.Env, o.bounded()); err != nil {
		return err
	}
	size := overHead + o.calls.set.Size()
	if err := checkRow(c.Arena, c.ID, size+64); err != nil {
		return err
	}
	l := layout{names: o.cfg.Names}
	l.keys("partitions", o.keys)
	o.calls.describe(&l)
	for i, t := range o.cfg.Input {
		l.column("pending", i, i, t, false, i, 0)
	}
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.partitions = o.space.Table("partitions", state.TableSpec{ValueSize: size})
	o.calls.bind(o.space, o.partitions.Heap())
	o.pending = o.space.Ordered("pending", state.OrderedSpec{ValueSize: -1})
	o.frame = o.space.Ordered("frame", state.OrderedSpec{ValueSize: -1})
	o.ends = o.space.Ordered("ends", state.OrderedSpec{})
	o.progress = o.space.Scalars("progress", overProgress)
	if o.progress.Int64(overSet) == 0 {
		o.progress.SetInt64(overSet, 1)
		o.progress.SetInt64(overWatermark, math.MinInt64)
	}
	o.it, o.peers, o.old = o.pending.Iter(), o.pending.Iter(), o.frame.Iter()
	o.emit = newEmitter(c.Out, append(append([]types.Type(nil), o.cfg.Input...), o.calls.types(o.cfg.Input)...), false)
	o.lates = make([]int32, 0, vec.BatchSize)
	o.expired = o.expire
	return nil
}

// Process keeps rows, or emits them at once.
func (o *Over) Process(_ int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	o.lates = o.lates[:0]
	o.now = o.progress.Int64(overArrival)
	for _, i := range sel {
		row := int(i)
		if t := b.ArrivalAt(row); t > o.now {
			o.now = t
			o.progress.SetInt64(overArrival, t)
		}
		var err error
		if o.waits() {
			err = o.wait(b, row)
		} else {
			err = o.immediate(b, row)
		}
		if err != nil {
			return err
		}
	}
	if o.cfg.TTLMs > 0 && len(sel) > 0 {
		o.sweepAt = o.partitions.Sweep(o.sweepAt, 1, o.expired)
	}
	o.ledger.add(late, int64(len(o.lates)))
	if len(o.lates) > 0 && o.ctx.Late != nil {
		if err := o.ctx.Late.Process(narrow(&o.sub, b, o.lates)); err != nil {
			return err
		}
	}
	return o.emit.flush()
}

// open finds or makes the partition under o.key.
func (o *Over) open(arrival int64) []byte {
	r, created := o.partitions.Upsert(o.key)
	v := o.partitions.MutValue(r)
	if !created && o.cfg.TTLMs > 0 && arrival-word(v, overWrite) >= o.cfg.TTLMs {
		// Rows that wait belong to the partition by its id.
		id, waits := word(v, overID), word(v, overWaits)
		o.dropEnd(v)
		o.empty(v)
		clear(v)
		setWord(v, overID, id)
		setWord(v, overWaits, waits)
		created = true
	}
	if created {
		id := word(v, overID)
		if id == 0 {
			id = o.progress.Int64(overLastID) + 1
			o.progress.SetInt64(overLastID, id)
			setWord(v, overID, id)
		}
		setWord(v, overLast, math.MinInt64)
		o.calls.set.Init(v[overHead:], uint64(id))
	}
	setWord(v, overWrite, arrival)
	return v
}

// empty frees what a partition keeps outside of its row.
func (o *Over) empty(v []byte) {
	o.calls.release(v)
	o.at = appendID(o.at[:0], word(v, overID))
	o.from = appendID(o.from[:0], word(v, overID)+1)
	o.frame.DeleteRange(o.at, o.from)
}

func (o *Over) expire(r state.Row) bool {
	v := o.partitions.Value(r)
	if o.now-word(v, overWrite) < o.cfg.TTLMs || word(v, overWaits) > 0 {
		return false
	}
	o.key = append(o.key[:0], o.partitions.Key(r)...)
	o.dropEnd(v)
	o.empty(v)
	return true
}

// wait keeps a row until its time is over.
func (o *Over) wait(b *vec.Batch, row int) error {
	arrival := b.ArrivalAt(row)
	t := arrival
	if o.cfg.Time < 0 {
		if err := o.fire(arrival - 1); err != nil {
			return err
		}
	} else {
		c := b.Cols[o.cfg.Time]
		if c.IsNull(row) {
			return o.fail(b, row, errNoOrder)
		}
		t = millis(c.I64[row])
	}
	o.key = o.keys.append(o.key[:0], b, row)
	if o.late(t, arrival) {
		o.lates = append(o.lates, int32(row))
		return nil
	}
	v := o.open(arrival)
	count(v[overWaits:], 1)
	o.at = appendID(appendOrdered(o.at[:0], t), word(v, overID))
	o.at = appendID(o.at, o.sequence())
	o.value = binary.LittleEndian.AppendUint64(reuse(o.value), uint64(arrival))
	o.value = o.codec.append(o.value, b, row)
	o.pending.Put(o.at, o.value)
	return nil
}

func (o *Over) sequence() int64 {
	seq := o.progress.Int64(overNext)
	o.progress.SetInt64(overNext, seq+1)
	return seq
}

// late tells whether a row of time t of the partition under o.key comes too late. Of a
// partition that has expired nothing is known, whether it has been given back or not.
func (o *Over) late(t, arrival int64) bool {
	if o.cfg.Time < 0 || t > o.progress.Int64(overWatermark) {
		return false
	}
	if !o.bounded() {
		return true
	}
	r, ok := o.partitions.Get(o.key)
	if !ok {
		return false
	}
	v := o.partitions.Value(r)
	if o.cfg.TTLMs > 0 && arrival-word(v, overWrite) >= o.cfg.TTLMs {
		return false
	}
	return t <= word(v, overLast)
}

// immediate emits a row as it comes.
func (o *Over) immediate(b *vec.Batch, row int) error {
	arrival := b.ArrivalAt(row)
	o.key = o.keys.append(o.key[:0], b, row)
	v := o.open(arrival)
	if o.bounded() {
		o.value = o.codec.append(reuse(o.value), b, row)
		o.enter(v, arrival, o.value)
	}
	o.calls.update(v, b, row, false)
	o.calls.number(v, b, row, false)
	at := o.emit.row()
	cols, n := o.emit.batch.Cols, len(o.cfg.Input)
	for c := range n {
		cols[c].Copy(at, b.Cols[c], row)
	}
	return o.deliver(o.emit, o.calls.result(v, cols[n:], at), vec.Insert, arrival)
}

// enter puts a row into a bounded frame; of a frame that is a number of rows the first one
// leaves when it is full.
func (o *Over) enter(v []byte, t int64, row []byte) {
	if !o.cfg.Range && word(v, overFrame) > o.cfg.Preceding {
		o.leave(v, math.MaxInt64, 1)
	}
	o.at = appendOrdered(appendID(o.at[:0], word(v, overID)), t)
	o.at = appendID(o.at, o.sequence())
	o.frame.Put(o.at, row)
	count(v[overFrame:], 1)
}

// leave takes up to most rows before time t out of the frame.
func (o *Over) leave(v []byte, t, most int64) {
	o.from = appendID(o.from[:0], word(v, overID))
	for ok := o.old.Seek(o.from); ok && most > 0 && bytes.HasPrefix(o.old.Key(), o.from); ok = o.old.Next() {
		if readOrdered(o.old.Key()[8:]) >= t {
			return
		}
		o.calls.load(o.codec, o.old.Value())
		o.calls.update(v, nil, 0, true)
		o.old.Delete()
		count(v[overFrame:], -1)
		most--
	}
}

// fire emits the rows that wait, up to a time.
func (o *Over) fire(t int64) error {
	for ok := o.it.First(); ok; ok = o.it.First() {
		at := readOrdered(o.it.Key())
		if at > t {
			break
		}
		if err := o.group(at); err != nil {
			return err
		}
		o.relieve()
	}
	o.sweepEnds(t)
	return nil
}

// group emits the rows of one time and partition, of which the walk is at the first.
func (o *Over) group(t int64) error {
	o.prefix = append(o.prefix[:0], o.it.Key()[:16]...)
	first := o.it.Value()
	arrival := word(first, 0)
	o.calls.load(o.codec, first[8:])
	o.key = o.keys.append(o.key[:0], &o.calls.batch, 0)
	v := o.open(max(o.progress.Int64(overArrival), arrival))
	if o.cfg.Range && o.bounded() && t >= math.MinInt64+o.cfg.Preceding {
		o.leave(v, t-o.cfg.Preceding, math.MaxInt64)
	}
	peer := word(v, overLast) == t
	for ok := o.it.Seek(o.prefix); ok && bytes.HasPrefix(o.it.Key(), o.prefix); ok = o.it.Next() {
		o.value = append(reuse(o.value), o.it.Value()...)
		if o.bounded() {
			o.enter(v, t, o.value[8:])
		}
		o.calls.load(o.codec, o.value[8:])
		o.calls.update(v, &o.calls.batch, 0, false)
		o.calls.number(v, &o.calls.batch, 0, peer)
		peer = true
		count(v[overWaits:], -1)
		if !o.cfg.Range {
			if err := o.send(v, o.value); err != nil {
				return err
			}
		}
	}
	setWord(v, overLast, t)
	if o.cfg.Range {
		for ok := o.peers.Seek(o.prefix); ok && bytes.HasPrefix(o.peers.Key(), o.prefix); ok = o.peers.Next() {
			if err := o.send(v, o.peers.Value()); err != nil {
				return err
			}
		}
	}
	o.from = appendID(append(o.from[:0], o.prefix[:8]...), readID(o.prefix[8:])+1)
	o.pending.DeleteRange(o.prefix, o.from)
	o.renewEnd(v, t)
	return nil
}

// send emits a kept row with the values of the calls.
func (o *Over) send(v, row []byte) error {
	at, cols, n := o.emit.row(), o.emit.batch.Cols, len(o.cfg.Input)
	o.codec.decode(row[8:], cols[:n], at)
	return o.deliver(o.emit, o.calls.result(v, cols[n:], at), vec.Insert, word(row, 0))
}

// renewEnd notes when the frame of the partition under o.key will be empty for good.
func (o *Over) renewEnd(v []byte, t int64) {
	if !o.cfg.Range || !o.bounded() {
		return
	}
	o.dropEnd(v)
	end := t + o.cfg.Preceding + 1
	if end == 0 {
		end = 1 // 0 tells that there is none
	}
	setWord(v, overEnd, end)
	o.at = append(appendOrdered(o.at[:0], end), o.key...)
	o.ends.Put(o.at, nil)
}

// dropEnd forgets the end of the partition under o.key.
func (o *Over) dropEnd(v []byte) {
	if end := word(v, overEnd); end != 0 {
		o.at = append(appendOrdered(o.at[:0], end), o.key...)
		o.ends.Delete(o.at)
		setWord(v, overEnd, 0)
	}
}

// sweepEnds forgets the partitions whose frames are empty for rows after time t.
func (o *Over) sweepEnds(t int64) {
	if t == EndOfInput {
		return
	}
	for {
		k, _, ok := o.ends.Min()
		if !ok || readOrdered(k) > t {
			return
		}
		o.key = append(o.key[:0], k[8:]...)
		r, _ := o.partitions.Get(o.key)
		v := o.partitions.MutValue(r)
		o.dropEnd(v)
		if word(v, overWaits) == 0 {
			o.empty(v)
			o.partitions.Delete(o.key)
		}
		o.relieve()
	}
}

// Watermark emits the rows that wait for it.
func (o *Over) Watermark(_ int, t int64) error {
	if o.waits() && (t == EndOfInput || t != Idle && o.cfg.Time >= 0) {
		if err := o.calmly(o.fire, t); err != nil {
			return err
		}
		o.progress.SetInt64(overWatermark, t)
		if err := o.emit.flush(); err != nil {
			return err
		}
	}
	return o.ctx.Out.Watermark(t)
}

// Tick emits the rows whose arrival time is over.
func (o *Over) Tick(now int64) error {
	if o.waits() && o.cfg.Time < 0 {
		if err := o.calmly(o.fire, now-1); err != nil {
			return err
		}
		if err := o.emit.flush(); err != nil {
			return err
		}
	}
	return o.ctx.Out.Tick(now)
}

// Audit implements Audited.
func (o *Over) Audit() Audit { return o.ledger.audit() }
