package codegen

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// calcs adds the Calcs that no generated head holds. done are the heads that are generated.
func (p *Package) calcs(from *plan.Plan, heads []*plan.Head, done map[string]bool, pkg string) error {
	within := map[plan.Node]bool{}
	for _, h := range heads {
		for _, n := range h.Nodes {
			within[n] = done[h.Fingerprint]
		}
	}
	seen := map[string]bool{}
	for _, n := range from.Nodes {
		c, ok := n.(*plan.Calc)
		if !ok || within[n] || seen[plan.CalcFingerprint(c)] {
			continue
		}
		seen[plan.CalcFingerprint(c)] = true
		name := fmt.Sprintf("calc%d", len(seen))
		src, err := generateCalc(c, name, pkg)
		var fb errFallback
		switch {
		case errors.Is(err, errIdle):
		case errors.As(err, &fb):
			p.Fallbacks = append(p.Fallbacks, Fallback{Node: c.Base().ID, Source: tablesOf(c), Reason: fb.reason})
		case err != nil:
			return fmt.Errorf("%s: %w", c.Base().ID, err)
		default:
			p.Files[name+".go"] = src
			p.Fragments = append(p.Fragments, Fragment{Fingerprint: plan.CalcFingerprint(c), Source: c.Base().ID, File: name + ".go", Kind: "calc"})
		}
	}
	return nil
}

// errIdle is a Calc that computes nothing, or only what the interpreter is as fast for.
var errIdle = errors.New("whole vectors are as fast")

// calcGen writes the code of a Calc outside of heads: a loop over the rows of a batch, in
// which a row's filter and projections are computed at once.
type calcGen struct {
	w      *writer
	n      *plan.Calc
	x      *exprs
	input  []types.Type
	loaded map[int]bool // columns that the row in hand has been loaded from
}

// generateCalc writes the file of a Calc. It is errIdle, or a fallback, where the
// interpreter, which runs each function over the whole batch, is not slower.
func generateCalc(n *plan.Calc, name, pkg string) ([]byte, error) {
	w := newWriter("")
	w.fragment = name
	g := &calcGen{w: w, n: n, input: n.Base().Inputs[0].Base().Schema.Types(), loaded: map[int]bool{}}
	if err := g.worthwhile(); err != nil {
		return nil, err
	}
	var cols []value
	for i, t := range g.input {
		v := value{t: t, phys: t.Phys(), code: fmt.Sprintf("a%d", i)}
		if v.phys == types.Wide {
			v.hi = v.code + "Hi"
		}
		if !t.NotNull {
			v.null = v.code + "Null"
		}
		cols = append(cols, v)
	}
	g.x = newExprs(w, cols)
	w.use("dataflow/fused")
	w.use("dataflow/vec")
	loop, err := g.loop()
	if err != nil {
		return nil, err
	}
	for _, f := range w.fields {
		if strings.Contains(f, " fused.Call") {
			return nil, fallback("it calls functions that run over whole batches")
		}
	}
	g.register()
	w.p("// Rows computes the rows of sel.")
	w.p("func (f *%s) Rows(b *vec.Batch, sel []int32, out []*vec.Vector, dst []int32) int {", name)
	g.vectors()
	w.p("n := 0\nfor _, r := range sel {")
	if strings.Contains(loop, "[i]") || strings.Contains(loop, "(i)") || strings.Contains(loop, "(i,") {
		w.p("i := int(r)")
	}
	g.x.raw(loop)
	w.p("dst[n] = r\nn++\n}\nreturn n\n}")
	w.decl()
	return w.file(generated+"\n", pkg)
}

// worthwhile is errIdle for a Calc whose code would not be faster. The interpreter's
// loops over whole vectors are as fast as compiled code for arithmetic of integers and floats,
// casts among them and strings that are made; what they lose on is filters, branches, NULLs
// that are tested, divisions that fail, decimals and comparisons of strings. (go test -v -run TestCalcs prints both ways, in ns a row.)
func (g *calcGen) worthwhile() error {
	if g.n.Filter != nil {
		return nil
	}
	for _, e := range g.n.Project {
		if !vectorized(e) {
			return nil
		}
	}
	return errIdle
}

// vectorized tells an expression that loops over vectors compute as fast as compiled code.
func vectorized(n expr.Node) bool {
	plain := func(t types.Type) bool { return t.IsInteger() || t.IsApprox() }
	switch n := n.(type) {
	case *expr.Col, *expr.Lit:
		return true
	case *expr.Cast:
		return (expr.SameValue(n.Arg.Type(), n.T) || plain(n.Arg.Type()) && plain(n.T)) && vectorized(n.Arg)
	case *expr.Call:
		op := n.Func.Name
		if op == "UPPER" || op == "LOWER" {
			return vectorized(n.Args[0])
		}
		if op == "||" {
			return vectorized(n.Args[0]) && vectorized(n.Args[1])
		}
		if op != "+" && op != "-" && op != "*" && (op != "/" || n.T.IsInteger()) || !plain(n.T) {
			return false
		}
		return vectorized(n.Args[0]) && vectorized(n.Args[1])
	}
	return false
}

// register writes init, the type, and Bind.
func (g *calcGen) register() {
	w := g.w
	w.p("func init() {\nfused.RegisterCalc(%q, func() fused.Calc { return new(%s) })\n}", plan.CalcFingerprint(g.n), w.fragment)
	w.decl()
	w.p("// %s computes:\n//", w.fragment)
	for _, e := range g.n.Project {
		w.p("//\t%s", comment(e.String()))
	}
	if g.n.Filter != nil {
		w.p("//\n// where %s.", comment(g.n.Filter.String()))
	}
	w.p("type %s struct {\n%s\n}", w.fragment, strings.Join(w.fields, "\n"))
	w.decl()
	w.p("// Bind takes what the engine gives.")
	w.p("func (f *%s) Bind(h *fused.CalcHost) error {", w.fragment)
	for _, s := range w.binds {
		w.p("%s", s)
	}
	w.p("return nil\n}")
	w.decl()
}

// vectors writes locals for the columns in use, and for those to write.
func (g *calcGen) vectors() {
	for i, t := range g.input {
		if !g.loaded[i] {
			continue
		}
		if t.NotNull { // what a decoder or an operator leaves NULL all the same is the interpreter's
			g.w.p("if b.Cols[%d].HasNulls() {\nreturn -1\n}", i)
		}
		if !t.NotNull || t.Phys() == types.Bytes {
			g.w.p("c%d := b.Cols[%d]", i, i)
		}
		switch t.Phys() {
		case types.I64:
			g.w.p("x%d := b.Cols[%d].I64", i, i)
		case types.F64:
			g.w.p("x%d := b.Cols[%d].F64", i, i)
		case types.Wide:
			g.w.p("x%d, x%dHi := b.Cols[%d].I64, b.Cols[%d].Hi", i, i, i, i)
		}
	}
	for i, e := range g.n.Project {
		if !expr.PassesOn(e) {
			g.w.p("o%d := out[%d]", i, i)
		}
	}
}

// loop is the loop's body for row i, up to where the row has passed.
func (g *calcGen) loop() (string, error) {
	var body strings.Builder
	x := g.x
	if g.n.Filter != nil {
		x.root = func() string { return "h.Expr(-1)" }
		cond := ""
		text, err := g.inLoop(func() (err error) { cond, err = x.filter(g.n.Filter); return err })
		if err != nil {
			return "", err
		}
		body.WriteString(g.load(text + cond))
		body.WriteString(text)
		fmt.Fprintf(&body, "if %s {\ncontinue\n}\n", not(cond))
	}
	text, err := g.inLoop(func() error {
		for i, e := range g.n.Project {
			if expr.PassesOn(e) {
				continue
			}
			x.root = func() string { return fmt.Sprintf("h.Expr(%d)", i) }
			v, err := x.emit(e)
			if err != nil {
				return err
			}
			g.write(i, v)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	body.WriteString(g.load(text))
	body.WriteString(text)
	return body.String(), nil
}

// inLoop collects what fn writes; what it computes stays at hand.
func (g *calcGen) inLoop(fn func() error) (string, error) {
	at := g.w.body.Len()
	if err := fn(); err != nil {
		return "", err
	}
	text := string(g.w.body.Bytes()[at:])
	g.w.body.Truncate(at)
	return text, nil
}

// load writes locals for the cells that a text refers to.
func (g *calcGen) load(text string) string {
	used := map[string]bool{}
	for _, w := range word.FindAllString(text, -1) {
		used[w] = true
	}
	var b strings.Builder
	for i, t := range g.input {
		a := fmt.Sprintf("a%d", i)
		if g.loaded[i] || !used[a] && !used[a+"Null"] && !used[a+"Hi"] {
			continue
		}
		g.loaded[i] = true
		g.w.locals = append(g.w.locals, a, a+"Null", a+"Hi")
		if !t.NotNull {
			fmt.Fprintf(&b, "%sNull := c%d.IsNull(i)\n", a, i)
		}
		switch {
		case t.Phys() == types.Bytes && t.NotNull:
			fmt.Fprintf(&b, "%s := c%d.Bytes(i)\n", a, i)
		case t.Phys() == types.Bytes:
			fmt.Fprintf(&b, "var %s []byte\nif !%sNull {\n%s = c%d.Bytes(i)\n}\n", a, a, a, i)
		case t.Phys() == types.Wide:
			fmt.Fprintf(&b, "%s, %sHi := x%d[i], x%dHi[i]\n", a, a, i, i)
		default:
			fmt.Fprintf(&b, "%s := x%d[i]\n", a, i)
		}
	}
	return b.String()
}

// write writes a value to row i of an output.
func (g *calcGen) write(i int, v value) {
	x := g.x
	if v.null == "true" {
		x.line(fmt.Sprintf("o%d.SetNull(i)", i))
		return
	}
	if v.null != "" {
		x.line(fmt.Sprintf("if %s {\no%d.SetNull(i)\n} else {", v.null, i))
	}
	switch v.phys {
	case types.F64:
		x.line(fmt.Sprintf("o%d.F64[i] = %s", i, v.code))
	case types.Bytes:
		x.line(fmt.Sprintf("o%d.SetBytes(i, %s)", i, v.code))
	case types.Wide:
		x.line(fmt.Sprintf("o%d.I64[i], o%d.Hi[i] = %s, %s", i, i, v.code, v.hi))
	default:
		x.line(fmt.Sprintf("o%d.I64[i] = %s", i, v.cell(x.w)))
	}
	if v.null != "" {
		x.line("}")
	}
}

// tablesOf names the tables that an operator's rows come from.
func tablesOf(n plan.Node) string {
	var names []string
	var walk func(n plan.Node)
	walk = func(n plan.Node) {
		if s, ok := n.(*plan.Source); ok && !slices.Contains(names, s.Table.Name) {
			names = append(names, s.Table.Name)
		}
		for _, in := range n.Base().Inputs {
			walk(in)
		}
	}
	walk(n)
	return strings.Join(names, ", ")
}
