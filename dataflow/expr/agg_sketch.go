package expr

import (
	"encoding/binary"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	registerAggs(&AggFunc{
		Name: "APPROX_PERCENTILE", Signature: "APPROX_PERCENTILE(number, percentage)", Retractable: true, minArgs: 2, maxArgs: 2, values: 1,
		Doc:     "A percentile as DOUBLE, or an ARRAY of them, with a relative error of at most 0.8% while the magnitudes of the values span a factor of 2^14, 1.6% up to 2^28, doubling with each doubling of the exponent; in at most 4 KiB a sign.",
		resolve: resolveApproxPercentile, compile: compileApproxPercentile,
	})
}

func resolveApproxPercentile(args []Node) (types.Type, error) {
	if _, err := numericArg("APPROX_PERCENTILE", args, 0); err != nil {
		return types.TDouble, err
	}
	return percentages("APPROX_PERCENTILE", args, 1)
}

func compileApproxPercentile(c *AggCall, _ aggCompile) (aggImpl, error) {
	col, err := argCol(c, 0)
	if err != nil {
		return nil, err
	}
	a := &sketchAgg{sketch: &sketch{col: col, t: c.Args[0].Type()}, key: "sketch of " + c.Args[0].String()}
	a.out = newPercentOut(c, 1)
	return a, nil
}

// sketchAgg reads percentiles from a sketch, which calls over the same column share.
type sketchAgg struct {
	*sketch
	key string
	out percentOut
}

func (a *sketchAgg) shareKey() string { return a.key }
func (a *sketchAgg) adopt(o aggImpl)  { a.sketch = o.(*sketchAgg).sketch }

func (a *sketchAgg) result(m *AggStore, st []byte, out *vec.Vector, row int) error {
	n := le(st[a.off+sketchCount:])
	if n == 0 {
		out.SetNull(row)
		return nil
	}
	a.out.vals = a.out.vals[:0]
	for _, p := range a.out.at {
		a.out.vals = append(a.out.vals, vec.FloatDatum(a.quantile(m, st[a.off:a.off+sketchSize], uint64(p.F*float64(n-1)))))
	}
	a.out.write(out, row)
	return nil
}

// sketch counts values in buckets of about the same relative width, as DDSketch does
// (Masson et al. 2019), but takes the bucket straight from the bits of the float: its
// exponent and the first 6 bits of its mantissa. The buckets in use form a window; when
// the window would exceed sketchBuckets all buckets are joined in pairs, as in UDDSketch
// (Epicoco et al. 2020), so that the relative error stays the same everywhere.
//
// The state in the group's row:
//
//	 0  positive u64  Ref of the buckets of the positive values, 0 for none
//	 8  negative u64  Ref of those of the magnitudes of the negative values
//	16  count    u64  values
//	24  zeros    u64  values that are 0 or denormal
//	32  +Inf and NaN u32, -Inf u32
//
// Buckets in the heap: first i32, shift u32, counts u32 each (they stay at their maximum).
// Bucket k counts values x with bits(x) >> (46 + shift) == first + k.
type sketch struct {
	aggAt
	col int
	t   types.Type
	buf []byte // scratch
}

const (
	sketchSize  = 40
	sketchCount = 16
	sketchZeros = 24
	sketchHigh  = 32
	sketchLow   = 36
	sketchBits  = 46 // bits below the bucket
	// sketchBuckets is the largest window: it fills a heap cell of a page of 4 KiB.
	sketchBuckets = 960
	sketchHeader  = 8
	minNormal     = 1 << 52
	infBits       = 0x7ff << 52
)

func (a *sketch) size() int                { return sketchSize }
func (a *sketch) needs() (heap, tree bool) { return true, false }

func (a *sketch) add(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	v := b.Cols[a.col]
	nulls, floats := v.HasNulls(), v.Phys == types.F64
	for k, i := range sel {
		if nulls && v.IsNull(int(i)) {
			continue
		}
		var x float64
		if floats {
			x = v.F64[i]
		} else {
			x = numberAt(v, int(i))
		}
		s := st[k][a.off : a.off+sketchSize]
		putLE(s[sketchCount:], le(s[sketchCount:])+1)
		u := math.Float64bits(x)
		if mag := u &^ (1 << 63); mag-minNormal < infBits-minNormal {
			a.addTo(m, s[u>>63<<3:], mag)
		} else {
			a.special(s, u, 1)
		}
	}
}

// addTo counts a normal value's magnitude in the buckets whose Ref is in ref.
func (a *sketch) addTo(m *AggStore, ref []byte, mag uint64) {
	if r := state.Ref(le(ref)); r != 0 {
		w := m.Heap.Mut(r)
		k := int(mag>>sketchBits>>w[4]) - int(int32(binary.LittleEndian.Uint32(w)))
		if at := sketchHeader + 4*k; k >= 0 && at < len(w) {
			bump(w[at:], 1)
			return
		}
	}
	a.cover(m, ref, mag, mag, 0)
	a.addTo(m, ref, mag)
}

// bump adds n to a bucket, which stays at its maximum.
func bump(b []byte, n uint32) {
	c := binary.LittleEndian.Uint32(b)
	if c+n >= c {
		binary.LittleEndian.PutUint32(b, c+n)
	} else {
		binary.LittleEndian.PutUint32(b, math.MaxUint32)
	}
}

// special counts a value that has no bucket.
func (a *sketch) special(s []byte, u, by uint64) {
	switch {
	case u&^(1<<63) < minNormal:
		putLE(s[sketchZeros:], le(s[sketchZeros:])+by)
	case u == 1<<63|infBits:
		binary.LittleEndian.PutUint32(s[sketchLow:], binary.LittleEndian.Uint32(s[sketchLow:])+uint32(by))
	default:
		binary.LittleEndian.PutUint32(s[sketchHigh:], binary.LittleEndian.Uint32(s[sketchHigh:])+uint32(by))
	}
}

// cover makes the window of the buckets in ref hold the magnitudes lo to hi, at a shift of
// at least minShift.
func (a *sketch) cover(m *AggStore, ref []byte, lo, hi uint64, minShift uint) {
	r := state.Ref(le(ref))
	var old []byte
	shift := minShift
	first, last := int(lo>>sketchBits), int(hi>>sketchBits)
	if r != 0 {
		old = m.Heap.Get(r)
		s := uint(old[4])
		shift = max(shift, s)
		begin := int(int32(binary.LittleEndian.Uint32(old)))
		// Only buckets in use widen the new window: the slack of the old one is dropped.
		from, to := usedBuckets(old)
		if from < to {
			first = min(first, (begin+from)<<s)
			last = max(last, (begin+to)<<s-1)
		}
	}
	for last>>shift-first>>shift >= sketchBuckets {
		shift++
	}
	first, last = first>>shift, last>>shift
	n := last - first + 1
	room := min(sketchBuckets, max(32, 2*n))
	first = max(0, first-(room-n)/2)
	a.buf = append(a.buf[:0], make([]byte, sketchHeader+4*room)...)
	clear(a.buf)
	binary.LittleEndian.PutUint32(a.buf, uint32(first))
	binary.LittleEndian.PutUint32(a.buf[4:], uint32(shift))
	if r != 0 {
		addBuckets(a.buf, old)
		m.Heap.Free(r)
	}
	putLE(ref, uint64(m.Heap.Put(a.buf)))
}

// usedBuckets is the range of buckets that are not zero.
func usedBuckets(b []byte) (from, to int) {
	n := (len(b) - sketchHeader) / 4
	for to = n; to > 0 && binary.LittleEndian.Uint32(b[sketchHeader+4*to-4:]) == 0; to-- {
	}
	for from < to && binary.LittleEndian.Uint32(b[sketchHeader+4*from:]) == 0 {
		from++
	}
	return from, to
}

// addBuckets adds the counts of src to dst, whose window holds them and whose shift is not
// less.
func addBuckets(dst, src []byte) {
	begin, first := int(int32(binary.LittleEndian.Uint32(src))), int(int32(binary.LittleEndian.Uint32(dst)))
	by := dst[4] - src[4]
	from, to := usedBuckets(src)
	for k := from; k < to; k++ {
		if c := binary.LittleEndian.Uint32(src[sketchHeader+4*k:]); c != 0 {
			bump(dst[sketchHeader+4*((begin+k)>>by-first):], c)
		}
	}
}

func (a *sketch) retract(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	v := b.Cols[a.col]
	for k, i := range sel {
		if v.IsNull(int(i)) {
			continue
		}
		s := st[k][a.off : a.off+sketchSize]
		u := math.Float64bits(numberAt(v, int(i)))
		mag := u &^ (1 << 63)
		putLE(s[sketchCount:], le(s[sketchCount:])-1)
		if mag-minNormal >= infBits-minNormal {
			a.special(s, u, ^uint64(0))
			continue
		}
		r := state.Ref(le(s[u>>63<<3:]))
		if r == 0 {
			continue
		}
		w := m.Heap.Mut(r)
		at := sketchHeader + 4*(int(mag>>sketchBits>>w[4])-int(int32(binary.LittleEndian.Uint32(w))))
		if at < sketchHeader || at >= len(w) {
			continue
		}
		if c := binary.LittleEndian.Uint32(w[at:]); c > 0 {
			binary.LittleEndian.PutUint32(w[at:], c-1)
		}
	}
}

func (a *sketch) merge(dm *AggStore, dst []byte, sm *AggStore, src []byte) {
	d, s := dst[a.off:a.off+sketchSize], src[a.off:a.off+sketchSize]
	putLE(d[sketchCount:], le(d[sketchCount:])+le(s[sketchCount:]))
	putLE(d[sketchZeros:], le(d[sketchZeros:])+le(s[sketchZeros:]))
	bump(d[sketchHigh:], binary.LittleEndian.Uint32(s[sketchHigh:]))
	bump(d[sketchLow:], binary.LittleEndian.Uint32(s[sketchLow:]))
	for side := 0; side < 16; side += 8 {
		r := state.Ref(le(s[side:]))
		if r == 0 {
			continue
		}
		if le(d[side:]) == 0 {
			putLE(d[side:], uint64(dm.Heap.Put(sm.Heap.Get(r))))
			continue
		}
		a.mergeSide(dm, d[side:], sm.Heap.Get(r))
	}
}

func (a *sketch) mergeSide(dm *AggStore, ref, src []byte) {
	from, to := usedBuckets(src)
	if from == to {
		return
	}
	begin, shift := int(int32(binary.LittleEndian.Uint32(src))), uint(src[4])
	lo, hi := (begin+from)<<shift, (begin+to)<<shift-1
	w := dm.Heap.Get(state.Ref(le(ref)))
	first, n := int(int32(binary.LittleEndian.Uint32(w))), (len(w)-sketchHeader)/4
	if uint(w[4]) < shift || lo>>w[4] < first || hi>>w[4] >= first+n {
		a.cover(dm, ref, uint64(lo)<<sketchBits, uint64(hi)<<sketchBits, shift)
	}
	addBuckets(dm.Heap.Mut(state.Ref(le(ref))), src)
}

// quantile is the value of a rank, from 0: the middle of its bucket.
func (a *sketch) quantile(m *AggStore, s []byte, rank uint64) float64 {
	seen := uint64(binary.LittleEndian.Uint32(s[sketchLow:]))
	if rank < seen {
		return math.Inf(-1)
	}
	last := 0.0
	if r := state.Ref(le(s[8:])); r != 0 {
		b := m.Heap.Get(r)
		from, to := usedBuckets(b)
		for k := to - 1; k >= from; k-- {
			if seen += uint64(binary.LittleEndian.Uint32(b[sketchHeader+4*k:])); rank < seen {
				return -bucketValue(b, k)
			}
		}
	}
	if seen += le(s[sketchZeros:]); rank < seen {
		return 0
	}
	if r := state.Ref(le(s)); r != 0 {
		b := m.Heap.Get(r)
		from, to := usedBuckets(b)
		for k := from; k < to; k++ {
			if seen += uint64(binary.LittleEndian.Uint32(b[sketchHeader+4*k:])); rank < seen {
				return bucketValue(b, k)
			}
		}
		if from < to {
			last = bucketValue(b, to-1)
		}
	}
	if binary.LittleEndian.Uint32(s[sketchHigh:]) > 0 {
		return math.Inf(1)
	}
	return last
}

// bucketValue is the value that has the same relative distance from both ends of a bucket.
func bucketValue(b []byte, k int) float64 {
	index, shift := uint64(int(int32(binary.LittleEndian.Uint32(b)))+k), uint(b[4])+sketchBits
	lo := math.Float64frombits(max(index<<shift, minNormal))
	hi := math.Float64frombits(min((index+1)<<shift, infBits-1))
	return 2 * lo / (1 + lo/hi)
}

func (a *sketch) release(m *AggStore, st []byte) {
	for side := 0; side < 16; side += 8 {
		if r := state.Ref(le(st[a.off+side:])); r != 0 {
			m.Heap.Free(r)
		}
	}
}
