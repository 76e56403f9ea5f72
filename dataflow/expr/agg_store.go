package expr

import (
	"bytes"
	"encoding/binary"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// AggStore is where an AggSet's states keep what does not fit in their fixed bytes.
type AggStore struct {
	// Heap holds strings and sketches; NeedsHeap tells whether there are any.
	Heap *state.Heap
	// Tree holds the entries of multisets and lists, whose values have variable length;
	// NeedsTree tells whether there are any. Operators share one over all their scopes.
	//
	// A key is scope i64, group id u64, ordinal of the aggregate u16, family u8, all in
	// memcomparable big-endian form, and what the family says.
	Tree *state.Ordered
	// Scope parts the tree: the group ids of one scope are distinct, and DropScope removes
	// all entries of one.
	Scope int64

	key, to, val []byte      // scratch
	iter         *state.Iter // scratch: the walk
	walkTo       []byte      // scratch
}

// DropScope removes the tree entries of every group of the store's scope. It calls between
// now and then, where it holds no bytes of the arena.
func (m *AggStore) DropScope(between func()) {
	if m.Tree == nil {
		return
	}
	m.key = binary.BigEndian.AppendUint64(m.key[:0], flip(m.Scope))
	m.to = append(m.to[:0], m.key...)
	m.Tree.DeleteLeaves(m.key, afterPrefix(m.to), between)
}

func (m *AggStore) dropGroup(st []byte) {
	m.key = m.group(m.key[:0], st)
	m.to = append(m.to[:0], m.key...)
	m.Tree.DeleteRange(m.key, afterPrefix(m.to))
}

func (m *AggStore) group(k, st []byte) []byte {
	k = binary.BigEndian.AppendUint64(k, flip(m.Scope))
	return binary.BigEndian.AppendUint64(k, binary.LittleEndian.Uint64(st))
}

// treePrefix is the length of the head of a key.
const treePrefix = 8 + 8 + 2 + 1

// prefix begins a key of the group of st: its scope, id, the aggregate's ordinal, and a
// family of entries within the aggregate.
func (m *AggStore) prefix(st []byte, ordinal uint16, family byte) []byte {
	k := m.group(m.key[:0], st)
	m.key = append(k, byte(ordinal>>8), byte(ordinal), family)
	return m.key
}

// afterPrefix turns a prefix into the least key behind all keys with it, in place; nil is
// behind every key.
func afterPrefix(k []byte) []byte {
	for i := len(k) - 1; i >= 0; i-- {
		k[i]++
		if k[i] != 0 {
			return k[:i+1]
		}
	}
	return nil
}

// begin goes to the first entry with the prefix, and tells whether there is one. The tree
// may change during the walk.
func (m *AggStore) begin(prefix []byte) bool {
	m.walkTo = append(m.walkTo[:0], prefix...)
	if m.iter == nil {
		m.iter = m.Tree.Iter()
	}
	return m.iter.Seek(prefix) && m.within()
}

// beginLast goes to the last entry with the prefix.
func (m *AggStore) beginLast(prefix []byte) bool {
	m.walkTo = append(m.walkTo[:0], prefix...)
	if m.iter == nil {
		m.iter = m.Tree.Iter()
	}
	m.to = append(m.to[:0], prefix...)
	to := afterPrefix(m.to)
	if to == nil {
		return m.iter.Last() && m.within()
	}
	return m.iter.SeekBefore(to) && m.within()
}

// next goes to the next entry with the prefix.
func (m *AggStore) next() bool { return m.iter.Next() && m.within() }

func (m *AggStore) within() bool { return bytes.HasPrefix(m.iter.Key(), m.walkTo) }

// word encodes a tree value that is a number.
func (m *AggStore) word(n uint64) []byte {
	m.val = binary.LittleEndian.AppendUint64(m.val[:0], n)
	return m.val
}

func flip(i int64) uint64   { return uint64(i) ^ 1<<63 }
func unflip(u uint64) int64 { return int64(u ^ 1<<63) }

func le(b []byte) uint64       { return binary.LittleEndian.Uint64(b) }
func putLE(b []byte, v uint64) { binary.LittleEndian.PutUint64(b, v) }
