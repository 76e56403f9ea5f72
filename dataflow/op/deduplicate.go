package op

import (
	"errors"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// DeduplicateConfig configures NewDeduplicate: of each key the first or the last row by
// time. The output is the input.
type DeduplicateConfig struct {
	Input []types.Type
	// Names are those of the input columns, for the inspection of state; they may be nil.
	Names []string
	Keys  []int
	// Time is the event time's column, -1 for arrival time.
	Time int
	// Last keeps the last row, else the first. Of rows of one time the last to arrive is
	// the last, the first to arrive the first.
	Last bool
	// UpdateBefore makes updates emit -U before +U.
	UpdateBefore bool
	TTLMs        int64
}

// Deduplicate keeps one row a key. Its input is append-only. The first row by arrival is
// never replaced. Rows themselves are kept only where -U is to be emitted.
//
// State: rows: key -> {last write i64 ms, time i64 us, Ref u64 of the encoded row or 0}.
type Deduplicate struct {
	node
	cfg   DeduplicateConfig
	keys  *keyCodec
	codec *rowCodec // nil where rows are not kept
	rows  *state.Table

	emit    *emitter      `scratch:"the emitted batch"`
	refs    []state.Row   `scratch:"rows of a batch"`
	created []bool        `scratch:"rows of a batch"`
	kinds   []vec.RowKind `scratch:"rows of a batch"`
	sel     []int32       `scratch:"rows of a batch"`
	sub     vec.Batch     `scratch:"the rows that pass"`
	value   []byte        `scratch:"the row in hand"`
	sweepAt int           `scratch:"where the search for expired rows goes on"`
	now     int64         `scratch:"arrival of the newest row of the batch"`
	expired func(state.Row) bool
}

var errNoOrder = errors.New("the time attribute that rows are ordered by is NULL")

const (
	dedupWrite = 0
	dedupTime  = 8
	dedupRef   = 16
	dedupSize  = 24
)

// NewDeduplicate makes a Deduplicate.
func NewDeduplicate(cfg DeduplicateConfig) (*Deduplicate, error) {
	o := &Deduplicate{cfg: cfg, keys: newKeyCodec(cfg.Keys, typesOf(cfg.Input, cfg.Keys))}
	if cfg.UpdateBefore && o.updates() {
		o.codec = newRowCodec(cfg.Input)
	}
	return o, nil
}

// updates tells that a key's row may be replaced.
func (o *Deduplicate) updates() bool { return o.cfg.Last || o.cfg.Time >= 0 }

// Open binds state.
func (o *Deduplicate) Open(c *Context) error {
	l := layout{names: o.cfg.Names}
	l.keys("rows", o.keys)
	l.add("rows", "last write", "BIGINT", false, dedupWrite, 8)
	l.add("rows", fmt.Sprintf("time, last %v", o.cfg.Last), "BIGINT", false, dedupTime, 8)
	if o.codec != nil {
		for i, t := range o.cfg.Input {
			l.encoded("rows", i, i, t, dedupRef)
		}
	}
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.rows = o.space.Table("rows", state.TableSpec{ValueSize: dedupSize})
	if o.codec != nil {
		o.emit = newEmitter(c.Out, o.cfg.Input, true)
	}
	o.refs, o.created = make([]state.Row, vec.BatchSize), make([]bool, vec.BatchSize)
	o.kinds, o.sel = make([]vec.RowKind, vec.BatchSize), make([]int32, 0, vec.BatchSize)
	o.expired = o.expire
	return nil
}

// Process passes on the rows that are the first or the last of their key so far.
func (o *Deduplicate) Process(_ int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	if len(sel) == 0 {
		return nil
	}
	o.now = max(o.now, b.ArrivalAt(int(sel[len(sel)-1])))
	keys, offs := o.keys.pack(b, sel)
	o.rows.UpsertBatch(keys, offs, o.refs, o.created)
	o.sel = o.sel[:0]
	for k, i := range sel {
		if err := o.apply(b, int(i), o.refs[k], o.created[k]); err != nil {
			return err
		}
	}
	if o.cfg.TTLMs > 0 {
		o.sweepAt = o.rows.Sweep(o.sweepAt, 1, o.expired)
	}
	if o.codec != nil {
		return o.emit.flush()
	}
	o.ledger.add(filtered, int64(len(sel)-len(o.sel)))
	if len(o.sel) == 0 {
		return nil
	}
	narrow(&o.sub, b, o.sel)
	o.sub.Kinds = nil
	if o.updates() {
		o.sub.Kinds = o.kinds[:b.N]
	}
	return o.ctx.Out.Process(&o.sub)
}

// apply takes one row.
func (o *Deduplicate) apply(b *vec.Batch, row int, r state.Row, created bool) error {
	arrival := b.ArrivalAt(row)
	t := int64(0)
	if o.cfg.Time >= 0 {
		v := b.Cols[o.cfg.Time]
		if v.IsNull(row) {
			return o.noTime(b, row)
		}
		t = v.I64[row]
	}
	v := o.rows.Value(r)
	first := created || word(v, dedupWrite) == 0
	if !first && o.cfg.TTLMs > 0 && arrival-(word(v, dedupWrite)-1) >= o.cfg.TTLMs {
		o.forget(r)
		first = true
	}
	if !first && !o.better(t, word(v, dedupTime)) {
		if o.codec != nil {
			o.ledger.add(filtered, 1)
		}
		return nil
	}
	v = o.rows.MutValue(r)
	setWord(v, dedupWrite, arrival+1) // 0 tells that there is no row
	setWord(v, dedupTime, t)
	kind := vec.UpdateAfter
	if first {
		kind = vec.Insert
	}
	if o.codec == nil {
		o.kinds[row] = kind
		o.sel = append(o.sel, int32(row))
		return nil
	}
	return o.replace(b, row, v, kind, arrival)
}

// better tells that a row of time t takes the place of one of time old.
func (o *Deduplicate) better(t, old int64) bool {
	switch {
	case o.cfg.Last:
		return t >= old
	case o.cfg.Time < 0:
		return false
	}
	return t < old
}

// noTime makes a row a dead letter. A key that came up with it stays without a row.
func (o *Deduplicate) noTime(b *vec.Batch, row int) error {
	if o.codec == nil {
		o.ledger.add(filtered, -1) // it is counted as failed
	}
	return o.fail(b, row, errNoOrder)
}

// replace keeps the row and emits the change.
func (o *Deduplicate) replace(b *vec.Batch, row int, v []byte, kind vec.RowKind, arrival int64) error {
	if err := o.emit.room(2); err != nil {
		return err
	}
	heap, ref := o.rows.Heap(), state.Ref(word(v, dedupRef))
	if kind == vec.UpdateAfter {
		o.codec.decode(heap.Get(ref), o.emit.batch.Cols, o.emit.row())
		if err := o.emit.keep(vec.UpdateBefore, arrival); err != nil {
			return err
		}
	}
	o.value = o.codec.append(reuse(o.value), b, row)
	if ref == 0 {
		ref = heap.Put(o.value)
	} else {
		ref = heap.Replace(ref, o.value)
	}
	setWord(v, dedupRef, int64(ref))
	at := o.emit.row()
	for c, col := range o.emit.batch.Cols {
		col.Copy(at, b.Cols[c], row)
	}
	return o.emit.keep(kind, arrival)
}

// forget frees what a key refers to.
func (o *Deduplicate) forget(r state.Row) {
	if ref := state.Ref(word(o.rows.Value(r), dedupRef)); ref != 0 {
		o.rows.Heap().Free(ref)
		setWord(o.rows.MutValue(r), dedupRef, 0)
	}
}

func (o *Deduplicate) expire(r state.Row) bool {
	if o.now-(word(o.rows.Value(r), dedupWrite)-1) < o.cfg.TTLMs {
		return false
	}
	o.forget(r)
	return true
}

// Watermark forwards.
func (o *Deduplicate) Watermark(_ int, t int64) error { return o.ctx.Out.Watermark(t) }

// Tick forwards.
func (o *Deduplicate) Tick(now int64) error { return o.ctx.Out.Tick(now) }

// Audit implements Audited.
func (o *Deduplicate) Audit() Audit { return o.ledger.audit() }
