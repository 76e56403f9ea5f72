package plan

import (
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// labels names the columns of a row for printing: where a row has columns of equal names,
// each is qualified by the table it is from, or by the side of the join that it came in by
// when that does not tell them apart.
type labels struct {
	row    Schema   // the row as it is
	shown  Schema   // the same with distinct names
	origin []string // tables; "" for what is computed
}

// unchanged shows a row as it is.
func unchanged(row Schema, table string) labels {
	l := labels{row: row, shown: row, origin: make([]string, len(row))}
	for i := range l.origin {
		l.origin[i] = table
	}
	return l
}

// carried shows a row whose column i is column from[i] of in, or with -1 a new one.
func (in labels) carried(row Schema, from []int) labels {
	out := labels{row: row, shown: slices.Clone(row), origin: make([]string, len(row))}
	for i, f := range from {
		if f < 0 {
			continue
		}
		out.origin[i] = in.origin[f]
		if in.row[f].Name == row[i].Name && repeated(row, i) {
			out.shown[i].Name = in.shown[f].Name
		}
	}
	return out
}

// repeated tells whether another column has the name of column i.
func repeated(row Schema, i int) bool {
	for k, c := range row {
		if k != i && c.Name == row[i].Name {
			return true
		}
	}
	return false
}

// beside shows the columns of two sides of a join, those of the left first.
func (in labels) beside(right labels) labels {
	out := labels{row: slices.Concat(in.row, right.row), shown: slices.Concat(in.row, right.row), origin: slices.Concat(in.origin, right.origin)}
	for i, c := range out.row {
		switch {
		case !repeated(out.row, i):
		case out.fromOwnTable(c.Name):
			out.shown[i].Name = out.origin[i] + "." + c.Name
		case i < len(in.row):
			out.shown[i].Name = "left." + in.shown[i].Name
		default:
			out.shown[i].Name = "right." + right.shown[i-len(in.row)].Name
		}
	}
	return out
}

// fromOwnTable tells whether the columns of a name are from one table each.
func (in labels) fromOwnTable(name string) bool {
	seen := map[string]bool{"": true}
	for i, c := range in.row {
		if c.Name != name {
			continue
		}
		if seen[in.origin[i]] {
			return false
		}
		seen[in.origin[i]] = true
	}
	return true
}

// text prints an expression over the row.
func (in labels) text(e expr.Node) string { return expr.Rewrite(e, in.named).String() }

// named is a column under its distinct name; other expressions are as they are.
func (in labels) named(e expr.Node) expr.Node {
	c, ok := e.(*expr.Col)
	if !ok || c.Index >= len(in.row) || in.shown[c.Index].Name == in.row[c.Index].Name {
		return e
	}
	return rawName{strings.TrimSuffix(in.shown[c.Index].Name, in.row[c.Index].Name) + c.String(), c}
}

// call prints an aggregate over the row.
func (in labels) call(call *expr.AggCall) string {
	c := *call
	c.Args = nil
	for _, a := range call.Args {
		c.Args = append(c.Args, in.named(a))
	}
	if c.Filter != nil {
		c.Filter = in.named(c.Filter)
	}
	return c.String()
}

// newFrom is the columns 0 to n-1 of an input followed by new ones, width in all.
func newFrom(pass []int, width int) []int {
	out := slices.Clone(pass)
	for len(out) < width {
		out = append(out, -1)
	}
	return out[:width]
}

// passed are the columns of an input that a projection passes on.
func passed(project []expr.Node) []int {
	out := make([]int, len(project))
	for i, p := range project {
		out[i] = -1
		if c, ok := p.(*expr.Col); ok {
			out[i] = c.Index
		}
	}
	return out
}

// namer finds the labels of operators and of rels.
type namer struct {
	nodes map[Node]labels
	rels  map[rel]labels
}

func newNamer() *namer { return &namer{map[Node]labels{}, map[rel]labels{}} }

// node labels what an operator emits.
func (x *namer) node(n Node) labels {
	l, ok := x.nodes[n]
	if !ok {
		l = x.ofNode(n)
		x.nodes[n] = l
	}
	return l
}

// in labels what an operator takes: the first input's columns, for a join those of both.
func (x *namer) in(n Node) labels {
	ins := n.Base().Inputs
	switch n.(type) {
	case *Join, BoundedJoin:
		return x.node(ins[0]).beside(x.node(ins[1]))
	}
	if len(ins) == 0 {
		return labels{}
	}
	return x.node(ins[0])
}

func (x *namer) ofNode(n Node) labels {
	row := n.Base().Schema
	var from []int
	switch n := n.(type) {
	case *Source:
		return unchanged(row, n.Table.Name)
	case *Values, *Union:
		return unchanged(row, "")
	case *Calc:
		from = passed(n.Project)
	case *GroupAggregate:
		from = n.Keys
	case *WindowAggregate:
		from = n.Keys
	case *MatchRecognize:
		from = n.PartitionBy
	case *Unnest:
		from = n.Pass
	case *Sink:
		return unchanged(row, "")
	default:
		from = ascending(min(len(x.in(n).row), len(row)))
	}
	return x.in(n).carried(row, newFrom(from, len(row)))
}

// rel labels what a rel yields.
func (x *namer) rel(r rel) labels {
	l, ok := x.rels[r]
	if !ok {
		l = x.ofRel(r)
		x.rels[r] = l
	}
	return l
}

// under labels what a rel takes, as in does for operators.
func (x *namer) under(r rel) labels {
	kids := r.kids()
	if len(kids) == 0 {
		return labels{}
	}
	if _, ok := r.(*relJoin); ok {
		return x.rel(kids[0]).beside(x.rel(kids[1]))
	}
	return x.rel(kids[0])
}

func (x *namer) ofRel(r rel) labels {
	row := r.cols()
	var from []int
	switch r := r.(type) {
	case *relScan:
		return unchanged(row, r.table.Name)
	case *relValues, *relUnion:
		return unchanged(row, "")
	case *relCalc:
		from = passed(r.project)
	case *relAgg:
		from = r.keys
	case *relMatch:
		from = r.match.PartitionBy
	case *relUnnest:
		from = r.pass
	default:
		from = ascending(min(len(x.under(r).row), len(row)))
	}
	return x.under(r).carried(row, newFrom(from, len(row)))
}
