package pipetest

import (
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// printBare prints a value as printCell does, but for rows in arrays, which it prints as
// their fields with commas between them, as older tables of Flink do.
func printBare(d vec.Datum, t types.Type, env *expr.Env) string {
	if d.Null || t.Kind != types.Array || t.Elem.Kind != types.Row {
		return printCell(d, t, env)
	}
	var rows []string
	for _, e := range vec.Elems(d.B, *t.Elem) {
		if e.Null {
			rows = append(rows, "null")
			continue
		}
		var fields []string
		for i, f := range vec.RowFields(e.B, t.Elem.Fields) {
			fields = append(fields, printCell(f, t.Elem.Fields[i].Type, env))
		}
		rows = append(rows, strings.Join(fields, ","))
	}
	return "[" + strings.Join(rows, ", ") + "]"
}
