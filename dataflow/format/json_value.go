package format

import (
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// cell decodes the value at i into a column of the current row and returns its end, or -1.
func (d *jsonDecoder) cell(ci int32, i int) int {
	col := d.touch(ci)
	b := d.msg
	if i >= len(b) {
		return d.broken(i, "a value is expected")
	}
	switch col.ct.op {
	case opString:
		if b[i] == '"' {
			return d.stringCell(col, i)
		}
	case opInt:
		if v, end, ok := shortInt(b, i); ok && v >= col.ct.lo && v <= col.ct.hi {
			col.v.I64[d.row] = v
			return end
		}
	case opDouble:
		if f, end, ok := shortFloat(b, i); ok {
			col.v.F64[d.row] = f
			return end
		}
	case opTimestamp:
		if v, ok := shortTimestamp(b, i, col.ct); ok {
			col.v.I64[d.row] = v
			return i + shortTimestampSize
		}
	case opBool:
		switch b[i] {
		case 't':
			if i+4 <= len(b) && string(b[i:i+4]) == "true" {
				col.v.I64[d.row] = 1
				return i + 4
			}
		case 'f':
			if i+5 <= len(b) && string(b[i:i+5]) == "false" {
				col.v.I64[d.row] = 0
				return i + 5
			}
		}
	}
	v, end := d.value(col.ct, i)
	if end >= 0 {
		col.v.Set(d.row, v)
	}
	return end
}

func (d *jsonDecoder) stringCell(col *column, i int) int {
	b := d.msg
	end, esc, high := scanString(b, i+1)
	if end < 0 {
		return d.broken(i, "a string is not closed")
	}
	s := b[i+1 : end]
	if high && !utf8.Valid(s) {
		return d.invalidUTF8(i)
	}
	if !esc {
		d.span(col, i+1, len(s))
		return end + 1
	}
	out, ok := appendUnescaped(col.v.Grow(), s)
	if !ok {
		return d.broken(i, "a string has a wrong escape")
	}
	col.v.EndGrow(d.row, out)
	return end + 1
}

func (d *jsonDecoder) invalidUTF8(i int) int {
	d.mismatch()
	d.fail = failure{pos: i, what: "the text is not UTF-8", field: d.cols[d.cur].path}
	return -1
}

// shortInt reads an integer of up to 18 digits that a delimiter follows.
func shortInt(b []byte, i int) (v int64, end int, ok bool) {
	neg := b[i] == '-'
	if neg {
		i++
	}
	start := i
	for i < len(b) {
		c := b[i] - '0'
		if c > 9 {
			break
		}
		v = v*10 + int64(c)
		i++
	}
	n := i - start
	if n == 0 || n > 18 || i == len(b) || b[start] == '0' && n > 1 || b[i] == '.' || b[i]|0x20 == 'e' {
		return 0, 0, false
	}
	if neg {
		v = -v
	}
	return v, i, true
}

// shortTimestampSize is the size of a timestamp to the millisecond in its quotes.
const shortTimestampSize = len(`"2006-01-02 15:04:05.000"`)

// shortTimestamp reads a TIMESTAMP in quotes that is written to the millisecond, without a
// zone, where the type keeps milliseconds at least, as microseconds.
func shortTimestamp(b []byte, i int, ct *ctype) (micros int64, ok bool) {
	if len(b)-i < shortTimestampSize || ct.ltz || ct.prec < 3 {
		return 0, false
	}
	s := b[i : i+shortTimestampSize]
	sep := byte(' ')
	if ct.std != standardSQL {
		sep = 'T'
	}
	if s[0] != '"' || s[11] != sep || s[14] != ':' || s[17] != ':' || s[20] != '.' || s[24] != '"' {
		return 0, false
	}
	days, _, ok := parseDate(s[1:11])
	h, ok1 := two(s, 12)
	m, ok2 := two(s, 15)
	x, ok3 := two(s, 18)
	c, ok4 := two(s, 21)
	last := s[23] - '0'
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 || last > 9 || h > 23 || m > 59 || x > 59 {
		return 0, false
	}
	return days*microsPerDay + int64(h*3600+m*60+x)*1_000_000 + int64(c*10+int(last))*1000, true
}

// shortFloat reads a number without exponent whose digits and power of ten are exact.
func shortFloat(b []byte, i int) (f float64, end int, ok bool) {
	neg := b[i] == '-'
	if neg {
		i++
	}
	start, point := i, -1
	var m uint64
	for ; i < len(b); i++ {
		c := b[i] - '0'
		if c <= 9 {
			m = m*10 + uint64(c)
		} else if b[i] == '.' && point < 0 {
			point = i + 1
		} else {
			break
		}
	}
	n := i - start
	if n == 0 || n > 19 || i == len(b) || b[i]|0x20 == 'e' || m > 1<<53 {
		return 0, 0, false
	}
	if b[start] == '0' && n > 1 && b[start+1] != '.' || b[start] == '.' {
		return 0, 0, false
	}
	f = float64(m)
	if point >= 0 {
		if point == i {
			return 0, 0, false
		}
		f /= float64Pow10[i-point]
	}
	if neg {
		f = -f
	}
	return f, i, true
}

// value decodes the value at i as a datum and returns its end, or -1.
func (d *jsonDecoder) value(ct *ctype, i int) (vec.Datum, int) {
	b := d.msg
	if i >= len(b) {
		return vec.NullDatum, d.broken(i, "a value is expected")
	}
	switch c := b[i]; {
	case c == '"':
		s, end := d.str(i)
		if end < 0 {
			return vec.NullDatum, -1
		}
		if ct.op < opString {
			d.mismatch()
		}
		return d.converted(ct, s, i, end)
	case c == '-' || c-'0' <= 9:
		return d.number(ct, i)
	case c == '{' || c == '[':
		return d.container(ct, i)
	case c == 'n' && isNull(b, i):
		return vec.NullDatum, i + 4
	}
	end := skipLiteral(b, i)
	if end < 0 {
		return vec.NullDatum, d.broken(i, "a value is expected")
	}
	if ct.op != opBool {
		d.mismatch()
	}
	return d.converted(ct, b[i:end], i, end)
}

func (d *jsonDecoder) converted(ct *ctype, s []byte, i, end int) (vec.Datum, int) {
	v, ok := d.convert(ct, s, false)
	if !ok {
		return vec.NullDatum, d.wrong(i, s, ct)
	}
	return v, end
}

func (d *jsonDecoder) number(ct *ctype, i int) (vec.Datum, int) {
	end, integer := scanNumber(d.msg, i)
	if end < 0 {
		return vec.NullDatum, d.broken(i, "a number is malformed")
	}
	s := d.msg[i:end]
	switch {
	case ct.op == opInt && !integer && ct.truncates:
		d.mismatch()
		v, ok := truncFloat(s, ct.lo, ct.hi)
		if !ok {
			return vec.NullDatum, d.wrong(i, s, ct)
		}
		return vec.Datum{I: v}, end
	case ct.op == opString || ct.op == opBool:
		d.mismatch()
	case ct.op >= opBytes:
		return vec.NullDatum, d.wrong(i, s, ct)
	}
	return d.converted(ct, s, i, end)
}

// str is the text of the string at i, valid for the event, and the end, or -1.
func (d *jsonDecoder) str(i int) ([]byte, int) {
	end, esc, high := scanString(d.msg, i+1)
	if end < 0 {
		return nil, d.broken(i, "a string is not closed")
	}
	s := d.msg[i+1 : end]
	if high && !utf8.Valid(s) {
		return nil, d.invalidUTF8(i)
	}
	if esc {
		n := len(d.arena)
		out, ok := appendUnescaped(d.arena, s)
		if !ok {
			return nil, d.broken(i, "a string has a wrong escape")
		}
		d.arena = out
		s = out[n:len(out):len(out)]
	}
	return s, end + 1
}

func (d *jsonDecoder) container(ct *ctype, i int) (vec.Datum, int) {
	object := d.msg[i] == '{'
	switch {
	case ct.op == opRow && object:
		return d.rowValue(ct, i)
	case ct.op == opArray && !object:
		return d.arrayValue(ct, i)
	case (ct.op == opMap || ct.op == opMultiset) && object:
		return d.mapValue(ct, i)
	}
	end := d.skip(i)
	if end < 0 {
		return vec.NullDatum, -1
	}
	if ct.op != opString {
		return vec.NullDatum, d.wrong(i, d.msg[i:end], ct)
	}
	d.mismatch()
	n := len(d.arena)
	d.arena = appendCompact(d.arena, d.msg[i:end])
	if !utf8.Valid(d.arena[n:]) {
		return vec.NullDatum, d.invalidUTF8(i)
	}
	return vec.Datum{B: d.arena[n:len(d.arena):len(d.arena)]}, end
}

// element is value for a member of a nested value: what cannot be read is NULL when parse
// errors are ignored.
func (d *jsonDecoder) element(ct *ctype, i int) (vec.Datum, int) {
	depth := len(d.stack)
	v, end := d.value(ct, i)
	if end < 0 {
		d.stack = d.stack[:depth]
		return vec.NullDatum, d.recovered(i)
	}
	return v, end
}

// next passes a comma or the closing bracket behind a member: done tells of the latter.
func (d *jsonDecoder) next(i int, closing byte) (pos int, done bool) {
	i = skipSpace(d.msg, i)
	if i >= len(d.msg) {
		return d.broken(i, "an object or array is not closed"), true
	}
	switch d.msg[i] {
	case ',':
		return skipSpace(d.msg, i+1), false
	case closing:
		return i + 1, true
	}
	return d.broken(i, "',' or '"+string(rune(closing))+"' is expected behind a value"), true
}

// opened is the position of the first member, or done behind the bracket of an empty one.
func (d *jsonDecoder) opened(i int, closing byte) (pos int, done bool) {
	i = skipSpace(d.msg, i+1)
	if i < len(d.msg) && d.msg[i] == closing {
		return i + 1, true
	}
	return i, false
}

func (d *jsonDecoder) rowValue(ct *ctype, i int) (vec.Datum, int) {
	base := d.pushNulls(len(ct.fields))
	i, done := d.opened(i, '}')
	set := 0
	for k := 0; !done; k++ {
		var idx int32
		g, size, ok := ct.keys.guessed(k, d.msg[min(i, len(d.msg)):])
		if ok {
			idx, i = g, skipSpace(d.msg, i+size)
			if idx < 0 {
				d.stats.Unknown++
			}
		} else if idx, i = d.key(&ct.keys, k, i); i < 0 {
			return vec.NullDatum, -1
		}
		if idx < 0 {
			i = d.skip(i)
		} else {
			var v vec.Datum
			v, i = d.element(ct.fields[idx], i)
			if i >= 0 {
				d.stack[base+int(idx)] = v
				set++
			}
		}
		if i < 0 {
			return vec.NullDatum, -1
		}
		i, done = d.next(i, '}')
	}
	if i < 0 {
		return vec.NullDatum, -1
	}
	if d.failMissing && set < len(ct.fields) {
		d.fail = failure{pos: i, what: "a field of the ROW is missing ('fail-on-missing-field')", field: d.cols[d.cur].path}
		return vec.NullDatum, -1
	}
	return d.buildRow(ct, base, i)
}

func (d *jsonDecoder) arrayValue(ct *ctype, i int) (vec.Datum, int) {
	base, size := len(d.stack), 0
	i, done := d.opened(i, ']')
	for !done {
		var v vec.Datum
		if v, i = d.element(ct.elem, i); i < 0 {
			return vec.NullDatum, -1
		}
		if size = d.push(size, v); size < 0 {
			return vec.NullDatum, -1
		}
		i, done = d.next(i, ']')
	}
	if i < 0 {
		return vec.NullDatum, -1
	}
	return d.buildArray(ct, base, i)
}

func (d *jsonDecoder) mapValue(ct *ctype, i int) (vec.Datum, int) {
	base, size := len(d.stack), 0
	i, done := d.opened(i, '}')
	for !done {
		if i >= len(d.msg) || d.msg[i] != '"' {
			return vec.NullDatum, d.broken(i, "a field name in quotes is expected")
		}
		at := i
		var name []byte
		if name, i = d.str(i); i < 0 {
			return vec.NullDatum, -1
		}
		k, ok := d.convert(ct.key, name, false)
		i = skipSpace(d.msg, i)
		if i >= len(d.msg) || d.msg[i] != ':' {
			return vec.NullDatum, d.broken(i, "':' is expected behind a field name")
		}
		if !ok {
			return vec.NullDatum, d.wrong(at, name, ct.key)
		}
		var v vec.Datum
		if v, i = d.element(ct.elem, skipSpace(d.msg, i+1)); i < 0 {
			return vec.NullDatum, -1
		}
		if size = d.push(size, k, v); size < 0 {
			return vec.NullDatum, -1
		}
		i, done = d.next(i, '}')
	}
	if i < 0 {
		return vec.NullDatum, -1
	}
	return d.buildMap(ct, base, i)
}
