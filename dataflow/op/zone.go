package op

import (
	"math"
	"time"
)

// wallClock converts between instants and the wall time of a zone, both in ms since 1970.
// It keeps the zone period that it used last.
type wallClock struct {
	zone *time.Location // nil is UTC

	from, to int64 // the period, to excluded
	offset   int64 // of wall time from UTC
	limit    int64 // wall time at which clocks have already been for the second time, or MaxInt64
}

func newWallClock(local bool, zone *time.Location) *wallClock {
	if !local || zone == time.UTC {
		zone = nil
	}
	return &wallClock{zone: zone}
}

func (w *wallClock) at(t int64) {
	if t >= w.from && t < w.to {
		return
	}
	now := time.UnixMilli(t).In(w.zone)
	from, to := now.ZoneBounds()
	_, off := now.Zone()
	w.from, w.to, w.offset, w.limit = math.MinInt64, math.MaxInt64, int64(off)*1000, math.MaxInt64
	if !from.IsZero() {
		w.from = from.UnixMilli()
	}
	if !to.IsZero() {
		w.to = to.UnixMilli()
		if _, next := to.Zone(); next < off {
			w.limit = w.to + int64(next)*1000
		}
	}
}

// wall is the wall time of an instant.
func (w *wallClock) wall(t int64) int64 {
	if w.zone == nil {
		return t
	}
	w.at(t)
	return t + w.offset
}

// closed is the wall time up to which every instant lies at or before t: windows that end
// at or before it can fire at watermark t. An hour that clocks show twice has passed only
// when it has passed twice.
func (w *wallClock) closed(t int64) int64 {
	if t == EndOfInput || t <= noWatermark {
		return t
	}
	if w.zone == nil {
		return t + 1
	}
	w.at(t)
	return min(t+1+w.offset, w.limit)
}

// instant is the instant of a wall time: the later one where clocks show it twice, that by
// the offset before the change where they skip it, as in Flink.
func (w *wallClock) instant(wall int64) int64 {
	if w.zone == nil {
		return wall
	}
	// A zone is less than a day away from UTC, and its offset changes at most once in two.
	w.at(wall + 24*time.Hour.Milliseconds())
	if t := wall - w.offset; t >= w.from {
		return t
	}
	w.at(w.from - 1)
	return wall - w.offset
}
