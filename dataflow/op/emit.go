package op

import (
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// emitter collects the rows that an operator makes and hands them on in batches.
type emitter struct {
	out   Output
	batch *vec.Batch
	kinds []vec.RowKind // nil when all rows are Insert
}

func newEmitter(out Output, ts []types.Type, updates bool) *emitter {
	e := &emitter{out: out, batch: vec.NewBatch(ts)}
	if updates {
		e.kinds = make([]vec.RowKind, vec.BatchSize)
	}
	return e
}

// row is the place of the next row; keep takes it as filled in.
func (e *emitter) row() int { return e.batch.N }

func (e *emitter) keep(kind vec.RowKind, arrival int64) error {
	if e.kinds != nil {
		e.kinds[e.batch.N] = kind
	}
	e.batch.Arrival = append(e.batch.Arrival, arrival)
	e.batch.N++
	if e.batch.N < vec.BatchSize {
		return nil
	}
	return e.flush()
}

func (e *emitter) flush() error {
	if e.batch.N == 0 {
		return nil
	}
	e.batch.Kinds = nil
	if e.kinds != nil {
		e.batch.Kinds = e.kinds[:e.batch.N]
	}
	err := e.out.Process(e.batch)
	e.batch.Reset()
	return err
}

// room flushes unless n more rows fit.
func (e *emitter) room(n int) error {
	if e.batch.N+n <= vec.BatchSize {
		return nil
	}
	return e.flush()
}
