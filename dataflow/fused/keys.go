package fused

import (
	"bytes"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/format"
)

// Keys resolves the keys of an object or map to indexes of the fields it is declared with.
// It remembers in which order keys stood in the last two shapes of the object and compares
// the raw bytes of the keys expected next before it looks anything up.
type Keys struct {
	index map[string]int
	order [][2]key // by position, the newest first
	stats *format.Stats
}

// key is a key as it stands in a message, with what is around it, and the index of its field
// or -1.
type key struct {
	raw   []byte
	field int
}

const (
	// keysMax and keyBytesMax bound what is remembered of an object.
	keysMax     = 512
	keyBytesMax = 128
)

// Bind sets the names of the fields.
func (s *Keys) Bind(stats *format.Stats, names ...string) {
	s.stats, s.index = stats, make(map[string]int, len(names))
	for i, n := range names {
		s.index[n] = i
	}
}

// Closed is the field of the brace that closes an object.
const Closed = -2

// JSON reads the k-th key of an object, from the brace that opens it (k is 0) or from the end
// of the value before it, with all that stands between: at is where the value begins. field
// is -1 for a key that is not declared, and Closed where the object ends, at at. at is -1
// when neither is there, when the key has escapes, and for an unknown one that has not been
// noted yet.
func (s *Keys) JSON(k int, b []byte, i int) (field, at int) {
	if k < len(s.order) {
		for j := range s.order[k] {
			g := &s.order[k][j]
			if n := i + len(g.raw); n < len(b) && n > i && string(b[i:n]) == string(g.raw) {
				if b[n] <= ' ' {
					n = jsonSpace(b, n)
				}
				return g.field, n
			}
		}
	}
	return s.json(k, b, i)
}

func (s *Keys) json(k int, b []byte, i int) (field, at int) {
	start := i
	i, more := jsonNext(b, i, k == 0)
	if !more {
		return Closed, i
	}
	if i >= len(b) || b[i] != '"' {
		return -1, -1
	}
	n := bytes.IndexByte(b[i+1:], '"')
	if n < 0 {
		return -1, -1
	}
	name := b[i+1 : i+1+n]
	colon := jsonSpace(b, i+n+2)
	if colon >= len(b) || b[colon] != ':' || bytes.IndexByte(name, '\\') >= 0 || !utf8.Valid(name) {
		return -1, -1
	}
	field, ok := s.find(name)
	if !ok {
		return -1, -1
	}
	at = jsonSpace(b, colon+1)
	s.learn(k, b[start:at], field)
	return field, at
}

// jsonSpace is the first position from i on that holds no white space.
func jsonSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// jsonNext goes from the brace that opens an object (first) or from the end of a value to
// the next key. more is false behind the brace that closes the object, and where there is
// neither, with next -1.
func jsonNext(b []byte, i int, first bool) (next int, more bool) {
	i = jsonSpace(b, i)
	if i >= len(b) {
		return -1, false
	}
	switch c := b[i]; {
	case first && c == '{':
		i = jsonSpace(b, i+1)
		if i < len(b) && b[i] == '}' {
			return i + 1, false
		}
		return i, true
	case !first && c == ',':
		return jsonSpace(b, i+1), true
	case !first && c == '}':
		return i + 1, false
	}
	return -1, false
}

// Msgpack reads the key at i, the k-th of its map: at is where the value begins. field and
// at are those of JSON; a key that is no text is none.
func (s *Keys) Msgpack(k int, b []byte, i int) (field, at int) {
	if k < len(s.order) {
		for j := range s.order[k] {
			g := &s.order[k][j]
			if n := i + len(g.raw); n <= len(b) && n > i && string(b[i:n]) == string(g.raw) {
				return g.field, n
			}
		}
	}
	return s.msgpack(k, b, i)
}

func (s *Keys) msgpack(k int, b []byte, i int) (field, at int) {
	start, end := msgpackBytes(b, i)
	if end < 0 {
		return -1, -1
	}
	field, ok := s.find(b[start:end])
	if !ok {
		return -1, -1
	}
	s.learn(k, b[i:end], field)
	return field, end
}

func (s *Keys) find(name []byte) (field int, ok bool) {
	if i, ok := s.index[string(name)]; ok {
		return i, true
	}
	return -1, s.stats.Noted(name)
}

// learn makes raw the key expected at position k.
func (s *Keys) learn(k int, raw []byte, field int) {
	if k >= keysMax || len(raw) > keyBytesMax {
		return
	}
	for len(s.order) <= k {
		s.order = append(s.order, [2]key{})
	}
	g := &s.order[k]
	g[0], g[1] = key{append(g[1].raw[:0], raw...), field}, g[0]
}
