package plan

import (
	"fmt"
	"io"
	"strings"
)

// Explain prints the plan: the logical plan of each INSERT as written and as optimized,
// the physical plan with each operator's row kinds, state and what was pushed down to the
// sources, and the warnings.
func (p *Plan) Explain(w io.Writer) error {
	var b strings.Builder
	names := newNamer()
	section := func(title string, targets []target) {
		fmt.Fprintf(&b, "== %s ==\n", title)
		for i := range targets {
			b.WriteString(names.target(&targets[i]))
		}
		b.WriteByte('\n')
	}
	section("Logical plan", p.logical)
	section("Optimized plan", p.optimized)
	b.WriteString("== Physical plan ==\n")
	e := &explainer{b: &b, edges: p.Consumers(), done: map[Node]bool{}, names: names}
	for _, s := range p.Sinks {
		e.node(s, 0)
	}
	if len(p.Warnings) > 0 {
		b.WriteString("\n== Warnings ==\n")
		for _, x := range p.Warnings {
			fmt.Fprintf(&b, "%s\n", x)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

type explainer struct {
	b     *strings.Builder
	edges [][]Edge
	done  map[Node]bool
	names *namer
}

func (e *explainer) node(n Node, depth int) {
	b := n.Base()
	pad := strings.Repeat("  ", depth)
	if e.done[n] {
		fmt.Fprintf(e.b, "%s[%d] %s (see above)\n", pad, b.Ordinal, n.Kind())
		return
	}
	e.done[n] = true
	fmt.Fprintf(e.b, "%s[%d] %s%s\n", pad, b.Ordinal, n.Kind(), withSpace(e.names.text(n)))
	details := "rows " + b.Mode.String()
	if len(b.Keys) > 0 {
		details += ", key " + columnNames(e.names.node(n).shown, b.Keys[0])
	}
	details += ", id " + b.ID
	fmt.Fprintf(e.b, "%s    %s\n", pad, details)
	if s, ok := n.(*Source); ok {
		fmt.Fprintf(e.b, "%s    pushed down: %s\n", pad, e.pushedText(s))
	}
	if s := stateText(n); s != "" {
		fmt.Fprintf(e.b, "%s    state: %s\n", pad, s)
	}
	for _, in := range b.Inputs {
		e.node(in, depth+1)
	}
}

func withSpace(s string) string {
	if s == "" {
		return ""
	}
	return " " + s
}

// nodeText is what an operator does.
func (x *namer) text(n Node) string {
	from := x.in(n)
	in := from.shown
	switch n := n.(type) {
	case *Source:
		return sourceText(n)
	case *Values:
		return fmt.Sprintf("%d rows", len(n.Rows))
	case *Calc:
		return calcText(n, from)
	case *WatermarkAssigner:
		return assignerText(n, from)
	case *WindowTVF:
		s := windowText(n.Window, in)
		if len(n.PartitionBy) > 0 {
			s += " partition by " + columnNames(in, n.PartitionBy)
		}
		return s
	case *WindowAggregate:
		s := windowText(n.Window, in)
		if n.Window.Kind == Hop || n.Window.Kind == Cumulate {
			if !n.Window.Attached() {
				s += " in panes of " + ms(n.Window.Pane)
			}
		}
		s += groupText(from, n.Keys, n.Aggs, n.Retract)
		if n.AllowedLateness > 0 {
			s += fmt.Sprintf(" revised by rows up to %s late", ms(n.AllowedLateness.Milliseconds()))
		}
		return s
	case *GroupAggregate:
		s := strings.TrimSpace(groupText(from, n.Keys, n.Aggs, n.Retract))
		if n.MiniBatch {
			s += ", changes of a batch coalesced"
		}
		return s
	case *MatchRecognize:
		return n.text(in)
	case *ChangelogNormalize:
		return "by " + columnNames(in, n.KeyCols)
	case orderedNode:
		return n.text(from)
	case *DropUpdateBefore:
		if n.AsDelete {
			return "a -U without its +U becomes -D"
		}
	case *Unnest:
		return n.text(from)
	case *Join:
		return n.text(from)
	case BoundedJoin:
		return n.text(from)
	case *Sink:
		return sinkText(n)
	}
	return ""
}

func sourceText(n *Source) string {
	var cols []string
	for _, c := range n.Columns {
		s := strings.Join(c.Path, ".")
		if c.Metadata != "" {
			s += " (metadata " + c.Metadata + ")"
		}
		cols = append(cols, s)
	}
	all := n.Table.delivered()
	s := n.Table.Name + " reads " + strings.Join(cols, ", ")
	if left := all - len(n.Columns); left > 0 {
		s += fmt.Sprintf("; %d of %d columns are skipped", left, all)
	}
	return s
}

func calcText(n *Calc, in labels) string {
	s := "project " + projectText(n.Project, n.b.Schema, in)
	if n.Filter != nil {
		if isIdentity(n.Project, in.row) {
			return "where " + in.text(n.Filter)
		}
		s += " where " + in.text(n.Filter)
	}
	return s
}

func assignerText(n *WatermarkAssigner, in labels) string {
	s := in.shown[n.TimeCol].Name + " AS "
	if n.Expr == nil {
		s += "SOURCE_WATERMARK()"
	} else {
		s += in.text(n.Expr)
	}
	s += " " + n.Strategy.String()
	if n.Strategy == OnPeriodic {
		s += " every " + FormatDuration(n.Interval)
	} else if n.Gap > 1 {
		s += fmt.Sprintf(" every %d rows", n.Gap)
	}
	if len(n.By) > 0 {
		s += ", by " + columnNames(in.shown, n.By) + " idle after " + FormatDuration(n.ByTimeout)
		if n.MaxBehind > 0 {
			s += " or " + FormatDuration(n.MaxBehind) + " behind"
		}
	}
	if n.IdleTimeout > 0 {
		s += ", idle after " + FormatDuration(n.IdleTimeout)
	}
	if n.MaxAhead > 0 {
		s += ", at most " + FormatDuration(n.MaxAhead) + " ahead, else " + n.Ahead.String()
	}
	return s
}

func groupText(in labels, keys []int, aggs []Aggregate, retract bool) string {
	s := ""
	if len(keys) > 0 {
		s += " by " + columnNames(in.shown, keys)
	}
	for i, a := range aggs {
		if i > 0 {
			s += ","
		}
		s += " " + in.call(a.Call)
	}
	if retract {
		s += " (takes rows back)"
	}
	return s
}

func sinkText(n *Sink) string {
	s := n.Name
	if n.Name != n.Table.Name {
		s += " into " + n.Table.Name
	}
	s += " (" + strings.Join(n.b.Schema.Names(), ", ") + ")"
	if n.Table.Partitioned {
		s += " partitioned by " + strings.Join(n.Table.PartitionBy, ", ")
	}
	if n.Upserts {
		s += " upserts by " + columnNames(n.b.Schema, n.PrimaryKey)
	}
	if n.Compaction != nil {
		s += " when crowded merged into " + widthsText(n.Compaction.Widths) + " by " + columnNames(n.b.Schema, n.Compaction.Keys)
	}
	return s
}

// stateText is what an operator keeps.
func stateText(n Node) string {
	b := n.Base()
	if !b.Stateful {
		return ""
	}
	ttl := "for ever"
	if b.StateTTL > 0 {
		ttl = "for " + FormatDuration(b.StateTTL)
	}
	switch n := n.(type) {
	case *Source:
		return "position in its log"
	case *WatermarkAssigner:
		if len(n.By) > 0 {
			return "a watermark for each value"
		}
		return "the watermark"
	case *WindowTVF:
		return "rows of open sessions"
	case *GroupAggregate:
		return fmt.Sprintf("%d aggregates a key, %s, layout %016x", len(n.Aggs), ttl, b.Layout)
	case *WindowAggregate:
		what := "pane"
		if n.Window.Kind == Session {
			what = "session"
		}
		return fmt.Sprintf("%d aggregates a key and %s until the watermark passes, layout %016x", len(n.Aggs), what, b.Layout)
	case *Join:
		return n.stateText()
	case BoundedJoin:
		return n.stateText()
	case *MatchRecognize:
		return n.stateText()
	case orderedNode:
		s := n.stateText()
		if b.StateTTL > 0 {
			s += ", " + ttl
		}
		return fmt.Sprintf("%s, layout %016x", s, b.Layout)
	case *ChangelogNormalize:
		return fmt.Sprintf("the last row of each key, %s, layout %016x", ttl, b.Layout)
	}
	return ""
}
