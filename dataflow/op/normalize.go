package op

import (
	"bytes"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// ChangelogNormalize keeps the last row of each key and emits a regular changelog: +I for
// a new key, -U and +U for another row, -D with the whole last row when a key goes; a row
// equal to the last one is left out unless state expires. -U and -D of the input both take
// the key away; of a key that is not there they are left out.
//
// State: rows: key -> {last write i64 ms, Ref u64 of the encoded row in the table's heap}.
type ChangelogNormalize struct {
	node
	cfg   NormalizeConfig
	keys  *keyCodec
	codec *rowCodec
	rows  *state.Table

	emit    *emitter `scratch:"the emitted batch"`
	key     []byte   `scratch:"the key in hand"`
	value   []byte   `scratch:"the row in hand"`
	sweepAt int      `scratch:"where the search for expired rows goes on"`
	now     int64    `scratch:"arrival of the newest row of the batch"`
	expired func(state.Row) bool
}

const (
	normalWrite = 0
	normalRef   = 8
	normalSize  = 16
)

// NewChangelogNormalize makes a ChangelogNormalize.
func NewChangelogNormalize(cfg NormalizeConfig) (*ChangelogNormalize, error) {
	if len(cfg.Keys) == 0 {
		return nil, fmt.Errorf("a changelog is normalised by its primary key, and there is none")
	}
	return &ChangelogNormalize{cfg: cfg, keys: newKeyCodec(cfg.Keys, typesOf(cfg.Input, cfg.Keys)), codec: newRowCodec(cfg.Input)}, nil
}

// Open binds state.
func (o *ChangelogNormalize) Open(c *Context) error {
	l := layout{names: o.cfg.Names}
	l.keys("rows", o.keys)
	for i, t := range o.cfg.Input {
		l.encoded("rows", i, i, t, normalRef)
	}
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.rows = o.space.Table("rows", state.TableSpec{ValueSize: normalSize})
	o.emit = newEmitter(c.Out, o.cfg.Input, true)
	o.expired = o.expire
	return nil
}

// Process applies rows one by one.
func (o *ChangelogNormalize) Process(_ int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	for _, i := range sel {
		if err := o.apply(b, int(i)); err != nil {
			return err
		}
	}
	if o.cfg.TTLMs > 0 && len(sel) > 0 {
		o.sweepAt = o.rows.Sweep(o.sweepAt, 1, o.expired)
	}
	return o.emit.flush()
}

func (o *ChangelogNormalize) apply(b *vec.Batch, row int) error {
	o.key = o.keys.append(o.key[:0], b, row)
	arrival := b.ArrivalAt(row)
	o.now = max(o.now, arrival)
	r, found := o.rows.Get(o.key)
	if found && o.dead(o.rows.Value(r), arrival) {
		o.forget(r)
		found = false
	}
	if err := o.emit.room(2); err != nil {
		return err
	}
	if b.Kind(row).Retracts() {
		if !found {
			o.ledger.add(filtered, 1)
			return nil
		}
		o.load(r)
		o.forget(r)
		return o.emit.keep(vec.Delete, arrival)
	}
	o.value = o.codec.append(reuse(o.value), b, row)
	if !found {
		r, _ = o.rows.Upsert(o.key)
		v := o.rows.MutValue(r)
		setWord(v, normalWrite, arrival)
		setWord(v, normalRef, int64(o.rows.Heap().Put(o.value)))
		o.load(r)
		return o.emit.keep(vec.Insert, arrival)
	}
	v := o.rows.MutValue(r)
	setWord(v, normalWrite, arrival)
	ref := state.Ref(word(v, normalRef))
	if o.cfg.TTLMs == 0 && bytes.Equal(o.rows.Heap().Get(ref), o.value) {
		o.ledger.add(filtered, 1)
		return nil
	}
	if o.cfg.UpdateBefore {
		o.load(r)
		if err := o.emit.keep(vec.UpdateBefore, arrival); err != nil {
			return err
		}
	}
	setWord(v, normalRef, int64(o.rows.Heap().Replace(ref, o.value)))
	o.load(r)
	return o.emit.keep(vec.UpdateAfter, arrival)
}

// load writes the kept row to the next row of the emitted batch.
func (o *ChangelogNormalize) load(r state.Row) {
	ref := state.Ref(word(o.rows.Value(r), normalRef))
	o.codec.decode(o.rows.Heap().Get(ref), o.emit.batch.Cols, o.emit.row())
}

func (o *ChangelogNormalize) dead(v []byte, now int64) bool {
	return o.cfg.TTLMs > 0 && now-word(v, normalWrite) >= o.cfg.TTLMs
}

func (o *ChangelogNormalize) expire(r state.Row) bool {
	v := o.rows.Value(r)
	if !o.dead(v, o.now) {
		return false
	}
	o.rows.Heap().Free(state.Ref(word(v, normalRef)))
	return true
}

// forget deletes the row under o.key.
func (o *ChangelogNormalize) forget(r state.Row) {
	o.rows.Heap().Free(state.Ref(word(o.rows.Value(r), normalRef)))
	o.rows.Delete(o.key)
}

// Watermark forwards.
func (o *ChangelogNormalize) Watermark(_ int, t int64) error { return o.ctx.Out.Watermark(t) }

// Tick forwards.
func (o *ChangelogNormalize) Tick(now int64) error { return o.ctx.Out.Tick(now) }

// Audit implements Audited.
func (o *ChangelogNormalize) Audit() Audit { return o.ledger.audit() }
