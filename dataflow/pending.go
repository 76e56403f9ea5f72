package dataflow

// rowOverhead is about what a row that a coalescer keeps takes besides its bytes.
const rowOverhead = 200

// coalescerKeep is up to how many rows a coalescer keeps its buffers for the next epoch.
const coalescerKeep = 1 << 16

// memory is about what the coalescer's rows take.
func (c *coalescer) memory() int64 { return c.bytes + c.keys + int64(len(c.rows))*rowOverhead }

// memory is about what the rows take that wait for the next barrier.
func (o *Output) memory() int64 {
	n := int64(o.frame.Len()) + o.sealedBytes()
	if o.upserts != nil {
		n += o.upserts.memory()
	}
	return n
}

// sealedBytes is what the sealed frames take that are in memory.
func (o *Output) sealedBytes() (n int64) {
	for i := o.staged; i < len(o.sealed); i++ {
		n += int64(len(o.sealed[i].Data))
	}
	return n
}

// PendingMemory is about how much memory the output rows take that wait for the next
// barrier, in bytes. It differs from PendingBytes by what lies around the rows, and by what
// packing saves.
func (e *Engine) PendingMemory() int64 {
	var n int64
	for _, o := range e.outputs {
		n += o.memory()
	}
	return n
}

// Queue is a source that reads ahead. QueuedBytes is what it holds of messages that no Poll
// has handed out.
type Queue interface {
	QueuedBytes() int64
}

// QueuedBytes is the size of the messages that the sources have read and that are still to
// be processed.
func (e *Engine) QueuedBytes() int64 {
	var n int64
	for _, in := range e.sources {
		for i := in.next; i < len(in.msgs); i++ {
			n += int64(len(in.msgs[i].Data))
		}
		if q, ok := in.bind.Messages.(Queue); ok {
			n += q.QueuedBytes()
		}
	}
	return n
}
