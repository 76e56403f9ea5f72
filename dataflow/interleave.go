package dataflow

import (
	"math"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Where the ways of one operator's rows part and meet again, at a join or a union, a batch
// goes one way whole and then the other: rows would meet in an order that follows from where
// batches end, which a restart moves. Where something behind tells rows apart by their order
// (a Top-N among equals, LAST_VALUE), or the join itself does (rows that are late or expire),
// they meet in the order of the rows that they come from instead: a merge does so where only projections and filters lie between; elsewhere the
// batch is handed on row by row.

// interleave finds the operators at which ways meet, and what has to be done there.
func (e *Engine) interleave() {
	told := e.told()
	for _, v := range e.vertices {
		in := v.node.Base().Inputs
		if len(in) < 2 || !told[v.node.Base().Ordinal] {
			continue
		}
		e.mergeInputs(v)
		for i := range in {
			for j := range i {
				if root(in[i]) != root(in[j]) {
					e.singleRows(v, i, j)
				}
			}
		}
	}
}

// told lists, by ordinal, the operators at or behind which the order of rows tells.
func (e *Engine) told() []bool {
	out := make([]bool, len(e.vertices))
	for i := len(e.vertices) - 1; i >= 0; i-- {
		out[i] = orderTells(e.vertices[i].node)
		for _, c := range e.vertices[i].out.edges {
			out[i] = out[i] || out[c.to.node.Base().Ordinal]
		}
	}
	return out
}

// orderTells tells whether the rows that an operator leaves depend on the order of those
// that it takes, beyond their changes to one another.
func orderTells(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Rank, *plan.WindowRank, *plan.Over, *plan.Sort, *plan.UpsertMaterialize, *plan.ChangelogNormalize, *plan.MatchRecognize:
		return true
	case *plan.IntervalJoin, *plan.LookupJoin:
		// A late row is not kept, a row by processing time meets what is there when it
		// arrives: such rows match those that came before them and no others.
		return true
	case *plan.Join:
		return n.TTL != [2]time.Duration{} // what has expired depends on whose turn it is
	case *plan.GroupAggregate:
		return anyInOrder(n.Aggs)
	case *plan.WindowAggregate:
		return anyInOrder(n.Aggs)
	}
	return false
}

// anyInOrder tells whether an aggregate's result depends on the order of its arguments: a
// sum of floating point numbers rounds on the way.
func anyInOrder(aggs []plan.Aggregate) bool {
	for _, a := range aggs {
		switch a.Call.Func.Name {
		case "COUNT", "MIN", "MAX", "APPROX_COUNT_DISTINCT":
		case "SUM", "AVG":
			if a.Call.Args[0].Type().Phys() == types.F64 {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// root is the operator whose batches come to n with their rows in their places.
func root(n plan.Node) plan.Node {
	for {
		c, ok := n.(*plan.Calc)
		if !ok {
			return n
		}
		n = c.Base().Inputs[0]
	}
}

// mergeInputs makes a merge for inputs of a vertex that have a root in common.
func (e *Engine) mergeInputs(v *vertex) {
	in := v.node.Base().Inputs
	merges := map[plan.Node]*merge{}
	for i := range in {
		r := root(in[i])
		for j := range in {
			if i == j || root(in[j]) != r {
				continue
			}
			m := merges[r]
			if m == nil {
				m = &merge{to: v}
				merges[r] = m
				out := &e.vertices[r.Base().Ordinal].out
				out.merges = append(out.merges, m)
			}
			e.edgeTo(v, i).merge = m
			break
		}
	}
}

// edgeTo is the edge to an input.
func (e *Engine) edgeTo(v *vertex, input int) *edge {
	edges := e.vertices[v.node.Base().Inputs[input].Base().Ordinal].out.edges
	for k := range edges {
		if edges[k].to == v && edges[k].input == input {
			return &edges[k]
		}
	}
	panic("an input without an edge")
}

// singleRows makes the operators where the ways to two inputs part hand on row by row.
func (e *Engine) singleRows(v *vertex, i, j int) {
	one, two := e.before(v, i), e.before(v, j)
	for ordinal := range one {
		if !two[ordinal] {
			continue
		}
		out := &e.vertices[ordinal].out
		for a, x := range out.edges {
			for b, y := range out.edges {
				if a != b && leads(x, v, i, one) && leads(y, v, j, two) {
					out.single = true
				}
			}
		}
	}
}

// leads tells whether an edge leads to an input of v, given what lies before that.
func leads(x edge, v *vertex, input int, before map[int]bool) bool {
	return x.to == v && x.input == input || before[x.to.node.Base().Ordinal]
}

// before is the set of operators, by ordinal, whose rows come to an input as they go along.
func (e *Engine) before(v *vertex, input int) map[int]bool {
	out := map[int]bool{}
	var walk func(n plan.Node)
	walk = func(n plan.Node) {
		if out[n.Base().Ordinal] || waitsForTime(n) {
			return
		}
		out[n.Base().Ordinal] = true
		for _, in := range n.Base().Inputs {
			walk(in)
		}
	}
	walk(v.node.Base().Inputs[input])
	return out
}

// waitsForTime tells whether an operator emits rows with watermarks alone, before and behind
// which rows do not mix.
func waitsForTime(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.WindowAggregate:
		return !n.Window.ProcTime
	case *plan.WindowRank:
		return !n.Window.ProcTime
	case *plan.Over:
		return !n.Free && n.TimeCol >= 0
	}
	return false
}

// merge takes what comes to some inputs of an operator out of one batch, and hands it on in
// the order of the rows in that batch; of one row, in the order in which it came.
type merge struct {
	to   *vertex
	held []heldRows
	sub  vec.Batch
}

// heldRows are rows of an input, of which the first next have been handed on.
type heldRows struct {
	input, next int
	rows        []int32
	b           *vec.Batch
}

// every selects all rows.
var every = func() (all [vec.BatchSize]int32) {
	for i := range all {
		all[i] = int32(i)
	}
	return all
}()

// hold keeps a batch until release; its producer is not called before that.
func (m *merge) hold(input int, b *vec.Batch) {
	rows := b.Sel
	if rows == nil {
		rows = every[:b.N]
	}
	m.held = append(m.held, heldRows{input: input, rows: rows, b: b})
}

// release hands on what is held.
func (m *merge) release() error {
	for {
		from, until := m.first()
		if from == nil {
			m.held = m.held[:0]
			return nil
		}
		end := from.next + 1
		// A row that is updated goes with the one that takes its place.
		for end < len(from.rows) && (from.rows[end] < until || from.b.Kind(int(from.rows[end-1])) == vec.UpdateBefore) {
			end++
		}
		m.sub = *from.b
		m.sub.Sel = from.rows[from.next:end]
		from.next = end
		m.to.input = from.input
		if err := m.to.op.Process(from.input, &m.sub); err != nil {
			return err
		}
	}
}

// first is the input that has the first row of all, which goes on to the row until.
func (m *merge) first() (from *heldRows, until int32) {
	until = math.MaxInt32
	for i := range m.held {
		h := &m.held[i]
		if h.next == len(h.rows) {
			continue
		}
		switch row := h.rows[h.next]; {
		case from == nil:
			from = h
		case row < from.rows[from.next]:
			// The one before comes behind this one, at its own next row.
			from, until = h, from.rows[from.next]
		default:
			// A row that both have goes to the one before first.
			until = min(until, row+1)
		}
	}
	return from, until
}
