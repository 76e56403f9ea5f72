package forward

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrFenced is returned when a newer instance of the pipeline has claimed an output.
	ErrFenced = errors.New("another instance of this pipeline took over")
	// ErrCursorAhead is returned when the hub has rows that were never committed here.
	ErrCursorAhead = errors.New("the hub is ahead of this instance")
	// ErrCursorLost is returned when the hub's cursor is gone or behind what it confirmed.
	ErrCursorLost = errors.New("the hub lost its cursor")
	// ErrOutboxHole is returned when the outbox misses rows; a bug or a damaged store.
	ErrOutboxHole = errors.New("the outbox has a hole")
	// ErrMergedTwice is returned when the hub has a part of what was merged here since: another
	// copy of this instance's disk sent it.
	ErrMergedTwice = errors.New("the hub has a part of a merged row")
	// ErrRowTooLarge is matched by every *RowTooLargeError.
	ErrRowTooLarge = errors.New("row too large for the hub")
	// ErrNotYet is returned by OutputOptions.Refuse for a row whose dead letter is not
	// committed yet.
	ErrNotYet = errors.New("the dead letter is not committed yet")
)

// OutputError says which output failed and what to do.
type OutputError struct {
	Output string
	Err    error
	Hint   string
}

func (e *OutputError) Error() string {
	s := fmt.Sprintf("output %q: %v", e.Output, e.Err)
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

func (e *OutputError) Unwrap() error { return e.Err }

// RowTooLargeError is about a row that no message of the hub can carry.
type RowTooLargeError struct {
	Output          string
	Seq             uint64
	Bytes, MaxBytes int
}

func (e *RowTooLargeError) Error() string {
	return fmt.Sprintf("output %q: row %d takes %d bytes, a message of the hub at most %d: raise max_payload of the server, or send less in a row", e.Output, e.Seq, e.Bytes, e.MaxBytes)
}

func (e *RowTooLargeError) Is(target error) bool { return target == ErrRowTooLarge }

// GuardError is returned by Publish when a cursor was not where it was expected. Nothing
// was stored. Place is where it is, 0 for nowhere or unknown.
type GuardError struct{ Place uint64 }

func (e *GuardError) Error() string {
	return fmt.Sprintf("the cursor is at %d, not where it was expected", e.Place)
}

// RefusedError is returned by Publish when the hub refused a batch as a whole. Nothing was
// stored.
type RefusedError struct {
	Reason string
	// Smaller is set when a smaller batch may pass.
	Smaller bool
	// Changed is set when the hub's limits are no longer those that Check found.
	Changed bool
	Hint    string
}

func (e *RefusedError) Error() string {
	if e.Hint != "" {
		return fmt.Sprintf("the hub refused a batch: %s: %s", e.Reason, e.Hint)
	}
	return "the hub refused a batch: " + e.Reason
}

// ErrConnecting is wrapped by errors of a hub of which nothing is known yet: a first connection is
// being made.
var ErrConnecting = errors.New("connecting")

// NotSentError is returned by a hub that nothing was sent to, for want of a connection.
type NotSentError struct{ Err error }

func (e *NotSentError) Error() string { return e.Err.Error() }

func (e *NotSentError) Unwrap() error { return e.Err }

// Limits is what one publish may carry.
type Limits struct {
	// MessageBytes bounds a message's payload.
	MessageBytes int
	// Messages and Bytes bound a batch, the cursor not counted.
	Messages, Bytes int
	// Overhead is what a message takes beside its payload, about, in bytes. It counts as
	// bytes of the batch, so that small rows of a message each do not overwhelm a slow link.
	Overhead int
}

// Message is one message of a batch: one row or several packed ones.
type Message struct {
	Subject string
	Data    []byte
	// First and Last are the outbox sequences of its rows.
	First, Last uint64
	// Kind is the row kind of all its rows, "+I" when that goes without saying.
	Kind string
	// WindowEndMs is the window end of its last row, 0 for none.
	WindowEndMs int64
	// Merged is how many rows its rows stand for, when they were merged in the outbox; 0 when
	// they are as the query made them. The two do not share a message.
	Merged uint64
}

// Move is a cursor's move.
type Move struct {
	Output, Subject string // the cursor's output, and where it lives
	// Expect is the cursor's place for the move to be stored, 0 when there is none.
	Expect uint64
	Cursor Record
}

// Batch is what one publish stores: moved cursors and the messages after them.
type Batch struct {
	Pipeline, Instance string
	Move
	// With are cursors of other outputs of the group, which are claimed at once. They follow
	// the first one at the next places.
	With     []Move
	Messages []Message
	// Bytes is the size of the payloads, and what messages take beside them.
	Bytes int
	// Round is set by Publish to how long the hub took to answer the beginning of the batch, and
	// stays 0 where it does not answer that.
	Round time.Duration
}

// Hub is a place that stores batches atomically under a guarded cursor: a JetStream stream,
// or a simulated one. Its methods are called from the goroutine of the output's lane: outputs that
// share a hub share a link. An answer that has
// not come when ctx ends is a context.DeadlineExceeded.
type Hub interface {
	// Check reaches the hub and makes sure that it can keep the protocol's promises.
	Check(ctx context.Context) (Limits, error)
	// ReadCursor reads the newest cursor from the stream's leader. place is 0 when there
	// is none.
	ReadCursor(ctx context.Context, subject string) (data []byte, place uint64, err error)
	// Publish stores the cursors and the messages, all or none, and returns the first cursor's
	// new place. A *GuardError, *RefusedError or *NotSentError means that nothing was stored;
	// after any other error the outcome is unknown.
	Publish(ctx context.Context, b *Batch) (place uint64, err error)
}
