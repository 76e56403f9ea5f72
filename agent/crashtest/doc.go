// Package crashtest kills real edgeflow processes and compares what they leave at a hub
// with what an undisturbed process leaves there.
//
// The servers live in the test's process and are not killed; the engine is the edgeflow
// binary, built once. A trial is one empty data folder and one empty stream at the hub: its
// process is killed and started again until it ends by itself, having read all of the same
// stored input. Places to kill at are named by failpoints; kills at random moments come on
// top. Two pipelines are killed: that of the QoE example, and one of Nexmark's events with a
// join, a Top-N, sessions and a pattern, of which the contents are compared that changelogs
// come to.
//
// It has tests only.
package crashtest
