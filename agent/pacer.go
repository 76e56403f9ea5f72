package agent

import "time"

// pacer decides when checkpoints begin: an interval from start to start, and at least the
// pause between the end of one and the start of the next.
type pacer struct {
	interval, minPause time.Duration
	started, ended     time.Time
}

// due tells whether a checkpoint may begin now, with none in flight.
func (p *pacer) due(now time.Time) bool {
	return now.Sub(p.started) >= p.interval && (p.ended.IsZero() || now.Sub(p.ended) >= p.minPause)
}
