package op

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Values is a source of constant rows, emitted once.
//
// State: done, a word that is 1 when the rows are out.
type Values struct {
	node
	cfg  ValuesConfig
	done *state.Scalars
}

// NewValues makes a Values.
func NewValues(cfg ValuesConfig) (*Values, error) {
	for i, r := range cfg.Rows {
		if len(r) != len(cfg.Output) {
			return nil, fmt.Errorf("row %d of VALUES has %d columns, not %d", i+1, len(r), len(cfg.Output))
		}
	}
	return &Values{cfg: cfg}, nil
}

// Open binds state.
func (o *Values) Open(c *Context) error {
	if err := o.bind(c, layout{}); err != nil {
		return err
	}
	o.done = o.space.Scalars("done", 8)
	return nil
}

// Start emits the rows, unless that was before, then the end of the input.
func (o *Values) Start() error {
	if o.done.Int64(0) == 0 {
		o.done.SetInt64(0, 1)
		if err := o.emit(); err != nil {
			return err
		}
	}
	return o.ctx.Out.Watermark(EndOfInput)
}

func (o *Values) emit() error {
	e := newEmitter(o.ctx.Out, o.cfg.Output, false)
	for n, row := range o.cfg.Rows {
		o.ledger.add(rowsIn, 1)
		at := e.row()
		for c, x := range row {
			d, err := expr.Constant(x, o.ctx.Env)
			if err != nil {
				return fmt.Errorf("row %d of VALUES: %w", n+1, err)
			}
			e.batch.Cols[c].Set(at, d)
		}
		if err := e.keep(vec.Insert, 0); err != nil {
			return err
		}
	}
	return e.flush()
}

// Process is not called: Values has no input.
func (o *Values) Process(int, *vec.Batch) error { return fmt.Errorf("VALUES has no input") }

// Watermark is not called.
func (o *Values) Watermark(int, int64) error { return nil }

// Tick forwards.
func (o *Values) Tick(now int64) error { return o.ctx.Out.Tick(now) }

// Audit implements Audited.
func (o *Values) Audit() Audit { return o.ledger.audit() }
