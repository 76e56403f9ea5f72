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
	size := 0
	for i := range n {
		t := typeOf(i)
		size += slotWidth(&t)
	}
	w := beginSequence(dst, n, size)
	for i := range n {
		t := typeOf(i)
		w.add(&t, vals[i])
	}
	return w.buf
}

// sequence encodes a sequence member by member, behind what is in a buffer.
type sequence struct {
	buf               []byte
	next              int // the number of the next member
	nulls, slot, tail int // where the bitmap, the next slot and the tail begin
}

// beginSequence makes room for n members, whose slots take size bytes.
func beginSequence(dst []byte, n, size int) sequence {
	w := sequence{nulls: len(dst) + nestedHeader}
	w.slot = w.nulls + (n+7)/8
	w.tail = w.slot + size
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	w.buf = append(dst, make([]byte, w.tail-len(dst))...)
	return w
}

func (w *sequence) add(t *types.Type, d Datum) {
	if d.Null {
		w.buf[w.nulls+w.next/8] |= 1 << (w.next & 7)
	} else {
		switch t.Phys() {
		case types.I64:
			binary.LittleEndian.PutUint64(w.buf[w.slot:], uint64(d.I))
		case types.F64:
			binary.LittleEndian.PutUint64(w.buf[w.slot:], math.Float64bits(d.F))
		case types.Wide:
			binary.LittleEndian.PutUint64(w.buf[w.slot:], uint64(d.I))
			binary.LittleEndian.PutUint64(w.buf[w.slot+slotSize:], uint64(d.Hi))
		default:
			binary.LittleEndian.PutUint32(w.buf[w.slot:], uint32(len(w.buf)-w.tail))
			binary.LittleEndian.PutUint32(w.buf[w.slot+4:], uint32(len(d.B)))
			w.buf = append(w.buf, d.B...)
		}
	}
	w.next++
	w.slot += slotWidth(t)
}

// ArrayWriter encodes an ARRAY whose elements need not be at hand together.
type ArrayWriter struct {
	seq  sequence
	elem types.Type
}

// BeginArray begins the encoded ARRAY of n elements behind dst.
func BeginArray(dst []byte, elem types.Type, n int) ArrayWriter {
	return ArrayWriter{beginSequence(dst, n, n*slotWidth(&elem)), elem}
}

// ArraySize is the size in bytes of an encoded ARRAY of n elements, without what elements of
// class Bytes take besides.
func ArraySize(elem types.Type, n int) int { return nestedHeader + (n+7)/8 + n*slotWidth(&elem) }

// Add appends the next element, of which it keeps a copy.
func (w *ArrayWriter) Add(d Datum) { w.seq.add(&w.elem, d) }

// Bytes are dst and the encoded ARRAY, once it has its n elements.
func (w *ArrayWriter) Bytes() []byte { return w.seq.buf }

// MapWriter encodes a MAP whose entries need not be at hand together.
type MapWriter struct {
	at         int // where the MAP begins
	keys, vals ArrayWriter
}

// BeginMap begins the encoded MAP of n entries behind dst; the values are encoded in scratch.
func BeginMap(dst, scratch []byte, key, value types.Type, n int) MapWriter {
	return MapWriter{len(dst), BeginArray(append(dst, 0, 0, 0, 0), key, n), BeginArray(scratch[:0], value, n)}
}

// MapSize is the size in bytes of an encoded MAP of n entries, without what keys and values
// of class Bytes take besides.
func MapSize(key, value types.Type, n int) int {
	return 4 + ArraySize(key, n) + ArraySize(value, n)
}

// Add appends the next entry, of which it keeps a copy.
func (w *MapWriter) Add(k, v Datum) {
	w.keys.Add(k)
	w.vals.Add(v)
}

// Bytes are dst and the encoded MAP, once it has its n entries, and the scratch.
func (w *MapWriter) Bytes() (dst, scratch []byte) {
	keys, vals := w.keys.Bytes(), w.vals.Bytes()
	binary.LittleEndian.PutUint32(keys[w.at:], uint32(len(keys)-w.at-4))
	return append(keys, vals...), vals
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
