// Package sim runs a whole pipeline in a simulated world that follows from one seed: the
// real planner, engine, checkpoints and forwarder between a simulated stream, disk, link
// and hub, all of which fail.
//
// Terms: the world owns the clock and decides, turn by turn, what happens next; a host is
// one running instance of the pipeline; the zombie is an earlier host that goes on running
// on its own copy of the disk; a point is a named place in a host's work at which it can
// crash; a fault is anything that the world does to hosts, disk, link and hub.
//
// A run has three parts: faults; healing, in which everything works again until all input
// is processed, drained and delivered; and the checks. The hub must hold what a run
// without faults leaves there, row by row, and what follows from the input alone.
//
// A host whose disk lost commits that the hub has rows of, or that runs on an older copy of
// the disk, must refuse to go on; a run that ends so is checked for what the hub has.
//
// Invariants: everything happens on one goroutine and follows from the seed, so that the
// same seed gives the same trace. A host decides by package wiring, as the agent's runner
// does, and makes its other calls in the same order. Commits are whole or not there at all,
// as package store promises; what a disk does within one is not simulated, nor is a stream
// that loses messages.
package sim
