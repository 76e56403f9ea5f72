package fused

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Agg adds rows, one by one, to the states of aggregates that generated code does not
// update in place, by the interpreter's own functions. The code sets the cells that a part
// of the state reads, and then adds them.
type Agg struct {
	panes *op.WindowPanes
	set   *expr.AggSet
	store expr.AggStore
	row   vec.Batch
	state [1][]byte
}

var firstRow = []int32{0}

// NewAgg makes the Agg of a window leaf.
func NewAgg(p *op.WindowPanes) *Agg {
	a := &Agg{panes: p, set: p.Set()}
	a.row.N = 1
	a.row.Cols = make([]*vec.Vector, a.set.Width())
	a.row.Cols = append(a.row.Cols, a.set.Literals()...)
	return a
}

// Use makes room for a column, whose cells can be set then.
func (a *Agg) Use(col int) {
	if a.row.Cols[col] == nil {
		a.row.Cols[col] = vec.New(a.panes.Input()[col])
	}
}

// Null sets a cell to NULL.
func (a *Agg) Null(col int) { a.row.Cols[col].SetNull(0) }

// Int sets a cell of types.I64.
func (a *Agg) Int(col int, v int64) {
	c := a.row.Cols[col]
	c.ClearNulls()
	c.I64[0] = v
}

// Float sets a cell of types.F64.
func (a *Agg) Float(col int, v float64) {
	c := a.row.Cols[col]
	c.ClearNulls()
	c.F64[0] = v
}

// Wide sets a cell of types.Wide.
func (a *Agg) Wide(col int, low, high int64) {
	c := a.row.Cols[col]
	c.ClearNulls()
	c.I64[0], c.Hi[0] = low, high
}

// Bytes sets a cell of types.Bytes; b is valid until Add.
func (a *Agg) Bytes(col int, b []byte) {
	c := a.row.Cols[col]
	c.ClearNulls()
	c.Bufs[0], c.Str[0] = b, vec.Span{Len: uint32(len(b))}
}

// Add adds the cells to a part of the states in row, which WindowPanes.Row gave.
func (a *Agg) Add(part int, row []byte) {
	a.store.Heap, a.store.Scope = a.panes.Heap(), a.panes.From
	a.state[0] = row[8:]
	a.set.Add(part, &a.store, &a.row, a.state[:], firstRow)
}

// DecimalSum is the state of expr.AggSumDecimal.
type DecimalSum struct {
	Values    int64
	Low       uint64
	High      int64
	Overflows int64
}

// Add adds an unscaled value.
func (s *DecimalSum) Add(low, high int64) {
	sum, left := expr.AddWrapping(expr.Int128{Hi: s.High, Lo: s.Low}, expr.Int128{Hi: high, Lo: uint64(low)})
	s.Values++
	s.Low, s.High = sum.Lo, sum.Hi
	s.Overflows += left
}

// Less compares floats as MIN and MAX do.
func Less(a, b float64) bool { return expr.OrderedFloat(a) < expr.OrderedFloat(b) }

// KeyText appends a cell of types.Bytes to a key: its length as a uvarint, and the bytes.
// What of s[:cap(s)] follows the bytes may be read.
func KeyText(key, s []byte) []byte {
	n, at := len(s), len(key)+1
	if n <= 16 && cap(s) >= 16 && cap(key) >= at+16 {
		// 16 bytes whatever the length, which differs from one text to the next: those that are
		// too many lie behind the key's end.
		key = key[:at+16]
		key[at-1] = byte(n)
		copy(key[at:], s[:16])
		return key[:at+n]
	}
	return keyText(key, s)
}

func keyText(key, s []byte) []byte {
	n := len(s)
	for ; n >= 0x80; n >>= 7 {
		key = append(key, byte(n)|0x80)
	}
	return append(append(key, byte(n)), s...)
}

// Bool is a BOOLEAN as it is kept.
func Bool(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// CheckLayout compares the rows of a window leaf to those that code was generated for.
func CheckLayout(p *op.WindowPanes, want string) error {
	if got := p.RowLayout(); got != want {
		return fmt.Errorf("generated code updates window rows of another layout: generate it again (it was made for %s, and the rows are %s)", want, got)
	}
	return nil
}
