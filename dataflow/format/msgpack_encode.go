package format

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// msgpackEncoder writes a row as a map by column name, or as an array by position. Times
// with a date are the timestamp extension, DATE and TIME and DECIMAL text.
type msgpackEncoder struct {
	array   bool
	cols    []encodeColumn
	scratch []byte
}

func newMsgpackEncoder(s Schema, o Options) (Encoder, error) {
	opt, err := parseMsgpackOptions(o.Table)
	if err != nil {
		return nil, err
	}
	e := &msgpackEncoder{array: opt.array}
	for _, c := range s.Columns {
		ct, err := compileType(c.Type, standardSQL)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		e.cols = append(e.cols, encodeColumn{c.Name, appendMpString(nil, []byte(c.Name)), ct})
	}
	return e, nil
}

// Framing is values without anything between them.
func (e *msgpackEncoder) Framing() Framing { return Framing{ContentType: "application/msgpack"} }

// Append appends the row as a map or an array.
func (e *msgpackEncoder) Append(dst []byte, b *vec.Batch, row int) ([]byte, error) {
	if e.array {
		dst = appendMpArray(dst, len(e.cols))
	} else {
		dst = appendMpMap(dst, len(e.cols))
	}
	for i := range e.cols {
		c := &e.cols[i]
		v := b.Cols[i]
		if !e.array {
			dst = append(dst, c.key...)
		}
		switch {
		case v.IsNull(row):
			dst = append(dst, 0xc0)
		case c.ct.op == opInt:
			dst = appendMpInt(dst, v.I64[row])
		case c.ct.op == opString:
			dst = appendMpString(dst, v.Bytes(row))
		default:
			dst = e.value(dst, c.ct, v.Get(row))
		}
	}
	return dst, nil
}

func (e *msgpackEncoder) value(dst []byte, ct *ctype, d vec.Datum) []byte {
	if d.Null {
		return append(dst, 0xc0)
	}
	switch ct.op {
	case opBool:
		return append(dst, 0xc2+byte(d.I&1))
	case opInt:
		return appendMpInt(dst, d.I)
	case opDouble:
		return binary.BigEndian.AppendUint64(append(dst, 0xcb), math.Float64bits(d.F))
	case opFloat:
		return binary.BigEndian.AppendUint32(append(dst, 0xca), math.Float32bits(float32(d.F)))
	case opBytes:
		return appendMpBin(dst, d.B)
	case opTimestamp:
		return appendMpTimestamp(dst, d.I, 0)
	case opTimestampWide:
		return appendMpTimestamp(dst, d.I, d.Hi)
	case opArray:
		return e.arrayValue(dst, ct, d.B)
	case opMap, opMultiset:
		return e.mapValue(dst, ct, d.B)
	case opRow:
		return e.rowValue(dst, ct, d.B)
	case opString:
		return appendMpString(dst, d.B)
	}
	e.scratch = appendScalar(e.scratch[:0], ct, d, true)
	return appendMpString(dst, e.scratch)
}

func (e *msgpackEncoder) arrayValue(dst []byte, ct *ctype, b []byte) []byte {
	n := vec.ArrayLen(b)
	dst = appendMpArray(dst, n)
	for i := range n {
		dst = e.value(dst, ct.elem, vec.ArrayAt(b, ct.elem.t, i))
	}
	return dst
}

func (e *msgpackEncoder) rowValue(dst []byte, ct *ctype, b []byte) []byte {
	if e.array {
		dst = appendMpArray(dst, len(ct.fields))
	} else {
		dst = appendMpMap(dst, len(ct.fields))
	}
	for i, f := range ct.fields {
		if !e.array {
			dst = appendMpString(dst, []byte(ct.t.Fields[i].Name))
		}
		dst = e.value(dst, f, vec.RowAt(b, ct.t.Fields, i))
	}
	return dst
}

func (e *msgpackEncoder) mapValue(dst []byte, ct *ctype, b []byte) []byte {
	keys, vals := vec.MapParts(b)
	n := vec.ArrayLen(keys)
	dst = appendMpMap(dst, n)
	for i := range n {
		dst = e.value(dst, ct.key, vec.ArrayAt(keys, ct.key.t, i))
		dst = e.value(dst, ct.elem, vec.ArrayAt(vals, ct.elem.t, i))
	}
	return dst
}

func appendMpInt(dst []byte, v int64) []byte {
	switch {
	case v >= -32 && v <= 127:
		return append(dst, byte(v))
	case v >= 0 && v <= math.MaxUint8:
		return append(dst, 0xcc, byte(v))
	case v >= 0 && v <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, 0xcd), uint16(v))
	case v >= 0 && v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, 0xce), uint32(v))
	case v >= 0:
		return binary.BigEndian.AppendUint64(append(dst, 0xcf), uint64(v))
	case v >= math.MinInt8:
		return append(dst, 0xd0, byte(v))
	case v >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, 0xd1), uint16(v))
	case v >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, 0xd2), uint32(v))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 0xd3), uint64(v))
	}
}

func appendMpString(dst, s []byte) []byte {
	switch n := len(s); {
	case n < 32:
		dst = append(dst, 0xa0|byte(n))
	case n <= math.MaxUint8:
		dst = append(dst, 0xd9, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0xda), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, 0xdb), uint32(n))
	}
	return append(dst, s...)
}

func appendMpBin(dst, s []byte) []byte {
	switch n := len(s); {
	case n <= math.MaxUint8:
		dst = append(dst, 0xc4, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0xc5), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, 0xc6), uint32(n))
	}
	return append(dst, s...)
}

func appendMpCount(dst []byte, n int, fix, wide byte) []byte {
	switch {
	case n < 16:
		return append(dst, fix|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, wide), uint16(n))
	default:
		return binary.BigEndian.AppendUint32(append(dst, wide+1), uint32(n))
	}
}

func appendMpArray(dst []byte, n int) []byte { return appendMpCount(dst, n, 0x90, 0xdc) }
func appendMpMap(dst []byte, n int) []byte   { return appendMpCount(dst, n, 0x80, 0xde) }

// appendMpTimestamp appends extension -1 in its shortest form.
func appendMpTimestamp(dst []byte, micros, sub int64) []byte {
	sec, rest := micros/1e6, micros%1e6
	if rest < 0 {
		sec, rest = sec-1, rest+1e6
	}
	nanos := uint64(rest*1000 + sub)
	switch {
	case nanos == 0 && sec >= 0 && sec <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, 0xd6, 0xff), uint32(sec))
	case sec >= 0 && sec < 1<<34:
		return binary.BigEndian.AppendUint64(append(dst, 0xd7, 0xff), nanos<<34|uint64(sec))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, 0xc7, 12, 0xff), uint32(nanos))
		return binary.BigEndian.AppendUint64(dst, uint64(sec))
	}
}
