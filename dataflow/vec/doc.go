// Package vec holds columnar batches: typed vectors with a null bitmap, a selection
// vector and row kinds.
//
// Terms: a cell is one value of a vector; a span is a string cell as (buffer, offset,
// length); a datum is one value out of its vector.
//
// Invariants: a batch holds at most BatchSize rows and is owned by its producer, valid
// until the producer's next call. A string cell refers to message bytes or to scratch of
// its producer; whoever keeps it copies it. Vectors hold no pointer per cell. The package
// imports only dataflow/types.
package vec
