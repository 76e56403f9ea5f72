package nats

import "github.com/edgeflow/edgeflow/dataflow"

var _ dataflow.Queue = (*Source)(nil)

// QueuedBytes is the size of the messages that are read and that no Poll has handed out,
// as 'nats.pull.bytes' bounds it. It may be called on any goroutine.
func (s *Source) QueuedBytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queuedBytes
}
