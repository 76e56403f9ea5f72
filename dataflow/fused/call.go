package fused

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Call runs one node of an expression for generated code that does not write it out: the
// same Go function that the interpreter runs, over a batch of one row. Arguments are set
// one by one, those that are literals excepted; then Eval, then the result is read. What is
// set stays set. Bytes that are set are not copied, and must hold until Eval returns; the
// result's bytes are valid until the next Eval. It is used by one goroutine.
type Call struct {
	prog *expr.Program
	ctx  expr.Ctx
	in   vec.Batch
	out  *vec.Vector
}

// Bind compiles the node that is the at-th of root, in the order of expr.Walk.
func (c *Call) Bind(env *expr.Env, root expr.Node, at int) error {
	n := expr.At(root, at)
	if n == nil {
		return fmt.Errorf("generated code calls node %d of %v, which has none: generate it again", at, root)
	}
	c.in = vec.Batch{N: 1}
	alone := expr.Alone(n)
	for _, a := range expr.Children(n) {
		c.in.Cols = append(c.in.Cols, cell(a.Type()))
	}
	p, err := expr.Compile(alone, env)
	if err != nil {
		return err
	}
	c.prog, c.ctx = p, expr.Ctx{Env: env}
	return nil
}

// cell is a vector of a single cell.
func cell(t types.Type) *vec.Vector {
	v := &vec.Vector{Type: t, Phys: t.Phys()}
	switch v.Phys {
	case types.I64:
		v.I64 = make([]int64, 1)
	case types.F64:
		v.F64 = make([]float64, 1)
	case types.Wide:
		v.I64, v.Hi = make([]int64, 1), make([]int64, 1)
	default:
		v.Str, v.Bufs = make([]vec.Span, 1), make([][]byte, 1, 2)
	}
	return v
}

// SetInt makes x argument i, of class types.I64.
func (c *Call) SetInt(i int, x int64) {
	v := c.in.Cols[i]
	v.ClearNulls()
	v.I64[0] = x
}

// SetFloat makes x argument i, of class types.F64.
func (c *Call) SetFloat(i int, x float64) {
	v := c.in.Cols[i]
	v.ClearNulls()
	v.F64[0] = x
}

// SetWide makes the 128 bits hi:lo argument i, of class types.Wide.
func (c *Call) SetWide(i int, lo, hi int64) {
	v := c.in.Cols[i]
	v.ClearNulls()
	v.I64[0], v.Hi[0] = lo, hi
}

// SetBytes makes b argument i, of class types.Bytes.
func (c *Call) SetBytes(i int, b []byte) {
	v := c.in.Cols[i]
	v.ClearNulls()
	v.Bufs[0] = b
	v.Str[0] = vec.Span{Len: uint32(len(b))}
}

// SetNull makes argument i NULL.
func (c *Call) SetNull(i int) { c.in.Cols[i].SetNull(0) }

// Eval computes the result. It is false when that fails, or is one that the results of the row
// are judged together for: then the interpreter takes the event.
func (c *Call) Eval() bool {
	c.out = c.prog.Eval(&c.ctx, &c.in, nil)
	if len(c.ctx.Errs) > 0 {
		clear(c.ctx.Errs)
		c.ctx.Errs = c.ctx.Errs[:0]
		return false
	}
	return !c.ctx.Large()
}

// Null tells whether the result is NULL.
func (c *Call) Null() bool { return c.out.IsNull(0) }

// Int is a result of class types.I64, and the low half of one of types.Wide.
func (c *Call) Int() int64 { return c.out.I64[0] }

// Hi is the high half of a result of class types.Wide.
func (c *Call) Hi() int64 { return c.out.Hi[0] }

// Float is a result of class types.F64.
func (c *Call) Float() float64 { return c.out.F64[0] }

// Bytes is a result of class types.Bytes that is not NULL.
func (c *Call) Bytes() []byte { return c.out.Bytes(0) }

// Datum is the result, NULL included.
func (c *Call) Datum() vec.Datum { return c.out.Get(0) }
