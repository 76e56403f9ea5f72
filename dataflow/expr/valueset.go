package expr

import (
	"hash/maphash"
	"math"
	"sync"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// valueIndex finds the places of values by their hashes. What is noted has places 0, 1, 2 and
// so on. The zero value is empty.
type valueIndex struct {
	slots  []uint32 // place + 1, probed linearly from the hash on; 0 is free
	hashes []uint64 // by place
}

func (x *valueIndex) reset() { x.slots, x.hashes = x.slots[:0], x.hashes[:0] }

// note gives the next place to a value with the hash h.
func (x *valueIndex) note(h uint64) {
	x.hashes = append(x.hashes, h)
	n := len(x.hashes)
	if 2*n <= len(x.slots) {
		x.put(h, n)
		return
	}
	size := max(64, 2*len(x.slots))
	if size <= cap(x.slots) {
		x.slots = x.slots[:size]
		clear(x.slots)
	} else {
		x.slots = make([]uint32, size)
	}
	for i, h := range x.hashes {
		x.put(h, i+1)
	}
}

func (x *valueIndex) put(h uint64, n int) {
	for i := h; ; i++ {
		if s := &x.slots[i&uint64(len(x.slots)-1)]; *s == 0 {
			*s = uint32(n)
			return
		}
	}
}

// find is the first place with the hash h that same takes, or -1.
func (x *valueIndex) find(h uint64, same func(place int) bool) int {
	if len(x.slots) == 0 {
		return -1
	}
	for i := h; ; i++ {
		s := x.slots[i&uint64(len(x.slots)-1)]
		if s == 0 {
			return -1
		}
		if at := int(s - 1); x.hashes[at] == h && same(at) {
			return at
		}
	}
}

// valueSeed keeps whoever sends values from choosing such that have one hash. What is found does
// not depend on it.
var valueSeed = maphash.MakeSeed()

var hashSalt, wordSalt = maphash.String(valueSeed, "hash"), maphash.String(valueSeed, "word")

// mixWord adds a word to a hash.
func mixWord(h, w uint64) uint64 { return aggFold(h^hashSalt, w^wordSalt) }

// hashValue is equal for values that sameValue or compareMember takes for equal. apart, when it
// is not nil, counts NaNs: each has another hash, as suits where no NaN equals any.
func hashValue(t *types.Type, d vec.Datum, apart *uint64) uint64 {
	if d.Null {
		return wordSalt
	}
	switch t.Phys() {
	case types.I64:
		return mixWord(1, uint64(d.I))
	case types.F64:
		switch {
		case d.F == d.F:
			return mixWord(2, math.Float64bits(d.F+0)) // -0 equals 0
		case apart == nil:
			return mixWord(3, 0)
		}
		*apart++
		return mixWord(3, *apart)
	case types.Wide:
		return mixWord(mixWord(4, uint64(d.I)), uint64(d.Hi))
	}
	switch t.Kind {
	case types.Array:
		n := vec.ArrayLen(d.B)
		h := mixWord(5, uint64(n))
		for i := range n {
			h = mixWord(h, hashValue(t.Elem, vec.ArrayAt(d.B, *t.Elem, i), apart))
		}
		return h
	case types.Row, types.Structured:
		h := uint64(6)
		for i := range t.Fields {
			h = mixWord(h, hashValue(&t.Fields[i].Type, vec.RowAt(d.B, t.Fields, i), apart))
		}
		return h
	case types.Map, types.Multiset:
		return hashEntries(t, d.B, apart)
	}
	return maphash.Bytes(valueSeed, d.B)
}

// hashEntries does not depend on the order of the entries.
func hashEntries(t *types.Type, b []byte, apart *uint64) uint64 {
	key, val := mapTypes(*t)
	keys, vals := vec.MapParts(b)
	n := vec.ArrayLen(keys)
	h := uint64(n)
	for i := range n {
		h += mixWord(hashValue(&key, vec.ArrayAt(keys, key, i), apart), hashValue(&val, vec.ArrayAt(vals, val, i), apart))
	}
	return mixWord(7, h)
}

// elemsKept is the room for values, which are 56 bytes each, that is kept from batch to batch.
const elemsKept = 1 << 14

// fewValues is how many values are faster looked through than hashed.
const fewValues = 8

// valueSet collects the values of a type, each once, in the order in which they come. NULL
// equals NULL; other values are equal as sameValue tells, and NaNs, where oneNaN is set, too.
type valueSet struct {
	t      types.Type
	oneNaN bool
	vals   []vec.Datum
	index  valueIndex
	nans   uint64
}

// begin empties the set for values of a type.
func (s *valueSet) begin(t types.Type, oneNaN bool) {
	s.t, s.oneNaN, s.nans = t, oneNaN, 0
	s.vals = s.vals[:0]
	s.index.reset()
}

// rest lets go of the memory of very many values.
func (s *valueSet) rest() {
	if cap(s.vals) > elemsKept {
		s.vals, s.index = nil, valueIndex{}
	}
}

func (s *valueSet) same(a, b vec.Datum) bool {
	return sameValue(s.t, a, b) || s.oneNaN && s.t.Phys() == types.F64 && a.F != a.F && b.F != b.F && !a.Null && !b.Null
}

func (s *valueSet) hash(d vec.Datum) uint64 {
	if s.oneNaN {
		return hashValue(&s.t, d, nil)
	}
	return hashValue(&s.t, d, &s.nans)
}

// find is the place of a value in vals, or -1, and its hash where there is an index.
func (s *valueSet) find(d vec.Datum) (place int, h uint64) {
	if len(s.vals) <= fewValues {
		for i := range s.vals {
			if s.same(s.vals[i], d) {
				return i, 0
			}
		}
		return -1, 0
	}
	h = s.hash(d)
	return s.index.find(h, func(i int) bool { return s.same(s.vals[i], d) }), h
}

// has tells whether a value is in the set.
func (s *valueSet) has(d vec.Datum) bool {
	i, _ := s.find(d)
	return i >= 0
}

// add is the place of a value, which is put behind the others when it is not there.
func (s *valueSet) add(d vec.Datum) (place int, fresh bool) {
	i, h := s.find(d)
	if i >= 0 {
		return i, false
	}
	s.vals = append(s.vals, d)
	switch n := len(s.vals); {
	case n == fewValues+1:
		for _, v := range s.vals {
			s.index.note(s.hash(v))
		}
	case n > fewValues:
		s.index.note(h)
	}
	return len(s.vals) - 1, true
}

// addAll adds the elements of an encoded ARRAY.
func (s *valueSet) addAll(b []byte) {
	for i := range vec.ArrayLen(b) {
		s.add(vec.ArrayAt(b, s.t, i))
	}
}

// entryIndexes are indexes of the keys of MAPs that are compared.
var entryIndexes = sync.Pool{New: func() any { return new(valueIndex) }}

// matchEntries tells whether each entry of a has one in b that same takes; both MAPs have n
// entries. same gets their places. Those of equal places, which maps of one origin have, are
// tried first; else they are found by the hashes of the keys.
func matchEntries(key types.Type, ak, bk []byte, n int, apart *uint64, same func(i, j int) bool) bool {
	for i := range n {
		if same(i, i) {
			continue
		}
		if n > fewValues {
			return matchHashes(key, ak, bk, i, n, apart, same)
		}
		found := false
		for j := 0; j < n && !found; j++ {
			found = same(i, j)
		}
		if !found {
			return false
		}
	}
	return true
}

// matchHashes is matchEntries from entry i of a on.
func matchHashes(key types.Type, ak, bk []byte, i, n int, apart *uint64, same func(i, j int) bool) bool {
	x := entryIndexes.Get().(*valueIndex)
	x.reset()
	for j := range n {
		x.note(hashValue(&key, vec.ArrayAt(bk, key, j), apart))
	}
	found := true
	for ; i < n && found; i++ {
		found = x.find(hashValue(&key, vec.ArrayAt(ak, key, i), apart), func(j int) bool { return same(i, j) }) >= 0
	}
	if n <= elemsKept {
		entryIndexes.Put(x)
	}
	return found
}
