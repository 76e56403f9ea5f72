package sim

import (
	"fmt"
	"slices"
)

// span is a run of the input's messages, by index: from the first up to but not to.
type span struct{ from, to int }

// edit is a change of the pipeline after so many messages, and after a tick at nowMs.
type edit struct {
	at, version int
	nowMs       int64
}

// past is what a state came from: the messages that went into it, and the versions of the
// pipeline that processed them. A disk keeps it for each epoch, beside the simulated store.
type past struct {
	spans     []span
	edits     []edit
	gap       uint64 // messages that the source counted as missing
	moved     int    // times that it went on elsewhere than at its position
	watermark int64
	nowMs     int64  // the engine's, as of rows and ticks
	drained   string // dump of the state after the end of the input
}

func (p past) clone() past {
	p.spans, p.edits = slices.Clone(p.spans), slices.Clone(p.edits)
	return p
}

// add notes that message i went in.
func (p *past) add(i int) {
	if n := len(p.spans); n > 0 && p.spans[n-1].to == i {
		p.spans[n-1].to++
		return
	}
	p.spans = append(p.spans, span{i, i + 1})
}

// count is the number of messages.
func (p *past) count() (n int) {
	for _, s := range p.spans {
		n += s.to - s.from
	}
	return n
}

// version is the pipeline's at the end.
func (p *past) version() int {
	if n := len(p.edits); n > 0 {
		return p.edits[n-1].version
	}
	return 0
}

// andRest is p with all messages after its last.
func (p past) andRest(n int) past {
	p = p.clone()
	from := 0
	if k := len(p.spans); k > 0 {
		from = p.spans[k-1].to
	}
	for i := from; i < n; i++ {
		p.add(i)
	}
	return p
}

// whole tells that all n messages went in.
func (p *past) whole(n int) bool { return p.count() == n }

// each calls fn for the index of each message, in order.
func (p *past) each(fn func(i int)) {
	for _, s := range p.spans {
		for i := s.from; i < s.to; i++ {
			fn(i)
		}
	}
}

// check says what is wrong with p: messages must be in order, and those that are missing
// must be gone from the stream.
func (p *past) check(w *world) string {
	next := 0
	for _, s := range append(slices.Clone(p.spans), span{len(w.input), len(w.input)}) {
		if s.from < next {
			return fmt.Sprintf("message %d was read after message %d", s.from+1, next)
		}
		for i := next; i < s.from; i++ {
			if !w.stream.lost[i] {
				return fmt.Sprintf("message %d was never read, though the stream did not lose it", i+1)
			}
		}
		next = s.to
	}
	return ""
}
