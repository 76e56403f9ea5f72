package expr

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr/internal/jsonpath"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Variant is the type of PARSE_JSON: a JSON value, held as compact text with members in
// the order of their names and each number in one form, so that equal values have equal
// texts.
var Variant = types.Type{Kind: types.Raw, Class: "VARIANT"}

func isVariant(t types.Type) bool { return t.Kind == types.Raw && t.Class == Variant.Class }

func parseJSONRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	parse := jsonpath.ParseUnique
	if len(args) == 2 && args[1].Bool() {
		parse = jsonpath.Parse
	}
	v, err := parse(args[0].B)
	if err != nil {
		return vec.NullDatum, fmt.Errorf("PARSE_JSON: %w", err)
	}
	b, err := appendVariant(c.Buf[:0], &v)
	if err != nil {
		return vec.NullDatum, fmt.Errorf("PARSE_JSON: %w", err)
	}
	return done(c, b)
}

func appendVariant(dst []byte, v *jsonpath.Value) ([]byte, error) {
	var err error
	switch v.Kind {
	case jsonpath.Number:
		return appendVariantNumber(dst, v.Text)
	case jsonpath.Array:
		dst = append(dst, '[')
		for i := range v.Elems {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendVariant(dst, &v.Elems[i]); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case jsonpath.Object:
		order := make([]int, len(v.Keys))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return strings.Compare(v.Keys[a], v.Keys[b]) })
		dst = append(dst, '{')
		for n, i := range order {
			if n > 0 {
				dst = append(dst, ',')
			}
			dst = append(jsonpath.AppendString(dst, []byte(v.Keys[i])), ':')
			if dst, err = appendVariant(dst, &v.Elems[i]); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	}
	return v.Append(dst), nil
}

// appendVariantNumber writes a number without an exponent and with up to 38 digits as a
// decimal without zeros at its end, and any other as a DOUBLE. One beyond its range is an
// error.
func appendVariantNumber(dst, text []byte) ([]byte, error) {
	if !bytes.ContainsAny(text, "eE") {
		t := text
		if bytes.IndexByte(t, '.') >= 0 {
			t = bytes.TrimRight(bytes.TrimRight(t, "0"), ".")
		}
		if string(t) == "-0" || string(t) == "" || string(t) == "-" {
			t = []byte("0")
		}
		digits := bytes.TrimLeft(t, "-0.")
		if n := len(digits) - bytes.Count(digits, []byte(".")); n <= types.MaxDecimalPrecision && len(t) <= types.MaxDecimalPrecision+3 {
			return append(dst, t...), nil
		}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil && math.IsInf(f, 0) {
		return dst, fmt.Errorf("the number %s is out of range", text)
	}
	return AppendFloat(dst, f, 64), nil
}

// resolveVariantItem is v[index] of an array from 1, or v[name] of an object.
func resolveVariantItem(k types.Type) (Resolved, error) {
	r := Resolved{Type: Variant.Nullable()}
	switch {
	case k.IsInteger():
		r.Args = []types.Type{Variant, types.TBigInt}
		r.Impl.Row = func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
			v, err := jsonpath.Parse(a[0].B)
			if err == nil && v.Kind != jsonpath.Array {
				err = fmt.Errorf("an index chooses from a VARIANT that is an array, not from %s", clip(a[0].B))
			}
			if i := a[1].I; err == nil && i >= 1 && i <= int64(len(v.Elems)) {
				return variantDatum(c, &v.Elems[i-1])
			}
			return vec.NullDatum, err
		}
	case k.IsString() || k.Kind == types.Null:
		r.Args = []types.Type{Variant, types.TString}
		r.Impl.Row = func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
			v, err := jsonpath.Parse(a[0].B)
			if err == nil && v.Kind != jsonpath.Object {
				err = fmt.Errorf("a name chooses from a VARIANT that is an object, not from %s", clip(a[0].B))
			}
			if err != nil {
				return vec.NullDatum, err
			}
			if m := v.Member(string(a[1].B)); m != nil {
				return variantDatum(c, m)
			}
			return vec.NullDatum, nil
		}
	default:
		return Resolved{}, fmt.Errorf("what a VARIANT holds is chosen by an integer or a name, not by %s", k.Nullable())
	}
	return r, nil
}

func variantDatum(c *RowCtx, v *jsonpath.Value) (vec.Datum, error) {
	b, err := appendVariant(c.Buf[:0], v)
	if err != nil {
		return vec.NullDatum, err
	}
	return done(c, b)
}
