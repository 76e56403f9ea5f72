package op

import (
	"bytes"
	"encoding/binary"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// JoinIdentity tells how a row of a join's side is found again when it is taken back.
type JoinIdentity uint8

// Rows are never taken back; by the join key, which one row has at the most; by a unique
// key; by all their columns.
const (
	JoinAppendOnly JoinIdentity = iota
	JoinByJoinKey
	JoinByUniqueKey
	JoinByRow
)

// joinRows keeps the rows of one side of a join in lists by join key.
//
// State, with the side's name before each:
//
//	keys   join key -> Ref of the newest row's entry
//	ids    the unique key and the join key -> Ref; or hash of the row -> Ref
//
//	ages   {oldest entry Ref, newest entry Ref}, where rows expire
//
// An entry lies in the heap of keys: next u64, then where they are needed the entry before
// it in the list u64, the next entry of the same hash u64 and, where rows expire, that before
// it u64, the time of the last write i64 ms with the entries written before and after u64
// each, and the number of partners i64, then the packed row. Of the same hash the newest comes
// first: it is the one that is taken back, while the oldest expires.
type joinRows struct {
	key   joinKey
	row   *keyCodec // all columns
	id    *keyCodec // of JoinByUniqueKey
	by    JoinIdentity
	ttlMs int64

	keys *state.Table
	heap *state.Heap
	ids  *state.Table
	ages *state.Scalars

	// Where an entry's words are; -1 for those that it does not have.
	prev, same, back, write, older, newer, partners, head int

	buf    []byte `scratch:"an entry being made"`
	idBuf  []byte `scratch:"an identity in hand"`
	keyBuf []byte `scratch:"the key of an entry that expires"`
	word   [8]byte
	made   int `scratch:"entries made since the last sweep"`
}

const entryNext = 0

// newJoinRows configures a side; counts tells to keep the number of partners of each row.
func newJoinRows(s JoinSide, nullSafe []bool, by JoinIdentity, unique []int, ttlMs int64, counts bool) *joinRows {
	all := make([]int, len(s.Input))
	for i := range all {
		all[i] = i
	}
	r := &joinRows{key: newJoinKey(s, nullSafe), row: newKeyCodec(all, s.Input), by: by, ttlMs: ttlMs,
		prev: -1, same: -1, back: -1, write: -1, older: -1, newer: -1, partners: -1, head: 8}
	r.row.exact = true
	word := func(at *int, needed bool) {
		if needed {
			*at = r.head
			r.head += 8
		}
	}
	word(&r.prev, ttlMs > 0 || by != JoinAppendOnly) // else none leaves a list
	word(&r.same, by == JoinByRow)
	word(&r.back, by == JoinByRow && ttlMs > 0) // else none but the first of equal rows goes
	word(&r.write, ttlMs > 0)
	word(&r.older, ttlMs > 0)
	word(&r.newer, ttlMs > 0)
	word(&r.partners, counts)
	if by == JoinByUniqueKey {
		cols := append([]int(nil), unique...)
		for _, k := range s.Keys {
			if !contains(cols, k) {
				cols = append(cols, k)
			}
		}
		r.id = newKeyCodec(cols, typesOf(s.Input, cols))
	}
	return r
}

func contains(s []int, x int) bool {
	for _, y := range s {
		if x == y {
			return true
		}
	}
	return false
}

// describe adds the side to a layout.
func (r *joinRows) describe(l *layout, name string, s JoinSide) {
	l.names = s.Names
	l.keys(name+" keys", r.key.codec)
	for i, t := range s.Input {
		l.column(name+" rows", i, i, t, false, r.head, 0)
	}
	if r.id != nil {
		l.keys(name+" ids", r.id)
	}
	if r.write >= 0 {
		l.add(name+" rows", "age", types.TBigInt.String(), false, r.write, 24)
	}
	l.add(name+" rows", "identity", types.TInt.String(), false, int(r.by), 0)
}

// open binds the side.
func (r *joinRows) open(s *state.Space, name string) {
	r.keys = s.Table(name+" keys", state.TableSpec{KeySize: r.key.size(), ValueSize: 8})
	r.heap = r.keys.Heap()
	if r.write >= 0 {
		r.ages = s.Scalars(name+" ages", 16)
	}
	switch r.by {
	case JoinByUniqueKey:
		r.ids = s.Table(name+" ids", state.TableSpec{ValueSize: 8})
	case JoinByRow:
		r.ids = s.Table(name+" ids", state.TableSpec{KeySize: 8, ValueSize: 8})
	}
}

// at reads a word of an entry.
func at(entry []byte, where int) int64 { return int64(binary.LittleEndian.Uint64(entry[where:])) }

// set writes a word of the entry at ref.
func (r *joinRows) set(ref state.Ref, where int, v int64) {
	binary.LittleEndian.PutUint64(r.word[:], uint64(v))
	r.heap.WriteAt(ref, where, r.word[:])
}

// list appends to dst the entries with a join key, newest first, and forgets those that
// have expired.
func (r *joinRows) list(dst []state.Ref, key []byte, now int64) []state.Ref {
	k, ok := r.keys.Get(key)
	if !ok {
		return dst
	}
	n := len(dst)
	for ref := state.Ref(word(r.keys.Value(k), 0)); ref != 0; {
		e := r.heap.Get(ref)
		next := state.Ref(at(e, entryNext))
		if r.dead(e, now) {
			r.unlink(ref, k)
		} else {
			dst = append(dst, ref)
		}
		ref = next
	}
	if len(dst) == n {
		r.keys.Delete(key)
	}
	return dst
}

func (r *joinRows) dead(entry []byte, now int64) bool {
	return r.ttlMs > 0 && now-at(entry, r.write) >= r.ttlMs
}

// add keeps row i of b under its join key, in place of one of the same identity where rows
// have one.
func (r *joinRows) add(b *vec.Batch, i int, key []byte, now, partners int64) {
	if r.by == JoinByJoinKey || r.by == JoinByUniqueKey {
		r.remove(b, i, key, now)
	}
	k, _ := r.keys.Upsert(key)
	first := word(r.keys.Value(k), 0)
	r.buf = append(reuse(r.buf), make([]byte, r.head)...)
	setWord(r.buf, entryNext, first)
	if r.prev >= 0 {
		setWord(r.buf, r.prev, 0)
	}
	if r.write >= 0 {
		setWord(r.buf, r.write, now)
		setWord(r.buf, r.older, r.ages.Int64(agesNewest))
		setWord(r.buf, r.newer, 0)
	}
	if r.partners >= 0 {
		setWord(r.buf, r.partners, partners)
	}
	r.buf = r.row.append(r.buf, b, i)
	var id state.Row
	if r.ids != nil {
		r.identify(r.buf[r.head:], b, i)
		id, _ = r.ids.Upsert(r.idBuf)
	}
	var like state.Ref // the newest of the same hash
	if r.same >= 0 {
		like = state.Ref(word(r.ids.Value(id), 0))
		setWord(r.buf, r.same, int64(like))
	}
	if r.back >= 0 {
		setWord(r.buf, r.back, 0)
	}
	ref := r.heap.Put(r.buf)
	if like != 0 && r.back >= 0 {
		r.set(like, r.back, int64(ref))
	}
	if r.write >= 0 {
		r.follow(state.Ref(r.ages.Int64(agesNewest)), ref)
		r.ages.SetInt64(agesNewest, int64(ref))
		r.made++
	}
	if r.ids != nil {
		setWord(r.ids.MutValue(id), 0, int64(ref))
	}
	if first != 0 && r.prev >= 0 {
		r.set(state.Ref(first), r.prev, int64(ref))
	}
	setWord(r.keys.MutValue(k), 0, int64(ref))
}

// identify leaves the identity of row i of b, which is packed as row, in idBuf.
func (r *joinRows) identify(row []byte, b *vec.Batch, i int) {
	if r.by == JoinByUniqueKey {
		r.idBuf = r.id.append(r.idBuf[:0], b, i)
		return
	}
	r.idBuf = binary.LittleEndian.AppendUint64(r.idBuf[:0], rowHash(row))
}

// rowHash is FNV-1a by words of eight bytes; it is part of the format.
func rowHash(b []byte) uint64 {
	const prime = 1099511628211
	h := uint64(14695981039346656037)
	for ; len(b) >= 8; b = b[8:] {
		h = (h ^ binary.LittleEndian.Uint64(b)) * prime
		h ^= h >> 29
	}
	for _, c := range b {
		h = (h ^ uint64(c)) * prime
	}
	return h ^ h>>32
}

// remove forgets the row of the same identity as row i of b and tells whether there was one
// that has not expired.
func (r *joinRows) remove(b *vec.Batch, i int, key []byte, now int64) bool {
	k, ok := r.keys.Get(key)
	if !ok {
		return false
	}
	var ref state.Ref
	switch r.by {
	case JoinByJoinKey:
		ref = state.Ref(word(r.keys.Value(k), 0))
	case JoinByUniqueKey, JoinByRow:
		ref = r.find(b, i)
	}
	if ref == 0 {
		return false
	}
	alive := !r.dead(r.heap.Get(ref), now)
	r.unlink(ref, k)
	if word(r.keys.Value(k), 0) == 0 {
		r.keys.Delete(key)
	}
	return alive
}

// find looks row i of b up by its identity; 0 when it is not there.
func (r *joinRows) find(b *vec.Batch, i int) state.Ref {
	if r.by == JoinByRow {
		r.buf = r.row.append(reuse(r.buf), b, i)
	}
	r.identify(r.buf, b, i)
	id, ok := r.ids.Get(r.idBuf)
	if !ok {
		return 0
	}
	ref := state.Ref(word(r.ids.Value(id), 0))
	if r.by == JoinByUniqueKey {
		return ref
	}
	for ref != 0 {
		e := r.heap.Get(ref)
		if bytes.Equal(e[r.head:], r.buf) {
			break
		}
		ref = state.Ref(at(e, r.same))
	}
	return ref
}

// unlink takes an entry out of the list of row k of keys and frees it. The list may be
// empty then.
func (r *joinRows) unlink(ref state.Ref, k state.Row) {
	e := r.heap.Get(ref)
	next, prev := state.Ref(at(e, entryNext)), state.Ref(at(e, r.prev))
	r.unname(ref, e)
	if r.write >= 0 {
		r.outOfAges(e)
	}
	if next != 0 {
		r.set(next, r.prev, int64(prev))
	}
	if prev != 0 {
		r.set(prev, entryNext, int64(next))
	} else {
		setWord(r.keys.MutValue(k), 0, int64(next))
	}
	r.heap.Free(ref)
}

// unname takes an entry out of ids.
func (r *joinRows) unname(ref state.Ref, e []byte) {
	switch r.by {
	case JoinByUniqueKey:
		r.idBuf = r.id.repack(r.idBuf[:0], r.row, e[r.head:])
		r.ids.Delete(r.idBuf)
	case JoinByRow:
		r.identify(e[r.head:], nil, 0)
		id, _ := r.ids.Get(r.idBuf)
		after := at(e, r.same)
		before := r.alikeBefore(ref, e, state.Ref(word(r.ids.Value(id), 0)))
		if after != 0 && r.back >= 0 {
			r.set(state.Ref(after), r.back, int64(before))
		}
		switch {
		case before != 0:
			r.set(before, r.same, after)
		case after != 0:
			setWord(r.ids.MutValue(id), 0, after)
		default:
			r.ids.Delete(r.idBuf)
		}
	}
}

// alikeBefore is the entry before another among those of the same hash, of which first is the
// first; 0 when that is the other.
func (r *joinRows) alikeBefore(ref state.Ref, e []byte, first state.Ref) state.Ref {
	if r.back >= 0 {
		return state.Ref(at(e, r.back))
	}
	var before state.Ref
	for first != ref {
		before, first = first, state.Ref(at(r.heap.Get(first), r.same))
	}
	return before
}

// unpack writes the row of an entry to row i of the columns.
func (r *joinRows) unpack(ref state.Ref, cols []*vec.Vector, i int) {
	r.row.unpack(r.heap.Get(ref)[r.head:], cols, i)
}

// count is the number of partners of an entry.
func (r *joinRows) count(ref state.Ref) int64 { return at(r.heap.Get(ref), r.partners) }

// setCount notes the number of partners, which is a write.
func (r *joinRows) setCount(ref state.Ref, n, now int64) {
	r.set(ref, r.partners, max(n, 0))
	if r.write >= 0 {
		r.renew(ref, now)
	}
}
