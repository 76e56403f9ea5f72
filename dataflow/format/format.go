package format

import (
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/nearest"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Column is a column to decode or encode.
type Column struct {
	Name string
	Type types.Type
	// Path leads to the column's value: its field at the top level, then the fields of the
	// ROWs below. Nil is the same as {Name}. Encoders ignore it.
	Path []string
}

// Schema says what a Decoder fills or an Encoder reads: column i is b.Cols[i].
type Schema struct {
	Columns []Column
	// Declared are all physical columns of the table in their order. Formats that go by
	// position (CSV, msgpack arrays) need it when Columns is a projection, and fields
	// declared but not wanted do not count as unknown. Nil: Columns are the declaration.
	Declared []types.Field
}

// Options configure a Decoder or an Encoder.
type Options struct {
	// Table are the table's options as written; keys outside of "<format>." are not looked at.
	Table map[string]string
	// OnBad receives each undecodable event: its bytes (valid during the call), where it
	// starts in the message, and the reason, which is an *EventError. May be nil.
	OnBad func(event []byte, offset int, reason error)
}

// EventError is why an event cannot be decoded.
type EventError struct {
	// Field is the path of the offending column, or empty.
	Field string
	// Offset is where in the message decoding stopped, in bytes.
	Offset int
	Reason string
	// TooLarge tells that a nested value is larger than a Limited decoder takes.
	TooLarge bool
}

// Error is the reason with field and byte offset.
func (e *EventError) Error() string {
	if e.Field != "" {
		return fmt.Sprintf("field %s: %s (at byte %d)", e.Field, e.Reason, e.Offset)
	}
	return fmt.Sprintf("%s (at byte %d)", e.Reason, e.Offset)
}

// Decoder appends the events of messages to batches. Rows from b.N on must not be marked
// NULL; the decoder fills columns 0 to len(Columns)-1 and raises b.N.
type Decoder interface {
	// Decode begins a message. more tells that the batch is full while the message may hold
	// further events: the caller takes the batch away and calls Resume. msg must stay
	// unchanged until the batches that hold its rows are consumed.
	Decode(msg []byte, b *vec.Batch) (more bool)
	// Resume goes on with the message into another (or the emptied) batch.
	Resume(b *vec.Batch) (more bool)
	// Stats are the running counts; they are valid at any time between calls.
	Stats() *Stats
}

// Stats count what a Decoder saw. Every event is in exactly one of Decoded and Undecodable.
type Stats struct {
	Messages, Decoded, Undecodable uint64
	// Ignored are those of Undecodable that 'ignore-parse-errors' dropped without a report.
	Ignored uint64
	// Unknown counts fields that the table does not declare; UnknownNames are the first few
	// different ones.
	Unknown      uint64
	UnknownNames []string
	// Missing counts events that lack a column, Mismatch values whose form is not the
	// column's natural one, converted or not. Both are indexed by column.
	Missing, Mismatch []uint64
}

// unknownNamesMax bounds Stats.UnknownNames.
const unknownNamesMax = 8

// Encoder appends rows as bytes.
type Encoder interface {
	// Append appends row of b to dst, without separator. Its error names the column.
	Append(dst []byte, b *vec.Batch, row int) ([]byte, error)
	// Framing says how rows are put together.
	Framing() Framing
}

// Framing says how encoded rows become a message or a file.
type Framing struct {
	// Header opens a message or a file, and is not repeated; it ends with its own separator.
	Header []byte
	// Separator stands between rows, and after the last one in a file.
	Separator []byte
	// Single tells that a message carries exactly one row.
	Single bool
	// ContentType is the media type of one message.
	ContentType string
}

// Names lists the formats.
func Names() []string { return []string{"csv", "json", "msgpack", "raw"} }

// NewDecoder makes the decoder of a format. Its errors name the option or the column.
func NewDecoder(format string, s Schema, o Options) (Decoder, error) {
	f, err := lookup(format, o.Table)
	if err != nil {
		return nil, err
	}
	return f.decoder(s, o)
}

// NewEncoder makes the encoder of a format. Its errors name the option or the column.
func NewEncoder(format string, s Schema, o Options) (Encoder, error) {
	f, err := lookup(format, o.Table)
	if err != nil {
		return nil, err
	}
	return f.encoder(s, o)
}

// Validate checks a format's name and its options without a schema.
func Validate(format string, table map[string]string) error {
	f, err := lookup(format, table)
	if err != nil {
		return err
	}
	return f.check(table)
}

// Keys lists the option keys of a format with their meaning, for help texts.
func Keys(format string) []Key { return formats[format].keys }

type formatDef struct {
	keys    []Key
	check   func(table map[string]string) error
	decoder func(Schema, Options) (Decoder, error)
	encoder func(Schema, Options) (Encoder, error)
}

var formats map[string]formatDef

func init() {
	formats = map[string]formatDef{
		"json": {
			keys:    jsonKeys,
			check:   func(t map[string]string) error { _, err := parseJSONOptions(t); return err },
			decoder: newJSONDecoder, encoder: newJSONEncoder,
		},
		"msgpack": {
			keys:    msgpackKeys,
			check:   func(t map[string]string) error { _, err := parseMsgpackOptions(t); return err },
			decoder: newMsgpackDecoder, encoder: newMsgpackEncoder,
		},
		"csv": {
			keys:    csvKeys,
			check:   func(t map[string]string) error { _, err := parseCSVOptions(t); return err },
			decoder: newCSVDecoder, encoder: newCSVEncoder,
		},
		"raw": {
			keys:    rawKeys,
			check:   func(t map[string]string) error { _, err := parseRawOptions(t); return err },
			decoder: newRawDecoder, encoder: newRawEncoder,
		},
	}
}

func lookup(name string, table map[string]string) (formatDef, error) {
	f, ok := formats[name]
	if !ok {
		err := fmt.Errorf("no format %q; there are %s", name, strings.Join(Names(), ", "))
		if n := nearest.Name(name, Names()); n != "" {
			err = fmt.Errorf("no format %q; did you mean %q?", name, n)
		}
		return f, err
	}
	return f, checkKeys(name, f.keys, table)
}
