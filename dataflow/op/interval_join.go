package op

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// IntervalJoinConfig configures NewIntervalJoin. The output is the left and then the right
// columns; neither input has updates.
type IntervalJoinConfig struct {
	Left, Right JoinSide
	Kind        JoinKind
	// NullSafe tells for each key whether NULL matches NULL.
	NullSafe []bool
	// Cond is what pairs must meet besides, over the columns of left and right; nil for none.
	Cond expr.Node
	// ProcTime tells that the time of a row is its arrival.
	ProcTime bool
	// A left row of time l and a right row of time r match when
	// r + LowerMs <= l <= r + UpperMs. With LowerMs > UpperMs nothing matches.
	LowerMs, UpperMs int64
}

// IntervalJoin joins rows whose times are not further apart than an interval allows. A row
// is kept until time has passed the last partner that it could have; then an outer join
// pads it when it had none.
//
// The watermark that it hands on lies behind that of its inputs by as much as the time of a
// row emitted now may: the larger of the two distances.
//
// State:
//
//	left rows, right rows     key, time, sequence -> Ref of {arrival i64, matched u8, row}
//	left times, right times   time, sequence -> key
//	inputs, progress          the last sequence is the progress's last group
type IntervalJoin struct {
	node
	cfg      IntervalJoinConfig
	sides    [2]*intervalSide
	marks    inputMarks
	progress *state.Scalars
	pairs    *pairs `scratch:"the emitted batch"`
}

// intervalSide keeps the rows of an input.
type intervalSide struct {
	cfg   JoinSide `scratch:"from the configuration"`
	key   joinKey
	codec *rowCodec
	rows  *state.Ordered
	times *state.Ordered
	it    *state.Iter `scratch:"a walk within one call"`
	pads  bool        // rows without partner are padded
	reach int64       // how long after its time a row may find partners, ms

	at    []byte `scratch:"the key in hand"`
	value []byte `scratch:"the row in hand"`
}

const (
	intervalArrival = 0
	intervalMatched = 8
	intervalHead    = 9
)

var isMatched = []byte{1}

// NewIntervalJoin makes an IntervalJoin.
func NewIntervalJoin(cfg IntervalJoinConfig) (*IntervalJoin, error) {
	if cfg.Kind.leftOnly() {
		return nil, fmt.Errorf("an interval join cannot be a %s join", cfg.Kind)
	}
	if !cfg.ProcTime && (cfg.Left.Time < 0 || cfg.Right.Time < 0) {
		return nil, fmt.Errorf("an interval join by event time needs a time attribute on both sides")
	}
	return &IntervalJoin{cfg: cfg}, nil
}

func (o *IntervalJoin) newSide(name string, s JoinSide, pads bool, reach int64) *intervalSide {
	out := &intervalSide{cfg: s, key: newJoinKey(s, o.cfg.NullSafe), codec: newRowCodec(s.Input), pads: pads, reach: reach,
		rows:  o.space.Ordered(name+" rows", state.OrderedSpec{ValueSize: 8}),
		times: o.space.Ordered(name+" times", state.OrderedSpec{ValueSize: -1}),
	}
	out.it = out.rows.Iter()
	return out
}

// Open binds state.
func (o *IntervalJoin) Open(c *Context) error {
	var l layout
	for _, s := range []struct {
		name string
		side JoinSide
	}{{"left rows", o.cfg.Left}, {"right rows", o.cfg.Right}} {
		l.side(s.name, s.side, newJoinKey(s.side, o.cfg.NullSafe).codec)
	}
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.marks = openInputMarks(o.space, 2)
	o.progress = openProgress(o.space)
	o.sides[0] = o.newSide("left", o.cfg.Left, o.cfg.Kind.padsRight(), -o.cfg.LowerMs)
	o.sides[1] = o.newSide("right", o.cfg.Right, o.cfg.Kind.padsLeft(), o.cfg.UpperMs)
	var err error
	if o.pairs, err = newPairs(&o.node, o.cfg.Cond, o.cfg.Left.Input, o.cfg.Right.Input, false); err != nil {
		return err
	}
	if o.sides[0].pads || o.sides[1].pads {
		o.pairs.hit = o.matched
	}
	return nil
}

// matched notes that the kept rows of a pair have a partner.
func (o *IntervalJoin) matched(i int) {
	for k, s := range o.sides {
		if ref := o.pairs.refs[i][k]; s.pads && ref != 0 {
			s.rows.Heap().WriteAt(ref, intervalMatched, isMatched)
		}
	}
}

// Process joins rows with those kept of the other input and keeps them.
func (o *IntervalJoin) Process(input int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	s := o.sides[input]
	for _, i := range sel {
		row, arrival := int(i), b.ArrivalAt(int(i))
		arrived(o.progress, arrival)
		t := arrival
		if o.cfg.ProcTime {
			if err := o.expire(arrival); err != nil {
				return err
			}
		} else if v := b.Cols[s.cfg.Time]; v.IsNull(row) {
			// No comparison with NULL is TRUE: an outer join below may have padded the row.
			o.pairs.begin()
			if err := o.pad(input, b, row, arrival); err != nil {
				return err
			}
			continue
		} else {
			t = millis(v.I64[row])
		}
		if err := o.probe(input, b, row, t, arrival); err != nil {
			return err
		}
	}
	return o.pairs.flush()
}

// probe joins a row of time t and keeps it while it may find more partners.
func (o *IntervalJoin) probe(input int, b *vec.Batch, row int, t, arrival int64) error {
	s, other := o.sides[input], o.sides[1-input]
	o.pairs.begin()
	if o.cfg.LowerMs > o.cfg.UpperMs || !s.key.matches(b.Cols, row) {
		return o.pad(input, b, row, arrival)
	}
	now := o.marks.now()
	if o.cfg.ProcTime {
		now = arrival
	}
	low, high := addTime(t, -other.reach), addTime(t, s.reach)
	s.at = s.key.codec.append(s.at[:0], b, row)
	n := len(s.at)
	var refs [2]state.Ref
	keep := now < high
	if keep {
		s.value = binary.LittleEndian.AppendUint64(reuse(s.value), uint64(arrival))
		s.value = s.codec.append(append(s.value, 0), b, row)
		refs[input] = s.put(t, nextGroup(o.progress), s.value)
	}
	key := s.at[:n]
	other.at = appendOrdered(append(other.at[:0], key...), low)
	for ok := other.it.Seek(other.at); ok; ok = other.it.Next() {
		k := other.it.Key()
		if len(k) != n+16 || string(k[:n]) != string(key) || readOrdered(k[n:]) > high {
			break
		}
		refs[1-input] = state.Ref(word(other.it.Value(), 0))
		o.pairs.copyTo(o.pairs.side(input), b, row)
		other.codec.decode(other.rows.Heap().Get(refs[1-input])[intervalHead:], o.pairs.side(1-input), o.pairs.batch.N)
		if err := o.pairs.keep(pairCandidate, vec.Insert, arrival, refs[0], refs[1]); err != nil {
			return err
		}
	}
	if keep {
		return nil
	}
	return o.pad(input, b, row, arrival)
}

// pad emits a row that finds no more partners, unless it had one.
func (o *IntervalJoin) pad(input int, b *vec.Batch, row int, arrival int64) error {
	if !o.sides[input].pads {
		return nil
	}
	o.pairs.copyTo(o.pairs.side(input), b, row)
	o.pairs.null(o.pairs.side(1 - input))
	return o.pairs.keep(pairPad, vec.Insert, arrival, 0, 0)
}

// put keeps a row under the key in s.at, which it extends.
func (s *intervalSide) put(t int64, seq uint64, value []byte) state.Ref {
	n := len(s.at)
	ref := s.rows.Heap().Put(value)
	s.at = binary.BigEndian.AppendUint64(appendOrdered(s.at, t), seq)
	var v [8]byte
	setWord(v[:], 0, int64(ref))
	s.rows.Put(s.at, v[:])
	s.times.Put(s.at[n:], s.at[:n])
	return ref
}

// addTime adds to a time in ms without going round at the ends.
func addTime(t, by int64) int64 {
	switch s := t + by; {
	case by > 0 && s < t:
		return math.MaxInt64
	case by < 0 && s > t:
		return math.MinInt64
	default:
		return s
	}
}

// expire forgets the rows that find no more partners at time now, padding those that had
// none.
func (o *IntervalJoin) expire(now int64) error {
	some := false
	for i, s := range o.sides {
		for {
			k, v, ok := s.times.Min()
			if !ok || now != EndOfInput && addTime(readOrdered(k), s.reach) >= now {
				break
			}
			if !some { // pairs in hand refer to kept rows
				if err := o.pairs.flush(); err != nil {
					return err
				}
				some = true
			}
			if err := o.forget(i, k, v); err != nil {
				return err
			}
			o.relieve()
		}
	}
	if !some {
		return nil
	}
	return o.pairs.flush()
}

// forget removes the row at a place of the times, and pads it when it had no partner.
func (o *IntervalJoin) forget(side int, at, key []byte) error {
	s := o.sides[side]
	s.at = append(append(s.at[:0], key...), at...)
	n := len(key)
	v, _ := s.rows.Get(s.at)
	ref := state.Ref(word(v, 0))
	if row := s.rows.Heap().Get(ref); s.pads && row[intervalMatched] == 0 {
		s.codec.decode(row[intervalHead:], o.pairs.side(side), o.pairs.batch.N)
		o.pairs.null(o.pairs.side(1 - side))
		if err := o.pairs.keep(pairSure, vec.Insert, o.progress.Int64(progressArrival), 0, 0); err != nil {
			return err
		}
	}
	s.rows.Heap().Free(ref)
	s.rows.Delete(s.at)
	s.times.Delete(s.at[n:])
	return nil
}

// Watermark forgets rows that find no more partners.
func (o *IntervalJoin) Watermark(input int, t int64) error {
	low, ok := o.marks.advance(input, t)
	if !ok {
		return nil
	}
	if low == Idle {
		return o.ctx.Out.Watermark(Idle)
	}
	if !o.cfg.ProcTime || low == EndOfInput {
		if err := o.calmly(o.expire, low); err != nil {
			return err
		}
	}
	if !o.cfg.ProcTime && low != EndOfInput && o.cfg.LowerMs <= o.cfg.UpperMs {
		low = max(noWatermark, addTime(low, -max(o.sides[0].reach, o.sides[1].reach)))
	}
	return o.ctx.Out.Watermark(low)
}

// Tick forgets the rows of a join by processing time that find no more partners.
func (o *IntervalJoin) Tick(now int64) error {
	if !o.marks.tick(now) {
		return nil
	}
	arrived(o.progress, now)
	if o.cfg.ProcTime {
		if err := o.calmly(o.expire, now); err != nil {
			return err
		}
	}
	return o.ctx.Out.Tick(now)
}

// Audit implements Audited.
func (o *IntervalJoin) Audit() Audit { return o.ledger.audit() }
