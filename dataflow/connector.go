package dataflow

import (
	"context"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Message is one message of a log. Its bytes are valid until the next Poll of its source.
type Message struct {
	Data []byte
	// Seq is the position in the log: a JetStream stream sequence, a row or line number.
	Seq uint64
	// ArrivalMs is the time at which the log stored the message, in ms since 1970.
	ArrivalMs int64
	Subject   []byte
	// Header is the raw header block of NATS, nil when there is none.
	Header []byte
}

// OpenReport tells what a source found when it verified its position.
type OpenReport struct {
	// Resumed is set when reading goes on after a stored position.
	Resumed bool
	// Gap counts messages that the log no longer has, where the policy is to go on.
	Gap uint64
	// Moved is set when reading goes on elsewhere than at the stored position, by policy: a
	// Starter then tells where, and that takes the position's place. It counts Gap once.
	Moved bool
	// Warning is a sentence for the log, or empty.
	Warning string
}

// MessageSource is a log of messages. Its methods are called from one goroutine.
type MessageSource interface {
	// Open verifies the position (nil: none, start as the options say) and begins after it.
	Open(ctx context.Context, position []byte) (OpenReport, error)
	// Poll appends at most limit messages to dst and returns it. It waits at most wait for
	// the first. pending is the number of messages known to be waiting behind those handed
	// out; 0 means caught up. The error is io.EOF, with dst, at the end of a bounded source.
	Poll(dst []Message, limit int, wait time.Duration) (out []Message, pending uint64, err error)
	// Position appends the encoded position after m, a message of the newest Poll, to dst.
	Position(dst []byte, m *Message) []byte
	// Committed tells that everything up to the position is durable here.
	Committed(position []byte)
	Close() error
}

// Starter is a MessageSource that knows where it began before its first message, so that a
// start at the newest message, or beyond a gap, survives a crash before one comes. StartPosition appends that
// position to dst, or nothing.
type Starter interface {
	StartPosition(dst []byte) []byte
}

// Advancer is a MessageSource whose place moves on without messages, behind those that are not for
// it. Advanced appends the place that it has reached, once all messages before it were polled, to
// dst, or nothing.
type Advancer interface {
	Advanced(dst []byte) []byte
}

// Gapped is a MessageSource that may find messages gone while it runs and go on, where that is
// the policy. Gap returns how many are missing before the message with sequence seq and were
// not told of before.
type Gapped interface {
	Gap(seq uint64) uint64
}

// RowSource makes rows by itself, without messages: datagen, nexmark, values of a test.
type RowSource interface {
	Open(ctx context.Context, position []byte) (OpenReport, error)
	// Next fills b, whose columns are those that the plan reads from the table, with at
	// most limit rows, and sets Arrival and Origin (Seq alone) of each. Rows that are not
	// due at nowMs stay behind; pending counts those known to be due. The error is io.EOF,
	// with the rows, at the end of a bounded source.
	Next(b *vec.Batch, limit int, nowMs int64) (pending uint64, err error)
	// Position appends the encoded position after the row with the given sequence to dst.
	Position(dst []byte, seq uint64) []byte
	Close() error
}

// Printer takes rows at once, before they are committed: print, blackhole, live queries.
// Sinks that take committed output implement the forwarder's Hub instead (folder sync).
type Printer interface {
	Print(b *vec.Batch) error
	Close() error
}
