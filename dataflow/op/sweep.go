package op

import "github.com/edgeflow/edgeflow/dataflow/state"

// A sweep looks at sweepRows entries, and at sweepPace more for each by which the table has
// grown since the last one, so that expired entries go as fast as others come.
const (
	sweepRows = 16
	sweepPace = 4
)

// sweeper goes round an ordered table, a few entries at a time, and drops the expired ones.
type sweeper struct {
	table *state.Ordered
	it    *state.Iter                  `scratch:"a walk within one call"`
	from  []byte                       `scratch:"where the search for expired entries goes on"`
	left  int                          `scratch:"entries after the last sweep"`
	dead  func(key, value []byte) bool // frees what the entry refers to when it is
}

func newSweeper(o *state.Ordered, dead func(key, value []byte) bool) *sweeper {
	return &sweeper{table: o, it: o.Iter(), left: o.Len(), dead: dead}
}

func (s *sweeper) sweep() {
	most := sweepRows + sweepPace*max(0, s.table.Len()-s.left)
	ok := s.it.Seek(s.from)
	for n := 0; ok && n < most; n++ {
		if s.dead(s.it.Key(), s.it.Value()) {
			s.it.Delete()
		}
		ok = s.it.Next()
	}
	s.from = s.from[:0]
	if ok {
		s.from = append(s.from, s.it.Key()...)
	}
	s.left = s.table.Len()
}
