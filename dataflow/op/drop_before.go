package op

import (
	"bytes"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// DropBeforeConfig configures NewDropUpdateBefore.
type DropBeforeConfig struct {
	Input []types.Type
	// AsDelete tells that a -U is left out only when the row behind it, as the batch was
	// made, is the +U with the same Keys, and is a -D otherwise: a filter may have taken the
	// +U away, or the update may have moved the row to another key. A later +U does not
	// count, for whether it is in the same batch follows from nothing but how rows arrive.
	AsDelete bool
	Keys     []int
}

// DropUpdateBefore leaves out the rows of kind -U.
type DropUpdateBefore struct {
	node
	cfg   DropBeforeConfig
	keys  *keyCodec
	sel   []int32       `scratch:"rows of a batch"`
	kinds []vec.RowKind `scratch:"kinds of the emitted batch"`
	key   []byte        `scratch:"the key of a -U"`
	next  []byte        `scratch:"the key of the row behind it"`
	out   vec.Batch     `scratch:"the emitted batch"`
}

// NewDropUpdateBefore makes a DropUpdateBefore.
func NewDropUpdateBefore(cfg DropBeforeConfig) (*DropUpdateBefore, error) {
	o := &DropUpdateBefore{cfg: cfg}
	if cfg.AsDelete {
		o.keys = newKeyCodec(cfg.Keys, typesOf(cfg.Input, cfg.Keys))
	}
	return o, nil
}

// Open binds the ledger.
func (o *DropUpdateBefore) Open(c *Context) error {
	o.sel = make([]int32, 0, vec.BatchSize)
	o.kinds = make([]vec.RowKind, vec.BatchSize)
	return o.bind(c, layout{})
}

// Process hands the other rows on.
func (o *DropUpdateBefore) Process(_ int, b *vec.Batch) error {
	o.ledger.add(rowsIn, int64(b.Rows()))
	if b.Kinds == nil {
		return o.ctx.Out.Process(b)
	}
	o.sel = o.sel[:0]
	rows := selection(b)
	for k, i := range rows {
		o.kinds[i] = b.Kinds[i]
		if b.Kinds[i] != vec.UpdateBefore {
			o.sel = append(o.sel, i)
		} else if o.cfg.AsDelete && !o.updated(b, rows, k) {
			o.kinds[i] = vec.Delete
			o.sel = append(o.sel, i)
		}
	}
	o.ledger.add(filtered, int64(b.Rows()-len(o.sel)))
	if len(o.sel) == 0 {
		return nil
	}
	out := narrow(&o.out, b, o.sel)
	out.Kinds = o.kinds[:b.N]
	return o.ctx.Out.Process(out)
}

// updated tells whether the -U at rows[k] is followed by its own +U, with the same key.
func (o *DropUpdateBefore) updated(b *vec.Batch, rows []int32, k int) bool {
	if k+1 == len(rows) || rows[k+1] != rows[k]+1 || b.Kinds[rows[k+1]] != vec.UpdateAfter {
		return false
	}
	o.key = o.keys.append(o.key[:0], b, int(rows[k]))
	o.next = o.keys.append(o.next[:0], b, int(rows[k+1]))
	return bytes.Equal(o.key, o.next)
}

// Watermark forwards.
func (o *DropUpdateBefore) Watermark(_ int, t int64) error { return o.ctx.Out.Watermark(t) }

// Tick forwards.
func (o *DropUpdateBefore) Tick(now int64) error { return o.ctx.Out.Tick(now) }

// Audit implements Audited.
func (o *DropUpdateBefore) Audit() Audit { return o.ledger.audit() }
