package fused

import (
	"math"

	"github.com/edgeflow/edgeflow/dataflow/op"
)

// Mark follows event time for a WatermarkAssigner.
type Mark struct {
	// Pending is the greatest watermark of a row so far, in ms since 1970; Due is the one
	// from which on it goes out at once.
	Pending, Due int64
	// Arrival is the newest arrival time noted, in ms; Ahead is how far event time and a row's
	// watermark may be ahead of it.
	Arrival, Ahead int64

	call   int64 // the arrival time from which on the operator is to be told at once
	op     *op.WatermarkAssigner
	host   *Host
	before func() error
}

// NewMark makes the Mark of an operator. before is called before a watermark goes out: it
// hands on the rows before it.
func NewMark(o *op.WatermarkAssigner, h *Host, before func() error) *Mark {
	m := &Mark{op: o, host: h, before: before}
	m.Load()
	return m
}

// Load reads the operator's state.
func (m *Mark) Load() {
	s := m.op.Marks()
	m.Pending, m.Arrival, m.Ahead = s.Pending, s.Arrival, s.MaxAheadMs
	if m.Ahead <= 0 {
		m.Ahead = math.MaxInt64
	}
	m.due(s)
}

func (m *Mark) due(s op.Marks) {
	m.call = s.Call
	switch {
	case s.Emitted == op.NoWatermark:
		m.Due = math.MinInt64
	case s.Step < 0:
		m.Due = s.Emitted + 1
	case s.Emitted > math.MaxInt64-s.Step-1:
		m.Due = math.MaxInt64
	default:
		m.Due = s.Emitted + s.Step + 1
	}
}

// Arrive notes the arrival time of the message in hand, which is later than Arrival.
func (m *Mark) Arrive() {
	m.Arrival = m.host.Arrival
	if m.Arrival >= m.call {
		m.arrived()
	}
}

func (m *Mark) arrived() {
	m.host.Fail(m.op.Arrived(m.Pending, m.Arrival, m.before))
	m.due(m.op.Marks())
}

// Early tells whether an event time or a row's watermark in ms is as close to the arrival time as it must be.
func (m *Mark) Early(t int64) bool { return t-m.Arrival <= m.Ahead }

// Move notes the watermark of a row in ms since 1970, after the row has been dealt with.
func (m *Mark) Move(t int64) {
	if t > m.Pending {
		m.Pending = t
		if t >= m.Due {
			m.release()
		}
	}
}

func (m *Mark) release() {
	m.host.Fail(m.op.Release(m.Pending, m.before))
	m.due(m.op.Marks())
}

// Settle gives the operator what passed it by.
func (m *Mark) Settle(rows int64) { m.op.Account(rows, m.Pending, m.Arrival) }

// Millis is the time of a timestamp in microseconds, in ms rounded down.
func Millis(micros int64) int64 { return op.Millis(micros) }
