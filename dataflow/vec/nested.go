package vec

import (
	"encoding/binary"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// Nested values are bytes, little-endian, readable in place:
//
//	sequence := count u32, null bitmap ceil(count/8), slots, tail
//	ARRAY    := sequence of Elem
//	ROW      := sequence of its fields
//	MAP      := length of the keys' sequence u32, sequence of Key, sequence of Elem
//	MULTISET := as a MAP from Elem to INT
//
// A slot has 8 bytes: an integer, the bits of a float, or for class Bytes the value's
// offset in the tail u32 and its length u32. Class Wide takes 16. NULL slots are zero, so
// that equal values built in the same order have equal bytes.

const (
	nestedHeader = 4
	slotSize     = 8
)

func slotWidth(t *types.Type) int {
	switch t.Kind {
	case types.Decimal, types.Timestamp, types.TimestampLTZ: // no other is wide
		if t.Phys() == types.Wide {
			return 2 * slotSize
		}
	}
	return slotSize
}

// AppendArray appends the encoded ARRAY of the elements to dst.
func AppendArray(dst []byte, elem types.Type, vals []Datum) []byte {
	return appendSequence(dst, len(vals), vals, func(int) types.Type { return elem })
}

// AppendRow appends the encoded ROW of the fields to dst.
func AppendRow(dst []byte, fields []types.Field, vals []Datum) []byte {
	return appendSequence(dst, len(fields), vals, func(i int) types.Type { return fields[i].Type })
}

// AppendMap appends the encoded MAP with the given keys and values to dst.
func AppendMap(dst []byte, key, value types.Type, keys, vals []Datum) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = AppendArray(dst, key, keys)
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return AppendArray(dst, value, vals)
}

func appendSequence(dst []byte, n int, vals []Datum, typeOf func(int) types.Type) []byte {
	base := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	size := (n + 7) / 8
	for i := range n {
		t := typeOf(i)
		size += slotWidth(&t)
	}
	dst = append(dst, make([]byte, size)...)
	slot := base + nestedHeader + (n+7)/8
	tail := len(dst)
	for i := range n {
		t, d := typeOf(i), vals[i]
		if d.Null {
			dst[base+nestedHeader+i/8] |= 1 << (i & 7)
			slot += slotWidth(&t)
			continue
		}
		switch t.Phys() {
		case types.I64:
			binary.LittleEndian.PutUint64(dst[slot:], uint64(d.I))
		case types.F64:
			binary.LittleEndian.PutUint64(dst[slot:], math.Float64bits(d.F))
		case types.Wide:
			binary.LittleEndian.PutUint64(dst[slot:], uint64(d.I))
			binary.LittleEndian.PutUint64(dst[slot+slotSize:], uint64(d.Hi))
		default:
			binary.LittleEndian.PutUint32(dst[slot:], uint32(len(dst)-tail))
			binary.LittleEndian.PutUint32(dst[slot+4:], uint32(len(d.B)))
			dst = append(dst, d.B...)
		}
		slot += slotWidth(&t)
	}
	return dst
}

// ArrayLen is the number of elements of an encoded ARRAY or of fields of a ROW.
func ArrayLen(b []byte) int { return int(binary.LittleEndian.Uint32(b)) }

// ArrayAt is element i, from 0, of an encoded ARRAY. Its bytes refer to b.
func ArrayAt(b []byte, elem types.Type, i int) Datum {
	n := ArrayLen(b)
	w := slotWidth(&elem)
	slots := nestedHeader + (n+7)/8
	return slotAt(b, &elem, i, slots+i*w, slots+n*w)
}

// RowAt is field i of an encoded ROW. Its bytes refer to b.
func RowAt(b []byte, fields []types.Field, i int) Datum {
	slot := nestedHeader + (len(fields)+7)/8
	tail := slot
	for k := range fields {
		w := slotWidth(&fields[k].Type)
		tail += w
		if k < i {
			slot += w
		}
	}
	return slotAt(b, &fields[i].Type, i, slot, tail)
}

func slotAt(b []byte, t *types.Type, i, slot, tail int) Datum {
	if b[nestedHeader+i/8]&(1<<(i&7)) != 0 {
		return NullDatum
	}
	word := binary.LittleEndian.Uint64(b[slot:])
	switch t.Phys() {
	case types.I64:
		return Datum{I: int64(word)}
	case types.F64:
		return Datum{F: math.Float64frombits(word)}
	case types.Wide:
		return Datum{I: int64(word), Hi: int64(binary.LittleEndian.Uint64(b[slot+slotSize:]))}
	default:
		off, n := tail+int(uint32(word)), int(word>>32)
		return Datum{B: b[off : off+n : off+n]}
	}
}

// MapParts are the keys and the values of an encoded MAP or MULTISET, each an encoded ARRAY.
func MapParts(b []byte) (keys, vals []byte) {
	n := binary.LittleEndian.Uint32(b)
	return b[4 : 4+n], b[4+n:]
}

// Elems decodes an encoded ARRAY; bytes refer to b.
func Elems(b []byte, elem types.Type) []Datum {
	out := make([]Datum, ArrayLen(b))
	for i := range out {
		out[i] = ArrayAt(b, elem, i)
	}
	return out
}

// RowFields decodes an encoded ROW; bytes refer to b.
func RowFields(b []byte, fields []types.Field) []Datum {
	out := make([]Datum, len(fields))
	for i := range out {
		out[i] = RowAt(b, fields, i)
	}
	return out
}
