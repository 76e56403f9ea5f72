// Package memory runs a pipeline in memory: messages from a slice, output counted and
// dropped. It measures the engine without a server or a disk.
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
	at       int
}

// Open begins at the first message.
func (s *Source) Open(context.Context, []byte) (dataflow.OpenReport, error) {
	return dataflow.OpenReport{}, nil
}

// Poll hands out the next messages.
func (s *Source) Poll(dst []dataflow.Message, limit int, _ time.Duration) ([]dataflow.Message, uint64, error) {
	n := min(limit-len(dst), len(s.Messages)-s.at)
	dst = append(dst, s.Messages[s.at:s.at+n]...)
	s.at += n
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

// Run is a pipeline in memory.
type Run struct {
	Engine *dataflow.Engine
	Arena  *state.Arena
	Source *Source
	Sinks  map[string]*Counter
}

// New plans the script and binds every source to src.
func New(script string, src *Source) (*Run, error) {
	s, err := sql.Parse("bench.sql", script)
	if err != nil {
		return nil, err
	}
	p, err := plan.Build(s, plan.Options{})
	if err != nil {
		return nil, err
	}
	r := &Run{Source: src, Sinks: map[string]*Counter{}}
	if r.Arena, err = state.NewArena(state.Options{}); err != nil {
		return nil, err
	}
	if r.Engine, err = dataflow.New(dataflow.Options{Plan: p, Connectors: connectors{r}, Arena: r.Arena}); err != nil {
		return nil, err
	}
	_, err = r.Engine.Open(context.Background())
	return r, err
}

// bind reads the one source, in the format that the table names.
func (r *Run) bind(n *plan.Source) *dataflow.SourceBinding {
	return &dataflow.SourceBinding{Messages: r.Source, Metadata: dataflow.NewMetadataReader(n.Columns),
		Decoder: func(onBad func([]byte, int, error)) (format.Decoder, error) {
			return format.NewDecoder(n.Table.Options["format"], dataflow.DecoderSchema(n), format.Options{Table: n.Table.Options, OnBad: onBad})
		}}
}

// All runs until the source ends and returns the number of events.
func (r *Run) All() (int64, error) {
	for {
		p, err := r.Engine.Step(0, 0)
		if err != nil {
			return 0, err
		}
		if p.Ended {
			return r.Engine.Events(), r.Engine.Close()
		}
	}
}

type discard struct{ rows int }

func (d *discard) Append(_, _ []byte, _ vec.RowKind, _ int64) { d.rows++ }
func (d *discard) Len() int                                   { return 0 }
func (d *discard) Rows() int                                  { return d.rows }
func (d *discard) Seal(uint64) []byte                         { d.rows = 0; return nil }

type connectors struct{ r *Run }

func (c connectors) Source(n *plan.Source, _ *expr.Env) (*dataflow.SourceBinding, error) {
	return c.r.bind(n), nil
}

func (c connectors) Sink(n *plan.Sink, _ *expr.Env) (*dataflow.SinkBinding, error) {
	k := &Counter{}
	c.r.Sinks[n.Name] = k
	return &dataflow.SinkBinding{Printer: k}, nil
}

func (c connectors) Diverted(string) (dataflow.FrameWriter, error) { return &discard{}, nil }
