package codegen

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// partFields declares the state of a part of an AggSet; partFirst is the first field.
func partFields(i int, a expr.AggPart) string {
	doc := " // " + comment(a.Name)
	switch a.Kind {
	case expr.AggCount:
		return fmt.Sprintf("n%d int64%s", i, doc)
	case expr.AggSumInt:
		return fmt.Sprintf("n%d int64%s\nsum%d int64", i, doc, i)
	case expr.AggSumFloat:
		return fmt.Sprintf("n%d int64%s\nsum%d float64", i, doc, i)
	case expr.AggSumDecimal:
		return fmt.Sprintf("sum%d fused.DecimalSum%s", i, doc)
	case expr.AggExtreme:
		return fmt.Sprintf("set%d int64%s\nbest%d %s", i, doc, i, goType(a.Phys))
	}
	return fmt.Sprintf("other%d [%d]byte%s", i, a.Size, doc)
}

func partFirst(i int, a expr.AggPart) string {
	line := partFields(i, a)
	return line[:strings.IndexByte(line, ' ')]
}

// aggregates writes the update of the row r, whose bytes are row.
func (g *headGen) aggregates(p *paneGen, vals []value) {
	filter := -1
	for i, a := range p.parts {
		if a.Filter != filter && filter >= 0 {
			g.w.p("}")
		}
		if a.Filter != filter && a.Filter >= 0 {
			g.w.p("if %s {", vals[a.Filter].isTrue())
		}
		filter = a.Filter
		g.part(p, i, a, vals)
	}
	if filter >= 0 {
		g.w.p("}")
	}
}

// arg is the value of an aggregate's argument.
func (p *paneGen) arg(col int, vals []value) value {
	if col < p.set.Width() {
		return vals[col]
	}
	v := p.set.Literals()[col-p.set.Width()]
	return literal(v.Get(0), v.Type)
}

// literal is a constant as a value.
func literal(d vec.Datum, t types.Type) value {
	v := value{t: t, phys: t.Phys(), lit: true}
	switch {
	case d.Null:
		v.null = "true"
		v.code, v.hi = "0", "0"
	case v.phys == types.F64:
		v.code = fmt.Sprintf("math.Float64frombits(%#x)", math.Float64bits(d.F))
	case v.phys == types.Bytes:
		v.code = fmt.Sprintf("[]byte(%q)", d.B)
	default:
		v.code, v.hi = fmt.Sprintf("int64(%d)", d.I), fmt.Sprintf("int64(%d)", d.Hi)
	}
	return v
}

// part writes the update of one part of the state.
func (g *headGen) part(p *paneGen, i int, a expr.AggPart, vals []value) {
	w := g.w
	if a.Kind == expr.AggOther {
		g.otherPart(p, i, a, vals)
		return
	}
	var present []string
	for _, c := range a.Cols {
		switch null := p.arg(c, vals).null; null {
		case "":
		case "true":
			return // a NULL is not counted
		default:
			if !slices.Contains(present, "!"+null) {
				present = append(present, "!"+null)
			}
		}
	}
	if len(present) > 0 {
		w.p("if %s {", strings.Join(present, " && "))
	}
	var x string
	var arg value
	if a.Kind != expr.AggCount {
		arg = p.arg(a.Cols[0], vals)
		x = arg.cell(w)
		if strings.HasPrefix(x, "math.") {
			w.use("math")
		}
	}
	switch a.Kind {
	case expr.AggCount:
		w.p("r.n%d++", i)
	case expr.AggSumInt:
		w.p("r.n%d++\nr.sum%d += %s", i, i, x)
	case expr.AggSumFloat:
		w.p("r.n%d++", i)
		if a.Single {
			w.p("r.sum%d = float64(float32(r.sum%d + %s))", i, i, x)
		} else {
			w.p("r.sum%d += %s", i, x)
		}
	case expr.AggSumDecimal:
		high := x + ">>63"
		if a.Phys == types.Wide {
			high = arg.hi
		}
		w.p("r.sum%d.Add(%s, %s)", i, x, high)
	case expr.AggExtreme:
		w.p("if r.set%d == 0 || %s {", i, more(a, x, fmt.Sprintf("r.best%d", i)))
		w.p("r.set%d, r.best%d = 1, %s\n}", i, i, x)
	}
	if len(present) > 0 {
		w.p("}")
	}
}

// more is a condition: x is more extreme than the best one so far.
func more(a expr.AggPart, x, best string) string {
	if a.Max {
		x, best = best, x
	}
	if a.Phys == types.F64 {
		return fmt.Sprintf("fused.Less(%s, %s)", x, best)
	}
	return x + " < " + best
}

// otherPart writes the update of a part by the interpreter's own function.
func (g *headGen) otherPart(p *paneGen, i int, a expr.AggPart, vals []value) {
	w := g.w
	agg := fmt.Sprintf("f.agg%d", p.leaf)
	w.field(fmt.Sprintf("agg%d *fused.Agg", p.leaf))
	w.bind("if f.agg%d == nil {\nf.agg%d = fused.NewAgg(h.Windows[%d])\n}", p.leaf, p.leaf, p.leaf)
	for _, c := range a.Cols {
		if c >= p.set.Width() {
			continue
		}
		w.bind("%s.Use(%d)", agg, c)
		v := vals[c]
		switch v.null {
		case "true":
			w.p("%s.Null(%d)", agg, c)
			continue
		case "":
		default:
			w.p("if %s {\n%s.Null(%d)\n} else {", v.null, agg, c)
		}
		switch v.phys {
		case types.I64:
			w.p("%s.Int(%d, %s)", agg, c, v.cell(w))
		case types.F64:
			w.p("%s.Float(%d, %s)", agg, c, v.cell(w))
		case types.Wide:
			w.p("%s.Wide(%d, %s, %s)", agg, c, v.code, v.hi)
		default:
			w.p("%s.Bytes(%d, %s)", agg, c, v.code)
		}
		if v.null != "" {
			w.p("}")
		}
	}
	w.p("%s.Add(%d, row)", agg, i)
}
