package op

import (
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Collect is an Output that keeps rows as text, for tests: `+I[a, 1]`.
type Collect struct {
	Env *expr.Env
	// Rows are the rows in order of emission.
	Rows []string
	// Watermarks are those that came, Ticks the newest tick.
	Watermarks []int64
	NowMs      int64
}

// Process keeps rows.
func (c *Collect) Process(b *vec.Batch) error {
	for _, i := range selection(b) {
		c.Rows = append(c.Rows, FormatRow(b, int(i), c.Env))
	}
	return nil
}

// Watermark keeps the watermark.
func (c *Collect) Watermark(t int64) error {
	c.Watermarks = append(c.Watermarks, t)
	return nil
}

// Tick keeps the tick.
func (c *Collect) Tick(now int64) error {
	c.NowMs = now
	return nil
}

// FormatRow prints a row with its kind.
func FormatRow(b *vec.Batch, row int, env *expr.Env) string {
	var s strings.Builder
	s.WriteString(b.Kind(row).String())
	s.WriteByte('[')
	for k, col := range b.Cols {
		if k > 0 {
			s.WriteString(", ")
		}
		if d := col.Get(row); d.Null {
			s.WriteString("null")
		} else {
			s.Write(expr.FormatDatum(nil, d, col.Type, env))
		}
	}
	s.WriteByte(']')
	return s.String()
}
