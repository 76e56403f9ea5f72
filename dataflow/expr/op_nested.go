package expr

import (
	"errors"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	Register(
		&Func{Name: "ITEM", Signature: "array[index], map[key], row['field']", Category: "collection",
			Doc:   "An element of an ARRAY by its position from 1, the value of a MAP's key, or a field of a ROW; NULL when there is none.",
			Build: buildItem},
		&Func{Name: "ARRAY", Signature: "ARRAY[value, ...]", Doc: "An ARRAY of the values.", Category: "collection", Resolve: resolveArray},
		&Func{Name: "MAP", Signature: "MAP[key, value, ...]", Doc: "A MAP of the keys and values; of equal keys the last counts.", Category: "collection", Resolve: resolveMap},
		&Func{Name: "ROW", Signature: "ROW(value, ...)", Doc: "A ROW of the values.", Category: "collection", Resolve: resolveRow},
	)
}

func buildItem(args []Node) (Node, error) {
	if err := argCount("ITEM", args, 2, 2); err != nil {
		return nil, err
	}
	t := args[0].Type()
	if t.Kind == types.Row || t.Kind == types.Structured {
		if l, ok := args[1].(*Lit); ok && !l.Value.Null {
			if l.T.IsString() {
				return NewField(args[0], string(l.Value.B))
			}
			if i := l.Value.I; l.T.IsInteger() && i >= 1 && i <= int64(len(t.Fields)) {
				return NewFieldAt(args[0], int(i-1)), nil
			}
		}
		return nil, fmt.Errorf("a field of %s is chosen by a literal name or position", t.Nullable())
	}
	return newCall(itemFunc, args)
}

// itemFunc is the node that ITEM builds for arrays and maps.
var itemFunc = &Func{Name: "ITEM", Resolve: resolveItem}

func resolveItem(args []Node) (Resolved, error) {
	t, k := args[0].Type(), args[1].Type()
	switch t.Kind {
	case types.Array:
		if !k.IsInteger() && k.Kind != types.Null {
			return Resolved{}, fmt.Errorf("the index of an ARRAY must be an integer, not %s", k.Nullable())
		}
		if d, ok := constantOf(args[1]); ok && !d.Null && d.I < 1 {
			return Resolved{}, fmt.Errorf("the index of an ARRAY starts at 1, not %d", d.I)
		}
		elem := *t.Elem
		return Resolved{Type: elem.Nullable(), Args: []types.Type{t, types.TBigInt}, Impl: Impl{Row: func(_ *RowCtx, a []vec.Datum) (vec.Datum, error) {
			if i := a[1].I; i >= 1 && i <= int64(vec.ArrayLen(a[0].B)) {
				return vec.ArrayAt(a[0].B, elem, int(i-1)), nil
			}
			return vec.NullDatum, nil
		}}}, nil
	case types.Map:
		key, val := mapTypes(t)
		if c, ok := CommonType(key, k); !ok || c.IsNumeric() != key.IsNumeric() {
			return Resolved{}, fmt.Errorf("the key of %s cannot be %s", t.Nullable(), k.Nullable())
		}
		return Resolved{Type: val.Nullable(), Args: []types.Type{t, key}, Impl: Impl{Row: func(_ *RowCtx, a []vec.Datum) (vec.Datum, error) {
			ks, vs := vec.MapParts(a[0].B)
			if i := findKey(ks, key, a[1]); i >= 0 {
				return vec.ArrayAt(vs, val, i), nil
			}
			return vec.NullDatum, nil
		}}}, nil
	}
	if isVariant(t) {
		return resolveVariantItem(k)
	}
	return Resolved{}, fmt.Errorf("%s has no elements", t.Nullable())
}

func resolveArray(args []Node) (Resolved, error) {
	if len(args) == 0 {
		return Resolved{}, errors.New("ARRAY needs at least one element")
	}
	elem, ok := CommonType(typesOf(args, types.TNull)...)
	if !ok {
		return Resolved{}, fmt.Errorf("the elements of ARRAY have no common type: %s", typeList(typesOf(args, types.TNull)))
	}
	if elem.Kind == types.Null {
		return Resolved{}, errors.New("ARRAY needs an element whose type is known")
	}
	r := Resolved{Type: types.ArrayOf(elem).Required(), Args: repeatType(elem, len(args))}
	r.Impl = Impl{CallsOnNull: true, Row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
		c.Buf = vec.AppendArray(c.Buf[:0], elem, a)
		return vec.BytesDatum(c.Buf), nil
	}}
	return r, nil
}

func repeatType(t types.Type, n int) []types.Type {
	ts := make([]types.Type, n)
	for i := range ts {
		ts[i] = t
	}
	return ts
}

func resolveMap(args []Node) (Resolved, error) {
	if len(args) == 0 || len(args)%2 != 0 {
		return Resolved{}, errors.New("MAP needs pairs of a key and a value")
	}
	var ks, vs []types.Type
	for i, t := range typesOf(args, types.TNull) {
		if i%2 == 0 {
			ks = append(ks, t)
		} else {
			vs = append(vs, t)
		}
	}
	key, ok := CommonType(ks...)
	if !ok || key.Kind == types.Null {
		return Resolved{}, fmt.Errorf("the keys of MAP have no common type: %s", typeList(ks))
	}
	val, ok := CommonType(vs...)
	if !ok || val.Kind == types.Null {
		return Resolved{}, fmt.Errorf("the values of MAP have no common type: %s", typeList(vs))
	}
	r := Resolved{Type: types.MapOf(key, val).Required()}
	for range ks {
		r.Args = append(r.Args, key, val)
	}
	r.Impl = Impl{CallsOnNull: true, Row: mapRow(key, val, len(ks))}
	return r, nil
}

// mapScratch is the memory of one MAP constructor.
type mapScratch struct{ keys, vals []vec.Datum }

func mapRow(key, val types.Type, n int) RowFunc {
	return func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
		m, _ := c.Memo.(*mapScratch)
		if m == nil {
			m = &mapScratch{make([]vec.Datum, 0, n), make([]vec.Datum, 0, n)}
			c.Memo = m
		}
		keys, vals := m.keys[:0], m.vals[:0]
	pairs:
		for i := 0; i < len(a); i += 2 {
			for j := range keys {
				if compareMember(keys[j], a[i], key) == 0 {
					vals[j] = a[i+1]
					continue pairs
				}
			}
			keys, vals = append(keys, a[i]), append(vals, a[i+1])
		}
		c.Buf = vec.AppendMap(c.Buf[:0], key, val, keys, vals)
		return vec.BytesDatum(c.Buf), nil
	}
}

func resolveRow(args []Node) (Resolved, error) {
	if len(args) == 0 {
		return Resolved{}, errors.New("ROW needs at least one field")
	}
	fields := make([]types.Field, len(args))
	for i, t := range typesOf(args, types.TNull) {
		if t.Kind == types.Null {
			return Resolved{}, fmt.Errorf("field %d of ROW is NULL without a type; cast it", i+1)
		}
		fields[i] = types.Field{Name: fmt.Sprintf("EXPR$%d", i), Type: t}
	}
	r := Resolved{Type: types.RowOf(fields...).Required()}
	r.Impl = Impl{CallsOnNull: true, Row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
		c.Buf = vec.AppendRow(c.Buf[:0], fields, a)
		return vec.BytesDatum(c.Buf), nil
	}}
	return r, nil
}
