package expr

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// rowMemo is what the row functions of this package keep from row to row.
type rowMemo struct {
	vals      []vec.Datum
	set, more valueSet
	regex     regexMemo
	path      pathMemo
}

// rest lets go of memory that one row with very many elements has taken.
func (m *rowMemo) rest() {
	if cap(m.vals) > elemsKept {
		m.vals = nil
	}
	m.set.rest()
	m.more.rest()
}

func memoOf(c *RowCtx) *rowMemo {
	m, ok := c.Memo.(*rowMemo)
	if !ok {
		m = &rowMemo{}
		c.Memo = m
	}
	return m
}

// rowScratch is an empty list to collect elements in.
func rowScratch(c *RowCtx) []vec.Datum { return memoOf(c).vals[:0] }

// doneArray returns collected elements as an ARRAY.
func doneArray(c *RowCtx, elem types.Type, vals []vec.Datum) (vec.Datum, error) {
	memoOf(c).vals = vals
	return done(c, vec.AppendArray(c.Buf[:0], elem, vals))
}

// appendElems appends the elements of an encoded ARRAY.
func appendElems(dst []vec.Datum, b []byte, elem types.Type) []vec.Datum {
	for i := range vec.ArrayLen(b) {
		dst = append(dst, vec.ArrayAt(b, elem, i))
	}
	return dst
}

func init() {
	Register(
		rowDef{name: "CARDINALITY", sig: "CARDINALITY(collection)", doc: "The number of elements of an ARRAY or MULTISET or of entries of a MAP.", category: "collection",
			args: []argSpec{argOf("an ARRAY, MAP or MULTISET", types.ArrayOf(types.TString), func(t types.Type) bool {
				return t.Kind == types.Array || t.Kind == types.Map || t.Kind == types.Multiset
			})("collection")}, result: ifArgs(types.TInt), row: cardinalityRow}.fn(),
		rowDef{name: "ELEMENT", sig: "ELEMENT(array)", doc: "The only element of an ARRAY, NULL when it is empty; more than one are an error.", category: "collection",
			args:   []argSpec{argArray("array")},
			result: func(ts []types.Type) types.Type { return ts[0].Elem.Nullable() }, row: elementRow}.fn(),
		rowDef{name: "MAP_KEYS", sig: "MAP_KEYS(map)", doc: "The keys of a MAP as an ARRAY.", category: "collection",
			args:   []argSpec{argMap("map")},
			result: func(ts []types.Type) types.Type { return types.ArrayOf(*ts[0].Key).WithNull(ts[0].NotNull) },
			row: func(_ *RowCtx, args []vec.Datum) (vec.Datum, error) {
				k, _ := vec.MapParts(args[0].B)
				return vec.BytesDatum(k), nil
			}}.fn(),
		rowDef{name: "MAP_VALUES", sig: "MAP_VALUES(map)", doc: "The values of a MAP as an ARRAY.", category: "collection",
			args:   []argSpec{argMap("map")},
			result: func(ts []types.Type) types.Type { return types.ArrayOf(*ts[0].Elem).WithNull(ts[0].NotNull) },
			row: func(_ *RowCtx, args []vec.Datum) (vec.Datum, error) {
				_, v := vec.MapParts(args[0].B)
				return vec.BytesDatum(v), nil
			}}.fn(),
		rowDef{name: "MAP_ENTRIES", sig: "MAP_ENTRIES(map)", doc: "The entries of a MAP as an ARRAY<ROW<key, value>>.", category: "collection",
			args: []argSpec{argMap("map")}, result: mapEntriesType, row: mapEntriesRow}.fn(),
		rowDef{name: "MAP_FROM_ARRAYS", sig: "MAP_FROM_ARRAYS(keys, values)", doc: "The MAP of keys to the values at the same places; of equal keys the last counts.", category: "collection",
			args: []argSpec{argArray("keys"), argArray("values")},
			result: func(ts []types.Type) types.Type {
				return types.MapOf(*ts[0].Elem, *ts[1].Elem).WithNull(!anyNullable(ts))
			}, row: mapFromArraysRow}.fn(),
		&Func{Name: "MAP_UNION", Signature: "MAP_UNION(map1, map2, ...)", Category: "collection",
			Doc: "The entries of all the maps; of equal keys the last counts.", Resolve: resolveMapUnion},
		&Func{Name: "STR_TO_MAP", Signature: "STR_TO_MAP(s [, pairDelimiter, keyDelimiter])", Category: "string",
			Doc: "The MAP<STRING, STRING> of pairs written as k1=v1,k2=v2; the delimiters are regular expressions.", Resolve: resolveStrToMap},
	)
}

func cardinalityRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	b := args[0].B
	if c.ArgTypes[0].Kind != types.Array {
		b, _ = vec.MapParts(b)
	}
	return vec.IntDatum(int64(vec.ArrayLen(b))), nil
}

func elementRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	switch n := vec.ArrayLen(args[0].B); n {
	case 0:
		return vec.NullDatum, nil
	case 1:
		return vec.ArrayAt(args[0].B, *c.ArgTypes[0].Elem, 0), nil
	default:
		return vec.NullDatum, fmt.Errorf("ELEMENT: the array has %d elements, not one", n)
	}
}

func entryFields(m types.Type) []types.Field {
	return []types.Field{{Name: "key", Type: *m.Key}, {Name: "value", Type: *m.Elem}}
}

func mapEntriesType(ts []types.Type) types.Type {
	return types.ArrayOf(types.RowOf(entryFields(ts[0])...)).WithNull(ts[0].NotNull)
}

func mapEntriesRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	m := c.ArgTypes[0]
	fields := c.Type.Elem.Fields
	k, v := vec.MapParts(args[0].B)
	rows := rowScratch(c)
	var pair [2]vec.Datum
	for i := range vec.ArrayLen(k) {
		pair[0], pair[1] = vec.ArrayAt(k, *m.Key, i), vec.ArrayAt(v, *m.Elem, i)
		rows = append(rows, vec.BytesDatum(vec.AppendRow(nil, fields, pair[:])))
	}
	return doneArray(c, *c.Type.Elem, rows)
}

// newMap is an empty map under construction: its keys are those of the set.
type newMap struct {
	keys *valueSet
	vals []vec.Datum
}

func beginMap(c *RowCtx, key types.Type) newMap {
	m := memoOf(c)
	m.set.begin(key, false)
	return newMap{&m.set, m.vals[:0]}
}

// put sets an entry.
func (m *newMap) put(k, v vec.Datum) {
	i, fresh := m.keys.add(k)
	if fresh {
		m.vals = append(m.vals, v)
	} else {
		m.vals[i] = v
	}
}

// done returns the map with values of a type.
func (m *newMap) done(c *RowCtx, val types.Type) (vec.Datum, error) {
	memoOf(c).vals = m.vals
	return done(c, vec.AppendMap(c.Buf[:0], m.keys.t, val, m.keys.vals, m.vals))
}

func mapFromArraysRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	n, nv := vec.ArrayLen(args[0].B), vec.ArrayLen(args[1].B)
	if n != nv {
		return vec.NullDatum, fmt.Errorf("MAP_FROM_ARRAYS: %d keys but %d values", n, nv)
	}
	kt, vt := *c.ArgTypes[0].Elem, *c.ArgTypes[1].Elem
	m := beginMap(c, kt)
	for i := range n {
		m.put(vec.ArrayAt(args[0].B, kt, i), vec.ArrayAt(args[1].B, vt, i))
	}
	return m.done(c, vt)
}

func resolveMapUnion(args []Node) (Resolved, error) {
	if len(args) == 0 {
		return Resolved{}, countError("MAP_UNION", "MAP_UNION(map1, map2, ...)", 0)
	}
	ts := make([]types.Type, len(args))
	for i, a := range args {
		var err error
		if ts[i], err = argMap("map").take("MAP_UNION", i, a); err != nil {
			return Resolved{}, err
		}
	}
	t, conv, err := commonCollection("MAP_UNION", args, ts)
	if err != nil {
		return Resolved{}, err
	}
	kt, vt := *t.Key, *t.Elem
	return Resolved{Type: t.WithNull(!anyNullable(ts)), Args: conv, Impl: Impl{Row: func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		m := beginMap(c, kt)
		for _, a := range args {
			k, v := vec.MapParts(a.B)
			for i := range vec.ArrayLen(k) {
				m.put(vec.ArrayAt(k, kt, i), vec.ArrayAt(v, vt, i))
			}
		}
		return m.done(c, vt)
	}}}, nil
}

// commonCollection finds the type of collections of one kind, and the types that the
// arguments are converted to: their own where the cells are laid out alike.
func commonCollection(fn string, args []Node, ts []types.Type) (types.Type, []types.Type, error) {
	var t types.Type
	found := false
	for i, a := range args {
		if a.Type().Kind == types.Null {
			continue
		}
		if !found {
			t, found = ts[i].Plain(), true
			continue
		}
		merged, ok := mergeTypes(t, ts[i])
		if !ok {
			return t, nil, fmt.Errorf("argument %d of %s is %s, which has no common type with %s", i+1, fn, ts[i], t)
		}
		t = merged
	}
	if !found {
		t = ts[0]
	}
	conv := make([]types.Type, len(ts))
	for i := range ts {
		switch {
		case args[i].Type().Kind == types.Null:
			conv[i] = t.Nullable()
			ts[i] = conv[i]
		case sameLayout(t, ts[i]):
			conv[i] = ts[i]
		default:
			conv[i] = t.WithNull(ts[i].NotNull)
		}
	}
	return t, conv, nil
}

// mergeTypes is the least type of both: of types laid out alike the first with the
// nullability of both inside.
func mergeTypes(a, b types.Type) (types.Type, bool) {
	switch {
	case a.Kind == b.Kind && (a.Kind == types.Array || a.Kind == types.Multiset):
		e, ok := mergeTypes(*a.Elem, *b.Elem)
		a.Elem = &e
		return a.WithNull(a.NotNull && b.NotNull), ok
	case a.Kind == types.Map && b.Kind == types.Map:
		k, ok1 := mergeTypes(*a.Key, *b.Key)
		e, ok2 := mergeTypes(*a.Elem, *b.Elem)
		a.Key, a.Elem = &k, &e
		return a.WithNull(a.NotNull && b.NotNull), ok1 && ok2
	case a.Kind == types.Row && b.Kind == types.Row && len(a.Fields) == len(b.Fields):
		fields := make([]types.Field, len(a.Fields))
		for i := range fields {
			t, ok := mergeTypes(a.Fields[i].Type, b.Fields[i].Type)
			if !ok {
				return a, false
			}
			fields[i] = types.Field{Name: a.Fields[i].Name, Type: t}
		}
		a.Fields = fields
		return a.WithNull(a.NotNull && b.NotNull), true
	case a.Kind == types.Null:
		return b.Nullable(), true
	case b.Kind == types.Null:
		return a.Nullable(), true
	case a.Equal(b):
		return a.WithNull(a.NotNull && b.NotNull), true
	}
	return CommonType(a, b)
}

// sameLayout tells whether cells of both types have the same meaning and encoding: the
// types are equal but for nullability, lengths of strings and names of fields.
func sameLayout(a, b types.Type) bool {
	switch {
	case a.IsString() && b.IsString() || a.IsBinary() && b.IsBinary():
		return true
	case a.Kind != b.Kind:
		return false
	}
	switch a.Kind {
	case types.Array, types.Multiset:
		return sameLayout(*a.Elem, *b.Elem)
	case types.Map:
		return sameLayout(*a.Key, *b.Key) && sameLayout(*a.Elem, *b.Elem)
	case types.Row, types.Structured:
		if len(a.Fields) != len(b.Fields) {
			return false
		}
		for i := range a.Fields {
			if !sameLayout(a.Fields[i].Type, b.Fields[i].Type) {
				return false
			}
		}
		return true
	case types.Decimal:
		return a.Prec == b.Prec && a.Scale == b.Scale
	default:
		return a.Phys() == b.Phys()
	}
}

// sameValue is equality in which NULLs are equal, maps are sets of entries, and a type
// says what the cells mean.
func sameValue(t types.Type, a, b vec.Datum) bool {
	if a.Null || b.Null {
		return a.Null && b.Null
	}
	switch t.Phys() {
	case types.I64:
		return a.I == b.I
	case types.F64:
		return a.F == b.F
	case types.Wide:
		return a.I == b.I && a.Hi == b.Hi
	}
	switch t.Kind {
	case types.Array:
		return sameElems(*t.Elem, a.B, b.B)
	case types.Row, types.Structured:
		for i, f := range t.Fields {
			if !sameValue(f.Type, vec.RowAt(a.B, t.Fields, i), vec.RowAt(b.B, t.Fields, i)) {
				return false
			}
		}
		return true
	case types.Map:
		return sameEntries(*t.Key, *t.Elem, a.B, b.B)
	case types.Multiset:
		return sameEntries(*t.Elem, types.TInt, a.B, b.B)
	}
	return string(a.B) == string(b.B)
}

func sameElems(elem types.Type, a, b []byte) bool {
	n := vec.ArrayLen(a)
	if n != vec.ArrayLen(b) {
		return false
	}
	for i := range n {
		if !sameValue(elem, vec.ArrayAt(a, elem, i), vec.ArrayAt(b, elem, i)) {
			return false
		}
	}
	return true
}

func sameEntries(key, elem types.Type, a, b []byte) bool {
	ak, av := vec.MapParts(a)
	bk, bv := vec.MapParts(b)
	n := vec.ArrayLen(ak)
	if n != vec.ArrayLen(bk) {
		return false
	}
	var nans uint64
	return matchEntries(key, ak, bk, n, &nans, func(i, j int) bool {
		return sameValue(key, vec.ArrayAt(ak, key, i), vec.ArrayAt(bk, key, j)) && sameValue(elem, vec.ArrayAt(av, elem, i), vec.ArrayAt(bv, elem, j))
	})
}
