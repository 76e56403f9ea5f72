// Package expr holds scalar and aggregate functions and evaluates expressions over batches.
//
// Terms: a Node is a typed expression; a Func is a scalar function of the catalogue,
// resolved against argument types to an Impl; a Program is a compiled expression; an Agg
// is an aggregate compiled to fixed-layout state bytes.
//
// Invariants: a Program evaluates only the rows selected for it, so that a branch not
// taken cannot fail; it never reads a clock or a random source: what it needs of those is
// in the batch (arrival time, origin) or in Env. The meaning of a function exists once: a
// vectorised kernel and generated code call the same Go function. The package imports
// types, vec, and state (for aggregates), nothing else of the project.
package expr
