// Package sim runs a whole pipeline in a simulated world that follows from one seed: the
// real planner, engine, checkpoints and forwarder between a simulated stream, disk, link
// and hub, all of which fail.
//
// # Terms
//
// The world owns the clock and decides, turn by turn, what happens next. A host is one
// running instance of the pipeline; the zombie is an earlier host that goes on running on
// its own copy of the disk. A point is a named place in a host's work at which it can crash.
// A fault is anything that the world does to hosts, stream, disk, link and hub. A run's class
// says what of the world's memory may be lost in it. The past of a state is which messages
// went into it, in which order, and which versions of the pipeline processed them. A calm
// world has no faults, and interprets what others may run by generated code.
//
// # A run
//
// The seed draws a pipeline of one source or two, a class, a store, policies and budgets, and
// which hosts run generated code. Then come faults;
// healing, in which everything works again until all input is processed, drained and
// delivered; and the checks. The hub must hold what a calm world over the same past leaves
// there, row by row, but for what a policy gave up and the ledger names; and so must the
// state at the end of the input. The past must be the stream, in order, but for what the
// stream lost. The ledger must balance at each commit, the outbox stay within its budget,
// and store and state pass their checks. Rows that were merged in a crowded outbox add up to
// what they were merged from; given up is what the policy names and no more, and outputs go
// by their priority.
//
// Where the disk lost commits that the hub has rows of, or an older copy of it runs, where
// the stream or the hub lost what they had, or the state file is damaged, the pipeline must
// refuse to go on unless its policy says otherwise. A run that ends so is checked for what
// the hub has.
//
// # Invariants
//
// Everything happens on one goroutine (a commit under way is a coroutine of it) and follows
// from the seed, so that the same seed gives the same trace. That holds of damaged files too:
// they are compacted first, since where bbolt puts pages varies. A host decides by package
// wiring, as the agent's runner does, and makes its other calls in the same order.
//
// Most runs keep state in store/memstore, whose commits are whole or not there at all; some
// use the real store on a file, with commits torn by a loss of power, bits flipped and the
// file cut off. A request to the hub is answered, or not, before the next is made, as a lane
// of the forwarder does it: replies overtake each other only as requests do.
//
// Bugs can be planted between the parts of a host, to see that the checks find them.
package sim
