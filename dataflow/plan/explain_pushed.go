package plan

import (
	"fmt"
	"slices"
	"strings"
)

// pushedText is what of a plan a source does: it leaves out columns and fields that nothing
// reads. It filters nothing; filters run behind it, before anything is kept in state.
func (e *explainer) pushedText(n *Source) string {
	s := "no projection, every column is read"
	var fields []string
	for _, c := range n.Columns {
		if len(c.Path) > 1 {
			fields = append(fields, strings.Join(c.Path, "."))
		}
	}
	switch {
	case len(fields) > 0:
		s = "projection, of rows to their fields " + strings.Join(fields, ", ")
	case len(n.Columns) < n.Table.delivered():
		s = "projection"
	}
	filters := e.filtersBehind(n)
	switch len(filters) {
	case 0:
		return s
	case 1:
		return fmt.Sprintf("%s; filter not pushed, evaluated by [%d]", s, filters[0])
	}
	parts := make([]string, len(filters))
	for i, f := range filters {
		parts[i] = fmt.Sprintf("[%d]", f)
	}
	return s + "; filters not pushed, evaluated by " + strings.Join(parts, ", ")
}

// delivered counts the columns that a source could deliver.
func (t *Table) delivered() int {
	n := 0
	for _, c := range t.Columns {
		if c.Kind != ComputedColumn {
			n++
		}
	}
	return n
}

// filtersBehind lists the operators that filter the rows of n before any that keeps them.
func (e *explainer) filtersBehind(n Node) []int {
	var out []int
	for _, edge := range e.edges[n.Base().Ordinal] {
		switch m := edge.Node.(type) {
		case *Calc:
			if m.Filter != nil {
				out = append(out, m.b.Ordinal)
				continue
			}
			out = append(out, e.filtersBehind(m)...)
		case *WatermarkAssigner:
			out = append(out, e.filtersBehind(m)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
