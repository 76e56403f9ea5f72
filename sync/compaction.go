package forward

import (
	"fmt"
	"math"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// Compaction merges results of windows that wait in an outbox into results of wider ones
// when the outbox is crowded, so that an outage costs resolution instead of rows.
//
// A row that the hub may have must not be merged: it would be there twice. So commits keep an
// output's hold: rows from it on are not sent before a later commit raises or lifts it, and
// only they may be merged. A hold begins after the last committed row, when the output cannot
// be reached or its outbox fills up, and never goes down: no process that starts from any of
// those commits, nor one that runs on a copy of the disk, sends a row that another has merged.
// A cursor beyond the hold was moved by another copy, and stops the output.
type Compaction struct {
	// Widths are those of the wider windows, ascending; each divides the next.
	Widths []time.Duration
	Merger Merger
}

// Merger merges rows of windows. It is used by one goroutine at a time.
type Merger interface {
	// Merge merges the rows, which are in the order of the outbox, into windows of a width.
	// A row that cannot be merged, or has nothing to be merged with, stays what it is. emit
	// takes the results; what they stand for adds up to what the rows stand for. Its
	// argument is valid during the call.
	Merge(rows []Entry, width time.Duration, emit func(Entry)) error
}

const (
	// An outbox fills up, so that rows are held, from an eighth of its budget on; it is
	// crowded, so that they are merged, from three quarters on.
	fillingPart, crowdedPart, partsOf = 1, 6, 8
	// A commit merges at most so many bytes of rows, uncompressed, and rows of an output.
	compactBytes = 4 << 20
	compactRows  = 1 << 16
	// compactTries is how many stretches of an outbox a commit looks at.
	compactTries = 4
	// compactFrame is the size from which a frame of merged rows is sealed.
	compactFrame = 256 << 10
	// holdBatches is how many batches an output whose outbox fills up may send between two commits.
	holdBatches = 4
)

// Merged is what a commit merges in one output.
type Merged struct {
	state.OutboxReplace
	// Away is how many rows fewer there are.
	Away uint64

	level int
	to    uint64 // up to where rows were merged
}

// beyond tells that an outbox is beyond a part of its budget; the lock is held.
func (f *Forwarder) beyond(o *output, part int64) bool {
	return o.Compact != nil && o.BytesMax > 0 && f.shared[o.i].stats.Bytes > o.BytesMax/partsOf*part
}

// holdFrom is the first row that the next commit keeps back, 0 for none; the lock is held.
func (f *Forwarder) holdFrom(o *output) uint64 {
	s := &f.shared[o.i]
	switch {
	case o.Compact == nil || s.reachable && !f.beyond(o, fillingPart):
		return 0
	case max(s.hold, s.keptHold) == 0:
		return s.last + 1
	case !s.reachable:
		return max(s.hold, s.keptHold)
	}
	return max(s.hold, s.keptHold, f.ahead(o)+1)
}

// ahead is up to where an output may send until the next commit but one.
func (f *Forwarder) ahead(o *output) (to uint64) {
	left := holdBatches * f.shared[o.i].batchBytes
	to = o.acc.Done()
	_ = f.Store.OutboxScan(o.Name, to, func(fr Frame) (bool, error) {
		to = fr.Last
		left -= len(fr.Data)
		return left > 0, nil
	})
	return to
}

// sendable is the last row that may be sent: committed, and not held by a commit that was
// made or is under way.
func (f *Forwarder) sendable(o *output) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &f.shared[o.i]
	last := s.last
	for _, hold := range [2]uint64{s.hold, s.keptHold} {
		if hold > 0 {
			last = min(last, hold-1)
		}
	}
	return last
}

// waitsForHold tells that only a commit can let more rows go, or more rows be merged; the
// lock is held.
func (f *Forwarder) waitsForHold(o *output) bool {
	s := &f.shared[o.i]
	if o.Compact == nil {
		return false
	}
	return f.keepsBack(o) || s.merging && f.beyond(o, crowdedPart)
}

// keepsBack tells that the hold alone keeps rows from being sent; the lock is held.
func (f *Forwarder) keepsBack(o *output) bool {
	s := &f.shared[o.i]
	return s.keptHold > 0 && s.last >= s.keptHold && s.reachable && o.acc.Done() >= s.keptHold-1
}

// WaitsForHold tells what moves on by commits alone, a step with each: rows that the hub
// would take are held back, or rows of a crowded outbox can be merged.
func (f *Forwarder) WaitsForHold() (keepsBack, merges bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.outputs {
		back := f.keepsBack(o)
		keepsBack = keepsBack || back
		merges = merges || !back && f.waitsForHold(o)
	}
	return keepsBack, merges
}

// Compact merges rows for the commit of the last Plan. It takes CPU time and is for the
// goroutine that commits; the merge comes into force with Committed. An output whose rows
// cannot be read stays as it is and is named by an Event.
func (f *Forwarder) Compact() []Merged {
	var all []Merged
	for i, o := range f.outputs {
		f.mu.Lock()
		s := &f.shared[i]
		s.pass = nil
		from, last, held, crowded := max(s.hold, s.planned.Done()+1), s.last, s.hold > 0, f.beyond(o, crowdedPart)
		f.mu.Unlock()
		if !crowded || !held {
			continue
		}
		m, err := o.merge(from, last)
		if err != nil {
			f.event(Event{Kind: CompactionFailed, Output: o.Name, Err: err})
		}
		f.mu.Lock()
		if s.merging = m != nil; m != nil {
			s.pass = m
		}
		f.mu.Unlock()
		if m != nil {
			all = append(all, *m)
		}
	}
	return all
}

// merge merges one stretch of the rows from one sequence to another: by the narrowest width
// that has not yet been tried on all of them. It returns nil when there is nothing to merge.
func (o *output) merge(from, last uint64) (*Merged, error) {
	if len(o.passed) == 0 {
		o.passed = make([]uint64, len(o.Compact.Widths))
	}
	end := last
	for level, width := range o.Compact.Widths {
		for range compactTries {
			p := stretch{width: width.Milliseconds()}
			if err := p.read(o.f.Store, o.Name, max(from, o.passed[level]+1), end); err != nil {
				return nil, err
			}
			if len(p.rows) == 0 {
				break
			}
			m, err := p.merge(o.Name, o.Compact.Merger)
			if err != nil {
				return nil, err
			}
			m.level = level
			if m.Away*8 >= uint64(len(p.rows)) {
				return m, nil
			}
			if p.before == 0 {
				break
			}
			o.passed[level] = p.before // nothing to be had there
		}
		end = o.passed[level]
	}
	return nil, nil
}

// stretch is a run of whole frames with their rows.
type stretch struct {
	width  int64 // ms
	frames []Frame
	ends   []int // of the frames in rows
	rows   []Entry
	// later are the rows that are left for later; before is the last row before all of them,
	// at the end of a frame, 0 for none.
	later  []Entry
	before uint64
	buf    []byte
	reader FrameReader
}

// read takes whole frames from one sequence to another while they are within bounds. Where
// it reaches the end, it leaves the rows of the newest window for later: more may come.
func (p *stretch) read(store Store, output string, from, to uint64) error {
	if from > to {
		return nil
	}
	bytes, reachedEnd := 0, true
	err := store.OutboxScan(output, from-1, func(fr Frame) (bool, error) {
		if fr.First < from {
			return true, nil // a hold may lie within a frame
		}
		if fr.Last > to {
			return false, nil
		}
		if bytes > compactBytes || len(p.rows) > compactRows {
			reachedEnd = false
			return false, nil
		}
		if _, err := p.reader.Open(fr.Data, fr.First); err != nil {
			return false, fmt.Errorf("frame %d-%d: %w", fr.First, fr.Last, err)
		}
		for {
			e, ok, err := p.reader.Next()
			if err != nil {
				return false, fmt.Errorf("frame %d-%d: %w", fr.First, fr.Last, err)
			}
			if !ok {
				break
			}
			e.Payload, e.Subject = p.keep(e.Payload), p.keep(e.Subject)
			bytes += len(e.Payload)
			p.rows = append(p.rows, e)
		}
		fr.Data = nil
		p.frames, p.ends = append(p.frames, fr), append(p.ends, len(p.rows))
		return true, nil
	})
	if n := len(p.frames); n > 0 {
		if p.before = p.frames[n-1].Last; reachedEnd {
			p.leaveNewest()
		}
	}
	return err
}

// keep copies b; buffers that are full stay with the rows that lie in them.
func (p *stretch) keep(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	if len(p.buf)+len(b) > cap(p.buf) {
		p.buf = make([]byte, 0, max(compactFrame, len(b)))
	}
	n := len(p.buf)
	p.buf = append(p.buf, b...)
	return p.buf[n:len(p.buf):len(p.buf)]
}

// window numbers the wide windows by the end of a row's own.
func (p *stretch) window(e *Entry) int64 { return floorDiv(e.WindowEnd-1, p.width) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// leaveNewest leaves the rows of the newest window for later.
func (p *stretch) leaveNewest() {
	newest := int64(math.MinInt64)
	for i := range p.rows {
		newest = max(newest, p.window(&p.rows[i]))
	}
	kept, frame := p.rows[:0], 0
	for i, e := range p.rows {
		for i >= p.ends[frame] {
			frame++
		}
		if p.window(&e) != newest {
			kept = append(kept, e)
			continue
		}
		if len(p.later) == 0 {
			p.before = p.frames[frame].First - 1
			if frame == 0 {
				p.before = 0
			}
		}
		p.later = append(p.later, e)
	}
	p.rows = kept
}

// merge makes the frames that take the place of the stretch's.
func (p *stretch) merge(output string, by Merger) (*Merged, error) {
	m := &Merged{OutboxReplace: state.OutboxReplace{Output: output, First: p.frames[0].First, Last: p.frames[len(p.frames)-1].Last}}
	created := p.frames[0].Created
	for i := range p.frames {
		created = min(created, p.frames[i].Created)
	}
	var b FrameBuilder
	first, next, rows := m.First, m.First, 0
	seal := func() {
		if b.Rows() == 0 {
			return
		}
		m.Frames = append(m.Frames, Frame{Output: output, First: first, Last: next - 1, Rows: int(next - first), Created: created, Data: b.Seal(first)})
		first = next
	}
	add := func(e Entry) {
		b.AppendEntry(e)
		next += e.Stands
		if rows++; b.Len() >= compactFrame {
			seal()
		}
	}
	if err := by.Merge(p.rows, time.Duration(p.width)*time.Millisecond, add); err != nil {
		return nil, err
	}
	seal()
	m.to, m.Away = next-1, uint64(len(p.rows)-rows)
	for _, e := range p.later {
		add(e)
	}
	if seal(); next != m.Last+1 || rows > len(p.rows)+len(p.later) {
		return nil, fmt.Errorf("rows %d to %d were merged into rows that stand for %d to %d", m.First, m.Last, m.First, next-1)
	}
	return m, nil
}
