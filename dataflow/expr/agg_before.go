package expr

import "encoding/binary"

// MergesBefore tells whether MergeBefore may be called: it cannot keep the order of what
// DISTINCT lets through.
func (s *AggSet) MergesBefore() bool {
	for _, p := range s.parts {
		d, ok := p.impl.(*distinctAgg)
		for i := 0; ok && i < len(d.members); i++ {
			if inOrder(d.members[i].inner) {
				return false
			}
		}
	}
	return true
}

// inOrder tells that a result depends on the order of the rows.
func inOrder(a aggImpl) bool {
	switch a.(type) {
	case *edgeAgg, aggBefore:
		return true
	}
	return false
}

// MergeBefore adds the state src, which rows before those of dst made, to dst, of the same
// store. It takes as long as src is large, however large dst is. What src is left with is to
// be released.
func (s *AggSet) MergeBefore(m *AggStore, dst, src []byte) {
	for _, p := range s.parts {
		if a, ok := p.impl.(aggBefore); ok {
			a.mergeBefore(m, dst, src)
			continue
		}
		if _, tree := p.impl.needs(); !tree {
			// Such a part is small, and as good in the other's place.
			for i := p.off; i < p.off+p.impl.size(); i++ {
				dst[i], src[i] = src[i], dst[i]
			}
		}
		p.impl.merge(m, dst, m, src)
	}
}

// aggBefore is an aggregate whose entries in the tree have an order.
type aggBefore interface {
	mergeBefore(m *AggStore, dst, src []byte)
}

// listShift is by how much a list's sequence is raised to make room before its first entry.
const listShift = 1 << 62

func (l *aggList) mergeBefore(m *AggStore, dst, src []byte) {
	if !l.begin(m, dst) {
		l.merge(m, dst, m, src)
		return
	}
	n, seq := l.count(src), l.sequence(m)
	if seq < n {
		l.raise(m, dst)
		seq += listShift
	}
	seq -= n
	for ok := l.begin(m, src); ok; ok = m.next() {
		l.put(m, dst, seq, l.held(m))
		seq++
	}
	s := dst[l.off : l.off+16]
	putLE(s[8:], le(s[8:])+n)
}

// raise adds listShift to the sequence of every entry, once for a list.
func (l *aggList) raise(m *AggStore, st []byte) {
	n := l.count(st)
	for ok := l.begin(m, st); ok && n > 0; ok = m.next() {
		seq, v := l.sequence(m), l.held(m)
		m.Tree.Delete(l.key(m, st, seq))
		if l.find {
			m.Tree.Delete(l.findKey(m, st, aggHash(v, 0), seq))
		}
		l.put(m, st, seq+listShift, v)
		n--
	}
	s := st[l.off : l.off+16]
	putLE(s, le(s)+listShift)
}

// sequence is that of the entry that the walk is at, held a copy of its encoded value.
func (l *aggList) sequence(m *AggStore) uint64 {
	return binary.BigEndian.Uint64(m.iter.Key()[treePrefix:])
}

func (l *aggList) held(m *AggStore) []byte {
	l.buf = append(l.buf[:0], m.iter.Value()...)
	return l.buf
}

// put stores an encoded value.
func (l *aggList) put(m *AggStore, st []byte, seq uint64, v []byte) {
	m.Tree.Put(l.key(m, st, seq), v)
	if l.find {
		m.Tree.Put(l.findKey(m, st, aggHash(v, 0), seq), nil)
	}
}

// mergeBefore of JSON_OBJECTAGG leaves the keys that are there, whose values came later.
func (a *jsonObjectAgg) mergeBefore(m *AggStore, dst, src []byte) {
	for ok := a.begin(m, src); ok; ok = m.next() {
		v := a.held(m)
		if k := a.entry(m, dst, m.iter.Key()[treePrefix:]); !has(m, k) {
			m.Tree.Put(k, v)
		}
	}
}

func has(m *AggStore, k []byte) bool {
	_, ok := m.Tree.Get(k)
	return ok
}
