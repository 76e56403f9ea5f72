package wiring

import (
	"errors"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state"
	forward "github.com/edgeflow/edgeflow/sync"
)

// OutputStates are the forwarder's accounts as a manifest keeps them; m is nil when nothing
// was committed yet.
func OutputStates(m *dataflow.Manifest) []forward.OutputState {
	if m == nil {
		return nil
	}
	var states []forward.OutputState
	for _, o := range m.Outputs {
		states = append(states, forward.OutputState{Name: o.Name, Generation: o.Generation, Account: forward.Account{
			Cursor: o.Cursor, DroppedTo: o.DroppedTo, Confirmed: o.Confirmed, Dropped: o.Dropped, Refused: o.Refused,
		}, Hold: o.Hold, Merged: o.Merged})
	}
	return states
}

// Keep writes the forwarder's accounts into a manifest and returns which rows the commit of
// it may delete.
func Keep(m *dataflow.Manifest, states []forward.OutputState) []state.OutboxTrim {
	var trims []state.OutboxTrim
	for _, s := range states {
		for i := range m.Outputs {
			o := &m.Outputs[i]
			if o.Name == s.Name {
				o.Generation, o.Cursor, o.DroppedTo = s.Generation, s.Cursor, s.DroppedTo
				o.Confirmed, o.Dropped, o.Refused = s.Confirmed, s.Dropped, s.Refused
				o.Hold, o.Merged = s.Hold, s.Merged
			}
		}
		if done := s.Done(); done > 0 {
			trims = append(trims, state.OutboxTrim{Output: s.Name, UpTo: done})
		}
	}
	return trims
}

// given counts the rows that the commit of m gave up as dropped: the forwarder itself does
// so when it hears of the commit.
func given(m *dataflow.Manifest, statuses []forward.Status) []forward.Status {
	for i := range statuses {
		s := &statuses[i]
		for _, o := range m.Outputs {
			if done := s.Done(); o.Name == s.Name && o.DroppedTo > done {
				s.Dropped += o.DroppedTo - done
				s.DroppedTo = o.DroppedTo
			}
		}
	}
	return statuses
}

// Outbox is what the account asks of a store.
type Outbox interface {
	OutboxScan(output string, after uint64, fn func(state.OutboxFrame) (more bool, err error)) error
	OutboxStats(output string) (state.OutboxStats, error)
}

// Account fills in what the outboxes and the targets have of each output. An output whose
// outbox cannot be read keeps zero there, and the error names it.
func Account(l *dataflow.Ledger, statuses []forward.Status, outbox Outbox) error {
	var errs []error
	for i := range l.Outputs {
		o := &l.Outputs[i]
		for _, s := range statuses {
			if s.Name != o.Name {
				continue
			}
			o.Confirmed, o.Dropped, o.Merged = int64(s.Confirmed), int64(s.Dropped), int64(s.Merged)
			n, err := inOutbox(outbox, o.Name, s.Done())
			if err != nil {
				errs = append(errs, fmt.Errorf("outbox of %q: %w", o.Name, err))
				continue
			}
			o.InOutbox = n
		}
	}
	return errors.Join(errs...)
}

// inOutbox counts the rows of an outbox beyond done: its own count, less what its first
// frames have up to done.
func inOutbox(outbox Outbox, output string, done uint64) (int64, error) {
	st, err := outbox.OutboxStats(output)
	if err != nil {
		return 0, err
	}
	n := st.Rows
	err = outbox.OutboxScan(output, 0, func(f state.OutboxFrame) (bool, error) {
		if f.First > done {
			return false, nil
		}
		n -= int64(min(done, f.Last) - f.First + 1)
		return true, nil
	})
	return n, err
}
