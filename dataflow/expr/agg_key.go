package expr

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Memcomparable keys: the order of the bytes is the order of the values.
//
//	I64            8 bytes big-endian, sign bit flipped
//	F64            8 bytes: the bits with the sign flipped, all flipped when negative;
//	               -0 is 0, every NaN the same and above +Inf
//	Wide           DECIMAL: high half as I64, low half; timestamps: microseconds as I64, then nanoseconds
//	Bytes          as they are when the value ends the key; else 0x00 as 0x00 0xFF, ended by 0x00 0x00
//
// NULLs do not occur in them.

// orderedFloat maps a float to an integer of the same order.
func orderedFloat(f float64) uint64 {
	if f == 0 {
		f = 0
	}
	if f != f {
		f = math.NaN()
	}
	u := math.Float64bits(f)
	if u>>63 != 0 {
		return ^u
	}
	return u | 1<<63
}

func unorderedFloat(u uint64) float64 {
	if u>>63 != 0 {
		return math.Float64frombits(u &^ (1 << 63))
	}
	return math.Float64frombits(^u)
}

// AppendKey appends the memcomparable form of a datum that is not NULL. last tells that
// nothing follows it.
func AppendKey(dst []byte, d vec.Datum, t types.Type, last bool) []byte {
	switch t.Phys() {
	case types.I64:
		return binary.BigEndian.AppendUint64(dst, flip(d.I))
	case types.F64:
		return binary.BigEndian.AppendUint64(dst, orderedFloat(d.F))
	case types.Wide:
		if t.Kind == types.Decimal {
			dst = binary.BigEndian.AppendUint64(dst, flip(d.Hi))
			return binary.BigEndian.AppendUint64(dst, uint64(d.I))
		}
		dst = binary.BigEndian.AppendUint64(dst, flip(d.I))
		return binary.BigEndian.AppendUint64(dst, uint64(d.Hi))
	}
	if last {
		return append(dst, d.B...)
	}
	for _, c := range d.B {
		if dst = append(dst, c); c == 0 {
			dst = append(dst, 0xff)
		}
	}
	return append(dst, 0, 0)
}

// DecodeKey reads back a datum that was appended with last set; its bytes refer to k.
func DecodeKey(k []byte, t types.Type) vec.Datum {
	switch t.Phys() {
	case types.I64:
		return vec.Datum{I: unflip(binary.BigEndian.Uint64(k))}
	case types.F64:
		return vec.Datum{F: unorderedFloat(binary.BigEndian.Uint64(k))}
	case types.Wide:
		a, b := binary.BigEndian.Uint64(k), binary.BigEndian.Uint64(k[8:])
		if t.Kind == types.Decimal {
			return vec.Datum{Hi: unflip(a), I: int64(b)}
		}
		return vec.Datum{I: unflip(a), Hi: int64(b)}
	}
	return vec.Datum{B: k}
}

// compareDatum orders two datums of a type that are not NULL, as their keys are ordered.
func compareDatum(a, b vec.Datum, t types.Type) int {
	switch t.Phys() {
	case types.I64:
		return compareInt(a.I, b.I)
	case types.F64:
		x, y := orderedFloat(a.F), orderedFloat(b.F)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	case types.Wide:
		if t.Kind != types.Decimal {
			if c := compareInt(a.I, b.I); c != 0 {
				return c
			}
			return compareInt(a.Hi, b.Hi)
		}
		if c := compareInt(a.Hi, b.Hi); c != 0 {
			return c
		}
		return compareInt(int64(flip(a.I)), int64(flip(b.I)))
	}
	return bytes.Compare(a.B, b.B)
}

func compareInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// aggHash mixes bytes to 64 bits by multiply and fold, as wyhash does. Sketches and tree
// keys hold its results, so it is part of the format.
func aggHash(b []byte, seed uint64) uint64 {
	const k0, k1, k2 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3
	h := seed ^ uint64(len(b))*k2
	for len(b) > 8 {
		h = aggFold(le(b)^k0, h^k1)
		b = b[8:]
	}
	var tail [8]byte
	copy(tail[:], b)
	h = aggFold(le(tail[:])^k1, h^k0)
	return aggFold(h^k2, k1)
}

// aggHashWord mixes one 64-bit word.
func aggHashWord(w uint64) uint64 {
	h := aggFold(w^0xa0761d6478bd642f, 0xe7037ed1a0b428db^8)
	return aggFold(h^0x8ebc6af09c88c6e3, 0xe7037ed1a0b428db)
}

func aggFold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
