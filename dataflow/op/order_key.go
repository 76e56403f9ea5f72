package op

import (
	"encoding/binary"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// SortKey is a column to order rows by. NULLs come first unless NullsLast.
type SortKey struct {
	Col             int
	Desc, NullsLast bool
}

// orderCodec makes memcomparable keys of sort columns. Each column is a byte, 0 for a NULL
// that comes first, 2 for one that comes last, 1 for a value, which follows in the form of
// expr.AppendKey, all its bits flipped where the order is descending.
type orderCodec struct {
	keys  []SortKey    `scratch:"from the configuration"`
	types []types.Type `scratch:"from the configuration"`
}

func newOrderCodec(keys []SortKey, in []types.Type) *orderCodec {
	c := &orderCodec{keys: keys}
	for _, k := range keys {
		c.types = append(c.types, in[k.Col])
	}
	return c
}

// append appends the sort key of a row.
func (c *orderCodec) append(dst []byte, b *vec.Batch, row int) []byte {
	for i, k := range c.keys {
		v := b.Cols[k.Col]
		switch {
		case !v.IsNull(row):
			dst = append(dst, 1)
		case k.NullsLast:
			dst = append(dst, 2)
			continue
		default:
			dst = append(dst, 0)
			continue
		}
		at := len(dst)
		dst = expr.AppendKey(dst, v.Get(row), c.types[i], false)
		if k.Desc {
			for j := at; j < len(dst); j++ {
				dst[j] ^= 0xff
			}
		}
	}
	return dst
}

// describe adds the sort columns of a structure to a layout.
func (c *orderCodec) describe(l *layout, structure string) {
	for i, k := range c.keys {
		l.column(structure, i, k.Col, c.types[i], true, i, 0)
	}
}

func appendID(dst []byte, id int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(id)) }

func readID(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }

// hashBytes is FNV-1a, 64 bits.
func hashBytes(b []byte) int64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return int64(h)
}
