// Package byhand computes the two queries of the video-quality workload without an engine:
// decoders and aggregates written by hand for this one event and these two queries. What
// such a program does with the messages of a stream is the ceiling that the bench compares
// the engine with.
//
// Terms: a run is one pass over a log of messages; its Result is the account of what it
// found, with a digest of the rows that it yields.
//
// Invariants: a Run yields exactly what the SQL yields from the same messages with the same
// arrival times: watermarks every 200 ms of arrival time and whenever they have grown by
// more than that, the future guard and late events included. Decoders expect the fields in
// the order in which the example's generator writes them, compare whole encoded keys, and
// fall back to a general decoder for any other event. Nothing is allocated per event.
//
// The package must not import the engine.
package byhand
