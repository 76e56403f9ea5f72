package dataflow

// rowOverhead is about what a row that a coalescer keeps takes besides its bytes.
const rowOverhead = 200

// coalescerKeep is up to how many rows a coalescer keeps its buffers for the next epoch.
const coalescerKeep = 1 << 16

// memory is about what the coalescer's rows take.
func (c *coalescer) memory() int64 { return c.bytes + c.keys + int64(len(c.rows))*rowOverhead }

// memory is about what the rows take that wait for the next barrier.
func (o *Output) memory() int64 {
	n := int64(o.frame.Len())
	for i := range o.sealed {
		n += int64(len(o.sealed[i].Data))
	}
	if o.upserts != nil {
		n += o.upserts.memory()
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

// Queued is the number of messages that the sources have handed out and that are still to
// be processed, and their bytes.
func (e *Engine) Queued() (messages int, bytes int64) {
	for _, in := range e.sources {
		messages += len(in.msgs) - in.next
		for _, m := range in.msgs[in.next:] {
			bytes += int64(len(m.Data))
		}
	}
	return messages, bytes
}
