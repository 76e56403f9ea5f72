package codegen

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// littleEndian keeps generated files off machines on which rows of state cannot be
// overlaid by a struct; there the interpreter runs the head.
const littleEndian = "//go:build 386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64 || wasm\n\n"

// headGen says how the head's event is put together: nodes and leaves in the order of the
// plan. Nothing has an effect before the last -1 is behind.
type headGen struct {
	w     *writer
	h     *plan.Head
	place map[plan.Node]int // in h.Nodes; -1 is the source
	// vals and pass are, by node, the values that it emits, and the bool that tells whether
	// it has emitted the row ("" where it always has).
	vals map[plan.Node][]value
	pass map[plan.Node]string
	// marks are the watermarks of rows, by node; millis the names of times in ms, by the code
	// of the time in microseconds, at the top of the function.
	marks  map[plan.Node]mark
	millis map[string]string
	// depth is how many filters enclose the statements in hand; hoisted are declarations of
	// what is computed behind filters and used after them.
	depth   int
	hoisted bytes.Buffer
	panes   []*paneGen // by leaf
}

// mark is the watermark of a row: a local, in ms, and whether it is NULL.
type mark struct{ name, null string }

// generateHead writes the file of a head.
func generateHead(h *plan.Head, suffix, pkg string) ([]byte, error) {
	w := newWriter(suffix)
	g := &headGen{w: w, h: h, place: map[plan.Node]int{h.Source: -1}, vals: map[plan.Node][]value{h.Source: columns(h)},
		pass: map[plan.Node]string{}, marks: map[plan.Node]mark{}, millis: map[string]string{}, panes: make([]*paneGen, len(h.Leaves))}
	for i, n := range h.Nodes {
		g.place[n] = i
	}
	w.use("dataflow/fused")
	w.field("host *fused.Host")
	w.bind("f.host = h")
	if err := g.types(suffix); err != nil {
		return nil, err
	}
	d, err := newDecoder(w, h)
	if err != nil {
		return nil, err
	}
	if err := g.event(d); err != nil {
		return nil, err
	}
	w.decl()
	for i, p := range g.panes {
		if p != nil && p.holds() {
			g.adder(p, len(g.vals[h.Leaves[i].From]))
		}
	}
	event := bytes.Clone(w.decls.Bytes())
	w.decls.Reset()
	emitEvent(w, h)
	d.functions()
	w.decl()
	decoder := bytes.Clone(w.decls.Bytes())
	w.decls.Reset()

	g.register()
	g.fragment()
	for _, p := range g.panes {
		if p != nil {
			p.emitType(w)
		}
	}
	w.decls.Write(event)
	g.settle()
	w.decls.Write(decoder)
	return w.file(generated+"\n"+littleEndian, pkg)
}

// types prepares the leaves.
func (g *headGen) types(suffix string) error {
	for i, l := range g.h.Leaves {
		if l.Window == nil {
			continue
		}
		p, err := newPane(l.Window, i, suffix)
		if err != nil {
			return err
		}
		g.panes[i] = p
	}
	return nil
}

// register writes init.
func (g *headGen) register() {
	w := g.w
	w.p("func init() {")
	w.p("fused.Register(%q, func() fused.Fragment { return new(%s) })", g.h.Fingerprint, w.fragment)
	w.p("}")
	w.decl()
}

// fragment writes the fragment's type and Bind.
func (g *headGen) fragment() {
	w := g.w
	w.p("// %s is the head of %s:\n//", w.fragment, comment(g.h.Source.Table.Name))
	for i, n := range g.h.Nodes {
		w.p("// %d. %s of %s", i, comment(describe(n)), g.name(n.Base().Inputs[0]))
	}
	for _, l := range g.h.Leaves {
		if l.Window != nil {
			w.p("// - %s of %s", comment(describe(l.Window)), g.name(l.From))
		} else {
			w.p("// - rows of %s", g.name(l.From))
		}
	}
	w.p("type %s struct {", w.fragment)
	for _, f := range w.fields {
		w.p("%s", f)
	}
	w.p("}")
	w.decl()
	w.p("// Bind takes what the engine gives.")
	w.p("func (f *%s) Bind(h *fused.Host) error {", w.fragment)
	for _, s := range w.binds {
		w.p("%s", s)
	}
	w.p("return nil\n}")
	w.decl()
}

// name tells a node of the head by its number.
func (g *headGen) name(n plan.Node) string {
	if p := g.place[n]; p >= 0 {
		return strconv.Itoa(p)
	}
	return "the source"
}

// describe prints what a node does.
func describe(n plan.Node) string {
	switch n := n.(type) {
	case *plan.Calc:
		if n.Filter != nil {
			return "calc where " + n.Filter.String()
		}
	case *plan.WatermarkAssigner:
		return fmt.Sprintf("watermark of $%d: %s", n.TimeCol, n.Expr)
	case *plan.WindowAggregate:
		return fmt.Sprintf("%s window, %d ms", n.Window.Kind, n.Window.Size)
	}
	return n.Kind()
}

// event writes Event.
func (g *headGen) event(d *decoder) error {
	w := g.w
	if err := g.behind(g.h.Source); err != nil {
		return err
	}
	computing := bytes.Clone(w.body.Bytes())
	w.body.Reset()
	w.p("// Event takes an event.")
	w.p("func (f *%s) Event(b []byte, pos int) int {", w.fragment)
	d.begin()
	w.body.Write(g.hoisted.Bytes())
	w.body.Write(computing)
	w.p("// Nothing is refused from here on.")
	w.p("if f.in.Odd {\nf.in.Commit()\n}")
	g.effects()
	w.p("return end\n}")
	return nil
}

// behind writes what is to be computed for the rows that a node emits.
func (g *headGen) behind(from plan.Node) error {
	for i, l := range g.h.Leaves {
		if l.From == from && l.Window != nil {
			if err := g.take(i, l.Window); err != nil {
				return err
			}
		}
	}
	for _, n := range g.h.Nodes {
		if n.Base().Inputs[0] != from {
			continue
		}
		var err error
		switch n := n.(type) {
		case *plan.Calc:
			err = g.calc(from, n)
		case *plan.WatermarkAssigner:
			err = g.watermark(from, n)
		default:
			err = fallback("no code is generated for %s", n.Kind())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// calc writes a filter and projections, and what is behind them.
func (g *headGen) calc(from plan.Node, n *plan.Calc) error {
	w, place := g.w, g.place[n]
	x := newExprs(w, g.vals[from])
	g.pass[n] = g.pass[from]
	if n.Filter != nil {
		x.at(place, -1)
		cond, err := x.filter(n.Filter)
		if err != nil {
			return err
		}
		pass := fmt.Sprintf("pass%d", place)
		g.pass[n] = pass
		w.field(fmt.Sprintf("n%d int64 // rows that %d has emitted since Settle", place, place))
		if g.depth > 0 {
			fmt.Fprintf(&g.hoisted, "%s := false\n", pass)
			w.p("%s = %s", pass, cond)
		} else {
			w.p("%s := %s", pass, cond)
		}
		w.p("if %s {", pass)
		g.depth++
	}
	if n.Project == nil {
		g.vals[n] = g.vals[from]
	} else {
		out := make([]value, len(n.Project))
		for i, e := range n.Project {
			x.at(place, i)
			v, err := x.emit(e)
			if err != nil {
				return err
			}
			out[i] = g.keep(v, g.vals[from])
		}
		g.vals[n] = out
	}
	if err := g.behind(n); err != nil {
		return err
	}
	if n.Filter != nil {
		g.depth--
		w.p("}")
	}
	return nil
}

// keep makes a value outlive the filters around it. Values that were kept before, or are
// columns of the source or literals, do so already.
func (g *headGen) keep(v value, in []value) value {
	if g.depth == 0 || v.lit || v.null == "true" {
		return v
	}
	for _, c := range in {
		if v.code == c.code && v.hi == c.hi && v.null == c.null && v.cond == c.cond {
			return v
		}
	}
	name := g.w.fresh("kept")
	g.w.locals = append(g.w.locals, name, name+"Null", name+"Hi")
	out := value{phys: v.phys, t: v.t, code: name}
	if v.null != "" {
		out.null = name + "Null"
		fmt.Fprintf(&g.hoisted, "var %s bool\n", out.null)
		g.w.p("%s = %s", out.null, v.null)
	}
	fmt.Fprintf(&g.hoisted, "var %s %s\n", name, goType(v.phys))
	g.w.p("%s = %s", name, v.cell(g.w))
	if v.phys == types.Wide {
		out.hi = name + "Hi"
		fmt.Fprintf(&g.hoisted, "var %s int64\n", out.hi)
		g.w.p("%s = %s", out.hi, v.hi)
	}
	return out
}

// watermark writes the checks of event time and the watermark of the row.
func (g *headGen) watermark(from plan.Node, n *plan.WatermarkAssigner) error {
	w, place := g.w, g.place[n]
	g.vals[n], g.pass[n] = slices.Clone(g.vals[from]), g.pass[from]
	field := fmt.Sprintf("mark%d", place)
	w.field(field + " *fused.Mark")
	w.bind("f.%s = h.Marks[%d]", field, place)
	w.p("if f.host.Arrival > f.%s.Arrival {\nf.%s.Arrive()\n}", field, field)
	t := g.vals[n][n.TimeCol]
	switch t.null {
	case "":
	case "true":
		return fallback("the event time is always NULL")
	default:
		w.p("if %s {\nreturn -1\n}", t.null)
	}
	g.vals[n][n.TimeCol].null = ""
	w.p("if !f.%s.Early(%s) {\nreturn -1\n}", field, g.ms(t))
	x := newExprs(w, g.vals[n])
	x.at(place, 0)
	v, err := x.emit(n.Expr)
	if err != nil {
		return err
	}
	if v.null == "true" {
		return nil
	}
	m := mark{name: "watermark" + strconv.Itoa(place)}
	assign := ":="
	if g.depth > 0 {
		assign = "="
		fmt.Fprintf(&g.hoisted, "var %s int64\n", m.name)
	}
	w.p("%s %s fused.Millis(%s)", m.name, assign, v.code)
	if v.null != "" {
		m.null = m.name + "Null"
		if g.depth > 0 {
			fmt.Fprintf(&g.hoisted, "var %s bool\n", m.null)
		}
		w.p("%s %s %s", m.null, assign, v.null)
		w.p("if !%s && !f.%s.Early(%s) {\nreturn -1\n}", m.null, field, m.name)
	} else {
		w.p("if !f.%s.Early(%s) {\nreturn -1\n}", field, m.name)
	}
	g.marks[n] = m
	return g.behind(n)
}

// ms is the time of a timestamp in ms: a local.
func (g *headGen) ms(v value) string {
	if name := g.millis[v.code]; name != "" {
		return name
	}
	name := g.w.fresh("ms")
	g.w.p("%s := fused.Millis(%s)", name, v.code)
	if g.depth == 0 {
		g.millis[v.code] = name
	}
	return name
}

// effects writes what changes state: counts, leaves, watermarks.
func (g *headGen) effects() {
	w := g.w
	for _, n := range g.h.Nodes {
		if c, ok := n.(*plan.Calc); ok && c.Filter != nil {
			w.p("if %s {\nf.n%d++\n}", g.pass[n], g.place[n])
		}
	}
	for i, l := range g.h.Leaves {
		end := g.open(l.From)
		if l.Window != nil {
			g.update(i, l)
		} else {
			g.rows(i, l)
		}
		w.p("%s", end)
	}
	for _, n := range g.h.Nodes {
		m, ok := g.marks[n]
		if !ok {
			continue
		}
		end := g.open(n)
		if m.null != "" {
			w.p("if !%s {\nf.mark%d.Move(%s)\n}", m.null, g.place[n], m.name)
		} else {
			w.p("f.mark%d.Move(%s)", g.place[n], m.name)
		}
		w.p("%s", end)
	}
}

// open begins a block of statements for the rows that a node emits, and returns what ends it.
func (g *headGen) open(n plan.Node) (end string) {
	if pass := g.pass[n]; pass != "" {
		g.w.p("if %s {", pass)
	} else {
		g.w.p("{")
	}
	return "}"
}

// settle writes Settle: a node without a filter emits what it gets.
func (g *headGen) settle() {
	w := g.w
	w.p("// Settle gives back counts.")
	w.p("func (f *%s) Settle() {", w.fragment)
	count := map[plan.Node]string{g.h.Source: "f.host.Rows"}
	reset := ""
	for i, n := range g.h.Nodes {
		count[n] = count[n.Base().Inputs[0]]
		if c, ok := n.(*plan.Calc); ok && c.Filter != nil {
			count[n] = fmt.Sprintf("f.n%d", i)
			reset += count[n] + " = 0\n"
		}
		w.p("f.host.Counts[%d] = %s", i, count[n])
	}
	w.p("%s}", reset)
	w.decl()
}
