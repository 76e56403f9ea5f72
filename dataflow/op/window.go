package op

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// validate reports a window that cannot be.
func (w Window) validate() error {
	switch {
	case w.Kind == Attached:
	case w.Size <= 0:
		return fmt.Errorf("%s: the size %d ms is not positive", w.Kind, w.Size)
	case (w.Kind == Hop || w.Kind == Cumulate) && w.Slide <= 0:
		return fmt.Errorf("%s: the slide %d ms is not positive", w.Kind, w.Slide)
	case w.Kind == Cumulate && w.Size%w.Slide != 0:
		return fmt.Errorf("CUMULATE: the size %d ms is not a multiple of the step %d ms", w.Size, w.Slide)
	}
	return nil
}

// floorTo is the greatest multiple of step plus offset that is not above t.
func floorTo(t, step, offset int64) int64 {
	r := (t - offset) % step
	if r < 0 {
		r += step
	}
	return t - r
}

// pane is the length of the panes: an event updates one.
func (w Window) pane() int64 {
	switch w.Kind {
	case Hop:
		a, b := w.Size, w.Slide
		for b != 0 {
			a, b = b, a%b
		}
		return a
	case Cumulate:
		return w.Slide
	}
	return w.Size
}

// slide is the distance between the ends of consecutive windows.
func (w Window) slide() int64 {
	if w.Kind == Hop || w.Kind == Cumulate {
		return w.Slide
	}
	return w.Size
}

// firstEnd and lastEnd are the ends of the first and the last window over the pane that
// starts at p. They are below p when no window covers the pane, as with a slide longer
// than the size.
func (w Window) firstEnd(p int64) int64 {
	switch w.Kind {
	case Hop:
		// The first start above p-size.
		return floorTo(p-w.Size, w.Slide, w.Offset) + w.Slide + w.Size
	case Cumulate:
		return p + w.Slide
	}
	return p + w.Size
}

func (w Window) lastEnd(p int64) int64 {
	switch w.Kind {
	case Hop:
		end := floorTo(p, w.Slide, w.Offset) + w.Size
		if end <= p {
			return p - 1
		}
		return end
	case Cumulate:
		return floorTo(p, w.Size, w.Offset) + w.Size
	}
	return p + w.Size
}

// covers tells whether a window covers the pane.
func (w Window) covers(p int64) bool { return w.lastEnd(p) > p }

// endAfter is the least window end above t.
func (w Window) endAfter(t int64) int64 {
	offset := w.Offset
	if w.Kind == Hop {
		offset += w.Size
	}
	return floorTo(t, w.slide(), offset) + w.slide()
}

// start is the start of the window that ends at end.
func (w Window) start(end int64) int64 {
	if w.Kind == Cumulate {
		return floorTo(end-1, w.Size, w.Offset)
	}
	return end - w.Size
}

// count is the number of windows over the pane p whose end is above from.
func (w Window) count(p, from int64) int64 {
	first, last := w.firstEnd(p), w.lastEnd(p)
	if last <= p || last <= from {
		return 0
	}
	if from >= first {
		first = w.endAfter(from)
	}
	return (last-first)/w.slide() + 1
}

// time is the wall time by which a row is assigned to windows: its event time, its arrival
// time, or its window's end when that is attached. It is not ok when it is NULL.
func (w *Window) time(c *wallClock, b *vec.Batch, row int) (ms int64, ok bool) {
	switch {
	case w.Kind == Attached:
		v := b.Cols[w.End]
		return millis(v.I64[row]), !v.IsNull(row) && !b.Cols[w.Start].IsNull(row)
	case w.ProcTime:
		return c.wall(b.ArrivalAt(row)), true
	}
	v := b.Cols[w.Time]
	return c.wall(millis(v.I64[row])), !v.IsNull(row)
}
