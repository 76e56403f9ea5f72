package expr

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// distinctAgg hands inner aggregates the first row of each value, and takes it back with
// the last. Calls over the same arguments share one, whatever their filters: each is a
// member that sees a value when a row with it passes its filter. The state is those of the
// inner aggregates, one behind the other.
//
// A value has one entry of the family familyBag in the tree. Without retraction it is
// {members that have seen the value, a bit each, u64}; with retraction {rows u64} a member.
//
// A call with several arguments counts their tuples: the value is the concatenation of the
// arguments' keys.
type distinctAgg struct {
	members  []distinctMember
	retracts bool
	ordinal  uint16
	cols     []int
	args     []types.Type
	t        types.Type // of a value in the tree

	seen  *distinctCache
	masks []uint64 // scratch: the members that want a row
	tuple []byte
	val   []byte
	one   *vec.Batch // scratch: a row with the value in the argument's column
	row   [1]int32
	st    [1][]byte
}

// distinctMember is a call: its aggregate without DISTINCT, and the column of its filter or
// -1.
type distinctMember struct {
	inner  aggImpl
	filter int
	name   string
	text   string
}

// distinctMembersMax is the number of bits of an entry.
const distinctMembersMax = 64

// distinctOrdinal parts the entries of an aggregate within DISTINCT from those of DISTINCT.
const distinctOrdinal = 1 << 15

// distinctKey names the arguments of a call; calls of the same key share entries. It is
// empty for a call without arguments that vary.
func distinctKey(c *AggCall) (key string) {
	for _, a := range c.Args {
		if col, ok := a.(*Col); ok {
			key += fmt.Sprintf("%d %s,", col.Index, col.Type())
		}
	}
	return key
}

// newDistinctAgg makes the aggregate of a call, without members.
func newDistinctAgg(c *AggCall, o aggCompile) (*distinctAgg, error) {
	d := &distinctAgg{ordinal: o.ordinal, retracts: o.retract, masks: make([]uint64, vec.BatchSize)}
	width := 0
	for i := range c.Args {
		if _, ok := c.Args[i].(*Lit); ok {
			continue
		}
		col, err := argCol(c, i)
		if err != nil {
			return nil, err
		}
		d.cols = append(d.cols, col)
		d.args = append(d.args, c.Args[i].Type())
		width = max(width, col+1)
	}
	d.t = d.args[0]
	if len(d.cols) > 1 {
		d.t = types.TBytes
	}
	d.one = &vec.Batch{N: 1, Cols: make([]*vec.Vector, width)}
	for i, col := range d.cols {
		d.one.Cols[col] = vec.New(d.args[i])
	}
	return d, nil
}

// join makes a call a member, under its own ordinal, and returns where its result is.
func (d *distinctAgg) join(c *AggCall, label string, filter int, o aggCompile) (aggResult, error) {
	inner := *c
	inner.Distinct, inner.Filter = false, nil
	o.ordinal |= distinctOrdinal
	impl, err := c.Func.compile(&inner, o)
	if err != nil {
		return nil, err
	}
	d.members = append(d.members, distinctMember{impl, filter, label, c.String()})
	return impl, nil
}

// names are those of the calls, and their texts.
func (d *distinctAgg) names() (names, texts string) {
	var n, t []string
	for _, m := range d.members {
		n, t = append(n, m.name), append(t, m.text)
	}
	return strings.Join(n, ", "), strings.Join(t, ", ")
}

func (d *distinctAgg) size() (n int) {
	for _, m := range d.members {
		n += m.inner.size()
	}
	return n
}

func (d *distinctAgg) place(off int) {
	for _, m := range d.members {
		m.inner.place(off)
		off += m.inner.size()
	}
}

func (d *distinctAgg) needs() (heap, tree bool) {
	for _, m := range d.members {
		h, _ := m.inner.needs()
		heap = heap || h
	}
	return heap, true
}

// value is the value of a row, or ok is false when an argument is NULL.
func (d *distinctAgg) value(b *vec.Batch, i int) (v vec.Datum, ok bool) {
	if len(d.cols) == 1 {
		v = b.Cols[d.cols[0]].Get(i)
		return v, !v.Null
	}
	d.tuple = d.tuple[:0]
	for j, c := range d.cols {
		x := b.Cols[c].Get(i)
		if x.Null {
			return x, false
		}
		d.tuple = AppendKey(d.tuple, x, d.args[j], false)
	}
	return vec.Datum{B: d.tuple}, true
}

func (d *distinctAgg) key(m *AggStore, st []byte, v vec.Datum) []byte {
	m.key = AppendKey(m.prefix(st, d.ordinal, familyBag), v, d.t, true)
	return m.key
}

// wanted computes which members want each row of sel.
func (d *distinctAgg) wanted(b *vec.Batch, sel []int32) []uint64 {
	masks := d.masks[:len(sel)]
	var always uint64
	for j, m := range d.members {
		if m.filter < 0 {
			always |= 1 << j
		}
	}
	for k := range masks {
		masks[k] = always
	}
	for j, m := range d.members {
		if m.filter < 0 {
			continue
		}
		v := b.Cols[m.filter]
		for k, i := range sel {
			if v.I64[i] != 0 && !v.IsNull(int(i)) {
				masks[k] |= 1 << j
			}
		}
	}
	return masks
}

func (d *distinctAgg) add(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	if !d.retracts && d.seen == nil {
		d.seen = new(distinctCache)
	}
	for k, mask := range d.wanted(b, sel) {
		if mask == 0 {
			continue
		}
		v, ok := d.value(b, int(sel[k]))
		if !ok {
			continue
		}
		key := d.key(m, st[k], v)
		if d.retracts {
			mask = d.count(m, key, mask)
		} else {
			mask = d.note(m, key, mask)
		}
		for j := range d.members {
			if mask>>j&1 != 0 {
				d.members[j].inner.add(m, b, st[k:k+1], sel[k:k+1])
			}
		}
	}
}

// note marks a value as seen by members, and returns those to whom it is new.
func (d *distinctAgg) note(m *AggStore, key []byte, mask uint64) (fresh uint64) {
	c := d.seen.entry(m, key)
	if c != nil && mask&^c.mask == 0 {
		return 0
	}
	have := uint64(0)
	v, ok := m.Tree.Get(key)
	if ok {
		have = le(v)
	}
	if fresh = mask &^ have; fresh != 0 {
		if ok {
			v, _ = m.Tree.Mut(key)
			putLE(v, have|mask)
		} else {
			m.Tree.Put(key, m.word(mask))
		}
	}
	if c != nil {
		c.mask = have | mask
	}
	return fresh
}

// count counts a row of a value for members, and returns those to whom it is the first.
func (d *distinctAgg) count(m *AggStore, key []byte, mask uint64) (fresh uint64) {
	v, ok := m.Tree.Mut(key)
	if !ok {
		d.val = append(d.val[:0], make([]byte, 8*len(d.members))...)
		m.Tree.Put(key, d.val)
		v, _ = m.Tree.Mut(key)
	}
	for j := range d.members {
		if mask>>j&1 == 0 {
			continue
		}
		n := le(v[8*j:])
		if n == 0 {
			fresh |= 1 << j
		}
		putLE(v[8*j:], n+1)
	}
	return fresh
}

// retract takes rows back. A value that is not there is left alone.
func (d *distinctAgg) retract(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	if !d.retracts {
		return // states that keep no counts are given no such rows
	}
	for k, mask := range d.wanted(b, sel) {
		v, ok := d.value(b, int(sel[k]))
		if !ok || mask == 0 {
			continue
		}
		mask = d.uncount(m, d.key(m, st[k], v), mask)
		for j := range d.members {
			if mask>>j&1 != 0 {
				d.members[j].inner.retract(m, b, st[k:k+1], sel[k:k+1])
			}
		}
	}
}

// uncount takes a row of a value back for members, and returns those to whom it was the
// last.
func (d *distinctAgg) uncount(m *AggStore, key []byte, mask uint64) (last uint64) {
	v, ok := m.Tree.Mut(key)
	if !ok {
		return 0
	}
	var rest uint64
	for j := range d.members {
		n := le(v[8*j:])
		if n > 0 && mask>>j&1 != 0 {
			if n--; n == 0 {
				last |= 1 << j
			}
			putLE(v[8*j:], n)
		}
		rest |= n
	}
	if rest == 0 {
		m.Tree.Delete(key)
	}
	return last
}

// merge adds the values of src; those that a member of dst has not seen go through its
// aggregate.
func (d *distinctAgg) merge(dm *AggStore, dst []byte, sm *AggStore, src []byte) {
	if !d.retracts && d.seen == nil {
		d.seen = new(distinctCache)
	}
	for ok := sm.begin(sm.prefix(src, d.ordinal, familyBag)); ok; ok = sm.next() {
		x := DecodeKey(sm.iter.Key()[treePrefix:], d.t)
		var fresh uint64
		if d.retracts {
			d.tuple = append(d.tuple[:0], sm.iter.Value()...)
			fresh = d.sum(dm, d.key(dm, dst, x), d.tuple)
		} else {
			fresh = d.note(dm, d.key(dm, dst, x), le(sm.iter.Value()))
		}
		if fresh == 0 {
			continue
		}
		if len(d.cols) == 1 {
			one := d.one.Cols[d.cols[0]]
			one.Reset()
			one.Set(0, x)
		}
		d.st[0] = dst
		for j := range d.members {
			if fresh>>j&1 != 0 {
				d.members[j].inner.add(dm, d.one, d.st[:], d.row[:])
			}
		}
	}
}

// sum adds counts to those of a value, and returns the members that had none.
func (d *distinctAgg) sum(m *AggStore, key, counts []byte) (fresh uint64) {
	v, ok := m.Tree.Mut(key)
	if !ok {
		d.val = append(d.val[:0], make([]byte, 8*len(d.members))...)
		m.Tree.Put(key, d.val)
		v, _ = m.Tree.Mut(key)
	}
	for j := range d.members {
		n, by := le(v[8*j:]), le(counts[8*j:])
		if n == 0 && by > 0 {
			fresh |= 1 << j
		}
		putLE(v[8*j:], n+by)
	}
	return fresh
}

// result is that of the only member; NewAggSet reads the members' own.
func (d *distinctAgg) result(m *AggStore, st []byte, out *vec.Vector, row int) error {
	return d.members[0].inner.result(m, st, out, row)
}

func (d *distinctAgg) release(m *AggStore, st []byte) {
	for _, x := range d.members {
		x.inner.release(m, st)
	}
}

// distinctCache remembers entries of the tree that were met last, so that a value that
// comes often is not looked up. It holds what the tree holds: entries only gain bits, and
// only through note, until a range of the tree is deleted.
type distinctCache struct {
	tree any
	cuts uint64
	age  uint32 // of the entries that are valid
	// slots by hash of the key
	slots [distinctSlots]distinctEntry
}

// distinctEntry takes a line of the processor's cache.
type distinctEntry struct {
	mask uint64
	age  uint32
	size uint8
	key  [distinctKeyMax]byte
}

const (
	distinctSlots  = 2048
	distinctKeyMax = 51
)

// entry is the slot of a key, with the key's bits or none; nil when the key is too long.
func (c *distinctCache) entry(m *AggStore, key []byte) *distinctEntry {
	if len(key) > distinctKeyMax {
		return nil
	}
	if cuts := m.Tree.Cuts(); c.tree != any(m.Tree) || c.cuts != cuts || c.age == 0 {
		c.tree, c.cuts = m.Tree, cuts
		if c.age++; c.age == 0 {
			c.slots, c.age = [distinctSlots]distinctEntry{}, 1
		}
	}
	h := aggHashWord(binary.LittleEndian.Uint64(key[len(key)-8:]) ^ binary.LittleEndian.Uint64(key[len(key)-16:])<<1 ^ binary.LittleEndian.Uint64(key[8:])<<2)
	e := &c.slots[h%distinctSlots]
	if e.age != c.age || int(e.size) != len(key) || string(e.key[:e.size]) != string(key) {
		e.mask, e.age, e.size = 0, c.age, uint8(len(key))
		copy(e.key[:], key)
	}
	return e
}
