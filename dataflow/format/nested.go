package format

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

const (
	// slotMin is what a member of a nested value takes at least once it is encoded.
	slotMin = 8
	// arenaKept is how many bytes of the arena, and stackKept how many members of the stack, which
	// are 56 bytes each, are kept for the next event.
	arenaKept, stackKept = 1 << 20, 1 << 14
	// valueMax is how many bytes a nested value may have where nobody says: what takes a few
	// bytes in a damaged or hostile message takes no gigabytes in memory.
	valueMax = 16 << 20
	// occurrencesMax bounds the counts of a MULTISET together: a row each is what UNNEST makes.
	occurrencesMax = 1_000_000
)

// Limited is a decoder that refuses events with a nested value of more than n bytes as it
// has them in memory, 16 MB unless it is told, which may be many times what it takes in the
// message: a ROW of a hundred fields may come as `{}`. The reason is an *EventError that is TooLarge, and
// 'ignore-parse-errors' does not hide it.
type Limited interface {
	Limit(n int)
}

// Limit sets how many bytes a nested value may have.
func (c *core) Limit(n int) { c.valueMax = n }

// forget drops what the last event left, and the memory where it needed much.
func (c *core) forget() {
	if cap(c.arena) > arenaKept {
		c.arena = nil
	}
	if cap(c.stack) > stackKept {
		c.stack = nil
	}
	c.arena, c.stack = c.arena[:0], c.stack[:0]
}

// The stack of open nested values: pushNulls makes room for the n fields of a ROW and
// returns the first one's index, push adds members of the others. The build functions
// encode the members from base on, drop them, and return end, or -1 when the value cannot be
// had.

func (c *core) pushNulls(n int) (base int) {
	base = len(c.stack)
	for range n {
		c.stack = append(c.stack, vec.NullDatum)
	}
	return base
}

// push adds members to a value whose other members take size bytes at least, and returns
// that size with them, or -1 when it is more than a value may have.
func (c *core) push(size int, members ...vec.Datum) int {
	for i := range members {
		size += slotMin + len(members[i].B)
	}
	if size > c.valueMax {
		return c.large()
	}
	c.stack = append(c.stack, members...)
	return size
}

// large records that a nested value is too large; it returns -1.
func (c *core) large() int {
	c.fail = failure{large: true, what: fmt.Sprintf("a nested value takes more than %d bytes in memory", c.valueMax), field: c.cols[c.cur].path}
	return -1
}

func (c *core) built(start, base, end int) (vec.Datum, int) {
	c.stack = c.stack[:base]
	if len(c.arena)-start > c.valueMax {
		return vec.NullDatum, c.large()
	}
	return vec.Datum{B: c.arena[start:len(c.arena):len(c.arena)]}, end
}

func (c *core) buildRow(ct *ctype, base, end int) (vec.Datum, int) {
	start := len(c.arena)
	c.arena = vec.AppendRow(c.arena, ct.t.Fields, c.stack[base:base+len(ct.fields)])
	return c.built(start, base, end)
}

func (c *core) buildArray(ct *ctype, base, end int) (vec.Datum, int) {
	start := len(c.arena)
	c.arena = vec.AppendArray(c.arena, ct.elem.t, c.stack[base:])
	return c.built(start, base, end)
}

// buildMap takes keys and values that alternate on the stack; of equal keys the last wins.
func (c *core) buildMap(ct *ctype, base, end int) (vec.Datum, int) {
	n := (len(c.stack) - base) / 2
	c.pushNulls(2 * n) // keys, then values, behind the pairs
	pairs, keys, vals := c.stack[base:base+2*n], c.stack[base+2*n:base+3*n], c.stack[base+3*n:]
	var index map[mapKey]int
	if n > 32 {
		index = make(map[mapKey]int, n)
	}
	m := 0
	for i := range n {
		at := findKey(keys[:m], pairs[2*i], index)
		if at < 0 {
			at = m
			m++
			if index != nil {
				index[keyOf(pairs[2*i])] = at
			}
		}
		keys[at], vals[at] = pairs[2*i], pairs[2*i+1]
	}
	if ct.op == opMultiset && !c.countable(vals[:m], end) {
		return vec.NullDatum, -1
	}
	start := len(c.arena)
	c.arena = vec.AppendMap(c.arena, ct.key.t, ct.elem.t, keys[:m], vals[:m])
	return c.built(start, base, end)
}

// countable tells that the counts of a MULTISET are such; end is where it ends.
func (c *core) countable(counts []vec.Datum, end int) bool {
	total := int64(0)
	what := ""
	for _, n := range counts {
		switch {
		case n.Null:
			what = "a count of a MULTISET is null"
		case n.I < 1:
			what = fmt.Sprintf("a count of a MULTISET is %d; it has to be 1 at least", n.I)
		}
		total += n.I
	}
	if what == "" && total > occurrencesMax {
		what = fmt.Sprintf("the counts of a MULTISET are %d together, and %d are taken", total, occurrencesMax)
	}
	if what == "" {
		return true
	}
	c.mismatch()
	c.fail = failure{pos: end, what: what, field: c.cols[c.cur].path}
	return false
}

// mapKey is a datum as a comparable value.
type mapKey struct {
	s     string
	i, hi int64
	f     float64
	null  bool
}

func keyOf(d vec.Datum) mapKey { return mapKey{string(d.B), d.I, d.Hi, d.F, d.Null} }

func findKey(keys []vec.Datum, k vec.Datum, index map[mapKey]int) int {
	if index != nil {
		if i, ok := index[keyOf(k)]; ok {
			return i
		}
		return -1
	}
	for i, o := range keys {
		if o.Null == k.Null && o.I == k.I && o.Hi == k.Hi && o.F == k.F && string(o.B) == string(k.B) {
			return i
		}
	}
	return -1
}
