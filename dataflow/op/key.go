package op

import (
	"encoding/binary"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// keyCodec packs columns into the bytes of a key:
//
//	null bitmap, (columns+7)/8 bytes, bit i set when column i is NULL
//	each column that is not NULL: I64 and F64 8 bytes, Wide 16, little-endian (-0 as 0);
//	Bytes a uvarint length and the bytes
//
// Equal keys have equal bytes, NULLs being equal.
type keyCodec struct {
	cols   []int        `scratch:"from the configuration"`
	types  []types.Type `scratch:"from the configuration"`
	phys   []types.Phys `scratch:"from the configuration"`
	bitmap int          // bytes
	exact  bool         // -0 is kept as it is

	buf  []byte   `scratch:"packed keys of a batch"`
	offs []uint32 `scratch:"where each of them begins, and the end"`
}

func newKeyCodec(cols []int, ts []types.Type) *keyCodec {
	k := &keyCodec{cols: cols, types: ts, bitmap: (len(cols) + 7) / 8, offs: make([]uint32, 0, vec.BatchSize+1)}
	for _, t := range ts {
		k.phys = append(k.phys, t.Phys())
	}
	return k
}

// pack packs the keys of rows sel of b; the result is valid until the next pack.
func (k *keyCodec) pack(b *vec.Batch, sel []int32) ([]byte, []uint32) {
	k.buf, k.offs = reuse(k.buf), append(k.offs[:0], 0)
	for _, i := range sel {
		k.buf = k.append(k.buf, b, int(i))
		k.offs = append(k.offs, uint32(len(k.buf)))
	}
	return k.buf, k.offs
}

// append appends the key of one row.
func (k *keyCodec) append(dst []byte, b *vec.Batch, row int) []byte {
	at := len(dst)
	switch k.bitmap {
	case 0:
		return dst
	case 1:
		dst = append(dst, 0)
	default:
		for range k.bitmap {
			dst = append(dst, 0)
		}
	}
	for j, c := range k.cols {
		v := b.Cols[c]
		if v.IsNull(row) {
			dst[at+j>>3] |= 1 << (j & 7)
			continue
		}
		switch k.phys[j] {
		case types.I64:
			dst = binary.LittleEndian.AppendUint64(dst, uint64(v.I64[row]))
		case types.F64:
			f := v.F64[row]
			if !k.exact {
				f += 0
			}
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
		case types.Wide:
			dst = binary.LittleEndian.AppendUint64(dst, uint64(v.I64[row]))
			dst = binary.LittleEndian.AppendUint64(dst, uint64(v.Hi[row]))
		default:
			s := v.Bytes(row)
			if len(s) < 0x80 {
				dst = append(dst, byte(len(s)))
			} else {
				dst = binary.AppendUvarint(dst, uint64(len(s)))
			}
			dst = append(dst, s...)
		}
	}
	return dst
}

// unpack writes the columns of a key to row of out.
func (k *keyCodec) unpack(key []byte, out []*vec.Vector, row int) {
	at := k.bitmap
	for j := range k.cols {
		v := out[j]
		if key[j>>3]&(1<<(j&7)) != 0 {
			v.SetNull(row)
			continue
		}
		v.SetNotNull(row)
		switch k.phys[j] {
		case types.I64:
			v.I64[row] = int64(binary.LittleEndian.Uint64(key[at:]))
			at += 8
		case types.F64:
			v.F64[row] = math.Float64frombits(binary.LittleEndian.Uint64(key[at:]))
			at += 8
		case types.Wide:
			v.I64[row] = int64(binary.LittleEndian.Uint64(key[at:]))
			v.Hi[row] = int64(binary.LittleEndian.Uint64(key[at+8:]))
			at += 16
		default:
			n, w := binary.Uvarint(key[at:])
			at += w
			v.SetBytes(row, key[at:at+int(n)])
			at += int(n)
		}
	}
}
