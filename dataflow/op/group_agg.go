package op

import (
	"bytes"
	"encoding/binary"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// GroupAggregate aggregates by key without windows and emits the changes: +I for a new
// group, -U and +U when its values change, -D when retractions empty it. A change that
// leaves the values as they are is not emitted, unless state expires: then the new row
// renews what lies downstream. Without aggregates (SELECT DISTINCT) rows are only inserted
// and deleted. A retraction for a group that is not there is ignored.
//
// State:
//
//	groups   key -> {net rows i64, last write i64 ms, mark u64, states of the AggSet}
//	tree     entries of aggregates
//	progress {last group id u64, mark u64}
//
// A group's mark is that of the last batch that touched it.
type GroupAggregate struct {
	node
	cfg  GroupAggConfig
	keys *keyCodec
	set  *expr.AggSet

	groups   *state.Table
	progress *state.Scalars
	store    expr.AggStore `scratch:"bound to the heap and the tree"`

	emit    *emitter      `scratch:"the emitted batch"`
	aggs    []*vec.Vector `scratch:"columns of the emitted batch"`
	before  []*vec.Vector `scratch:"values before a batch"`
	held    weight        `scratch:"columns of the values before a batch"`
	unknown []error       `scratch:"why values before a batch could not be computed"`
	touched []int32       `scratch:"groups of a batch"`
	sel     []int32       `scratch:"rows of a batch"`
	rows    []state.Row   `scratch:"rows of a batch"`
	created []bool        `scratch:"rows of a batch"`
	states  [][]byte      `scratch:"rows of a batch"`
	sweepAt int           `scratch:"where the search for expired groups goes on"`
	now     int64         `scratch:"arrival of the newest row of the batch"`
	expired func(state.Row) bool
}

const (
	groupNet   = 0
	groupWrite = 8
	groupMark  = 16
	groupHead  = 24
)

// NewGroupAggregate makes a GroupAggregate.
func NewGroupAggregate(cfg GroupAggConfig) (*GroupAggregate, error) {
	return &GroupAggregate{cfg: cfg, keys: newKeyCodec(cfg.Keys, typesOf(cfg.Input, cfg.Keys))}, nil
}

// Open binds state.
func (o *GroupAggregate) Open(c *Context) error {
	var err error
	if o.set, err = expr.NewAggSet(o.cfg.Aggs, c.Env, o.cfg.Retracting); err != nil {
		return err
	}
	size := groupHead + o.set.Size()
	if err := checkRow(c.Arena, c.ID, size+64); err != nil {
		return err
	}
	l := layout{names: o.cfg.Names}
	l.keys("groups", o.keys)
	l.add("groups", "net rows", "BIGINT", false, groupNet, 8)
	l.add("groups", "last write", "BIGINT", false, groupWrite, 8)
	l.add("groups", "mark", "BIGINT", false, groupMark, 8)
	l.aggs("groups", o.set, groupHead)
	l.retracts, l.move = o.cfg.Retracting, o.migrate
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.groups = o.space.Table("groups", state.TableSpec{ValueSize: size})
	o.progress = o.space.Scalars("progress", 16)
	o.store.Heap = o.groups.Heap()
	if o.set.NeedsTree() {
		o.store.Tree = o.space.Ordered("tree", state.OrderedSpec{ValueSize: -1})
	}
	ts := append(typesOf(o.cfg.Input, o.cfg.Keys), o.set.Types()...)
	o.emit = newEmitter(c.Out, ts, true)
	o.aggs = o.emit.batch.Cols[len(o.cfg.Keys):]
	for _, t := range o.set.Types() {
		o.before = append(o.before, vec.New(t))
	}
	o.held, o.unknown = weigh(o.before), make([]error, vec.BatchSize)
	o.touched, o.sel = make([]int32, 0, vec.BatchSize), make([]int32, 0, vec.BatchSize)
	o.rows, o.created = make([]state.Row, vec.BatchSize), make([]bool, vec.BatchSize)
	o.states = make([][]byte, vec.BatchSize)
	o.expired = o.expire
	return nil
}

// migrate moves the groups of a query with other aggregates.
func (o *GroupAggregate) migrate(s *state.Space, m *expr.AggMove) error {
	o.progress = s.Scalars("progress", 16)
	v := mover{m: m, head: groupHead, newID: o.nextGroup}
	if err := v.table(s.StoredTable("groups"), s.Table(moved("groups"), state.TableSpec{ValueSize: groupHead + o.set.Size()})); err != nil {
		return err
	}
	o.layout.dropTree(s)
	return s.Replace("groups", moved("groups"))
}

// nextGroup gives out a group id.
func (o *GroupAggregate) nextGroup() uint64 {
	id := o.progress.Int64(0) + 1
	o.progress.SetInt64(0, id)
	return uint64(id)
}

// Process applies rows and emits what changed.
func (o *GroupAggregate) Process(_ int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	if len(sel) == 0 {
		return nil
	}
	o.now = b.ArrivalAt(int(sel[len(sel)-1]))
	keys, offs := o.keys.pack(b, sel)
	apply := o.each
	if o.cfg.MiniBatch && o.cfg.TTLMs == 0 {
		apply = o.coalesce // state may expire between two rows of a batch
	}
	if err := apply(b, sel, keys, offs); err != nil {
		return err
	}
	if o.cfg.TTLMs > 0 {
		o.sweepAt = o.groups.Sweep(o.sweepAt, 1, o.expired)
	}
	return o.emit.flush()
}

// expire tells whether a group's state has expired, and frees what it refers to.
func (o *GroupAggregate) expire(r state.Row) bool {
	v := o.groups.Value(r)
	if o.now-int64(binary.LittleEndian.Uint64(v[groupWrite:])) < o.cfg.TTLMs {
		return false
	}
	o.set.Release(&o.store, v[groupHead:])
	return true
}

// open returns the value of a group for writing; first tells that the group has no rows,
// because it is new or has expired.
func (o *GroupAggregate) open(r state.Row, created bool, arrival int64) (v []byte, first bool) {
	v = o.groups.MutValue(r)
	first = created
	if !created && o.cfg.TTLMs > 0 && arrival-int64(binary.LittleEndian.Uint64(v[groupWrite:])) >= o.cfg.TTLMs {
		o.set.Release(&o.store, v[groupHead:])
		clear(v)
		first = true
	}
	if first && o.set.NeedsTree() {
		o.set.Init(v[groupHead:], o.nextGroup())
	}
	if o.cfg.TTLMs > 0 {
		binary.LittleEndian.PutUint64(v[groupWrite:], uint64(arrival))
	}
	return v, first
}

// each applies rows one by one.
func (o *GroupAggregate) each(b *vec.Batch, sel []int32, keys []byte, offs []uint32) error {
	if !o.cfg.Retracting {
		o.groups.UpsertBatch(keys, offs, o.rows, o.created)
	}
	for k, i := range sel {
		key := keys[offs[k]:offs[k+1]]
		row, created := o.rows[k], o.created[k]
		if o.cfg.Retracting {
			row, created = o.groups.Upsert(key)
		}
		arrival := b.ArrivalAt(int(i))
		v, first := o.open(row, created, arrival)
		retract := b.Kind(int(i)).Retracts()
		if first && retract {
			o.drop(key, v)
			continue
		}
		if err := o.emit.room(2); err != nil {
			return err
		}
		at := o.emit.row()
		var was error
		if !first {
			was = o.set.Result(&o.store, v[groupHead:], o.aggs, at)
		}
		o.states[0] = v[groupHead:]
		o.set.Update(&o.store, b, o.states[:1], sel[k:k+1])
		if retract {
			count(v[groupNet:], -1)
		} else {
			count(v[groupNet:], 1)
		}
		if err := o.change(key, v, first, was, at, arrival); err != nil {
			return err
		}
	}
	return nil
}

// change emits what became of a group whose former values are in row at of the batch, or could
// not be computed.
func (o *GroupAggregate) change(key, v []byte, first bool, was error, at int, arrival int64) error {
	cols := o.emit.batch.Cols
	if o.cfg.Retracting && word(v, groupNet) == 0 {
		o.drop(key, v)
		if first {
			return nil
		}
		o.keys.unpack(key, cols, at)
		if !o.cfg.UpdateBefore {
			was = nil // what came out before may be there still, and goes by its key
		}
		return o.deliver(o.emit, was, vec.Delete, arrival)
	}
	if first {
		o.keys.unpack(key, cols, at)
		return o.deliver(o.emit, o.set.Result(&o.store, v[groupHead:], o.aggs, at), vec.Insert, arrival)
	}
	is := o.set.Result(&o.store, v[groupHead:], o.aggs, at+1)
	if (o.cfg.TTLMs == 0 || len(o.cfg.Aggs) == 0) && was == nil && is == nil && sameCells(o.aggs, at, o.aggs, at+1) {
		return nil
	}
	if o.cfg.UpdateBefore && was == nil {
		o.keys.unpack(key, cols, at)
		if err := o.emit.keep(vec.UpdateBefore, arrival); err != nil {
			return err
		}
		at = o.emit.row() // there was room for two rows, and so the batch is not flushed between them
	} else {
		for _, c := range o.aggs {
			c.Copy(at, c, at+1)
		}
	}
	o.keys.unpack(key, cols, at)
	return o.deliver(o.emit, is, vec.UpdateAfter, arrival)
}

// drop deletes a group.
func (o *GroupAggregate) drop(key, v []byte) {
	o.set.Release(&o.store, v[groupHead:])
	o.groups.Delete(key)
}

// coalesce applies rows, then emits one change a group. Where former values have no fixed
// size it does so for as many rows at a time as have little.
func (o *GroupAggregate) coalesce(b *vec.Batch, sel []int32, keys []byte, offs []uint32) error {
	for len(sel) > 0 {
		n := o.gather(b, sel, keys, offs)
		if err := o.changes(b, sel, keys, offs); err != nil {
			return err
		}
		sel, offs = sel[n:], offs[n:]
	}
	return nil
}

// gather applies rows, whose groups it lists in touched with their former values in before,
// and returns how many it has taken.
func (o *GroupAggregate) gather(b *vec.Batch, sel []int32, keys []byte, offs []uint32) int {
	mark := uint64(o.progress.Int64(8)) + 1
	o.progress.SetInt64(8, int64(mark))
	large := len(o.held) > 0
	if !large {
		o.groups.UpsertBatch(keys, offs[:len(sel)+1], o.rows, o.created)
	}
	for _, v := range o.before {
		v.Reset()
	}
	o.touched, o.sel = o.touched[:0], o.sel[:0]
	taken := 0
	for k, i := range sel {
		if large {
			if o.held.heavy() {
				break
			}
			o.rows[k], o.created[k] = o.groups.Upsert(keys[offs[k]:offs[k+1]])
		}
		taken++
		v := o.groups.MutValue(o.rows[k])
		if binary.LittleEndian.Uint64(v[groupMark:]) != mark {
			v = o.touch(k, mark, b.ArrivalAt(int(i)))
		}
		by := int64(1)
		if b.Kind(int(i)).Retracts() {
			if binary.LittleEndian.Uint64(v[groupNet:]) == 0 {
				continue
			}
			by = -1
		}
		count(v[groupNet:], by)
		o.states[len(o.sel)] = v[groupHead:]
		o.sel = append(o.sel, i)
	}
	o.set.Update(&o.store, b, o.states[:len(o.sel)], o.sel)
	return taken
}

// touch notes that row k is the first of its group in the batch.
func (o *GroupAggregate) touch(k int, mark uint64, arrival int64) []byte {
	v, first := o.open(o.rows[k], o.created[k], arrival)
	o.created[k] = first
	binary.LittleEndian.PutUint64(v[groupMark:], mark)
	n := len(o.touched)
	o.unknown[n] = nil
	if !first {
		o.unknown[n] = o.set.Result(&o.store, v[groupHead:], o.before, n)
	}
	o.touched = append(o.touched, int32(k))
	return v
}

// changes emits what became of the groups in touched.
func (o *GroupAggregate) changes(b *vec.Batch, sel []int32, keys []byte, offs []uint32) error {
	for g, k := range o.touched {
		if err := o.emit.room(2); err != nil {
			return err
		}
		v, at, first := o.groups.MutValue(o.rows[k]), o.emit.row(), o.created[k]
		if !first {
			for c, col := range o.aggs {
				col.Copy(at, o.before[c], g)
			}
		}
		empty := binary.LittleEndian.Uint64(v[groupNet:]) == 0
		key := keys[offs[k]:offs[k+1]]
		if empty && !o.cfg.Retracting {
			continue
		}
		if err := o.change(key, v, first, o.unknown[g], at, b.ArrivalAt(int(sel[k]))); err != nil {
			return err
		}
	}
	return nil
}

// sameCells tells whether row i of a equals row j of b.
func sameCells(a []*vec.Vector, i int, b []*vec.Vector, j int) bool {
	for c := range a {
		if !sameCell(a[c], i, b[c], j) {
			return false
		}
	}
	return true
}

func sameCell(x *vec.Vector, i int, y *vec.Vector, j int) bool {
	if x.IsNull(i) || y.IsNull(j) {
		return x.IsNull(i) && y.IsNull(j)
	}
	switch x.Phys {
	case types.I64:
		return x.I64[i] == y.I64[j]
	case types.F64:
		return x.F64[i] == y.F64[j] || x.F64[i] != x.F64[i] && y.F64[j] != y.F64[j]
	case types.Wide:
		return x.I64[i] == y.I64[j] && x.Hi[i] == y.Hi[j]
	}
	return bytes.Equal(x.Bytes(i), y.Bytes(j))
}

// Watermark forwards.
func (o *GroupAggregate) Watermark(_ int, t int64) error { return o.ctx.Out.Watermark(t) }

// Tick forwards.
func (o *GroupAggregate) Tick(now int64) error { return o.ctx.Out.Tick(now) }

// Audit implements Audited.
func (o *GroupAggregate) Audit() Audit { return o.ledger.audit() }
