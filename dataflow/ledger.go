package dataflow

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/op"
)

// OutputLedger accounts for an output: Emitted = Confirmed + InOutbox + Dropped.
type OutputLedger struct {
	Emitted, Confirmed, InOutbox, Dropped int64
}

// Ledger accounts for every event of a pipeline, counted since it began.
type Ledger struct {
	Sources   []NamedSource
	Operators []NamedAudit
	Outputs   []NamedOutput
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
		complain(o.Assigned == o.Fired+o.DroppedLate+o.Open, "%s %s: assigned %d is not fired %d + dropped late %d + open %d",
			o.Kind, o.ID, o.Assigned, o.Fired, o.DroppedLate, o.Open)
	}
	for _, o := range l.Outputs {
		complain(o.Uncommitted || o.Emitted == o.Confirmed+o.InOutbox+o.Dropped, "output %s: emitted %d is not confirmed %d + in outbox %d + dropped %d",
			o.Name, o.Emitted, o.Confirmed, o.InOutbox, o.Dropped)
	}
	return out
}
