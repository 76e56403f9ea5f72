package agent

import (
	"errors"
	"sync"

	"github.com/edgeflow/edgeflow/dataflow/plan"
	forward "github.com/edgeflow/edgeflow/sync"
)

// refusals takes rows that are too large for their target to the dead letters. The
// forwarder finds such a row and waits; the engine's goroutine writes the letter, which the
// next checkpoint commits; then the forwarder passes the row over. A process that dies
// between that and the cursor's move writes the letter once more, with the same sequence.
type refusals struct {
	mu   sync.Mutex
	rows map[refusedKey]*refused
	left int // rows whose letter is not written yet
}

type refusedKey struct {
	output string
	seq    uint64
}

// refused is a row on its way to the dead letters.
type refused struct {
	row                []byte
	why                error
	written, committed bool
}

// refuse is called by the forwarder.
func (f *refusals) refuse(output string) func(forward.Entry, *forward.RowTooLargeError) error {
	return func(e forward.Entry, why *forward.RowTooLargeError) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		key := refusedKey{output, e.Seq}
		r := f.rows[key]
		if r == nil {
			if f.rows == nil {
				f.rows = map[refusedKey]*refused{}
			}
			f.rows[key] = &refused{row: append([]byte(nil), e.Payload...), why: why}
			f.left++
			return forward.ErrNotYet
		}
		if !r.committed {
			return forward.ErrNotYet
		}
		return nil
	}
}

// waiting tells that letters are to be written.
func (f *refusals) waiting() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left > 0
}

// write gives the rows that wait to put, ahead of a barrier.
func (f *refusals) write(put func(output string, seq uint64, row []byte, why error) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for key, r := range f.rows {
		if !r.written {
			errs = append(errs, put(key.output, key.seq, r.row, r.why))
			r.written, r.row = true, nil
			f.left--
		}
	}
	return errors.Join(errs...)
}

// committed tells that the letters written so far are committed, and up to where each
// output is done.
func (f *refusals) committed(done func(output string) uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, r := range f.rows {
		if r.written {
			r.committed = true
		}
		if key.seq <= done(key.output) {
			delete(f.rows, key)
		}
	}
}

// takesRefused tells whether rows too large for their target are passed over; under the
// policy to fail they stop the pipeline.
func takesRefused(p plan.RowErrorPolicy) bool { return p != plan.RowErrorFail }
