package sim

import (
	"time"

	"github.com/edgeflow/edgeflow/agent/wiring"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/vec"
	forward "github.com/edgeflow/edgeflow/sync"
)

// The bugs that take the place of a host's part: of a decoder, a merger, the forwarder.

// plantDecoder is d, or what loses or doubles events between it and generated code.
func (h *host) plantDecoder(d format.Decoder) format.Decoder {
	placed, ok := d.(format.Placed)
	if h.w.plant != PlantLostRefused && h.w.plant != PlantTakenTwice || !ok {
		return d
	}
	return &leakyDecoder{Placed: placed, w: h.w}
}

type leakyDecoder struct {
	format.Placed
	w    *world
	next int // event, by where it begins
}

func (d *leakyDecoder) Next() (pos int, ok bool) {
	d.next, ok = d.Placed.Next()
	return d.next, ok
}

func (d *leakyDecoder) Take(end int) (pos int, ok bool) {
	if d.w.planting(PlantTakenTwice, 20) {
		return d.next, true
	}
	d.next, ok = d.Placed.Take(end)
	return d.next, ok
}

func (d *leakyDecoder) One(b *vec.Batch) bool {
	before := b.N
	more := d.Placed.One(b)
	if b.N > before && d.w.planting(PlantLostRefused, 1) {
		b.N = before
		d.Stats().Decoded--
	}
	return more
}

// plantMerger is m, or what leaves rows out.
func (h *host) plantMerger(m forward.Merger) forward.Merger {
	if h.w.plant != PlantMergeLess {
		return m
	}
	return &lossyMerger{m, h.w}
}

type lossyMerger struct {
	forward.Merger
	w *world
}

func (m *lossyMerger) Merge(rows []forward.Entry, width time.Duration, emit func(forward.Entry)) error {
	lost := uint64(0)
	if len(rows) > 1 && m.w.planting(PlantMergeLess, 1) {
		lost, rows = rows[0].Stands, rows[1:]
	}
	return m.Merger.Merge(rows, width, func(e forward.Entry) {
		e.Stands += lost // so that the sequences are all there
		lost = 0
		emit(e)
	})
}

// plantForwarder is the forwarder as the decisions see it, or one that tells less.
func (h *host) plantForwarder() wiring.Forwarder {
	if h.w.plant != PlantMergeUncounted {
		return h.fwd
	}
	return &secretive{h.fwd, h.w}
}

type secretive struct {
	*forward.Forwarder
	w *world
}

func (f *secretive) Compact() []forward.Merged {
	all := f.Forwarder.Compact()
	if len(all) > 0 && f.w.planting(PlantMergeUncounted, 1) {
		for i := range all {
			all[i].Away = 0
		}
	}
	return all
}

// plantBudget changes the budgets that the forwarder goes by.
func (h *host) plantBudget(outputs []forward.OutputOptions) {
	for i := range outputs {
		o := &outputs[i]
		switch {
		case o.AgeMax > 0 && h.w.planting(PlantKeepOld, 1):
			o.AgeMax = 0
		case o.AgeMax > 0 && h.w.planting(PlantDropYoung, 1):
			o.AgeMax /= 2
		case h.w.planting(PlantOutOfTurn, 1):
			o.Priority = -o.Priority
		}
	}
}
