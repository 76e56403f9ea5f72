// Package op holds the operators of a physical plan, one a file.
//
// Terms: a pane is the slice of time, gcd(size, slide) long, that an event updates once
// and that the windows over it share; to fire is to emit a window's result; a row is late
// for a window when window_end - 1 ms is not above the watermark; idle is an input that
// reported nothing for its timeout and does not hold the watermark.
//
// Invariants: an operator is single-threaded, pushed to, and never blocks. It reads no
// clock: time is event time, the rows' arrival time, and ticks. What has to outlive a
// batch lies in pages of its Space; other fields are the configuration or scratch, which
// carries the struct tag `scratch:"..."` with the reason why it may be lost. A restored
// operator goes on as if nothing had happened. A batch that an operator emits is its own
// and valid until its next call. The package imports expr, state, vec and types, nothing
// else of the project.
package op
