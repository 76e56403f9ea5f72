// Package codegen turns the heads of a plan into Go: from a source's bytes to the first
// update of state, without a batch or an interpreted expression in between.
//
// Terms: a head, its leaves and its fingerprint are those of package plan; a fragment is
// the generated type that runs one (see package fused); a value is a cell at hand in
// generated code.
//
// A fragment takes an event only when it is sure of it: what cannot be told apart from the
// interpreter's own result at generation is left to the interpreter, either as a whole (a
// Fallback) or event by event (generated code returns -1 before it has changed anything).
//
// Invariants: the same plan gives the same bytes; generated files import only dataflow/...
// and the standard library; the package itself imports dataflow/... alone.
package codegen
