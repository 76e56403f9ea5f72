package fused

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// Calc is generated code for the rows of a Calc outside of heads.
type Calc interface {
	op.CalcCode
	// Bind takes what the engine gives, once, before all else.
	Bind(h *CalcHost) error
}

// CalcHost is what an engine gives to a Calc.
type CalcHost struct {
	Env  *expr.Env
	Calc *plan.Calc
}

// Expr is the filter (-1) or a projection.
func (h *CalcHost) Expr(index int) expr.Node {
	if index < 0 {
		return h.Calc.Filter
	}
	return h.Calc.Project[index]
}

var calcs = map[string]func() Calc{}

// RegisterCalc makes generated code known under the fingerprint that plan.CalcFingerprint
// gives. It is called by init functions of generated packages; two of them may hold code
// for one fingerprint, which is the same.
func RegisterCalc(fingerprint string, make func() Calc) { calcs[fingerprint] = make }

// BindCalc makes the code for a Calc; it is nil when there is none.
func BindCalc(n *plan.Calc, env *expr.Env) (op.CalcCode, error) {
	make := calcs[plan.CalcFingerprint(n)]
	if make == nil {
		return nil, nil
	}
	c := make()
	if err := c.Bind(&CalcHost{Env: env, Calc: n}); err != nil {
		return nil, fmt.Errorf("the generated code of %s: %w", n.Base().ID, err)
	}
	return c, nil
}
