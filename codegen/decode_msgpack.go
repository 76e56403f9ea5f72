package codegen

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// msgpackLevel writes the functions of a map or array: objectN for the map of all fields in
// their order, learntN for a map with keys in any order, from key k of n on, elementsN for
// an array by position.
func (d *decoder) msgpackLevel(l *level) {
	w := d.w
	what := "the event"
	if l.path != "" {
		what = comment(strings.TrimSuffix(l.path, "."))
	}
	w.p("// object%d decodes %s, whose fields are expected in the declared order.", l.id, what)
	w.p("func (f *%s) object%d(b []byte, i int, e *%s) int {", w.fragment, l.id, w.event)
	head, none := msgpackMap(len(l.fields)), l.seenBefore(0)
	w.p("count := %d", len(l.fields))
	w.p("if %s {", differs(head, strconv.Quote))
	w.p("var object bool")
	w.p("if count, object, i = fused.MsgpackHead(b, i); i < 0 {\nreturn -1\n}")
	w.p("if !object {\nreturn f.elements%d(b, i, count, e)\n}", l.id)
	w.p("if count < %d {\nreturn f.learnt%d(b, i, 0, count, %s, e)\n}", len(l.fields), l.id, none)
	w.p("} else {\ni += %d\n}", len(head))
	if len(l.fields) > 0 {
		w.p("var n int")
	}
	if d.texts(l) {
		w.p("var s int")
	}
	for k, f := range l.fields {
		key := msgpackString(f.name)
		fail := fmt.Sprintf("return f.learnt%d(b, i, %d, count, %s, e)", l.id, k, l.seenBefore(k))
		d.title(l, f)
		w.p("if %s {\n%s\n}", differs(key, strconv.Quote), fail)
		d.msgpackMember(f, spot{at: fmt.Sprintf("i+%d", len(key)), end: "n", fail: fail})
		w.p("i = n")
	}
	w.p("if count > %d {\nreturn f.learnt%d(b, i, %d, count, %s, e)\n}", len(l.fields), l.id, len(l.fields), l.seenBefore(len(l.fields)))
	w.p("return i\n}")
	w.decl()
	d.msgpackLearnt(l, what)
	d.msgpackElements(l, what)
}

// texts tells that fields of the level are texts.
func (d *decoder) texts(l *level) bool {
	for _, f := range l.wanted {
		if f.col >= 0 && f.t.IsString() {
			return true
		}
	}
	return false
}

// msgpackMap is the head of a map of n members.
func msgpackMap(n int) string {
	if n < 16 {
		return string([]byte{0x80 | byte(n)})
	}
	return string([]byte{0xde, byte(n >> 8), byte(n)})
}

// msgpackString is a text with its head, as short as can be.
func msgpackString(s string) string {
	switch n := len(s); {
	case n < 32:
		return string([]byte{0xa0 | byte(n)}) + s
	case n < 256:
		return string([]byte{0xd9, byte(n)}) + s
	default:
		return string([]byte{0xda, byte(n >> 8), byte(n)}) + s
	}
}

func (d *decoder) msgpackLearnt(l *level, what string) {
	w := d.w
	keys := d.keys(l)
	w.p("// learnt%d decodes %s from key k of n on: keys stand in any order, as they did last.", l.id, what)
	w.p("func (f *%s) learnt%d(b []byte, i, k, n int, seen %s, e *%s) int {", w.fragment, l.id, l.seenType(), w.event)
	if d.texts(l) {
		w.p("var s int")
	}
	w.p("for ; k < n; k++ {")
	w.p("field, at := f.%s.Msgpack(k, b, i)", keys)
	w.p("if at < 0 {\nreturn -1\n}")
	w.p("switch field {")
	for k, f := range l.fields {
		if f.bit < 0 {
			continue
		}
		w.p("case %d: // %s", k, comment(f.name))
		d.once(l, f)
		d.msgpackMember(f, spot{at: "at", end: "i", fail: "return -1"})
	}
	w.p("case -1: // not declared\nf.in.Unknown(1)\nfallthrough")
	w.p("default: // not read\nif i = fused.MsgpackSkip(b, at); i < 0 {\nreturn -1\n}")
	w.p("}\n}")
	d.unseen(l)
	w.p("return i\n}")
	w.decl()
}

func (d *decoder) msgpackElements(l *level, what string) {
	w := d.w
	w.p("// elements%d decodes %s as an array of count elements, by position.", l.id, what)
	w.p("func (f *%s) elements%d(b []byte, i, count int, e *%s) int {", w.fragment, l.id, w.event)
	if len(l.fields) > 0 {
		w.p("var n int")
	}
	if d.texts(l) {
		w.p("var s int")
	}
	for k, f := range l.fields {
		d.title(l, f)
		w.p("if count > %d {", k)
		d.msgpackMember(f, spot{at: "i", end: "n", fail: "return -1"})
		w.p("i = n")
		if f.bit >= 0 {
			w.p("} else {")
			d.missing(f)
		}
		w.p("}")
	}
	w.p("if count > %d {", len(l.fields))
	w.p("f.in.Unknown(count-%d)", len(l.fields))
	w.p("for range count-%d {\nif i = fused.MsgpackSkip(b, i); i < 0 {\nreturn -1\n}\n}\n}", len(l.fields))
	w.p("return i\n}")
	w.decl()
}

// msgpackMember writes the code for the value of a field.
func (d *decoder) msgpackMember(f *field, p spot) {
	w := d.w
	switch {
	case f.bit < 0:
		w.p("if %s = fused.MsgpackSkip(b, %s); %s < 0 {\n%s\n}", p.end, p.at, p.end, p.fail)
	case f.sub != nil:
		w.p("if fused.MsgpackNil(b, %s) {", p.at)
		if d.nulls(f.columns()) {
			w.p("%s = %s", p.end, plus(p.at, "1"))
		}
		w.p("} else if %s = f.object%d(b, %s, e); %s < 0 {\nreturn -1\n}", p.end, f.sub.id, p.at, p.end)
	default:
		d.cell(f.col, p, msgpackShort(f, p), fmt.Sprintf("fused.MsgpackNil(b, %s)", p.at), "1")
	}
}

// msgpackShort is the short form of a value.
func msgpackShort(f *field, p spot) short {
	c := fmt.Sprintf("e.c%d", f.col)
	read := func(call string) short { return short{read: fmt.Sprintf("%s, %s = %s", c, p.end, call)} }
	switch t := f.t; t.Kind {
	case types.Char, types.Varchar:
		return short{read: fmt.Sprintf("s, %s = fused.MsgpackText(b, %s)", p.end, p.at), then: fmt.Sprintf("%s = b[s:%s]", c, p.end)}
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.IntervalYM, types.IntervalDS:
		s := read(fmt.Sprintf("fused.MsgpackInt(b, %s)", p.at))
		s.unless = narrow(c, t.Kind)
		return s
	case types.Boolean:
		return read(fmt.Sprintf("fused.MsgpackBool(b, %s)", p.at))
	case types.Double:
		return read(fmt.Sprintf("fused.MsgpackFloat(b, %s)", p.at))
	case types.Float:
		s := read(fmt.Sprintf("fused.MsgpackFloat(b, %s)", p.at))
		s.then = fmt.Sprintf("%s = float64(float32(%s))", c, c)
		return s
	case types.Timestamp, types.TimestampLTZ:
		if t.Phys() == types.I64 {
			unit := 1
			for range 6 - t.Prec {
				unit *= 10
			}
			return read(fmt.Sprintf("fused.MsgpackStamp(b, %s, %d)", p.at, unit))
		}
	}
	return short{}
}
