// Package difftest compares generated code with the interpreter, on random pipelines and
// random input.
//
// A Pipeline is made from a seed: a table in one of the formats, with columns of random
// types, and INSERTs over it. A Log is made from a seed and a table: mostly valid events in
// the declared order, and among them whatever else a network brings. Compare runs a pipeline
// over logs three times, interpreted, generated, and changing between the two with every
// restart, and wants the same rows, dead letters, late rows, counts, watermarks and state at
// every barrier. Round generates code for many pipelines, builds one program of it, and runs
// that.
//
// The same seeds give the same pipelines, logs and schedules, so that a difference is told
// by its seeds; Case keeps one whatever becomes of the generators.
package difftest
