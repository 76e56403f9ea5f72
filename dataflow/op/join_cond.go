package op

import (
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// joinCond judges pairs of rows. A pair that cannot be computed is a dead letter and does
// not meet the condition.
type joinCond struct {
	node *node
	prog *expr.Program
	ec   expr.Ctx  `scratch:"errors of a batch"`
	sel  []int32   `scratch:"pairs that meet the condition"`
	bad  []bool    `scratch:"pairs that cannot be computed"`
	out  vec.Batch `scratch:"the batch handed on"`
}

func newJoinCond(n *node, p *expr.Program) *joinCond {
	return &joinCond{node: n, prog: p, ec: expr.Ctx{Env: n.ctx.Env}, sel: make([]int32, 0, vec.BatchSize), bad: make([]bool, vec.BatchSize)}
}

// judge lists the rows of b that meet the condition; valid until the next call.
func (c *joinCond) judge(b *vec.Batch) ([]int32, error) {
	c.ec.Errs = c.ec.Errs[:0]
	c.sel = c.prog.EvalSel(&c.ec, b, b.Sel, c.sel[:0])
	if len(c.ec.Errs) == 0 {
		return c.sel, nil
	}
	for _, e := range c.ec.Errs {
		if !c.bad[e.Row] {
			c.bad[e.Row] = true
			if err := c.node.fail(b, e.Row, e.Err); err != nil {
				return nil, err
			}
		}
	}
	rest := c.sel[:0]
	for _, i := range c.sel {
		if !c.bad[i] {
			rest = append(rest, i)
		}
	}
	for _, e := range c.ec.Errs {
		c.bad[e.Row] = false
	}
	return rest, nil
}

// condOutput hands on the pairs that meet a condition.
type condOutput struct {
	cond *joinCond
	Output
}

// Process hands on the rows of b that meet the condition.
func (o condOutput) Process(b *vec.Batch) error {
	sel, err := o.cond.judge(b)
	if err != nil || len(sel) == 0 {
		return err
	}
	return o.Output.Process(narrow(&o.cond.out, b, sel))
}
