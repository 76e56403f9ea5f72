package expr

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	Register(
		&Func{Name: "IF", Signature: "IF(condition, value, other)", Category: "conditional",
			Doc: "The value when the condition is TRUE, otherwise the other one; only that is evaluated.", Build: buildIf},
		&Func{Name: "IFNULL", Signature: "IFNULL(value, other)", Category: "conditional",
			Doc: "The other value where the first is NULL.", Build: func(args []Node) (Node, error) {
				if err := argCount("IFNULL", args, 2, 2); err != nil {
					return nil, err
				}
				return newCall(coalesceFunc, args)
			}},
		&Func{Name: "NULLIF", Signature: "NULLIF(value, other)", Category: "conditional",
			Doc: "NULL where the two are equal, otherwise the value.", Build: buildNullIf},
		&Func{Name: "GREATEST", Signature: "GREATEST(value, ...)", Category: "conditional",
			Doc: "The greatest of the values; NULL when one of them is.", Resolve: func(args []Node) (Resolved, error) { return resolveExtreme("GREATEST", args, 1) }},
		&Func{Name: "LEAST", Signature: "LEAST(value, ...)", Category: "conditional",
			Doc: "The least of the values; NULL when one of them is.", Resolve: func(args []Node) (Resolved, error) { return resolveExtreme("LEAST", args, -1) }},
		&Func{Name: "TYPEOF", Signature: "TYPEOF(value [, force_serializable])", Category: "conditional",
			Doc: "The type of the value as a string, with NOT NULL.", Build: buildTypeOf},
	)
	for _, not := range []bool{false, true} {
		for _, how := range []string{"", " ASYMMETRIC", " SYMMETRIC"} {
			name := negatedName("BETWEEN", not) + how
			Register(&Func{Name: name, Signature: "x " + name + " low AND high", Category: "comparison",
				Doc:   "Tests whether x lies in the range, bounds included; with SYMMETRIC the bounds come in any order.",
				Build: func(args []Node) (Node, error) { return buildBetween(name, args, how == " SYMMETRIC", not) }})
		}
	}
}

func negatedName(name string, not bool) string {
	if not {
		return "NOT " + name
	}
	return name
}

// negated is NOT n when not says so.
func negated(n Node, err error, not bool) (Node, error) {
	if err != nil || !not {
		return n, err
	}
	return NewCall("NOT", n)
}

func buildIf(args []Node) (Node, error) {
	if err := argCount("IF", args, 3, 3); err != nil {
		return nil, err
	}
	return NewCase(args[:1], args[1:2], args[2])
}

func buildNullIf(args []Node) (Node, error) {
	if err := argCount("NULLIF", args, 2, 2); err != nil {
		return nil, err
	}
	same, err := NewCall("=", args...)
	if err != nil {
		return nil, err
	}
	return NewCase([]Node{same}, []Node{NewNull(args[0].Type())}, args[0])
}

func buildTypeOf(args []Node) (Node, error) {
	if err := argCount("TYPEOF", args, 1, 2); err != nil {
		return nil, err
	}
	if len(args) == 2 {
		if l, ok := args[1].(*Lit); !ok || l.T.Kind != types.Boolean {
			return nil, wrongArg("TYPEOF", 1, "a BOOLEAN literal", args[1].Type())
		}
	}
	return &Lit{Value: vec.StringDatum(args[0].Type().String()), T: types.TString.Required()}, nil
}

func buildBetween(name string, args []Node, symmetric, not bool) (Node, error) {
	if err := argCount(name, args, 3, 3); err != nil {
		return nil, err
	}
	within := func(lo, hi Node) (Node, error) {
		a, err := NewCall(">=", args[0], lo)
		if err != nil {
			return nil, err
		}
		b, err := NewCall("<=", args[0], hi)
		if err != nil {
			return nil, err
		}
		return NewAnd(a, b)
	}
	n, err := within(args[1], args[2])
	if err == nil && symmetric {
		var m Node
		if m, err = within(args[2], args[1]); err == nil {
			n, err = NewOr(n, m)
		}
	}
	return negated(n, err, not)
}

// resolveExtreme resolves GREATEST (sign 1) and LEAST (sign -1).
func resolveExtreme(name string, args []Node, sign int) (Resolved, error) {
	if err := argCount(name, args, 1, -1); err != nil {
		return Resolved{}, err
	}
	ts := typesOf(args, types.TNull)
	t, ok := CommonType(ts...)
	if !ok || t.IsNested() || t.Kind == types.Raw {
		return Resolved{}, fmt.Errorf("the arguments of %s have no common type with an order: %s", name, typeList(ts))
	}
	if t.Kind == types.Null {
		t = types.TInt
	}
	r := Resolved{Type: t}
	for range args {
		r.Args = append(r.Args, t)
	}
	r.Impl.Row = func(_ *RowCtx, args []vec.Datum) (vec.Datum, error) {
		best := args[0]
		for _, d := range args[1:] {
			if CompareDatum(d, best, t)*sign > 0 {
				best = d
			}
		}
		return best, nil
	}
	return r, nil
}
