package op

import (
	"encoding/binary"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// byValue keeps the watermark of each value of a column and finds the least. State:
//
//	by      value -> {watermark i64, arrival i64, indexed watermark i64, indexed arrival i64, in index u64}
//	by low  watermark, value -> nothing
//	by age  arrival, value -> nothing
//
// The two indexes are in memcomparable big-endian form and brought up to date by sync.
type byValue struct {
	keys   *keyCodec
	idleMs int64
	table  *state.Table
	lows   *state.Ordered
	ages   *state.Ordered

	touched []state.Row `scratch:"values to be indexed before the batch ends"`
	key     []byte      `scratch:"a key in hand"`
}

const (
	byMark = 8 * iota
	byArrival
	byMarkIndexed
	byArrivalIndexed
	byIndexed // 1 in the index, 2 touched, 3 both
	bySize
)

func newByValue(s *state.Space, keys *keyCodec, idleMs int64) *byValue {
	return &byValue{
		keys: keys, idleMs: idleMs,
		table:   s.Table("by", state.TableSpec{ValueSize: bySize}),
		lows:    s.Ordered("by low", state.OrderedSpec{}),
		ages:    s.Ordered("by age", state.OrderedSpec{}),
		touched: make([]state.Row, 0, vec.BatchSize),
	}
}

func word(b []byte, at int) int64 { return int64(binary.LittleEndian.Uint64(b[at:])) }

func setWord(b []byte, at int, v int64) { binary.LittleEndian.PutUint64(b[at:], uint64(v)) }

// put notes a row of a value.
func (v *byValue) put(b *vec.Batch, row int, mark, arrival int64) {
	v.key = v.keys.append(v.key[:0], b, row)
	r, created := v.table.Upsert(v.key)
	w := v.table.MutValue(r)
	if created || mark > word(w, byMark) {
		setWord(w, byMark, mark)
	}
	setWord(w, byArrival, max(arrival, word(w, byArrival)))
	if word(w, byIndexed)&2 == 0 {
		setWord(w, byIndexed, word(w, byIndexed)|2)
		v.touched = append(v.touched, r)
	}
}

// sync brings the indexes up to date.
func (v *byValue) sync() {
	for _, r := range v.touched {
		w := v.table.MutValue(r)
		k := v.table.Key(r)
		if word(w, byIndexed)&1 != 0 {
			v.lows.Delete(v.at(word(w, byMarkIndexed), k))
			v.ages.Delete(v.at(word(w, byArrivalIndexed), k))
		}
		v.lows.Put(v.at(word(w, byMark), k), nil)
		v.ages.Put(v.at(word(w, byArrival), k), nil)
		setWord(w, byMarkIndexed, word(w, byMark))
		setWord(w, byArrivalIndexed, word(w, byArrival))
		setWord(w, byIndexed, 1)
	}
	v.touched = v.touched[:0]
}

func (v *byValue) at(t int64, key []byte) []byte {
	v.key = append(appendOrdered(v.key[:0], t), key...)
	return v.key
}

func appendOrdered(dst []byte, t int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(t)^1<<63)
}

func readOrdered(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ 1<<63) }

// low is the least watermark of a value that had a row within the idle timeout before now.
func (v *byValue) low(now int64) (int64, bool) {
	for v.idleMs > 0 {
		k, _, ok := v.ages.Min()
		if !ok || now-readOrdered(k) < v.idleMs {
			break
		}
		v.key = append(v.key[:0], k[8:]...)
		v.drop()
	}
	k, _, ok := v.lows.Min()
	if !ok {
		return 0, false
	}
	return readOrdered(k), true
}

// drop forgets the value in v.key.
func (v *byValue) drop() {
	r, _ := v.table.Get(v.key)
	w := v.table.Value(r)
	mark, arrival := word(w, byMarkIndexed), word(w, byArrivalIndexed)
	n := len(v.key)
	v.key = append(appendOrdered(v.key, mark), v.key[:n]...)
	v.lows.Delete(v.key[n:])
	v.key = append(appendOrdered(v.key[:n], arrival), v.key[:n]...)
	v.ages.Delete(v.key[n:])
	v.table.Delete(v.key[:n])
}
