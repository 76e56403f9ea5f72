package format

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// jsonEncoder writes a row as an object in Flink's form: NULL fields are written, times
// are text in the table's standard, binary is base64, NaN and infinities are text.
type jsonEncoder struct {
	opt  jsonOptions
	cols []encodeColumn
	key  []byte // scratch for a map's key
}

// encodeColumn is a column to write, its name already encoded.
type encodeColumn struct {
	name string
	key  []byte
	ct   *ctype
}

func newJSONEncoder(s Schema, o Options) (Encoder, error) {
	opt, err := parseJSONOptions(o.Table)
	if err != nil {
		return nil, err
	}
	e := &jsonEncoder{opt: opt}
	for _, c := range s.Columns {
		ct, err := compileType(c.Type, opt.standard)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		e.cols = append(e.cols, encodeColumn{c.Name, append(appendJSONString(nil, []byte(c.Name)), ':'), ct})
	}
	return e, nil
}

// Framing is one object a line.
func (e *jsonEncoder) Framing() Framing {
	return Framing{Separator: []byte{'\n'}, ContentType: "application/json"}
}

// Append appends the row as an object.
func (e *jsonEncoder) Append(dst []byte, b *vec.Batch, row int) ([]byte, error) {
	dst = append(dst, '{')
	var err error
	first := true
	for i := range e.cols {
		c := &e.cols[i]
		v := b.Cols[i]
		null := v.IsNull(row)
		if null && e.opt.dropNulls {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, c.key...)
		switch {
		case null:
			dst = append(dst, "null"...)
		case c.ct.op == opInt:
			dst = strconv.AppendInt(dst, v.I64[row], 10)
		case c.ct.op == opString:
			dst = appendJSONString(dst, v.Bytes(row))
		default:
			if dst, err = e.value(dst, c.ct, v.Get(row)); err != nil {
				return dst, fmt.Errorf("column %s: %w", c.name, err)
			}
		}
	}
	return append(dst, '}'), nil
}

func (e *jsonEncoder) value(dst []byte, ct *ctype, d vec.Datum) ([]byte, error) {
	if d.Null {
		return append(dst, "null"...), nil
	}
	switch ct.op {
	case opString:
		return appendJSONString(dst, d.B), nil
	case opDouble, opFloat:
		if math.IsNaN(d.F) || math.IsInf(d.F, 0) {
			return append(appendScalar(append(dst, '"'), ct, d, true), '"'), nil
		}
		return appendScalar(dst, ct, d, true), nil
	case opBool, opInt:
		return appendScalar(dst, ct, d, true), nil
	case opDecimal, opDecimalWide:
		return appendScalar(dst, ct, d, e.opt.plainDecimal), nil
	case opArray:
		return e.array(dst, ct, d.B)
	case opMap, opMultiset:
		return e.mapping(dst, ct, d.B)
	case opRow:
		return e.rowValue(dst, ct, d.B)
	}
	return append(appendScalar(append(dst, '"'), ct, d, true), '"'), nil
}

func (e *jsonEncoder) array(dst []byte, ct *ctype, b []byte) ([]byte, error) {
	var err error
	dst = append(dst, '[')
	for i := range vec.ArrayLen(b) {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = e.value(dst, ct.elem, vec.ArrayAt(b, ct.elem.t, i)); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (e *jsonEncoder) rowValue(dst []byte, ct *ctype, b []byte) ([]byte, error) {
	var err error
	first := true
	dst = append(dst, '{')
	for i, f := range ct.fields {
		d := vec.RowAt(b, ct.t.Fields, i)
		if d.Null && e.opt.dropNulls {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendJSONString(dst, []byte(ct.t.Fields[i].Name)), ':')
		if dst, err = e.value(dst, f, d); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (e *jsonEncoder) mapping(dst []byte, ct *ctype, b []byte) ([]byte, error) {
	keys, vals := vec.MapParts(b)
	var err error
	first := true
	dst = append(dst, '{')
	for i := range vec.ArrayLen(keys) {
		k := vec.ArrayAt(keys, ct.key.t, i)
		e.key = e.key[:0]
		switch {
		case !k.Null:
			if ct.key.op >= opArray {
				return dst, fmt.Errorf("JSON has no form for a map with keys of type %s", ct.key.t)
			}
			e.key = appendScalar(e.key, ct.key, k, true)
		case e.opt.nullKeyMode == nullKeyDrop:
			continue
		case e.opt.nullKeyMode == nullKeyLiteral:
			e.key = append(e.key, e.opt.nullKey...)
		default:
			return dst, fmt.Errorf("JSON does not support a NULL key of a map; 'json.map-null-key.mode' = 'DROP' or 'LITERAL' does something about it")
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendJSONString(dst, e.key), ':')
		if dst, err = e.value(dst, ct.elem, vec.ArrayAt(vals, ct.elem.t, i)); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// appendScalar appends a value that is neither NULL nor nested as plain text.
func appendScalar(dst []byte, ct *ctype, d vec.Datum, plain bool) []byte {
	switch ct.op {
	case opBool:
		return strconv.AppendBool(dst, d.I != 0)
	case opInt:
		return strconv.AppendInt(dst, d.I, 10)
	case opDouble:
		return appendFloat(dst, d.F, 64)
	case opFloat:
		return appendFloat(dst, d.F, 32)
	case opDecimal:
		return appendDecimal(dst, d.I>>63, d.I, ct.t.Scale, plain)
	case opDecimalWide:
		return appendDecimal(dst, d.Hi, d.I, ct.t.Scale, plain)
	case opBytes:
		return base64.StdEncoding.AppendEncode(dst, d.B)
	case opDate:
		return appendDate(dst, d.I)
	case opTime:
		return appendClock(dst, d.I*nanosPerMilli)
	case opTimestamp:
		return appendTimestamp(dst, d.I, 0, ct)
	case opTimestampWide:
		return appendTimestamp(dst, d.I, d.Hi, ct)
	}
	return append(dst, d.B...)
}

const hexDigits = "0123456789abcdef"

// plainJSON marks the bytes that stand in a JSON string as they are.
var plainJSON = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// appendJSONString appends s in quotes. What is not UTF-8 becomes U+FFFD.
func appendJSONString(dst, s []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plainJSON[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += n
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
