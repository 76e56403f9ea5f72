package dataflow

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// coalescer keeps one row a key of an upsert sink until the epoch ends: what happens to a
// key within an epoch is never observable, but where a step makes more rows than memory takes. It lives no longer than an epoch and is no
// operator state.
type coalescer struct {
	cols  []int
	index map[uint64]int // the newest row with a key of the hash, from 1 on
	rows  []upsertRow
	bytes int64 // of payloads
	keys  int64 // bytes of keys and subjects
	key   []byte
	look  int64 // memory from which on its output is told that it grows
	// draining tells that its rows are being handed out.
	draining bool
}

type upsertRow struct {
	payload, subject []byte
	key              []byte
	next             int // the row before with a key of the same hash, from 1 on, or 0
	kind             vec.RowKind
	// fresh tells that the epoch's first row of the key was an insert: a deletion then
	// leaves nothing behind.
	fresh     bool
	windowEnd int64
	nowMs     int64
}

func newCoalescer(cols []int) *coalescer {
	return &coalescer{cols: cols, index: map[uint64]int{}}
}

// put keeps a row instead of the key's last one.
func (c *coalescer) put(b *vec.Batch, i int, r upsertRow) {
	c.key = appendUpsertKey(c.key[:0], b, c.cols, i)
	at := c.find()
	old := &c.rows[at]
	if len(old.key) == 0 {
		old.key, old.fresh = append(old.key, c.key...), r.kind == vec.Insert
		c.keys += int64(len(c.key) + len(r.subject))
	}
	c.bytes += int64(len(r.payload)) - int64(len(old.payload))
	old.payload = append(old.payload[:0], r.payload...)
	old.subject = append(old.subject[:0], r.subject...)
	old.kind, old.windowEnd, old.nowMs = r.kind, r.windowEnd, r.nowMs
}

// find is the row of the key in hand, a new one where there is none: one without a key, whose
// buffers are used again.
func (c *coalescer) find() int {
	h := uint64(14695981039346656037) // FNV-1a
	for _, x := range c.key {
		h = (h ^ uint64(x)) * 1099511628211
	}
	first := c.index[h]
	for k := first; k > 0; k = c.rows[k-1].next {
		if bytes.Equal(c.rows[k-1].key, c.key) {
			return k - 1
		}
	}
	at := len(c.rows)
	c.index[h] = at + 1
	if at == cap(c.rows) {
		c.rows = append(c.rows, upsertRow{next: first})
		return at
	}
	c.rows = c.rows[:at+1]
	r := &c.rows[at]
	r.payload, r.subject, r.key, r.next = r.payload[:0], r.subject[:0], r.key[:0], first
	return at
}

// drain hands the rows to out, in the order in which their keys first came.
func (c *coalescer) drain(out *Output) {
	c.draining = true
	for i := range c.rows {
		r := &c.rows[i]
		kind := r.kind
		switch {
		case kind.Retracts() && r.fresh:
			continue
		case kind.Retracts():
			kind = vec.Delete
		case r.fresh:
			kind = vec.Insert
		default:
			kind = vec.UpdateAfter
		}
		out.append(r.payload, r.subject, kind, r.windowEnd, r.nowMs)
	}
	if len(c.rows) > coalescerKeep {
		c.rows, c.index = nil, map[uint64]int{}
	}
	clear(c.index)
	c.rows, c.bytes, c.keys, c.look = c.rows[:0], 0, 0, 0
	c.draining = false
}

// appendUpsertKey appends a row's key, unambiguously.
func appendUpsertKey(dst []byte, b *vec.Batch, cols []int, i int) []byte {
	for _, c := range cols {
		v := b.Cols[c]
		d := v.Get(i)
		if d.Null {
			dst = append(dst, 0)
			continue
		}
		dst = append(dst, 1)
		if v.Phys == types.Bytes {
			dst = binary.AppendUvarint(dst, uint64(len(d.B)))
			dst = append(dst, d.B...)
			continue
		}
		dst = binary.LittleEndian.AppendUint64(dst, uint64(d.I))
		if v.Phys == types.Wide {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(d.Hi))
		}
		if v.Phys == types.F64 {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(d.F))
		}
	}
	return dst
}
