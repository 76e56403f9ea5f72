package op

import "github.com/edgeflow/edgeflow/dataflow/state"

// sweepRows is how many entries a batch looks at in the search for expired ones.
const sweepRows = 16

// sweeper goes round an ordered table, a few entries at a time, and drops the expired ones.
type sweeper struct {
	it   *state.Iter                  `scratch:"a walk within one call"`
	from []byte                       `scratch:"where the search for expired entries goes on"`
	dead func(key, value []byte) bool // frees what the entry refers to when it is
}

func newSweeper(o *state.Ordered, dead func(key, value []byte) bool) *sweeper {
	return &sweeper{it: o.Iter(), dead: dead}
}

func (s *sweeper) sweep() {
	ok := s.it.Seek(s.from)
	for n := 0; ok && n < sweepRows; n++ {
		if s.dead(s.it.Key(), s.it.Value()) {
			s.it.Delete()
		}
		ok = s.it.Next()
	}
	s.from = s.from[:0]
	if ok {
		s.from = append(s.from, s.it.Key()...)
	}
}
