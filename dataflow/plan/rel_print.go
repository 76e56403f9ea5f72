package plan

import (
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// printRel prints a target's logical plan as a tree, the sink first.
func printRel(t *target) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Sink %s\n", t.name)
	printTree(&b, t.rel, 1)
	return b.String()
}

func printTree(b *strings.Builder, r rel, depth int) {
	fmt.Fprintf(b, "%s%s\n", strings.Repeat("  ", depth), relText(r))
	for _, k := range r.kids() {
		printTree(b, k, depth+1)
	}
}

func relText(r rel) string {
	switch r := r.(type) {
	case *relScan:
		return "Scan " + r.table.Name
	case *relValues:
		return fmt.Sprintf("Values %d rows", len(r.rows))
	case *relCalc:
		s := "Project " + projectText(r.project, r.schema)
		if r.filter != nil {
			if isIdentity(r.project, r.in.cols()) {
				return "Filter " + r.filter.String()
			}
			s += " where " + r.filter.String()
		}
		return s
	case *relTVF:
		s := windowText(r.win, r.in.cols())
		if len(r.partition) > 0 {
			s += " partition by " + columnNames(r.in.cols(), r.partition)
		}
		return "Window " + s
	case *relAgg:
		return aggText(r)
	case *relUnnest:
		return r.text()
	case *relJoin:
		return joinText(r)
	case *relMatch:
		return r.text()
	case orderedRel:
		return r.text()
	case *relUnion:
		return "Union all"
	}
	return fmt.Sprintf("%T", r)
}

func aggText(r *relAgg) string {
	var parts []string
	if len(r.keys) > 0 {
		parts = append(parts, "by "+columnNames(r.in.cols(), r.keys))
	}
	if r.win != nil {
		parts = append(parts, windowText(*r.win, r.in.cols()))
	}
	for _, a := range r.aggs {
		parts = append(parts, a.Call.String())
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

func projectText(project []expr.Node, schema Schema) string {
	parts := make([]string, len(project))
	for i, p := range project {
		parts[i] = p.String()
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
