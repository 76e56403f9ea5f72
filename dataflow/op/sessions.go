package op

import (
	"bytes"
	"encoding/binary"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// sessions keeps the open sessions of each key. Two sessions of a key are more than the
// gap apart: [start, end) ends one gap after its last row, and sessions that touch are
// merged. State:
//
//	sessions  length of the key u32 LE, key, start -> {end i64, timer i64, payload}
//	timers    end, key of the session -> nothing
//
// start and end in timers are memcomparable big-endian. A session that grows leaves its
// timer where it is; when that comes due the timer moves to the end.
type sessions struct {
	tree, timers *state.Ordered
	gap          int64
	payload      int // bytes
	// merge adds the payload src to dst, and frees what src refers to. Its rows are later than
	// those of dst or, with before, earlier.
	merge func(dst, src []byte, before bool)
	// rows is how many rows a payload is of; nil when merge cannot take earlier ones.
	rows func(payload []byte) int64
	// relieve is called between two sessions that end.
	relieve func()

	it    *state.Iter `scratch:"a walk within one call"`
	key   []byte      `scratch:"a key in hand"`
	value []byte      `scratch:"a value in hand"`
	timer []byte      `scratch:"a key in hand"`
	found []int64     `scratch:"sessions that a row joins"`
}

const (
	sessionEnd   = 0
	sessionTimer = 8
	sessionHead  = 16
)

func openSessions(n *node, gap int64, payload int, merge func(dst, src []byte, before bool), rows func([]byte) int64) *sessions {
	s := n.space
	o := &sessions{gap: gap, payload: payload, merge: merge, rows: rows, relieve: n.relieve,
		tree:   s.Ordered("sessions", state.OrderedSpec{ValueSize: sessionHead + payload}),
		timers: s.Ordered("timers", state.OrderedSpec{}),
		value:  make([]byte, sessionHead+payload)}
	o.it = o.tree.Iter()
	return o
}

// at is the tree's key of a session; key must not be part of s.key.
func (s *sessions) at(key []byte, start int64) []byte {
	s.key = binary.LittleEndian.AppendUint32(s.key[:0], uint32(len(key)))
	s.key = appendOrdered(append(s.key, key...), start)
	return s.key
}

// touch returns the payload of the session that a row at t belongs to, for writing, valid
// until the next change of the sessions; fresh tells that it is all zeros. There is none
// when the row's own session would end at or before closed: it is late.
func (s *sessions) touch(key []byte, t, closed int64) (payload []byte, fresh bool) {
	s.find(key, t)
	switch {
	case len(s.found) == 0:
		if t+s.gap <= closed {
			return nil, false
		}
		clear(s.value)
		return s.insert(key, t, t+s.gap), true
	case len(s.found) == 1 && s.found[0] <= t:
		v, _ := s.tree.Mut(s.at(key, s.found[0]))
		if end := t + s.gap; end > word(v, sessionEnd) {
			setWord(v, sessionEnd, end)
		}
		return v[sessionHead:], false
	}
	return s.join(key, t), false
}

// find lists the starts of the sessions that touch [t, t+gap], the latest first.
func (s *sessions) find(key []byte, t int64) {
	s.found = s.found[:0]
	s.at(key, t+s.gap+1)
	prefix := len(s.key) - 8
	for ok := s.it.SeekBefore(s.key); ok; ok = s.it.Prev() {
		k := s.it.Key()
		if len(k) != len(s.key) || !bytes.Equal(k[:prefix], s.key[:prefix]) || word(s.it.Value(), sessionEnd) < t {
			return
		}
		s.found = append(s.found, readOrdered(k[prefix:]))
	}
}

// insert puts s.value as a session and returns its payload.
func (s *sessions) insert(key []byte, start, end int64) []byte {
	setWord(s.value, sessionEnd, end)
	setWord(s.value, sessionTimer, end)
	k := s.at(key, start)
	s.tree.Put(k, s.value)
	s.timer = append(appendOrdered(s.timer[:0], end), k...)
	s.timers.Put(s.timer, nil)
	v, _ := s.tree.Mut(k)
	return v[sessionHead:]
}

// join merges the sessions in s.found and a row at t to one. Its payload is that of the
// largest: what a row costs does not grow with the session that it joins, be that the later.
func (s *sessions) join(key []byte, t int64) []byte {
	start, end := t, t+s.gap
	largest, most := len(s.found)-1, int64(0)
	for k, from := range s.found {
		v, _ := s.tree.Get(s.at(key, from))
		start, end = min(start, from), max(end, word(v, sessionEnd))
		if s.rows != nil {
			if n := s.rows(v[sessionHead:]); n >= most {
				largest, most = k, n
			}
		}
	}
	s.take(key, largest, func(v []byte) { copy(s.value, v) })
	for k := largest - 1; k >= 0; k-- {
		s.take(key, k, func(v []byte) { s.merge(s.value[sessionHead:], v[sessionHead:], false) })
	}
	for k := largest + 1; k < len(s.found); k++ {
		s.take(key, k, func(v []byte) { s.merge(s.value[sessionHead:], v[sessionHead:], true) })
	}
	return s.insert(key, start, end)
}

// take calls fn with the k-th session in s.found, and forgets it.
func (s *sessions) take(key []byte, k int, fn func(v []byte)) {
	v, _ := s.tree.Mut(s.at(key, s.found[k]))
	s.timer = append(appendOrdered(s.timer[:0], word(v, sessionTimer)), s.key...)
	fn(v)
	s.timers.Delete(s.timer)
	s.tree.Delete(s.key)
}

// expire calls fn for the sessions that end at or before bound, in the order of their
// ends, and forgets them. The payload is valid during the call; fn frees what it refers to,
// and holds no bytes of the arena when it returns.
func (s *sessions) expire(bound int64, fn func(key []byte, start, end int64, payload []byte) error) error {
	for {
		k, _, ok := s.timers.Min()
		if !ok {
			return nil
		}
		due := readOrdered(k)
		if due > bound {
			return nil
		}
		s.timer = append(s.timer[:0], k...)
		s.timers.Delete(s.timer)
		session := s.timer[8:]
		v, _ := s.tree.Mut(session)
		if end := word(v, sessionEnd); end > due {
			setWord(v, sessionTimer, end)
			s.key = append(appendOrdered(s.key[:0], end), session...)
			s.timers.Put(s.key, nil)
			s.relieve()
			continue
		}
		copy(s.value, v)
		s.tree.Delete(session)
		n := len(session) - 8
		if err := fn(session[4:n], readOrdered(session[n:]), due, s.value[sessionHead:]); err != nil {
			return err
		}
		s.relieve()
	}
}

// total adds up a word of the payloads.
func (s *sessions) total(at int) (n int64) {
	it := s.tree.Iter()
	for ok := it.First(); ok; ok = it.Next() {
		n += word(it.Value(), sessionHead+at)
	}
	return n
}
