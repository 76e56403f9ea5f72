package codegen

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

func letter(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// primitive is a Go type that msgp writes by a function of its own.
type primitive struct {
	goType string
	suffix string // of msgp.Append... and msgp.Writer.Write...
	size   string // its largest encoding, or that of its header
	length bool   // the value's bytes come on top
}

var primitives = map[types.Kind]primitive{
	types.Boolean:   {"bool", "Bool", "msgp.BoolSize", false},
	types.TinyInt:   {"int8", "Int8", "msgp.Int8Size", false},
	types.SmallInt:  {"int16", "Int16", "msgp.Int16Size", false},
	types.Int:       {"int32", "Int32", "msgp.Int32Size", false},
	types.BigInt:    {"int64", "Int64", "msgp.Int64Size", false},
	types.Float:     {"float32", "Float32", "msgp.Float32Size", false},
	types.Double:    {"float64", "Float64", "msgp.Float64Size", false},
	types.Char:      {"string", "String", "msgp.StringPrefixSize", true},
	types.Varchar:   {"string", "String", "msgp.StringPrefixSize", true},
	types.Binary:    {"[]byte", "Bytes", "msgp.BytesPrefixSize", true},
	types.Varbinary: {"[]byte", "Bytes", "msgp.BytesPrefixSize", true},
}

// style is one of the two ways in which msgp encodes.
type style struct {
	signature func(recv string) string
	// call writes a primitive, method a value with methods of its own.
	call, method string
	declare, end string
}

var marshal = style{
	signature: func(recv string) string {
		return "// MarshalMsg appends the value as msgpack to b.\nfunc (v " + recv + ") MarshalMsg(b []byte) ([]byte, error)"
	},
	call:    "b = msgp.Append%s(b%s)\n",
	method:  "if b, err = %s.MarshalMsg(b); err != nil {\nreturn b, err\n}\n",
	declare: "var err error\n",
	end:     "return b, nil\n",
}

var encode = style{
	signature: func(recv string) string {
		return "// EncodeMsg writes the value as msgpack to w.\nfunc (v " + recv + ") EncodeMsg(w *msgp.Writer) error"
	},
	call:   "if err := w.Write%s(%s); err != nil {\nreturn err\n}\n",
	method: "if err := %s.EncodeMsg(w); err != nil {\nreturn err\n}\n",
	end:    "return nil\n",
}

// body is the body of an encoding method.
type body struct {
	style style
	b     strings.Builder
	fails bool // it needs the variable that style declares
	depth int
}

// call writes a primitive.
func (w *body) call(suffix, arg string) {
	if arg != "" && w.style.end == marshal.end {
		arg = ", " + arg
	}
	fmt.Fprintf(&w.b, w.style.call, suffix, arg)
}

// header writes the count before the members of a "Map" or an "Array".
func (w *body) header(what, count string) {
	if _, err := strconv.Atoi(count); err != nil {
		count = "uint32(" + count + ")"
	}
	w.call(what+"Header", count)
}

// local is a name of the level of nesting in hand.
func (w *body) local(prefix string) string { return prefix + strconv.Itoa(w.depth) }

// value writes the value x of a type.
func (w *body) value(t types.Type, x, goType string) {
	if !t.NotNull {
		fmt.Fprintf(&w.b, "if %s == nil {\n", x)
		w.call("Nil", "")
		w.b.WriteString("} else {\n")
		defer w.b.WriteString("}\n")
		if pointer, ok := strings.CutPrefix(goType, "*"); ok {
			goType = pointer
			if _, ok := primitives[t.Kind]; ok {
				x = "*" + x
			}
		}
	}
	if p, ok := primitives[t.Kind]; ok {
		w.call(p.suffix, x)
		return
	}
	w.depth++
	defer func() { w.depth-- }()
	switch t.Kind {
	case types.Array:
		w.header("Array", "len("+x+")")
		i := w.local("i")
		fmt.Fprintf(&w.b, "for %s := range %s {\n", i, x)
		w.value(*t.Elem, x+"["+i+"]", goType[2:])
		w.b.WriteString("}\n")
	case types.Map, types.Multiset:
		key, elem := mapParts(t)
		w.header("Map", "len("+x+")")
		k, v := w.local("k"), w.local("e")
		fmt.Fprintf(&w.b, "for %s, %s := range %s {\n", k, v, x)
		w.value(key, k, "")
		w.value(elem, v, goType[strings.Index(goType, "]")+1:])
		w.b.WriteString("}\n")
	default:
		w.fails = true
		fmt.Fprintf(&w.b, w.style.method, x)
	}
}

// mapParts are the types of a MAP's or MULTISET's keys and values.
func mapParts(t types.Type) (key, elem types.Type) {
	if t.Kind == types.Multiset {
		return t.Elem.Required(), types.TInt.Required()
	}
	return t.Key.Required(), *t.Elem
}

// sizer writes the sum of the largest sizes: what is known is in sum, the rest in
// statements that add to n.
type sizer struct {
	sum   string
	b     strings.Builder
	depth int
}

func (s *sizer) value(t types.Type, x, goType string) {
	p, ok := primitives[t.Kind]
	if ok && !p.length {
		s.sum += " + " + p.size
		return
	}
	if !t.NotNull && strings.HasPrefix(goType, "*") {
		s.sum += " + msgp.NilSize"
		goType = goType[1:]
		fmt.Fprintf(&s.b, "if %s != nil {\n", x)
		defer s.b.WriteString("}\n")
		if ok {
			x = "*" + x
		}
	}
	s.depth++
	defer func() { s.depth-- }()
	i := strconv.Itoa(s.depth)
	switch {
	case ok:
		fmt.Fprintf(&s.b, "n += %s + len(%s)\n", p.size, x)
	case t.Kind == types.Array:
		inner := &sizer{sum: "0", depth: s.depth}
		inner.value(*t.Elem, x+"[i"+i+"]", goType[2:])
		fmt.Fprintf(&s.b, "n += msgp.ArrayHeaderSize\nfor i%s := range %s {\nn += %s\n%s}\n", i, x, inner.total(), inner.b.String())
	case t.Kind == types.Map, t.Kind == types.Multiset:
		key, elem := mapParts(t)
		inner := &sizer{sum: "0", depth: s.depth}
		inner.value(key, "k"+i, "")
		inner.value(elem, "e"+i, goType[strings.Index(goType, "]")+1:])
		vars := "k" + i + ", e" + i
		if !strings.Contains(inner.b.String(), "e"+i) {
			vars = "k" + i
			if !strings.Contains(inner.b.String(), "k"+i) {
				vars = ""
			}
		}
		loop := "for " + vars + " := range " + x
		if vars == "" {
			loop = "for range " + x
		}
		fmt.Fprintf(&s.b, "n += msgp.MapHeaderSize\n%s {\nn += %s\n%s}\n", loop, inner.total(), inner.b.String())
	default:
		fmt.Fprintf(&s.b, "n += %s.Msgsize()\n", x)
	}
}

func (s *sizer) total() string { return strings.TrimPrefix(s.sum, "0 + ") }
