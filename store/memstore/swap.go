package memstore

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

var _ state.Swap = (*Swap)(nil)

// Swap is a state.Swap in memory, for tests. The zero Swap is empty.
type Swap struct {
	mu    sync.Mutex
	slots map[uint32][]byte
}

// Put implements state.Swap.
func (s *Swap) Put(slot uint32, image []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slots == nil {
		s.slots = map[uint32][]byte{}
	}
	s.slots[slot] = bytes.Clone(image)
	return nil
}

// Get implements state.Swap.
func (s *Swap) Get(slot uint32, dst []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	image, ok := s.slots[slot]
	if !ok {
		return fmt.Errorf("memstore: no image in slot %d", slot)
	}
	copy(dst, image)
	return nil
}

// Reset implements state.Swap.
func (s *Swap) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.slots)
	return nil
}
