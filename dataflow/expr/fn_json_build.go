package expr

import (
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/expr/internal/jsonpath"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// NewJSONObject is JSON_OBJECT(KEY k VALUE v, ... {NULL | ABSENT} ON NULL). Keys are
// character string literals.
func NewJSONObject(keys, vals []Node, absentOnNull bool) (Node, error) {
	if len(keys) != len(vals) {
		return nil, fmt.Errorf("JSON_OBJECT has %d keys but %d values", len(keys), len(vals))
	}
	args := []Node{onNullLit(absentOnNull)}
	for i := range keys {
		args = append(args, keys[i], vals[i])
	}
	return NewCall("JSON_OBJECT", args...)
}

// NewJSONArray is JSON_ARRAY(v, ... {NULL | ABSENT} ON NULL); ABSENT is the default in SQL.
func NewJSONArray(vals []Node, absentOnNull bool) (Node, error) {
	return NewCall("JSON_ARRAY", append([]Node{onNullLit(absentOnNull)}, vals...)...)
}

func onNullLit(absent bool) Node {
	if absent {
		return symbolLit("ABSENT")
	}
	return symbolLit("NULL")
}

func init() {
	Register(
		&Func{Name: "JSON_STRING", Signature: "JSON_STRING(x)", Category: "json", Doc: "A value of any type as JSON.", Resolve: resolveJSONString},
		&Func{Name: "JSON_OBJECT", Signature: "JSON_OBJECT([KEY] key VALUE x, ... [{NULL | ABSENT} ON NULL])", Category: "json",
			Doc: "A JSON object with the given members.", Resolve: resolveJSONObject},
		&Func{Name: "JSON_ARRAY", Signature: "JSON_ARRAY(x, ... [{NULL | ABSENT} ON NULL])", Category: "json",
			Doc: "A JSON array of the given elements.", Resolve: resolveJSONArray},
		rowDef{name: "JSON", sig: "JSON(s)", doc: "A JSON text as a value in JSON_OBJECT and JSON_ARRAY, without quotes around it.", category: "json",
			args: []argSpec{argString("s")}, result: always(types.TString), row: jsonRow}.fn(),
		rowDef{name: "JSON_QUOTE", sig: "JSON_QUOTE(s)", doc: "s as a JSON string.", category: "json",
			args: []argSpec{argString("s")}, result: ifArgs(types.TString), kernel: bytesKernel(appendJSONQuote)}.fn(),
		rowDef{name: "JSON_UNQUOTE", sig: "JSON_UNQUOTE(s)", doc: "The content of a JSON string; what is none comes back as it is.", category: "json",
			args: []argSpec{argString("s")}, result: ifArgs(types.TString), kernel: bytesKernel(appendJSONUnquote)}.fn(),
		rowDef{name: "JSON_LENGTH", sig: "JSON_LENGTH(json [, path])", doc: "The number of members or elements of a JSON value, 1 of a scalar.", category: "json",
			args: []argSpec{argString("json"), argString("path")}, min: 1, result: always(types.TInt), prepare: prepareJSONInspect(jsonLength)}.fn(),
		rowDef{name: "JSON_TYPE", sig: "JSON_TYPE(json [, path])", doc: "The kind of a JSON value: object, array, string, number, boolean or null.", category: "json",
			args: []argSpec{argString("json"), argString("path")}, min: 1, result: always(types.TString), prepare: prepareJSONInspect(jsonType)}.fn(),
		rowDef{name: "PARSE_JSON", sig: "PARSE_JSON(s [, allowDuplicateKeys])", doc: "The VARIANT that a JSON text means.", category: "json",
			args: []argSpec{argString("s"), argBool("allowDuplicateKeys")}, min: 1, result: ifArgs(Variant), row: parseJSONRow}.fn(),
		rowDef{name: "TRY_PARSE_JSON", sig: "TRY_PARSE_JSON(s [, allowDuplicateKeys])", doc: "The VARIANT that a JSON text means, NULL when it is none.", category: "json",
			args: []argSpec{argString("s"), argBool("allowDuplicateKeys")}, min: 1, result: always(Variant), row: func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
				if d, err := parseJSONRow(c, args); err == nil {
					return d, nil
				}
				return vec.NullDatum, nil
			}}.fn(),
	)
}

// rawJSON tells calls whose results are JSON already and are taken in without quotes.
func rawJSON(n Node) bool {
	c, ok := n.(*Call)
	return ok && (c.Func.Name == "JSON_OBJECT" || c.Func.Name == "JSON_ARRAY" || c.Func.Name == "JSON")
}

func resolveJSONString(args []Node) (Resolved, error) {
	if len(args) != 1 {
		return Resolved{}, countError("JSON_STRING", "JSON_STRING(x)", len(args))
	}
	t, err := argAny("x").take("JSON_STRING", 0, args[0])
	if err == nil {
		err = checkJSONType(t)
	}
	if err != nil {
		return Resolved{}, err
	}
	raw := rawJSON(args[0])
	ts := []types.Type{t}
	return Resolved{Type: ifArgs(types.TString)(ts), Args: ts, Impl: Impl{Row: func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		if raw {
			return args[0], nil
		}
		b, err := AppendJSON(c.Buf[:0], args[0], t, c.Env)
		if err != nil {
			return vec.NullDatum, err
		}
		return done(c, b)
	}}}, nil
}

// jsonParts are the arguments of JSON_OBJECT and JSON_ARRAY.
type jsonParts struct {
	absent bool
	first  int // the first argument behind the clause
	types  []types.Type
	raw    []bool
}

// jsonPartsOf reads the clause, if given, and the types of the rest.
func jsonPartsOf(fn string, args []Node, absent bool) (jsonParts, error) {
	p := jsonParts{absent: absent, types: make([]types.Type, len(args)), raw: make([]bool, len(args))}
	if len(args) > 0 && args[0].Type().Kind == types.Symbol {
		s, err := symbolArg(fn, 0, args[0], "NULL", "ABSENT")
		if err != nil {
			return p, err
		}
		p.absent, p.first = s == "ABSENT", 1
		p.types[0] = types.TSymbol
	}
	for i := p.first; i < len(args); i++ {
		t, err := argAny("value").take(fn, i, args[i])
		if err != nil {
			return p, err
		}
		if err := checkJSONType(t); err != nil {
			return p, fmt.Errorf("argument %d of %s: %w", i+1, fn, err)
		}
		p.types[i], p.raw[i] = t, rawJSON(args[i])
	}
	return p, nil
}

func (p *jsonParts) append(dst []byte, c *RowCtx, args []vec.Datum, i int) ([]byte, error) {
	if p.raw[i] && !args[i].Null {
		return append(dst, args[i].B...), nil
	}
	return AppendJSON(dst, args[i], p.types[i], c.Env)
}

func resolveJSONArray(args []Node) (Resolved, error) {
	p, err := jsonPartsOf("JSON_ARRAY", args, true)
	if err != nil {
		return Resolved{}, err
	}
	return Resolved{Type: types.TString.Required(), Args: p.types, Impl: Impl{CallsOnNull: true, Row: func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		b := append(c.Buf[:0], '[')
		for i := p.first; i < len(args); i++ {
			if args[i].Null && p.absent {
				continue
			}
			if len(b) > 1 {
				b = append(b, ',')
			}
			var err error
			if b, err = p.append(b, c, args, i); err != nil {
				return vec.NullDatum, err
			}
		}
		return done(c, append(b, ']'))
	}}}, nil
}

func resolveJSONObject(args []Node) (Resolved, error) {
	p, err := jsonPartsOf("JSON_OBJECT", args, false)
	if err != nil {
		return Resolved{}, err
	}
	if (len(args)-p.first)%2 != 0 {
		return Resolved{}, errors.New("JSON_OBJECT takes pairs of KEY and VALUE")
	}
	var names []string
	for i := p.first; i < len(args); i += 2 {
		name, ok := literalText(args[i])
		if !ok || !p.types[i].IsString() {
			return Resolved{}, fmt.Errorf("key %d of JSON_OBJECT must be a character string literal, not %s", (i-p.first)/2+1, args[i])
		}
		names = append(names, name)
	}
	return Resolved{Type: types.TString.Required(), Args: p.types, Impl: Impl{CallsOnNull: true, Row: func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		return p.object(c, names, args)
	}}}, nil
}

func (p *jsonParts) object(c *RowCtx, names []string, args []vec.Datum) (vec.Datum, error) {
	value := func(k int) int { return p.first + 2*k + 1 }
	at, kept := make([]int, 0, len(names)), make([]string, 0, len(names))
	for k, name := range names {
		if !args[value(k)].Null || !p.absent {
			at, kept = append(at, value(k)), append(kept, name)
		}
	}
	b, err := appendMembers(c.Buf[:0], kept, func(dst []byte, k int) ([]byte, error) { return p.append(dst, c, args, at[k]) })
	if err != nil {
		return vec.NullDatum, err
	}
	return done(c, b)
}

// jsonRow checks a JSON text and writes it compactly; a blank one is NULL.
func jsonRow(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	s := args[0].B
	for len(s) > 0 && s[0] <= ' ' {
		s = s[1:]
	}
	if len(s) == 0 {
		return vec.NullDatum, nil
	}
	v, err := jsonpath.Parse(s)
	if err != nil {
		return vec.NullDatum, fmt.Errorf("JSON: %w", err)
	}
	return done(c, v.Append(c.Buf[:0]))
}

const lowerHex = "0123456789abcdef"

// appendJSONQuote escapes slashes and everything beyond ASCII too, as Flink does.
func appendJSONQuote(dst, s []byte) []byte {
	dst = append(dst, '"')
	unit := func(u rune) {
		dst = append(dst, '\\', 'u', lowerHex[u>>12&15], lowerHex[u>>8&15], lowerHex[u>>4&15], lowerHex[u&15])
	}
	for len(s) > 0 {
		r, w := utf8.DecodeRune(s)
		s = s[w:]
		switch {
		case r == '"' || r == '\\' || r == '/':
			dst = append(dst, '\\', byte(r))
		case r == '\b':
			dst = append(dst, '\\', 'b')
		case r == '\f':
			dst = append(dst, '\\', 'f')
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < 0x80:
			dst = append(dst, byte(r))
		case r > 0xFFFF:
			hi, lo := utf16.EncodeRune(r)
			unit(hi)
			unit(lo)
		default:
			unit(r)
		}
	}
	return append(dst, '"')
}

// appendJSONUnquote takes the quotes and escapes from s when it begins with a JSON value
// and stands in quotes.
func appendJSONUnquote(dst, s []byte) []byte {
	n := len(s)
	if n < 2 || s[0] != '"' || s[n-1] != '"' {
		return append(dst, s...)
	}
	if _, err := jsonpath.Check(s); err != nil || !validEscapes(s[1:n-1]) {
		return append(dst, s...)
	}
	return jsonpath.Unescape(dst, s[1:n-1])
}

// validEscapes tells whether every backslash of s begins an escape of JSON.
func validEscapes(s []byte) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		i++
		switch {
		case i >= len(s):
			return false
		case s[i] == 'u':
			if i+4 >= len(s) {
				return false
			}
			for _, c := range s[i+1 : i+5] {
				if !isHexDigit(c) {
					return false
				}
			}
			i += 4
		case string(s[i]) == `"` || s[i] == '\\' || s[i] == '/' || s[i] == 'b' || s[i] == 'f' || s[i] == 'n' || s[i] == 'r' || s[i] == 't':
		default:
			return false
		}
	}
	return true
}

// prepareJSONInspect prepares a function of the one value that a path names, or of the
// whole document. Anything else than one value is NULL.
func prepareJSONInspect(f func(v *jsonpath.Value) vec.Datum) func([]Node, []types.Type) (RowFunc, error) {
	return func(args []Node, _ []types.Type) (RowFunc, error) {
		root := Node(&Lit{Value: vec.StringDatum("$"), T: types.TString})
		if len(args) == 2 {
			root = args[1]
		}
		path, err := pathOf(root)
		if err != nil {
			return nil, err
		}
		return func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
			var text vec.Datum
			if len(args) == 2 {
				text = args[1]
			}
			p, err := path(c, text)
			if err != nil {
				return vec.NullDatum, nil
			}
			v, found, err := p.Eval(args[0].B)
			if err == nil && found && !p.Definite {
				if found = len(v.Elems) == 1; found {
					v = v.Elems[0]
				}
			}
			if err != nil || !found {
				return vec.NullDatum, nil
			}
			return f(&v), nil
		}, nil
	}
}

func jsonLength(v *jsonpath.Value) vec.Datum {
	if v.Scalar() {
		return vec.IntDatum(1)
	}
	return vec.IntDatum(int64(len(v.Elems)))
}

func jsonType(v *jsonpath.Value) vec.Datum {
	names := [...]string{"null", "boolean", "boolean", "number", "string", "array", "object"}
	return vec.StringDatum(names[v.Kind])
}
