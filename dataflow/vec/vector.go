package vec

import "github.com/edgeflow/edgeflow/dataflow/types"

// BatchSize is the largest number of rows in a batch.
const BatchSize = 1024

// Span is a string cell: bytes Off to Off+Len of buffer Buf of its vector.
type Span struct{ Buf, Off, Len uint32 }

// Vector is a column of up to BatchSize cells. Which slice holds them follows from the
// type's physical class. Cells at NULL positions hold anything.
type Vector struct {
	Type types.Type
	// Phys is Type.Phys(), kept because kernels branch on it.
	Phys types.Phys
	// I64 holds the cells of types.I64 and the low half of types.Wide.
	I64 []int64
	// Hi holds the high half of types.Wide.
	Hi []int64
	// F64 holds the cells of types.F64.
	F64 []float64
	// Str holds the cells of types.Bytes, which lie in Bufs.
	Str  []Span
	Bufs [][]byte

	nulls   [BatchSize / 64]uint64
	anyNull bool
	scratch []byte
}

// New makes a vector of BatchSize cells for a type.
func New(t types.Type) *Vector {
	v := &Vector{Type: t, Phys: t.Phys()}
	switch v.Phys {
	case types.I64:
		v.I64 = make([]int64, BatchSize)
	case types.F64:
		v.F64 = make([]float64, BatchSize)
	case types.Wide:
		v.I64, v.Hi = make([]int64, BatchSize), make([]int64, BatchSize)
	case types.Bytes:
		v.Str = make([]Span, BatchSize)
		v.Bufs = make([][]byte, 1, 2)
	}
	return v
}

// scratchKept is how many bytes of scratch a vector keeps from batch to batch: more than those
// of batches that are handed on by their weight, and less than single rows may need.
const scratchKept = 4 << 20

// Reset clears the nulls and the buffers, so that the vector can be filled anew.
func (v *Vector) Reset() {
	v.ClearNulls()
	if v.Phys == types.Bytes {
		if v.scratch = v.scratch[:0]; cap(v.scratch) > scratchKept {
			v.scratch = nil
		}
		clear(v.Bufs)
		v.Bufs = v.Bufs[:1]
	}
}

// ClearNulls makes every cell non-NULL.
func (v *Vector) ClearNulls() {
	if v.anyNull {
		clear(v.nulls[:])
		v.anyNull = false
	}
}

// HasNulls reports whether a cell may be NULL.
func (v *Vector) HasNulls() bool { return v.anyNull }

// IsNull reports whether cell i is NULL.
func (v *Vector) IsNull(i int) bool {
	return v.anyNull && v.nulls[uint(i)>>6&15]&(1<<(uint(i)&63)) != 0
}

// SetNull makes cell i NULL.
func (v *Vector) SetNull(i int) {
	v.nulls[uint(i)>>6&15] |= 1 << (uint(i) & 63)
	v.anyNull = true
}

// SetNotNull makes cell i non-NULL again.
func (v *Vector) SetNotNull(i int) {
	if v.anyNull {
		v.nulls[uint(i)>>6&15] &^= 1 << (uint(i) & 63)
	}
}

// NullWords is the bitmap, bit i%64 of word i/64 set when cell i is NULL. Whoever sets
// bits through it calls MarkNulls.
func (v *Vector) NullWords() *[BatchSize / 64]uint64 { return &v.nulls }

// MarkNulls tells that NullWords may hold set bits.
func (v *Vector) MarkNulls() { v.anyNull = true }

// OrNulls makes NULL every cell that is NULL in o.
func (v *Vector) OrNulls(o *Vector) {
	if !o.anyNull {
		return
	}
	for i := range v.nulls {
		v.nulls[i] |= o.nulls[i]
	}
	v.anyNull = true
}

// Bytes is the content of string cell i, valid as long as the batch.
func (v *Vector) Bytes(i int) []byte {
	s := v.Str[i]
	return v.Bufs[s.Buf][s.Off : s.Off+s.Len : s.Off+s.Len]
}

// AddBuf adds a buffer that spans may refer to, and returns its number.
func (v *Vector) AddBuf(b []byte) uint32 {
	v.Bufs = append(v.Bufs, b)
	return uint32(len(v.Bufs) - 1)
}

// SetBytes copies b to the vector's scratch and makes it cell i.
func (v *Vector) SetBytes(i int, b []byte) {
	off := len(v.scratch)
	v.scratch = append(v.scratch, b...)
	v.Bufs[0] = v.scratch
	v.Str[i] = Span{Off: uint32(off), Len: uint32(len(b))}
}

// SetString copies s to the vector's scratch and makes it cell i.
func (v *Vector) SetString(i int, s string) {
	off := len(v.scratch)
	v.scratch = append(v.scratch, s...)
	v.Bufs[0] = v.scratch
	v.Str[i] = Span{Off: uint32(off), Len: uint32(len(s))}
}

// Held is the number of bytes in the vector's scratch, which is what its cells have copied
// since Reset.
func (v *Vector) Held() int { return len(v.scratch) }

// Grow hands out the vector's scratch to append to; EndGrow makes what was appended
// since Grow cell i.
func (v *Vector) Grow() []byte { return v.scratch }

// EndGrow takes the scratch back: bytes from the old length on become cell i.
func (v *Vector) EndGrow(i int, b []byte) {
	off := len(v.scratch)
	v.scratch = b
	v.Bufs[0] = b
	v.Str[i] = Span{Off: uint32(off), Len: uint32(len(b) - off)}
}

// Copy makes cell i of v a copy of cell j of o, which has the same physical class.
func (v *Vector) Copy(i int, o *Vector, j int) {
	if o.IsNull(j) {
		v.SetNull(i)
		return
	}
	v.SetNotNull(i)
	switch v.Phys {
	case types.I64:
		v.I64[i] = o.I64[j]
	case types.F64:
		v.F64[i] = o.F64[j]
	case types.Wide:
		v.I64[i], v.Hi[i] = o.I64[j], o.Hi[j]
	case types.Bytes:
		v.SetBytes(i, o.Bytes(j))
	}
}

// Gather makes the first cells of v those of o at rows, in that order. String cells refer to
// o's buffers: v is valid as long as o, and takes no other cells until it is reset.
func (v *Vector) Gather(o *Vector, rows []int32) {
	v.ClearNulls()
	if o.anyNull {
		for k, i := range rows {
			if o.IsNull(int(i)) {
				v.SetNull(k)
			}
		}
	}
	switch v.Phys {
	case types.F64:
		for k, i := range rows {
			v.F64[k] = o.F64[i]
		}
		return
	case types.Bytes:
		v.Bufs = append(v.Bufs[:0], o.Bufs...)
		for k, i := range rows {
			v.Str[k] = o.Str[i]
		}
		return
	}
	for k, i := range rows {
		v.I64[k] = o.I64[i]
	}
	if v.Phys == types.Wide {
		for k, i := range rows {
			v.Hi[k] = o.Hi[i]
		}
	}
}
