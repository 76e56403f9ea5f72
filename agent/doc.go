// Package agent hosts pipelines: it opens their stores and connectors, runs each engine on
// a goroutine of its own, takes checkpoints, forwards output, restarts what failed, and
// serves metrics, health and control.
//
// Terms: a host is the process that runs an Agent; an instance is its name at the hub,
// under which cursors are kept.
//
// Invariants: a pipeline that fails or panics does not touch the others. Nothing leaves a
// pipeline before the checkpoint that holds it is committed. The engine's goroutine is the
// only one that touches the engine; everything else sends it requests.
package agent
