package codegen

import (
	"fmt"
	"io"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/fused"
	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// Explain prints which parts of a plan run generated code in this binary, which could, and
// why the others cannot, as a section behind those of plan.Explain.
func Explain(w io.Writer, p *plan.Plan) error {
	g, err := Generate(p, Options{})
	if err != nil {
		return err
	}
	can, why := map[string]bool{}, map[string]string{}
	for _, f := range g.Fragments {
		can[f.Fingerprint] = true
	}
	for _, f := range g.Fallbacks {
		why[f.Node+" "+f.Source] = f.Reason
	}
	var b strings.Builder
	say := func(what, fingerprint, reason string) {
		switch {
		case fingerprint != "" && fused.Known(fingerprint):
			fmt.Fprintf(&b, "%s: compiled into this binary\n", what)
		case fingerprint != "" && can[fingerprint]:
			fmt.Fprintf(&b, "%s: interpreted; `edgeflow build` compiles it\n", what)
		default:
			fmt.Fprintf(&b, "%s: interpreted: %s\n", what, reason)
		}
	}
	b.WriteString("\n== Generated code ==\n")
	heads, refused := p.Heads()
	within := map[plan.Node]bool{}
	for _, s := range p.Sources {
		h := plan.HeadOf(heads, s)
		if h == nil {
			say(place(s), "", refused[s.Base().Ordinal])
			continue
		}
		for _, n := range h.Nodes {
			within[n] = can[h.Fingerprint] || fused.Known(h.Fingerprint)
		}
		say(headPlaces(h), h.Fingerprint, why["head "+s.Table.Name])
	}
	for _, n := range p.Nodes {
		c, ok := n.(*plan.Calc)
		if !ok || within[n] {
			continue
		}
		reason := why[c.Base().ID+" "+tablesOf(c)]
		if reason == "" {
			reason = errIdle.Error()
		}
		say(place(n), plan.CalcFingerprint(c), reason)
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// place names an operator as plan.Explain does.
func place(n plan.Node) string {
	text := fmt.Sprintf("[%d] %s", n.Base().Ordinal, n.Kind())
	if s, ok := n.(*plan.Source); ok {
		text += " " + s.Table.Name
	}
	return text
}

// headPlaces names the operators of a head.
func headPlaces(h *plan.Head) string {
	text := place(h.Source)
	for _, n := range h.Nodes {
		text += ", " + place(n)
	}
	for _, l := range h.Leaves {
		if l.Window != nil {
			text += ", rows into " + place(l.Window)
		}
	}
	return text
}
