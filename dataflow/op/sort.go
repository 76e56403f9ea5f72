package op

import (
	"encoding/binary"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// SortMode says when a Sort emits its rows.
type SortMode uint8

// SortByTime emits rows when the watermark passes their event time, SortByArrival when
// their arrival time is over, SortAll when the input ends.
const (
	SortByTime SortMode = iota
	SortByArrival
	SortAll
)

// SortConfig configures NewSort. The output is the input, append-only.
type SortConfig struct {
	Input []types.Type
	// Names are those of the input columns, for the inspection of state; they may be nil.
	Names []string
	Mode  SortMode
	// Time is the event time's column of SortByTime.
	Time int
	// Order is what follows the time.
	Order []SortKey
	// Retracting tells that the input of SortAll may hold -U and -D.
	Retracting bool
}

// Sort emits rows in order. Rows of the time of a row that went out, or before, are late
// and dropped. A retraction of a row that is not there is ignored.
//
// State: rows and finds as ranked has them, for which the time in ms is the partition (0
// with SortAll); a row that is never taken back begins with its arrival time; progress {last time i64, set i64,
// next sequence i64, arrival of the newest row i64}.
type Sort struct {
	node
	cfg      SortConfig
	ranked   *ranked
	progress *state.Scalars

	emit  *emitter  `scratch:"the emitted batch"`
	lates []int32   `scratch:"rows of a batch"`
	sub   vec.Batch `scratch:"late rows"`
}

const (
	sortLast = 0
	sortSet  = 8
	sortNext = 16
	sortAt   = 24
	sortSize = 32
)

// NewSort makes a Sort.
func NewSort(cfg SortConfig) (*Sort, error) { return &Sort{cfg: cfg}, nil }

// Open binds state.
func (o *Sort) Open(c *Context) error {
	l := layout{names: o.cfg.Names}
	l.add("rows", "time", "BIGINT", true, 0, 8)
	describeRanked(&l, o.cfg.Order, o.cfg.Input)
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.ranked = openRanked(o.space, o.cfg.Order, o.cfg.Input, o.cfg.Retracting)
	o.progress = o.space.Scalars("progress", sortSize)
	if o.progress.Int64(sortSet) == 0 {
		o.progress.SetInt64(sortSet, 1)
		o.progress.SetInt64(sortLast, math.MinInt64)
	}
	o.emit = newEmitter(c.Out, o.cfg.Input, false)
	o.lates = make([]int32, 0, vec.BatchSize)
	return nil
}

// Process keeps rows.
func (o *Sort) Process(_ int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	o.lates = o.lates[:0]
	for _, i := range sel {
		if err := o.add(b, int(i)); err != nil {
			return err
		}
	}
	o.ledger.add(late, int64(len(o.lates)))
	if len(o.lates) > 0 && o.ctx.Late != nil {
		return o.ctx.Late.Process(narrow(&o.sub, b, o.lates))
	}
	return nil
}

func (o *Sort) add(b *vec.Batch, row int) error {
	t, arrival := int64(0), b.ArrivalAt(row)
	o.progress.SetInt64(sortAt, arrival)
	switch o.cfg.Mode {
	case SortByTime:
		v := b.Cols[o.cfg.Time]
		if v.IsNull(row) {
			return o.fail(b, row, errNoOrder)
		}
		t = millis(v.I64[row])
		if t <= o.progress.Int64(sortLast) {
			o.lates = append(o.lates, int32(row))
			return nil
		}
	case SortByArrival:
		t = arrival
		if err := o.fire(arrival - 1); err != nil {
			return err
		}
	}
	id := t ^ math.MinInt64 // in the order of unsigned integers
	r := o.ranked
	if b.Kind(row).Retracts() {
		if r.locate(b, row, id) {
			r.remove()
		} else {
			o.ledger.add(filtered, 1)
		}
		return nil
	}
	seq := o.progress.Int64(sortNext)
	o.progress.SetInt64(sortNext, seq+1)
	r.load(b, row, id, seq)
	if o.cfg.Retracting {
		r.put()
		return nil
	}
	r.find = binary.LittleEndian.AppendUint64(r.find[:0], uint64(arrival))
	r.find = append(r.find, r.value...)
	r.rows.Put(r.key, r.find)
	return nil
}

// fire emits the rows up to a time.
func (o *Sort) fire(t int64) error {
	r := o.ranked
	for ok := r.it.First(); ok; ok = r.it.First() {
		at := readID(r.it.Key()) ^ math.MinInt64
		if at > t {
			break
		}
		r.to = append(r.to[:0], r.it.Key()[:8]...)
		for ; ok && string(r.it.Key()[:8]) == string(r.to); ok = r.it.Next() {
			v, arrival := r.it.Value(), o.progress.Int64(sortAt)
			if !o.cfg.Retracting {
				v, arrival = v[8:], word(v, 0)
			}
			r.codec.decode(v, o.emit.batch.Cols, o.emit.row())
			if err := o.emit.keep(vec.Insert, arrival); err != nil {
				return err
			}
			o.relieve()
		}
		o.progress.SetInt64(sortLast, at)
		r.dropLeaves(at^math.MinInt64, o.relieve)
	}
	return o.emit.flush()
}

// Watermark emits the rows up to it.
func (o *Sort) Watermark(_ int, t int64) error {
	if t == EndOfInput || t != Idle && o.cfg.Mode == SortByTime {
		if err := o.calmly(o.fire, t); err != nil {
			return err
		}
	}
	return o.ctx.Out.Watermark(t)
}

// Tick emits the rows that arrived before now.
func (o *Sort) Tick(now int64) error {
	if o.cfg.Mode == SortByArrival {
		if err := o.calmly(o.fire, now-1); err != nil {
			return err
		}
	}
	return o.ctx.Out.Tick(now)
}

// Audit implements Audited.
func (o *Sort) Audit() Audit { return o.ledger.audit() }
