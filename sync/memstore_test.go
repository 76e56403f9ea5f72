package forward

import (
	"slices"
	"sort"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// memStore is an outbox in memory that keeps what a commit leaves, as the real ones do.
type memStore struct {
	frames map[string][]Frame
	last   map[string]uint64
	states []OutputState
	epoch  uint64
}

func newMemStore() *memStore {
	return &memStore{frames: map[string][]Frame{}, last: map[string]uint64{}}
}

func (s *memStore) OutboxScan(output string, after uint64, fn func(Frame) (bool, error)) error {
	for _, f := range s.frames[output] {
		if f.Last <= after {
			continue
		}
		if more, err := fn(f); err != nil || !more {
			return err
		}
	}
	return nil
}

func (s *memStore) OutboxStats(output string) (state.OutboxStats, error) {
	st := state.OutboxStats{Output: output, First: s.last[output] + 1, Last: s.last[output]}
	for i, f := range s.frames[output] {
		if i == 0 {
			st.First, st.OldestCreated = f.First, f.Created
		}
		st.Frames++
		st.Rows += int64(f.Rows)
		st.Bytes += int64(len(f.Data))
	}
	return st, nil
}

// add commits a frame with rows. The window of a row ends as many ms after 1970 as its
// sequence says.
func (s *memStore) add(output string, created time.Time, rows ...string) {
	var b FrameBuilder
	first := s.last[output] + 1
	for i, r := range rows {
		b.Append([]byte(r), nil, vec.Insert, int64(first)+int64(i))
	}
	s.last[output] += uint64(len(rows))
	s.frames[output] = append(s.frames[output], Frame{Output: output, First: first, Last: s.last[output], Rows: len(rows), Created: created.UnixMilli(), Data: b.Seal(first)})
}

// commit keeps the plan, merges rows and deletes what the plan allows.
func (s *memStore) commit(plan []OutputState, merged ...Merged) uint64 {
	s.epoch++
	s.states = append([]OutputState(nil), plan...)
	for _, m := range merged {
		fs := s.frames[m.Output]
		from := sort.Search(len(fs), func(i int) bool { return fs[i].First >= m.First })
		to := sort.Search(len(fs), func(i int) bool { return fs[i].Last >= m.Last })
		if !m.Whole() || fs[from].First != m.First || fs[to].Last != m.Last {
			panic("merged rows are not those that were there")
		}
		s.frames[m.Output] = slices.Concat(fs[:from], m.Frames, fs[to+1:])
		for i := range s.states {
			if s.states[i].Name == m.Output {
				s.states[i].Merged += m.Away
			}
		}
	}
	for _, p := range plan {
		fs := s.frames[p.Name]
		n := sort.Search(len(fs), func(i int) bool { return fs[i].Last > p.Done() })
		s.frames[p.Name] = append([]Frame(nil), fs[n:]...)
	}
	return s.epoch
}

// clone is the store after a crash: what was committed.
func (s *memStore) clone() *memStore {
	c := newMemStore()
	c.epoch = s.epoch
	c.states = append([]OutputState(nil), s.states...)
	for k, v := range s.frames {
		c.frames[k] = append([]Frame(nil), v...)
	}
	for k, v := range s.last {
		c.last[k] = v
	}
	return c
}
