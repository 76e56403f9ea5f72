package plan

import (
	"time"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// Where the ways of one operator's rows part and meet again, at a join or a union, a batch
// goes one way whole and then the other: rows would meet in an order that follows from where
// batches end, which a restart moves. Where something behind tells rows apart by their order
// (a Top-N among equals, LAST_VALUE), or the join itself does (rows that are late or expire),
// they meet in the order of the rows that they come from instead: a merge does so where only
// projections and filters lie between; elsewhere the batch is handed on row by row.

// Interleaving says where rows of one operator that go several ways are put in their order
// again.
type Interleaving struct {
	Merges []Merge
	// Single lists the operators that hand on row by row, by ordinal.
	Single map[int]bool
}

// Merge is a place where ways meet behind projections and filters: what leaves Root comes to
// the Inputs of To in the order of Root's rows.
type Merge struct {
	Root, To Node
	Inputs   []int
}

// Interleaving finds the operators at which ways meet, and what has to be done there.
func (p *Plan) Interleaving() *Interleaving {
	out := &Interleaving{Single: map[int]bool{}}
	consumers := p.Consumers()
	told := p.told(consumers)
	for _, v := range p.Nodes {
		in := v.Base().Inputs
		if len(in) < 2 || !told[v.Base().Ordinal] {
			continue
		}
		out.merge(v)
		for i := range in {
			for j := range i {
				if root(in[i]) != root(in[j]) {
					out.single(v, i, j, consumers)
				}
			}
		}
	}
	return out
}

// Meets tells whether ways out of a head meet again further down, so that the order in which
// rows go them is the interpreter's business.
func (w *Interleaving) Meets(h *Head) bool {
	within := map[Node]bool{h.Source: true}
	for _, n := range h.Nodes {
		within[n] = true
	}
	for n := range within {
		if w.Single[n.Base().Ordinal] {
			return true
		}
	}
	for _, m := range w.Merges {
		if within[m.Root] {
			return true
		}
		for _, i := range m.Inputs {
			if within[m.To.Base().Inputs[i]] {
				return true
			}
		}
	}
	return false
}

// told lists, by ordinal, the operators at or behind which the order of rows tells.
func (p *Plan) told(consumers [][]Edge) []bool {
	out := make([]bool, len(p.Nodes))
	for i := len(p.Nodes) - 1; i >= 0; i-- {
		out[i] = orderTells(p.Nodes[i])
		for _, c := range consumers[i] {
			out[i] = out[i] || out[c.Node.Base().Ordinal]
		}
	}
	return out
}

// orderTells tells whether the rows that an operator leaves depend on the order of those
// that it takes, beyond their changes to one another.
func orderTells(n Node) bool {
	switch n := n.(type) {
	case *Rank, *WindowRank, *Over, *Sort, *UpsertMaterialize, *ChangelogNormalize, *MatchRecognize:
		return true
	case *IntervalJoin, *LookupJoin:
		// A late row is not kept, a row by processing time meets what is there when it
		// arrives: such rows match those that came before them and no others.
		return true
	case *Join:
		return n.TTL != [2]time.Duration{} // what has expired depends on whose turn it is
	case *GroupAggregate:
		return anyInOrder(n.Aggs)
	case *WindowAggregate:
		return anyInOrder(n.Aggs)
	}
	return false
}

// anyInOrder tells whether an aggregate's result depends on the order of its arguments: a
// sum of floating point numbers rounds on the way.
func anyInOrder(aggs []Aggregate) bool {
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
func root(n Node) Node {
	for {
		c, ok := n.(*Calc)
		if !ok {
			return n
		}
		n = c.Base().Inputs[0]
	}
}

// merge makes merges for the inputs of an operator that have a root in common.
func (w *Interleaving) merge(v Node) {
	in := v.Base().Inputs
	at := map[Node]int{}
	for i := range in {
		r := root(in[i])
		for j := range in {
			if i == j || root(in[j]) != r {
				continue
			}
			k, ok := at[r]
			if !ok {
				k = len(w.Merges)
				at[r] = k
				w.Merges = append(w.Merges, Merge{Root: r, To: v})
			}
			w.Merges[k].Inputs = append(w.Merges[k].Inputs, i)
			break
		}
	}
}

// single makes the operators where the ways to two inputs part hand on row by row.
func (w *Interleaving) single(v Node, i, j int, consumers [][]Edge) {
	one, two := before(v, i), before(v, j)
	for ordinal := range one {
		if !two[ordinal] {
			continue
		}
		edges := consumers[ordinal]
		for a, x := range edges {
			for b, y := range edges {
				if a != b && leads(x, v, i, one) && leads(y, v, j, two) {
					w.Single[ordinal] = true
				}
			}
		}
	}
}

// leads tells whether an edge leads to an input of v, given what lies before that.
func leads(x Edge, v Node, input int, before map[int]bool) bool {
	return x.Node == v && x.Input == input || before[x.Node.Base().Ordinal]
}

// before is the set of operators, by ordinal, whose rows come to an input as they go along.
func before(v Node, input int) map[int]bool {
	out := map[int]bool{}
	var walk func(n Node)
	walk = func(n Node) {
		if out[n.Base().Ordinal] || waitsForTime(n) {
			return
		}
		out[n.Base().Ordinal] = true
		for _, in := range n.Base().Inputs {
			walk(in)
		}
	}
	walk(v.Base().Inputs[input])
	return out
}

// waitsForTime tells whether an operator emits rows with watermarks alone, before and behind
// which rows do not mix.
func waitsForTime(n Node) bool {
	switch n := n.(type) {
	case *WindowAggregate:
		return !n.Window.ProcTime
	case *WindowRank:
		return !n.Window.ProcTime
	case *Over:
		return !n.Free && n.TimeCol >= 0
	}
	return false
}
