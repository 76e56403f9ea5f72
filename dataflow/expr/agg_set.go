package expr

import (
	"encoding/binary"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// AggVersion is the version of the encoding of aggregate states. States are fixed-layout
// bytes, little-endian, in which all zeros is the empty state; each aggregate documents
// its own layout. A state of the same version and the same calls can be merged wherever it
// was made.
const AggVersion = 1

// aggIDSize is the size of the group's id, the first word of the states of an AggSet that
// keeps entries in a tree.
const aggIDSize = 8

// aggCompile says for what an aggregate is compiled.
type aggCompile struct {
	env     *Env
	retract bool
	// ordinal tells the aggregate's tree entries from those of its neighbours.
	ordinal uint16
}

// aggImpl is a compiled aggregate. st holds, for each row of sel, the states of the row's
// group, of which the aggregate owns size() bytes from the offset it was placed at.
type aggImpl interface {
	size() int
	place(off int)
	// add takes the rows sel of b; retract takes them back.
	add(m *AggStore, b *vec.Batch, st [][]byte, sel []int32)
	retract(m *AggStore, b *vec.Batch, st [][]byte, sel []int32)
	// merge adds src, which later rows made, to dst.
	merge(dm *AggStore, dst []byte, sm *AggStore, src []byte)
	aggResult
	// release frees what the state refers to in the heap; tree entries go with the group.
	release(m *AggStore, st []byte)
	// needs tells whether the state has parts in the heap and entries in the tree.
	needs() (heap, tree bool)
}

// aggResult writes an aggregate's value to row of out, or tells that it is larger than
// maxResultBytes.
type aggResult interface {
	result(m *AggStore, st []byte, out *vec.Vector, row int) error
}

// aggShared is an aggregate that can read the state of another call with the same key.
type aggShared interface {
	aggImpl
	shareKey() string
	adopt(o aggImpl)
}

// AggSet is the aggregates of one operator, compiled to one block of state bytes a group.
// It is used by one goroutine.
type AggSet struct {
	calls   []*AggCall
	parts   []aggPart
	results []aggResult
	size    int
	heap    bool
	tree    bool

	// Literal arguments are columns behind the last one that the calls refer to.
	width  int
	consts []*vec.Vector
	wide   vec.Batch // scratch

	sel []int32
	st  [][]byte
}

// columnsOf is the number of columns up to the last one that the calls refer to.
func columnsOf(calls []*AggCall) int {
	n := 0
	note := func(e Node) {
		if e == nil {
			return
		}
		for _, c := range Cols(e) {
			n = max(n, c+1)
		}
	}
	for _, c := range calls {
		note(c.Filter)
		for _, a := range c.Args {
			note(a)
		}
	}
	return n
}

// materialize turns the literals among the arguments that are values, not parameters, into
// columns that hold the same in every row.
func (s *AggSet) materialize(c *AggCall) *AggCall {
	out := *c
	out.Args = append([]Node(nil), c.Args...)
	for i := range min(c.Func.values, len(c.Args)) {
		l, ok := c.Args[i].(*Lit)
		if !ok {
			continue
		}
		v := vec.New(l.T)
		for k := range vec.BatchSize {
			v.Set(k, l.Value)
		}
		out.Args[i] = NewCol(s.width+len(s.consts), l.String(), l.T)
		s.consts = append(s.consts, v)
	}
	return &out
}

// aggPart is one aggregate state and the rows it wants.
type aggPart struct {
	impl   aggImpl
	filter int // column, or -1
	off    int
	name   string
	text   string
	cols   []int // that it reads
}

// NewAggSet compiles calls whose arguments are columns and literals and whose filters are
// columns. With retracting the states can take rows back; the error names an aggregate
// that cannot.
func NewAggSet(calls []*AggCall, env *Env, retracting bool) (*AggSet, error) {
	s := &AggSet{calls: calls, sel: make([]int32, 0, vec.BatchSize), st: make([][]byte, 0, vec.BatchSize)}
	if env == nil {
		env = &Env{}
	}
	shared := map[string]aggImpl{}
	distinct := map[string]*distinctAgg{}
	s.width = columnsOf(calls)
	for i, c := range calls {
		label := c.label()
		c = s.materialize(c)
		if retracting && !c.Func.Retractable {
			return nil, fmt.Errorf("%s does not take an updating input: it cannot take a row back", c)
		}
		filter := -1
		if c.Filter != nil {
			col, ok := c.Filter.(*Col)
			if !ok {
				return nil, fmt.Errorf("%s: the filter is not a column of the input", c)
			}
			filter = col.Index
		}
		o := aggCompile{env: env, retract: retracting, ordinal: uint16(i)}
		if key := distinctKey(c); c.Distinct && key != "" {
			d := distinct[key]
			if d == nil || len(d.members) == distinctMembersMax {
				var err error
				if d, err = newDistinctAgg(c, o); err != nil {
					return nil, err
				}
				distinct[key] = d
				s.parts = append(s.parts, aggPart{impl: d, filter: -1})
			}
			r, err := d.join(c, label, filter, o)
			if err != nil {
				return nil, err
			}
			s.results = append(s.results, r)
			continue
		}
		plain := *c
		plain.Distinct = false // of what does not vary
		impl, err := c.Func.compile(&plain, o)
		if err != nil {
			return nil, err
		}
		s.results = append(s.results, impl)
		if sh, ok := impl.(aggShared); ok {
			key := fmt.Sprintf("%s filter %d", sh.shareKey(), filter)
			if o := shared[key]; o != nil {
				sh.adopt(o)
				continue
			}
			shared[key] = impl
		}
		s.parts = append(s.parts, aggPart{impl: impl, filter: filter, name: label, text: c.String(), cols: argCols(c)})
	}
	for _, p := range s.parts {
		h, t := p.impl.needs()
		s.heap, s.tree = s.heap || h, s.tree || t
	}
	if s.tree {
		s.size = aggIDSize
	}
	for i := range s.parts {
		p := &s.parts[i]
		if d, ok := p.impl.(*distinctAgg); ok {
			p.name, p.text = d.names()
		}
		p.off = s.size
		p.impl.place(s.size)
		s.size += p.impl.size()
	}
	return s, nil
}

// AggField describes a part of an AggSet's state: the call it is the state of, by its ID
// and its text, its offset and its size in bytes.
type AggField struct {
	Name, Text   string
	Offset, Size int
	// Refs are the words that refer to values in the heap, Floats those that are floats.
	Refs, Floats Words
}

// Fields lists the parts of the state in order.
func (s *AggSet) Fields() []AggField {
	var out []AggField
	if s.tree {
		out = append(out, AggField{Name: groupIDField, Text: groupIDField, Size: aggIDSize})
	}
	for _, p := range s.parts {
		f := AggField{Name: p.name, Text: p.text, Offset: p.off, Size: p.impl.size()}
		f.Refs, f.Floats = wordsOf(p.impl)
		out = append(out, f)
	}
	return out
}

// Size is the bytes of state of a group, a multiple of 8.
func (s *AggSet) Size() int { return s.size }

// NeedsHeap tells that states keep parts in AggStore.Heap.
func (s *AggSet) NeedsHeap() bool { return s.heap }

// NeedsTree tells that states keep entries in AggStore.Tree. Each group then needs Init.
func (s *AggSet) NeedsTree() bool { return s.tree }

// Types are the types of the results.
func (s *AggSet) Types() []types.Type {
	out := make([]types.Type, len(s.calls))
	for i, c := range s.calls {
		out[i] = c.T
	}
	return out
}

// Init begins the state of a group, all zeros, under an id that no other group of the
// store's scope has.
func (s *AggSet) Init(st []byte, id uint64) {
	if s.tree {
		binary.LittleEndian.PutUint64(st, id)
	}
}

// Update takes the rows sel of b, those of kind -U and -D back. st[k] is the state of the
// group of row sel[k], of Size() bytes or more.
func (s *AggSet) Update(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	if len(s.consts) > 0 {
		cols := append(append(s.wide.Cols[:0], b.Cols[:s.width]...), s.consts...)
		s.wide = *b
		s.wide.Cols = cols
		b = &s.wide
	}
	if b.Kinds == nil {
		s.apply(m, b, st, sel, false)
		return
	}
	for from := 0; from < len(sel); {
		retract := b.Kinds[sel[from]].Retracts()
		to := from + 1
		for to < len(sel) && b.Kinds[sel[to]].Retracts() == retract {
			to++
		}
		s.apply(m, b, st[from:to], sel[from:to], retract)
		from = to
	}
}

func (s *AggSet) apply(m *AggStore, b *vec.Batch, st [][]byte, sel []int32, retract bool) {
	last := -1
	for i := range s.parts {
		p := &s.parts[i]
		pst, psel := st, sel
		if p.filter >= 0 {
			if p.filter != last {
				s.selectTrue(b.Cols[p.filter], st, sel)
				last = p.filter
			}
			pst, psel = s.st, s.sel
		}
		if len(psel) == 0 {
			continue
		}
		if retract {
			p.impl.retract(m, b, pst, psel)
		} else {
			p.impl.add(m, b, pst, psel)
		}
	}
}

func (s *AggSet) selectTrue(v *vec.Vector, st [][]byte, sel []int32) {
	s.st, s.sel = s.st[:0], s.sel[:0]
	x := v.I64
	for k, i := range sel {
		if x[i] != 0 && !v.IsNull(int(i)) {
			s.st = append(s.st, st[k])
			s.sel = append(s.sel, i)
		}
	}
}

// Merge adds the state src, which rows after those of dst made, to dst. src stays as it is.
func (s *AggSet) Merge(dm *AggStore, dst []byte, sm *AggStore, src []byte) {
	for i := range s.parts {
		s.parts[i].impl.merge(dm, dst, sm, src)
	}
}

// Result writes the value of each call to row of its vector in out. The error names a call
// whose value is larger than a result may be, or makes the row so: values that have no fixed
// size are NULL then.
func (s *AggSet) Result(m *AggStore, st []byte, out []*vec.Vector, row int) error {
	size := 0
	for i, r := range s.results {
		v := out[i]
		err := r.result(m, st, v, row)
		if v.Phys == types.Bytes && err == nil && !v.IsNull(row) {
			if size += int(v.Str[row].Len); size > maxRowBytes {
				err = errLargeRow
			}
		}
		if err != nil {
			return s.failed(i, err, out, row)
		}
	}
	return nil
}

// failed is the error of call i, for which values without a fixed size are taken back.
func (s *AggSet) failed(i int, err error, out []*vec.Vector, row int) error {
	for _, v := range out {
		if v.Phys == types.Bytes {
			v.SetNull(row)
		}
	}
	return fmt.Errorf("%s: %w", s.calls[i], err)
}

// Release frees what the state keeps outside of itself. The state is then to be dropped.
func (s *AggSet) Release(m *AggStore, st []byte) {
	if s.heap {
		for i := range s.parts {
			s.parts[i].impl.release(m, st)
		}
	}
	if s.tree {
		m.dropGroup(st)
	}
}

// argCol is the column of an argument.
func argCol(c *AggCall, i int) (int, error) {
	if col, ok := c.Args[i].(*Col); ok {
		return col.Index, nil
	}
	return 0, fmt.Errorf("%s: argument %d is not a column of the input", c, i+1)
}
