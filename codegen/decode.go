package codegen

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// newDecoder prepares the decoder of the head's format. Its code stands in two places:
//
//   - begin writes the statements of Event that decode the event of b that begins at pos into
//     e, a zero EVENT (see emitEvent), and leave where it ends in end, or return -1;
//   - functions writes the methods of the FRAGMENT that they call.
//
// FRAGMENT and EVENT are w.fragment and w.event. The fragment gets a field "in
// fused.Decoder", which holds back the counts of the event in hand: once an event has been
// taken, and not before, `if f.in.Odd { f.in.Commit() }` is due. Bytes of e are valid until
// the next event.
//
// There is code for the declared fields in the declared order, with the encoded keys as
// constants, and for each object or map a loop over keys in any order, which takes over
// where the former meets another key.
func newDecoder(w *writer, h *plan.Head) (*decoder, error) {
	d := &decoder{w: w, h: h, format: h.Source.Table.Options["format"]}
	return d, d.build()
}

func (d *decoder) begin() {
	w := d.w
	w.use("dataflow/fused")
	w.p("var e %s", w.event)
	if d.format == "msgpack" {
		d.msgpackEvent()
		return
	}
	w.p("end := f.decode(b, pos, &e)")
	w.p("if end < 0 {\nreturn -1\n}")
}

func (d *decoder) functions() {
	w := d.w
	w.field("in fused.Decoder // the decoder's counts of the event in hand")
	w.bind("if err := f.in.Bind(h); err != nil {\nreturn err\n}")
	if d.format == "msgpack" {
		for _, l := range d.levels {
			d.msgpackLevel(l)
		}
		return
	}
	w.p("// decode decodes the event of b that begins at i, and returns where it ends, or -1.")
	w.p("func (f *%s) decode(b []byte, i int, e *%s) int {", w.fragment, w.event)
	w.p("if f.in.Odd {\nf.in.Begin()\n}")
	if d.format == "csv" {
		d.csvLine()
		return
	}
	w.p("return f.object0(b, i, e)\n}")
	w.decl()
	for _, l := range d.levels {
		d.jsonLevel(l)
	}
}

// decoder writes a decoder.
type decoder struct {
	w      *writer
	h      *plan.Head
	format string
	levels []*level
	strict bool // an event that lacks a field is undecodable
	sep    byte // between date and time of day
	csv    format.CSVForm
}

// level is an object or map: the event, or a ROW of which fields are wanted.
type level struct {
	id     int
	path   string
	fields []*field
	// wanted are the fields that are not skipped; the place in it is a field's bit.
	wanted []*field
}

// field is a declared field: it fills column col, has wanted fields below, or is skipped.
type field struct {
	name string
	t    types.Type
	col  int // -1: it fills none
	sub  *level
	bit  int // in seen, -1 when it is skipped
}

// build finds out what is wanted of which level.
func (d *decoder) build() error {
	t := d.h.Source.Table
	var err error
	if d.strict, err = format.Strict(d.format, t.Options); err != nil {
		return err
	}
	if d.sep, _, err = format.TimeForm(d.format, t.Options); err != nil {
		return err
	}
	var declared []types.Field
	for _, c := range t.Columns {
		if c.Kind == plan.PhysicalColumn {
			declared = append(declared, types.Field{Name: c.Name, Type: c.Type})
		}
	}
	root := d.level("", declared)
	for i, c := range d.h.Source.Columns {
		if c.Metadata != "" {
			return fallback("the metadata column %s", t.Columns[c.Column].Name)
		}
		path := c.Path
		if len(path) == 0 {
			path = []string{t.Columns[c.Column].Name}
		}
		if err := d.want(root, path, i); err != nil {
			return err
		}
	}
	for _, l := range d.levels {
		for _, f := range l.fields {
			f.bit = -1
			if f.col >= 0 || f.sub != nil {
				f.bit = len(l.wanted)
				l.wanted = append(l.wanted, f)
			}
		}
	}
	switch d.format {
	case "json", "msgpack":
		return nil
	case "csv":
		return d.csvForm()
	}
	return fallback("no decoder is generated for format '%s'", d.format)
}

func (d *decoder) level(path string, declared []types.Field) *level {
	l := &level{id: len(d.levels), path: path}
	for _, f := range declared {
		l.fields = append(l.fields, &field{name: f.Name, t: f.Type, col: -1})
	}
	d.levels = append(d.levels, l)
	return l
}

// want notes that column col is the field at the end of a path.
func (d *decoder) want(l *level, path []string, col int) error {
	for _, f := range l.fields {
		if f.name != path[0] {
			continue
		}
		if f.col >= 0 || f.sub != nil && len(path) == 1 {
			return fallback("the field %s is read twice", l.path+f.name)
		}
		if len(path) == 1 {
			f.col, f.t = col, d.h.Source.Columns[col].Type
			return nil
		}
		if f.sub == nil {
			f.sub = d.level(l.path+f.name+".", f.t.Fields)
		}
		return d.want(f.sub, path[1:], col)
	}
	return fallback("the field %s is not declared", l.path+path[0])
}

// columns are the columns that a field fills, itself or by fields below it.
func (f *field) columns() []int {
	if f.sub == nil {
		return []int{f.col}
	}
	var out []int
	for _, k := range f.sub.wanted {
		out = append(out, k.columns()...)
	}
	return out
}

// title is the comment before a field's code.
func (d *decoder) title(l *level, f *field) {
	what := comment(l.path+f.name) + " " + comment(f.t.String())
	if f.t.IsNested() {
		what = comment(l.path + f.name)
	}
	if f.bit < 0 {
		what += " is not read"
	}
	d.w.p("// %s", what)
}

// Bits of the wanted fields of a level that have been seen, in one word or an array.

func (l *level) words() int { return (len(l.wanted) + 63) / 64 }

// seenType is the type of a level's bits.
func (l *level) seenType() string {
	if l.words() <= 1 {
		return "uint64"
	}
	return fmt.Sprintf("[%d]uint64", l.words())
}

// seenBefore is a literal: the first n fields of the level.
func (l *level) seenBefore(n int) string {
	words := make([]uint64, max(l.words(), 1))
	for _, f := range l.fields[:n] {
		if f.bit >= 0 {
			words[f.bit/64] |= 1 << (f.bit % 64)
		}
	}
	if len(words) == 1 {
		return fmt.Sprintf("%#x", words[0])
	}
	texts := make([]string, len(words))
	for i, x := range words {
		texts[i] = fmt.Sprintf("%#x", x)
	}
	return l.seenType() + "{" + strings.Join(texts, ", ") + "}"
}

// seenWord is the word that holds a field's bit, and the bit.
func (l *level) seenWord(f *field) (word, bit string) {
	if l.words() <= 1 {
		return "seen", fmt.Sprintf("%#x", uint64(1)<<f.bit)
	}
	return fmt.Sprintf("seen[%d]", f.bit/64), fmt.Sprintf("%#x", uint64(1)<<(f.bit%64))
}

// once writes that a field comes for the first time, or the event is refused.
func (d *decoder) once(l *level, f *field) {
	word, bit := l.seenWord(f)
	d.w.p("if %s&%s != 0 {\nreturn -1 // twice\n}", word, bit)
	d.w.p("%s |= %s", word, bit)
}

// nulls makes columns NULL, or refuses where one of them must not be.
func (d *decoder) nulls(cols []int) (ok bool) {
	for _, c := range cols {
		if d.h.Source.Columns[c].Type.NotNull {
			d.w.p("return -1 // NOT NULL")
			return false
		}
	}
	for _, c := range cols {
		d.w.p("e.c%dNull = true", c)
	}
	return true
}

// missing writes what becomes of the columns of a field that the event lacks.
func (d *decoder) missing(f *field) {
	if d.strict {
		d.w.p("return -1")
		return
	}
	if d.nulls(f.columns()) {
		for _, c := range f.columns() {
			d.w.p("f.in.Missing(%d)", c)
		}
	}
}

// unseen writes what becomes of fields that did not come.
func (d *decoder) unseen(l *level) {
	if len(l.wanted) == 0 {
		return
	}
	all := l.seenBefore(len(l.fields))
	if l.words() > 1 {
		all = "(" + all + ")"
	}
	d.w.p("if seen != %s {", all)
	for _, f := range l.wanted {
		word, bit := l.seenWord(f)
		d.w.p("if %s&%s == 0 { // %s", word, bit, comment(f.name))
		d.missing(f)
		d.w.p("}")
	}
	d.w.p("}")
}

// keys adds the learnt keys of a level to the fragment, and returns the field's name.
func (d *decoder) keys(l *level) string {
	name := fmt.Sprintf("keys%d", l.id)
	of := "the event"
	if l.path != "" {
		of = comment(strings.TrimSuffix(l.path, "."))
	}
	d.w.field(name + " fused.Keys // of " + of)
	names := make([]string, len(l.fields))
	for i, f := range l.fields {
		names[i] = strconv.Quote(f.name)
	}
	d.w.bind("f.%s.Bind(h.Stats, %s)", name, strings.Join(names, ", "))
	return name
}

// spot is where a value stands in generated code.
type spot struct {
	// at is where it begins, end the variable that gets where it ends.
	at, end string
	// fail is the statement for a value that cannot be read.
	fail string
}

// short is how a format reads a value of a type in its short form.
type short struct {
	// read sets the column, or other variables, and end, which is -1 for other forms.
	read string
	// unless is a condition under which what was read does not count; "" for none.
	unless string
	// then follows when it counts; "" for nothing.
	then string
}

// cell writes the code that decodes a value into a column: the short form, where there is
// one, NULL (a condition, "" for none, and the size of it), and any other form by the
// format's decoder.
func (d *decoder) cell(col int, p spot, s short, null, size string) {
	w := d.w
	c := fmt.Sprintf("e.c%d", col)
	t := d.h.Source.Columns[col].Type
	closing := "}"
	if s.read != "" {
		cond := p.end + " < 0"
		if s.unless != "" {
			cond += " || " + s.unless
		}
		w.p("if %s; %s {", s.read, cond)
		if s.then != "" {
			closing = "} else {\n" + s.then + "\n}"
		}
	} else if t.NotNull {
		w.p("{")
	} else {
		closing = ""
	}
	call := map[types.Phys]string{types.I64: "Int", types.F64: "Float", types.Bytes: "Bytes", types.Wide: "Wide"}[t.Phys()]
	vars := c
	if t.Phys() == types.Wide {
		vars += ", " + c + "hi"
	}
	if t.NotNull {
		w.p("var null bool")
		w.p("if %s, null, %s = f.in.%s(%d, b, %s); %s < 0 || null {\n%s\n}", vars, p.end, call, col, p.at, p.end, p.fail)
	} else {
		if null != "" {
			w.p("if %s {\n%sNull, %s = true, %s\n} else ", null, c, p.end, plus(p.at, size))
		}
		w.p("if %s, %sNull, %s = f.in.%s(%d, b, %s); %s < 0 {\n%s\n}", vars, c, p.end, call, col, p.at, p.end, p.fail)
	}
	if closing != "" {
		w.p("%s", closing)
	}
}

// plus adds a number to an expression that may end in one.
func plus(at, n string) string {
	if n == "0" {
		return at
	}
	if v, k, ok := strings.Cut(at, "+"); ok {
		a, err1 := strconv.Atoi(k)
		b, err2 := strconv.Atoi(n)
		if err1 == nil && err2 == nil {
			return fmt.Sprintf("%s+%d", v, a+b)
		}
	}
	return at + "+" + n
}

// narrow is a condition that tells that an integer is none of the type; "" for BIGINT.
func narrow(c string, k types.Kind) string {
	size := map[types.Kind]string{types.TinyInt: "int8", types.SmallInt: "int16", types.Int: "int32", types.IntervalYM: "int32"}[k]
	if size == "" {
		return ""
	}
	return fmt.Sprintf("int64(%s(%s)) != %s", size, c, c)
}

// differs is a condition that tells that the bytes at i are not a constant. Up to 16 bytes
// are compared as words.
func differs(text string, quote func(string) string) string {
	const most = 16
	conds := []string{fmt.Sprintf("len(b)-i < %d", len(text))}
	for k := 0; k < len(text); k += most {
		end := min(k+most, len(text))
		from := "i"
		if k > 0 {
			from = fmt.Sprintf("i+%d", k)
		}
		conds = append(conds, fmt.Sprintf("string(b[%s:i+%d]) != %s", from, end, quote(text[k:end])))
	}
	return strings.Join(conds, " || ")
}
