package expr

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Env is what an expression may know beyond its row.
type Env struct {
	// Zone is table.local-time-zone.
	Zone *time.Location
	// Seed is mixed into RAND and UUID together with a row's origin.
	Seed uint64
	// Config holds the session's options that a function may depend on.
	Config map[string]string
}

// RowFunc computes one row. args are non-NULL unless the function has CallsOnNull; bytes
// in args are valid during the call. The result's bytes may refer to args or to c.Buf.
type RowFunc func(c *RowCtx, args []vec.Datum) (vec.Datum, error)

// Kernel computes out for the rows in sel (nil: the first n rows). args hold cells for at
// least those rows. A kernel sets NULLs itself and reports a failing row by c.Fail.
type Kernel func(c *Ctx, args []*vec.Vector, out *vec.Vector, n int, sel []int32)

// Impl is a resolved implementation: exactly one of Kernel, Row is set. Strict functions
// (the default) are NULL when an argument is.
type Impl struct {
	Kernel      Kernel
	Row         RowFunc
	CallsOnNull bool
}

// RowCtx is passed to a RowFunc.
type RowCtx struct {
	Env *Env
	// Buf is scratch whose content stays valid until the result has been copied.
	Buf []byte
	// Arrival is the row's arrival time in ms, Origin where it came from.
	Arrival int64
	Origin  vec.Origin
	// Watermark is the operator's newest one in ms, when HasWatermark is set.
	Watermark    int64
	HasWatermark bool
	// Ordinal numbers the calls of one program.
	Ordinal int
	// ArgTypes and Type are those of the resolved call.
	ArgTypes []types.Type
	Type     types.Type
	// Memo is for the call's own use (a compiled pattern); nil at first, kept from row to row.
	Memo any
}

// scratchKept is how many bytes of scratch are kept from batch to batch.
const scratchKept = 1 << 20

// rest lets go of memory that few rows have needed.
func (c *RowCtx) rest() {
	if cap(c.Buf) > scratchKept {
		c.Buf = nil
	}
	if m, ok := c.Memo.(*rowMemo); ok {
		m.rest()
	}
}

// Resolved is what a Func makes of its arguments: the result type, the types the
// arguments are to be converted to, and the implementation.
type Resolved struct {
	Type types.Type
	Args []types.Type
	Impl Impl
}

// Func is a scalar function of the catalogue.
type Func struct {
	// Name is the SQL name in capitals, or the operator's symbol.
	Name string
	// Signature and Doc are printed by `edgeflow functions`.
	Signature, Doc string
	// Category groups the functions: string, arithmetic, temporal, ...
	Category string
	// Volatile functions are not folded (PROCTIME, RAND, UUID).
	Volatile bool
	// Resolve checks the arguments. Literal arguments are visible as *Lit. Its error names
	// the argument and what was expected.
	Resolve func(args []Node) (Resolved, error)
	// Build, when set, stands in for Resolve: it makes the node itself, of other nodes.
	Build func(args []Node) (Node, error)
}

var (
	catalogue = map[string]*Func{}
	aliases   = map[string]string{}
)

// Register adds functions to the catalogue. It is called by init functions of this package.
func Register(fs ...*Func) {
	for _, f := range fs {
		if catalogue[f.Name] != nil {
			panic("expr: function registered twice: " + f.Name)
		}
		catalogue[f.Name] = f
	}
}

// Alias gives a registered function another name.
func Alias(alias, name string) { aliases[alias] = name }

// LookupFunc finds a scalar function by its SQL name, in any case, or is nil.
func LookupFunc(name string) *Func {
	name = strings.ToUpper(name)
	if f := catalogue[name]; f != nil {
		return f
	}
	return catalogue[aliases[name]]
}

// Funcs lists the catalogue by name.
func Funcs() []*Func {
	out := make([]*Func, 0, len(catalogue))
	for _, f := range catalogue {
		out = append(out, f)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// FuncNames lists every name and alias, for suggestions.
func FuncNames() []string {
	var out []string
	for n := range catalogue {
		out = append(out, n)
	}
	for n := range aliases {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// NewCall resolves a function by name against its arguments and inserts the implicit
// conversions. Its errors say what is wrong without a position: the binder adds it.
func NewCall(name string, args ...Node) (Node, error) {
	f := LookupFunc(name)
	if f == nil {
		return nil, fmt.Errorf("no function %s", strings.ToUpper(name))
	}
	return f.New(args...)
}

// New makes a call of the function, with the implicit conversions.
func (f *Func) New(args ...Node) (Node, error) {
	if f.Build != nil {
		return f.Build(args)
	}
	return newCall(f, args)
}

func newCall(f *Func, args []Node) (Node, error) {
	r, err := f.Resolve(args)
	if err != nil {
		return nil, err
	}
	conv := make([]Node, len(args))
	for i, a := range args {
		conv[i] = a
		if i < len(r.Args) {
			if conv[i], err = implicitCast(a, r.Args[i]); err != nil {
				return nil, fmt.Errorf("argument %d of %s: %w", i+1, f.Name, err)
			}
		}
	}
	return &Call{Func: f, Args: conv, Impl: r.Impl, T: r.Type}, nil
}
