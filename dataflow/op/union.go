package op

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Union hands on the rows of all inputs. Its watermark is the minimum over the inputs that
// are not idle; it is idle when all are.
//
// State: inputs, 8 bytes each: the newest watermark, or Idle; then the watermark handed on,
// the newest tick, and a word that is 1 once the inputs are set.
type Union struct {
	node
	n      int
	inputs *state.Scalars
}

// NewUnion makes a Union of n inputs.
func NewUnion(n int) (*Union, error) {
	if n < 1 {
		return nil, fmt.Errorf("a union of %d inputs", n)
	}
	return &Union{n: n}, nil
}

// noWatermark stands for an input that has had none: it holds the watermark.
const noWatermark = Idle + 1

// Open binds state.
func (o *Union) Open(c *Context) error {
	var l layout
	l.add("inputs", "watermarks", "BIGINT", false, 0, o.n*8)
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.inputs = o.space.Scalars("inputs", (o.n+3)*8)
	if o.inputs.Int64((o.n+2)*8) == 0 {
		for i := range o.n + 1 {
			o.inputs.SetInt64(i*8, noWatermark)
		}
		o.inputs.SetInt64((o.n+2)*8, 1)
	}
	return nil
}

// Process hands rows on.
func (o *Union) Process(_ int, b *vec.Batch) error {
	o.ledger.add(rowsIn, int64(b.Rows()))
	return o.ctx.Out.Process(b)
}

// Watermark hands the minimum on when it grows.
func (o *Union) Watermark(input int, t int64) error {
	o.inputs.SetInt64(input*8, t)
	low := Idle
	for i := range o.n {
		if w := o.inputs.Int64(i * 8); w != Idle && (low == Idle || w < low) {
			low = w
		}
	}
	last := o.inputs.Int64(o.n * 8)
	switch {
	case low == noWatermark:
		return nil
	case low == Idle:
		return o.ctx.Out.Watermark(Idle)
	case low < last:
		low = last // an input that was idle is behind: the watermark stays
	}
	o.inputs.SetInt64(o.n*8, low)
	return o.ctx.Out.Watermark(low)
}

// Tick hands a tick on once, though every input brings it.
func (o *Union) Tick(now int64) error {
	at := (o.n + 1) * 8
	if now <= o.inputs.Int64(at) {
		return nil
	}
	o.inputs.SetInt64(at, now)
	return o.ctx.Out.Tick(now)
}

// Audit implements Audited.
func (o *Union) Audit() Audit { return o.ledger.audit() }
