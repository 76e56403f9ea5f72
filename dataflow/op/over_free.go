package op

import (
	"bytes"
	"errors"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// FreeOver computes functions over the rows up to each row, in any order of columns. A row
// that comes between others changes the values of those behind it. A row behind all others
// costs one update; any other one a walk over its partition, in which two states are kept
// up: with and without the row. Where the frame is a number of rows the walk is over the
// rows within that distance. A retraction of a row that is not there is ignored.
//
// State:
//
//	partitions key -> overRow, of all rows of the partition
//	rows, finds as ranked has them
//	tree as overCalls has it
//	progress {last id i64}: of partitions and of the states of a walk
type FreeOver struct {
	node
	cfg        OverConfig
	keys       *keyCodec
	calls      *overCalls
	partitions *state.Table
	ranked     *ranked
	progress   *state.Scalars

	emit    *emitter      `scratch:"the emitted batch"`
	before  []*vec.Vector `scratch:"values without a change"`
	with    []byte        `scratch:"the state with the row in hand"`
	without []byte        `scratch:"the state without it"`
	peers   *state.Iter   `scratch:"a walk within one call"`
	key     []byte        `scratch:"the key in hand"`
	start   []byte        `scratch:"where peers begin"`
	end     []byte        `scratch:"where peers end"`
	cur     []byte        `scratch:"a row in hand"`
	frames  [2]rowFrame   `scratch:"the frames of a walk, with the row in hand and without"`
	mine    []byte        `scratch:"the key of the row in hand"`
	sweepAt int           `scratch:"where the search for expired partitions goes on"`
	now     int64         `scratch:"arrival of the newest row of the batch"`
	arrival int64         `scratch:"arrival of the row in hand"`
	expired func(state.Row) bool
}

// overLags is where a FreeOver's states keep the id of their lags: a walk makes states with
// lags of their own, one of which becomes the partition's.
const overLags = overLast

// NewFreeOver makes a FreeOver. A frame with a bound is a number of rows, and its calls are
// aggregates and ROW_NUMBER.
func NewFreeOver(cfg OverConfig) (*FreeOver, error) {
	if cfg.Range && cfg.Preceding >= 0 {
		return nil, errors.New("a frame that is a time needs rows in the order of time")
	}
	return &FreeOver{cfg: cfg, keys: newKeyCodec(cfg.Keys, typesOf(cfg.Input, cfg.Keys))}, nil
}

// Open binds state.
func (o *FreeOver) Open(c *Context) error {
	var err error
	if o.calls, err = newOverCalls(o.cfg, c.Env, o.cfg.Preceding >= 0); err != nil {
		return err
	}
	o.calls.lagAt = overLags
	size := overHead + o.calls.set.Size()
	if err := checkRow(c.Arena, c.ID, size+64); err != nil {
		return err
	}
	l := layout{names: o.cfg.Names}
	l.keys("partitions", o.keys)
	o.calls.describe(&l)
	describeRanked(&l, o.cfg.Order, o.cfg.Input)
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.partitions = o.space.Table("partitions", state.TableSpec{ValueSize: size})
	o.calls.bind(o.space, o.partitions.Heap())
	o.ranked = openRanked(o.space, o.cfg.Order, o.cfg.Input, o.cfg.Retracting)
	o.peers = o.ranked.rows.Iter()
	o.progress = o.space.Scalars("progress", 8)
	o.with, o.without = make([]byte, size), make([]byte, size)
	ts := o.calls.types(o.cfg.Input)
	o.emit = newEmitter(c.Out, append(append([]types.Type(nil), o.cfg.Input...), ts...), true)
	for _, t := range ts {
		o.before = append(o.before, vec.New(t))
	}
	o.expired = o.expire
	return nil
}

// Process applies rows one by one.
func (o *FreeOver) Process(_ int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	for _, i := range sel {
		if err := o.apply(b, int(i)); err != nil {
			return err
		}
	}
	if o.cfg.TTLMs > 0 && len(sel) > 0 {
		o.sweepAt = o.partitions.Sweep(o.sweepAt, 1, o.expired)
	}
	return o.emit.flush()
}

func (o *FreeOver) expire(r state.Row) bool {
	v := o.partitions.Value(r)
	if o.now-word(v, overWrite) < o.cfg.TTLMs {
		return false
	}
	o.calls.release(v)
	o.ranked.drop(word(v, overID))
	return true
}

func (o *FreeOver) newID() int64 {
	id := o.progress.Int64(0) + 1
	o.progress.SetInt64(0, id)
	return id
}

func (o *FreeOver) apply(b *vec.Batch, row int) error {
	o.key = o.keys.append(o.key[:0], b, row)
	o.arrival = b.ArrivalAt(row)
	o.now = max(o.now, o.arrival)
	r, found := o.partitions.Get(o.key)
	if found && o.cfg.TTLMs > 0 && o.arrival-word(o.partitions.Value(r), overWrite) >= o.cfg.TTLMs {
		o.expire(r)
		o.partitions.Delete(o.key)
		found = false
	}
	retract := b.Kind(row).Retracts()
	if !found {
		if retract {
			o.ledger.add(filtered, 1)
			return nil
		}
		r, _ = o.partitions.Upsert(o.key)
		v := o.partitions.MutValue(r)
		o.begin(v)
	}
	v := o.partitions.MutValue(r)
	id := word(v, overID)
	if retract {
		if !o.ranked.locate(b, row, id) {
			o.ledger.add(filtered, 1)
			return nil
		}
		setWord(v, overWrite, o.arrival)
		if o.cfg.Preceding >= 0 {
			return o.slide(v, false)
		}
		return o.walk(v, false)
	}
	setWord(v, overWrite, o.arrival)
	// Sequences go on from those of all rows that the partition ever had.
	seq := word(v, overFrame)
	setWord(v, overFrame, seq+1)
	o.ranked.load(b, row, id, seq)
	if o.cfg.Preceding >= 0 {
		o.ranked.put()
		return o.slide(v, true)
	}
	if o.behindAll(id) {
		o.ranked.put()
		o.calls.update(v, b, row, false)
		o.calls.number(v, b, row, false)
		return o.send(vec.Insert, o.ranked.value, v)
	}
	o.ranked.put()
	return o.walk(v, true)
}

// behindAll tells whether the loaded row comes after all others of its partition, and has
// no peers.
func (o *FreeOver) behindAll(id int64) bool {
	r := o.ranked
	if !r.last(id) {
		return true
	}
	n, m := len(r.key)-8, len(r.it.Key())-8
	if o.cfg.Range {
		return bytes.Compare(r.key[:n], r.it.Key()[:m]) > 0
	}
	return bytes.Compare(r.key, r.it.Key()) > 0
}

// send emits an encoded row with the values of a state.
func (o *FreeOver) send(kind vec.RowKind, row, v []byte) error {
	at, cols, n := o.emit.row(), o.emit.batch.Cols, len(o.cfg.Input)
	o.ranked.codec.decode(row, cols[:n], at)
	return o.deliver(o.emit, o.calls.result(v, cols[n:], at), kind, o.arrival)
}

// begin clears a state of a walk.
func (o *FreeOver) begin(v []byte) {
	clear(v)
	setWord(v, overID, o.newID())
	setWord(v, overLags, word(v, overID))
	o.calls.set.Init(v[overHead:], uint64(word(v, overID)))
}

// walk computes the partition anew, with the loaded row put in or about to go, and emits
// what changes. The state with all rows becomes the partition's.
func (o *FreeOver) walk(v []byte, put bool) error {
	o.begin(o.with)
	o.begin(o.without)
	r, id := o.ranked, word(v, overID)
	o.mine = append(o.mine[:0], r.key...)
	mine := o.mine
	reached := false
	for ok := r.first(id); ok; {
		o.start = append(o.start[:0], r.it.Key()...)
		n := len(o.start) - 8
		var peers [2]bool // whether a state has a row of this order
		for first := true; ok && (first || o.cfg.Range && bytes.HasPrefix(r.it.Key(), o.start[:n]) && len(r.it.Key()) == n+8); first = false {
			own := bytes.Equal(r.it.Key(), mine)
			reached = reached || own
			o.calls.load(r.codec, r.it.Value())
			for k, st := range [2][]byte{o.with, o.without} {
				if !own || k == 0 {
					o.calls.update(st, &o.calls.batch, 0, false)
					o.calls.number(st, &o.calls.batch, 0, peers[k])
					peers[k] = true
				}
			}
			ok = r.next()
		}
		if !reached {
			continue
		}
		o.end = o.end[:0]
		if ok {
			o.end = append(o.end, r.it.Key()...)
		}
		if err := o.changes(mine, put); err != nil {
			return err
		}
	}
	keep, drop := o.with, o.without
	if !put {
		keep, drop = drop, keep
	}
	o.calls.release(drop)
	o.calls.release(v)
	seq, write := word(v, overFrame), word(v, overWrite)
	copy(v, keep)
	setWord(v, overID, id)
	setWord(v, overFrame, seq)
	setWord(v, overWrite, write)
	if put {
		return nil
	}
	r.key = append(r.key[:0], mine...)
	r.remove()
	if word(v, overCount) == 0 {
		o.calls.release(v)
		o.partitions.Delete(o.key)
	}
	return nil
}

// changes emits how the rows from o.start to o.end change.
func (o *FreeOver) changes(mine []byte, put bool) error {
	former, latter := o.without, o.with
	if !put {
		former, latter = latter, former
	}
	for _, c := range o.before {
		c.Reset()
	}
	was := o.calls.result(former, o.before, 0)
	for ok := o.peers.Seek(o.start); ok && (len(o.end) == 0 && bytes.HasPrefix(o.peers.Key(), mine[:8]) || len(o.end) > 0 && bytes.Compare(o.peers.Key(), o.end) < 0); ok = o.peers.Next() {
		if err := o.emit.room(2); err != nil {
			return err
		}
		if bytes.Equal(o.peers.Key(), mine) {
			kind, st := vec.Insert, latter
			if !put {
				kind, st = vec.Delete, former
			}
			if err := o.send(kind, o.peers.Value(), st); err != nil {
				return err
			}
			continue
		}
		at, n := o.emit.row(), len(o.cfg.Input)
		aggs := o.emit.batch.Cols[n:]
		if is := o.calls.result(latter, aggs, at); was == nil && is == nil && sameCells(o.before, 0, aggs, at) {
			continue
		}
		if o.cfg.UpdateBefore {
			if err := o.send(vec.UpdateBefore, o.peers.Value(), former); err != nil {
				return err
			}
		}
		if err := o.send(vec.UpdateAfter, o.peers.Value(), latter); err != nil {
			return err
		}
	}
	return nil
}

// Watermark forwards.
func (o *FreeOver) Watermark(_ int, t int64) error { return o.ctx.Out.Watermark(t) }

// Tick forwards.
func (o *FreeOver) Tick(now int64) error { return o.ctx.Out.Tick(now) }

// Audit implements Audited.
func (o *FreeOver) Audit() Audit { return o.ledger.audit() }
