package expr

import (
	"math"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// slotState keeps one value of a type in state bytes:
//
//	set u64 (0 or 1), then I64: i64; F64: bits u64; Wide: low u64, high u64; Bytes: heap Ref u64
type slotState struct {
	t    types.Type
	phys types.Phys
}

func newSlotState(t types.Type) slotState { return slotState{t: t, phys: t.Phys()} }

func (s slotState) size() int {
	if s.phys == types.Wide {
		return 24
	}
	return 16
}

func (s slotState) isSet(b []byte) bool { return le(b) != 0 }

// get is the value in b; its bytes refer to the heap.
func (s slotState) get(m *AggStore, b []byte) vec.Datum {
	if le(b) == 0 {
		return vec.NullDatum
	}
	w := le(b[8:])
	switch s.phys {
	case types.I64:
		return vec.Datum{I: int64(w)}
	case types.F64:
		return vec.Datum{F: math.Float64frombits(w)}
	case types.Wide:
		return vec.Datum{I: int64(w), Hi: int64(le(b[16:]))}
	}
	return vec.Datum{B: m.Heap.Get(state.Ref(w))}
}

// put replaces the value in b.
func (s slotState) put(m *AggStore, b []byte, d vec.Datum) {
	switch s.phys {
	case types.I64:
		putLE(b[8:], uint64(d.I))
	case types.F64:
		putLE(b[8:], math.Float64bits(d.F))
	case types.Wide:
		putLE(b[8:], uint64(d.I))
		putLE(b[16:], uint64(d.Hi))
	default:
		s.putBytes(m, b, d.B)
	}
	putLE(b, 1)
}

func (s slotState) putBytes(m *AggStore, b, v []byte) {
	if le(b) != 0 {
		putLE(b[8:], uint64(m.Heap.Replace(state.Ref(le(b[8:])), v)))
		return
	}
	putLE(b[8:], uint64(m.Heap.Put(v)))
}

// clear makes the slot empty.
func (s slotState) clear(m *AggStore, b []byte) {
	if s.phys == types.Bytes && le(b) != 0 {
		m.Heap.Free(state.Ref(le(b[8:])))
	}
	clear(b[:s.size()])
}
