package dataflow

import (
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// ProgressSubject is the subject of an entry that is no row: its payload is the sink's
// watermark in ms since 1970, in decimal.
const ProgressSubject = "$progress"

// SourceBinding is what reads a table: a log of messages with their decoder, or a maker
// of rows.
type SourceBinding struct {
	Messages MessageSource
	// Decoder makes the format's decoder; onBad takes events that it cannot decode.
	Decoder func(onBad func(event []byte, offset int, reason error)) (format.Decoder, error)
	// Log names what Messages reads, for letters: a stream, a path.
	Log string
	// Metadata reads the metadata columns of a message, by the keys of the plan's columns.
	Metadata MetadataReader

	Rows RowSource
}

// SinkBinding is what takes a sink's rows: the outbox, through an encoder, or a Printer.
type SinkBinding struct {
	Encoder format.Encoder
	// Frames encodes the frames of the sink's output.
	Frames FrameWriter
	// RowBytesMax tells the largest encoded row that the target takes at present, in bytes;
	// 0 is any. Nil is any.
	RowBytesMax func() int
	// Subject appends the subject of a row, of a batch with the sink's schema; nil where rows
	// have none but that of the metadata column. A row whose subject is an error is not written.
	Subject func(dst []byte, b *vec.Batch, i int) ([]byte, error)
	// Takes says why the target takes no rows of a subject; nil is any. Such a row is not written.
	Takes func(subject []byte) error
	// Follows tells that the target must hear how far event time has come: before a barrier
	// an entry with ProgressSubject says it, where it has moved.
	Follows bool

	Printer Printer
}

// Connectors opens what a plan's tables are connected to.
type Connectors interface {
	Source(n *plan.Source, env *expr.Env) (*SourceBinding, error)
	Sink(n *plan.Sink, env *expr.Env) (*SinkBinding, error)
	// Diverted gives the frames of an output that the engine itself writes: "dead-letters",
	// "late".
	Diverted(output string) (FrameWriter, error)
}
