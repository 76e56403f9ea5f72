// Package pipetest runs pipeline tests: YAML documents that hold SQL, the rows its sources
// deliver step by step, and the rows its sinks are to hold at the end; or expressions with
// the value they print. Help describes the format.
//
// A table named under input or expect has its connector replaced by the test's. Tests run
// in memory: the clock is the test's arrival time, a restart commits, drops the engine and
// restores it.
package pipetest
