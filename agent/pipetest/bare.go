package pipetest

import (
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// printBare prints a value as printCell does, but for rows, also those in arrays, which it
// prints as their fields with commas between them, as older tables of Flink do.
func printBare(d vec.Datum, t types.Type, env *expr.Env) string {
	switch {
	case d.Null:
	case t.Kind == types.Array:
		return "[" + bareList(vec.Elems(d.B, *t.Elem), func(int) types.Type { return *t.Elem }, ", ", env) + "]"
	case t.Kind == types.Row || t.Kind == types.Structured:
		return bareList(vec.RowFields(d.B, t.Fields), func(i int) types.Type { return t.Fields[i].Type }, ",", env)
	}
	return printCell(d, t, env)
}

func bareList(vals []vec.Datum, typeOf func(int) types.Type, sep string, env *expr.Env) string {
	out := make([]string, len(vals))
	for i, v := range vals {
		out[i] = printBare(v, typeOf(i), env)
	}
	return strings.Join(out, sep)
}

// bareCells are a row's cells with each row among them replaced by its fields, as a line of
// such a table holds them.
func bareCells(cells []vec.Datum, typeOf func(int) types.Type) (out []vec.Datum, ts []types.Type) {
	for i, d := range cells {
		t := typeOf(i)
		if d.Null || t.Kind != types.Row && t.Kind != types.Structured {
			out, ts = append(out, d), append(ts, t)
			continue
		}
		inner, innerTypes := bareCells(vec.RowFields(d.B, t.Fields), func(j int) types.Type { return t.Fields[j].Type })
		out, ts = append(out, inner...), append(ts, innerTypes...)
	}
	return out, ts
}
