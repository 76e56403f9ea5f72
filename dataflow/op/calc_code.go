package op

import (
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// openCode makes the vectors that generated code writes.
func (o *Calc) openCode() {
	if o.cfg.Code == nil {
		return
	}
	o.written = make([]*vec.Vector, len(o.cfg.Project))
	for i, n := range o.cfg.Project {
		if !expr.PassesOn(n) {
			o.written[i] = vec.New(n.Type())
		}
	}
}

// run is Process by generated code. It is not done, and nothing has changed, when that
// leaves the batch to the interpreter.
func (o *Calc) run(b *vec.Batch) (done bool, err error) {
	sel := b.Sel
	if sel == nil {
		sel = every[:b.N]
	}
	for _, v := range o.written {
		if v != nil {
			v.Reset()
		}
	}
	n := o.cfg.Code.Rows(b, sel, o.written, o.sel[:vec.BatchSize])
	if n < 0 {
		return false, nil
	}
	rest := b.Sel
	if o.filter != nil {
		o.ledger.add(filtered, int64(len(sel)-n))
		rest = o.sel[:n]
	}
	if n == 0 {
		return true, nil
	}
	out := narrow(&o.out, b, rest)
	if o.project != nil {
		for i, v := range o.written {
			if v == nil {
				v = o.project[i].Eval(&o.ec, b, rest)
			}
			o.vectors[i] = v
		}
		out.Cols = o.vectors
	}
	return true, o.ctx.Out.Process(out)
}
