package plan

import (
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// target prints a target's logical plan as a tree, the sink first.
func (x *namer) target(t *target) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Sink %s\n", t.name)
	x.tree(&b, t.rel, 1)
	return b.String()
}

func (x *namer) tree(b *strings.Builder, r rel, depth int) {
	fmt.Fprintf(b, "%s%s\n", strings.Repeat("  ", depth), x.relText(r))
	for _, k := range r.kids() {
		x.tree(b, k, depth+1)
	}
}

func (x *namer) relText(r rel) string {
	in := x.under(r)
	switch r := r.(type) {
	case *relScan:
		return "Scan " + r.table.Name
	case *relValues:
		return fmt.Sprintf("Values %d rows", len(r.rows))
	case *relCalc:
		s := "Project " + projectText(r.project, r.schema, in)
		if r.filter != nil {
			if isIdentity(r.project, in.row) {
				return "Filter " + in.text(r.filter)
			}
			s += " where " + in.text(r.filter)
		}
		return s
	case *relTVF:
		s := windowText(r.win, in.shown)
		if len(r.partition) > 0 {
			s += " partition by " + columnNames(in.shown, r.partition)
		}
		return "Window " + s
	case *relAgg:
		return aggText(r, in)
	case *relUnnest:
		return r.text(in)
	case *relJoin:
		return joinText(r, in)
	case *relMatch:
		return r.text(in)
	case orderedRel:
		return r.text(in)
	case *relUnion:
		return "Union all"
	}
	return fmt.Sprintf("%T", r)
}

func aggText(r *relAgg, in labels) string {
	var parts []string
	if len(r.keys) > 0 {
		parts = append(parts, "by "+columnNames(in.shown, r.keys))
	}
	if r.win != nil {
		parts = append(parts, windowText(*r.win, in.shown))
	}
	for _, a := range r.aggs {
		parts = append(parts, in.call(a.Call))
	}
	return "Aggregate " + strings.Join(parts, ", ")
}

// windowText prints a window over the columns of its input.
func windowText(w Window, in Schema) string {
	s := w.Kind.String() + "("
	switch {
	case w.Attached():
		s += in[w.StartCol].Name + ", " + in[w.EndCol].Name
	default:
		s += in[w.TimeCol].Name
	}
	switch w.Kind {
	case Tumble:
		s += ", size " + ms(w.Size)
	case Hop:
		s += ", slide " + ms(w.Slide) + ", size " + ms(w.Size)
	case Cumulate:
		s += ", step " + ms(w.Slide) + ", size " + ms(w.Size)
	case Session:
		s += ", gap " + ms(w.Size)
	}
	if w.Offset != 0 {
		s += ", offset " + ms(w.Offset)
	}
	return s + ")"
}

// projectText prints what a projection of in makes of it.
func projectText(project []expr.Node, schema Schema, in labels) string {
	parts := make([]string, len(project))
	for i, p := range project {
		parts[i] = in.text(p)
		if c, ok := p.(*expr.Col); !ok || c.Name != schema[i].Name {
			parts[i] += " AS " + schema[i].Name
		}
	}
	return strings.Join(parts, ", ")
}

func columnNames(s Schema, cols []int) string {
	parts := make([]string, len(cols))
	for i, c := range cols {
		parts[i] = s[c].Name
	}
	return strings.Join(parts, ", ")
}
