package expr

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	registerAggs(
		&AggFunc{
			Name: "LISTAGG", Signature: "LISTAGG([DISTINCT] value [, separator])", Retractable: true, minArgs: 1, maxArgs: 2, values: 1,
			Doc:     "The values that are not NULL as strings in order of arrival, with the separator (',') between them.",
			resolve: resolveListAgg, compile: compileListAgg,
		},
		arrayAggFunc(true),
	)
}

// arrayAggFunc is ARRAY_AGG, with or without NULLs.
func arrayAggFunc(nulls bool) *AggFunc {
	f := &AggFunc{
		Name: "ARRAY_AGG", Signature: "ARRAY_AGG([DISTINCT] value [IGNORE NULLS])", Retractable: true, minArgs: 1, maxArgs: 1, values: 1,
		Doc: "The values, NULLs included unless ignored, as an ARRAY in order of arrival. NULL without values.",
		resolve: func(args []Node) (types.Type, error) {
			return types.ArrayOf(args[0].Type().Plain()), nil
		},
		compile: func(c *AggCall, o aggCompile) (aggImpl, error) {
			col, err := argCol(c, 0)
			return &arrayAgg{aggList: newAggList(c.Args[0].Type(), col, nulls, o)}, err
		},
	}
	if nulls {
		f.ignoring = arrayAggFunc(false)
	} else {
		f.Name += " IGNORE NULLS"
	}
	return f
}

// aggList keeps values in order of arrival in the tree: sequence -> value. Where rows can
// be taken back it also keeps hash of the value, sequence -> nothing, to find a value. The
// state in the group's row is {next sequence u64, values u64}.
//
// A value is a byte, 1 for NULL and 0 else, then I64: i64; F64: bits u64; Wide: low u64,
// high u64; Bytes: the bytes.
type aggList struct {
	aggAt
	t       types.Type
	col     int
	ordinal uint16
	nulls   bool   // NULLs are values
	find    bool   // rows can be taken back
	buf     []byte // scratch
	large   largeStates
}

func newAggList(t types.Type, col int, nulls bool, o aggCompile) aggList {
	return aggList{t: t, col: col, ordinal: o.ordinal, nulls: nulls, find: o.retract}
}

func (l *aggList) size() int { return 16 }

func (l *aggList) needs() (heap, tree bool) { return false, true }

func (l *aggList) key(m *AggStore, st []byte, seq uint64) []byte {
	m.key = binary.BigEndian.AppendUint64(m.prefix(st, l.ordinal, familyList), seq)
	return m.key
}

func (l *aggList) findKey(m *AggStore, st []byte, h, seq uint64) []byte {
	m.key = binary.BigEndian.AppendUint64(m.prefix(st, l.ordinal, familyFind), h)
	m.key = binary.BigEndian.AppendUint64(m.key, seq)
	return m.key
}

func (l *aggList) encode(d vec.Datum) []byte {
	if d.Null {
		l.buf = append(l.buf[:0], 1)
		return l.buf
	}
	l.buf = append(l.buf[:0], 0)
	switch l.t.Phys() {
	case types.I64:
		l.buf = binary.LittleEndian.AppendUint64(l.buf, uint64(d.I))
	case types.F64:
		l.buf = binary.LittleEndian.AppendUint64(l.buf, math.Float64bits(d.F))
	case types.Wide:
		l.buf = binary.LittleEndian.AppendUint64(l.buf, uint64(d.I))
		l.buf = binary.LittleEndian.AppendUint64(l.buf, uint64(d.Hi))
	default:
		l.buf = append(l.buf, d.B...)
	}
	return l.buf
}

// decode is a value of the tree; its bytes refer to v.
func (l *aggList) decode(v []byte) vec.Datum {
	if v[0] != 0 {
		return vec.NullDatum
	}
	v = v[1:]
	switch l.t.Phys() {
	case types.I64:
		return vec.Datum{I: int64(le(v))}
	case types.F64:
		return vec.Datum{F: math.Float64frombits(le(v))}
	case types.Wide:
		return vec.Datum{I: int64(le(v)), Hi: int64(le(v[8:]))}
	}
	return vec.Datum{B: v}
}

func (l *aggList) push(m *AggStore, st []byte, d vec.Datum) {
	s := st[l.off : l.off+16]
	seq := le(s)
	putLE(s, seq+1)
	putLE(s[8:], le(s[8:])+1)
	l.put(m, st, seq, l.encode(d))
}

// pop removes the first value equal to d. One that is not there is left alone.
func (l *aggList) pop(m *AggStore, st []byte, d vec.Datum) {
	l.large.forget()
	v := l.encode(d)
	h := aggHash(v, 0)
	m.key = binary.BigEndian.AppendUint64(m.prefix(st, l.ordinal, familyFind), h)
	for ok := m.begin(m.key); ok; ok = m.next() {
		k := m.iter.Key()
		seq := binary.BigEndian.Uint64(k[len(k)-8:])
		if have, ok := m.Tree.Get(l.key(m, st, seq)); !ok || !bytes.Equal(have, v) {
			continue
		}
		m.Tree.Delete(l.key(m, st, seq))
		m.Tree.Delete(l.findKey(m, st, h, seq))
		s := st[l.off : l.off+16]
		putLE(s[8:], le(s[8:])-1)
		return
	}
}

func (l *aggList) add(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	v := b.Cols[l.col]
	for k, i := range sel {
		if l.nulls || !v.IsNull(int(i)) {
			l.push(m, st[k], v.Get(int(i)))
		}
	}
}

func (l *aggList) retract(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	v := b.Cols[l.col]
	for k, i := range sel {
		if l.nulls || !v.IsNull(int(i)) {
			l.pop(m, st[k], v.Get(int(i)))
		}
	}
}

// begin starts a walk over the values in order of arrival.
func (l *aggList) begin(m *AggStore, st []byte) bool {
	return m.begin(m.prefix(st, l.ordinal, familyList))
}

// value is the value that the walk is at. Its bytes are valid until the tree changes.
func (l *aggList) value(m *AggStore) vec.Datum { return l.decode(m.iter.Value()) }

func (l *aggList) merge(dm *AggStore, dst []byte, sm *AggStore, src []byte) {
	for ok := l.begin(sm, src); ok; ok = sm.next() {
		l.push(dm, dst, l.value(sm))
	}
}

func (l *aggList) count(st []byte) uint64 { return le(st[l.off+8:]) }

func resolveListAgg(args []Node) (types.Type, error) {
	for i, a := range args {
		t := a.Type()
		switch {
		case t.IsString():
		case i == 1:
			return t, fmt.Errorf("the separator of LISTAGG must be a string, not %s", t)
		case t.Kind == types.Null:
			args[i] = NewNull(types.TString)
		default:
			c, err := NewCast(a, types.TString, false)
			if err != nil {
				return t, err
			}
			args[i] = c
		}
	}
	return types.TString, nil
}

func compileListAgg(c *AggCall, o aggCompile) (aggImpl, error) {
	a := &listAgg{sep: []byte{','}}
	col, err := argCol(c, 0)
	if err != nil {
		return nil, err
	}
	if len(c.Args) > 1 {
		l, ok := c.Args[1].(*Lit)
		if !ok {
			return nil, fmt.Errorf("%s: the separator must be a literal", c)
		}
		a.sep = l.Value.B
	}
	a.aggList = newAggList(c.Args[0].Type(), col, false, o)
	return a, nil
}

// listAgg is LISTAGG.
type listAgg struct {
	aggList
	sep []byte
}

func (a *listAgg) result(m *AggStore, st []byte, out *vec.Vector, row int) error {
	if a.count(st) == 0 {
		out.SetNull(row)
		return nil
	}
	if a.large.has(m, st) {
		return errLargeValue
	}
	b := out.Grow()
	most := len(b) + maxResultBytes
	for ok := a.begin(m, st); ok; {
		v := a.value(m).B
		if len(b)+len(v) > most {
			return a.large.note(m, st)
		}
		b = append(b, v...)
		if ok = m.next(); ok {
			b = append(b, a.sep...)
		}
	}
	out.SetNotNull(row)
	out.EndGrow(row, b)
	return nil
}

// arrayAgg is ARRAY_AGG.
type arrayAgg struct{ aggList }

func (a *arrayAgg) result(m *AggStore, st []byte, out *vec.Vector, row int) error {
	n := a.count(st)
	if n == 0 {
		out.SetNull(row)
		return nil
	}
	left := maxResultBytes
	if n > maxResultBytes || vec.ArraySize(a.t, int(n)) > left || a.large.has(m, st) {
		return errLargeValue
	}
	left -= vec.ArraySize(a.t, int(n))
	w := vec.BeginArray(out.Grow(), a.t, int(n))
	for ok := a.begin(m, st); ok; ok = m.next() {
		v := a.value(m)
		if left -= len(v.B); left < 0 {
			return a.large.note(m, st)
		}
		w.Add(v)
	}
	out.SetNotNull(row)
	out.EndGrow(row, w.Bytes())
	return nil
}
