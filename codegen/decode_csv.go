package codegen

import (
	"fmt"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// csvForm reads the table's options, and leaves to the interpreter what is not worth code.
func (d *decoder) csvForm() (err error) {
	if d.csv, err = format.CSVFormOf(d.h.Source.Table.Options); err != nil {
		return err
	}
	c := d.csv.Delimiter
	switch {
	case d.csv.Header:
		return fallback("the first line of a message names the columns ('csv.header')")
	case d.csv.Escape != 0:
		return fallback("characters are escaped ('csv.escape-character')")
	case c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '.' || c == '-' || c == '+' || c >= 0x80:
		return fallback("the delimiter %q stands in numbers or texts", c)
	case len(d.levels) > 1:
		return fallback("fields of a ROW are read from CSV")
	}
	return nil
}

// csvLine writes the body of decode.
func (d *decoder) csvLine() {
	w, l := d.w, d.levels[0]
	delim := fmt.Sprintf("%q", d.csv.Delimiter)
	if d.texts(l) {
		w.p("var s, t int")
	}
	for k, f := range l.fields {
		d.title(l, f)
		if k > 0 {
			w.p("if i = fused.CSVNext(b, i, %s); i < 0 {\nreturn -1\n}", delim)
		}
		if f.bit < 0 {
			w.p("if i = fused.CSVSkip(b, i, %s, %d); i < 0 {\nreturn -1\n}", delim, d.csv.Quote)
			continue
		}
		at := w.fresh("at")
		w.p("%s := i", at)
		p := spot{at: at, end: "i", fail: "return -1"}
		d.csvCell(f, p, delim)
	}
	w.p("return fused.CSVEnd(b, i, %s)\n}", delim)
	w.decl()
}

// csvCell writes the code for the value of a field. An empty field is NULL unless it is a
// text or an array. Where a text stands for NULL, it may also be a value of the type.
func (d *decoder) csvCell(f *field, p spot, delim string) {
	null := fmt.Sprintf("fused.CSVEnds(b, %s, %s)", p.at, delim)
	if f.t.IsString() || f.t.Kind == types.Array {
		null = ""
	}
	s := d.csvShort(f, p, delim)
	if d.csv.HasNull && d.csv.Null != "" && !f.t.IsString() {
		s = short{}
	}
	d.cell(f.col, p, s, null, "0")
}

// csvShort is the short form of a field.
func (d *decoder) csvShort(f *field, p spot, delim string) short {
	c := fmt.Sprintf("e.c%d", f.col)
	read := func(call string) short { return short{read: fmt.Sprintf("%s, %s = %s", c, p.end, call)} }
	switch t := f.t; t.Kind {
	case types.Char, types.Varchar:
		s := short{read: fmt.Sprintf("s, t, %s = fused.CSVText(b, %s, %s, %d)", p.end, p.at, delim, d.csv.Quote), then: c + " = b[s:t]"}
		switch {
		case d.csv.HasNull && d.csv.Null == "":
			s.unless = fmt.Sprintf("%s == %s", p.end, p.at)
		case d.csv.HasNull:
			s.unless = fmt.Sprintf("string(b[s:t]) == %s", strconv.Quote(d.csv.Null))
		}
		return s
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.IntervalYM, types.IntervalDS:
		s := read(fmt.Sprintf("fused.CSVInt(b, %s, %s)", p.at, delim))
		s.unless = narrow(c, t.Kind)
		return s
	case types.Boolean:
		return read(fmt.Sprintf("fused.CSVBool(b, %s, %s)", p.at, delim))
	case types.Double:
		return read(fmt.Sprintf("fused.CSVFloat(b, %s, %s)", p.at, delim))
	case types.Float:
		return read(fmt.Sprintf("fused.CSVFloat32(b, %s, %s)", p.at, delim))
	case types.Decimal:
		if t.Phys() == types.I64 {
			return read(fmt.Sprintf("fused.CSVDecimal(b, %s, %d, %d, %s)", p.at, t.Prec, t.Scale, delim))
		}
		return short{read: fmt.Sprintf("%s, %shi, %s = fused.CSVWide(b, %s, %d, %d, %s)", c, c, p.end, p.at, t.Prec, t.Scale, delim)}
	case types.Date:
		return read(fmt.Sprintf("f.%s.CSVDate(b, %s, %s)", d.day(f), p.at, delim))
	case types.Timestamp, types.TimestampLTZ:
		if t.Phys() == types.I64 {
			return read(fmt.Sprintf("f.%s.CSVStamp(b, %s, %t, %d, %s)", d.day(f), p.at, t.Kind == types.TimestampLTZ, t.Prec, delim))
		}
	}
	return short{}
}
