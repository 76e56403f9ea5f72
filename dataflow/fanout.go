package dataflow

import "github.com/edgeflow/edgeflow/dataflow/vec"

// fanout hands what an operator emits to each of its consumers.
type fanout struct {
	edges []edge
	rows  int64 // handed on so far
}

type edge struct {
	to    *vertex
	input int
}

// Process hands a batch to each consumer.
func (f *fanout) Process(b *vec.Batch) error {
	n := int64(b.Rows())
	f.rows += n
	for _, c := range f.edges {
		c.to.input = c.input
		c.to.came += n
		if err := c.to.op.Process(c.input, b); err != nil {
			return err
		}
	}
	return nil
}

// Watermark hands a watermark to each consumer.
func (f *fanout) Watermark(t int64) error {
	for _, c := range f.edges {
		if err := c.to.op.Watermark(c.input, t); err != nil {
			return err
		}
	}
	return nil
}

// Tick hands a tick to each consumer.
func (f *fanout) Tick(nowMs int64) error {
	for _, c := range f.edges {
		if err := c.to.op.Tick(nowMs); err != nil {
			return err
		}
	}
	return nil
}
