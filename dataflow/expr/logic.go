package expr

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// coalesceFunc marks COALESCE, which the compiler evaluates lazily.
var coalesceFunc = &Func{Name: "COALESCE", Signature: "COALESCE(value, ...)", Category: "conditional",
	Doc: "The first argument that is not NULL; later ones are not evaluated.", Resolve: resolveCoalesce}

func init() {
	Register(coalesceFunc)
	Register(&Func{Name: "NOT", Signature: "NOT a", Doc: "The negation; NULL stays NULL.", Category: "logic", Resolve: func(args []Node) (Resolved, error) {
		if len(args) != 1 || args[0].Type().Kind != types.Boolean && args[0].Type().Kind != types.Null {
			return Resolved{}, fmt.Errorf("NOT needs one BOOLEAN")
		}
		t := types.TBoolean.WithNull(args[0].Type().NotNull)
		return Resolved{Type: t, Args: []types.Type{t}, Impl: Impl{Kernel: notKernel}}, nil
	}})
	for _, name := range []string{"TRUE", "FALSE", "UNKNOWN", "NOT TRUE", "NOT FALSE", "NOT UNKNOWN"} {
		Register(&Func{Name: "IS " + name, Signature: "a IS " + name, Doc: "Tests a BOOLEAN, where UNKNOWN is NULL; never NULL itself.", Category: "logic",
			Resolve: func(args []Node) (Resolved, error) { return resolveTruth(name, args) }})
	}
}

func notKernel(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
	x, z := a[0].I64, out.I64
	for j := range rows(n, sel) {
		i := row(sel, j)
		z[i] = x[i] ^ 1
	}
}

func resolveTruth(name string, args []Node) (Resolved, error) {
	if len(args) != 1 || args[0].Type().Kind != types.Boolean && args[0].Type().Kind != types.Null {
		return Resolved{}, fmt.Errorf("IS %s needs one BOOLEAN", name)
	}
	// Results for FALSE, TRUE and NULL.
	table := map[string][3]int64{
		"TRUE": {0, 1, 0}, "FALSE": {1, 0, 0}, "UNKNOWN": {0, 0, 1},
		"NOT TRUE": {1, 0, 1}, "NOT FALSE": {0, 1, 1}, "NOT UNKNOWN": {1, 1, 0},
	}[name]
	k := func(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		x := a[0]
		for j := range rows(n, sel) {
			i := row(sel, j)
			if x.IsNull(i) {
				out.I64[i] = table[2]
			} else {
				out.I64[i] = table[x.I64[i]&1]
			}
		}
	}
	return Resolved{Type: types.TBoolean.Required(), Args: []types.Type{types.TBoolean}, Impl: Impl{Kernel: k, CallsOnNull: true}}, nil
}

func resolveCoalesce(args []Node) (Resolved, error) {
	if len(args) == 0 {
		return Resolved{}, fmt.Errorf("COALESCE needs an argument")
	}
	ts := make([]types.Type, len(args))
	notNull := false
	for i, a := range args {
		ts[i] = a.Type()
		notNull = notNull || ts[i].NotNull
	}
	t, ok := branchType(ts)
	if !ok {
		return Resolved{}, fmt.Errorf("the arguments of COALESCE have no common type: %s", typeList(ts))
	}
	t = t.WithNull(notNull)
	r := Resolved{Type: t}
	for range args {
		r.Args = append(r.Args, t)
	}
	return r, nil
}
