package codegen

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// jsonLevel writes the functions of an object: objectN for the fields in their order, and
// learntN for keys in any order, from key k on.
func (d *decoder) jsonLevel(l *level) {
	w := d.w
	what := "the event"
	if l.path != "" {
		what = comment(strings.TrimSuffix(l.path, "."))
	}
	w.p("// object%d decodes %s, whose fields are expected in the declared order.", l.id, what)
	w.p("func (f *%s) object%d(b []byte, i int, e *%s) int {", w.fragment, l.id, w.event)
	if plainKeys(l) {
		d.jsonStraight(l)
	} else {
		w.p("return f.learnt%d(b, i, 0, %s, e)\n}", l.id, l.seenBefore(0))
	}
	w.decl()
	d.jsonLearnt(l, what)
}

// plainKeys tells that the keys of an object are written as they are.
func plainKeys(l *level) bool {
	for _, f := range l.fields {
		if !utf8.ValidString(f.name) || strings.ContainsFunc(f.name, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) {
			return false
		}
	}
	return len(l.fields) > 0
}

// goQuote is a Go literal, in backquotes where that is plainer.
func goQuote(s string) string {
	if strconv.CanBackquote(s) && strings.Contains(s, `"`) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

func (d *decoder) jsonStraight(l *level) {
	w := d.w
	w.p("var n int")
	for k, f := range l.fields {
		key := `,"` + f.name + `":`
		if k == 0 {
			key = "{" + key[1:]
		}
		fail := fmt.Sprintf("return f.learnt%d(b, i, %d, %s, e)", l.id, k, l.seenBefore(k))
		d.title(l, f)
		w.p("if %s {\n%s\n}", differs(key, goQuote), fail)
		d.jsonMember(f, spot{at: fmt.Sprintf("i+%d", len(key)), end: "n", fail: fail})
		w.p("i = n")
	}
	w.p("if i >= len(b) || b[i] != '}' {\nreturn f.learnt%d(b, i, %d, %s, e)\n}", l.id, len(l.fields), l.seenBefore(len(l.fields)))
	w.p("return i+1\n}")
}

func (d *decoder) jsonLearnt(l *level, what string) {
	w := d.w
	keys := d.keys(l)
	w.p("// learnt%d decodes %s from its key k on: keys stand in any order, as they did last.", l.id, what)
	w.p("func (f *%s) learnt%d(b []byte, i, k int, seen %s, e *%s) int {", w.fragment, l.id, l.seenType(), w.event)
	w.p("for ; ; k++ {")
	w.p("field, at := f.%s.JSON(k, b, i)", keys)
	w.p("if at < 0 {\nreturn -1\n}")
	w.p("if field == fused.Closed {\ni = at\nbreak\n}")
	w.p("switch field {")
	for k, f := range l.fields {
		if f.bit < 0 {
			continue
		}
		w.p("case %d: // %s", k, comment(f.name))
		d.once(l, f)
		d.jsonMember(f, spot{at: "at", end: "i", fail: "return -1"})
	}
	w.p("case -1: // not declared\nf.in.Unknown(1)\nfallthrough")
	w.p("default: // not read\nif i = fused.JSONSkip(b, at); i < 0 {\nreturn -1\n}")
	w.p("}\n}")
	d.unseen(l)
	w.p("return i\n}")
	w.decl()
}

// jsonMember writes the code for the value of a field.
func (d *decoder) jsonMember(f *field, p spot) {
	w := d.w
	switch {
	case f.bit < 0:
		w.p("if %s = fused.JSONSkip(b, %s); %s < 0 {\n%s\n}", p.end, p.at, p.end, p.fail)
	case f.sub != nil:
		w.p("if fused.JSONNull(b, %s) {", p.at)
		if d.nulls(f.columns()) {
			w.p("%s = %s", p.end, plus(p.at, "4"))
		}
		w.p("} else if %s = f.object%d(b, %s, e); %s < 0 {\nreturn -1\n}", p.end, f.sub.id, p.at, p.end)
	default:
		d.cell(f.col, p, d.jsonShort(f, p), fmt.Sprintf("fused.JSONNull(b, %s)", p.at), "4")
	}
}

// jsonShort is the short form of a value.
func (d *decoder) jsonShort(f *field, p spot) short {
	c := fmt.Sprintf("e.c%d", f.col)
	read := func(call string) short { return short{read: fmt.Sprintf("%s, %s = %s", c, p.end, call)} }
	switch t := f.t; t.Kind {
	case types.Char, types.Varchar:
		return short{read: fmt.Sprintf("%s = fused.JSONString(b, %s)", p.end, p.at), then: fmt.Sprintf("%s = b[%s:%s-1]", c, plus(p.at, "1"), p.end)}
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.IntervalYM, types.IntervalDS:
		s := read(fmt.Sprintf("fused.JSONInt(b, %s)", p.at))
		s.unless = narrow(c, t.Kind)
		return s
	case types.Boolean:
		return read(fmt.Sprintf("fused.JSONBool(b, %s)", p.at))
	case types.Double:
		return read(fmt.Sprintf("fused.JSONFloat(b, %s)", p.at))
	case types.Float:
		return read(fmt.Sprintf("fused.JSONFloat32(b, %s)", p.at))
	case types.Decimal:
		if t.Phys() == types.I64 {
			return read(fmt.Sprintf("fused.JSONDecimal(b, %s, %d, %d)", p.at, t.Prec, t.Scale))
		}
		return short{read: fmt.Sprintf("%s, %shi, %s = fused.JSONWide(b, %s, %d, %d)", c, c, p.end, p.at, t.Prec, t.Scale)}
	case types.Date:
		return read(fmt.Sprintf("f.%s.JSONDate(b, %s)", d.day(f), p.at))
	case types.Timestamp, types.TimestampLTZ:
		if t.Phys() == types.I64 {
			return read(fmt.Sprintf("f.%s.JSONStamp(b, %s, %q, %t, %d)", d.day(f), p.at, d.sep, t.Kind == types.TimestampLTZ, t.Prec))
		}
	}
	return short{}
}

// day adds the last day of a column to the fragment.
func (d *decoder) day(f *field) string {
	name := fmt.Sprintf("day%d", f.col)
	d.w.field(name + " fused.Day // of " + comment(f.name))
	return name
}
