package byhand

import "math"

// Tumble aggregates by customer and network over 10 s.
type Tumble struct {
	decoder Decoder
	event   Event
	groups  interner
	result  Result

	arrival, grid    int64
	pending, emitted int64 // watermarks
	windows          []*window
	last             *window
	free             []*window
}

// window holds the aggregates of the groups by their number.
type window struct {
	startMs int64
	groups  []aggregate
}

type aggregate struct{ views, errors, rebufferMs, startupMs, bitrate int64 }

func newTumble(d Decoder) *Tumble {
	return &Tumble{decoder: d, groups: newInterner(), pending: noWatermark, emitted: noWatermark, last: &window{startMs: math.MinInt64}}
}

// Message implements Run.
func (t *Tumble) Message(data []byte, arrivalMs int64) error {
	t.arrive(arrivalMs)
	e := &t.event
	var err error
	for len(data) > 0 {
		if data, err = t.decoder.Next(data, e); err != nil {
			return err
		}
		t.result.Events++
		if e.TimeMs-t.arrival > maxAheadMs {
			t.result.Future++
			continue
		}
		w := t.last
		if at := e.TimeMs - w.startMs; at < 0 || at >= windowMs {
			if w = t.window(e.TimeMs - e.TimeMs%windowMs); w == nil {
				t.result.Late++
				continue // it cannot move the watermark
			}
		}
		g := t.groups.id(e.Customer, e.CDN)
		for g >= len(w.groups) {
			w.groups = append(w.groups, aggregate{})
		}
		a := &w.groups[g]
		a.views++
		if e.Error != nil {
			a.errors++
		}
		a.rebufferMs += e.RebufferMs
		a.startupMs += e.StartupMs
		a.bitrate = max(a.bitrate, e.BitrateKbps)
		if mark := e.TimeMs - delayMs; mark > t.pending {
			t.pending = mark
			if mark > t.emitted+intervalMs || t.emitted == noWatermark {
				t.emit()
			}
		}
	}
	return nil
}

// emit lets the watermark out.
func (t *Tumble) emit() {
	if t.pending > t.emitted {
		t.emitted = t.pending
		t.fire(t.emitted)
	}
}

// arrive lets the watermark out before the first event past a multiple of the interval.
func (t *Tumble) arrive(ms int64) {
	if ms <= t.arrival {
		return
	}
	t.arrival = ms
	if grid := ms / intervalMs; grid > t.grid {
		t.grid = grid
		t.emit()
	}
}

// window finds the open window that begins at startMs; nil when it has fired.
func (t *Tumble) window(startMs int64) *window {
	if startMs+windowMs-1 <= t.emitted {
		return nil
	}
	for _, w := range t.windows {
		if w.startMs == startMs {
			t.last = w
			return w
		}
	}
	w := &window{}
	if n := len(t.free); n > 0 {
		w, t.free = t.free[n-1], t.free[:n-1]
	}
	w.startMs = startMs
	t.windows = append(t.windows, w)
	t.last = w
	return w
}

// fire yields the windows that end at the watermark or before.
func (t *Tumble) fire(watermark int64) {
	open := t.windows[:0]
	for _, w := range t.windows {
		if w.startMs+windowMs-1 > watermark {
			open = append(open, w)
			continue
		}
		t.yield(w)
		if w == t.last {
			t.last = &window{startMs: math.MinInt64}
		}
		w.groups = w.groups[:0]
		t.free = append(t.free, w)
	}
	t.windows = open
}

func (t *Tumble) yield(w *window) {
	for g, a := range w.groups {
		if a.views == 0 {
			continue
		}
		k := t.groups.keys[g]
		t.result.AddQuality(&Quality{
			StartMs: w.startMs, EndMs: w.startMs + windowMs, Customer: k.customer, CDN: k.cdn,
			Views: a.views, Errors: a.errors, RebufferMs: a.rebufferMs, MeanStartup: float64(a.startupMs) / float64(a.views), MaxBitrate: a.bitrate,
		})
	}
}

// End implements Run.
func (t *Tumble) End() Result {
	t.fire(math.MaxInt64)
	return t.result
}
