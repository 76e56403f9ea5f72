package plan

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// checkPlan verifies the invariants of a physical plan: the order of nodes, column
// numbers within the inputs' rows, and types that agree.
func checkPlan(p *Plan) error {
	ids := map[string]bool{}
	for i, n := range p.Nodes {
		b := n.Base()
		if b.Ordinal != i || b.ID == "" || ids[b.ID] {
			return fmt.Errorf("node %d: ordinal %d, id %q", i, b.Ordinal, b.ID)
		}
		ids[b.ID] = true
		if len(b.Schema) == 0 {
			return fmt.Errorf("%s has no columns", b.ID)
		}
		if b.Mode == 0 {
			return fmt.Errorf("%s emits no row kinds", b.ID)
		}
		for _, in := range b.Inputs {
			if in.Base().Ordinal >= i || p.Nodes[in.Base().Ordinal] != in {
				return fmt.Errorf("%s stands before its input %s", b.ID, in.Base().ID)
			}
		}
		if err := checkNode(n); err != nil {
			return fmt.Errorf("%s: %w", b.ID, err)
		}
	}
	return nil
}

func checkNode(n Node) error {
	b := n.Base()
	var in Schema
	if len(b.Inputs) > 0 {
		in = b.Inputs[0].Base().Schema
	}
	cols := func(list ...int) error {
		for _, c := range list {
			if c < 0 || c >= len(in) {
				return fmt.Errorf("column %d of %d", c, len(in))
			}
		}
		return nil
	}
	switch n := n.(type) {
	case *Source:
		if len(n.Columns) != len(b.Schema) {
			return fmt.Errorf("%d columns, schema of %d", len(n.Columns), len(b.Schema))
		}
	case *Calc:
		return checkCalc(n, in)
	case *WatermarkAssigner:
		if n.Expr != nil {
			if err := checkExpr(n.Expr, in); err != nil {
				return err
			}
		}
		return cols(append(n.By, n.TimeCol)...)
	case *WindowTVF:
		return cols(append(n.PartitionBy, n.Window.TimeCol)...)
	case *GroupAggregate:
		return checkAggs(n.Keys, n.Aggs, 0, in, b.Schema)
	case *WindowAggregate:
		if n.Window.Attached() {
			if err := cols(n.Window.StartCol, n.Window.EndCol); err != nil {
				return err
			}
		} else if err := cols(n.Window.TimeCol); err != nil {
			return err
		}
		return checkAggs(n.Keys, n.Aggs, len(n.Props), in, b.Schema)
	case *Union:
		for _, k := range b.Inputs {
			if err := sameTypes(k.Base().Schema, b.Schema); err != nil {
				return err
			}
		}
	case *ChangelogNormalize:
		return cols(n.KeyCols...)
	case *Sink:
		return sameTypes(in, b.Schema)
	}
	return nil
}

func checkCalc(n *Calc, in Schema) error {
	if len(n.Project) != len(n.b.Schema) {
		return fmt.Errorf("%d expressions, schema of %d", len(n.Project), len(n.b.Schema))
	}
	var out Schema
	for _, p := range n.Project {
		if err := checkExpr(p, in); err != nil {
			return err
		}
		out = append(out, Column{Type: p.Type()})
	}
	if n.Filter != nil {
		if err := checkExpr(n.Filter, in); err != nil {
			return err
		}
	}
	return sameTypes(out, n.b.Schema)
}

func checkExpr(e expr.Node, in Schema) error {
	var err error
	expr.Walk(e, func(m expr.Node) bool {
		if c, ok := m.(*expr.Col); ok && err == nil {
			if c.Index < 0 || c.Index >= len(in) {
				err = fmt.Errorf("%s: column %d of %d", e, c.Index, len(in))
			} else if c.T.Phys() != in[c.Index].Type.Phys() || c.T.Kind != in[c.Index].Type.Kind {
				err = fmt.Errorf("%s: column %d is %s, not %s", e, c.Index, in[c.Index].Type, c.T)
			}
		}
		return err == nil
	})
	return err
}

func checkAggs(keys []int, aggs []Aggregate, props int, in, out Schema) error {
	if len(keys)+len(aggs)+props != len(out) {
		return fmt.Errorf("%d keys, %d aggregates, %d properties, schema of %d", len(keys), len(aggs), props, len(out))
	}
	for i, k := range keys {
		if k < 0 || k >= len(in) {
			return fmt.Errorf("key %d of %d", k, len(in))
		}
		if !in[k].Type.Equal(out[i].Type) {
			return fmt.Errorf("key %d is %s, not %s", i, in[k].Type, out[i].Type)
		}
	}
	for _, a := range aggs {
		args := a.Call.Args
		if a.Call.Filter != nil {
			args = append(args[:len(args):len(args)], a.Call.Filter)
		}
		for _, e := range args {
			switch e.(type) {
			case *expr.Col, *expr.Lit:
			default:
				return fmt.Errorf("argument %s of %s is neither a column nor a literal", e, a.ID)
			}
			if err := checkExpr(e, in); err != nil {
				return err
			}
		}
	}
	return nil
}

// sameTypes compares schemas by physical class and kind; CHAR and VARCHAR stand for each
// other.
func sameTypes(a, b Schema) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d columns for %d", len(a), len(b))
	}
	for i := range a {
		x, y := a[i].Type, b[i].Type
		if x.Kind != y.Kind && !(x.IsString() && y.IsString()) && !(x.IsBinary() && y.IsBinary()) || x.Phys() != y.Phys() {
			return fmt.Errorf("column %d is %s, not %s", i, x, y)
		}
	}
	return nil
}
