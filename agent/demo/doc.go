// Package demo plays the video-quality example from an edge server to a hub: two real
// JetStream servers, a process that runs the example's SQL, and a consumer at the hub whose
// totals are compared with totals computed straight from the beacons.
//
// The engine is a process of its own, so that it can be killed; the link from it to the hub
// goes through a proxy, so that it can be cut.
package demo
