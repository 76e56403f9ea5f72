package sim

import (
	"slices"

	"github.com/edgeflow/edgeflow/connector/nats"
)

// sourcesMax is how many streams a pipeline reads at most.
const sourcesMax = 2

// stream is a simulated stream that hosts read: messages of the input arrive in it, and
// some may vanish.
type stream struct {
	name      string
	createdMs int64
	slots     []int // the input's message at sequence i+1
	first     uint64
	// changes counts what happened to the stream beside messages arriving.
	changes int
	// lost are messages that a reader may rightly never get.
	lost map[int]bool
	// rewritten is the sequence from which on messages were replaced, 0 for none.
	rewritten uint64
}

func newStream(name string, nowMs int64) *stream {
	return &stream{name: name, createdMs: nowMs, first: 1, lost: map[int]bool{}}
}

func (s *stream) last() uint64 { return uint64(len(s.slots)) }

// state is what the server tells of the stream.
func (s *stream) state() nats.StreamState {
	return nats.StreamState{
		Name: s.name, CreatedNs: s.createdMs * 1e6, First: s.first, Last: s.last(), Messages: s.last() + 1 - s.first,
	}
}

// at is the message at a sequence, if it is there.
func (s *stream) at(seq uint64, input []entry) nats.StoredMessage {
	if seq < s.first || seq > s.last() {
		return nats.StoredMessage{}
	}
	e := &input[s.slots[seq-1]]
	return nats.StoredMessage{Found: true, StoredNs: e.arrivalMs * 1e6, Hash: e.hash}
}

// trim drops the messages before sequence first.
func (s *stream) trim(first uint64) {
	for seq := s.first; seq < first; seq++ {
		s.lost[s.slots[seq-1]] = true
	}
	s.first = first
	s.changes++
}

// recreate deletes the stream and makes another one of its name.
func (s *stream) recreate(nowMs int64) {
	for _, i := range s.slots {
		s.lost[i] = true
	}
	s.createdMs, s.slots, s.first = nowMs, nil, 1
	s.changes++
}

// rollBack takes the newest n messages away; what comes next takes their sequences.
func (s *stream) rollBack(n int) {
	keep := len(s.slots) - n
	for _, i := range s.slots[keep:] {
		s.lost[i] = true
	}
	s.slots = slices.Clone(s.slots[:keep])
	s.rewritten = uint64(keep) + 1
	s.changes++
}

// skipped notes that a reader rightly goes on at sequence next: what replaced messages
// before it is taken for those.
func (s *stream) skipped(next uint64) {
	for seq := s.rewritten; s.rewritten > 0 && seq < next && seq <= s.last(); seq++ {
		s.lost[s.slots[seq-1]] = true
	}
}
