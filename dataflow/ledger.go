package dataflow

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/op"
)

// OutputLedger accounts for an output: Emitted = Confirmed + InOutbox + Dropped.
type OutputLedger struct {
	Emitted, Confirmed, InOutbox, Dropped int64
	// Merged rows went into rows of wider windows while they waited. They count above with
	// the rows that they went into.
	Merged int64
}

// Ledger accounts for every event of a pipeline, counted since it began.
type Ledger struct {
	Sources   []NamedSource
	Operators []NamedAudit
	Outputs   []NamedOutput
	// Flows follow the rows through the plan, counted since this start of it.
	Flows []Flow
}

// Flow accounts for the rows of a node: Came were handed to it and Rows counted by it; of
// them it filtered, refused or dropped Gone and handed on Out. Made tells that it makes its
// rows itself, Passes that it hands on each row that is not Gone, one for one.
type Flow struct {
	ID, Kind              string
	Came, Rows, Gone, Out int64
	Made, Passes          bool
}

// flow is a source's part.
func (in *ingest) flow(out int64) Flow {
	return Flow{ID: in.node.Table.Name, Kind: in.node.Kind(), Rows: in.ledger.Decoded - in.began, Out: out, Made: true, Passes: true}
}

// flow is an operator's part: a is its account, kept in its state, the rest is counted
// where batches pass.
func (v *vertex) flow(a op.Audit) Flow {
	f := Flow{ID: v.node.Base().ID, Kind: v.node.Kind(), Came: v.came, Rows: a.Rows - v.began.Rows, Out: v.out.rows}
	f.Gone = a.Filtered + a.Failed + a.Dropped - v.began.Filtered - v.began.Failed - v.began.Dropped
	switch v.op.(type) {
	case *op.Calc, *op.WatermarkAssigner, *op.DropUpdateBefore, *op.Union:
		f.Passes = true
	case *op.Values:
		f.Made, f.Passes = true, true
	}
	return f
}

// flow is a sink's part; v is its vertex.
func (s *sink) flow(v *vertex) Flow {
	return Flow{ID: s.node.Name, Kind: s.node.Kind(), Came: v.came, Rows: s.taken, Gone: s.refused, Out: s.written, Passes: true}
}

// NamedSource, NamedAudit and NamedOutput are the parts of a Ledger with what they are of.
type NamedSource struct {
	Name string
	SourceLedger
}

// NamedAudit is an operator's part.
type NamedAudit struct {
	ID, Kind string
	op.Audit
}

// NamedOutput is an output's part. Uncommitted outputs have no outbox and no balance.
type NamedOutput struct {
	Name        string
	Uncommitted bool
	OutputLedger
}

// Ledger is the account of every event so far. InOutbox and Confirmed of the outputs are
// the host's to fill in.
func (e *Engine) Ledger() *Ledger {
	l := &Ledger{}
	for _, in := range e.sources {
		l.Sources = append(l.Sources, NamedSource{in.node.Table.Name, in.ledger})
		l.Flows = append(l.Flows, in.flow(e.vertices[in.node.Base().Ordinal].out.rows))
	}
	for _, v := range e.vertices {
		switch o := v.op.(type) {
		case op.Audited:
			a := o.Audit()
			l.Operators = append(l.Operators, NamedAudit{v.node.Base().ID, v.node.Kind(), a})
			l.Flows = append(l.Flows, v.flow(a))
		case *sink:
			l.Flows = append(l.Flows, o.flow(v))
		}
	}
	for _, o := range e.outputs {
		l.Outputs = append(l.Outputs, NamedOutput{Name: o.Name, OutputLedger: OutputLedger{Emitted: o.emitted}})
	}
	for _, v := range e.vertices {
		if s, ok := v.op.(*sink); ok && s.out == nil {
			l.Outputs = append(l.Outputs, NamedOutput{Name: s.node.Name, Uncommitted: true, OutputLedger: OutputLedger{Emitted: s.rows}})
		}
	}
	return l
}

// Imbalances lists the equations that do not hold, a sentence each; nil when all do.
func (l *Ledger) Imbalances() []string {
	var out []string
	complain := func(ok bool, format string, args ...any) {
		if !ok {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	for _, s := range l.Sources {
		complain(s.Read == s.Decoded+s.Undecodable, "source %s: read %d is not decoded %d + undecodable %d", s.Name, s.Read, s.Decoded, s.Undecodable)
	}
	for _, o := range l.Operators {
		complain(o.Balanced(), "%s %s: assigned %d is not fired %d + dropped late %d + open %d",
			o.Kind, o.ID, o.Assigned, o.Fired, o.DroppedLate, o.Open)
	}
	for _, f := range l.Flows {
		complain(f.Made || f.Came == f.Rows, "%s %s: %d rows were handed to it, and it counted %d", f.Kind, f.ID, f.Came, f.Rows)
		complain(!f.Passes || f.Rows == f.Gone+f.Out, "%s %s: rows %d are not gone %d + handed on %d", f.Kind, f.ID, f.Rows, f.Gone, f.Out)
	}
	for _, o := range l.Outputs {
		complain(o.Uncommitted || o.Emitted == o.Confirmed+o.InOutbox+o.Dropped, "output %s: emitted %d is not confirmed %d + in outbox %d + dropped %d",
			o.Name, o.Emitted, o.Confirmed, o.InOutbox, o.Dropped)
	}
	return out
}
