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
// # Layout of the file, and how damage in it is noticed
//
//	bucket, key            value                               damage shows by
//	meta "format"          u32 version                         "format-sum"
//	meta "format-sum"      CRC-32C of the version              itself
//	meta "manifest"        header, manifest                    CRC-32C
//	meta "sealed"          the mark of an encrypted file       CRC-32C
//	meta "unswept"         is there while page versions other  its name; nobody reads the value
//	                       than the manifest's may be
//	pages PAGE EPOCH       compressed image                    CRC-32C
//	outbox NAME LAST       frame                               CRC-32C
//	outputs NAME           last sequence, frames, rows, bytes  CRC-32C
//
// A CRC-32C is over key and value. PAGE, EPOCH and LAST, the last sequence of a frame, are
// big-endian; outbox has a bucket for each output. In an encrypted file a tag authenticates each
// value beside, but for unswept and the two of the version.
//
// What is not a value of ours is bbolt's: its meta pages have checksums of their own, the other
// of the two stands in for one that is not whole, as after a write that was torn, and precheck
// and verify compare counts, lengths, order and names of the rest with each other.
//
// The version says who may read the file. Files of earlier versions are upgraded when they are
// opened, later ones are refused with a FormatError.
//
// # Invariants
//
//   - A checkpoint is one bbolt transaction. A very large one has several: those
//     before the last add page versions that no reader looks at, the last one
//     replaces the manifest, and versions that are out of date go afterwards.
//   - Frames behind those that the counters of their output count are staged: a step
//     made them that is not committed. No reader looks at them, a commit counts them,
//     a start removes them. The version of a file that has some is one higher.
//   - A reader takes the highest version of a page that is not above the
//     manifest's epoch.
//   - Every value that is read has a CRC-32C: damage is never taken for anything else, such as a newer
//     program's file or another key.
//   - A damaged file is renamed and never deleted; a mark beside it keeps the
//     pipeline from starting empty until ResetState or a savepoint says so.
//
// The package may import dataflow/state and nothing else of the project.
package store
