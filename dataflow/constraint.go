package dataflow

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// constraint is what a sink's column asks of the values inside its rows and collections.
// A node without a child holds what is asked of the value itself.
type constraint struct {
	typ     types.Type
	notNull bool
	length  plan.LengthEnforcer
	// changes tells that values may come out other than they went in.
	changes bool
	// inner are the constraints below: by field of a ROW, the element's of an ARRAY, the
	// key's and the value's of a MAP. A nil one asks for nothing.
	inner []*constraint
}

// errNull is a NULL where a type says NOT NULL; its text says where.
type errNull string

func (e errNull) Error() string {
	return fmt.Sprintf("'%s' is NOT NULL, but a NULL is to be written to it", string(e))
}

// nestedConstraint makes the constraint of a column of type t; nil when the values inside
// it may be any. The column itself is not its matter.
func nestedConstraint(t types.Type, n *plan.Sink) *constraint {
	c := &constraint{typ: t}
	if !c.descend(n) {
		return nil
	}
	return c
}

// descend adds the constraints below c and tells whether there are any.
func (c *constraint) descend(n *plan.Sink) bool {
	var below []types.Type
	switch {
	case n.Nested == plan.NestedIgnore:
		return false
	case c.typ.Kind == types.Row || c.typ.Kind == types.Structured:
		for _, f := range c.typ.Fields {
			below = append(below, f.Type)
		}
	case n.Nested != plan.NestedCollections:
		return false
	case c.typ.Kind == types.Array:
		below = []types.Type{*c.typ.Elem}
	case c.typ.Kind == types.Map:
		below = []types.Type{*c.typ.Key, *c.typ.Elem}
	default:
		return false
	}
	any := false
	c.inner = make([]*constraint, len(below))
	for i, t := range below {
		in := &constraint{typ: t, notNull: t.NotNull}
		if fixedLength(t) {
			in.length, in.changes = n.Lengths, n.Lengths == plan.LengthTrimPad
		}
		if in.descend(n) || in.notNull || in.length != plan.LengthIgnore {
			c.inner[i], any = in, true
			c.changes = c.changes || in.changes
		}
	}
	return any
}

// hold returns the value with its lengths brought to the declared ones, or what it breaks.
// at names the value in an error.
func (c *constraint) hold(d vec.Datum, at string) (vec.Datum, error) {
	switch {
	case d.Null && !c.notNull:
		return d, nil
	case d.Null:
		return d, errNull(at)
	case c.length != plan.LengthIgnore:
		b, err := fitLength(nil, d.B, c.typ, c.length, at)
		return vec.BytesDatum(b), err
	case c.inner == nil:
		return d, nil
	}
	switch c.typ.Kind {
	case types.Array:
		vals, err := c.elements(vec.Elems(d.B, *c.typ.Elem), 0, at, strconv.Itoa)
		if err != nil || !c.changes {
			return d, err
		}
		return vec.BytesDatum(vec.AppendArray(nil, *c.typ.Elem, vals)), nil
	case types.Map:
		kb, vb := vec.MapParts(d.B)
		keys, err := c.elements(vec.Elems(kb, *c.typ.Key), 0, at, func(int) string { return "key" })
		if err != nil {
			return d, err
		}
		vals, err := c.elements(vec.Elems(vb, *c.typ.Elem), 1, at, func(int) string { return "value" })
		if err != nil || !c.changes {
			return d, err
		}
		return vec.BytesDatum(vec.AppendMap(nil, *c.typ.Key, *c.typ.Elem, keys, vals)), nil
	}
	vals := vec.RowFields(d.B, c.typ.Fields)
	for i, in := range c.inner {
		if in == nil {
			continue
		}
		v, err := in.hold(vals[i], at+"."+c.typ.Fields[i].Name)
		if err != nil {
			return d, err
		}
		vals[i] = v
	}
	if !c.changes {
		return d, nil
	}
	return vec.BytesDatum(vec.AppendRow(nil, c.typ.Fields, vals)), nil
}

// elements holds constraint i of c against all values of a collection, in place.
func (c *constraint) elements(vals []vec.Datum, i int, at string, name func(int) string) ([]vec.Datum, error) {
	if c.inner[i] == nil {
		return vals, nil
	}
	for k := range vals {
		v, err := c.inner[i].hold(vals[k], at+"["+name(k)+"]")
		if err != nil {
			return nil, err
		}
		vals[k] = v
	}
	return vals, nil
}

func fixedLength(t types.Type) bool {
	return (t.IsString() || t.IsBinary()) && t.Prec != types.MaxLength
}

// fitLength returns b with its length brought to that of t, or an error when lengths are to
// be right. What it makes is appended to dst; b is returned as it is when it fits.
func fitLength(dst, b []byte, t types.Type, how plan.LengthEnforcer, at string) ([]byte, error) {
	exact := t.Kind == types.Char || t.Kind == types.Binary
	n := len(b)
	if t.IsString() {
		n = utf8.RuneCount(b)
	}
	if n <= t.Prec && (!exact || n == t.Prec) {
		return b, nil
	}
	if how == plan.LengthError {
		return nil, fmt.Errorf("'%s' is %s, but a value of length %d is to be written to it", at, t, n)
	}
	if n > t.Prec {
		cut := t.Prec
		if t.IsString() {
			cut = runeOffset(b, t.Prec)
		}
		return b[:cut], nil
	}
	pad := byte(0)
	if t.IsString() {
		pad = ' '
	}
	dst = append(dst, b...)
	for ; n < t.Prec; n++ {
		dst = append(dst, pad)
	}
	return dst, nil
}

// runeOffset is where rune n of b begins, in bytes.
func runeOffset(b []byte, n int) int {
	off := 0
	for ; n > 0 && off < len(b); n-- {
		_, size := utf8.DecodeRune(b[off:])
		off += size
	}
	return off
}
