package op

import (
	"bytes"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// RankConfig configures NewRank: of each partition the rows Start to End by order. The
// output is the input and, with Rank, the row's number as BIGINT.
type RankConfig struct {
	Input []types.Type
	// Names are those of the input columns, for the inspection of state; they may be nil.
	Names []string
	// Keys are the partition's columns; Order is empty for the order of arrival.
	Keys  []int
	Order []SortKey
	// Start and End are row numbers from 1 on, both included.
	Start, End int64
	Rank       bool
	// Retracting tells that the input may hold -U and -D.
	Retracting bool
	// UpdateBefore makes updates emit -U before +U.
	UpdateBefore bool
	TTLMs        int64
}

// byPlace tells that rows are addressed by their number: what stands at a number is updated
// when another row takes its place. Otherwise rows come and go.
func (c RankConfig) byPlace() bool { return c.Rank || c.Start == c.End }

// Rank is Top-N: it emits how the rows Start to End of each partition change. Of rows that
// are never taken back it keeps End a partition; by order of arrival it keeps none, only
// their number. A retraction of a row that is not there is ignored.
//
// State:
//
//	partitions key -> {id i64, rows i64, next sequence i64, last write i64 ms, length i64 and
//	           first 16 bytes of the sort key of the last row, once End rows are kept of an
//	           input that takes none back}
//	rows, finds as ranked has them
//	progress   {last id i64}
type Rank struct {
	node
	cfg        RankConfig
	keys       *keyCodec
	partitions *state.Table
	ranked     *ranked // nil by order of arrival
	progress   *state.Scalars

	emit    *emitter `scratch:"the emitted batch"`
	cur     []byte   `scratch:"a row in hand"`
	ahead   []byte   `scratch:"the row behind it"`
	key     []byte   `scratch:"the key in hand"`
	sweepAt int      `scratch:"where the search for expired partitions goes on"`
	now     int64    `scratch:"arrival of the newest row of the batch"`
	arrival int64    `scratch:"arrival of the row in hand"`
	expired func(state.Row) bool
}

const (
	rankID    = 0
	rankRows  = 8
	rankNext  = 16
	rankWrite = 24
	rankSize  = 32 // of what other operators keep as well

	rankBoundLen = 32
	rankBound    = 40
	rankBoundMax = 16
	rankFull     = rankBound + rankBoundMax
)

// NewRank makes a Rank.
func NewRank(cfg RankConfig) (*Rank, error) {
	if cfg.Start < 1 || cfg.End < cfg.Start {
		return nil, fmt.Errorf("rows %d to %d of a partition are none", cfg.Start, cfg.End)
	}
	return &Rank{cfg: cfg, keys: newKeyCodec(cfg.Keys, typesOf(cfg.Input, cfg.Keys))}, nil
}

// Open binds state.
func (o *Rank) Open(c *Context) error {
	l := layout{names: o.cfg.Names}
	l.keys("partitions", o.keys)
	l.add("partitions", "rows", "BIGINT", false, rankRows, 8)
	l.add("partitions", "last write", "BIGINT", false, rankWrite, 8)
	l.add("partitions", "sort key of the last row", "BYTES", false, rankBoundLen, rankFull-rankBoundLen)
	counting := len(o.cfg.Order) == 0 && !o.cfg.Retracting
	if !counting {
		describeRanked(&l, o.cfg.Order, o.cfg.Input)
	}
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.partitions = o.space.Table("partitions", state.TableSpec{ValueSize: rankFull})
	o.progress = o.space.Scalars("progress", 8)
	if !counting {
		o.ranked = openRanked(o.space, o.cfg.Order, o.cfg.Input, o.cfg.Retracting)
	}
	out := append([]types.Type(nil), o.cfg.Input...)
	if o.cfg.Rank {
		out = append(out, types.TBigInt)
	}
	o.emit = newEmitter(c.Out, out, !counting)
	o.expired = o.expire
	return nil
}

// Process applies rows one by one.
func (o *Rank) Process(_ int, b *vec.Batch) error {
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

func (o *Rank) dead(p []byte, now int64) bool {
	return o.cfg.TTLMs > 0 && now-word(p, rankWrite) >= o.cfg.TTLMs
}

func (o *Rank) expire(r state.Row) bool {
	p := o.partitions.Value(r)
	if !o.dead(p, o.now) {
		return false
	}
	if o.ranked != nil {
		o.ranked.drop(word(p, rankID))
	}
	return true
}

func (o *Rank) apply(b *vec.Batch, row int) error {
	o.key = o.keys.append(o.key[:0], b, row)
	o.arrival = b.ArrivalAt(row)
	o.now = max(o.now, o.arrival)
	retract := b.Kind(row).Retracts()
	r, found := o.partitions.Get(o.key)
	if found && o.dead(o.partitions.Value(r), o.arrival) {
		o.expire(r)
		o.partitions.Delete(o.key)
		found = false
	}
	if !found {
		if retract {
			o.ledger.add(filtered, 1)
			return nil
		}
		r, _ = o.partitions.Upsert(o.key)
		id := o.progress.Int64(0) + 1
		o.progress.SetInt64(0, id)
		setWord(o.partitions.MutValue(r), rankID, id)
	}
	if o.ranked == nil && word(o.partitions.Value(r), rankRows) >= o.cfg.End && o.cfg.TTLMs == 0 {
		o.ledger.add(filtered, 1)
		return nil
	}
	p := o.partitions.MutValue(r)
	setWord(p, rankWrite, o.arrival)
	switch {
	case o.ranked == nil:
		return o.count(p, b, row)
	case retract:
		return o.remove(p, b, row)
	}
	return o.insert(p, b, row)
}

// count numbers rows in the order of arrival.
func (o *Rank) count(p []byte, b *vec.Batch, row int) error {
	n := word(p, rankRows) + 1
	if n > o.cfg.End {
		o.ledger.add(filtered, 1)
		return nil
	}
	setWord(p, rankRows, n)
	if n < o.cfg.Start {
		o.ledger.add(filtered, 1)
		return nil
	}
	at := o.emit.row()
	for c, v := range b.Cols[:len(o.cfg.Input)] {
		o.emit.batch.Cols[c].Copy(at, v, row)
	}
	return o.keep(vec.Insert, n)
}

// send emits an encoded row under a number.
func (o *Rank) send(kind vec.RowKind, row []byte, n int64) error {
	o.ranked.codec.decode(row, o.emit.batch.Cols, o.emit.row())
	return o.keep(kind, n)
}

// keep completes the emitted row.
func (o *Rank) keep(kind vec.RowKind, n int64) error {
	if o.cfg.Rank {
		v, at := o.emit.batch.Cols[len(o.cfg.Input)], o.emit.row()
		v.SetNotNull(at)
		v.I64[at] = n
	}
	return o.emit.keep(kind, o.arrival)
}

func (o *Rank) insert(p []byte, b *vec.Batch, row int) error {
	r, id, rows := o.ranked, word(p, rankID), word(p, rankRows)
	seq := word(p, rankNext)
	r.loadKey(b, row, id, seq)
	full := !o.cfg.Retracting && rows >= o.cfg.End
	if full && o.beyond(p, id) {
		o.ledger.add(filtered, 1)
		return nil
	}
	r.load(b, row, id, seq)
	setWord(p, rankNext, seq+1)
	setWord(p, rankRows, rows+1)
	r.put()
	emit := o.enter
	if o.cfg.byPlace() {
		emit = o.shiftDown
	}
	if err := emit(id, rows+1); err != nil {
		return err
	}
	if full && r.last(id) {
		r.key = append(r.key[:0], r.it.Key()...)
		r.rows.Delete(r.key)
		setWord(p, rankRows, rows)
	}
	if !o.cfg.Retracting && rows+1 >= o.cfg.End && r.last(id) {
		last := r.it.Key()
		last = last[8 : len(last)-8]
		setWord(p, rankBoundLen, int64(len(last)))
		copy(p[rankBound:rankFull], last)
	}
	return nil
}

// beyond tells that the loaded row comes after all rows of a full partition.
func (o *Rank) beyond(p []byte, id int64) bool {
	key, size := o.ranked.sortKey(), int(word(p, rankBoundLen))
	n := min(len(key), size, rankBoundMax)
	c := bytes.Compare(key[:n], p[rankBound:rankBound+n])
	if c != 0 || len(key) == size && size <= rankBoundMax {
		return c >= 0 // of equal sort keys the first to arrive comes first
	}
	return o.ranked.last(id) && bytes.Compare(o.ranked.key, o.ranked.it.Key()) > 0
}

func (o *Rank) remove(p []byte, b *vec.Batch, row int) error {
	r, id := o.ranked, word(p, rankID)
	if !r.locate(b, row, id) {
		o.ledger.add(filtered, 1)
		return nil
	}
	emit := o.leave
	if o.cfg.byPlace() {
		emit = o.shiftUp
	}
	if err := emit(id, word(p, rankRows)); err != nil {
		return err
	}
	r.remove()
	setWord(p, rankRows, word(p, rankRows)-1)
	if word(p, rankRows) == 0 {
		o.partitions.Delete(o.key)
	}
	return nil
}

// seek moves the walk to the loaded row and yields its number, or 0 beyond End.
func (o *Rank) seek(id int64) int64 {
	r := o.ranked
	n := int64(1)
	for ok := r.first(id); ok && n <= o.cfg.End; ok = r.next() {
		if bytes.Equal(r.it.Key(), r.key) {
			return n
		}
		n++
	}
	return 0
}

// forward moves the walk from number n to number to, and tells whether there is one.
func (o *Rank) forward(n, to int64) bool {
	for ; n < to; n++ {
		if !o.ranked.next() {
			return false
		}
	}
	return true
}

// shiftDown emits what the loaded row, just put in, moves down.
func (o *Rank) shiftDown(id, _ int64) error {
	n := o.seek(id)
	if n == 0 {
		o.ledger.add(filtered, 1)
		return nil
	}
	r := o.ranked
	if n < o.cfg.Start {
		if !o.forward(n, o.cfg.Start) {
			return nil
		}
		n = o.cfg.Start
	}
	o.cur = append(o.cur[:0], r.it.Value()...)
	for ; n <= o.cfg.End; n++ {
		if !r.next() {
			return o.send(vec.Insert, o.cur, n)
		}
		o.ahead = append(o.ahead[:0], r.it.Value()...)
		if o.cfg.UpdateBefore {
			if err := o.send(vec.UpdateBefore, o.ahead, n); err != nil {
				return err
			}
		}
		if err := o.send(vec.UpdateAfter, o.cur, n); err != nil {
			return err
		}
		o.cur, o.ahead = o.ahead, o.cur
	}
	return nil
}

// shiftUp emits what moves up when the loaded row goes.
func (o *Rank) shiftUp(id, _ int64) error {
	n := o.seek(id)
	if n == 0 {
		return nil
	}
	r := o.ranked
	if n < o.cfg.Start {
		if !o.forward(n, o.cfg.Start) {
			return nil
		}
		n = o.cfg.Start
	}
	o.cur = append(o.cur[:0], r.it.Value()...)
	for ; n <= o.cfg.End; n++ {
		if !r.next() {
			return o.send(vec.Delete, o.cur, n)
		}
		o.ahead = append(o.ahead[:0], r.it.Value()...)
		if o.cfg.UpdateBefore {
			if err := o.send(vec.UpdateBefore, o.cur, n); err != nil {
				return err
			}
		}
		if err := o.send(vec.UpdateAfter, o.ahead, n); err != nil {
			return err
		}
		o.cur, o.ahead = o.ahead, o.cur
	}
	return nil
}

// enter emits the row that the loaded one, just put in, brings in, after the one that it
// pushes out.
func (o *Rank) enter(id, rows int64) error {
	r := o.ranked
	if o.cfg.Start == 1 && !o.cfg.Retracting {
		if rows > o.cfg.End && r.last(id) {
			o.cur = append(o.cur[:0], r.it.Value()...)
			if err := o.send(vec.Delete, o.cur, 0); err != nil {
				return err
			}
		}
		return o.send(vec.Insert, r.value, 0)
	}
	n := o.seek(id)
	if n == 0 {
		o.ledger.add(filtered, 1)
		return nil
	}
	in := max(n, o.cfg.Start)
	if !o.forward(n, in) {
		return nil
	}
	o.cur = append(o.cur[:0], r.it.Value()...)
	if rows > o.cfg.End && o.forward(in, o.cfg.End+1) {
		o.ahead = append(o.ahead[:0], r.it.Value()...)
		if err := o.send(vec.Delete, o.ahead, 0); err != nil {
			return err
		}
	}
	return o.send(vec.Insert, o.cur, 0)
}

// leave emits the row that goes when the loaded one does, and the one that follows up.
func (o *Rank) leave(id, rows int64) error {
	n := o.seek(id)
	if n == 0 {
		return nil
	}
	r := o.ranked
	out := max(n, o.cfg.Start)
	if !o.forward(n, out) {
		return nil
	}
	o.cur = append(o.cur[:0], r.it.Value()...)
	if err := o.send(vec.Delete, o.cur, 0); err != nil {
		return err
	}
	if rows > o.cfg.End && o.forward(out, o.cfg.End+1) {
		o.ahead = append(o.ahead[:0], r.it.Value()...)
		return o.send(vec.Insert, o.ahead, 0)
	}
	return nil
}

// Watermark forwards.
func (o *Rank) Watermark(_ int, t int64) error { return o.ctx.Out.Watermark(t) }

// Tick forwards.
func (o *Rank) Tick(now int64) error { return o.ctx.Out.Tick(now) }

// Audit implements Audited.
func (o *Rank) Audit() Audit { return o.ledger.audit() }
