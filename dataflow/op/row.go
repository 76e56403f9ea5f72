package op

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// rowCodec keeps whole rows as encoded ROWs (see package vec): equal rows have equal bytes.
type rowCodec struct {
	fields []types.Field `scratch:"from the configuration"`
	phys   []types.Phys  `scratch:"from the configuration"`
	slot   []int         `scratch:"from the configuration: where each column's slot begins"`
	tail   int           // where the bytes that slots refer to begin
	vals   []vec.Datum   `scratch:"the row in hand"`
}

// rowHeader is the number of columns, before the null bitmap.
const rowHeader = 4

func newRowCodec(ts []types.Type) *rowCodec {
	c := &rowCodec{tail: rowHeader + (len(ts)+7)/8, vals: make([]vec.Datum, len(ts))}
	for i, t := range ts {
		c.fields = append(c.fields, types.Field{Name: "c" + strconv.Itoa(i), Type: t})
		p := t.Phys()
		c.phys, c.slot = append(c.phys, p), append(c.slot, c.tail)
		c.tail += 8
		if p == types.Wide {
			c.tail += 8
		}
	}
	return c
}

// rowKept is the size of a buffer for rows or keys that is kept for the next ones.
const rowKept = 1 << 20

// reuse is a buffer made empty, or none where a large row has made it large.
func reuse(b []byte) []byte {
	if cap(b) > rowKept {
		return nil
	}
	return b[:0]
}

// append appends row i of b.
func (c *rowCodec) append(dst []byte, b *vec.Batch, i int) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, c.tail)...)
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(c.phys)))
	for k, p := range c.phys {
		v := b.Cols[k]
		if v.IsNull(i) {
			dst[at+rowHeader+k>>3] |= 1 << (k & 7)
			continue
		}
		slot := dst[at+c.slot[k]:]
		switch p {
		case types.I64:
			binary.LittleEndian.PutUint64(slot, uint64(v.I64[i]))
		case types.F64:
			binary.LittleEndian.PutUint64(slot, math.Float64bits(v.F64[i]))
		case types.Wide:
			binary.LittleEndian.PutUint64(slot, uint64(v.I64[i]))
			binary.LittleEndian.PutUint64(slot[8:], uint64(v.Hi[i]))
		default:
			s := v.Bytes(i)
			binary.LittleEndian.PutUint32(slot, uint32(len(dst)-at-c.tail))
			binary.LittleEndian.PutUint32(slot[4:], uint32(len(s)))
			dst = append(dst, s...)
		}
	}
	return dst
}

// decode writes an encoded row to row i of the columns.
func (c *rowCodec) decode(row []byte, cols []*vec.Vector, i int) {
	for k, p := range c.phys {
		v := cols[k]
		if row[rowHeader+k>>3]&(1<<(k&7)) != 0 {
			v.SetNull(i)
			continue
		}
		v.SetNotNull(i)
		word := binary.LittleEndian.Uint64(row[c.slot[k]:])
		switch p {
		case types.I64:
			v.I64[i] = int64(word)
		case types.F64:
			v.F64[i] = math.Float64frombits(word)
		case types.Wide:
			v.I64[i], v.Hi[i] = int64(word), int64(binary.LittleEndian.Uint64(row[c.slot[k]+8:]))
		default:
			off := c.tail + int(uint32(word))
			v.SetBytes(i, row[off:off+int(word>>32)])
		}
	}
}
