package op

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// UnnestConfig configures NewUnnest. The output is the columns Pass of the input, the
// element (the fields of a row, the key and value of a map), and with Ordinality its place
// from 1 on.
type UnnestConfig struct {
	Input []types.Type
	// Arg is an ARRAY, MAP or MULTISET over the input, or a BIGINT: how often the row comes.
	Arg        expr.Node
	Pass       []int
	Ordinality bool
	// Outer emits a row of NULLs for a collection that is NULL or empty.
	Outer  bool
	Output []types.Type
	// Updates tells that the input may hold other kinds than +I.
	Updates bool
}

// Unnest emits a row for each element of a collection, of the kind of the row that it is
// in. An element of a multiset comes as often as it is in it.
type Unnest struct {
	node
	cfg UnnestConfig
	arg *expr.Program

	ec   expr.Ctx `scratch:"errors of a batch"`
	emit *emitter `scratch:"the emitted batch"`
	bad  []bool   `scratch:"rows of a batch"`
}

// NewUnnest makes an Unnest.
func NewUnnest(cfg UnnestConfig) (*Unnest, error) {
	switch t := cfg.Arg.Type(); t.Kind {
	case types.Array, types.Map, types.Multiset, types.BigInt:
	default:
		return nil, fmt.Errorf("a value of type %s has no elements", t)
	}
	return &Unnest{cfg: cfg}, nil
}

// Open compiles the expression.
func (o *Unnest) Open(c *Context) error {
	if err := o.bind(c, layout{}); err != nil {
		return err
	}
	var err error
	if o.arg, err = expr.Compile(o.cfg.Arg, c.Env); err != nil {
		return err
	}
	o.ec.Env = c.Env
	o.emit = newEmitter(c.Out, o.cfg.Output, o.cfg.Updates)
	o.bad = make([]bool, vec.BatchSize)
	return nil
}

// Process emits the elements of each row.
func (o *Unnest) Process(_ int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	for len(sel) > 0 {
		o.ec.Errs = o.ec.Errs[:0]
		o.ec.Begin()
		v, end := o.arg.EvalPart(&o.ec, b, sel)
		o.ec.Forget(0, end)
		if err := o.rows(b, expr.Before(sel, end), v); err != nil {
			return err
		}
		sel = expr.After(sel, end, b.N)
	}
	return o.emit.flush()
}

// rows emits the elements of rows whose collections are in v, but for those that failed.
func (o *Unnest) rows(b *vec.Batch, sel []int32, v *vec.Vector) error {
	for _, e := range o.ec.Errs {
		if !o.bad[e.Row] {
			o.bad[e.Row] = true
			if err := o.fail(b, e.Row, e.Err); err != nil {
				return err
			}
		}
	}
	for _, i := range sel {
		if o.bad[i] {
			continue
		}
		if err := o.row(b, int(i), v); err != nil {
			return err
		}
	}
	for _, e := range o.ec.Errs {
		o.bad[e.Row] = false
	}
	return nil
}

func (o *Unnest) row(b *vec.Batch, i int, v *vec.Vector) error {
	n := 0
	if !v.IsNull(i) {
		var err error
		if v.Phys == types.I64 {
			return o.repeat(b, i, v.I64[i])
		}
		if n, err = o.elements(b, i, v.Bytes(i)); err != nil {
			return err
		}
	}
	if n > 0 || !o.cfg.Outer {
		return nil
	}
	at := o.pass(b, i)
	for _, c := range o.emit.batch.Cols[len(o.cfg.Pass):] {
		c.SetNull(at)
	}
	return o.emit.keep(b.Kind(i), b.ArrivalAt(i))
}

// repeat emits row i times times.
func (o *Unnest) repeat(b *vec.Batch, i int, times int64) error {
	for range times {
		o.pass(b, i)
		if err := o.emit.keep(b.Kind(i), b.ArrivalAt(i)); err != nil {
			return err
		}
	}
	return nil
}

// elements emits the elements of a collection and tells how many they are.
func (o *Unnest) elements(b *vec.Batch, i int, c []byte) (int, error) {
	t := o.cfg.Arg.Type()
	n := 0
	put := func(key, value vec.Datum) error {
		n++
		return o.element(b, i, n, key, value)
	}
	if t.Kind == types.Array {
		for k := range vec.ArrayLen(c) {
			if err := put(vec.ArrayAt(c, *t.Elem, k), vec.NullDatum); err != nil {
				return n, err
			}
		}
		return n, nil
	}
	keys, vals := vec.MapParts(c)
	for k := range vec.ArrayLen(keys) {
		if t.Kind == types.Map {
			if err := put(vec.ArrayAt(keys, *t.Key, k), vec.ArrayAt(vals, *t.Elem, k)); err != nil {
				return n, err
			}
			continue
		}
		elem := vec.ArrayAt(keys, *t.Elem, k)
		for range vec.ArrayAt(vals, types.TInt, k).I {
			if err := put(elem, vec.NullDatum); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// element emits the n-th element of row i.
func (o *Unnest) element(b *vec.Batch, i, n int, key, value vec.Datum) error {
	at := o.pass(b, i)
	cols := o.emit.batch.Cols[len(o.cfg.Pass):]
	t := o.cfg.Arg.Type()
	switch {
	case t.Kind == types.Map:
		cols[0].Set(at, key)
		cols[1].Set(at, value)
	case t.Elem.Kind == types.Row || t.Elem.Kind == types.Structured:
		for f := range t.Elem.Fields {
			d := vec.NullDatum
			if !key.Null {
				d = vec.RowAt(key.B, t.Elem.Fields, f)
			}
			cols[f].Set(at, d)
		}
	default:
		cols[0].Set(at, key)
	}
	if o.cfg.Ordinality {
		last := cols[len(cols)-1]
		last.SetNotNull(at)
		last.I64[at] = int64(n)
	}
	return o.emit.keep(b.Kind(i), b.ArrivalAt(i))
}

// pass copies the columns of row i that are passed on to the next row.
func (o *Unnest) pass(b *vec.Batch, i int) int {
	at := o.emit.row()
	for k, c := range o.cfg.Pass {
		o.emit.batch.Cols[k].Copy(at, b.Cols[c], i)
	}
	return at
}

// Watermark forwards.
func (o *Unnest) Watermark(_ int, t int64) error { return o.ctx.Out.Watermark(t) }

// Tick forwards.
func (o *Unnest) Tick(now int64) error { return o.ctx.Out.Tick(now) }

// Audit implements Audited.
func (o *Unnest) Audit() Audit { return o.ledger.audit() }
