// Package qoe makes the events of the video-quality example: player beacons of one region,
// with realistic disorder, a few late ones and one device whose clock is a year ahead. It
// also computes, straight from the beacons, what the example's pipeline must deliver.
//
// Beacon i is a pure function of the seed and i, so a generator can start anywhere and two
// runs see the same events.
package qoe

import _ "embed"

// SQL is the example's pipeline.
//
//go:embed qoe.sql
var SQL string
