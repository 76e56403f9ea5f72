// Package state keeps the state of operators in a paged, pointer-free arena and
// hands the pages that changed to a checkpoint.
//
// # Terms
//
// A page is a fixed block of bytes with a number ([PageID]). A [Ref] is a page
// number and a byte offset, 8-byte aligned. A frame is the memory that holds
// the image of a page. An epoch is the number of a checkpoint; the barrier is
// the point between two batches at which an epoch ends. A [Delta] is what one
// epoch changed. A [Space] is the namespace of one operator, bound by the
// operator's stable identity; it holds structures by name: [Table] (hash
// table), [Ordered] (B+-tree), [Panes] (tables freed whole), [Heap] (values of
// variable length) and [Scalars] (a few fixed bytes).
//
// # Invariants
//
//   - Everything a structure needs after a restart lies in pages: rows, indexes,
//     directories and counters. Handles ([Table] and the like) hold copies of
//     page numbers only, written through on each change, so a barrier has
//     nothing to flush and a restore reads pages and is done.
//   - Pages hold no Go pointers and lie in slabs of 1 MiB, so the number of heap
//     objects does not grow with the number of keys.
//   - The address of a page does not change while it is allocated, unless
//     Options.MemoryMax is set; then it may change in [Arena.Maintain], which the
//     engine calls between two batches, in [Arena.Relieve], which operators call
//     within a step, and in no other call.
//   - Only Write marks a page dirty. The first Write to a page that a checkpoint
//     in flight still has to read copies the old image first.
//   - Numbers are little-endian on every machine.
//   - An arena belongs to one goroutine. [Delta.Each] and [Delta.Cancel] alone
//     may run on another.
//
// The package uses the standard library alone: no clock, no random source, no
// disk. It declares [Store], which package store implements.
package state
