package op

import (
	"encoding/binary"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// The fields of a partition's record, of a match, and before an encoded row.
const (
	partID    = 0
	partNext  = 8
	partFirst = 16
	partTimer = 24
	partRef   = 32
	partSize  = 40

	matchHead = 20
	rowTimes  = 16
)

// noTimer stands for no deadline.
const noTimer = math.MinInt64

// candidate is a match that may still become complete, or one that is: variable var has
// taken counts[var] rows and may take more; var is the number of variables when it is
// complete. Its rows lie next to each other from first on.
type candidate struct {
	first  uint64
	time   int64 // of the first row
	v      int
	counts []uint32
	aggs   []byte // the running aggregates of its rows
}

func (c *candidate) rows() uint64 {
	var n uint64
	for _, k := range c.counts {
		n += uint64(k)
	}
	return n
}

// span is where the rows of a variable lie, those of all when v is negative.
func (c *candidate) span(v int) (from, n uint64) {
	if v < 0 {
		return c.first, c.rows()
	}
	from = c.first
	for _, k := range c.counts[:v] {
		from += uint64(k)
	}
	return from, uint64(c.counts[v])
}

// partition is the partition in hand, read from its record and written back.
type partition struct {
	vars     int
	aggs     int       // bytes of running aggregates in a match
	key      []byte    `scratch:"the key of the partition in hand"`
	row      state.Row // the record; valid when found
	found    bool
	id       uint64
	next     uint64
	firstRow uint64
	timer    int64
	ref      state.Ref

	hand     candidate   `scratch:"the match that begins with a row, or is emitted"`
	partial  []candidate `scratch:"read from and written to the record"`
	complete []candidate `scratch:"read from and written to the record"`
	spare    []candidate `scratch:"the partial matches that a row leaves"`
	pool     []uint32    `scratch:"the counts of the matches in hand"`
	bytes    []byte      `scratch:"the running aggregates of the matches in hand"`
	blob     []byte      `scratch:"the encoded matches"`
}

// counts hands out the counts of a match, a copy of src.
func (p *partition) counts(src []uint32) []uint32 {
	n := len(p.pool)
	if src == nil {
		for range p.vars {
			p.pool = append(p.pool, 0)
		}
	} else {
		p.pool = append(p.pool, src...)
	}
	return p.pool[n:len(p.pool):len(p.pool)]
}

// running hands out the running aggregates of a match, a copy of src.
func (p *partition) running(src []byte) []byte {
	n := len(p.bytes)
	p.bytes = append(p.bytes, src...)
	for len(p.bytes) < n+p.aggs {
		p.bytes = append(p.bytes, 0)
	}
	return p.bytes[n:len(p.bytes):len(p.bytes)]
}

// load reads the partition of a key; one that is not there is new and empty.
func (o *Match) load(key []byte) {
	p := &o.p
	p.key = append(p.key[:0], key...)
	p.partial, p.complete, p.pool, p.bytes = p.partial[:0], p.complete[:0], p.pool[:0], p.bytes[:0]
	o.eval.cur = nil
	p.row, p.found = o.partitions.Get(key)
	if !p.found {
		p.id, p.next, p.firstRow, p.timer, p.ref = 0, 0, 0, noTimer, 0
		return
	}
	v := o.partitions.Value(p.row)
	p.id, p.next, p.firstRow = uint64(word(v, partID)), uint64(word(v, partNext)), uint64(word(v, partFirst))
	p.timer, p.ref = word(v, partTimer), state.Ref(word(v, partRef))
	b := o.partitions.Heap().Get(p.ref)
	n, done := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	b = b[8:]
	for i := range n + done {
		c := candidate{first: uint64(word(b, 0)), time: word(b, 8), v: int(binary.LittleEndian.Uint32(b[16:])), counts: p.counts(nil)}
		for k := range c.counts {
			c.counts[k] = binary.LittleEndian.Uint32(b[matchHead+4*k:])
		}
		b = b[matchHead+4*p.vars:]
		c.aggs = p.running(b[:p.aggs])
		b = b[p.aggs:]
		if i < n {
			p.partial = append(p.partial, c)
		} else {
			p.complete = append(p.complete, c)
		}
	}
}

// encode makes the matches' bytes.
func (p *partition) encode() []byte {
	b := binary.LittleEndian.AppendUint32(p.blob[:0], uint32(len(p.partial)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.complete)))
	for _, list := range [2][]candidate{p.partial, p.complete} {
		for _, c := range list {
			b = binary.LittleEndian.AppendUint64(b, c.first)
			b = binary.LittleEndian.AppendUint64(b, uint64(c.time))
			b = binary.LittleEndian.AppendUint32(b, uint32(c.v))
			for _, n := range c.counts {
				b = binary.LittleEndian.AppendUint32(b, n)
			}
			b = append(b, c.aggs...)
		}
	}
	p.blob = b
	return b
}

// low is the first row that a match refers to; next when there is none.
func (p *partition) low() uint64 {
	low := p.next
	if len(p.partial) > 0 {
		low = min(low, p.partial[0].first)
	}
	if len(p.complete) > 0 {
		low = min(low, p.complete[0].first)
	}
	return low
}

// identify makes the partition's record when there is none.
func (o *Match) identify() {
	p := &o.p
	if p.found {
		return
	}
	p.row, _ = o.partitions.Upsert(p.key)
	p.found, p.id = true, nextGroup(o.progress)
	setWord(o.partitions.MutValue(p.row), partID, int64(p.id))
}

// store writes the partition back, forgets rows that no match needs, and the partition
// when there is nothing to keep of it.
func (o *Match) store() {
	p := &o.p
	low := p.low()
	keep := low - min(low, uint64(o.back))
	if !p.found && keep >= p.next {
		return
	}
	o.identify()
	if keep > p.firstRow {
		o.dropRows(p.firstRow, keep)
		p.firstRow = keep
	}
	timer := int64(noTimer)
	if o.cfg.WithinMs > 0 && len(p.partial) > 0 {
		timer = p.partial[0].time + o.cfg.WithinMs
	}
	if timer != p.timer {
		o.setTimer(timer)
	}
	if keep >= p.next {
		if p.ref != 0 {
			o.partitions.Heap().Free(p.ref)
		}
		o.partitions.Delete(p.key)
		p.found = false
		return
	}
	v := o.partitions.MutValue(p.row)
	setWord(v, partID, int64(p.id))
	setWord(v, partNext, int64(p.next))
	setWord(v, partFirst, int64(p.firstRow))
	setWord(v, partTimer, p.timer)
	if p.ref == 0 {
		p.ref = o.partitions.Heap().Put(p.encode())
	} else {
		p.ref = o.partitions.Heap().Replace(p.ref, p.encode())
	}
	setWord(o.partitions.MutValue(p.row), partRef, int64(p.ref))
}

// rangeRows is the number of rows from which on they are deleted as a range.
const rangeRows = 16

// dropRows forgets the rows of the partition in hand from one to before another.
func (o *Match) dropRows(from, to uint64) {
	if to-from > rangeRows {
		o.rows.DeleteRange(o.rowKey(o.p.id, from), o.rowEnd(o.p.id, to))
		return
	}
	for ; from < to; from++ {
		o.rows.Delete(o.rowKey(o.p.id, from))
	}
}

// setTimer moves the partition's deadline.
func (o *Match) setTimer(t int64) {
	p := &o.p
	if p.timer != noTimer {
		o.timers.Delete(o.timerKey(p.timer, p.id))
	}
	if p.timer = t; t != noTimer {
		o.timers.Put(o.timerKey(t, p.id), p.key)
	}
}

func (o *Match) timerKey(t int64, id uint64) []byte {
	o.at = binary.BigEndian.AppendUint64(appendOrdered(o.at[:0], t), id)
	return o.at
}

func (o *Match) rowKey(id, row uint64) []byte {
	o.at = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(o.at[:0], id), row)
	return o.at
}

// rowEnd is a row's key in another buffer than rowKey's.
func (o *Match) rowEnd(id, row uint64) []byte {
	o.hold = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(o.hold[:0], id), row)
	return o.hold
}

func appendTimes(dst []byte, t, arrival int64) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(t))
	return binary.LittleEndian.AppendUint64(dst, uint64(arrival))
}

// wait keeps a row until its time has come.
func (o *Match) wait(b *vec.Batch, i int, t, arrival int64) {
	o.at = appendOrdered(o.at[:0], t)
	for _, s := range o.cfg.Order {
		o.at = appendSortKey(o.at, b.Cols[s.Col].Get(i), s, o.cfg.Input)
	}
	o.at = binary.BigEndian.AppendUint64(o.at, nextGroup(o.progress))
	o.val = binary.LittleEndian.AppendUint64(o.val[:0], uint64(arrival))
	o.val = binary.LittleEndian.AppendUint32(o.val, uint32(len(o.key)))
	o.val = o.codec.append(append(o.val, o.key...), b, i)
	o.waiting.Put(o.at, o.val)
}

// appendSortKey appends a cell in the form whose bytes have the order asked for.
func appendSortKey(dst []byte, d vec.Datum, s MatchOrder, in []types.Type) []byte {
	if d.Null != s.NullsLast {
		dst = append(dst, 0)
	} else {
		dst = append(dst, 1)
	}
	if d.Null {
		return dst
	}
	from := len(dst)
	dst = expr.AppendKey(dst, d, in[s.Col], false)
	if s.Desc {
		for i := range dst[from:] {
			dst[from+i] ^= 0xff
		}
	}
	return dst
}

// fireRow takes a waiting row.
func (o *Match) fireRow(k, v []byte) error {
	t := readOrdered(k)
	n := binary.LittleEndian.Uint32(v[8:])
	o.key = append(o.key[:0], v[12:12+n]...)
	o.val = appendTimes(o.val[:0], t, word(v, 0))
	o.val = append(o.val, v[12+n:]...)
	return o.apply(o.key, o.val)
}

// fireTimer drops the matches whose time is up, first in the order of deadlines.
func (o *Match) fireTimer() error {
	k, key, _ := o.timers.Min()
	due := readOrdered(k)
	o.load(key)
	o.expire(due)
	if err := o.release(due, o.progress.Int64(progressArrival)); err != nil {
		return err
	}
	o.store()
	return nil
}

// failRow hands an encoded row to the dead letters.
func (o *Match) failRow(row []byte, err error) error {
	o.one.Reset()
	o.codec.decode(row[rowTimes:], o.one.Cols, 0)
	o.one.N = 1
	o.one.Arrival = append(o.one.Arrival, word(row, 8))
	return o.fail(o.one, 0, err)
}
