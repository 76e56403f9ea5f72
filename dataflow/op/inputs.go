package op

import (
	"github.com/edgeflow/edgeflow/dataflow/state"
)

// inputMarks combines the watermarks and ticks of several inputs: the watermark is the
// minimum over the inputs that are not idle and never goes back.
//
// State: 8 bytes an input, its newest watermark or Idle; then the combined watermark, the
// newest tick, and a word that is 1 once the inputs are set.
type inputMarks struct {
	s *state.Scalars
	n int
}

func openInputMarks(s *state.Space, n int) inputMarks {
	m := inputMarks{s.Scalars("inputs", (n+3)*8), n}
	if m.s.Int64((n+2)*8) == 0 {
		for i := range n + 1 {
			m.s.SetInt64(i*8, noWatermark)
		}
		m.s.SetInt64((n+2)*8, 1)
	}
	return m
}

// now is the combined watermark, or noWatermark.
func (m inputMarks) now() int64 { return m.s.Int64(m.n * 8) }

// of is the watermark of one input: its newest, Idle, or noWatermark.
func (m inputMarks) of(input int) int64 { return m.s.Int64(input * 8) }

// advance takes an input's watermark. It yields the combined one, which is Idle when every
// input is; ok is false when there is none yet.
func (m inputMarks) advance(input int, t int64) (low int64, ok bool) {
	m.s.SetInt64(input*8, t)
	low = Idle
	for i := range m.n {
		if w := m.s.Int64(i * 8); w != Idle && (low == Idle || w < low) {
			low = w
		}
	}
	switch {
	case low == noWatermark:
		return 0, false
	case low == Idle:
		return Idle, true
	}
	low = max(low, m.now())
	m.s.SetInt64(m.n*8, low)
	return low, true
}

// tick takes a tick, which every input brings, and tells whether it is new.
func (m inputMarks) tick(now int64) bool {
	at := (m.n + 1) * 8
	if now <= m.s.Int64(at) {
		return false
	}
	m.s.SetInt64(at, now)
	return true
}
