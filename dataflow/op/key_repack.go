package op

import (
	"encoding/binary"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// repack appends the key that a row has, which is packed by another codec: one over all
// columns of the input, in order.
func (k *keyCodec) repack(dst []byte, row *keyCodec, packed []byte) []byte {
	start := len(dst)
	for range k.bitmap {
		dst = append(dst, 0)
	}
	for j, c := range k.cols {
		if packed[c>>3]&(1<<(c&7)) != 0 {
			dst[start+j>>3] |= 1 << (j & 7)
			continue
		}
		cell := row.cell(packed, c)
		if k.phys[j] == types.F64 && !k.exact {
			f := math.Float64frombits(binary.LittleEndian.Uint64(cell)) + 0
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
			continue
		}
		dst = append(dst, cell...)
	}
	return dst
}

// cell is the bytes of a column of a packed key, which is not NULL.
func (k *keyCodec) cell(packed []byte, col int) []byte {
	from := k.bitmap
	for j := 0; ; j++ {
		n := 0
		if packed[j>>3]&(1<<(j&7)) == 0 {
			switch k.phys[j] {
			case types.I64, types.F64:
				n = 8
			case types.Wide:
				n = 16
			default:
				size, w := binary.Uvarint(packed[from:])
				n = w + int(size)
			}
		}
		if j == col {
			return packed[from : from+n]
		}
		from += n
	}
}
