package expr

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"sort"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	registerAggs(&AggFunc{
		Name: "APPROX_COUNT_DISTINCT", Signature: "APPROX_COUNT_DISTINCT(value)", minArgs: 1, maxArgs: 1, values: 1, ignoreDistinct: true,
		Doc: "An estimate of the number of distinct values that are not NULL: exact but for hash collisions up to 512, then with a standard error of 1.6%, in at most 3 KiB.",
		resolve: func(args []Node) (types.Type, error) {
			if k := args[0].Type().Kind; k == types.Symbol || k == types.Raw {
				return types.TBigInt, fmt.Errorf("APPROX_COUNT_DISTINCT does not take %s", args[0].Type())
			}
			return types.TBigInt.Required(), nil
		},
		compile: func(c *AggCall, _ aggCompile) (aggImpl, error) {
			col, err := argCol(c, 0)
			return &hllAgg{col: col, t: c.Args[0].Type()}, err
		},
	})
}

// hllAgg estimates by HyperLogLog. The state in the group's row is {Ref u64} to a sketch in
// the heap, 0 while it is empty. A sketch is
//
//	mode u32 (0 sparse, 1 dense), entries u32
//	sparse: entries x u32, ascending: 26 bits of hash, then 6 bits the rank of the next set bit;
//	        room for 8, 32, 128 or 512 entries
//	dense:  4096 registers of 6 bits, little-endian bit order
//
// The sparse form is that of HLL++ (Heule et al. 2013), the estimate of the dense form that
// of Ertl ("New cardinality estimation algorithms for HyperLogLog sketches", 2017).
type hllAgg struct {
	aggAt
	col int
	t   types.Type
	buf []byte // scratch
}

const (
	hllBits      = 12
	hllRegisters = 1 << hllBits
	hllSparse    = 26 // bits of hash in a sparse entry
	hllEntries   = 512
	hllHeader    = 8
	hllDense     = hllHeader + hllRegisters*6/8
)

func (a *hllAgg) size() int                { return 8 }
func (a *hllAgg) needs() (heap, tree bool) { return true, false }

func (a *hllAgg) hashAt(v *vec.Vector, i int) uint64 {
	switch v.Phys {
	case types.I64:
		return aggHashWord(uint64(v.I64[i]))
	case types.F64:
		return aggHashWord(orderedFloat(v.F64[i]))
	case types.Wide:
		return aggHashWord(aggHashWord(uint64(v.I64[i])) ^ uint64(v.Hi[i]))
	}
	return aggHash(v.Bytes(i), 0)
}

func (a *hllAgg) add(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	v := b.Cols[a.col]
	nulls := v.HasNulls()
	for k, i := range sel {
		if nulls && v.IsNull(int(i)) {
			continue
		}
		a.insert(m, st[k][a.off:a.off+8], hllEntry(a.hashAt(v, int(i))))
	}
}

func (a *hllAgg) retract(*AggStore, *vec.Batch, [][]byte, []int32) {
	panic("expr: APPROX_COUNT_DISTINCT takes a row back")
}

// hllEntry is the sparse entry of a hash.
func hllEntry(h uint64) uint32 {
	rank := bits.LeadingZeros64(h<<hllSparse|1<<(hllSparse-1)) + 1
	return uint32(h>>(64-hllSparse))<<6 | uint32(rank)
}

// hllRegister is the dense register of a sparse entry, and its rank.
func hllRegister(e uint32) (index int, rank uint32) {
	const low = hllSparse - hllBits
	h := e >> 6
	if rest := h & (1<<low - 1); rest != 0 {
		return int(h >> low), uint32(low-bits.Len32(rest)) + 1
	}
	return int(h >> low), low + e&63
}

// insert adds an entry to the sketch of s.
func (a *hllAgg) insert(m *AggStore, s []byte, e uint32) {
	r := state.Ref(le(s))
	if r == 0 {
		a.buf = append(a.buf[:0], make([]byte, hllHeader+8*4)...)
		clear(a.buf)
		a.buf[4] = 1
		binary.LittleEndian.PutUint32(a.buf[hllHeader:], e)
		putLE(s, uint64(m.Heap.Put(a.buf)))
		return
	}
	b := m.Heap.Get(r)
	if b[0] == 1 {
		index, rank := hllRegister(e)
		if hllGet(b[hllHeader:], index) < rank {
			hllSet(m.Heap.Mut(r)[hllHeader:], index, rank)
		}
		return
	}
	n := int(binary.LittleEndian.Uint32(b[4:]))
	at := sort.Search(n, func(i int) bool {
		return binary.LittleEndian.Uint32(b[hllHeader+4*i:])>>6 >= e>>6
	})
	if at < n {
		if old := binary.LittleEndian.Uint32(b[hllHeader+4*at:]); old>>6 == e>>6 {
			if e > old {
				binary.LittleEndian.PutUint32(m.Heap.Mut(r)[hllHeader+4*at:], e)
			}
			return
		}
	}
	if n == hllEntries {
		a.densify(m, s, r, b)
		a.insert(m, s, e)
		return
	}
	if hllHeader+4*n == len(b) {
		a.buf = append(a.buf[:0], b...)
		a.buf = append(a.buf, make([]byte, 3*4*n)...)
		clear(a.buf[len(b):])
		r = m.Heap.Replace(r, a.buf)
		putLE(s, uint64(r))
	}
	w := m.Heap.Mut(r)
	binary.LittleEndian.PutUint32(w[4:], uint32(n+1))
	copy(w[hllHeader+4*at+4:hllHeader+4*n+4], w[hllHeader+4*at:hllHeader+4*n])
	binary.LittleEndian.PutUint32(w[hllHeader+4*at:], e)
}

// densify replaces the sparse sketch b at r.
func (a *hllAgg) densify(m *AggStore, s []byte, r state.Ref, b []byte) {
	a.buf = append(a.buf[:0], make([]byte, hllDense)...)
	clear(a.buf)
	a.buf[0] = 1
	for i := range int(binary.LittleEndian.Uint32(b[4:])) {
		index, rank := hllRegister(binary.LittleEndian.Uint32(b[hllHeader+4*i:]))
		if hllGet(a.buf[hllHeader:], index) < rank {
			hllSet(a.buf[hllHeader:], index, rank)
		}
	}
	putLE(s, uint64(m.Heap.Replace(r, a.buf)))
}

// hllGet is register i; registers span at most two bytes, and the last ends the block.
func hllGet(b []byte, i int) uint32 {
	at, shift := i*6>>3, uint(i*6&7)
	w := uint32(b[at])
	if at+1 < len(b) {
		w |= uint32(b[at+1]) << 8
	}
	return w >> shift & 63
}

func hllSet(b []byte, i int, rank uint32) {
	at, shift := i*6>>3, uint(i*6&7)
	w := uint32(b[at])
	if at+1 < len(b) {
		w |= uint32(b[at+1]) << 8
	}
	w = w&^(63<<shift) | rank<<shift
	b[at] = byte(w)
	if at+1 < len(b) {
		b[at+1] = byte(w >> 8)
	}
}

func (a *hllAgg) merge(dm *AggStore, dst []byte, sm *AggStore, src []byte) {
	r := state.Ref(le(src[a.off:]))
	if r == 0 {
		return
	}
	b, d := sm.Heap.Get(r), dst[a.off:a.off+8]
	if b[0] == 0 {
		for i := range int(binary.LittleEndian.Uint32(b[4:])) {
			a.insert(dm, d, binary.LittleEndian.Uint32(b[hllHeader+4*i:]))
		}
		return
	}
	dr := state.Ref(le(d))
	if dr == 0 {
		putLE(d, uint64(dm.Heap.Put(b)))
		return
	}
	if old := dm.Heap.Get(dr); old[0] == 0 {
		a.densify(dm, d, dr, old)
		dr = state.Ref(le(d))
	}
	w := dm.Heap.Mut(dr)[hllHeader:]
	for i := range hllRegisters {
		if rank := hllGet(b[hllHeader:], i); hllGet(w, i) < rank {
			hllSet(w, i, rank)
		}
	}
}

func (a *hllAgg) result(m *AggStore, st []byte, out *vec.Vector, row int) error {
	var n float64
	if r := state.Ref(le(st[a.off:])); r != 0 {
		n = hllEstimate(m.Heap.Get(r))
	}
	out.SetNotNull(row)
	out.I64[row] = int64(math.Round(n))
	return nil
}

func hllEstimate(b []byte) float64 {
	if b[0] == 0 {
		// Linear counting over 2^26 places.
		const places = 1 << hllSparse
		n := float64(binary.LittleEndian.Uint32(b[4:]))
		return -places * math.Log1p(-n/places)
	}
	const top = 64 - hllBits + 1
	var of [top + 1]float64
	for i := range hllRegisters {
		of[hllGet(b[hllHeader:], i)]++
	}
	z := hllRegisters * hllTau(1-of[top]/hllRegisters)
	for k := top - 1; k >= 1; k-- {
		z = (z + of[k]) / 2
	}
	z += hllRegisters * hllSigma(of[0]/hllRegisters)
	return hllRegisters * hllRegisters / (2 * math.Ln2 * z)
}

func hllSigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		old := z
		z += x * y
		y += y
		if z == old {
			return z
		}
	}
}

func hllTau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		old := z
		y /= 2
		z -= (1 - x) * (1 - x) * y
		if z == old {
			return z / 3
		}
	}
}

func (a *hllAgg) release(m *AggStore, st []byte) {
	if r := state.Ref(le(st[a.off:])); r != 0 {
		m.Heap.Free(r)
	}
}
