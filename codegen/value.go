package codegen

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// value is a cell at hand in generated code, as Go expressions without side effects: the
// names of locals or fields, or literals. They may stand more than once.
type value struct {
	phys types.Phys
	t    types.Type
	// code is an int64 (types.I64, and the low half of types.Wide), a float64 or a []byte;
	// hi is the int64 high half of types.Wide.
	code, hi string
	// null is a bool that tells whether the cell is NULL; "" where it never is, and "true"
	// where it always is. What code is at NULL may be anything of its type.
	null string
	// cond, of a BOOLEAN, may hold the cell as a bool; code is "" then. See int and truth.
	cond string
	// yes and no, of a BOOLEAN, may be bools that tell whether it is TRUE and FALSE.
	yes, no string
	// lit tells that code is a literal.
	lit bool
}

// truth is a BOOLEAN as a bool, of a cell that is not NULL.
func (v value) truth() string {
	if v.cond != "" {
		return v.cond
	}
	return "(" + v.code + " != 0)"
}

// isTrue is a bool that tells whether a BOOLEAN is TRUE.
func (v value) isTrue() string {
	switch {
	case v.yes != "":
		return v.yes
	case v.null == "":
		return v.truth()
	}
	return "(!" + v.null + " && " + v.truth() + ")"
}

// cell is what a batch or a row of state holds for the value, where it is not NULL; of
// types.Wide the low half.
func (v value) cell(w *writer) string {
	if v.code == "" && v.cond != "" {
		w.use("dataflow/fused")
		return "fused.Bool(" + v.cond + ")"
	}
	return v.code
}

// columns are the values of the decoded event, the local e.
func columns(h *plan.Head) []value {
	out := make([]value, len(h.Source.Columns))
	for i, c := range h.Source.Columns {
		v := value{t: c.Type, phys: c.Type.Phys(), code: fmt.Sprintf("e.c%d", i)}
		if v.phys == types.Wide {
			v.hi = fmt.Sprintf("e.c%dhi", i)
		}
		if !c.Type.NotNull {
			v.null = fmt.Sprintf("e.c%dNull", i)
		}
		out[i] = v
	}
	return out
}

// emitEvent writes the type of a decoded event: a field ci for each column of the source,
// int64 (BOOLEAN is 0 or 1), float64 or []byte, which points into the message or to
// scratch of the fragment; cihi the high half of types.Wide; ciNull, for a column that can
// be NULL.
func emitEvent(w *writer, h *plan.Head) {
	w.p("// %s is a decoded event of %s: a field a column that the query reads.", w.event, h.Source.Table.Name)
	w.p("type %s struct {", w.event)
	for i, c := range h.Source.Columns {
		name := h.Source.Table.Columns[c.Column].Name
		w.p("c%d %s // %s %s", i, goType(c.Type.Phys()), comment(name), c.Type)
		if c.Type.Phys() == types.Wide {
			w.p("c%dhi int64", i)
		}
		if !c.Type.NotNull {
			w.p("c%dNull bool", i)
		}
	}
	w.p("}")
	w.decl()
}

// goType is the Go type of a cell.
func goType(p types.Phys) string {
	switch p {
	case types.F64:
		return "float64"
	case types.Bytes:
		return "[]byte"
	}
	return "int64"
}

// comment makes a text fit for a line comment.
func comment(s string) string {
	out := []rune(s)
	for i, r := range out {
		if r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			out[i] = '?'
		}
	}
	return string(out)
}
