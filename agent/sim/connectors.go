package sim

import (
	"fmt"
	"slices"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	forward "github.com/edgeflow/edgeflow/sync"
)

// connectors binds the tables of a program to the simulated stream and the outbox.
type connectors struct{ h *host }

var _ dataflow.Connectors = connectors{}

// Source gives a simulated stream.
func (c connectors) Source(n *plan.Source, _ *expr.Env) (*dataflow.SourceBinding, error) {
	r := newReader(c.h, slices.Index(tables, n.Table.Name))
	c.h.sources[r.source] = r
	return &dataflow.SourceBinding{
		Messages: r,
		Decoder: func(onBad func([]byte, int, error)) (format.Decoder, error) {
			d, err := format.NewDecoder(n.Table.Options["format"], dataflow.DecoderSchema(n), format.Options{Table: n.Table.Options, OnBad: onBad})
			return c.h.plantDecoder(d), err
		},
	}, nil
}

// sinkSchema is what a sink's encoder writes.
func sinkSchema(n *plan.Sink) (s format.Schema) {
	for _, i := range dataflow.SinkColumns(n) {
		col := n.Base().Schema[i]
		s.Columns = append(s.Columns, format.Column{Name: col.Name, Type: col.Type})
	}
	return s
}

// compactions are, by output, how rows are merged, as the agent has it.
func (h *host) compactions() (map[string]*forward.Compaction, error) {
	by := map[string]*forward.Compaction{}
	for _, n := range h.w.plans[h.w.version].Sinks {
		if n.Compaction == nil {
			continue
		}
		m, err := forward.NewWindowMerger(n, n.Table.Options["format"], sinkSchema(n), n.Table.Options)
		if err != nil {
			return nil, err
		}
		by[n.Name] = &forward.Compaction{Widths: n.Compaction.Widths, Merger: h.plantMerger(m)}
	}
	return by, nil
}

// Sink gives an encoder and the forwarder's frames.
func (c connectors) Sink(n *plan.Sink, _ *expr.Env) (*dataflow.SinkBinding, error) {
	enc, err := format.NewEncoder(n.Table.Options["format"], sinkSchema(n), format.Options{Table: n.Table.Options})
	if err != nil {
		return nil, fmt.Errorf("sink %s: %w", n.Name, err)
	}
	return &dataflow.SinkBinding{Encoder: enc, Frames: &forward.FrameBuilder{}}, nil
}

// Diverted gives the frames of dead letters and late rows.
func (c connectors) Diverted(string) (dataflow.FrameWriter, error) {
	return &forward.FrameBuilder{}, nil
}
