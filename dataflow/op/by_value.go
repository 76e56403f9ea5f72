package op

import (
	"encoding/binary"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// byValue keeps the watermark of each value of a column and finds the least that counts: one
// at or above the floor, which lies behind the leading value. A value below it, as of a device
// whose clock stands still, holds nothing up; neither does a row below it count as a sign of
// life of its value. State:
//
//	by      value -> {watermark i64, arrival i64, indexed watermark i64, indexed arrival i64, in index u64}
//	by low  watermark, value -> nothing
//	by age  arrival, value -> nothing
//	behind  {floor i64, rows below it i64, set u64}, where there is a floor
//
// The two indexes are in memcomparable big-endian form and brought up to date by sync.
type byValue struct {
	cfg    *WatermarkConfig
	keys   *keyCodec
	table  *state.Table
	lows   *state.Ordered
	ages   *state.Ordered
	behind *state.Scalars

	floor   int64       `scratch:"as in behind"`
	below   int64       `scratch:"rows below the floor since the last sync"`
	least   *state.Iter `scratch:"a place in lows"`
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

const (
	behindFloor = 8 * iota
	behindRows
	behindSet
	behindSize
)

func newByValue(s *state.Space, keys *keyCodec, cfg *WatermarkConfig) *byValue {
	v := &byValue{
		cfg: cfg, keys: keys, floor: noWatermark,
		table:   s.Table("by", state.TableSpec{ValueSize: bySize}),
		lows:    s.Ordered("by low", state.OrderedSpec{}),
		ages:    s.Ordered("by age", state.OrderedSpec{}),
		touched: make([]state.Row, 0, vec.BatchSize),
	}
	v.least = v.lows.Iter()
	if cfg.MaxBehindMs > 0 {
		v.behind = s.Scalars("behind", behindSize)
		if v.behind.Int64(behindSet) != 0 {
			v.floor = v.behind.Int64(behindFloor)
		}
	}
	return v
}

func word(b []byte, at int) int64 { return int64(binary.LittleEndian.Uint64(b[at:])) }

func setWord(b []byte, at int, v int64) { binary.LittleEndian.PutUint64(b[at:], uint64(v)) }

// put notes a row of a value.
func (v *byValue) put(b *vec.Batch, row int, mark, arrival int64) {
	if mark < v.floor {
		v.below++
		return
	}
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

// sync brings the indexes and the count of rows below the floor up to date.
func (v *byValue) sync() {
	if v.below > 0 {
		v.behind.SetInt64(behindRows, v.behind.Int64(behindRows)+v.below)
		v.below = 0
	}
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

// low is the least watermark that counts of a value that had a row within the idle timeout
// before now.
func (v *byValue) low(now int64) (int64, bool) {
	for v.cfg.ByIdleMs > 0 {
		k, _, ok := v.ages.Min()
		if !ok || now-readOrdered(k) < v.cfg.ByIdleMs {
			break
		}
		v.key = append(v.key[:0], k[8:]...)
		v.drop()
	}
	lead, _, ok := v.lows.Max()
	if !ok {
		return 0, false
	}
	v.follow(readOrdered(lead), now)
	v.key = appendOrdered(v.key[:0], v.floor)
	v.least.Seek(v.key) // the leading value itself is at or above the floor
	return readOrdered(v.least.Key()), true
}

// follow moves the floor with the leading value. Where clocks may not be far ahead of arrival,
// one that is a little ahead does not put those that are right below the floor.
func (v *byValue) follow(lead, now int64) {
	if v.behind == nil {
		return
	}
	if v.cfg.MaxAheadMs > 0 {
		lead = min(lead, now+v.cfg.ZoneMs)
	}
	v.floor = lead - v.cfg.MaxBehindMs
	v.behind.SetInt64(behindFloor, v.floor)
	v.behind.SetInt64(behindSet, 1)
}

// rowsBelow is how many rows have been below the floor.
func (v *byValue) rowsBelow() int64 {
	if v.behind == nil {
		return 0
	}
	return v.behind.Int64(behindRows)
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
