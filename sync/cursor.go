package forward

import (
	"errors"
	"fmt"

	"github.com/tinylib/msgp/msgp"
)

// Record is the content of a cursor: up to which outbox sequence the hub has an output,
// written by which generation. From is where the batch that moved it there began. Skipped is
// how many rows up to Outbox the hub never got, because they were given up; Counted is set
// where it is known, which it is not in what older programs wrote.
type Record struct {
	Generation, Epoch, From, Outbox, Skipped uint64
	Counted                                  bool
}

// The versions of a record: the second one counts skipped rows.
const (
	recordPlain   = 1
	recordCounted = 2
)

// Append encodes the record as a msgpack array [version, generation, epoch, from, outbox,
// skipped], of which the first version lacks the last.
func (r Record) Append(dst []byte) []byte {
	version, fields := uint64(recordPlain), uint32(5)
	if r.Counted {
		version, fields = recordCounted, 6
	}
	dst = msgp.AppendArrayHeader(dst, fields)
	dst = msgp.AppendUint64(dst, version)
	dst = msgp.AppendUint64(dst, r.Generation)
	dst = msgp.AppendUint64(dst, r.Epoch)
	dst = msgp.AppendUint64(dst, r.From)
	dst = msgp.AppendUint64(dst, r.Outbox)
	if r.Counted {
		dst = msgp.AppendUint64(dst, r.Skipped)
	}
	return dst
}

// DecodeRecord reads what Append wrote; a later version is refused.
func DecodeRecord(b []byte) (r Record, err error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return r, fmt.Errorf("cursor record: %w", err)
	}
	var v uint64
	if v, b, err = msgp.ReadUint64Bytes(b); err != nil {
		return r, fmt.Errorf("cursor record: %w", err)
	}
	if !(v == recordPlain && n == 5 || v == recordCounted && n == 6) {
		return r, fmt.Errorf("cursor record: version %d with %d fields, this program knows versions up to %d: use a newer one", v, n, recordCounted)
	}
	for _, p := range []*uint64{&r.Generation, &r.Epoch, &r.From, &r.Outbox, &r.Skipped}[:n-1] {
		if *p, b, err = msgp.ReadUint64Bytes(b); err != nil {
			return r, fmt.Errorf("cursor record: %w", err)
		}
	}
	if len(b) != 0 {
		return r, errors.New("cursor record: bytes after its end")
	}
	if r.Counted = v == recordCounted; r.Skipped > r.Outbox {
		return r, fmt.Errorf("cursor record: %d of %d rows are skipped", r.Skipped, r.Outbox)
	}
	return r, nil
}

// Seen is what a look at the hub's cursor showed. Place is the cursor's stream sequence, 0
// when there is no cursor.
type Seen struct {
	Place uint64
	Record
}

// Local is what this side knows of an output.
type Local struct {
	// Generation is ours, 0 before the first claim ever.
	Generation uint64
	// Cursor is the highest outbox sequence that the hub is known to have.
	Cursor uint64
	// Sent is the last outbox sequence that may have been sent: what follows was held back.
	Sent uint64
	// Last is the last committed outbox sequence.
	Last uint64
}

// Decision is what to do after a look at the cursor.
type Decision uint8

// The decisions. Those from Fenced on stop the forwarder.
const (
	// Proceed: the hub has everything up to the seen sequence; go on after it.
	Proceed Decision = iota
	// Fenced: a newer generation owns the cursor.
	Fenced
	// CursorAhead: the hub has rows that were never committed here.
	CursorAhead
	// CursorAheadOfHold: the hub has rows that are held back here.
	CursorAheadOfHold
	// CursorLost: there was a cursor and now there is none.
	CursorLost
	// CursorBehind: the hub has forgotten rows it had confirmed.
	CursorBehind
)

func (d Decision) String() string {
	return [...]string{"proceed", "fenced", "cursor ahead", "cursor ahead of the hold", "cursor lost", "cursor behind"}[d]
}

// decideClaim decides whether the cursor may be claimed, with a generation above both.
// Before the first claim ever, no cursor is what is expected.
func decideClaim(l Local, s Seen) Decision {
	switch {
	case s.Place == 0 && (l.Generation > 0 || l.Cursor > 0):
		return CursorLost
	case s.Place == 0:
		return Proceed
	case s.Outbox > l.Last:
		return CursorAhead
	case s.Outbox > l.Sent:
		return CursorAheadOfHold
	case s.Outbox < l.Cursor:
		return CursorBehind
	}
	return Proceed
}

// decideOutcome decides after a publish that failed its guard or whose outcome is unknown.
// It may have been stored, in this attempt or an earlier one that arrived late: the cursor
// tells.
func decideOutcome(l Local, s Seen) Decision {
	switch {
	case s.Place == 0:
		return CursorLost
	case s.Generation > l.Generation:
		return Fenced
	case s.Generation < l.Generation, s.Outbox < l.Cursor:
		return CursorBehind
	case s.Outbox > l.Last:
		return CursorAhead
	}
	return Proceed
}

// Account counts what became of an output's rows. Confirmed + Dropped is always the number
// of rows that left the outbox.
type Account struct {
	// Cursor is the highest sequence that the hub is known to have.
	Cursor uint64
	// DroppedTo is the highest sequence that a drop reached.
	DroppedTo uint64
	// Confirmed rows are at the hub; Dropped ones were given up by policy; Refused ones, a
	// part of Dropped, were too large for the hub and went to the dead letters.
	Confirmed, Dropped, Refused uint64
}

// Done is the sequence up to which rows may leave the outbox.
func (a Account) Done() uint64 { return max(a.Cursor, a.DroppedTo) }

// learn takes in a cursor at outbox that was moved there by a batch beginning after from.
// Rows which had been counted as dropped and are at the hub after all are counted anew.
func (a Account) learn(from, outbox uint64) Account {
	if outbox <= a.Cursor {
		return a
	}
	low := max(from, a.Cursor)
	if a.DroppedTo > low {
		n := min(outbox, a.DroppedTo) - low
		a.Dropped -= n
		a.Confirmed += n
	}
	if base := a.Done(); outbox > base {
		a.Confirmed += outbox - base
	}
	a.Cursor = outbox
	return a
}

// adopt takes in what a claimed cursor says: of the rows up to outbox, which is not before
// Cursor, the hub lacks skipped. Its word counts more than what was known here: another copy
// of the disk, or a start that ended before it noted anything, may have sent or given up rows.
func (a Account) adopt(outbox, skipped uint64) Account {
	beyond := uint64(0)
	if a.DroppedTo > outbox {
		beyond = a.DroppedTo - outbox
	}
	a.Cursor, a.Confirmed, a.Dropped = outbox, outbox-skipped, skipped+beyond
	return a
}

// claimed takes in the cursor that a claim found.
func (a Account) claimed(seen Seen) Account {
	if seen.Place > 0 && seen.Counted {
		return a.adopt(seen.Outbox, seen.Skipped)
	}
	return a.learn(seen.From, seen.Outbox)
}

// skipped is how many rows up to sequence to, which is not before Cursor, the hub lacks.
func (a Account) skipped(to uint64) uint64 {
	if a.DroppedTo > to {
		return a.Dropped - (a.DroppedTo - to)
	}
	return a.Dropped
}

// drop gives up the rows up to sequence to.
func (a Account) drop(to uint64) Account {
	if base := a.Done(); to > base {
		a.Dropped += to - base
		a.DroppedTo = to
	}
	return a
}

// refuse counts n rows of the newest learned range as given up.
func (a Account) refuse(n uint64) Account {
	a.Confirmed -= n
	a.Dropped += n
	a.Refused += n
	return a
}
