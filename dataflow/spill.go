package dataflow

import "github.com/edgeflow/edgeflow/dataflow/state"

// spillBytes is how many bytes of frames are stored at once.
const spillBytes = 4 << 20

// spill bounds the memory that output takes in a step, which is not divided: a watermark may close
// very many windows. Beyond the bound frames are stored ahead of their commit, and the rows that a
// coalescer keeps become frames, so that a key may have several rows in an epoch.
type spill struct {
	max    int64
	stage  func([]state.OutboxFrame) error
	failed bool // nothing is stored until the next barrier
}

// frame is how large a frame becomes, bytes: a quarter of the bound at most.
func (s *spill) frame() int {
	if s.max <= 0 {
		return frameBytesMax
	}
	return int(min(frameBytesMax, max(1, s.max/4)))
}

// relieveOutput stores output when there is too much of it. It is called in the midst of a step,
// wherever an output has grown.
func (e *Engine) relieveOutput() {
	s := &e.spill
	if s.stage == nil || s.max <= 0 || s.failed || e.PendingMemory() < s.max {
		return
	}
	least := min(spillBytes, s.max/4)
	for _, o := range e.outputs {
		if u := o.upserts; u != nil && !u.draining && u.memory() >= least {
			u.drain(o) // which seals frames, and comes here again
			o.seal()
		}
	}
	e.stageSealed(least)
}

// stageSealed stores the sealed frames of all outputs, if they have so many bytes.
func (e *Engine) stageSealed(least int64) {
	var n int64
	for _, o := range e.outputs {
		n += o.sealedBytes()
	}
	if n < least {
		return
	}
	for _, o := range e.outputs {
		from := o.staged
		if from < len(o.sealed) && !e.spill.failed {
			e.spill.failed = e.spill.stage(o.sealed[from:]) != nil
		}
		for o.staged < len(o.sealed) && o.sealed[o.staged].Staged > 0 {
			o.staged++
		}
	}
}
