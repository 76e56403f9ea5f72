package nats

import (
	"slices"

	"github.com/edgeflow/edgeflow/dataflow"
)

// hole is a part of a stream that was passed without all of its messages: missing of those
// between from and to did not come. What messages that the stream has dropped at its beginning
// leave is lost; what messages deleted in its middle leave is not. The stream's state tells.
type hole struct{ from, to, missing uint64 }

// and is h together with the hole o behind it.
func (h hole) and(o hole) hole {
	switch {
	case h.missing == 0:
		return o
	case o.missing == 0:
		return h
	}
	return hole{h.from, o.to, h.missing + o.missing}
}

// lost bounds from above how many of the hole's messages a stream that begins at first dropped
// before they were read. It is their number when the hole is before first.
func (h hole) lost(first uint64) uint64 {
	if first = min(first, h.to); first <= h.from+1 {
		return 0
	}
	return min(first-h.from-1, h.missing)
}

// pass notes that to comes next, and wakes the keeper when that leaves a hole.
func (in *intake) pass(to uint64) {
	if in.gapless && in.hasAt && to > in.at.reached()+1 {
		from := in.at.reached()
		in.hole = in.hole.and(hole{from, to, to - from - 1})
		in.ev.wake()
	}
}

// takeHole gives what was passed since it was asked last.
func (in *intake) takeHole() hole {
	in.mu.Lock()
	defer in.mu.Unlock()
	h := in.hole
	in.hole = hole{}
	return h
}

// gapless tells whether every message that a stream has ever held is one for the source, so that
// one that does not come is gone. Streams that keep a number of messages per subject drop others
// all the time.
func (o *SourceOptions) gapless(i *streamInfo) bool {
	return !i.stateOf().Compacted && o.takesAll(&i.Config)
}

// takesAll tells whether the subjects that are read are all that a stream's messages may have.
// Those of a stream that copies others, or renames subjects, may have any.
func (o *SourceOptions) takesAll(c *streamConfig) bool {
	if len(o.Subjects) == 0 {
		return true
	}
	subjects := c.Subjects
	if len(subjects) == 0 || c.Mirror != nil || c.Sources != nil || c.Transform != nil {
		subjects = []string{">"}
	}
	for _, s := range subjects {
		if !slices.ContainsFunc(o.Subjects, func(f string) bool { return covers(f, s) }) {
			return false
		}
	}
	return true
}

// holed tells whether there is a hole to judge.
func (k *keeper) holed() bool {
	k.hole = k.hole.and(k.in.takeHole())
	return k.hole.missing > 0
}

// judge asks for the stream's state and decides by it on what was passed, if anything was. When
// there is no answer the next set-up decides.
func (k *keeper) judge() error {
	if !k.holed() {
		return nil
	}
	a, done := k.request()
	defer done()
	info, err := a.streamInfo(k.s.o.Stream)
	if err != nil {
		return err
	}
	return k.settle(info)
}

// settle decides on what was passed. Of a stream that was made anew, the set-up decides.
func (k *keeper) settle(info *streamInfo) error {
	if !k.holed() {
		return nil
	}
	h := k.hole
	k.hole = hole{}
	st := info.stateOf()
	missing := h.lost(st.First)
	if missing == 0 || st.CreatedNs != k.in.createdNs || !k.s.o.gapless(info) {
		return nil
	}
	pe := explain(Verdict{Kind: GapBehind, Missing: missing, Next: h.to}, Position{Sequence: h.from}, st)
	if k.s.o.OnGap == GapFail {
		return pe
	}
	k.s.lack(h.to, missing)
	k.warn(dataflow.OpenReport{Resumed: true, Gap: missing, Warning: pe.Error()})
	return nil
}
