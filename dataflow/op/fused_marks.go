package op

import "math"

// What follows is the WatermarkAssigner's face for generated code that passes it by: such
// code keeps the newest watermark of rows in hand, tells arrival times, and gives back what
// it holds before anything else looks at the operator.

// Marks is what generated code needs to follow event time as the operator does.
type Marks struct {
	// Pending is the greatest watermark of a row, Emitted the newest that went out, Arrival
	// the newest arrival time, all in ms since 1970.
	Pending, Emitted, Arrival int64
	// Step is by how much Pending may exceed Emitted before it goes out at once; negative
	// when it goes out after each row that moves it.
	Step int64
	// Call is the arrival time from which on Arrived is to be called.
	Call int64
	// MaxAheadMs is how far event time may be ahead of arrival time; 0 is any.
	MaxAheadMs int64
}

// NoWatermark is Marks.Emitted before the first watermark.
const NoWatermark = noWatermark

// Fusable tells whether generated code can stand in for the operator's Process: watermarks
// that are aligned by a column's values are the operator's own.
func (o *WatermarkAssigner) Fusable() bool { return o.cfg.By < 0 }

// Marks reads the operator's state.
func (o *WatermarkAssigner) Marks() Marks {
	m := Marks{Pending: o.progress.Int64(markWatermark), Emitted: o.emitted, Arrival: o.arrival,
		Step: o.cfg.IntervalMs, MaxAheadMs: o.cfg.MaxAheadMs}
	if o.cfg.OnEvent {
		m.Step = -1
	}
	m.Call = math.MinInt64
	if o.progress.Int64(markIdle) == 0 && o.grid < math.MaxInt64/o.cfg.IntervalMs {
		m.Call = (o.grid + 1) * o.cfg.IntervalMs
	}
	return m
}

// Arrived notes an arrival time later than that of Marks, as Process does for a row: the
// pending watermark goes out before the first row past a multiple of the interval. before
// is called before a watermark goes out.
func (o *WatermarkAssigner) Arrived(pending, arrival int64, before func() error) error {
	if err := o.wake(); err != nil {
		return err
	}
	o.pending = pending
	o.arrival = arrival
	o.progress.SetInt64(markArrival, arrival)
	grid := arrival / o.cfg.IntervalMs
	if grid <= o.grid {
		return nil
	}
	o.grid = grid
	o.progress.SetInt64(markGrid, grid)
	if o.cfg.OnEvent || o.pending <= o.emitted {
		return nil
	}
	return o.Release(pending, before)
}

// Release lets a watermark out that has grown.
func (o *WatermarkAssigner) Release(pending int64, before func() error) error {
	o.pending = pending
	if err := before(); err != nil {
		return err
	}
	return o.release()
}

// Account adds rows that passed by the operator, the newest watermark among them, and the
// newest arrival time noted.
func (o *WatermarkAssigner) Account(rows, pending, arrival int64) {
	o.ledger.add(rowsIn, rows)
	if arrival > o.arrival {
		o.arrival = arrival
		o.progress.SetInt64(markArrival, arrival)
	}
	o.progress.SetInt64(markWatermark, max(pending, o.progress.Int64(markWatermark)))
}

// Account adds rows that passed by the operator, and how many of them its filter took away.
func (o *Calc) Account(rows, gone int64) {
	o.ledger.add(rowsIn, rows)
	o.ledger.add(filtered, gone)
}

// Millis is the time of a timestamp in microseconds, in ms rounded down.
func Millis(micros int64) int64 { return millis(micros) }
