package expr

import (
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Families of an aggregate's tree entries.
const (
	familyBag  byte = iota // value -> count u64
	familyList             // sequence u64 -> value
	familyFind             // hash of the value u64, sequence u64 -> nothing
)

// bagState is a multiset of values in the tree, one entry a distinct value. The state in
// the group's row is {values u64}, the total of the counts.
type bagState struct {
	aggAt
	t       types.Type
	ordinal uint16
}

func newBagState(t types.Type, ordinal uint16) bagState { return bagState{t: t, ordinal: ordinal} }

func (g *bagState) size() int { return 8 }

func (g *bagState) needs() (heap, tree bool) { return false, true }

func (g *bagState) key(m *AggStore, st []byte, d vec.Datum) []byte {
	m.key = AppendKey(m.prefix(st, g.ordinal, familyBag), d, g.t, true)
	return m.key
}

// put adds n of a value and tells whether it is new.
func (g *bagState) put(m *AggStore, st []byte, d vec.Datum, n uint64) bool {
	k := g.key(m, st, d)
	putLE(st[g.off:], le(st[g.off:])+n)
	if v, ok := m.Tree.Mut(k); ok {
		putLE(v, le(v)+n)
		return false
	}
	m.Tree.Put(k, m.word(n))
	return true
}

// take takes n of a value out and tells whether none remains. A value that is not there is
// left alone.
func (g *bagState) take(m *AggStore, st []byte, d vec.Datum, n uint64) bool {
	k := g.key(m, st, d)
	v, ok := m.Tree.Mut(k)
	if !ok {
		return false
	}
	have := le(v)
	n = min(n, have)
	putLE(st[g.off:], le(st[g.off:])-n)
	if have > n {
		putLE(v, have-n)
		return false
	}
	m.Tree.Delete(k)
	return true
}

// extreme is the least or greatest value, or NULL. Its bytes are valid until the next walk.
func (g *bagState) extreme(m *AggStore, st []byte, greatest bool) vec.Datum {
	k := m.prefix(st, g.ordinal, familyBag)
	if greatest && !m.beginLast(k) || !greatest && !m.begin(k) {
		return vec.NullDatum
	}
	return DecodeKey(m.iter.Key()[treePrefix:], g.t)
}

// begin starts a walk over the values in order.
func (g *bagState) begin(m *AggStore, st []byte) bool {
	return m.begin(m.prefix(st, g.ordinal, familyBag))
}

// value is the value that the walk is at, and its count. Its bytes are valid until the
// walk goes on.
func (g *bagState) value(m *AggStore) (vec.Datum, uint64) {
	return DecodeKey(m.iter.Key()[treePrefix:], g.t), le(m.iter.Value())
}

func (g *bagState) merge(dm *AggStore, dst []byte, sm *AggStore, src []byte) {
	for ok := g.begin(sm, src); ok; ok = sm.next() {
		d, n := g.value(sm)
		g.put(dm, dst, d, n)
	}
}
