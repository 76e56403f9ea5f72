package op

import (
	"bytes"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// ranked keeps rows in order within partitions. State:
//
//	rows   id i64 of the partition, sort key, sequence i64 -> encoded row
//	finds  id, hash of the encoded row, sequence -> nothing, where rows can be taken back
//
// Rows of equal sort keys stand in the order of their sequences, that is of arrival.
type ranked struct {
	order *orderCodec
	codec *rowCodec
	rows  *state.Ordered
	finds *state.Ordered // nil where rows are not taken back

	it    *state.Iter `scratch:"a walk within one call"`
	found *state.Iter `scratch:"a walk within one call"`
	to    []byte      `scratch:"the end of a range"`
	key   []byte      `scratch:"the key in hand"`
	find  []byte      `scratch:"the key in hand"`
	value []byte      `scratch:"the row in hand"`
}

// openRanked binds the state.
func openRanked(s *state.Space, order []SortKey, in []types.Type, retracting bool) *ranked {
	r := &ranked{order: newOrderCodec(order, in), codec: newRowCodec(in)}
	r.rows = s.Ordered("rows", state.OrderedSpec{ValueSize: -1})
	if retracting {
		r.finds = s.Ordered("finds", state.OrderedSpec{})
		r.found = r.finds.Iter()
	}
	r.it = r.rows.Iter()
	return r
}

// describeRanked adds the rows to a layout.
func describeRanked(l *layout, order []SortKey, in []types.Type) {
	newOrderCodec(order, in).describe(l, "rows")
	for i, t := range in {
		l.column("rows", i, i, t, false, i, 0)
	}
}

// load encodes a row and makes its key, under a sequence.
func (r *ranked) load(b *vec.Batch, row int, id, seq int64) {
	r.loadKey(b, row, id, seq)
	r.value = r.codec.append(reuse(r.value), b, row)
}

func (r *ranked) loadKey(b *vec.Batch, row int, id, seq int64) {
	r.key = appendID(r.order.append(appendID(r.key[:0], id), b, row), seq)
}

// sortKey is the sort key of the loaded row.
func (r *ranked) sortKey() []byte { return r.key[8 : len(r.key)-8] }

// put keeps the loaded row.
func (r *ranked) put() {
	r.rows.Put(r.key, r.value)
	if r.finds != nil {
		r.finds.Put(r.findKey(), nil)
	}
}

func (r *ranked) findKey() []byte {
	n := len(r.key)
	r.find = appendID(append(r.find[:0], r.key[:8]...), hashBytes(r.value))
	r.find = append(r.find, r.key[n-8:]...)
	return r.find
}

// locate finds a kept row equal to row of b, loads it, and tells whether there is one.
func (r *ranked) locate(b *vec.Batch, row int, id int64) bool {
	r.load(b, row, id, 0)
	prefix := r.findKey()[:16]
	it := r.found
	n := len(r.key)
	for ok := it.Seek(prefix); ok && bytes.HasPrefix(it.Key(), prefix); ok = it.Next() {
		r.key = append(r.key[:n-8], it.Key()[16:]...)
		if have, ok := r.rows.Get(r.key); ok && bytes.Equal(have, r.value) {
			return true
		}
	}
	return false
}

// remove deletes the loaded row.
func (r *ranked) remove() {
	r.rows.Delete(r.key)
	if r.finds != nil {
		r.finds.Delete(r.findKey())
	}
}

// first moves the walk to the first row of a partition.
func (r *ranked) first(id int64) bool {
	r.to = appendID(r.to[:0], id)
	return r.it.Seek(r.to) && bytes.HasPrefix(r.it.Key(), r.to)
}

// next moves the walk on within the partition that first or last began with.
func (r *ranked) next() bool { return r.it.Next() && bytes.HasPrefix(r.it.Key(), r.to) }

// last moves the walk to the last row of a partition.
func (r *ranked) last(id int64) bool {
	r.to = appendID(r.to[:0], id+1)
	ok := r.it.SeekBefore(r.to)
	r.to = appendID(r.to[:0], id)
	return ok && bytes.HasPrefix(r.it.Key(), r.to)
}

// drop deletes all rows of a partition.
func (r *ranked) drop(id int64) { r.dropLeaves(id, func() {}) }

// dropLeaves is drop that calls between now and then, where it holds no bytes of the arena.
func (r *ranked) dropLeaves(id int64, between func()) {
	r.to = appendID(r.to[:0], id)
	r.find = appendID(r.find[:0], id+1)
	r.rows.DeleteLeaves(r.to, r.find, between)
	if r.finds != nil {
		r.finds.DeleteLeaves(r.to, r.find, between)
	}
}
