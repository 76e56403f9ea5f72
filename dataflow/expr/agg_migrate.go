package expr

import (
	"fmt"
	"strings"
)

// groupIDField names the group's id among the fields of a state.
const groupIDField = "group id"

// AggMove turns states of other aggregates into states of an AggSet: those that both have
// are taken over, new ones begin empty.
type AggMove struct {
	// Kept, Added and Dropped are the names of the aggregates.
	Kept, Added, Dropped []string

	set   *AggSet
	size  int // of the former states
	id    bool
	moves []aggMove
	buf   []byte // scratch: the former state, laid out as the set's
}

// aggMove takes a part over from an offset of the former state.
type aggMove struct {
	from int
	part *aggPart
	copy bool // into another heap
}

// MoveFrom plans the way from states with the given fields, as Fields has listed them. The
// error says why states cannot be moved: because nothing of them is kept, because entries
// of multisets are numbered otherwise, or, with retracting, because rows are taken back
// that a new aggregate has not seen.
func (s *AggSet) MoveFrom(stored []AggField, retracting bool) (*AggMove, error) {
	m := &AggMove{set: s, buf: make([]byte, s.size)}
	former := map[string]AggField{}
	var order []string
	for _, f := range stored {
		m.size = max(m.size, f.Offset+f.Size)
		if f.Name == groupIDField {
			m.id = true
			continue
		}
		former[f.Name] = f
		order = append(order, f.Name)
	}
	for i := range s.parts {
		p := &s.parts[i]
		f, ok := former[p.name]
		heap, tree := p.impl.needs()
		switch {
		case !ok:
			m.Added = append(m.Added, p.name)
			continue
		case f.Size != p.impl.size():
			return nil, fmt.Errorf("the state of %s has another size", p.name)
		case tree && (i >= len(order) || order[i] != p.name || heap):
			return nil, fmt.Errorf("%s keeps its place only where aggregates are added or removed behind it", p.name)
		}
		delete(former, p.name)
		m.Kept = append(m.Kept, p.name)
		m.moves = append(m.moves, aggMove{from: f.Offset, part: p, copy: heap})
	}
	for _, name := range order {
		if _, left := former[name]; !left {
			continue
		}
		if strings.Contains(name, "$") {
			return nil, fmt.Errorf("the state does not tell which aggregate %s is", name)
		}
		m.Dropped = append(m.Dropped, name)
	}
	switch {
	case len(order) > 0 && len(m.Kept) == 0:
		return nil, fmt.Errorf("none of its aggregates is in the query any more")
	case retracting && len(m.Added) > 0:
		return nil, fmt.Errorf("%s is new, and rows may be taken back that it has not seen", strings.Join(m.Added, ", "))
	}
	return m, nil
}

// Size is the size of the former states in bytes.
func (m *AggMove) Size() int { return m.size }

// Move fills to, a state of the set that is all zeros, from a former one. newID gives out
// group ids, where the former states had none.
func (m *AggMove) Move(dst *AggStore, to []byte, src *AggStore, from []byte, newID func() uint64) {
	if m.set.tree {
		id := uint64(0)
		if m.id {
			id = le(from)
		} else {
			id = newID()
		}
		m.set.Init(to, id)
	}
	for _, v := range m.moves {
		off, size := v.part.off, v.part.impl.size()
		if !v.copy {
			copy(to[off:off+size], from[v.from:])
			continue
		}
		clear(m.buf)
		copy(m.buf[off:off+size], from[v.from:])
		v.part.impl.merge(dst, to, src, m.buf)
	}
}
