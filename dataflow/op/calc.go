package op

import (
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Calc filters and projects. A row that cannot be computed is a dead letter.
//
// State: watermark {newest i64, known u64}, for CURRENT_WATERMARK.
type Calc struct {
	node
	watermark *state.Scalars
	cfg       CalcConfig
	filter    *expr.Program
	project   []*expr.Program `scratch:"compiled from the configuration"`

	ec      expr.Ctx      `scratch:"errors of a batch"`
	sel     []int32       `scratch:"rows of a batch"`
	bad     []bool        `scratch:"rows of a batch"`
	out     vec.Batch     `scratch:"the emitted batch"`
	vectors []*vec.Vector `scratch:"the emitted batch"`
	written []*vec.Vector `scratch:"what generated code writes"`
}

// NewCalc makes a Calc.
func NewCalc(cfg CalcConfig) (*Calc, error) { return &Calc{cfg: cfg}, nil }

// Open compiles the expressions.
func (o *Calc) Open(c *Context) error {
	if err := o.bind(c, layout{}); err != nil {
		return err
	}
	o.ec.Env = c.Env
	o.watermark = o.space.Scalars("watermark", 16)
	o.ec.Watermark, o.ec.HasWatermark = o.watermark.Int64(0), o.watermark.Int64(8) != 0
	o.sel = make([]int32, 0, vec.BatchSize)
	o.bad = make([]bool, vec.BatchSize)
	var err error
	if o.cfg.Filter != nil {
		if o.filter, err = expr.Compile(o.cfg.Filter, c.Env); err != nil {
			return err
		}
	}
	for _, n := range o.cfg.Project {
		p, err := expr.Compile(n, c.Env)
		if err != nil {
			return err
		}
		o.project = append(o.project, p)
	}
	o.vectors = make([]*vec.Vector, len(o.project))
	o.openCode()
	return nil
}

// Process emits the rows that pass.
func (o *Calc) Process(_ int, b *vec.Batch) error {
	o.ledger.add(rowsIn, int64(b.Rows()))
	if o.cfg.Code != nil {
		if done, err := o.run(b); done || err != nil {
			return err
		}
	}
	sel := b.Sel
	o.ec.Errs = o.ec.Errs[:0]
	if o.filter != nil {
		o.sel = o.filter.EvalSel(&o.ec, b, sel, o.sel[:0])
		before, lost := b.Rows(), 0
		sel = o.sel
		if len(o.ec.Errs) > 0 {
			sel, lost = o.drop(sel, 0)
		}
		o.ledger.add(filtered, int64(before-lost-len(sel)))
	}
	for {
		out, end := o.part(b, sel)
		if err := o.letters(b, end); err != nil {
			return err
		}
		if out.Rows() > 0 {
			if err := o.ctx.Out.Process(out); err != nil {
				return err
			}
		}
		if end >= b.N {
			return nil
		}
		sel = expr.After(sel, end, b.N)
	}
}

// part projects rows of sel, as many as have results for one batch: those before end.
func (o *Calc) part(b *vec.Batch, sel []int32) (out *vec.Batch, end int) {
	out, end = narrow(&o.out, b, sel), b.N
	if o.project == nil || out.Rows() == 0 {
		return out, end
	}
	failed := len(o.ec.Errs)
	o.ec.Begin()
	for i, p := range o.project {
		v, n := p.EvalPart(&o.ec, b, sel)
		if o.vectors[i] = v; n < end {
			end = n
			sel = expr.Before(sel, end)
		}
	}
	out.Sel, out.Cols = sel, o.vectors
	if o.ec.Forget(failed, end); len(o.ec.Errs) > failed {
		if sel == nil {
			sel = every[:b.N]
		}
		out.Sel, _ = o.drop(sel, failed)
	}
	return out, end
}

// drop takes the rows of the failures from the given one on out of sel. lost is how many
// they are, those outside of sel included.
func (o *Calc) drop(sel []int32, from int) (rest []int32, lost int) {
	for _, e := range o.ec.Errs[from:] {
		if !o.bad[e.Row] {
			o.bad[e.Row] = true
			lost++
		}
	}
	rest = o.sel[:0]
	for _, i := range sel {
		if !o.bad[i] {
			rest = append(rest, i)
		}
	}
	o.sel = rest
	return rest, lost
}

// letters hands the rows before end that failed to the dead letters, in their order and each
// with its first failure, so that nothing follows from which rows are in a batch.
func (o *Calc) letters(b *vec.Batch, end int) error {
	if len(o.ec.Errs) == 0 {
		return nil
	}
	slices.SortStableFunc(o.ec.Errs, func(a, b expr.RowError) int { return a.Row - b.Row })
	rest := o.ec.Errs[:0]
	for _, e := range o.ec.Errs {
		if e.Row >= end {
			rest = append(rest, e)
			continue
		}
		if !o.bad[e.Row] {
			continue
		}
		o.bad[e.Row] = false
		if err := o.fail(b, e.Row, e.Err); err != nil {
			return err
		}
	}
	o.ec.Errs = rest
	return nil
}

// Watermark forwards, and notes t for CURRENT_WATERMARK.
func (o *Calc) Watermark(_ int, t int64) error {
	if t > noWatermark {
		o.watermark.SetInt64(0, t)
		o.watermark.SetInt64(8, 1)
		o.ec.Watermark, o.ec.HasWatermark = t, true
	}
	return o.ctx.Out.Watermark(t)
}

// Tick forwards.
func (o *Calc) Tick(now int64) error { return o.ctx.Out.Tick(now) }

// Audit implements Audited.
func (o *Calc) Audit() Audit { return o.ledger.audit() }
