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

// tick is a moment to which time passed after so many messages, in a version of the pipeline.
type tick struct {
	at, version int
	nowMs       int64
}

// past is what a state came from: the messages that went into it, in the order in which they
// did, and the versions of the pipeline that processed them. A disk keeps it for each epoch, beside the simulated store.
type past struct {
	spans []span
	edits []edit
	// ticks are the newest ones before a message each. They are kept where there are several
	// sources: when a source's watermark goes out then counts among the rows of the others.
	ticks     []tick
	gap       [sourcesMax]uint64 // messages that each source counted as missing
	moved     [sourcesMax]int    // times that it went on elsewhere than at its position
	watermark int64
	nowMs     int64  // the engine's, as of rows and ticks
	generated bool   // code ran it at the end
	drained   string // dump of the state after the end of the input
}

func (p past) clone() past {
	p.spans, p.edits, p.ticks = slices.Clone(p.spans), slices.Clone(p.edits), slices.Clone(p.ticks)
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

// ticked notes that time has passed, which it does not before the first message.
func (p *past) ticked(version int, nowMs int64) {
	t := tick{p.count(), version, nowMs}
	if t.at == 0 {
		return
	}
	if n := len(p.ticks); n > 0 && p.ticks[n-1].at == t.at && p.ticks[n-1].version == version {
		p.ticks = p.ticks[:n-1]
	}
	p.ticks = append(p.ticks, t)
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

// andRest is p with all messages after the last of each source.
func (p past) andRest(input []entry) past {
	p = p.clone()
	var next [sourcesMax]int
	p.each(func(i int) { next[input[i].source] = i + 1 })
	for i := range input {
		if i >= next[input[i].source] {
			p.add(i)
		}
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

// check says what is wrong with p: messages must be in the order of their streams, and those
// that are missing must be gone from theirs.
func (p *past) check(w *world) (why string) {
	var next [sourcesMax]int
	read := map[int]bool{}
	p.each(func(i int) {
		if n := &next[w.input[i].source]; i < *n {
			why = fmt.Sprintf("message %d was read after message %d", i+1, *n)
		} else {
			*n = i + 1
		}
		read[i] = true
	})
	for i := range w.input {
		if why == "" && !read[i] && !w.streams[w.input[i].source].lost[i] {
			why = fmt.Sprintf("message %d was never read, though the stream did not lose it", i+1)
		}
	}
	return why
}
