// Package format turns bytes into batches and rows into bytes: JSON, msgpack, CSV and raw.
//
// Terms: a message is what a source delivers; an event is one row's worth of bytes in it,
// and a message carries one event or many; a column's path leads from the event's top
// level to a nested field, so that only what a query uses is decoded; a framing says how
// encoded rows are put together to a message or a file.
//
// Invariants: a Decoder never panics on input, never blocks, and allocates nothing per
// event in steady state. String cells point into the message where the bytes stand there
// as they are, and into the vector's scratch otherwise: a message must stay unchanged
// until the batch has been consumed. Every event is counted exactly once, as decoded or
// as undecodable. One Decoder or Encoder serves one goroutine.
//
// The package imports types and vec, nothing else of the project.
package format
