// Package store keeps a pipeline's snapshots and outbox in one bbolt file. It
// implements state.Store.
//
// # Terms
//
// An image is the content of a page at a barrier. The manifest is what the engine
// wants to know after a restart besides the pages; it is opaque here but for a
// header of epoch, generation and roots. A frame is a run of rows in the outbox.
// A savepoint is a copy of everything in one file of its own format.
//
// # Layout of the file
//
// Bucket meta: "format" (u32), "manifest" (header, manifest, checksum), and
// "unswept" while page versions other than the manifest's may lie in the file.
// Bucket pages: page number and epoch, big-endian, to checksum and compressed
// image. Bucket outbox: a bucket per output, from the last sequence of a frame to
// the frame. Bucket outputs: counters of each output.
//
// # Invariants
//
//   - A checkpoint is one bbolt transaction. A very large one has several: those
//     before the last add page versions that no reader looks at, the last one
//     replaces the manifest, and versions that are out of date go afterwards.
//   - A reader takes the highest version of a page that is not above the
//     manifest's epoch.
//   - Every image, manifest and frame has a CRC-32C.
//   - A damaged file is renamed and never deleted; a mark beside it keeps the
//     pipeline from starting empty until ResetState or a savepoint says so.
//
// The package may import dataflow/state and nothing else of the project.
package store
