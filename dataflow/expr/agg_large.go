package expr

import "github.com/edgeflow/edgeflow/dataflow/state"

// largeStates remembers states of which no result can be made, since it would be too large. It
// would take a walk over as much as a result may have to find that anew for every row that
// comes. What is remembered holds while states only grow: until a row is taken back, or a range
// of the tree is deleted.
type largeStates struct {
	tree *state.Ordered
	cuts uint64
	some bool
	at   [64]struct {
		id    uint64 // 0 is none
		scope int64
	} // by the low bits of the id
}

// has tells whether the result of a state is known to be too large.
func (l *largeStates) has(m *AggStore, st []byte) bool {
	if !l.some || l.tree != m.Tree || l.cuts != m.Tree.Cuts() {
		return false
	}
	id := le(st)
	e := &l.at[id%uint64(len(l.at))]
	return e.id == id && e.scope == m.Scope
}

// note remembers a state, and returns the error of it.
func (l *largeStates) note(m *AggStore, st []byte) error {
	if cuts := m.Tree.Cuts(); l.tree != m.Tree || l.cuts != cuts {
		l.forget()
		l.tree, l.cuts = m.Tree, cuts
	}
	e := &l.at[le(st)%uint64(len(l.at))]
	e.id, e.scope, l.some = le(st), m.Scope, true
	return errLargeValue
}

// forget is called when a row is taken back.
func (l *largeStates) forget() {
	if l.some {
		*l = largeStates{}
	}
}
