package expr

import (
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// argSpec says what a function takes at one position. want is printed in errors ("a
// string"); null is the type that a bare NULL takes there.
type argSpec struct {
	name, want string
	ok         func(types.Type) bool
	null       types.Type
}

func argOf(want string, null types.Type, ok func(types.Type) bool) func(name string) argSpec {
	return func(name string) argSpec { return argSpec{name: name, want: want, ok: ok, null: null} }
}

var (
	argString = argOf("a character string", types.TString, types.Type.IsString)
	argBinary = argOf("a binary string", types.TBytes, types.Type.IsBinary)
	argText   = argOf("a character or binary string", types.TString, func(t types.Type) bool { return t.IsString() || t.IsBinary() })
	argInt    = argOf("an integer", types.TInt, types.Type.IsInteger)
	argBool   = argOf("a BOOLEAN", types.TBoolean, func(t types.Type) bool { return t.Kind == types.Boolean })
	argAny    = argOf("a value", types.TString, func(t types.Type) bool { return t.Kind != types.Symbol })
	argArray  = argOf("an ARRAY", types.ArrayOf(types.TString), func(t types.Type) bool { return t.Kind == types.Array })
	argMap    = argOf("a MAP", types.MapOf(types.TString, types.TString), func(t types.Type) bool { return t.Kind == types.Map })
)

// rowDef describes a function that is computed row by row.
type rowDef struct {
	name, sig, doc, category string
	// args are the positions; the first min of them are required (all when min is 0 and
	// optional is not set), and the last repeats when variadic.
	args     []argSpec
	min      int
	optional bool
	variadic bool
	// nullOK hands NULL arguments to row.
	nullOK bool
	// result is the result type of the types of the arguments.
	result func(ts []types.Type) types.Type
	row    RowFunc
	kernel Kernel
	// prepare replaces row where the implementation depends on literal arguments.
	prepare func(args []Node, ts []types.Type) (RowFunc, error)
}

// fn makes the catalogue's entry.
func (d rowDef) fn() *Func {
	f := &Func{Name: d.name, Signature: d.sig, Doc: d.doc, Category: d.category}
	f.Resolve = func(args []Node) (Resolved, error) {
		ts, err := d.check(args)
		if err != nil {
			return Resolved{}, err
		}
		r := Resolved{Type: d.result(ts), Args: ts, Impl: Impl{Row: d.row, Kernel: d.kernel, CallsOnNull: d.nullOK}}
		if d.prepare != nil {
			if r.Impl.Row, err = d.prepare(args, ts); err != nil {
				return Resolved{}, fmt.Errorf("%s: %w", d.name, err)
			}
		}
		if r.Impl.Kernel != nil {
			r.Impl.Row = nil
		}
		return r, nil
	}
	return f
}

func (d rowDef) check(args []Node) ([]types.Type, error) {
	lo, hi := len(d.args), len(d.args)
	if d.min > 0 || d.optional {
		lo = d.min
	}
	if len(args) < lo || len(args) > hi && !d.variadic {
		return nil, countError(d.name, d.sig, len(args))
	}
	ts := make([]types.Type, len(args))
	for i, a := range args {
		t, err := d.args[min(i, len(d.args)-1)].take(d.name, i, a)
		if err != nil {
			return nil, err
		}
		ts[i] = t
	}
	return ts, nil
}

// take is the type that an argument has at the position, or the reason why not.
func (s argSpec) take(fn string, i int, a Node) (types.Type, error) {
	t := a.Type()
	if t.Kind == types.Null {
		return s.null, nil
	}
	if !s.ok(t) {
		return t, argError(fn, i, s.name, s.want, t)
	}
	return t, nil
}

func argError(fn string, i int, name, want string, got types.Type) error {
	return fmt.Errorf("argument %d (%s) of %s must be %s, not %s", i+1, name, fn, want, got)
}

func countError(fn, sig string, n int) error {
	return fmt.Errorf("%s does not take %d arguments; it is called as %s", fn, n, sig)
}

// Result types.

func anyNullable(ts []types.Type) bool {
	for _, t := range ts {
		if !t.NotNull {
			return true
		}
	}
	return false
}

// always is t, NULL for some inputs whatever the arguments.
func always(t types.Type) func([]types.Type) types.Type {
	return func([]types.Type) types.Type { return t.Nullable() }
}

// never is t, never NULL.
func never(t types.Type) func([]types.Type) types.Type {
	return func([]types.Type) types.Type { return t.Required() }
}

// ifArgs is t, NULL when an argument is.
func ifArgs(t types.Type) func([]types.Type) types.Type {
	return func(ts []types.Type) types.Type { return t.WithNull(!anyNullable(ts)) }
}

// ifFirst is t, NULL when the first argument is.
func ifFirst(t types.Type) func([]types.Type) types.Type {
	return func(ts []types.Type) types.Type { return t.WithNull(ts[0].NotNull) }
}

// sameAsFirst is the first argument's type, NULL when an argument is.
func sameAsFirst(ts []types.Type) types.Type {
	return ts[0].Plain().WithNull(!anyNullable(ts))
}

// varying is VARCHAR or VARBINARY of the length of a type.
func varying(t types.Type) types.Type {
	switch t.Kind {
	case types.Char:
		t.Kind = types.Varchar
	case types.Binary:
		t.Kind = types.Varbinary
	}
	return t
}

func varyingFirst(ts []types.Type) types.Type { return varying(sameAsFirst(ts)) }

func varyingFirstNullable(ts []types.Type) types.Type { return varying(ts[0]).Nullable() }

// literalText is the text of a literal string.
func literalText(n Node) (string, bool) {
	l, ok := n.(*Lit)
	if !ok || l.Value.Null || !(l.T.IsString() || l.T.Kind == types.Symbol) {
		return "", false
	}
	return string(l.Value.B), true
}

// symbolArg takes a keyword argument, one of allowed.
func symbolArg(fn string, i int, n Node, allowed ...string) (string, error) {
	if n.Type().Kind == types.Symbol {
		s, _ := literalText(n)
		s = strings.ToUpper(s)
		for _, a := range allowed {
			if a == s {
				return s, nil
			}
		}
	}
	return "", fmt.Errorf("argument %d of %s must be one of the keywords %s, not %s", i+1, fn, strings.Join(allowed, ", "), n)
}

func symbolLit(s string) Node { return &Lit{Value: vec.StringDatum(s), T: types.TSymbol} }

// maxResultBytes bounds what REPEAT, LPAD, RPAD, SPACE, JSON_QUERY, LISTAGG and the like
// may build.
const maxResultBytes = 16 << 20

// maxRowBytes bounds the large results of one row together, those that it has on the way to
// others included.
const maxRowBytes = 4 * maxResultBytes

var (
	errLargeValue = fmt.Errorf("the result exceeds the limit of %d bytes", maxResultBytes)
	errLargeRow   = fmt.Errorf("the results of the row exceed the limit of %d bytes together", maxRowBytes)
)

func checkSize(fn string, n int64) error {
	if n > maxResultBytes {
		return fmt.Errorf("%s: a result of %d bytes exceeds the limit of %d", fn, n, int64(maxResultBytes))
	}
	return nil
}

// done returns what was appended to the row's scratch.
func done(c *RowCtx, b []byte) (vec.Datum, error) {
	c.Buf = b
	return vec.BytesDatum(b), nil
}
