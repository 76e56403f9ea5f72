// Package wiring holds the decisions of a host: what lies between an engine, its store and
// its forwarder. The agent's runner and the simulator's host both go by it, so that what is
// simulated is what runs.
//
// # Terms
//
// A host drives an engine, commits its checkpoints, and lets the forwarder send what is
// committed. A checkpoint under way is Pending: the engine's goroutine begins it, Write
// stores it on a goroutine of the host's choice, and the engine's goroutine settles it. One
// that failed is declined: the next one takes over its pages and frames.
//
// # Invariants
//
//   - A commit keeps, besides state and frames, the forwarder's accounts as they were at the
//     barrier, and deletes the rows that those say are done.
//   - The forwarder hears of an epoch after the store has it, never before.
//   - Frames of declined checkpoints go into the next one, ahead of its own: the sequences
//     of an outbox have no holes.
//   - A drained pipeline is at its end when everything it made is confirmed, and the store
//     knows that.
//
// The package starts no goroutine and reads no clock, and it reaches disk and network only
// through what it is handed. It imports sync, store and dataflow, and nothing of the agent.
package wiring
