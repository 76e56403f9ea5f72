package codegen

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// rows writes a leaf that hands rows on: the cells of row Batch.N, then Add. The cell at a
// NULL is left as it is.
func (g *headGen) rows(leaf int, l plan.Leaf) {
	w := g.w
	out := fmt.Sprintf("out%d", leaf)
	w.field(out + " *fused.Rows")
	w.bind("f.%s = h.Outs[%d]", out, leaf)
	vals := g.vals[l.From]
	if len(vals) > 0 {
		w.use("dataflow/vec")
		w.field(fmt.Sprintf("%sCols [%d]*vec.Vector", out, len(vals)))
		w.bind("copy(f.%sCols[:], h.Outs[%d].Batch.Cols)", out, leaf)
		w.p("n := f.%s.Batch.N", out)
	}
	for i, v := range vals {
		col := fmt.Sprintf("f.%sCols[%d]", out, i)
		switch v.null {
		case "true":
			w.p("%s.SetNull(n)", col)
			continue
		case "":
		default:
			w.p("if %s {\n%s.SetNull(n)\n} else {", v.null, col)
		}
		switch v.phys {
		case types.I64:
			w.p("%s.I64[n] = %s", col, v.cell(w))
		case types.F64:
			w.p("%s.F64[n] = %s", col, v.cell(w))
		case types.Wide:
			w.p("%s.I64[n], %s.Hi[n] = %s, %s", col, col, v.code, v.hi)
		default:
			w.p("%s.SetBytes(n, %s)", col, v.code)
		}
		if v.null != "" {
			w.p("}")
		}
	}
	w.p("f.%s.Add()", out)
}
