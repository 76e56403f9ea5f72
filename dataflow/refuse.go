package dataflow

import (
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// Refused takes a row of an output that its target will never take to the dead letters, as
// 'edgeflow.on-row-error' says. The row has the outbox sequence seq and is encoded as the
// target would have got it.
func (e *Engine) Refused(output string, seq uint64, row []byte, reason error) error {
	if e.letters.policy != plan.RowErrorDeadLetter {
		return nil
	}
	l := &letter{Reason: reason.Error(), Operator: "sink " + output, Sequence: seq, ArrivalMs: e.nowMs}
	if utf8.Valid(row) {
		text := string(row)
		l.Event = &text
	} else {
		l.EventBase64 = row
	}
	return e.letters.put(e.letters.out, l)
}
