package codegen

import (
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// paneGen is a window leaf: a struct that overlays the rows of its panes.
type paneGen struct {
	leaf   int
	name   string // of the struct
	set    *expr.AggSet
	parts  []expr.AggPart
	input  []types.Type
	layout string
	// held is the type, and the field of the fragment, of what a row adds; add is the
	// method that adds it; cells are the values in it, by column.
	held, add string
	cells     map[int]value
}

func newPane(n *plan.WindowAggregate, leaf int, suffix string) (*paneGen, error) {
	calls := make([]*expr.AggCall, len(n.Aggs))
	for i, a := range n.Aggs {
		calls[i] = a.Call
	}
	set, err := expr.NewAggSet(calls, nil, false)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("pane%d", leaf)
	if suffix != "" {
		name += "Of" + suffix
	}
	return &paneGen{leaf: leaf, held: "held" + name[4:], add: "add" + name[4:], name: name, set: set, parts: set.Parts(), input: n.Base().Inputs[0].Base().Schema.Types(), layout: op.RowLayout(set)}, nil
}

// emitType writes the struct, what the compiler can check of it, and the layout that Bind
// compares to the engine's.
func (p *paneGen) emitType(w *writer) {
	w.use("unsafe")
	w.p("// %s overlays the state of a group in a pane.", p.name)
	w.p("type %s struct {", p.name)
	w.p("rows int64")
	for i, a := range p.parts {
		w.p("%s", partFields(i, a))
	}
	w.p("}\n")
	w.p("// The offsets are those of the state: another one does not compile.")
	w.p("var (")
	for i, a := range p.parts {
		w.p("_ = [1]struct{}{}[unsafe.Offsetof(%s{}.%s)-%d]", p.name, partFirst(i, a), a.Offset+8)
	}
	w.p("_ = [1]struct{}{}[unsafe.Sizeof(%s{})-%d]", p.name, p.set.Size()+8)
	w.p(")\n")
	w.p("const %sLayout = %q", p.name, p.layout)
	w.decl()
}

// take writes what must be known of the pane before anything changes.
func (g *headGen) take(leaf int, n *plan.WindowAggregate) error {
	w := g.w
	win := fmt.Sprintf("win%d", leaf)
	w.use("dataflow/op")
	w.field(win + " *op.WindowPanes")
	w.bind("f.%s = h.Windows[%d]", win, leaf)
	w.bind("if err := fused.CheckLayout(f.%s, %sLayout); err != nil {\nreturn err\n}", win, g.panes[leaf].name)
	t := g.vals[g.h.Leaves[leaf].From][n.Window.TimeCol]
	if t.null == "true" {
		return fallback("the time attribute of a window is always NULL")
	}
	if t.null != "" {
		w.p("if %s {\nreturn -1\n}", t.null)
	}
	at := g.ms(t)
	if n.Window.LTZ {
		wall := w.fresh("wall")
		w.p("%s := f.%s.Wall(%s)", wall, win, at)
		at = wall
	}
	w.p("if (%s < f.%s.From || %s >= f.%s.To) && !f.%s.Take(%s) {\nreturn -1\n}", at, win, at, win, win, at)
	return nil
}

// update writes the key and the update of the group's row, at once or, where the pane has
// many groups, later: what it adds is kept in a struct until then.
func (g *headGen) update(leaf int, l plan.Leaf) {
	w, p := g.w, g.panes[leaf]
	vals := g.vals[l.From]
	w.use("unsafe")
	assign := ":="
	near := g.near(leaf, l, vals)
	if near {
		assign = "="
		w.p("if row == nil {")
	}
	g.key(l, vals)
	if !p.holds() {
		w.p("row %s f.win%d.Row(k)", assign, leaf)
		if near {
			w.p("}")
		}
		g.add(p, vals)
		return
	}
	if !near {
		w.p("var row []byte")
	}
	w.field(fmt.Sprintf("%s [op.HeldSlots]%s", p.held, p.held))
	w.bind("f.win%d.OnLet(f.%s)", leaf, p.add)
	w.p("if f.win%d.Many {", leaf)
	from := w.body.Len()
	w.p("a := &f.%s[f.win%d.Slot]", p.held, leaf)
	p.hold(w, vals)
	if p.empty() {
		w.body.Truncate(from)
	}
	w.p("f.win%d.Hold(k)\n} else {\nrow = f.win%d.Row(k)\n}", leaf, leaf)
	if near {
		w.p("}")
	}
	w.p("if row != nil {")
	g.add(p, vals)
	w.p("}")
}

// add writes the update of row.
func (g *headGen) add(p *paneGen, vals []value) {
	g.w.p("r := (*%s)(unsafe.Pointer(unsafe.SliceData(row)))", p.name)
	g.w.p("r.rows++")
	g.aggregates(p, vals)
}

// nearWords is the number of words of a key for WindowPanes.Near.
const nearWords = 4

// near writes the look for the group's row where it is remembered: row, which is nil where
// it is not. It writes nothing where the key has too many words.
func (g *headGen) near(leaf int, l plan.Leaf, vals []value) bool {
	w := g.w
	var words, shape, short []string
	bit, from := 0, w.body.Len()
	note := func(code string, bits int) {
		if bit > 0 {
			code += fmt.Sprintf("<<%d", bit)
		}
		shape, bit = append(shape, code), bit+bits
	}
	for j, c := range l.Window.Keys {
		v := vals[c]
		null := ""
		switch v.null {
		case "true":
			note("1", 1)
			continue
		case "":
		default:
			null = v.null
			note(fmt.Sprintf("fused.Bit(%s)", null), 1)
		}
		switch v.phys {
		case types.I64:
			words = append(words, fmt.Sprintf("uint64(%s)", v.cell(w)))
		case types.F64:
			w.use("math")
			words = append(words, fmt.Sprintf("math.Float64bits(%s+0)", v.cell(w)))
		case types.Wide:
			words = append(words, fmt.Sprintf("uint64(%s)", v.code), fmt.Sprintf("uint64(%s)", v.hi))
		default:
			if v.lit {
				w.body.Truncate(from)
				return false
			}
			text := v.code
			if null != "" {
				text = fmt.Sprintf("text%d", j)
				w.p("%s := %s\nif %s {\n%s = fused.Blank\n}", text, v.code, null, text)
			}
			note(fmt.Sprintf("uint64(len(%s))", text), 5)
			short = append(short, fmt.Sprintf("fused.Short(%s)", text))
			words = append(words, fmt.Sprintf("fused.Low(%s)", text), fmt.Sprintf("fused.High(%s)", text))
		}
	}
	if len(words) > nearWords || bit > 64 {
		w.body.Truncate(from)
		return false
	}
	for len(words) < nearWords {
		words = append(words, "0")
	}
	if len(shape) == 0 {
		shape = []string{"0"}
	}
	w.p("var row []byte")
	if len(short) > 0 {
		w.p("if %s {", strings.Join(short, " && "))
	}
	w.p("row = f.win%d.Near(%s, %s)", leaf, strings.Join(shape, "|"), strings.Join(words, ", "))
	if len(short) > 0 {
		w.p("}")
	}
	return true
}

// key writes the packed key of a group, as the interpreter packs it: k.
func (g *headGen) key(l plan.Leaf, vals []value) {
	w, cols := g.w, l.Window.Keys
	w.field("key []byte // scratch")
	w.bind("f.key = make([]byte, 0, 64)")
	w.p("k := f.key[:0]")
	for range (len(cols) + 7) / 8 {
		w.p("k = append(k, 0)")
	}
	for j, c := range cols {
		v := vals[c]
		null := fmt.Sprintf("k[%d] |= %d", j>>3, 1<<(j&7))
		switch v.null {
		case "true":
			w.p("%s", null)
			continue
		case "":
		default:
			w.p("if %s {\n%s\n} else {", v.null, null)
		}
		switch v.phys {
		case types.I64:
			w.use("encoding/binary")
			w.p("k = binary.LittleEndian.AppendUint64(k, uint64(%s))", v.cell(w))
		case types.F64:
			w.use("encoding/binary")
			w.use("math")
			// -0 is 0.
			w.p("k = binary.LittleEndian.AppendUint64(k, math.Float64bits(%s+0))", v.cell(w))
		case types.Wide:
			w.use("encoding/binary")
			w.p("k = binary.LittleEndian.AppendUint64(k, uint64(%s))", v.code)
			w.p("k = binary.LittleEndian.AppendUint64(k, uint64(%s))", v.hi)
		default:
			w.p("k = fused.KeyText(k, %s)", v.code)
		}
		if v.null != "" {
			w.p("}")
		}
	}
	w.p("f.key = k")
}
