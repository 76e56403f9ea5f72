package expr

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// RowError is a row that an expression cannot compute.
type RowError struct {
	Row int
	Err error
}

// Ctx carries what an evaluation needs and what it reports. The caller empties Errs
// before each batch.
type Ctx struct {
	Env  *Env
	Errs []RowError
	// Watermark is the newest one that the operator has seen, in ms since 1970; it counts
	// when HasWatermark is set.
	Watermark    int64
	HasWatermark bool

	part part
}

// Fail records that a row cannot be computed. One row may be recorded more than once.
func (c *Ctx) Fail(row int, err error) { c.Errs = append(c.Errs, RowError{row, err}) }

// Program is a compiled expression. It owns the vectors of its intermediate results and
// is used by one goroutine.
type Program struct {
	root exec
	t    types.Type
	gen  uint64
	sel  []int32
	// whole is the results of a batch that was computed in parts.
	whole *vec.Vector
}

// exec is a compiled node. Each is evaluated at most once per Eval.
type exec interface {
	eval(c *Ctx, b *vec.Batch, sel []int32) *vec.Vector
}

// Type is the type of the result.
func (p *Program) Type() types.Type { return p.t }

func selectTrue(e exec, c *Ctx, b *vec.Batch, sel, dst []int32) []int32 {
	if l, ok := e.(*logicExec); ok && !l.or {
		return l.selectAll(c, b, sel, dst)
	}
	return appendTrue(e.eval(c, b, sel), b.N, sel, dst)
}

// appendTrue appends the rows whose cell is TRUE.
func appendTrue(v *vec.Vector, n int, sel, dst []int32) []int32 {
	x := v.I64
	switch {
	case sel == nil && !v.HasNulls():
		for i := range n {
			if x[i] != 0 {
				dst = append(dst, int32(i))
			}
		}
	case sel == nil:
		for i := range n {
			if x[i] != 0 && !v.IsNull(i) {
				dst = append(dst, int32(i))
			}
		}
	default:
		for _, i := range sel {
			if x[i] != 0 && !v.IsNull(int(i)) {
				dst = append(dst, i)
			}
		}
	}
	return dst
}

// Compile turns a node into a program. Its errors are those of nodes that have no
// implementation, which the constructors do not build.
func Compile(n Node, env *Env) (*Program, error) {
	if env == nil {
		env = &Env{}
	}
	p := &Program{t: n.Type()}
	k := &compiler{p: p, env: env, uses: map[string]int{}, shared: map[string]*sharedExec{}}
	k.count(n, false)
	root, err := k.compile(n, false)
	if err != nil {
		return nil, err
	}
	p.root = root
	return p, nil
}

// compiler shares equal subexpressions: one that is evaluated unconditionally (under the
// program's own selection) is computed once, wherever else it occurs.
type compiler struct {
	p       *Program
	env     *Env
	uses    map[string]int
	uncond  map[string]bool
	shared  map[string]*sharedExec
	ordinal int
}

func leaf(n Node) bool {
	switch n.(type) {
	case *Col, *Lit:
		return true
	}
	return false
}

// count counts the occurrences of each subexpression and notes those that are evaluated
// whatever the row.
func (k *compiler) count(n Node, cond bool) {
	if leaf(n) {
		return
	}
	key := string(appendKey(nil, n))
	k.uses[key]++
	if !cond {
		if k.uncond == nil {
			k.uncond = map[string]bool{}
		}
		k.uncond[key] = true
	}
	for i, c := range Children(n) {
		k.count(c, cond || i > 0 && lazy(n))
	}
}

// lazy tells the nodes whose arguments after the first are evaluated for some rows only.
func lazy(n Node) bool {
	switch n := n.(type) {
	case *Case, *Logic:
		return true
	case *Call:
		return n.Func == coalesceFunc
	}
	return false
}

func (k *compiler) compile(n Node, cond bool) (exec, error) {
	if leaf(n) || !Deterministic(n) {
		return k.build(n, cond)
	}
	key := string(appendKey(nil, n))
	if k.uses[key] < 2 || !k.uncond[key] {
		return k.build(n, cond)
	}
	if s := k.shared[key]; s != nil {
		return s, nil
	}
	in, err := k.build(n, false)
	if err != nil {
		return nil, err
	}
	s := &sharedExec{p: k.p, in: in}
	k.shared[key] = s
	return s, nil
}

// sharedExec computes its argument once per Eval, under the program's selection.
type sharedExec struct {
	p   *Program
	in  exec
	gen uint64
	v   *vec.Vector
}

func (s *sharedExec) eval(c *Ctx, b *vec.Batch, _ []int32) *vec.Vector {
	if s.gen != s.p.gen {
		s.gen = s.p.gen
		s.v = s.in.eval(c, b, s.p.sel)
	}
	return s.v
}

func (k *compiler) compileAll(ns []Node, cond func(i int) bool) ([]exec, error) {
	out := make([]exec, len(ns))
	for i, n := range ns {
		var err error
		if out[i], err = k.compile(n, cond(i)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (k *compiler) build(n Node, cond bool) (exec, error) {
	switch n := n.(type) {
	case *Col:
		return &colExec{n.Index}, nil
	case *Lit:
		return &litExec{prefilled(n)}, nil
	case *Call:
		return k.buildCall(n, cond)
	case *Cast:
		in, err := k.compile(n.Arg, cond)
		if err != nil {
			return nil, err
		}
		return newCastExec(in, n.Arg.Type(), n.T, n.Try, k.env)
	case *Case:
		return k.buildCase(n, cond)
	case *Field:
		in, err := k.compile(n.Arg, cond)
		if err != nil {
			return nil, err
		}
		return &fieldExec{in: in, fields: n.Arg.Type().Fields, index: n.Index, out: vec.New(n.T)}, nil
	case *Logic:
		args, err := k.compileAll(n.Args, func(i int) bool { return cond || i > 0 })
		if err != nil {
			return nil, err
		}
		return newLogicExec(n.Or, args), nil
	}
	return nil, fmt.Errorf("expression %s cannot be evaluated", n)
}

func (k *compiler) buildCall(n *Call, cond bool) (exec, error) {
	always := func(int) bool { return cond }
	if n.Func == coalesceFunc {
		always = func(i int) bool { return cond || i > 0 }
	}
	args, err := k.compileAll(n.Args, always)
	if err != nil {
		return nil, err
	}
	k.ordinal++
	switch {
	case n.Func == coalesceFunc:
		return &coalesceExec{args: args, out: vec.New(n.T), rest: make([][]int32, len(args))}, nil
	case n.Impl.Kernel != nil:
		return &kernelExec{fn: n.Impl.Kernel, strict: !n.Impl.CallsOnNull, args: args, vecs: make([]*vec.Vector, len(args)), out: vec.New(n.T)}, nil
	case n.Impl.Row != nil:
		ts := make([]types.Type, len(n.Args))
		for i := range ts {
			ts[i] = n.Args[i].Type()
		}
		return &rowExec{fn: n.Impl.Row, strict: !n.Impl.CallsOnNull, args: args, vecs: make([]*vec.Vector, len(args)),
			data: make([]vec.Datum, len(args)), out: vec.New(n.T),
			ctx: RowCtx{Env: k.env, ArgTypes: ts, Type: n.T, Ordinal: k.ordinal}}, nil
	}
	return nil, fmt.Errorf("function %s has no implementation", n.Func.Name)
}

type colExec struct{ index int }

func (e *colExec) eval(_ *Ctx, b *vec.Batch, _ []int32) *vec.Vector { return b.Cols[e.index] }

type litExec struct{ v *vec.Vector }

func (e *litExec) eval(*Ctx, *vec.Batch, []int32) *vec.Vector { return e.v }

// prefilled is a vector whose every cell is the literal.
func prefilled(l *Lit) *vec.Vector {
	v := vec.New(l.T)
	v.Set(0, l.Value)
	for i := 1; i < vec.BatchSize; i++ {
		if v.Phys == types.Bytes && !l.Value.Null {
			v.Str[i] = v.Str[0]
			continue
		}
		v.Copy(i, v, 0)
	}
	return v
}

// kernelExec runs a vectorised implementation.
type kernelExec struct {
	fn     Kernel
	strict bool
	args   []exec
	vecs   []*vec.Vector
	out    *vec.Vector
}

func (e *kernelExec) eval(c *Ctx, b *vec.Batch, sel []int32) *vec.Vector {
	for i, a := range e.args {
		e.vecs[i] = a.eval(c, b, sel)
	}
	e.out.Reset()
	if e.strict {
		for _, v := range e.vecs {
			e.out.OrNulls(v)
		}
	}
	e.fn(c, e.vecs, e.out, b.N, sel)
	return c.within(e.out, b.N, sel)
}

// rowExec runs a row implementation row by row.
type rowExec struct {
	fn     RowFunc
	strict bool
	args   []exec
	vecs   []*vec.Vector
	data   []vec.Datum
	out    *vec.Vector
	ctx    RowCtx
}

func (e *rowExec) eval(c *Ctx, b *vec.Batch, sel []int32) *vec.Vector {
	for i, a := range e.args {
		e.vecs[i] = a.eval(c, b, sel)
	}
	e.out.Reset()
	for k := range rows(b.N, sel) {
		i := row(sel, k)
		if e.out.Held() > partBytes { // of the row before: another would be computed in vain
			c.part.end = min(c.part.end, i)
		}
		if i >= c.part.end || !e.row(c, b, i) {
			setNulls(e.out, b.N, sel, k)
			break
		}
	}
	e.ctx.rest()
	return e.out
}

// row computes a row, or tells that the part ends before it.
func (e *rowExec) row(c *Ctx, b *vec.Batch, i int) bool {
	for k, v := range e.vecs {
		d := v.Get(i)
		if d.Null && e.strict {
			e.out.SetNull(i)
			return true
		}
		e.data[k] = d
	}
	e.ctx.Arrival = b.ArrivalAt(i)
	e.ctx.Watermark, e.ctx.HasWatermark = c.Watermark, c.HasWatermark
	if i < len(b.Origin) {
		e.ctx.Origin = b.Origin[i]
	}
	d, err := e.fn(&e.ctx, e.data)
	if err == nil && len(d.B) > partBytes-e.out.Held() {
		var taken bool
		if taken, err = c.over(i, len(d.B)); !taken {
			return false
		}
	}
	if err != nil {
		c.Fail(i, err)
		d.Null = true
	}
	e.out.Set(i, d)
	return true
}
