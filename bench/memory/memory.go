// Package memory runs a pipeline in memory: messages from a slice, rows handed to a
// printer. It measures the engine without a server, and without a disk unless the caller
// brings a store.
package memory

import (
	"context"
	"encoding/binary"
	"io"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Source hands out messages from a slice.
type Source struct {
	Messages []dataflow.Message
	// PollMax bounds the messages of one Poll; 0 is any number.
	PollMax int
	// Endless begins anew after the last message.
	Endless bool
	at      int
}

// Load replaces the messages and begins at the first.
func (s *Source) Load(messages []dataflow.Message) { s.Messages, s.at = messages, 0 }

// Open begins at the first message.
func (s *Source) Open(context.Context, []byte) (dataflow.OpenReport, error) {
	return dataflow.OpenReport{}, nil
}

// Poll hands out the next messages.
func (s *Source) Poll(dst []dataflow.Message, limit int, _ time.Duration) ([]dataflow.Message, uint64, error) {
	if s.PollMax > 0 {
		limit = min(limit, s.PollMax)
	}
	n := min(limit-len(dst), len(s.Messages)-s.at)
	if msgs := s.Messages[s.at : s.at+n : s.at+n]; len(dst) == 0 {
		dst = msgs // nothing is copied, as in a program that reads the slice itself
	} else {
		dst = append(dst, msgs...)
	}
	s.at += n
	if s.at == len(s.Messages) && s.Endless {
		s.at = 0
	}
	if s.at == len(s.Messages) {
		return dst, 0, io.EOF
	}
	return dst, uint64(len(s.Messages) - s.at), nil
}

// Position is the message's sequence.
func (s *Source) Position(dst []byte, m *dataflow.Message) []byte {
	return binary.LittleEndian.AppendUint64(dst, m.Seq)
}

// Committed does nothing.
func (s *Source) Committed([]byte) {}

// Close does nothing.
func (s *Source) Close() error { return nil }

// Counter counts the rows of a sink.
type Counter struct{ Rows int64 }

// Print counts.
func (c *Counter) Print(b *vec.Batch) error {
	c.Rows += int64(b.Rows())
	return nil
}

// Close does nothing.
func (c *Counter) Close() error { return nil }

// Options configure New.
type Options struct {
	// Script is the pipeline's SQL; every source reads from Source, whatever its options.
	Script string
	Source dataflow.MessageSource
	// Sink takes the rows of every sink.
	Sink dataflow.Printer
	// Arena holds the state; nil for a new one. Restored belongs to its pages.
	Arena    *state.Arena
	Restored *dataflow.Manifest
	// Interpret leaves generated code aside.
	Interpret bool
}

// New plans the script and opens an engine that runs it.
func New(o Options) (*dataflow.Engine, error) {
	s, err := sql.Parse("bench.sql", o.Script)
	if err != nil {
		return nil, err
	}
	p, err := plan.Build(s, plan.Options{})
	if err != nil {
		return nil, err
	}
	if o.Arena == nil {
		if o.Arena, err = state.NewArena(state.Options{}); err != nil {
			return nil, err
		}
	}
	e, err := dataflow.New(dataflow.Options{Plan: p, Connectors: connectors{o}, Arena: o.Arena, Restored: o.Restored, Interpret: o.Interpret})
	if err != nil {
		return nil, err
	}
	_, err = e.Open(context.Background())
	return e, err
}

// All runs an engine until its source ends, and closes it.
func All(e *dataflow.Engine) error {
	for {
		p, err := e.Step(0, 0)
		if err != nil {
			return err
		}
		if p.Ended {
			return e.Close()
		}
	}
}

// discard drops dead letters and late rows; the engine's ledger counts them.
type discard struct{ rows int }

func (d *discard) Append(_, _ []byte, _ vec.RowKind, _ int64) { d.rows++ }
func (d *discard) Len() int                                   { return 0 }
func (d *discard) Rows() int                                  { return d.rows }
func (d *discard) Seal(uint64) []byte                         { d.rows = 0; return nil }

type connectors struct{ o Options }

// Source reads the messages in the format that the table names.
func (c connectors) Source(n *plan.Source, _ *expr.Env) (*dataflow.SourceBinding, error) {
	return &dataflow.SourceBinding{Messages: c.o.Source, Metadata: dataflow.NewMetadataReader(n.Columns),
		Decoder: func(onBad func([]byte, int, error)) (format.Decoder, error) {
			return format.NewDecoder(n.Table.Options["format"], dataflow.DecoderSchema(n), format.Options{Table: n.Table.Options, OnBad: onBad})
		}}, nil
}

func (c connectors) Sink(*plan.Sink, *expr.Env) (*dataflow.SinkBinding, error) {
	return &dataflow.SinkBinding{Printer: c.o.Sink}, nil
}

func (c connectors) Diverted(string) (dataflow.FrameWriter, error) { return &discard{}, nil }
