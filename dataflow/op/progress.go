package op

import (
	"math"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// The progress of an operator with windows: the newest watermark; the wall time up to which
// windows are closed; the last group id given out; the arrival time of the newest row or
// tick; a word that is 1 once the others are set.
const (
	progressWatermark = 8 * iota
	progressClosed
	progressGroup
	progressArrival
	progressSet
	progressSize
)

// openProgress binds the progress.
func openProgress(s *state.Space) *state.Scalars {
	p := s.Scalars("progress", progressSize)
	if p.Int64(progressSet) == 0 {
		p.SetInt64(progressSet, 1)
		p.SetInt64(progressWatermark, math.MinInt64)
		p.SetInt64(progressClosed, math.MinInt64)
	}
	return p
}

// arrived notes an arrival time.
func arrived(p *state.Scalars, t int64) {
	if t > p.Int64(progressArrival) {
		p.SetInt64(progressArrival, t)
	}
}

// nextGroup gives out a group id.
func nextGroup(p *state.Scalars) uint64 {
	id := p.Int64(progressGroup) + 1
	p.SetInt64(progressGroup, id)
	return uint64(id)
}
