// Package dataflow is the engine: it builds the operators of a physical plan and runs
// them over batches, deterministically, on one goroutine.
//
// Terms: a source hands out messages or rows in the order of a log and knows positions in
// it; an output is what a sink table receives, as encoded rows under outbox sequences
// without holes; a barrier is the point between two batches at which an epoch ends.
//
// Invariants: a pipeline is a function of its input logs. The engine reads no clock, no
// random source and no network: time is arrival time, which comes with the rows, and
// ticks, which the host issues. The package imports nothing outside of dataflow/... that
// talks to the world: no NATS, no bbolt, no HTTP.
package dataflow
