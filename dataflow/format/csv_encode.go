package format

import (
	"bytes"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// csvEncoder writes a row as one line without its end. A field is quoted when it holds a
// delimiter, a quote, a line end or outer white space, when it could be taken for NULL or
// a comment, and when it is an empty text (NULL is the null literal without quotes).
type csvEncoder struct {
	opt     csvOptions
	cols    []encodeColumn
	header  []byte
	scratch []byte
}

func newCSVEncoder(s Schema, o Options) (Encoder, error) {
	opt, err := parseCSVOptions(o.Table)
	if err != nil {
		return nil, err
	}
	e := &csvEncoder{opt: opt}
	for i, c := range s.Columns {
		ct, err := compileType(c.Type, standardSQL)
		if err == nil {
			err = csvType(ct, 0)
		}
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		e.cols = append(e.cols, encodeColumn{name: c.Name, ct: ct})
		if opt.header {
			if i > 0 {
				e.header = append(e.header, opt.delim)
			}
			if e.header, err = e.quoted(e.header, []byte(c.Name)); err != nil {
				return nil, fmt.Errorf("column %s: %w", c.Name, err)
			}
		}
	}
	if opt.header {
		e.header = append(e.header, '\n')
	}
	return e, nil
}

// Framing is one line a row, behind the header line if there is one.
func (e *csvEncoder) Framing() Framing {
	return Framing{Header: e.header, Separator: []byte{'\n'}, ContentType: "text/csv"}
}

// Append appends the row as one line.
func (e *csvEncoder) Append(dst []byte, b *vec.Batch, row int) ([]byte, error) {
	for i := range e.cols {
		c := &e.cols[i]
		if i > 0 {
			dst = append(dst, e.opt.delim)
		}
		v := b.Cols[i]
		if v.IsNull(row) {
			dst = append(dst, e.opt.null...)
			continue
		}
		switch c.ct.op {
		case opInt, opBool, opDate, opTime:
			dst = appendScalar(dst, c.ct, v.Get(row), true)
			continue
		}
		e.scratch = e.field(e.scratch[:0], c.ct, v.Get(row))
		var err error
		if dst, err = e.quoted(dst, e.scratch); err != nil {
			return dst, fmt.Errorf("column %s: %w", c.name, err)
		}
	}
	return dst, nil
}

// field appends a value's text without quotes.
func (e *csvEncoder) field(dst []byte, ct *ctype, d vec.Datum) []byte {
	switch {
	case d.Null:
		return append(dst, e.opt.null...)
	case ct.op == opArray:
		for i := range vec.ArrayLen(d.B) {
			if i > 0 {
				dst = append(dst, e.opt.elemDelim...)
			}
			dst = e.field(dst, ct.elem, vec.ArrayAt(d.B, ct.elem.t, i))
		}
		return dst
	case ct.op == opRow:
		for i, f := range ct.fields {
			if i > 0 {
				dst = append(dst, e.opt.elemDelim...)
			}
			dst = e.field(dst, f, vec.RowAt(d.B, ct.t.Fields, i))
		}
		return dst
	}
	return appendScalar(dst, ct, d, !e.opt.scientific)
}

func (e *csvEncoder) special(s []byte) bool {
	if len(s) == 0 || e.opt.hasNull && string(s) == e.opt.null || s[0] <= ' ' || s[len(s)-1] <= ' ' || s[0] == '#' {
		return true
	}
	for _, c := range s {
		if c == e.opt.delim || c == '\n' || c == '\r' || e.opt.quote != 0 && c == e.opt.quote || e.opt.escape != 0 && c == e.opt.escape {
			return true
		}
	}
	return false
}

// quoted appends a field's text, in quotes where it needs them.
func (e *csvEncoder) quoted(dst, s []byte) ([]byte, error) {
	if !e.special(s) {
		return append(dst, s...), nil
	}
	if e.opt.quote == 0 && e.opt.escape == 0 {
		if bytes.IndexByte(s, e.opt.delim) >= 0 || bytes.ContainsAny(s, "\r\n") {
			return dst, fmt.Errorf("the text %q holds a delimiter or line end, and there is neither quote nor escape character", clip(s))
		}
		return append(dst, s...), nil
	}
	if e.opt.quote != 0 {
		dst = append(dst, e.opt.quote)
	}
	for _, c := range s {
		switch {
		case e.opt.escape != 0 && (c == e.opt.escape || c == e.opt.quote || e.opt.quote == 0 && c == e.opt.delim):
			dst = append(dst, e.opt.escape)
		case e.opt.escape != 0 && e.opt.quote == 0 && (c == '\n' || c == '\r'):
			dst = append(dst, e.opt.escape)
			c = map[byte]byte{'\n': 'n', '\r': 'r'}[c]
		case c == e.opt.quote && e.opt.quote != 0:
			dst = append(dst, c)
		}
		dst = append(dst, c)
	}
	if e.opt.quote != 0 {
		dst = append(dst, e.opt.quote)
	}
	return dst, nil
}
