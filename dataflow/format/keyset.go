package format

import "bytes"

// keyset resolves field names to indexes. It remembers in which order the keys of the
// last object stood and compares the raw bytes of the key expected next before it looks
// anything up; order is a guess that a mismatch replaces, so its size is bounded.
type keyset struct {
	names []string
	index map[string]int32
	order []guess
}

// guess is a key as it stands in the message, terminators included, and its index or -1.
type guess struct {
	raw []byte
	idx int32
}

const (
	// guessesMax and guessBytesMax bound what an object's order takes.
	guessesMax    = 512
	guessBytesMax = 128
)

func (s *keyset) add(name string) int {
	if i, ok := s.index[name]; ok {
		return int(i)
	}
	if s.index == nil {
		s.index = map[string]int32{}
	}
	i := len(s.names)
	s.index[name] = int32(i)
	s.names = append(s.names, name)
	return i
}

// lookup is the index of a name, or -1.
func (s *keyset) lookup(name []byte) int32 {
	if i, ok := s.index[string(name)]; ok {
		return i
	}
	return -1
}

// learn makes raw the guess for position k.
func (s *keyset) learn(k int, raw []byte, idx int32) {
	if k >= guessesMax || len(raw) > guessBytesMax {
		return
	}
	for len(s.order) <= k {
		s.order = append(s.order, guess{})
	}
	g := &s.order[k]
	g.raw = append(g.raw[:0], raw...)
	g.idx = idx
}

// guessed reports whether the guess for position k stands at the beginning of b.
func (s *keyset) guessed(k int, b []byte) (idx int32, n int, ok bool) {
	if k >= len(s.order) {
		return 0, 0, false
	}
	g := &s.order[k]
	if len(g.raw) == 0 || !bytes.HasPrefix(b, g.raw) {
		return 0, 0, false
	}
	return g.idx, len(g.raw), true
}
