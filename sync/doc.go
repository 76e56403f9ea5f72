// Package forward moves committed output from a pipeline's outbox to its sinks exactly
// once, through outages of any length.
//
// Terms: a row of an output has an outbox sequence, from 1 and without holes; a frame is
// a run of rows that one epoch committed; a batch is what one publish stores at the hub,
// all or nothing; the cursor is the record at the hub that says up to which sequence it
// has an output, and which generation may write; a generation is one claim of the cursor.
//
// Invariants:
//   - nothing is sent before it is committed here and the cursor is claimed;
//   - a batch moves the cursor in the same atomic act that stores its rows, guarded by the
//     cursor's place, so a batch is stored once, in order, by the newest generation, no
//     matter how long a request, a reply or an instance was delayed;
//   - after an unknown outcome the cursor is read, never guessed;
//   - emitted = confirmed + in outbox + dropped, each counted for itself.
//
// Decisions are pure functions (cursor.go, link.go). A goroutine drives each lane, the outputs of a
// link; a simulator can drive all of them by Step. The folder is named sync; where the standard library's sync
// is needed too, it is this package that gets the alias. The package must not import
// NATS, store or agent.
package forward
