package dataflow

import "github.com/edgeflow/edgeflow/dataflow/vec"

// fanout hands what an operator emits to each of its consumers.
type fanout struct {
	edges []edge
	rows  int64 // handed on so far
	// single makes each row go all ways before the next one.
	single bool
	sub    vec.Batch
	row    [2]int32
	// merges hold rows until the batch has gone all ways.
	merges []*merge
}

type edge struct {
	to    *vertex
	input int
	merge *merge // what takes the rows for the vertex, or nil
}

// Process hands a batch to each consumer.
func (f *fanout) Process(b *vec.Batch) error {
	if !f.single || b.Rows() < 2 {
		return f.push(b)
	}
	for k, n := 0, b.Rows(); k < n; k++ {
		sel := append(f.row[:0], int32(b.Row(k)))
		if b.Kind(b.Row(k)) == vec.UpdateBefore && k+1 < n {
			k++ // a row that is updated goes with the one that takes its place
			sel = append(sel, int32(b.Row(k)))
		}
		f.sub = *b
		f.sub.Sel = sel
		if err := f.push(&f.sub); err != nil {
			return err
		}
	}
	return nil
}

func (f *fanout) push(b *vec.Batch) error {
	n := int64(b.Rows())
	f.rows += n
	for _, c := range f.edges {
		c.to.came += n
		if c.merge != nil {
			c.merge.hold(c.input, b)
			continue
		}
		c.to.input = c.input
		if err := c.to.op.Process(c.input, b); err != nil {
			return err
		}
	}
	for _, m := range f.merges {
		if err := m.release(); err != nil {
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
