package op

import (
	"encoding/binary"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// TemporalJoinConfig configures NewTemporalJoin. The output is the left and then the right
// columns; its row kinds are those of the left.
type TemporalJoinConfig struct {
	// Left is the probing stream; Right the changelog of the versioned table, of which the
	// keys identify a row.
	Left, Right JoinSide
	// Kind is JoinInner or JoinLeft.
	Kind JoinKind
	// NullSafe tells for each key whether NULL matches NULL.
	NullSafe []bool
	// Cond is what pairs must meet besides, over the columns of left and right; nil for none.
	Cond expr.Node
	// LeftUpdates tells that the left may hold other kinds than +I.
	LeftUpdates bool
	// TTLMs is how long after its arrival a version of the table is kept; 0 is forever.
	TTLMs int64
}

// TemporalJoin joins each left row with the version of the right table at its event time.
// Rows are joined in order of event time when the watermark passes them, since versions may
// still come until then. A version is forgotten when the watermark passes its successor.
//
// A version's time is its row's event time; the last row of a key and time counts. -D ends
// the versions of a key, -U is left out, since its time is that of the version before.
//
// State:
//
//	left       time, sequence -> Ref of {arrival i64, kind u8, row}
//	right      key, time -> Ref of {arrival i64, kind u8, row}
//	successors time, key -> nothing, of versions whose predecessors are to be forgotten
//	inputs, progress
type TemporalJoin struct {
	node
	cfg      TemporalJoinConfig
	left     *rowCodec
	right    *rowCodec
	leftKey  joinKey
	rightKey joinKey

	rows       *state.Ordered
	versions   *state.Ordered
	successors *state.Ordered
	marks      inputMarks
	progress   *state.Scalars

	sweep *sweeper    `scratch:"the search for expired versions"`
	pairs *pairs      `scratch:"the emitted batch"`
	it    *state.Iter `scratch:"a walk within one call"`
	at    []byte      `scratch:"the key in hand"`
	value []byte      `scratch:"the row in hand"`
}

// NewTemporalJoin makes a TemporalJoin.
func NewTemporalJoin(cfg TemporalJoinConfig) (*TemporalJoin, error) {
	switch {
	case cfg.Kind != JoinInner && cfg.Kind != JoinLeft:
		return nil, fmt.Errorf("a temporal join cannot be a %s join", cfg.Kind)
	case cfg.Left.Time < 0 || cfg.Right.Time < 0:
		return nil, fmt.Errorf("a temporal join needs an event time on both sides")
	case len(cfg.Right.Keys) == 0:
		return nil, fmt.Errorf("a temporal join is by the key of the versioned table, and there is none")
	}
	return &TemporalJoin{cfg: cfg, left: newRowCodec(cfg.Left.Input), right: newRowCodec(cfg.Right.Input),
		leftKey: newJoinKey(cfg.Left, cfg.NullSafe), rightKey: newJoinKey(cfg.Right, cfg.NullSafe)}, nil
}

// Open binds state.
func (o *TemporalJoin) Open(c *Context) error {
	var l layout
	l.side("left", o.cfg.Left, newKeyCodec(nil, nil))
	l.side("right", o.cfg.Right, o.rightKey.codec)
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.rows = o.space.Ordered("left", state.OrderedSpec{ValueSize: 8})
	o.versions = o.space.Ordered("right", state.OrderedSpec{ValueSize: 8})
	o.successors = o.space.Ordered("successors", state.OrderedSpec{})
	o.marks = openInputMarks(o.space, 2)
	o.progress = openProgress(o.space)
	o.it = o.versions.Iter()
	o.sweep = newSweeper(o.versions, func(_, value []byte) bool {
		ref := state.Ref(word(value, 0))
		if !o.dead(o.versions.Heap().Get(ref)) {
			return false
		}
		o.versions.Heap().Free(ref)
		return true
	})
	var err error
	o.pairs, err = newPairs(&o.node, o.cfg.Cond, o.cfg.Left.Input, o.cfg.Right.Input, o.cfg.LeftUpdates)
	return err
}

// Process keeps rows and versions.
func (o *TemporalJoin) Process(input int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	side := o.cfg.Left
	if input == 1 {
		side = o.cfg.Right
	}
	for _, i := range sel {
		row := int(i)
		arrived(o.progress, b.ArrivalAt(row))
		if input == 1 && b.Kind(row) == vec.UpdateBefore {
			o.ledger.add(filtered, 1)
			continue
		}
		v := b.Cols[side.Time]
		if v.IsNull(row) {
			if err := o.fail(b, row, errNoTime); err != nil {
				return err
			}
			continue
		}
		if t := millis(v.I64[row]); input == 0 {
			o.keep(b, row, t)
		} else {
			o.version(b, row, t)
		}
	}
	if o.cfg.TTLMs > 0 {
		o.sweep.sweep()
	}
	return nil
}

// encode makes o.value of a row.
func (o *TemporalJoin) encode(codec *rowCodec, b *vec.Batch, row int) {
	o.value = binary.LittleEndian.AppendUint64(reuse(o.value), uint64(b.ArrivalAt(row)))
	o.value = codec.append(append(o.value, byte(b.Kind(row))), b, row)
}

// keep keeps a left row until the watermark passes it.
func (o *TemporalJoin) keep(b *vec.Batch, row int, t int64) {
	o.encode(o.left, b, row)
	o.at = binary.BigEndian.AppendUint64(appendOrdered(o.at[:0], t), nextGroup(o.progress))
	o.putRef(o.rows, o.rows.Heap().Put(o.value))
}

func (o *TemporalJoin) putRef(tree *state.Ordered, ref state.Ref) {
	var v [8]byte
	setWord(v[:], 0, int64(ref))
	tree.Put(o.at, v[:])
}

// version keeps a version of the table.
func (o *TemporalJoin) version(b *vec.Batch, row int, t int64) {
	o.encode(o.right, b, row)
	o.at = o.rightKey.codec.append(appendOrdered(o.at[:0], t), b, row)
	o.successors.Put(o.at, nil)
	n := len(o.at)
	o.at = appendOrdered(append(o.at, o.at[8:]...), t)
	o.at = append(o.at[:0], o.at[n:]...)
	if old, ok := o.versions.Get(o.at); ok {
		ref := state.Ref(word(old, 0))
		o.putRef(o.versions, o.versions.Heap().Replace(ref, o.value))
		return
	}
	o.putRef(o.versions, o.versions.Heap().Put(o.value))
}

// advance joins the rows up to time now, and forgets the versions that none is left for.
func (o *TemporalJoin) advance(now int64) error {
	if err := o.join(now); err != nil {
		return err
	}
	o.forget(now)
	return nil
}

// join joins the left rows up to time now, in their order.
func (o *TemporalJoin) join(now int64) error {
	for {
		k, v, ok := o.rows.Min()
		if !ok || readOrdered(k) > now {
			return o.pairs.flush()
		}
		t, ref := readOrdered(k), state.Ref(word(v, 0))
		if err := o.probe(o.rows.Heap().Get(ref), t); err != nil {
			return err
		}
		o.rows.Heap().Free(ref)
		o.at = append(o.at[:0], k...)
		o.rows.Delete(o.at)
		o.relieve()
	}
}

// probe joins a left row of time t.
func (o *TemporalJoin) probe(row []byte, t int64) error {
	p := o.pairs
	arrival, kind := o.progress.Int64(progressArrival), vec.RowKind(row[8])
	p.begin()
	o.left.decode(row[rowHead:], p.leftCols(), p.batch.N)
	if o.leftKey.matches(p.leftCols(), p.batch.N) {
		o.at = o.leftKey.codec.append(o.at[:0], p.batch, p.batch.N)
		if v := o.find(t); v != nil {
			o.right.decode(v[rowHead:], p.rightCols(), p.batch.N)
			if err := p.keep(pairCandidate, kind, arrival, 0, 0); err != nil {
				return err
			}
		}
	}
	if o.cfg.Kind != JoinLeft {
		return nil
	}
	o.left.decode(row[rowHead:], p.leftCols(), p.batch.N)
	p.null(p.rightCols())
	return p.keep(pairPad, kind, arrival, 0, 0)
}

// find is the version of the key in o.at at time t, or nil.
func (o *TemporalJoin) find(t int64) []byte {
	n := len(o.at)
	o.at = append(appendOrdered(o.at, t), 0)
	if !o.it.SeekBefore(o.at) {
		return nil
	}
	k := o.it.Key()
	if len(k) != n+8 || string(k[:n]) != string(o.at[:n]) {
		return nil
	}
	v := o.versions.Heap().Get(state.Ref(word(o.it.Value(), 0)))
	if vec.RowKind(v[8]) == vec.Delete || o.dead(v) {
		return nil
	}
	return v
}

func (o *TemporalJoin) dead(v []byte) bool {
	return o.cfg.TTLMs > 0 && o.progress.Int64(progressArrival)-word(v, 0) >= o.cfg.TTLMs
}

// forget drops the versions that no left row behind time now can refer to.
func (o *TemporalJoin) forget(now int64) {
	for {
		k, _, ok := o.successors.Min()
		if !ok || readOrdered(k) > now {
			return
		}
		n := len(k)
		o.at = append(append(append(o.at[:0], k...), k[8:]...), k[:8]...)
		for o.it.SeekBefore(o.at[n:]) {
			old := o.it.Key()
			if len(old) != n || string(old[:n-8]) != string(o.at[n:2*n-8]) {
				break
			}
			o.versions.Heap().Free(state.Ref(word(o.it.Value(), 0)))
			o.it.Delete()
		}
		// A deletion that no row is before is the same as no version.
		if v, ok := o.versions.Get(o.at[n:]); ok {
			ref := state.Ref(word(v, 0))
			if v := o.versions.Heap().Get(ref); vec.RowKind(v[8]) == vec.Delete || o.dead(v) {
				o.versions.Heap().Free(ref)
				o.versions.Delete(o.at[n:])
			}
		}
		o.successors.Delete(o.at[:n])
		o.relieve()
	}
}

// Watermark joins the left rows that it passes.
func (o *TemporalJoin) Watermark(input int, t int64) error {
	low, ok := o.marks.advance(input, t)
	if !ok {
		return nil
	}
	if low != Idle {
		if err := o.calmly(o.advance, low); err != nil {
			return err
		}
	}
	return o.ctx.Out.Watermark(low)
}

// Tick forwards.
func (o *TemporalJoin) Tick(now int64) error {
	if !o.marks.tick(now) {
		return nil
	}
	arrived(o.progress, now)
	return o.ctx.Out.Tick(now)
}

// Audit implements Audited.
func (o *TemporalJoin) Audit() Audit { return o.ledger.audit() }
