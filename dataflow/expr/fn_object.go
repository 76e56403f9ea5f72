package expr

import (
	"fmt"
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// OBJECT_OF makes a value of a structured type, OBJECT_UPDATE one with other attributes.
// A type is known by the name of its class alone; no class is loaded.

func init() {
	Register(
		&Func{Name: "OBJECT_OF", Signature: "OBJECT_OF(class, name, value, ...)", Category: "collection",
			Doc: "A value of the structured type of that class, with the attributes named by literals.", Resolve: resolveObjectOf},
		&Func{Name: "OBJECT_UPDATE", Signature: "OBJECT_UPDATE(object, name, value, ...)", Category: "collection",
			Doc: "The structured value with other values of some attributes, which take the types of these.", Resolve: resolveObjectUpdate},
	)
}

// attributeNames reads the names at positions 1, 3, ... of a call.
func attributeNames(fn, sig string, args []Node) ([]string, error) {
	if len(args)%2 != 1 {
		return nil, countError(fn, sig, len(args))
	}
	var names []string
	for i := 1; i < len(args); i += 2 {
		name, ok := literalText(args[i])
		if !ok {
			return nil, fmt.Errorf("argument %d of %s must be an attribute's name as a literal, not %s", i+1, fn, args[i])
		}
		if slices.Contains(names, name) {
			return nil, fmt.Errorf("%s names the attribute %s twice", fn, name)
		}
		names = append(names, name)
	}
	return names, nil
}

// objectArgs are the types of the arguments, of a bare NULL too.
func objectArgs(args []Node) []types.Type {
	ts := make([]types.Type, len(args))
	for i, a := range args {
		if ts[i] = a.Type(); ts[i].Kind == types.Null {
			ts[i] = types.TString
		}
	}
	return ts
}

func resolveObjectOf(args []Node) (Resolved, error) {
	const name, sig = "OBJECT_OF", "OBJECT_OF(class, name, value, ...)"
	attrs, err := attributeNames(name, sig, args)
	if err != nil {
		return Resolved{}, err
	}
	class, ok := literalText(args[0])
	if !ok {
		return Resolved{}, fmt.Errorf("argument 1 of %s must be the name of a class as a literal, not %s", name, args[0])
	}
	ts := objectArgs(args)
	t := types.Type{Kind: types.Structured, Class: class}
	for i, a := range attrs {
		t.Fields = append(t.Fields, types.Field{Name: a, Type: ts[2*i+2]})
	}
	vals := make([]vec.Datum, len(attrs))
	return Resolved{Type: t, Args: ts, Impl: Impl{CallsOnNull: true, Row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
		for i := range vals {
			vals[i] = a[2*i+2]
		}
		return done(c, vec.AppendRow(c.Buf[:0], t.Fields, vals))
	}}}, nil
}

func resolveObjectUpdate(args []Node) (Resolved, error) {
	const name, sig = "OBJECT_UPDATE", "OBJECT_UPDATE(object, name, value, ...)"
	attrs, err := attributeNames(name, sig, args)
	if err != nil {
		return Resolved{}, err
	}
	ts := objectArgs(args)
	from := ts[0]
	if from.Kind != types.Structured {
		return Resolved{}, argError(name, 0, "object", "a structured value", from)
	}
	t := from.Nullable()
	t.Fields = slices.Clone(from.Fields)
	at := make([]int, len(attrs))
	for i, a := range attrs {
		at[i] = slices.IndexFunc(t.Fields, func(f types.Field) bool { return f.Name == a })
		if at[i] < 0 {
			return Resolved{}, fmt.Errorf("%s has no attribute %s", from.Nullable(), a)
		}
		t.Fields[at[i]].Type = ts[2*i+2]
	}
	return Resolved{Type: t, Args: ts, Impl: Impl{CallsOnNull: true, Row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
		if a[0].Null {
			return vec.NullDatum, nil
		}
		vals := vec.RowFields(a[0].B, from.Fields)
		for i, f := range at {
			vals[f] = a[2*i+2]
		}
		return done(c, vec.AppendRow(c.Buf[:0], t.Fields, vals))
	}}}, nil
}
