package op

import (
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// rowCodec keeps whole rows as encoded ROWs (see package vec): equal rows have equal bytes.
type rowCodec struct {
	fields []types.Field `scratch:"from the configuration"`
	vals   []vec.Datum   `scratch:"the row in hand"`
}

func newRowCodec(ts []types.Type) *rowCodec {
	c := &rowCodec{vals: make([]vec.Datum, len(ts))}
	for i, t := range ts {
		c.fields = append(c.fields, types.Field{Name: "c" + strconv.Itoa(i), Type: t})
	}
	return c
}

// append appends row i of b.
func (c *rowCodec) append(dst []byte, b *vec.Batch, i int) []byte {
	for k := range c.vals {
		c.vals[k] = b.Cols[k].Get(i)
	}
	return vec.AppendRow(dst, c.fields, c.vals)
}

// decode writes an encoded row to row i of the columns.
func (c *rowCodec) decode(row []byte, cols []*vec.Vector, i int) {
	for k := range c.fields {
		cols[k].Set(i, vec.RowAt(row, c.fields, k))
	}
}
