package op

import (
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// emitter collects the rows that an operator makes and hands them on in batches.
type emitter struct {
	out    Output
	batch  *vec.Batch
	kinds  []vec.RowKind // nil when all rows are Insert
	weight weight
	whole  int // the rows before this one are not parted: there was room for them
}

func newEmitter(out Output, ts []types.Type, updates bool) *emitter {
	e := &emitter{out: out, batch: vec.NewBatch(ts)}
	e.weight = weigh(e.batch.Cols)
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
	if e.batch.N < e.whole || e.batch.N < vec.BatchSize && !e.weight.heavy() {
		return nil
	}
	return e.flush()
}

// deliver keeps the next row of e, or, where failed tells that its values could not be
// computed, makes it a dead letter. Such a row does not come out, and so is not taken back.
func (n *node) deliver(e *emitter, failed error, kind vec.RowKind, arrival int64) error {
	if failed == nil {
		return e.keep(kind, arrival)
	}
	if !kind.Retracts() {
		i := e.batch.N
		e.batch.Arrival = append(e.batch.Arrival, arrival)
		err := n.failResult(e.batch, i, failed)
		e.batch.Arrival = e.batch.Arrival[:i]
		if err != nil {
			return err
		}
	}
	if e.weight.heavy() {
		return e.flush()
	}
	return nil
}

func (e *emitter) flush() error {
	e.whole = 0
	if e.batch.N == 0 {
		e.batch.Reset() // of rows that were not kept
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

// room flushes unless n more rows fit. It is not flushed until they have been kept.
func (e *emitter) room(n int) error {
	var err error
	if e.batch.N+n > vec.BatchSize || e.weight.heavy() {
		err = e.flush()
	}
	e.whole = e.batch.N + n
	return err
}

// batchBytes is how many bytes a batch holds before it is handed on without being full: a
// row may have large values and be emitted many times.
const batchBytes = 1 << 20

// weight is the columns of a batch whose cells are bytes, which alone have no fixed size.
type weight []*vec.Vector

func weigh(cols []*vec.Vector) weight {
	var w weight
	for _, v := range cols {
		if v.Phys == types.Bytes {
			w = append(w, v)
		}
	}
	return w
}

// heavy tells whether the columns hold batchBytes. Only the newest rows, one or two,
// are above it, and so what a column holds stays far below what a vec.Span can address.
func (w weight) heavy() bool {
	n := 0
	for _, v := range w {
		n += v.Held()
	}
	return n >= batchBytes
}
