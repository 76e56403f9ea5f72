// Package fused is what generated code is made of: the seam between an engine and a
// fragment of a plan that was turned into Go, and the small functions that such code calls.
//
// Terms: a head is the part of a plan from a source to its first stateful operators (see
// package plan); a Fragment is the code generated for one, registered under the head's
// fingerprint; an event is one record of a message; a leaf is where rows leave the head.
//
// Invariants: a Fragment takes an event only when it is sure of every byte of it, and does
// with it exactly what the interpreter does: the same rows, state, watermarks and counts.
// Any other event it refuses before it has changed anything, and the interpreter takes it.
// So a Fragment needs no error paths, and its meaning is the interpreter's. What it keeps in
// hand between events it gives back in Settle. Nothing is allocated per event.
//
// The package must not import the engine or NATS.
package fused

import (
	"sort"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// Fragment is generated code for a head.
type Fragment interface {
	// Bind takes what the engine gives to the fragment, once, before all else.
	Bind(h *Host) error
	// Event takes the event of msg that begins at pos and returns where it ends. It is
	// negative, and nothing has changed but that Host.Mark may have noted the arrival time,
	// when the event is for the interpreter.
	Event(msg []byte, pos int) int
	// Settle gives back the counts that the fragment keeps in hand.
	Settle()
}

// Host is what an engine gives to a fragment.
type Host struct {
	Head *plan.Head
	// Env is what expressions may know beyond their row.
	Env *expr.Env
	// Stats are the decoder's counts, by column of the head's source.
	Stats *format.Stats
	// ValueMax is how many bytes a nested value of the source may have, 0 for any number.
	ValueMax int
	// Marks, by place in Head.Nodes, are the watermark assigners'; nil for other nodes.
	Marks []*Mark
	// Counts, by place in Head.Nodes, are the rows that a node has emitted since Settle; a
	// WatermarkAssigner emits all that it takes. Rows is that of the source.
	Counts []int64
	Rows   int64
	// Windows and Outs, by place in Head.Leaves, are the leaves of either kind.
	Windows []*op.WindowPanes
	Outs    []*Rows

	// Arrival is the arrival time of the message in hand, in ms since 1970, Seq its
	// sequence, and Row the number of events of it so far.
	Arrival int64
	Seq     uint64
	Row     uint32
	Source  uint32
	// Err is the first error of what a row set off downstream; the pipeline fails with it.
	Err error
}

// Expr is an expression of Head.Nodes[node]: the filter of a Calc (index -1), one of its
// projections, or the watermark (0).
func (h *Host) Expr(node, index int) expr.Node {
	switch n := h.Head.Nodes[node].(type) {
	case *plan.Calc:
		if index < 0 {
			return n.Filter
		}
		return n.Project[index]
	case *plan.WatermarkAssigner:
		return n.Expr
	}
	return nil
}

// Fail notes an error from downstream.
func (h *Host) Fail(err error) {
	if err != nil && h.Err == nil {
		h.Err = err
	}
}

var fragments = map[string]func() Fragment{}

// Register makes a fragment known under its head's fingerprint. It is called by init
// functions of generated packages; two of them may hold code for one fingerprint, which is
// the same.
func Register(fingerprint string, make func() Fragment) { fragments[fingerprint] = make }

// New makes the fragment for a fingerprint; ok is false when there is none.
func New(fingerprint string) (f Fragment, ok bool) {
	make := fragments[fingerprint]
	if make == nil {
		return nil, false
	}
	return make(), true
}

// Known tells whether there is code for a fingerprint, of a head or a Calc.
func Known(fingerprint string) bool {
	return fragments[fingerprint] != nil || calcs[fingerprint] != nil
}

// Fingerprints lists what there is code for, heads and Calcs.
func Fingerprints() []string {
	out := make([]string, 0, len(fragments)+len(calcs))
	for f := range fragments {
		out = append(out, f)
	}
	for f := range calcs {
		out = append(out, f)
	}
	sort.Strings(out)
	return out
}
