package expr

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr/internal/jsonpath"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// checkJSONType tells whether values of a type can be written as JSON.
func checkJSONType(t types.Type) error {
	switch t.Kind {
	case types.Null, types.Boolean, types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Float, types.Double, types.Decimal,
		types.Char, types.Varchar, types.Binary, types.Varbinary, types.Timestamp, types.TimestampLTZ:
		return nil
	case types.Raw:
		if t.Class == Variant.Class {
			return nil
		}
	case types.Array:
		return checkJSONType(*t.Elem)
	case types.Map, types.Multiset:
		key := t.Key
		if t.Kind == types.Multiset {
			key = t.Elem
		}
		if !key.IsString() {
			return fmt.Errorf("%s cannot be converted to JSON: its keys are not character strings", t)
		}
		if t.Kind == types.Map {
			return checkJSONType(*t.Elem)
		}
		return nil
	case types.Row, types.Structured:
		for _, f := range t.Fields {
			if err := checkJSONType(f.Type); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%s cannot be converted to JSON; cast it to STRING", t)
}

// AppendJSON appends a value as compact JSON: members of rows and maps in the order of
// their names, binary strings in base 64, timestamps in ISO 8601 (UTC for TIMESTAMP_LTZ).
// A map with a NULL key is an error.
func AppendJSON(dst []byte, d vec.Datum, t types.Type, env *Env) ([]byte, error) {
	if d.Null {
		return append(dst, "null"...), nil
	}
	switch t.Kind {
	case types.Boolean:
		return strconv.AppendBool(dst, d.Bool()), nil
	case types.Char, types.Varchar:
		return jsonpath.AppendString(dst, d.B), nil
	case types.Binary, types.Varbinary:
		dst = base64.StdEncoding.AppendEncode(append(dst, '"'), d.B)
		return append(dst, '"'), nil
	case types.Raw:
		return append(dst, d.B...), nil
	case types.Float, types.Double:
		if math.IsNaN(d.F) || math.IsInf(d.F, 0) {
			dst = FormatDatum(append(dst, '"'), d, t, env)
			return append(dst, '"'), nil
		}
	case types.Timestamp, types.TimestampLTZ:
		dst = appendISO(append(dst, '"'), d, false)
		if t.Kind == types.TimestampLTZ {
			dst = append(dst, 'Z')
		}
		return append(dst, '"'), nil
	case types.Array:
		return appendJSONArray(dst, d.B, *t.Elem, env)
	case types.Row, types.Structured:
		return appendJSONRow(dst, d.B, t.Fields, env)
	case types.Map:
		return appendJSONMap(dst, d.B, *t.Key, *t.Elem, env)
	case types.Multiset:
		return appendJSONMap(dst, d.B, *t.Elem, types.TInt, env)
	}
	return FormatDatum(dst, d, t, env), nil
}

func appendJSONArray(dst, b []byte, elem types.Type, env *Env) ([]byte, error) {
	dst = append(dst, '[')
	for i := range vec.ArrayLen(b) {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = AppendJSON(dst, vec.ArrayAt(b, elem, i), elem, env); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// appendMembers writes an object's members in the order of their names; of equal names
// the last counts.
func appendMembers(dst []byte, names []string, value func(dst []byte, i int) ([]byte, error)) ([]byte, error) {
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(names[a], names[b]) })
	dst = append(dst, '{')
	first := true
	for k, i := range order {
		if k+1 < len(order) && names[order[k+1]] == names[i] {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(jsonpath.AppendString(dst, []byte(names[i])), ':')
		var err error
		if dst, err = value(dst, i); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func appendJSONRow(dst, b []byte, fields []types.Field, env *Env) ([]byte, error) {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return appendMembers(dst, names, func(dst []byte, i int) ([]byte, error) {
		return AppendJSON(dst, vec.RowAt(b, fields, i), fields[i].Type, env)
	})
}

func appendJSONMap(dst, b []byte, key, elem types.Type, env *Env) ([]byte, error) {
	k, v := vec.MapParts(b)
	names := make([]string, vec.ArrayLen(k))
	for i := range names {
		d := vec.ArrayAt(k, key, i)
		if d.Null {
			return dst, errors.New("a map with a NULL key cannot be converted to JSON")
		}
		names[i] = string(d.B)
	}
	return appendMembers(dst, names, func(dst []byte, i int) ([]byte, error) {
		return AppendJSON(dst, vec.ArrayAt(v, elem, i), elem, env)
	})
}

// appendISO appends a timestamp as 2006-01-02T15:04:05.123. The short form is that of
// Java's LocalDateTime.toString: without seconds when they are zero, and with 3, 6 or 9
// digits of a fraction.
func appendISO(dst []byte, d vec.Datum, short bool) []byte {
	t := time.UnixMicro(d.I).Add(time.Duration(d.Hi)).UTC()
	dst = t.AppendFormat(dst, "2006-01-02T15:04")
	nanos := t.Nanosecond()
	if short && t.Second() == 0 && nanos == 0 {
		return dst
	}
	dst = t.AppendFormat(dst, ":05")
	if nanos == 0 {
		return dst
	}
	frac := strconv.AppendInt(nil, int64(nanos)+1e9, 10)[1:]
	n := len(frac)
	if short {
		for n > 3 && string(frac[n-3:n]) == "000" {
			n -= 3
		}
	} else {
		for frac[n-1] == '0' {
			n--
		}
	}
	return append(append(dst, '.'), frac[:n]...)
}
