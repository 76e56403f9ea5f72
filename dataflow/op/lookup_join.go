package op

import (
	"encoding/binary"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// LookupJoinConfig configures NewLookupJoin. The output is the left and then the right
// columns; its row kinds are those of the left.
type LookupJoinConfig struct {
	// Left is the probing stream; Right the changelog of the table, whose keys are looked up.
	Left, Right JoinSide
	// Kind is JoinInner or JoinLeft.
	Kind JoinKind
	// NullSafe tells for each key whether NULL matches NULL.
	NullSafe []bool
	// Cond is what pairs must meet besides, over the columns of left and right; nil for none.
	Cond expr.Node
	// Identity are the columns by which a row of the table replaces another; nil keeps all
	// rows, and a deletion takes back one that is equal.
	Identity []int
	// LeftUpdates tells that the left may hold other kinds than +I. LeftIdentity are then
	// the columns by which a row that is taken back is known.
	LeftUpdates  bool
	LeftIdentity []int
	// TTLMs is how long it is remembered what a left row was joined with; 0 is forever.
	TTLMs int64
}

// LookupJoin joins each left row, when it arrives, with the rows that the right table then
// has. The watermark is that of the left. A left row that is taken back is taken back with
// what it was joined with, whatever the table has become.
//
// State:
//
//	table    identity -> {Ref u64 of the row, rows u64}
//	index    lookup key, identity -> nothing; none when they are the same columns
//	joined   identity of a left row, sequence -> Ref of {arrival i64, right rows}, each right
//	         row behind its length u32
//	inputs, progress
type LookupJoin struct {
	node
	cfg      LookupJoinConfig
	direct   bool // the lookup key is the identity
	codec    *rowCodec
	leftKey  joinKey
	rightKey joinKey
	identity *keyCodec
	leftID   *keyCodec

	table    *state.Table
	index    *state.Ordered
	joined   *state.Ordered
	marks    inputMarks
	progress *state.Scalars

	pairs *pairs      `scratch:"the emitted batch"`
	old   *vec.Batch  `scratch:"a replaced row"`
	it    *state.Iter `scratch:"a walk within one call"`
	back  *state.Iter `scratch:"a walk within one call"`
	sweep *sweeper    `scratch:"the search for expired entries"`
	hits  []state.Ref `scratch:"right rows that the row in hand is joined with"`
	id    []byte      `scratch:"the identity in hand"`
	at    []byte      `scratch:"the key in hand"`
	value []byte      `scratch:"the row in hand"`
}

const (
	lookupRef  = 0
	lookupRows = 8
	lookupSize = 16
)

// NewLookupJoin makes a LookupJoin.
func NewLookupJoin(cfg LookupJoinConfig) (*LookupJoin, error) {
	if cfg.Kind != JoinInner && cfg.Kind != JoinLeft {
		return nil, fmt.Errorf("a lookup join cannot be a %s join", cfg.Kind)
	}
	o := &LookupJoin{cfg: cfg, codec: newRowCodec(cfg.Right.Input), leftKey: newJoinKey(cfg.Left, cfg.NullSafe),
		rightKey: newJoinKey(cfg.Right, cfg.NullSafe), leftID: newKeyCodec(cfg.LeftIdentity, typesOf(cfg.Left.Input, cfg.LeftIdentity))}
	by := cfg.Identity
	if by == nil {
		for i := range cfg.Right.Input {
			by = append(by, i)
		}
	}
	o.identity = newKeyCodec(by, typesOf(cfg.Right.Input, by))
	o.direct = len(by) == len(cfg.Right.Keys)
	for i, c := range cfg.Right.Keys {
		o.direct = o.direct && by[i] == c
	}
	return o, nil
}

// Open binds state.
func (o *LookupJoin) Open(c *Context) error {
	var l layout
	l.side("table", o.cfg.Right, o.identity)
	l.names = o.cfg.Right.Names
	l.keys("index", o.rightKey.codec)
	if o.cfg.LeftUpdates {
		l.names = o.cfg.Left.Names
		l.keys("joined", o.leftID)
	}
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.table = o.space.Table("table", state.TableSpec{ValueSize: lookupSize})
	if !o.direct {
		o.index = o.space.Ordered("index", state.OrderedSpec{})
		o.it = o.index.Iter()
		o.old = vec.NewBatch(o.cfg.Right.Input)
	}
	o.marks = openInputMarks(o.space, 1)
	o.progress = openProgress(o.space)
	var err error
	if o.pairs, err = newPairs(&o.node, o.cfg.Cond, o.cfg.Left.Input, o.cfg.Right.Input, o.cfg.LeftUpdates); err != nil {
		return err
	}
	if o.cfg.LeftUpdates {
		o.joined = o.space.Ordered("joined", state.OrderedSpec{ValueSize: 8})
		o.back = o.joined.Iter()
		o.pairs.hit = func(i int) { o.hits = append(o.hits, o.pairs.refs[i][1]) }
		o.sweep = newSweeper(o.joined, func(_, v []byte) bool {
			ref := state.Ref(word(v, 0))
			if !o.dead(o.joined.Heap().Get(ref)) {
				return false
			}
			o.joined.Heap().Free(ref)
			return true
		})
	}
	return nil
}

// Process looks up left rows, and applies the changes of the right table.
func (o *LookupJoin) Process(input int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	for _, i := range sel {
		row := int(i)
		if input == 1 { // whose arrival is of no account while it is loaded
			o.change(b, row)
			continue
		}
		arrived(o.progress, b.ArrivalAt(row))
		var err error
		switch {
		case o.cfg.LeftUpdates:
			err = o.tracked(b, row)
		default:
			err = o.probe(b, row)
		}
		if err != nil {
			return err
		}
	}
	if o.sweep != nil && o.cfg.TTLMs > 0 {
		o.sweep.sweep()
	}
	return o.pairs.flush()
}

// change applies a change of the table.
func (o *LookupJoin) change(b *vec.Batch, row int) {
	o.id = o.identity.append(o.id[:0], b, row)
	r, found := o.table.Get(o.id)
	if b.Kind(row).Retracts() {
		if found {
			o.remove(r)
		}
		return
	}
	switch {
	case found && o.cfg.Identity == nil:
		count(o.table.MutValue(r)[lookupRows:], 1)
		return
	case found:
		o.unindex(r)
		o.value = o.codec.append(reuse(o.value), b, row)
		v := o.table.MutValue(r)
		setWord(v, lookupRef, int64(o.table.Heap().Replace(state.Ref(word(v, lookupRef)), o.value)))
	default:
		o.value = o.codec.append(reuse(o.value), b, row)
		r, _ = o.table.Upsert(o.id)
		v := o.table.MutValue(r)
		setWord(v, lookupRef, int64(o.table.Heap().Put(o.value)))
		setWord(v, lookupRows, 1)
	}
	if !o.direct {
		o.at = append(o.rightKey.codec.append(o.at[:0], b, row), o.id...)
		o.index.Put(o.at, nil)
	}
}

// remove takes back a row of the table.
func (o *LookupJoin) remove(r state.Row) {
	v := o.table.MutValue(r)
	if word(v, lookupRows) > 1 {
		count(v[lookupRows:], -1)
		return
	}
	o.unindex(r)
	o.table.Heap().Free(state.Ref(word(v, lookupRef)))
	o.table.Delete(o.id)
}

// unindex takes the row under o.id out of the index.
func (o *LookupJoin) unindex(r state.Row) {
	if o.direct {
		return
	}
	o.old.Reset()
	o.codec.decode(o.table.Heap().Get(state.Ref(word(o.table.Value(r), lookupRef))), o.old.Cols, 0)
	o.at = append(o.rightKey.codec.append(o.at[:0], o.old, 0), o.id...)
	o.index.Delete(o.at)
}

// probe joins a left row with the rows of the table.
func (o *LookupJoin) probe(b *vec.Batch, row int) error {
	p, kind, arrival := o.pairs, b.Kind(row), b.ArrivalAt(row)
	p.begin()
	if o.leftKey.matches(b.Cols, row) {
		o.at = o.leftKey.codec.append(o.at[:0], b, row)
		if err := o.partners(b, row); err != nil {
			return err
		}
	}
	if o.cfg.Kind != JoinLeft {
		return nil
	}
	p.copyTo(p.leftCols(), b, row)
	p.null(p.rightCols())
	return p.keep(pairPad, kind, arrival, 0, 0)
}

// partners pairs a left row with the rows under the lookup key in o.at.
func (o *LookupJoin) partners(b *vec.Batch, row int) error {
	if o.direct {
		if r, ok := o.table.Get(o.at); ok {
			return o.pair(b, row, r)
		}
		return nil
	}
	n := len(o.at)
	for ok := o.it.Seek(o.at); ok; ok = o.it.Next() {
		k := o.it.Key()
		if len(k) < n || string(k[:n]) != string(o.at) {
			break
		}
		if r, found := o.table.Get(k[n:]); found {
			if err := o.pair(b, row, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *LookupJoin) pair(b *vec.Batch, row int, r state.Row) error {
	v := o.table.Value(r)
	ref := state.Ref(word(v, lookupRef))
	for range word(v, lookupRows) {
		o.pairs.copyTo(o.pairs.leftCols(), b, row)
		o.codec.decode(o.table.Heap().Get(ref), o.pairs.rightCols(), o.pairs.batch.N)
		if err := o.pairs.keep(pairCandidate, b.Kind(row), b.ArrivalAt(row), 0, ref); err != nil {
			return err
		}
	}
	return nil
}

// tracked joins a left row that may be taken back, or takes one back.
func (o *LookupJoin) tracked(b *vec.Batch, row int) error {
	o.id = o.leftID.append(o.id[:0], b, row)
	if b.Kind(row).Retracts() {
		if done, err := o.takeBack(b, row); done || err != nil {
			return err
		}
		return o.probe(b, row) // what it was joined with has expired
	}
	o.hits = o.hits[:0]
	if err := o.pairs.flush(); err != nil { // what follows is the hits of this row alone
		return err
	}
	o.hits = o.hits[:0]
	if err := o.probe(b, row); err != nil {
		return err
	}
	if err := o.pairs.flush(); err != nil {
		return err
	}
	o.value = binary.LittleEndian.AppendUint64(reuse(o.value), uint64(b.ArrivalAt(row)))
	for _, ref := range o.hits {
		right := o.table.Heap().Get(ref)
		o.value = append(binary.LittleEndian.AppendUint32(o.value, uint32(len(right))), right...)
	}
	o.at = binary.BigEndian.AppendUint64(append(o.at[:0], o.id...), nextGroup(o.progress))
	var v [8]byte
	setWord(v[:], 0, int64(o.joined.Heap().Put(o.value)))
	o.joined.Put(o.at, v[:])
	return nil
}

// takeBack emits what a left row was joined with and forgets it. It is not done when that
// is not known.
func (o *LookupJoin) takeBack(b *vec.Batch, row int) (done bool, err error) {
	n := len(o.id)
	o.at = append(append(o.at[:0], o.id...), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	if !o.back.SeekBefore(o.at) {
		return false, nil
	}
	if k := o.back.Key(); len(k) != n+8 || string(k[:n]) != string(o.id) {
		return false, nil
	}
	ref := state.Ref(word(o.back.Value(), 0))
	o.value = append(reuse(o.value), o.joined.Heap().Get(ref)...)
	o.joined.Heap().Free(ref)
	o.back.Delete()
	if o.dead(o.value) {
		return false, nil
	}
	p, kind, arrival := o.pairs, b.Kind(row), b.ArrivalAt(row)
	p.begin()
	rest := o.value[8:]
	if len(rest) == 0 && o.cfg.Kind == JoinLeft {
		p.copyTo(p.leftCols(), b, row)
		p.null(p.rightCols())
		return true, p.keep(pairSure, kind, arrival, 0, 0)
	}
	for len(rest) > 0 {
		size := 4 + int(binary.LittleEndian.Uint32(rest))
		p.copyTo(p.leftCols(), b, row)
		o.codec.decode(rest[4:size], p.rightCols(), p.batch.N)
		if err := p.keep(pairSure, kind, arrival, 0, 0); err != nil {
			return true, err
		}
		rest = rest[size:]
	}
	return true, nil
}

func (o *LookupJoin) dead(v []byte) bool {
	return o.cfg.TTLMs > 0 && o.progress.Int64(progressArrival)-word(v, 0) >= o.cfg.TTLMs
}

// Watermark forwards that of the left.
func (o *LookupJoin) Watermark(input int, t int64) error {
	if input == 1 {
		return nil
	}
	return o.ctx.Out.Watermark(t)
}

// Tick forwards.
func (o *LookupJoin) Tick(now int64) error {
	if !o.marks.tick(now) {
		return nil
	}
	arrived(o.progress, now)
	return o.ctx.Out.Tick(now)
}

// Audit implements Audited.
func (o *LookupJoin) Audit() Audit { return o.ledger.audit() }
