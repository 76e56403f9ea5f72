package expr

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	registerAggs(
		&AggFunc{
			Name: "JSON_ARRAYAGG", Signature: "JSON_ARRAYAGG(value [NULL ON NULL | ABSENT ON NULL])", Retractable: true, minArgs: 1, maxArgs: 2, values: 1,
			Doc: "The values as a JSON array in order of arrival; NULLs are left out (ABSENT ON NULL) by default.",
			resolve: func(args []Node) (types.Type, error) {
				_, err := onNull("JSON_ARRAYAGG", args, 1, false)
				return types.TString.Required(), err
			},
			compile: func(c *AggCall, o aggCompile) (aggImpl, error) {
				col, err := argCol(c, 0)
				if err != nil {
					return nil, err
				}
				nulls, err := onNull("JSON_ARRAYAGG", c.Args, 1, false)
				return &jsonArrayAgg{aggList: newAggList(c.Args[0].Type(), col, nulls, o), env: o.env}, err
			},
		},
		&AggFunc{
			Name: "JSON_OBJECTAGG", Signature: "JSON_OBJECTAGG([KEY] key VALUE value [NULL ON NULL | ABSENT ON NULL])", Retractable: true, minArgs: 2, maxArgs: 3, values: 2, ignoreDistinct: true,
			Doc: "The pairs as a JSON object, ordered by key; of pairs with one key the last counts, pairs without a key do not. NULL values are kept (NULL ON NULL) by default.",
			resolve: func(args []Node) (types.Type, error) {
				if !args[0].Type().IsString() {
					return types.TString, fmt.Errorf("the key of JSON_OBJECTAGG must be a string, not %s", args[0].Type())
				}
				_, err := onNull("JSON_OBJECTAGG", args, 2, true)
				return types.TString.Required(), err
			},
			compile: compileJSONObject,
		},
	)
}

// onNull reads the clause in argument i: a Symbol that begins with NULL or ABSENT.
func onNull(name string, args []Node, i int, byDefault bool) (bool, error) {
	if i >= len(args) {
		return byDefault, nil
	}
	if l, ok := args[i].(*Lit); ok && l.T.Kind == types.Symbol {
		switch s := string(l.Value.B); s {
		case "NULL", "NULL ON NULL", "NULL_ON_NULL":
			return true, nil
		case "ABSENT", "ABSENT ON NULL", "ABSENT_ON_NULL":
			return false, nil
		}
	}
	return false, fmt.Errorf("%s: %s is neither NULL ON NULL nor ABSENT ON NULL", name, args[i])
}

// jsonArrayAgg is JSON_ARRAYAGG.
type jsonArrayAgg struct {
	aggList
	env *Env
}

func (a *jsonArrayAgg) result(m *AggStore, st []byte, out *vec.Vector, row int) error {
	if a.large.has(m, st) {
		return errLargeValue
	}
	b := append(out.Grow(), '[')
	most := len(b) + maxResultBytes
	if a.count(st) > 0 {
		for ok := a.begin(m, st); ok; {
			if b = aggAppendJSON(b, a.value(m), a.t, a.env); len(b) > most {
				return a.large.note(m, st)
			}
			if ok = m.next(); ok {
				b = append(b, ',')
			}
		}
	}
	out.SetNotNull(row)
	out.EndGrow(row, append(b, ']'))
	return nil
}

func compileJSONObject(c *AggCall, o aggCompile) (aggImpl, error) {
	key, err := argCol(c, 0)
	if err != nil {
		return nil, err
	}
	col, err := argCol(c, 1)
	if err != nil {
		return nil, err
	}
	nulls, err := onNull("JSON_OBJECTAGG", c.Args, 2, true)
	o.retract = false
	return &jsonObjectAgg{aggList: newAggList(c.Args[1].Type(), col, nulls, o), keyCol: key, env: o.env}, err
}

// jsonObjectAgg is JSON_OBJECTAGG: a list whose entries are found by their keys. The state
// in the group's row is not used.
type jsonObjectAgg struct {
	aggList
	keyCol int
	env    *Env
}

func (a *jsonObjectAgg) entry(m *AggStore, st, k []byte) []byte {
	m.key = append(m.prefix(st, a.ordinal, familyList), k...)
	return m.key
}

func (a *jsonObjectAgg) add(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	k, v := b.Cols[a.keyCol], b.Cols[a.col]
	for j, i := range sel {
		if !k.IsNull(int(i)) && (a.nulls || !v.IsNull(int(i))) {
			m.Tree.Put(a.entry(m, st[j], k.Bytes(int(i))), a.encode(v.Get(int(i))))
		}
	}
}

func (a *jsonObjectAgg) retract(m *AggStore, b *vec.Batch, st [][]byte, sel []int32) {
	k := b.Cols[a.keyCol]
	for j, i := range sel {
		if !k.IsNull(int(i)) {
			m.Tree.Delete(a.entry(m, st[j], k.Bytes(int(i))))
		}
	}
}

func (a *jsonObjectAgg) merge(dm *AggStore, dst []byte, sm *AggStore, src []byte) {
	for ok := a.begin(sm, src); ok; ok = sm.next() {
		a.buf = append(a.buf[:0], sm.iter.Value()...)
		dm.Tree.Put(a.entry(dm, dst, sm.iter.Key()[treePrefix:]), a.buf)
	}
}

func (a *jsonObjectAgg) result(m *AggStore, st []byte, out *vec.Vector, row int) error {
	b := append(out.Grow(), '{')
	most := len(b) + maxResultBytes
	for ok := a.begin(m, st); ok; {
		b = aggAppendJSONString(b, m.iter.Key()[treePrefix:])
		if b = aggAppendJSON(append(b, ':'), a.value(m), a.t, a.env); len(b) > most {
			return errLargeValue
		}
		if ok = m.next(); ok {
			b = append(b, ',')
		}
	}
	out.SetNotNull(row)
	out.EndGrow(row, append(b, '}'))
	return nil
}

// aggAppendJSON appends a value as JSON: numbers and booleans bare, ARRAYs, MAPs and ROWs as
// arrays and objects, anything else as the string that a cast gives.
func aggAppendJSON(b []byte, d vec.Datum, t types.Type, env *Env) []byte {
	switch {
	case d.Null || t.IsApprox() && (math.IsNaN(d.F) || math.IsInf(d.F, 0)):
		return append(b, "null"...)
	case t.Kind == types.Boolean && d.Bool():
		return append(b, "true"...)
	case t.Kind == types.Boolean:
		return append(b, "false"...)
	case t.IsNumeric():
		return FormatDatum(b, d, t, env)
	case t.IsString():
		return aggAppendJSONString(b, d.B)
	}
	switch t.Kind {
	case types.Array:
		b = append(b, '[')
		for i := range vec.ArrayLen(d.B) {
			if i > 0 {
				b = append(b, ',')
			}
			b = aggAppendJSON(b, vec.ArrayAt(d.B, *t.Elem, i), *t.Elem, env)
		}
		return append(b, ']')
	case types.Row, types.Structured:
		b = append(b, '{')
		for i, f := range t.Fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(aggAppendJSONString(b, []byte(f.Name)), ':')
			b = aggAppendJSON(b, vec.RowAt(d.B, t.Fields, i), f.Type, env)
		}
		return append(b, '}')
	case types.Map:
		keys, vals := vec.MapParts(d.B)
		b = append(b, '{')
		for i := range vec.ArrayLen(keys) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(aggAppendJSONString(b, FormatDatum(nil, vec.ArrayAt(keys, *t.Key, i), *t.Key, env)), ':')
			b = aggAppendJSON(b, vec.ArrayAt(vals, *t.Elem, i), *t.Elem, env)
		}
		return append(b, '}')
	}
	return aggAppendJSONString(b, FormatDatum(nil, d, t, env))
}

// aggAppendJSONString quotes a string; bytes that are not UTF-8 become U+FFFD.
func aggAppendJSONString(b, s []byte) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for len(s) > 0 {
		c := s[0]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, n := utf8.DecodeRune(s)
			b = utf8.AppendRune(b, r)
			s = s[n:]
			continue
		}
		s = s[1:]
	}
	return append(b, '"')
}
