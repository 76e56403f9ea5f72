package pipetest

import (
	"fmt"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func runExpressions(c *Case) []Result {
	out := make([]Result, len(c.Expressions))
	for i := range c.Expressions {
		x := &c.Expressions[i]
		out[i] = Result{Name: fmt.Sprintf("%s #%d %s", c.Name, i+1, x.SQL), Err: x.run()}
	}
	return out
}

// run evaluates the expression over one row at the arrival time of tests.
func (x *Expression) run() error {
	env := &expr.Env{Zone: time.UTC}
	if x.TZ != "" {
		c := plan.DefaultConfig()
		if _, err := c.Set("table.local-time-zone", x.TZ); err != nil {
			return err
		}
		env.Zone = c.Zone
	}
	d, t, err := Evaluate(x.SQL, env)
	if text, wanted := wantsError(x.Error); wanted {
		if err == nil {
			return fmt.Errorf("expected an error (%q), got %s", text, expr.FormatDatum(nil, d, t, env))
		}
		return nil
	}
	if err != nil {
		return err
	}
	if x.As == "text" {
		return x.compareText(d, t, env)
	}
	if !cellEqual(x.Expect, d, t, env) && !x.equalValue(d, t, env) {
		return fmt.Errorf("expected %v, got %s (%s)", x.Expect, printCell(d, t, env), t)
	}
	return nil
}

func (x *Expression) compareText(d vec.Datum, t types.Type, env *expr.Env) error {
	want, got := "NULL", "NULL"
	if x.Expect != nil {
		want = scalarText(x.Expect)
	}
	if !d.Null {
		got = string(expr.FormatDatum(nil, d, t, env))
	}
	if want != got {
		return fmt.Errorf("expected %q, got %q (%s)", want, got, t)
	}
	return nil
}

// equalValue compares by the printed form of the expectation's own shape: maps by entries,
// arrays by elements, rows by fields.
func (x *Expression) equalValue(d vec.Datum, t types.Type, env *expr.Env) bool {
	want, err := datum(x.Expect, t, env)
	if err != nil || want.Null || d.Null {
		return false
	}
	return canonical(printCell(want, t, env)) == canonical(printCell(d, t, env))
}

// Evaluate computes an expression without columns, and returns the value with its type.
func Evaluate(text string, env *expr.Env) (vec.Datum, types.Type, error) {
	n, err := plan.BindExpr(text, env)
	if err != nil {
		return vec.NullDatum, types.TNull, err
	}
	p, err := expr.Compile(n, env)
	if err != nil {
		return vec.NullDatum, n.Type(), err
	}
	b := &vec.Batch{N: 1, Arrival: []int64{startMs}, Origin: []vec.Origin{{Seq: 1}}}
	ctx := &expr.Ctx{Env: env}
	v := p.Eval(ctx, b, nil)
	if len(ctx.Errs) > 0 {
		return vec.NullDatum, n.Type(), ctx.Errs[0].Err
	}
	return v.Get(0), n.Type(), nil
}
