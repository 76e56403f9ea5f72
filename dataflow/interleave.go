package dataflow

import (
	"math"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// interleave puts rows that have gone several ways in their order where the plan says so.
func (e *Engine) interleave() {
	w := e.plan.Interleaving()
	for _, m := range w.Merges {
		v := e.vertices[m.To.Base().Ordinal]
		at := &merge{to: v}
		for _, i := range m.Inputs {
			e.edgeTo(v, i).merge = at
		}
		out := &e.vertices[m.Root.Base().Ordinal].out
		out.merges = append(out.merges, at)
	}
	for ordinal := range w.Single {
		e.vertices[ordinal].out.single = true
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
