package fused

import (
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Rows is a leaf that hands rows on in batches.
type Rows struct {
	// Batch is being filled: the fragment writes the cells of row Batch.N and calls Add.
	Batch *vec.Batch
	out   op.Output
	host  *Host
}

// NewRows makes a leaf of a schema.
func NewRows(s plan.Schema, out op.Output, h *Host) *Rows {
	return &Rows{Batch: vec.NewBatch(s.Types()), out: out, host: h}
}

// Add takes row Batch.N.
func (r *Rows) Add() {
	b, h := r.Batch, r.host
	b.Arrival = append(b.Arrival, h.Arrival)
	b.Origin = append(b.Origin, vec.Origin{Seq: h.Seq, Row: h.Row, Source: h.Source})
	b.N++
	if b.N == vec.BatchSize {
		h.Fail(r.Flush())
	}
}

// Flush hands on the rows that wait.
func (r *Rows) Flush() error {
	if r.Batch.N == 0 {
		return nil
	}
	err := r.out.Process(r.Batch)
	r.Batch.Reset()
	return err
}
