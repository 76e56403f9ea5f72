package op

import (
	"errors"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// UpsertConfig configures NewUpsertMaterialize. The output is the input.
type UpsertConfig struct {
	Input []types.Type
	// Names are those of the input columns, for the inspection of state; they may be nil.
	Names []string
	// Keys are the columns that rows are addressed by.
	Keys  []int
	TTLMs int64
	// Conflict says which of the rows that share a key counts.
	Conflict Conflict
}

// Conflict says what becomes of rows that share a key.
type Conflict uint8

// The last to come counts, and when it is taken back the one before it; the first counts and
// the others are dropped; or the others are refused. The two latter take insertions only.
const (
	LastCounts Conflict = iota
	FirstCounts
	OthersRefused
)

// errConflict is returned for a row whose key another one has.
var errConflict = errors.New("another row has this row's primary key, and ON CONFLICT DO ERROR refuses that")

// UpsertMaterialize makes an upsert stream of a changelog whose rows have another key than
// the one they are to be addressed by: several rows may share one. It keeps them all; the
// last to come is the one that counts, and when it is taken back the one before it. A
// retraction of a row that is not there is ignored.
//
// State:
//
//	keys     key -> {id i64, rows i64, next sequence i64, last write i64 ms}
//	rows, finds as ranked has them, in the order of arrival
//	progress {last id i64}
type UpsertMaterialize struct {
	node
	cfg      UpsertConfig
	codec    *keyCodec
	keys     *state.Table
	ranked   *ranked
	progress *state.Scalars

	emit    *emitter `scratch:"the emitted batch"`
	key     []byte   `scratch:"the key in hand"`
	sweepAt int      `scratch:"where the search for expired keys goes on"`
	now     int64    `scratch:"arrival of the newest row of the batch"`
	expired func(state.Row) bool
}

// NewUpsertMaterialize makes an UpsertMaterialize.
func NewUpsertMaterialize(cfg UpsertConfig) (*UpsertMaterialize, error) {
	if len(cfg.Keys) == 0 {
		return nil, errors.New("rows are addressed by a key, and there is none")
	}
	return &UpsertMaterialize{cfg: cfg, codec: newKeyCodec(cfg.Keys, typesOf(cfg.Input, cfg.Keys))}, nil
}

// Open binds state.
func (o *UpsertMaterialize) Open(c *Context) error {
	l := layout{names: o.cfg.Names}
	l.keys("keys", o.codec)
	l.add("keys", "rows", "BIGINT", false, rankRows, 8)
	l.add("keys", "last write", "BIGINT", false, rankWrite, 8)
	describeRanked(&l, nil, o.cfg.Input)
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.keys = o.space.Table("keys", state.TableSpec{ValueSize: rankSize})
	o.ranked = openRanked(o.space, nil, o.cfg.Input, true)
	o.progress = o.space.Scalars("progress", 8)
	o.emit = newEmitter(c.Out, o.cfg.Input, true)
	o.expired = o.expire
	return nil
}

// Process applies rows one by one.
func (o *UpsertMaterialize) Process(_ int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	for _, i := range sel {
		if err := o.apply(b, int(i)); err != nil {
			return err
		}
	}
	if o.cfg.TTLMs > 0 && len(sel) > 0 {
		o.sweepAt = o.keys.Sweep(o.sweepAt, 1, o.expired)
	}
	return o.emit.flush()
}

func (o *UpsertMaterialize) expire(r state.Row) bool {
	v := o.keys.Value(r)
	if o.cfg.TTLMs == 0 || o.now-word(v, rankWrite) < o.cfg.TTLMs {
		return false
	}
	o.ranked.drop(word(v, rankID))
	return true
}

func (o *UpsertMaterialize) apply(b *vec.Batch, row int) error {
	o.key = o.codec.append(o.key[:0], b, row)
	arrival := b.ArrivalAt(row)
	o.now = max(o.now, arrival)
	r, found := o.keys.Get(o.key)
	if found && o.cfg.TTLMs > 0 && arrival-word(o.keys.Value(r), rankWrite) >= o.cfg.TTLMs {
		o.ranked.drop(word(o.keys.Value(r), rankID))
		o.keys.Delete(o.key)
		found = false
	}
	if b.Kind(row).Retracts() {
		if !found || !o.ranked.locate(b, row, word(o.keys.Value(r), rankID)) {
			o.ledger.add(filtered, 1)
			return nil
		}
		return o.remove(o.keys.MutValue(r), arrival)
	}
	if found && o.cfg.Conflict != LastCounts {
		return o.conflict(b, row)
	}
	kind := vec.UpdateAfter
	if !found {
		kind = vec.Insert
		r, _ = o.keys.Upsert(o.key)
		id := o.progress.Int64(0) + 1
		o.progress.SetInt64(0, id)
		setWord(o.keys.MutValue(r), rankID, id)
	}
	v := o.keys.MutValue(r)
	o.ranked.load(b, row, word(v, rankID), word(v, rankNext))
	o.ranked.put()
	count(v[rankNext:], 1)
	count(v[rankRows:], 1)
	setWord(v, rankWrite, arrival)
	return o.send(kind, o.ranked.value, arrival)
}

// conflict drops or refuses a row whose key is taken.
func (o *UpsertMaterialize) conflict(b *vec.Batch, row int) error {
	if o.cfg.Conflict == OthersRefused {
		return o.fail(b, row, errConflict)
	}
	o.ledger.add(filtered, 1)
	return nil
}

// remove takes the loaded row away, and lets the one before it count when it was the last.
func (o *UpsertMaterialize) remove(v []byte, arrival int64) error {
	r, id := o.ranked, word(v, rankID)
	last := r.last(id) && string(r.it.Key()) == string(r.key)
	r.remove()
	setWord(v, rankWrite, arrival)
	if count(v[rankRows:], -1); word(v, rankRows) == 0 {
		o.keys.Delete(o.key)
		return o.send(vec.Delete, r.value, arrival)
	}
	if last && r.last(id) {
		return o.send(vec.UpdateAfter, r.it.Value(), arrival)
	}
	return nil
}

func (o *UpsertMaterialize) send(kind vec.RowKind, row []byte, arrival int64) error {
	o.ranked.codec.decode(row, o.emit.batch.Cols, o.emit.row())
	return o.emit.keep(kind, arrival)
}

// Watermark forwards.
func (o *UpsertMaterialize) Watermark(_ int, t int64) error { return o.ctx.Out.Watermark(t) }

// Tick forwards.
func (o *UpsertMaterialize) Tick(now int64) error { return o.ctx.Out.Tick(now) }

// Audit implements Audited.
func (o *UpsertMaterialize) Audit() Audit { return o.ledger.audit() }
