package plan

import (
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// Head is the part of a plan that generated code can run event by event: a source, the
// filters, projections and watermarks behind it, and the first update of the windows that
// they feed.
type Head struct {
	Source *Source
	// Nodes are the Calcs and WatermarkAssigners of the head, each behind its input.
	Nodes []Node
	// Leaves are where rows leave the head.
	Leaves []Leaf
	// Fingerprint tells heads apart that need other code: equal ones decode, compute and
	// update the same from the same bytes.
	Fingerprint string
}

// Leaf is a way out of a head: rows that From emits.
type Leaf struct {
	// From is the Source or one of Nodes.
	From Node
	// Window is the operator whose panes the head updates; nil when rows are handed on.
	Window *WindowAggregate
	// To are the consumers that rows are handed to, when Window is nil.
	To []Edge
}

// Heads finds the heads of a plan, by source. Where there is none, why holds the reason
// under the source's ordinal.
func (p *Plan) Heads() (heads []*Head, why map[int]string) {
	consumers := p.Consumers()
	why = map[int]string{}
	ways := p.Interleaving()
	for _, s := range p.Sources {
		if reason := p.noHead(s); reason != "" {
			why[s.Base().Ordinal] = reason
			continue
		}
		h := &Head{Source: s}
		h.grow(s, consumers)
		if ways.Meets(h) {
			why[s.Base().Ordinal] = "its rows go several ways that meet again, where their order counts"
			continue
		}
		h.Fingerprint = h.fingerprint(p)
		heads = append(heads, h)
	}
	return heads, why
}

// noHead tells why a source's rows are left to the interpreter, or is "".
func (p *Plan) noHead(s *Source) string {
	if s.Base().Mode.Updates() {
		return "the source delivers changes"
	}
	for _, name := range p.LookupTables() {
		if name == s.Table.Name {
			return "the table is read for lookups"
		}
	}
	switch f := s.Table.Options["format"]; f {
	case "json", "msgpack", "csv":
	case "":
		return "the source makes rows, not messages"
	default:
		return fmt.Sprintf("no generated decoder for format '%s'", f)
	}
	for _, c := range s.Columns {
		if c.Metadata != "" {
			return fmt.Sprintf("the metadata column %s", s.Table.Columns[c.Column].Name)
		}
	}
	return ""
}

// inHead tells whether code generated for the head can run the operator.
func inHead(n Node) bool {
	switch n := n.(type) {
	case *Calc:
		for _, e := range append([]expr.Node{n.Filter}, n.Project...) {
			if e != nil && !expr.Deterministic(e) {
				return false
			}
		}
		return true
	case *WatermarkAssigner:
		return len(n.By) == 0 && n.Expr != nil && n.Gap <= 1
	}
	return false
}

// fusedWindow tells whether the first update of a window aggregate can be part of a head.
func fusedWindow(n Node) *WindowAggregate {
	w, ok := n.(*WindowAggregate)
	if !ok || w.Window.Kind == Session || w.Window.Attached() || w.Window.ProcTime || w.Retract {
		return nil
	}
	calls := make([]*expr.AggCall, len(w.Aggs))
	for i, a := range w.Aggs {
		calls[i] = a.Call
	}
	set, err := expr.NewAggSet(calls, nil, false)
	if err != nil || set.NeedsTree() {
		return nil
	}
	return w
}

// grow adds what n feeds.
func (h *Head) grow(n Node, consumers [][]Edge) {
	rows := Leaf{From: n}
	for _, e := range consumers[n.Base().Ordinal] {
		switch {
		case inHead(e.Node):
			h.Nodes = append(h.Nodes, e.Node)
			h.grow(e.Node, consumers)
		case fusedWindow(e.Node) != nil:
			h.Leaves = append(h.Leaves, Leaf{From: n, Window: fusedWindow(e.Node)})
		default:
			rows.To = append(rows.To, e)
		}
	}
	if len(rows.To) > 0 {
		h.Leaves = append(h.Leaves, rows)
	}
}

// headVersion is the version of what generated code is made of; it is part of fingerprints.
const headVersion = 2

// fingerprint hashes all that the code depends on.
func (h *Head) fingerprint(p *Plan) string {
	var b strings.Builder
	t := h.Source.Table
	fmt.Fprintf(&b, "head v%d aggregates v%d zone %s\n", headVersion, expr.AggVersion, p.Config.Env().Zone)
	for _, k := range sortedKeys(t.Options) {
		if k == "format" || strings.HasPrefix(k, t.Options["format"]+".") {
			fmt.Fprintf(&b, "%s=%s\n", k, t.Options[k])
		}
	}
	for _, c := range t.Columns {
		if c.Kind == PhysicalColumn {
			fmt.Fprintf(&b, "declared %q %s\n", c.Name, c.Type)
		}
	}
	for _, c := range h.Source.Columns {
		fmt.Fprintf(&b, "reads %q %s\n", c.Path, c.Type)
	}
	place := map[Node]int{h.Source: -1}
	for i, n := range h.Nodes {
		place[n] = i
		fmt.Fprintf(&b, "node %d of %d: %s\n", i, place[n.Base().Inputs[0]], headText(n))
	}
	for _, l := range h.Leaves {
		fmt.Fprintf(&b, "leaf of %d: %s\n", place[l.From], l.text())
	}
	f := fnv.New128a()
	_, _ = f.Write([]byte(b.String()))
	return fmt.Sprintf("%x", f.Sum(nil))
}

// exprText prints an expression with the types of its parts.
func exprText(e expr.Node) string {
	if e == nil {
		return "-"
	}
	return expr.Key(e)
}

func headText(n Node) string {
	switch n := n.(type) {
	case *Calc:
		out := []string{"calc", exprText(n.Filter)}
		for _, e := range n.Project {
			out = append(out, exprText(e))
		}
		return strings.Join(out, " | ")
	case *WatermarkAssigner:
		return fmt.Sprintf("watermark %d %s", n.TimeCol, exprText(n.Expr))
	}
	return n.Kind()
}

func (l Leaf) text() string {
	if l.Window == nil {
		return fmt.Sprintf("rows %v", l.From.Base().Schema.Types())
	}
	w := l.Window
	out := fmt.Sprintf("window %+v keys %v", w.Window, w.Keys)
	for _, a := range w.Aggs {
		out += " | " + a.Call.String()
		for _, x := range a.Call.Args {
			out += " " + exprText(x)
		}
	}
	return out
}

// HeadOf is the head that begins at a source, or nil.
func HeadOf(heads []*Head, s *Source) *Head {
	for _, h := range heads {
		if h.Source == s {
			return h
		}
	}
	return nil
}
