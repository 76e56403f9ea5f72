package op

import "github.com/edgeflow/edgeflow/dataflow/vec"

// DropUpdateBefore leaves out the rows of kind -U.
type DropUpdateBefore struct {
	node
	sel []int32   `scratch:"rows of a batch"`
	out vec.Batch `scratch:"the emitted batch"`
}

// NewDropUpdateBefore makes a DropUpdateBefore.
func NewDropUpdateBefore() (*DropUpdateBefore, error) { return &DropUpdateBefore{}, nil }

// Open binds the ledger.
func (o *DropUpdateBefore) Open(c *Context) error {
	o.sel = make([]int32, 0, vec.BatchSize)
	return o.bind(c, layout{})
}

// Process hands the other rows on.
func (o *DropUpdateBefore) Process(_ int, b *vec.Batch) error {
	o.ledger.add(rowsIn, int64(b.Rows()))
	if b.Kinds == nil {
		return o.ctx.Out.Process(b)
	}
	o.sel = o.sel[:0]
	for _, i := range selection(b) {
		if b.Kinds[i] != vec.UpdateBefore {
			o.sel = append(o.sel, i)
		}
	}
	o.ledger.add(filtered, int64(b.Rows()-len(o.sel)))
	if len(o.sel) == 0 {
		return nil
	}
	return o.ctx.Out.Process(narrow(&o.out, b, o.sel))
}

// Watermark forwards.
func (o *DropUpdateBefore) Watermark(_ int, t int64) error { return o.ctx.Out.Watermark(t) }

// Tick forwards.
func (o *DropUpdateBefore) Tick(now int64) error { return o.ctx.Out.Tick(now) }

// Audit implements Audited.
func (o *DropUpdateBefore) Audit() Audit { return o.ledger.audit() }
