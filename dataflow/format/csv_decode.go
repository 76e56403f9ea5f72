package format

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// csvDecoder reads lines of fields by position, or by name when the message opens with a
// header line. Blank lines are no events. A quoted field may hold delimiters and line
// ends; a doubled quote is a quote. An empty field of a column that is no text is NULL.
type csvDecoder struct {
	core
	opt csvOptions
	// declared is how many columns a line has, target the child of each position.
	declared int
	target   []int32
	pos      int
	header   bool
	// field bounds of the last line
	fields []csvField
}

// csvField is a field of a line: its bytes in the message without quotes. raw tells that
// they stand for themselves; otherwise quotes or escapes are to be resolved.
type csvField struct {
	off, end    int
	raw, quoted bool
}

func newCSVDecoder(s Schema, o Options) (Decoder, error) {
	opt, err := parseCSVOptions(o.Table)
	if err != nil {
		return nil, err
	}
	d := &csvDecoder{opt: opt}
	if d.core, err = newCore(s, o, standardSQL); err != nil {
		return nil, err
	}
	d.ignore = opt.ignore
	d.declared = d.root.declared
	for i := range d.cols {
		if err := csvType(d.cols[i].ct, 0); err != nil {
			return nil, fmt.Errorf("column %s: %w", d.cols[i].path, err)
		}
	}
	for i := range d.root.kids {
		d.target = append(d.target, int32(i))
	}
	return d, nil
}

// csvType refuses types that a CSV field cannot hold.
func csvType(ct *ctype, depth int) error {
	switch {
	case ct.op == opMap || ct.op == opMultiset || depth > 0 && ct.op >= opArray:
		return fmt.Errorf("CSV has no form for type %s here", ct.t)
	case ct.op == opArray:
		return csvType(ct.elem, depth+1)
	}
	for _, f := range ct.fields {
		if err := csvType(f, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// Decode begins a message.
func (d *csvDecoder) Decode(msg []byte, b *vec.Batch) bool {
	d.Begin(msg)
	return d.Resume(b)
}

// Resume goes on with the message.
func (d *csvDecoder) Resume(b *vec.Batch) bool {
	d.bind(b)
	for {
		start, ok := d.Next()
		if !ok {
			return false
		}
		if b.N >= vec.BatchSize {
			return true
		}
		d.event(b, start)
	}
}

// event decodes the line at start and passes it.
func (d *csvDecoder) event(b *vec.Batch, start int) {
	ok := d.split(start)
	d.begin(b.N)
	if ok && d.line(start) && d.finish() {
		b.N++
		return
	}
	d.abort()
	d.report(bytes.TrimRight(d.msg[start:d.pos], "\r\n"), start)
}

// lineEnd is the position behind the line that i lies in.
func lineEnd(b []byte, i int) int {
	if n := bytes.IndexByte(b[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(b)
}

// split finds the fields of the line at start and moves pos behind it.
func (d *csvDecoder) split(start int) bool {
	d.fields = d.fields[:0]
	i := start
	for {
		f, next := d.field(i)
		if next < 0 {
			d.pos = lineEnd(d.msg, start)
			return false
		}
		d.fields = append(d.fields, f)
		if next < len(d.msg) && d.msg[next] == d.opt.delim {
			i = next + 1
			continue
		}
		if next < len(d.msg) && d.msg[next] == '\r' {
			next++
		}
		if next < len(d.msg) && d.msg[next] == '\n' {
			next++
		}
		d.pos = next
		return true
	}
}

// field finds the field at i and the delimiter or line end behind it.
func (d *csvDecoder) field(i int) (csvField, int) {
	b := d.msg
	f := csvField{off: i, raw: true}
	if d.opt.quote != 0 && i < len(b) && b[i] == d.opt.quote {
		return d.quotedField(i)
	}
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == d.opt.delim || c == '\n' || c == '\r' && (i+1 == len(b) || b[i+1] == '\n'):
			f.end = i
			return f, i
		case d.opt.escape != 0 && c == d.opt.escape:
			f.raw = false
			i++
		}
	}
	f.end = len(b)
	return f, len(b)
}

func (d *csvDecoder) quotedField(i int) (csvField, int) {
	b, open := d.msg, i
	i++
	f := csvField{off: i, raw: true, quoted: true}
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case d.opt.escape != 0 && c == d.opt.escape:
			f.raw = false
			i++
		case c == d.opt.quote && i+1 < len(b) && b[i+1] == c:
			f.raw = false
			i++
		case c == d.opt.quote:
			f.end = i
			i++
			if i < len(b) && b[i] != d.opt.delim && b[i] != '\n' && b[i] != '\r' {
				return f, d.broken(i, "a delimiter or line end is expected behind a quoted field")
			}
			return f, i
		}
	}
	return f, d.broken(open, "a quoted field is not closed")
}

// readHeader assigns positions to columns by the names of the line just split.
func (d *csvDecoder) readHeader() {
	d.target = d.target[:0]
	for _, f := range d.fields {
		name := trim(d.text(f))
		idx := d.root.keys.lookup(name)
		if idx < 0 {
			d.unknown(name)
		}
		d.target = append(d.target, idx)
	}
}

// line decodes the fields of the line just split.
func (d *csvDecoder) line(start int) bool {
	want := d.declared
	if d.opt.header {
		want = len(d.target)
	}
	if len(d.fields) != want && !d.ignore {
		d.fail = failure{pos: start, what: fmt.Sprintf("a line has %d fields where %d are expected", len(d.fields), want)}
		return false
	}
	for k, f := range d.fields {
		if k >= len(d.target) || d.target[k] < 0 {
			d.stats.Unknown++
			continue
		}
		if !d.member(&d.root.kids[d.target[k]], f) {
			return false
		}
	}
	return true
}

func (d *csvDecoder) member(kid *child, f csvField) bool {
	if kid.col >= 0 {
		if !d.cell(kid.col, f) {
			return false
		}
	}
	if kid.sub == nil {
		return true
	}
	s := d.text(f)
	if d.isNull(s, f) || len(s) == 0 {
		d.nullBelow(kid.sub)
		return true
	}
	for k := 0; ; k++ {
		part, rest, more := bytes.Cut(s, []byte(d.opt.elemDelim))
		if k < len(kid.sub.kids) && kid.sub.kids[k].col >= 0 {
			col := d.touch(kid.sub.kids[k].col)
			v, ok := d.scalar(col.ct, part)
			if !ok {
				d.wrong(f.off, part, col.ct)
				if !d.ignore {
					return false
				}
				v = vec.NullDatum
			}
			col.v.Set(d.row, v)
		}
		if !more {
			return true
		}
		s = rest
	}
}

// text is the content of a field with quotes and escapes resolved, valid for the event.
func (d *csvDecoder) text(f csvField) []byte {
	s := d.msg[f.off:f.end]
	if f.raw {
		return s
	}
	n := len(d.arena)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if d.opt.escape != 0 && c == d.opt.escape && i+1 < len(s) {
			i++
			c = s[i]
			switch c {
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			}
		} else if f.quoted && c == d.opt.quote {
			i++
		}
		d.arena = append(d.arena, c)
	}
	return d.arena[n:len(d.arena):len(d.arena)]
}

func (d *csvDecoder) isNull(s []byte, f csvField) bool {
	return d.opt.hasNull && string(s) == d.opt.null && !(f.quoted && len(s) == 0)
}

func (d *csvDecoder) cell(ci int32, f csvField) bool {
	col := d.touch(ci)
	s := d.text(f)
	switch {
	case d.isNull(s, f):
		col.v.SetNull(d.row)
		return true
	case col.ct.op == opString:
		if !utf8.Valid(s) {
			d.mismatch()
			d.fail = failure{pos: f.off, what: "the text is not UTF-8", field: col.path}
			col.v.SetNull(d.row)
			return d.ignore
		}
		if f.raw {
			d.span(col, f.off, len(s))
		} else {
			col.v.SetBytes(d.row, s)
		}
		return true
	case col.ct.op == opBytes && f.quoted && len(s) == 0:
		col.v.SetBytes(d.row, nil)
		return true
	case col.ct.op == opInt:
		if v, ok := parseInt(s); ok && v >= col.ct.lo && v <= col.ct.hi {
			col.v.I64[d.row] = v
			return true
		}
	}
	v, ok := d.fieldValue(col.ct, s)
	if !ok {
		if d.fail.large {
			return false
		}
		d.wrong(f.off, s, col.ct)
		if !d.ignore {
			return false
		}
		v = vec.NullDatum
	}
	col.v.Set(d.row, v)
	return true
}

func (d *csvDecoder) scalar(ct *ctype, s []byte) (vec.Datum, bool) {
	if ct.op != opString && len(s) == 0 || d.opt.hasNull && string(s) == d.opt.null {
		return vec.NullDatum, true
	}
	return d.convert(ct, s, false)
}

// fieldValue is a field as a value; elements of an ARRAY and fields of a ROW stand apart
// by the element delimiter.
func (d *csvDecoder) fieldValue(ct *ctype, s []byte) (vec.Datum, bool) {
	if ct.op != opArray && ct.op != opRow {
		return d.scalar(ct, s)
	}
	if len(s) == 0 && ct.op == opRow {
		return vec.NullDatum, true
	}
	base, size := len(d.stack), 0
	for more := len(s) > 0; more; {
		var part []byte
		part, s, more = bytes.Cut(s, []byte(d.opt.elemDelim))
		elem, k := ct.elem, len(d.stack)-base
		if ct.op == opRow {
			if k >= len(ct.fields) {
				return vec.NullDatum, false
			}
			elem = ct.fields[k]
		}
		v, ok := d.scalar(elem, part)
		if !ok {
			if !d.ignore {
				return vec.NullDatum, false
			}
			v = vec.NullDatum
		}
		if size = d.push(size, v); size < 0 {
			return vec.NullDatum, false
		}
	}
	if ct.op == opArray {
		v, end := d.buildArray(ct, base, 0)
		return v, end >= 0
	}
	if n := len(d.stack) - base; n != len(ct.fields) {
		if !d.ignore {
			return vec.NullDatum, false
		}
		d.pushNulls(len(ct.fields) - n)
	}
	v, end := d.buildRow(ct, base, 0)
	return v, end >= 0
}
