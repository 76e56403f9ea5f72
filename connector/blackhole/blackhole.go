// Package blackhole is the sink that takes rows and keeps none; it counts them. Its rows
// are taken before they are committed, so its count may exceed what was committed.
//
// The package imports dataflow of the project, and connector/internal/with.
package blackhole

import (
	"sync/atomic"

	"github.com/edgeflow/edgeflow/connector/internal/with"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Options has nothing to choose.
type Options struct{}

// ParseOptions refuses options that the connector does not have.
func ParseOptions(table map[string]string) (Options, error) {
	return Options{}, with.CheckKeys("blackhole", table, []string{"connector"}, nil)
}

// Validate accepts every Options.
func (Options) Validate() error { return nil }

// Sink counts rows. It is a dataflow.Printer; Rows may be called from any goroutine.
type Sink struct{ rows atomic.Uint64 }

// New makes a sink.
func New(Options) *Sink { return &Sink{} }

// Print counts the rows of b.
func (s *Sink) Print(b *vec.Batch) error {
	s.rows.Add(uint64(b.Rows()))
	return nil
}

// Rows is the number of rows taken so far.
func (s *Sink) Rows() uint64 { return s.rows.Load() }

// Close does nothing.
func (s *Sink) Close() error { return nil }
