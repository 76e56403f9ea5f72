package pipetest

import (
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// datum makes a YAML value a value of a column's type.
func datum(v any, t types.Type, env *expr.Env) (vec.Datum, error) {
	if v == nil {
		return vec.NullDatum, nil
	}
	switch x := v.(type) {
	case map[string]any:
		return mapDatum(x, t, env)
	case []any:
		return listDatum(x, t, env)
	}
	text := scalarText(v)
	if t.IsTimestamp() {
		text = canonical(text)
	}
	if t.IsInterval() {
		if d, ok := isoInterval(text, t); ok {
			return d, nil
		}
	}
	return expr.ParseDatum([]byte(text), t, env)
}

func scalarText(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	default:
		return fmt.Sprint(x)
	}
}

func mapDatum(m map[string]any, t types.Type, env *expr.Env) (vec.Datum, error) {
	if h, ok := m["$bytes"]; ok {
		b, err := hex.DecodeString(scalarText(h))
		return vec.BytesDatum(b), err
	}
	if pairs, ok := m["$map"].([]any); ok {
		return pairsDatum(pairs, t, env)
	}
	switch t.Kind {
	case types.Row, types.Structured:
		vals := make([]vec.Datum, len(t.Fields))
		for i, f := range t.Fields {
			d, err := datum(m[f.Name], f.Type, env)
			if err != nil {
				return d, fmt.Errorf("field %s: %w", f.Name, err)
			}
			vals[i] = d
		}
		return vec.BytesDatum(vec.AppendRow(nil, t.Fields, vals)), nil
	case types.Map:
		var pairs []any
		for k, v := range m {
			pairs = append(pairs, []any{k, v})
		}
		return pairsDatum(pairs, t, env)
	}
	return vec.NullDatum, fmt.Errorf("a mapping is no value of type %s", t)
}

func pairsDatum(pairs []any, t types.Type, env *expr.Env) (vec.Datum, error) {
	key, val := t.Key, t.Elem
	if t.Kind == types.Multiset {
		key, val = t.Elem, &types.TInt
	}
	if key == nil || val == nil {
		return vec.NullDatum, fmt.Errorf("a map is no value of type %s", t)
	}
	keys, vals := make([]vec.Datum, len(pairs)), make([]vec.Datum, len(pairs))
	for i, p := range pairs {
		kv, ok := p.([]any)
		if !ok || len(kv) != 2 {
			return vec.NullDatum, fmt.Errorf("a map's entry is a list of a key and a value, not %v", p)
		}
		var err error
		if keys[i], err = datum(kv[0], *key, env); err != nil {
			return vec.NullDatum, err
		}
		if vals[i], err = datum(kv[1], *val, env); err != nil {
			return vec.NullDatum, err
		}
	}
	return vec.BytesDatum(vec.AppendMap(nil, *key, *val, keys, vals)), nil
}

func listDatum(l []any, t types.Type, env *expr.Env) (vec.Datum, error) {
	switch t.Kind {
	case types.Array:
		vals := make([]vec.Datum, len(l))
		for i, v := range l {
			d, err := datum(v, *t.Elem, env)
			if err != nil {
				return d, fmt.Errorf("element %d: %w", i+1, err)
			}
			vals[i] = d
		}
		return vec.BytesDatum(vec.AppendArray(nil, *t.Elem, vals)), nil
	case types.Row, types.Structured:
		if len(l) != len(t.Fields) {
			return vec.NullDatum, fmt.Errorf("%d values for the %d fields of %s", len(l), len(t.Fields), t)
		}
		vals := make([]vec.Datum, len(l))
		for i, v := range l {
			d, err := datum(v, t.Fields[i].Type, env)
			if err != nil {
				return d, fmt.Errorf("field %s: %w", t.Fields[i].Name, err)
			}
			vals[i] = d
		}
		return vec.BytesDatum(vec.AppendRow(nil, t.Fields, vals)), nil
	}
	return vec.NullDatum, fmt.Errorf("a list is no value of type %s", t)
}

// cellEqual compares an expected YAML value with a value of a column's type: as a value of
// that type, or, where the expectation is text, as the text that the value prints.
func cellEqual(want any, got vec.Datum, t types.Type, env *expr.Env) bool {
	if want == nil || got.Null {
		return want == nil && got.Null
	}
	text := string(expr.FormatDatum(nil, got, t, env))
	s, isText := want.(string)
	if isText && canonical(s) == canonical(text) {
		return true
	}
	if d, err := datum(want, t, env); err == nil && !d.Null {
		if t.Kind == types.Double {
			return nearly(d.F, got.F)
		}
		if t.Kind != types.Map && canonical(string(expr.FormatDatum(nil, d, t, env))) == canonical(text) {
			return true
		}
	}
	return isText && (canonical(s) == canonical(printCell(got, t, env)) || canonical(s) == canonical(printBare(got, t, env)))
}

// ulpsMax is how many units in the last place two DOUBLEs may differ and count as equal:
// sums and interpolations depend on the order of their terms.
const ulpsMax = 4

func nearly(a, b float64) bool {
	if a == b || math.IsNaN(a) && math.IsNaN(b) {
		return true
	}
	d := int64(math.Float64bits(a)) - int64(math.Float64bits(b))
	return math.Signbit(a) == math.Signbit(b) && d >= -ulpsMax && d <= ulpsMax
}

// printCell prints a value as Flink's Row.toString does: instants with a Z, byte arrays as
// lists, nested rows as +I[...].
func printCell(d vec.Datum, t types.Type, env *expr.Env) string {
	if d.Null {
		return "null"
	}
	switch t.Kind {
	case types.TimestampLTZ:
		utc := *env
		utc.Zone = nil
		return string(expr.FormatDatum(nil, d, types.Type{Kind: types.Timestamp, Prec: t.Prec}, &utc)) + "Z"
	case types.IntervalYM:
		return isoMonths(d.I)
	case types.IntervalDS:
		return isoMillis(d.I)
	case types.Boolean:
		return strings.ToLower(string(expr.FormatDatum(nil, d, t, env)))
	case types.Binary, types.Varbinary:
		parts := make([]string, len(d.B))
		for i, b := range d.B {
			parts[i] = strconv.Itoa(int(int8(b)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case types.Array:
		var parts []string
		for _, e := range vec.Elems(d.B, *t.Elem) {
			parts = append(parts, printCell(e, *t.Elem, env))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case types.Row, types.Structured:
		var parts []string
		for i, e := range vec.RowFields(d.B, t.Fields) {
			parts = append(parts, printCell(e, t.Fields[i].Type, env))
		}
		return "+I[" + strings.Join(parts, ", ") + "]"
	case types.Map, types.Multiset:
		return printMap(d, t, env)
	}
	return string(expr.FormatDatum(nil, d, t, env))
}

func printMap(d vec.Datum, t types.Type, env *expr.Env) string {
	key, val := t.Key, t.Elem
	if t.Kind == types.Multiset {
		key, val = t.Elem, &types.TInt
	}
	kb, vb := vec.MapParts(d.B)
	keys, vals := vec.Elems(kb, *key), vec.Elems(vb, *val)
	parts := make([]string, len(keys))
	for i := range keys {
		parts[i] = printCell(keys[i], *key, env) + "=" + printCell(vals[i], *val, env)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// isoMonths prints an interval of months as java.time.Period does: P18M.
func isoMonths(n int64) string {
	if n == 0 {
		return "P0D"
	}
	return "P" + strconv.FormatInt(n, 10) + "M"
}

// isoMillis prints an interval of milliseconds as java.time.Duration does: PT1M7.89S.
func isoMillis(ms int64) string {
	if ms == 0 {
		return "PT0S"
	}
	out := "PT"
	if h := ms / 3_600_000; h != 0 {
		out += strconv.FormatInt(h, 10) + "H"
	}
	if m := ms / 60_000 % 60; m != 0 {
		out += strconv.FormatInt(m, 10) + "M"
	}
	if s := ms % 60_000; s != 0 {
		out += strconv.FormatFloat(float64(s)/1000, 'f', -1, 64) + "S"
	}
	return out
}

var (
	isoTime    = regexp.MustCompile(`(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(\.\d+)?`)
	mapLiteral = regexp.MustCompile(`^\{.*\}$`)
)

// canonical brings the two ISO forms of a timestamp, trailing zeros of its fraction, the
// order of a map's entries, and the case of TRUE, FALSE and NULL to one form.
func canonical(s string) string {
	s = isoTime.ReplaceAllStringFunc(s, func(m string) string {
		p := isoTime.FindStringSubmatch(m)
		sec, frac := p[3], strings.TrimRight(p[4], "0")
		if sec == "" {
			sec = ":00"
		}
		if frac == "." {
			frac = ""
		}
		return p[1] + " " + p[2] + sec + frac
	})
	if mapLiteral.MatchString(s) {
		s = sortEntries(s)
	}
	switch s {
	case "TRUE", "FALSE", "NULL":
		return strings.ToLower(s)
	}
	return s
}

// sortEntries sorts the entries of a printed map that stand at its top level.
func sortEntries(s string) string {
	var parts []string
	depth, from := 0, 1
	body := s[:len(s)-1]
	for i := 1; i < len(body); i++ {
		switch body[i] {
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, strings.TrimSpace(body[from:i]))
				from = i + 1
			}
		}
	}
	parts = append(parts, strings.TrimSpace(body[from:]))
	sort.Strings(parts)
	return "{" + strings.Join(parts, ", ") + "}"
}
