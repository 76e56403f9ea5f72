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
// The long run, of other seeds for as long as told:
//
//	go test ./codegen/difftest -v -run TestGenerated -timeout 0 -args -minutes 60 -seed 1000
//
// A difference is kept in testdata, with as few messages as still show it, and from then on
// TestKeptCases shows it again until it is gone.
//
// The same seeds give the same pipelines, logs and schedules; a Case is kept whatever becomes
// of the generators.
//
// What batches decide is not compared: the order of letters among operators, the places of
// values in heaps, numbers of groups, and where state has a time to live when what has
// expired is given back. Where the ways of one source's rows meet again in a join, and the
// order of rows does not tell, the engine itself lets batches decide it: there the tables
// that printed rows make are compared, and neither state nor ledger.
package difftest
