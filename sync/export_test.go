package forward

import "time"

// MemStore is the outbox of the tests.
type MemStore = memStore

// NewMemStore makes an empty one.
func NewMemStore() *MemStore { return newMemStore() }

// Add commits a frame with rows.
func (s *memStore) Add(output string, created time.Time, rows ...string) {
	s.add(output, created, rows...)
}

// Commit keeps the plan and merges rows.
func (s *memStore) Commit(plan []OutputState, merged ...Merged) uint64 {
	return s.commit(plan, merged...)
}

// Clone is the store after a crash.
func (s *memStore) Clone() *MemStore { return s.clone() }

// States is what the last commit kept.
func (s *memStore) States() []OutputState { return s.states }

// Lose takes a frame away, as a damaged store does.
func (s *memStore) Lose(output string, i int) {
	s.frames[output] = append(s.frames[output][:i], s.frames[output][i+1:]...)
}
