package expr

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/expr/internal/jsonpath"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// The SQL/JSON query functions. Their clauses are arguments: keywords as symbols, the
// type of RETURNING as a NULL literal of it. The constructors below put them in order.
//
//	JSON_EXISTS(json, path, onError)
//	JSON_VALUE(json, path, onEmpty, defaultOnEmpty, onError, defaultOnError, returning)
//	JSON_QUERY(json, path, wrapper, onEmpty, onError, returning)

// JSONValueOptions are the clauses of JSON_VALUE. The zero value is NULL ON EMPTY, NULL ON
// ERROR, RETURNING STRING.
type JSONValueOptions struct {
	// OnEmpty and OnError are NULL, ERROR or DEFAULT, with the default value beside.
	OnEmpty, OnError               string
	DefaultOnEmpty, DefaultOnError Node
	// Returning is nil for STRING; else BOOLEAN, a number or a character string.
	Returning *types.Type
}

// JSONQueryOptions are the clauses of JSON_QUERY. The zero value is WITHOUT WRAPPER, NULL
// ON EMPTY, NULL ON ERROR, RETURNING STRING.
type JSONQueryOptions struct {
	// Wrapper is WITHOUT, CONDITIONAL or UNCONDITIONAL; the spellings of the clause
	// (WITH CONDITIONAL ARRAY WRAPPER and so on) are understood.
	Wrapper string
	// OnEmpty and OnError are NULL, ERROR, EMPTY ARRAY or EMPTY OBJECT.
	OnEmpty, OnError string
	// Returning is nil for STRING, or ARRAY<STRING>.
	Returning *types.Type
}

// NewJSONValue is JSON_VALUE(arg, path clauses).
func NewJSONValue(arg, path Node, o JSONValueOptions) (Node, error) {
	ret := types.TString
	if o.Returning != nil {
		ret = *o.Returning
	}
	def := func(n Node) Node {
		if n == nil {
			return NewNull(ret)
		}
		return n
	}
	return NewCall("JSON_VALUE", arg, path, symbolLit(orNull(o.OnEmpty)), def(o.DefaultOnEmpty),
		symbolLit(orNull(o.OnError)), def(o.DefaultOnError), NewNull(ret))
}

// NewJSONQuery is JSON_QUERY(arg, path clauses).
func NewJSONQuery(arg, path Node, o JSONQueryOptions) (Node, error) {
	ret := types.TString
	if o.Returning != nil {
		ret = *o.Returning
	}
	return NewCall("JSON_QUERY", arg, path, symbolLit(wrapperOf(o.Wrapper)), symbolLit(orNull(o.OnEmpty)), symbolLit(orNull(o.OnError)), NewNull(ret))
}

// NewJSONExists is JSON_EXISTS(arg, path onError ON ERROR); onError is TRUE, FALSE,
// UNKNOWN, ERROR or "" for FALSE.
func NewJSONExists(arg, path Node, onError string) (Node, error) {
	if onError == "" {
		onError = "FALSE"
	}
	return NewCall("JSON_EXISTS", arg, path, symbolLit(onError))
}

// NewIsJSON is `arg IS [NOT] JSON what`; what is VALUE (or ""), OBJECT, ARRAY or SCALAR.
func NewIsJSON(arg Node, what string, not bool) (Node, error) {
	if what == "" {
		what = "VALUE"
	}
	if not {
		return NewCall("IS NOT JSON "+what, arg)
	}
	return NewCall("IS JSON "+what, arg)
}

func orNull(s string) string {
	if s == "" {
		return "NULL"
	}
	return s
}

func init() {
	Register(
		&Func{Name: "JSON_EXISTS", Signature: "JSON_EXISTS(json, path [{TRUE | FALSE | UNKNOWN | ERROR} ON ERROR])", Category: "json",
			Doc: "Whether a path names something in a JSON text.", Resolve: resolveJSONExists},
		&Func{Name: "JSON_VALUE", Signature: "JSON_VALUE(json, path [RETURNING type] [{NULL | ERROR | DEFAULT x} ON EMPTY] [{NULL | ERROR | DEFAULT x} ON ERROR])", Category: "json",
			Doc: "The scalar that a path names in a JSON text.", Resolve: resolveJSONValue},
		&Func{Name: "JSON_QUERY", Signature: "JSON_QUERY(json, path [RETURNING type] [{WITHOUT | WITH [CONDITIONAL | UNCONDITIONAL]} [ARRAY] WRAPPER] [{NULL | ERROR | EMPTY ARRAY | EMPTY OBJECT} ON EMPTY] [... ON ERROR])", Category: "json",
			Doc: "The object or array that a path names in a JSON text.", Resolve: resolveJSONQuery},
	)
	for _, k := range [...]struct {
		name string
		is   func(jsonpath.Kind) bool
	}{
		{"VALUE", func(jsonpath.Kind) bool { return true }},
		{"OBJECT", func(k jsonpath.Kind) bool { return k == jsonpath.Object }},
		{"ARRAY", func(k jsonpath.Kind) bool { return k == jsonpath.Array }},
		{"SCALAR", func(k jsonpath.Kind) bool { return k < jsonpath.Array }},
	} {
		for _, not := range [...]bool{false, true} {
			name := "IS JSON " + k.name
			if not {
				name = "IS NOT JSON " + k.name
			}
			Register(rowDef{name: name, sig: "s " + name, doc: "Whether a string is JSON of this kind, or is not.", category: "json",
				args: []argSpec{argString("s")}, result: ifArgs(types.TBoolean), row: func(_ *RowCtx, args []vec.Datum) (vec.Datum, error) {
					kind, err := jsonpath.Check(args[0].B)
					return vec.BoolDatum((err == nil && k.is(kind)) != not), nil
				}}.fn())
		}
	}
	Alias("IS JSON", "IS JSON VALUE")
	Alias("IS NOT JSON", "IS NOT JSON VALUE")
}

// jsonPath finds the compiled path of a row.
type jsonPath func(c *RowCtx, text vec.Datum) (*jsonpath.Path, error)

// pathMemo keeps the last path of a call whose path is not a literal.
type pathMemo struct {
	text string
	path *jsonpath.Path
	err  error
}

// pathOf prepares a path argument; a literal that is no path is an error.
func pathOf(n Node) (jsonPath, error) {
	if text, ok := literalText(n); ok {
		p, err := jsonpath.ParsePath(text)
		return func(*RowCtx, vec.Datum) (*jsonpath.Path, error) { return p, nil }, err
	}
	return func(c *RowCtx, d vec.Datum) (*jsonpath.Path, error) {
		m := &memoOf(c).path
		if m.path == nil && m.err == nil || m.text != string(d.B) {
			m.text = string(d.B)
			m.path, m.err = jsonpath.ParsePath(m.text)
		}
		return m.path, m.err
	}, nil
}

var errJSONNothing = errors.New("the strict JSON path names nothing, or null")

// query evaluates a path. ok is false when it names nothing in lax mode; err is what ON
// ERROR is about.
func (p jsonPath) query(c *RowCtx, json, path vec.Datum) (v jsonpath.Value, ok, strict bool, err error) {
	jp, err := p(c, path)
	if err != nil {
		return v, false, true, err
	}
	v, found, err := jp.Eval(json.B)
	switch {
	case jp.Strict && err != nil, errors.Is(err, jsonpath.ErrTooMuch):
		return v, false, true, err
	case jp.Strict && (!found || v.Kind == jsonpath.Null):
		return v, false, true, errJSONNothing
	case err == nil && !found && !jp.Definite:
		return jsonpath.Value{Kind: jsonpath.Array}, true, jp.Strict, nil
	}
	return v, err == nil && found && v.Kind != jsonpath.Null, jp.Strict, nil
}

// jsonArgs checks the JSON text and the path that the query functions begin with.
func jsonArgs(fn string, args []Node, counts ...int) ([]types.Type, jsonPath, error) {
	if !slices.Contains(counts, len(args)) {
		return nil, nil, countError(fn, LookupFunc(fn).Signature, len(args))
	}
	ts := make([]types.Type, len(args))
	for i, a := range args {
		ts[i] = a.Type()
	}
	for i, name := range [...]string{"json", "path"} {
		var err error
		if ts[i], err = argString(name).take(fn, i, args[i]); err != nil {
			return nil, nil, err
		}
	}
	p, err := pathOf(args[1])
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", fn, err)
	}
	return ts, p, nil
}

func resolveJSONExists(args []Node) (Resolved, error) {
	ts, path, err := jsonArgs("JSON_EXISTS", args, 2, 3)
	if err != nil {
		return Resolved{}, err
	}
	onError := "FALSE"
	if len(args) == 3 {
		if onError, err = symbolArg("JSON_EXISTS", 2, args[2], "TRUE", "FALSE", "UNKNOWN", "ERROR"); err != nil {
			return Resolved{}, err
		}
	}
	return Resolved{Type: types.TBoolean, Args: ts, Impl: Impl{Row: func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
		_, ok, _, err := path.query(c, args[0], args[1])
		if err == nil {
			return vec.BoolDatum(ok), nil
		}
		switch onError {
		case "UNKNOWN":
			return vec.NullDatum, nil
		case "ERROR":
			return vec.NullDatum, fmt.Errorf("JSON_EXISTS: %w", err)
		}
		return vec.BoolDatum(onError == "TRUE"), nil
	}}}, nil
}

func resolveJSONValue(args []Node) (Resolved, error) {
	ts, path, err := jsonArgs("JSON_VALUE", args, 2, 7)
	if err != nil {
		return Resolved{}, err
	}
	ret, onEmpty, onError := types.TString, "NULL", "NULL"
	if len(args) == 7 {
		ret = args[6].Type().Nullable()
		if !ret.IsString() && !ret.IsNumeric() && ret.Kind != types.Boolean {
			return Resolved{}, fmt.Errorf("JSON_VALUE cannot return %s, only character strings, numbers and BOOLEAN", ret)
		}
		if onEmpty, err = symbolArg("JSON_VALUE", 2, args[2], "NULL", "ERROR", "DEFAULT"); err != nil {
			return Resolved{}, err
		}
		if onError, err = symbolArg("JSON_VALUE", 4, args[4], "NULL", "ERROR", "DEFAULT"); err != nil {
			return Resolved{}, err
		}
		ts[3], ts[5] = ret, ret
	}
	f := jsonValue{path: path, ret: ret, onEmpty: onEmpty, onError: onError}
	return Resolved{Type: ret, Args: ts, Impl: Impl{Row: f.row, CallsOnNull: true}}, nil
}

type jsonValue struct {
	path             jsonPath
	ret              types.Type
	onEmpty, onError string
}

func (f jsonValue) row(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	if args[0].Null || args[1].Null {
		return vec.NullDatum, nil
	}
	v, ok, strict, err := f.path.query(c, args[0], args[1])
	if err == nil && ok && !v.Scalar() {
		ok = false
		if strict {
			err = errors.New("the strict JSON path names an object or array, not a scalar")
		}
	}
	if err == nil && !ok {
		switch f.onEmpty {
		case "ERROR":
			return vec.NullDatum, errors.New("JSON_VALUE: the JSON path names no scalar")
		case "DEFAULT":
			return args[3], nil
		}
		return vec.NullDatum, nil
	}
	var d vec.Datum
	if err == nil {
		d, err = f.convert(c, &v)
	}
	if err == nil {
		return d, nil
	}
	switch f.onError {
	case "ERROR":
		return vec.NullDatum, fmt.Errorf("JSON_VALUE: %w", err)
	case "DEFAULT":
		return args[5], nil
	}
	return vec.NullDatum, nil
}

// convert makes a scalar a value of the returned type.
func (f jsonValue) convert(c *RowCtx, v *jsonpath.Value) (vec.Datum, error) {
	c.Buf = v.AppendText(c.Buf[:0])
	isBool := v.Kind == jsonpath.True || v.Kind == jsonpath.False
	switch {
	case f.ret.IsString():
		return vec.BytesDatum(c.Buf), nil
	case v.Kind != jsonpath.String && isBool != (f.ret.Kind == types.Boolean):
		return vec.NullDatum, fmt.Errorf("%s cannot be %s", clip(c.Buf), f.ret)
	}
	if v.Kind == jsonpath.Number && f.ret.IsExact() {
		plain, ok := jsonpath.AppendPlain(c.Buf[:0], v.Text)
		if c.Buf = plain; !ok {
			return vec.NullDatum, fmt.Errorf("%s is out of range for %s", clip(v.Text), f.ret)
		}
	}
	d, err := ParseDatum(c.Buf, f.ret, c.Env)
	if err == nil && f.ret.IsApprox() && (math.IsInf(d.F, 0) || math.IsNaN(d.F)) {
		err = fmt.Errorf("%s is out of range for %s", clip(c.Buf), f.ret)
	}
	return d, err
}

func wrapperOf(s string) string {
	switch s {
	case "", "WITHOUT", "WITHOUT ARRAY", "WITHOUT WRAPPER", "WITHOUT ARRAY WRAPPER":
		return "WITHOUT"
	case "CONDITIONAL", "WITH CONDITIONAL", "WITH CONDITIONAL ARRAY", "WITH CONDITIONAL WRAPPER", "WITH CONDITIONAL ARRAY WRAPPER":
		return "CONDITIONAL"
	case "UNCONDITIONAL", "WITH", "WITH ARRAY", "WITH UNCONDITIONAL", "WITH UNCONDITIONAL ARRAY", "WITH UNCONDITIONAL WRAPPER", "WITH UNCONDITIONAL ARRAY WRAPPER":
		return "UNCONDITIONAL"
	}
	return s
}

func resolveJSONQuery(args []Node) (Resolved, error) {
	ts, path, err := jsonArgs("JSON_QUERY", args, 2, 6)
	if err != nil {
		return Resolved{}, err
	}
	f := jsonQuery{path: path, wrapper: "WITHOUT", onEmpty: "NULL", onError: "NULL"}
	ret := types.TString
	if len(args) == 6 {
		behaviours := []string{"NULL", "ERROR", "EMPTY ARRAY", "EMPTY OBJECT"}
		ret = args[5].Type().Nullable()
		if ret.Kind == types.Array {
			f.array = true
			behaviours = behaviours[:3]
		}
		if f.array && !ret.Elem.IsString() || !f.array && !ret.IsString() {
			return Resolved{}, fmt.Errorf("JSON_QUERY cannot return %s, only character strings and ARRAY<STRING>", ret)
		}
		if f.wrapper, err = symbolArg("JSON_QUERY", 2, args[2], "WITHOUT", "CONDITIONAL", "UNCONDITIONAL"); err != nil {
			return Resolved{}, err
		}
		if f.onEmpty, err = symbolArg("JSON_QUERY", 3, args[3], behaviours...); err != nil {
			return Resolved{}, err
		}
		if f.onError, err = symbolArg("JSON_QUERY", 4, args[4], behaviours...); err != nil {
			return Resolved{}, err
		}
	}
	return Resolved{Type: ret, Args: ts, Impl: Impl{CallsOnNull: true, Row: f.row}}, nil
}

type jsonQuery struct {
	path                      jsonPath
	wrapper, onEmpty, onError string
	array                     bool
}

func (f jsonQuery) row(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
	if args[0].Null || args[1].Null {
		return vec.NullDatum, nil
	}
	v, ok, strict, err := f.path.query(c, args[0], args[1])
	if err == nil && ok && (f.wrapper == "UNCONDITIONAL" || f.wrapper == "CONDITIONAL" && v.Kind != jsonpath.Array) {
		v = jsonpath.Value{Kind: jsonpath.Array, Elems: []jsonpath.Value{v}}
	}
	if err == nil && ok && v.Scalar() {
		ok = false
		if strict {
			err = errors.New("the strict JSON path names a scalar, not an object or array")
		}
	}
	if err == nil && ok && f.array && v.Kind != jsonpath.Array {
		err = errors.New("the JSON path names an object, not an array")
	}
	var d vec.Datum
	switch {
	case err == nil && !ok:
		return f.instead(c, f.onEmpty, errors.New("the JSON path names no object or array"))
	case err == nil && f.array:
		d, err = f.elements(c, v.Elems)
	case err == nil:
		d, err = f.text(c, &v)
	}
	if err != nil {
		return f.instead(c, f.onError, err)
	}
	return d, nil
}

// text is the result as compact JSON.
func (f jsonQuery) text(c *RowCtx, v *jsonpath.Value) (vec.Datum, error) {
	b, ok := v.AppendWithin(c.Buf[:0], maxResultBytes)
	if !ok {
		return vec.NullDatum, jsonpath.ErrTooMuch
	}
	return done(c, b)
}

// elements is the result as an array of texts.
func (f jsonQuery) elements(c *RowCtx, elems []jsonpath.Value) (vec.Datum, error) {
	vals, left := rowScratch(c), maxResultBytes
	for i := range elems {
		e := &elems[i]
		d := vec.NullDatum
		switch {
		case e.Kind == jsonpath.Null:
		case e.Scalar():
			d = vec.BytesDatum(e.AppendText(nil))
		default:
			b, _ := e.AppendWithin(nil, left)
			d = vec.BytesDatum(b)
		}
		if left -= len(d.B); left < 0 {
			return vec.NullDatum, jsonpath.ErrTooMuch
		}
		vals = append(vals, d)
	}
	return doneArray(c, types.TString, vals)
}

// instead is the result by an ON EMPTY or ON ERROR clause.
func (f jsonQuery) instead(c *RowCtx, behaviour string, err error) (vec.Datum, error) {
	switch behaviour {
	case "ERROR":
		return vec.NullDatum, fmt.Errorf("JSON_QUERY: %w", err)
	case "EMPTY ARRAY":
		if f.array {
			return doneArray(c, types.TString, rowScratch(c))
		}
		return done(c, append(c.Buf[:0], "[]"...))
	case "EMPTY OBJECT":
		return done(c, append(c.Buf[:0], "{}"...))
	}
	return vec.NullDatum, nil
}
