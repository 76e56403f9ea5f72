package codegen

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// msgpackEvent writes the statements of Event that decode a map of all fields in their order.
// They stand in Event itself, since the calls that they would be otherwise cost a tenth of
// what they do.
func (d *decoder) msgpackEvent() {
	w, l := d.w, d.levels[0]
	w.p("if f.in.Odd {\nf.in.Begin()\n}")
	w.p("i, count := pos, %d", len(l.fields))
	w.p("k, seen := 0, %s", strings.Replace(l.seenBefore(0), "0x0", "uint64(0)", 1))
	d.msgpackLocals(l)
	d.msgpackFields(l, "&e", func(k int) string {
		from := fmt.Sprintf("k, seen = %d, %s", k, l.seenBefore(k))
		if k < len(l.fields) {
			from += "\ngoto learnt"
		}
		return from
	}, "goto decoded")
	w.p("learnt:\nif i = f.learnt0(b, i, k, count, seen, &e); i < 0 {\nreturn -1\n}")
	w.p("decoded:\nend := i")
}

// msgpackLevel writes the functions of a map or array: objectN for the map of all fields in
// their order, which of the event itself is Event's, learntN for a map with keys in any
// order, from key k of n on, elementsN for an array by position.
func (d *decoder) msgpackLevel(l *level) {
	w := d.w
	what := "the event"
	if l.path != "" {
		what = comment(strings.TrimSuffix(l.path, "."))
		w.p("// object%d decodes %s, whose fields are expected in the declared order.", l.id, what)
		w.p("func (f *%s) object%d(b []byte, i int, e *%s) int {", w.fragment, l.id, w.event)
		w.p("count := %d", len(l.fields))
		d.msgpackLocals(l)
		d.msgpackFields(l, "e", func(k int) string {
			return fmt.Sprintf("return f.learnt%d(b, i, %d, count, %s, e)", l.id, k, l.seenBefore(k))
		}, "return i")
		w.p("}")
		w.decl()
	}
	d.msgpackLearnt(l, what)
	d.msgpackElements(l, what)
}

// msgpackLocals declares what the code for the fields of a level uses.
func (d *decoder) msgpackLocals(l *level) {
	w := d.w
	if len(l.fields) > 0 {
		w.p("var n int")
	}
	if d.texts(l) {
		w.p("var s int")
	}
	for _, f := range l.wanted {
		if f.col >= 0 && f.t.NotNull {
			w.p("var null bool")
			break
		}
	}
}

// msgpackFields writes the code for a map of all fields of a level in their order, from i
// on. fail is what goes on with key k in any order, done what stands at the end.
func (d *decoder) msgpackFields(l *level, e string, fail func(k int) string, done string) {
	w := d.w
	head := msgpackMap(len(l.fields))
	w.p("if %s {", differs(head, strconv.Quote))
	w.p("var object bool")
	w.p("if count, object, i = fused.MsgpackHead(b, i); i < 0 {\nreturn -1\n}")
	w.p("if !object {\nif i = f.elements%d(b, i, count, %s); i < 0 {\nreturn -1\n}\n%s\n}", l.id, e, done)
	w.p("if count < %d {\n%s\n}", len(l.fields), fail(0))
	w.p("} else {\ni += %d\n}", len(head))
	for k, f := range l.fields {
		key := msgpackString(f.name)
		d.title(l, f)
		w.p("if %s {\n%s\n}", strings.Replace(differs(key, strconv.Quote), "<", "<=", 1), fail(k))
		d.msgpackField(f, len(key), e, fail(k))
	}
	w.p("if count == %d {\n%s\n}", len(l.fields), done)
	w.p("%s", fail(len(l.fields)))
}

// msgpackField writes the code for the value of a field, k bytes behind i, of which there is
// one byte at least: i goes to its end.
func (d *decoder) msgpackField(f *field, k int, e, fail string) {
	w := d.w
	first, at := fmt.Sprintf("b[i+%d]", k), fmt.Sprintf("i+%d", k)
	cases := 0
	when := func(cond, then string, args ...any) {
		if cases++; cases > 1 {
			w.body.Truncate(w.body.Len() - 1) // the line goes on
			w.p(" else if %s {", cond)
		} else {
			w.p("if %s {", cond)
		}
		w.p(then+"\n}", args...)
	}
	switch {
	case f.bit < 0:
		when(fmt.Sprintf("n = int(fused.MsgpackSizes[%s]); n != 0 && n <= len(b)-i-%d", first, k), "i += %d + n", k)
		when(fmt.Sprintf("n = fused.MsgpackSkip(b, %s); n >= 0", at), "i = n")
	case f.sub != nil:
		w.p("if %s == 0xc0 {", first)
		if d.nulls(f.columns()) {
			w.p("i += %d", k+1)
		}
		w.p("} else if n = f.object%d(b, %s, %s); n >= 0 {\ni = n\n} else {\nreturn -1\n}", f.sub.id, at, e)
		return
	default:
		d.msgpackShorts(f, k, first, at, when)
		c := fmt.Sprintf("e.c%d", f.col)
		null, unless := c+"Null", ""
		if f.t.NotNull {
			null, unless = "null", " && !null"
		}
		call := map[types.Phys]string{types.I64: "Int", types.F64: "Float", types.Bytes: "Bytes", types.Wide: "Wide"}[f.t.Phys()]
		if f.t.Phys() == types.Wide {
			c += ", " + c + "hi"
		}
		when(fmt.Sprintf("%s, %s, n = f.in.%s(%d, b, %s); n >= 0%s", c, null, call, f.col, at, unless), "i = n")
	}
	w.body.Truncate(w.body.Len() - 1)
	w.p(" else {\n%s\n}", fail)
}

// msgpackShorts writes the cases of a value's short forms, the cheapest ones first, and of NULL.
func (d *decoder) msgpackShorts(f *field, k int, first, at string, when func(cond, then string, args ...any)) {
	c := fmt.Sprintf("e.c%d", f.col)
	switch t := f.t; {
	case t.IsString():
		when(fmt.Sprintf("n = int(%s) - 0xa0; uint(n) <= 16 && len(b)-i >= %d && fused.ASCII(b[i+%d:i+%d], uint(n))", first, k+17, k+1, k+17),
			"%s = b[i+%d : i+%d+n]\ni += %d + n", c, k+1, k+1, k+1)
	case t.Phys() == types.I64 && msgpackInteger(t.Kind):
		when(first+" <= 0x7f", "%s, i = int64(%s), i+%d", c, first, k+1)
	case t.IsTimestamp() && t.Phys() == types.I64:
		when(fmt.Sprintf("len(b)-i >= %d && string(b[i+%d:i+%d]) == \"\\xd7\\xff\" && fused.MsgpackNanos(b[i+%d:i+%d]) < 1e9", k+10, k, k+2, k+2, k+10),
			"%s = fused.MsgpackMicros(b[i+%d:i+%d], %d)\ni += %d", c, k+2, k+10, stampUnit(t), k+10)
	}
	if !f.t.NotNull {
		when(first+" == 0xc0", "%sNull = true\ni += %d", c, k+1)
	}
	s := msgpackShort(f, spot{at: at, end: "n"})
	if s.read == "" {
		return
	}
	cond := s.read + "; n >= 0"
	if s.unless != "" {
		cond += " && " + strings.Replace(s.unless, "!=", "==", 1)
	}
	then := s.then
	if then != "" {
		then += "\n"
	}
	when(cond, "%si = n", then)
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
			return read(fmt.Sprintf("fused.MsgpackStamp(b, %s, %d)", p.at, stampUnit(t)))
		}
	}
	return short{}
}

// stampUnit is the number of microseconds that a timestamp of a type counts in.
func stampUnit(t types.Type) int {
	unit := 1
	for range 6 - t.Prec {
		unit *= 10
	}
	return unit
}

// msgpackInteger tells whether values of a kind are encoded as integers.
func msgpackInteger(k types.Kind) bool {
	switch k {
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.IntervalYM, types.IntervalDS:
		return true
	}
	return false
}
