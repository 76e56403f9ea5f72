package dataflow

import (
	"encoding/json"

	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// Refused takes a row of an output that its target will never take to the dead letters, as
// 'edgeflow.on-row-error' says. The row has the outbox sequence seq and is encoded as the
// target would have got it. Of a letter that is too large for its own target the event is
// left out.
func (e *Engine) Refused(output string, seq uint64, row []byte, reason error) error {
	if e.letters.policy != plan.RowErrorDeadLetter {
		return nil
	}
	l := &Letter{Kind: KindDead, Class: ClassTooLarge, Reason: reason.Error(), Operator: "sink " + output, Sequence: seq, ArrivalMs: e.nowMs}
	if output == DeadLetters || output == LateRows {
		l.of(row)
	} else {
		l.setEvent(row)
	}
	return e.letters.put(e.letters.out, l)
}

// of takes over where the event of another letter came from.
func (l *Letter) of(letter []byte) {
	var old Letter
	if json.Unmarshal(letter, &old) != nil {
		return // its reason and place are all that is known
	}
	l.Kind, l.Class, l.Reason = old.Kind, old.Class, old.Reason+" (the event is left out: "+l.Reason+")"
	l.Operator, l.Source, l.Log, l.Subject = old.Operator, old.Source, old.Log, old.Subject
	l.Replay, l.Head, l.Size = old.Replay, old.Head, old.Size
	l.Sequence, l.Row, l.Offset, l.ArrivalMs = old.Sequence, old.Row, old.Offset, old.ArrivalMs
}
