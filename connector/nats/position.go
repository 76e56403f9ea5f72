package nats

import (
	"errors"
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/tinylib/msgp/msgp"
)

// positionVersion is the version of the encoding below, of positions that have passed messages;
// those of others have the version before, which earlier programs read.
const positionVersion = 2

// Position is a place in a stream, after message Sequence.
type Position struct {
	Stream    string
	CreatedNs int64 // of the stream
	Sequence  uint64
	StoredNs  int64  // when the message was stored; 0 when there is none
	Hash      uint64 // of the message; 0 when unknown
	// Passed is the last of the messages behind it that are known not to be for the source; 0 when
	// there is none.
	Passed uint64
}

// reached is the last sequence that there is nothing to read of.
func (p *Position) reached() uint64 { return max(p.Sequence, p.Passed) }

// messageHash identifies a stored message by its time, subject and payload.
func messageHash(d *xxhash.Digest, storedNs int64, subject, data []byte) uint64 {
	d.Reset()
	var t [8]byte
	for i := range t {
		t[i] = byte(storedNs >> (8 * i))
	}
	_, _ = d.Write(t[:])
	_, _ = d.Write(subject)
	_, _ = d.Write(t[:1])
	_, _ = d.Write(data)
	if h := d.Sum64(); h != 0 {
		return h
	}
	return 1
}

// Append encodes the position as a msgpack array [version, stream, created, sequence,
// stored, hash], and passed where there is.
func (p *Position) Append(dst []byte) []byte {
	fields, version := uint32(6), positionVersion-1
	if p.Passed > 0 {
		fields, version = 7, positionVersion
	}
	dst = msgp.AppendArrayHeader(dst, fields)
	dst = msgp.AppendInt(dst, version)
	dst = msgp.AppendString(dst, p.Stream)
	dst = msgp.AppendInt64(dst, p.CreatedNs)
	dst = msgp.AppendUint64(dst, p.Sequence)
	dst = msgp.AppendInt64(dst, p.StoredNs)
	dst = msgp.AppendUint64(dst, p.Hash)
	if p.Passed > 0 {
		dst = msgp.AppendUint64(dst, p.Passed)
	}
	return dst
}

// DecodePosition reads what Append wrote. A later version is refused.
func DecodePosition(b []byte) (p Position, err error) {
	fail := func(err error) (Position, error) {
		return Position{}, fmt.Errorf("nats source: the stored position cannot be read: %w", err)
	}
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return fail(err)
	}
	v, b, err := msgp.ReadIntBytes(b)
	if err != nil {
		return fail(err)
	}
	if v < positionVersion-1 || v > positionVersion {
		return fail(fmt.Errorf("version %d, this program knows %d: use a newer one", v, positionVersion))
	}
	if fields := 5 + v; int(n) != fields {
		return fail(fmt.Errorf("%d fields instead of %d", n, fields))
	}
	if p.Stream, b, err = msgp.ReadStringBytes(b); err != nil {
		return fail(err)
	}
	if p.CreatedNs, b, err = msgp.ReadInt64Bytes(b); err != nil {
		return fail(err)
	}
	if p.Sequence, b, err = msgp.ReadUint64Bytes(b); err != nil {
		return fail(err)
	}
	if p.StoredNs, b, err = msgp.ReadInt64Bytes(b); err != nil {
		return fail(err)
	}
	if p.Hash, b, err = msgp.ReadUint64Bytes(b); err != nil {
		return fail(err)
	}
	if v == positionVersion {
		if p.Passed, b, err = msgp.ReadUint64Bytes(b); err != nil {
			return fail(err)
		}
	}
	if len(b) != 0 {
		return fail(errors.New("bytes after its end"))
	}
	return p, nil
}

// VerdictKind says how a stream relates to a stored position.
type VerdictKind uint8

// The verdicts on a position.
const (
	// Continues: the stream goes on where we were.
	Continues VerdictKind = iota
	// Recreated: another stream has the name now.
	Recreated
	// GapBehind: messages after ours are gone.
	GapBehind
	// RolledBack: the stream ends before our position.
	RolledBack
	// Rewritten: another message stands at our position.
	Rewritten
	// OtherStream: the position belongs to a stream of another name.
	OtherStream
)

func (k VerdictKind) String() string {
	switch k {
	case Continues:
		return "the stream continues"
	case Recreated:
		return "the stream was deleted and created again"
	case GapBehind:
		return "messages are missing"
	case RolledBack:
		return "the stream was rolled back"
	case Rewritten:
		return "the stream was rolled back and written again"
	case OtherStream:
		return "the stored position is of another stream"
	}
	return fmt.Sprintf("verdict %d", k)
}

// Verdict is the decision on a position.
type Verdict struct {
	Kind VerdictKind
	// Missing counts messages that we never read and cannot read any more. With a subject
	// filter it is an upper bound.
	Missing uint64
	// Vanished counts messages that we have read and the stream no longer knows, those included
	// that others have replaced.
	Vanished uint64
	// Next is where reading goes on if it is to go on.
	Next uint64
}

// StreamState is what matters of a stream's state.
type StreamState struct {
	Name        string
	CreatedNs   int64
	First, Last uint64
	Messages    uint64
	// Compacted streams keep a number of messages per subject; holes are normal there.
	Compacted bool
}

// StoredMessage is the message found at the position.
type StoredMessage struct {
	Found    bool
	StoredNs int64
	Hash     uint64
}

// verify decides whether the stream continues p. at is the message at p.Sequence; a
// message that is gone (deleted or expired) proves nothing, for it was read already.
func verify(p Position, st StreamState, at StoredMessage) Verdict {
	switch {
	case p.Stream != st.Name:
		return Verdict{Kind: OtherStream, Next: st.First}
	case p.CreatedNs != st.CreatedNs:
		return Verdict{Kind: Recreated, Next: st.First}
	case p.reached() > st.Last:
		return Verdict{Kind: RolledBack, Vanished: max(p.Sequence, st.Last) - st.Last, Next: st.Last + 1}
	case at.Found && p.Hash != 0 && (at.Hash != p.Hash || at.StoredNs != p.StoredNs):
		return Verdict{Kind: Rewritten, Vanished: 1, Next: p.Sequence + 1}
	case st.First > p.reached()+1 && !st.Compacted:
		return Verdict{Kind: GapBehind, Missing: st.First - p.reached() - 1, Next: st.First}
	}
	return Verdict{Kind: Continues, Next: p.reached() + 1}
}

// goesOn takes in that the first message stored after p's is at next: all from there up to p
// were read and are others now, or gone. Messages that replaced some and were stored before p's,
// by a server whose clock had gone back, cannot be told from those that were read.
func (v Verdict) goesOn(p Position, next uint64) Verdict {
	v.Next, v.Vanished = next, 0
	if next <= p.Sequence {
		v.Vanished = p.Sequence - next + 1
	}
	return v
}

// Verify decides whether the stream continues p, as Open does: at is the message found at
// p.Sequence. The error says what is wrong and what to do; it is nil for Continues.
func Verify(p Position, st StreamState, at StoredMessage) (Verdict, *PositionError) {
	v := verify(p, st, at)
	if v.Kind == Continues {
		return v, nil
	}
	return v, explain(v, p, st)
}

// explain turns a verdict that is not Continues into an error with what to do.
func explain(v Verdict, p Position, st StreamState) *PositionError {
	e := &PositionError{Verdict: v, Stream: st.Name}
	when := func(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339) }
	const resume = "set 'edgeflow.on-gap' = 'resume' to count this in the ledger and go on"
	switch v.Kind {
	case Recreated:
		e.Detail = fmt.Sprintf("position %d is of the stream created %s, this one was created %s", p.Sequence, when(p.CreatedNs), when(st.CreatedNs))
		e.Hint = fmt.Sprintf("look with `nats stream info %s`; to start over run with --reset-state, or %s from its first message", st.Name, resume)
	case GapBehind:
		e.Detail = fmt.Sprintf("we read up to %d, the stream now begins at %d: up to %d messages are lost", p.reached(), st.First, v.Missing)
		e.Hint = fmt.Sprintf("give the stream more room with `nats stream edit %s --max-bytes=... --max-age=...`; %s", st.Name, resume)
	case RolledBack:
		e.Detail = fmt.Sprintf("we read up to %d, the stream ends at %d: %d messages that we have are gone or replaced, reading goes on at %d", p.reached(), st.Last, v.Vanished, v.Next)
		e.Hint = fmt.Sprintf("the server may have lost unsynced writes (set sync_interval: always), or an old backup was restored (`nats stream restore`); %s", resume)
	case Rewritten:
		e.Detail = fmt.Sprintf("message %d is not the one we read (stored %s); messages that we have read and that others have replaced: %d, reading goes on at %d", p.Sequence, when(p.StoredNs), v.Vanished, v.Next)
		e.Hint = fmt.Sprintf("look with `nats stream get %s %d`; the server may have lost unsynced writes (set sync_interval: always); %s", st.Name, p.Sequence, resume)
	case OtherStream:
		e.Detail = fmt.Sprintf("the position is of stream %q", p.Stream)
		e.Hint = fmt.Sprintf("name that stream in 'nats.stream', run with --reset-state, or %s", resume)
	}
	return e
}
