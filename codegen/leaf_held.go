package codegen

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// holds tells whether rows of the leaf can wait: what they add does not point into the
// message.
func (p *paneGen) holds() bool {
	for _, a := range p.parts {
		if a.Kind != expr.AggOther {
			continue
		}
		for _, c := range a.Cols {
			if p.columnPhys(c) == types.Bytes {
				return false
			}
		}
	}
	return true
}

// columnPhys is the class of a column of the input.
func (p *paneGen) columnPhys(c int) types.Phys {
	if c < p.set.Width() {
		return p.input[c].Phys()
	}
	return p.set.Literals()[c-p.set.Width()].Phys
}

// hold writes the assignment of what a row adds to a, and notes it in p.cells.
func (p *paneGen) hold(w *writer, vals []value) {
	p.cells = map[int]value{}
	for _, a := range p.parts {
		if a.Filter >= 0 {
			p.cells[a.Filter] = value{t: types.TBoolean}
		}
		for _, c := range a.Cols {
			if c < p.set.Width() {
				cell := p.cells[c]
				if cell.phys = vals[c].phys; a.Kind != expr.AggCount {
					cell.code = "-"
				}
				p.cells[c] = cell
			}
		}
	}
	filters := map[int]bool{}
	for _, a := range p.parts {
		filters[a.Filter] = true
	}
	for _, c := range slices.Sorted(maps.Keys(p.cells)) {
		p.cells[c] = p.holdCell(w, c, vals[c], p.cells[c].code != "", filters[c])
	}
}

// holdCell writes the assignment of a cell: its value, whether it is NULL, and as a filter.
// What is always NULL has no value, and none that would be computed outside of its filter.
func (p *paneGen) holdCell(w *writer, c int, v value, code, filter bool) value {
	out := value{t: v.t, phys: v.phys}
	if code && v.null != "true" {
		out.code = fmt.Sprintf("a.c%d", c)
		w.p("%s = %s", out.code, v.cell(w))
		if v.phys == types.Wide {
			out.hi = out.code + "hi"
			w.p("%s = %s", out.hi, v.hi)
		}
	}
	out.null = v.null
	if v.null != "" && v.null != "true" {
		out.null = fmt.Sprintf("a.c%dNull", c)
		w.p("%s = %s", out.null, v.null)
	}
	if filter {
		out.cond = fmt.Sprintf("a.c%dTrue", c)
		w.p("%s = %s", out.cond, v.isTrue())
	}
	return out
}

// empty tells that a row adds nothing but itself: it holds no cell.
func (p *paneGen) empty() bool {
	for _, v := range p.cells {
		if v.code != "" || v.cond != "" || v.null != "" && v.null != "true" {
			return false
		}
	}
	return true
}

// adder writes the type of what a row adds, and the method that adds it. columns is the
// number of columns of the leaf's rows.
func (g *headGen) adder(p *paneGen, columns int) {
	w := g.w
	vals := make([]value, columns)
	w.p("// %s is what a row adds to its group.", p.held)
	w.p("type %s struct {", p.held)
	for _, c := range slices.Sorted(maps.Keys(p.cells)) {
		v := p.cells[c]
		vals[c] = v
		if v.code != "" {
			w.p("c%d %s", c, goType(v.phys))
		}
		if v.hi != "" {
			w.p("c%dhi int64", c)
		}
		if v.null != "" && v.null != "true" {
			w.p("c%dNull bool", c)
		}
		if v.cond != "" {
			w.p("c%dTrue bool", c)
		}
	}
	w.p("}\n")
	w.p("// %s adds what is in a slot.", p.add)
	w.p("func (f *%s) %s(slot int, row []byte) {", w.fragment, p.add)
	from := w.body.Len()
	w.p("a := &f.%s[slot]", p.held)
	then := w.body.Len()
	w.p("r := (*%s)(unsafe.Pointer(unsafe.SliceData(row)))", p.name)
	w.p("r.rows++")
	g.aggregates(p, vals)
	if rest := string(w.body.Bytes()[then:]); !strings.Contains(rest, "a.c") {
		w.body.Truncate(from)
		w.body.WriteString(rest)
	}
	w.p("}")
	w.decl()
}
