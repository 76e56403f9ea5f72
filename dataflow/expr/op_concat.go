package expr

import (
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	Register(&Func{Name: "||", Signature: "a || b", Doc: "The two strings one after the other; NULL when one is.", Category: "string", Resolve: resolveConcatOp})
}

func resolveConcatOp(args []Node) (Resolved, error) {
	if err := argCount("||", args, 2, 2); err != nil {
		return Resolved{}, err
	}
	ts := typesOf(args, types.TString)
	if ts[0].IsBinary() != ts[1].IsBinary() {
		return Resolved{}, wrongArg("||", 1, ts[0].Kind.String(), ts[1])
	}
	for i, t := range ts {
		if !t.IsString() && !t.IsBinary() {
			ts[i] = types.TString.WithNull(t.NotNull)
		}
	}
	out := types.Type{Kind: types.Varchar, Prec: addLength(ts[0].Prec, ts[1].Prec)}
	switch {
	case ts[0].Kind == types.Binary && ts[1].Kind == types.Binary:
		out.Kind = types.Binary
	case ts[0].IsBinary():
		out.Kind = types.Varbinary
	case ts[0].Kind == types.Char && ts[1].Kind == types.Char:
		out.Kind = types.Char
	}
	return Resolved{Type: strictType(out, ts...), Args: ts, Impl: Impl{Kernel: joinKernel}}, nil
}

func addLength(a, b int) int {
	if a > types.MaxLength-b {
		return types.MaxLength
	}
	return a + b
}

func joinKernel(_ *Ctx, a []*vec.Vector, out *vec.Vector, n int, sel []int32) {
	for j := range rows(n, sel) {
		i := row(sel, j)
		if out.IsNull(i) {
			continue
		}
		b := out.Grow()
		b = append(b, a[0].Bytes(i)...)
		out.EndGrow(i, append(b, a[1].Bytes(i)...))
	}
}
