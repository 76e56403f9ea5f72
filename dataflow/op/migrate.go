package op

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
)

// Migration says what becomes of an operator's aggregates when its query has changed: Kept
// ones go on, Added ones begin empty, Dropped ones are forgotten.
type Migration struct {
	Kept, Added, Dropped []string
}

// aggregateType is the type of the columns that are states of aggregates.
var aggregateType = fmt.Sprintf("aggregate v%d", expr.AggVersion)

// stored is the layout as it is stored beside the data.
func (l *layout) stored() state.Layout {
	h := fnv.New64a()
	h.Write(l.hash)
	return state.Layout{Version: layoutVersion, Hash: h.Sum64(), Columns: l.cols}
}

// openSpace opens the operator's space, and migrates it when it holds other aggregates.
func (n *node) openSpace(c *Context) (*state.Space, error) {
	wanted := n.layout.stored()
	s, err := c.Arena.Space(c.ID, wanted)
	var other *state.LayoutError
	switch {
	case errors.As(err, &other):
	case err != nil:
		return nil, err
	case n.layout.sameAggregates(s.Layout()):
		if !slices.Equal(s.Layout().Columns, wanted.Columns) {
			s.SetLayout(wanted) // the names
		}
		return s, nil
	default:
		other = &state.LayoutError{Space: c.ID, Stored: s.Layout(), Wanted: wanted}
	}
	m, why := n.layout.moveFrom(other.Stored)
	if why != nil {
		return nil, fmt.Errorf("%w: %w", other, why)
	}
	s = c.Arena.Lookup(c.ID)
	if err := n.layout.move(s, m); err != nil {
		return nil, fmt.Errorf("%w: %w", other, err)
	}
	s.SetLayout(wanted)
	if c.Migrated != nil {
		c.Migrated(Migration{m.Kept, m.Added, m.Dropped})
	}
	return s, nil
}

// Migrating is an operator whose state may have been stored by another query.
type Migrating interface {
	// Migration tells what would become of stored state: same is set when it is taken over
	// as it is; the error says why it cannot be taken over.
	Migration(stored state.Layout) (m Migration, same bool, err error)
}

// Migration implements Migrating.
func (n *node) Migration(stored state.Layout) (Migration, bool, error) {
	if mine := n.layout.stored(); stored.Version == mine.Version && stored.Hash == mine.Hash && n.layout.sameAggregates(stored) {
		return Migration{}, true, nil
	}
	m, err := n.layout.moveFrom(stored)
	if err != nil {
		return Migration{}, false, err
	}
	return Migration{m.Kept, m.Added, m.Dropped}, false, nil
}

// String says it in words.
func (m Migration) String() string {
	var parts []string
	for _, p := range []struct {
		names []string
		what  string
	}{{m.Kept, "goes on"}, {m.Added, "begins empty"}, {m.Dropped, "is forgotten"}} {
		if len(p.names) > 0 {
			parts = append(parts, strings.Join(p.names, ", ")+" "+p.what)
		}
	}
	return strings.Join(parts, "; ")
}

// split parts the columns that are states of aggregates from the others.
func split(l state.Layout) (aggs, rest []state.Column) {
	for _, c := range l.Columns {
		if c.Type == aggregateType {
			aggs = append(aggs, c)
		} else {
			rest = append(rest, c)
		}
	}
	return aggs, rest
}

// sameAggregates tells whether state with an equal hash is that of the same aggregates: the
// hash has their texts, in which columns of different meaning may have equal names. State
// that was stored without identities counts as the same.
func (l *layout) sameAggregates(stored state.Layout) bool {
	if l.move == nil {
		return true
	}
	was, _ := split(stored)
	fields := l.set.Fields()
	if len(was) != len(fields) {
		return false
	}
	for i, f := range fields {
		if was[i].ID != f.Name && was[i].ID != "" {
			return false
		}
	}
	return true
}

// moveFrom plans a migration.
func (l *layout) moveFrom(stored state.Layout) (*expr.AggMove, error) {
	if l.move == nil {
		return nil, errors.New("the operator takes over no state but its own")
	}
	was, rest := split(stored)
	_, mine := split(l.stored())
	if stored.Version != layoutVersion || !slices.EqualFunc(rest, mine, func(a, b state.Column) bool {
		if a.Type != "window" {
			a.Name = b.Name // of a column of the input, which may have been renamed
		}
		return a == b
	}) {
		return nil, errors.New("its keys are others")
	}
	fields := make([]expr.AggField, len(was))
	for i, c := range was {
		if c.ID == "" {
			c.ID = c.Name
		}
		fields[i] = expr.AggField{Name: c.ID, Offset: c.Offset - l.base, Size: c.Size}
	}
	if len(fields) > 0 && fields[0].Offset != 0 {
		return nil, errors.New("its rows are others")
	}
	return l.set.MoveFrom(fields, l.retracts)
}

// mover moves the rows of a table to another one.
type mover struct {
	m        *expr.AggMove
	head     int // bytes before the aggregates
	src, dst expr.AggStore
	newID    func() uint64
	key, val []byte
}

// table moves the rows of a table.
func (v *mover) table(from, to *state.Table) error {
	if from.Spec().ValueSize != v.head+v.m.Size() {
		return errors.New("its rows have another size")
	}
	v.src.Heap, v.dst.Heap = from.Heap(), to.Heap()
	from.Scan(func(r state.Row) bool {
		v.key = append(v.key[:0], from.Key(r)...)
		v.val = append(v.val[:0], from.Value(r)...)
		row, _ := to.Upsert(v.key)
		w := to.MutValue(row)
		copy(w[:v.head], v.val)
		v.m.Move(&v.dst, w[v.head:], &v.src, v.val[v.head:], v.newID)
		return true
	})
	return nil
}

// moved is the name of a structure until its rows are all there.
func moved(name string) string { return name + " moved" }

// dropTree forgets the entries of aggregates when none keeps any.
func (l *layout) dropTree(s *state.Space) {
	if !l.set.NeedsTree() {
		s.Drop("tree")
	}
}
