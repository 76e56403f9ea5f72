package nexmark

import (
	"encoding/binary"
	"hash/fnv"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Contents sums hashes of rows, those taken back with a minus: two changelogs that leave the
// same rows, in whatever steps, have the same sum.
type Contents struct {
	Rows int64 // that remain
	Sum  uint64
	buf  []byte
}

// Print takes a batch.
func (c *Contents) Print(b *vec.Batch) error {
	for k := range b.Rows() {
		i := b.Row(k)
		c.buf = c.buf[:0]
		for _, v := range b.Cols {
			c.buf = appendCell(c.buf, v, i)
		}
		h := fnv.New64a()
		h.Write(c.buf)
		if b.Kind(i).Retracts() {
			c.Rows--
			c.Sum -= h.Sum64()
		} else {
			c.Rows++
			c.Sum += h.Sum64()
		}
	}
	return nil
}

// Close does nothing.
func (c *Contents) Close() error { return nil }

func appendCell(dst []byte, v *vec.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	switch v.Phys {
	case types.I64:
		return binary.LittleEndian.AppendUint64(dst, uint64(v.I64[i]))
	case types.F64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.F64[i]))
	case types.Wide:
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, uint64(v.I64[i])), uint64(v.Hi[i]))
	}
	s := v.Bytes(i)
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}
