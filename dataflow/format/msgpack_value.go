package format

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// value decodes the value at i as a datum and returns its end, or -1.
func (d *msgpackDecoder) value(ct *ctype, i int) (vec.Datum, int) {
	h := head(d.msg, i)
	switch h.kind {
	case mpBroken:
		return vec.NullDatum, d.broken(i, "a value is cut off")
	case mpNil:
		return vec.NullDatum, h.pos
	case mpBool:
		if ct.op == opBool {
			return vec.Datum{I: int64(h.bits)}, h.pos
		}
		d.mismatch()
		return d.asText(ct, strconv.AppendBool(d.arena, h.bits == 1), h.pos, i)
	case mpInt, mpUint:
		return d.integer(ct, h, i)
	case mpFloat32, mpFloat64:
		return d.float(ct, h, i)
	case mpStr, mpBin:
		return d.bytes(ct, h, i)
	case mpExt:
		return d.extension(ct, h, i)
	}
	switch {
	case ct.op == opRow:
		return d.rowValue(ct, h)
	case ct.op == opArray && h.kind == mpArray:
		return d.arrayValue(ct, h)
	case (ct.op == opMap || ct.op == opMultiset) && h.kind == mpMap:
		return d.mapValue(ct, h)
	}
	return vec.NullDatum, d.wrongKind(i, h, ct)
}

var mpKindNames = [...]string{"", "nil", "a boolean", "an integer", "an integer", "a float", "a float",
	"a text", "binary", "an array", "a map", "an extension"}

// wrongKind records that a value of this kind is not one of the type; it returns -1.
func (d *msgpackDecoder) wrongKind(i int, h mpHead, ct *ctype) int {
	d.mismatch()
	d.fail = failure{pos: i, what: mpKindNames[h.kind] + " is not " + ct.want, field: d.cols[d.cur].path}
	return -1
}

// asText converts text appended to the arena.
func (d *msgpackDecoder) asText(ct *ctype, grown []byte, end, i int) (vec.Datum, int) {
	s := grown[len(d.arena):len(grown):len(grown)]
	d.arena = grown
	v, ok := d.convert(ct, s, true)
	if !ok {
		return vec.NullDatum, d.wrong(i, s, ct)
	}
	return v, end
}

func (d *msgpackDecoder) integer(ct *ctype, h mpHead, i int) (vec.Datum, int) {
	v := int64(h.bits)
	if h.kind == mpUint {
		v = math.MaxInt64
	}
	switch ct.op {
	case opInt:
		if h.kind == mpInt && v >= ct.lo && v <= ct.hi {
			return vec.Datum{I: v}, h.pos
		}
	case opDouble:
		if h.kind == mpUint {
			return vec.Datum{F: float64(h.bits)}, h.pos
		}
		return vec.Datum{F: float64(v)}, h.pos
	case opFloat:
		if h.kind == mpUint {
			return vec.Datum{F: float64(float32(h.bits))}, h.pos
		}
		return vec.Datum{F: float64(float32(v))}, h.pos
	case opDate, opTime:
		if limit := int64(secondsPerDay * 1000); h.kind == mpInt && (ct.op == opDate && int64(int32(v)) == v || ct.op == opTime && v >= 0 && v < limit) {
			return vec.Datum{I: v}, h.pos
		}
	case opTimestamp, opTimestampWide:
		if h.kind == mpInt && v > math.MinInt64/1000 && v < math.MaxInt64/1000 {
			days := v / (secondsPerDay * 1000)
			micros, _ := cutNanos(days, (v-days*secondsPerDay*1000)*nanosPerMilli, ct.prec)
			return vec.Datum{I: micros}, h.pos
		}
	case opString, opDecimal, opDecimalWide:
		if ct.op == opString {
			d.mismatch()
		}
		if h.kind == mpUint {
			return d.asText(ct, strconv.AppendUint(d.arena, h.bits, 10), h.pos, i)
		}
		return d.asText(ct, strconv.AppendInt(d.arena, v, 10), h.pos, i)
	default:
		return vec.NullDatum, d.wrongKind(i, h, ct)
	}
	return vec.NullDatum, d.wrong(i, strconv.AppendUint(nil, h.bits, 10), ct)
}

func (d *msgpackDecoder) float(ct *ctype, h mpHead, i int) (vec.Datum, int) {
	f, size := math.Float64frombits(h.bits), 64
	if h.kind == mpFloat32 {
		f, size = float64(math.Float32frombits(uint32(h.bits))), 32
	}
	switch ct.op {
	case opDouble:
		return vec.Datum{F: f}, h.pos
	case opFloat:
		return vec.Datum{F: float64(float32(f))}, h.pos
	case opInt:
		d.mismatch()
		t := math.Trunc(f)
		if (t == f || ct.truncates) && t >= -(1<<63) && t < 1<<63 && int64(t) >= ct.lo && int64(t) <= ct.hi {
			return vec.Datum{I: int64(t)}, h.pos
		}
		return vec.NullDatum, d.wrong(i, strconv.AppendFloat(nil, f, 'g', -1, size), ct)
	case opString:
		d.mismatch()
		return d.asText(ct, appendFloat(d.arena, f, size), h.pos, i)
	case opDecimal, opDecimalWide:
		return d.asText(ct, strconv.AppendFloat(d.arena, f, 'f', -1, size), h.pos, i)
	}
	return vec.NullDatum, d.wrongKind(i, h, ct)
}

func (d *msgpackDecoder) bytes(ct *ctype, h mpHead, i int) (vec.Datum, int) {
	end := h.pos + h.n
	s := d.msg[h.pos:end:end]
	switch {
	case ct.op == opBytes:
		return vec.Datum{B: s}, end
	case ct.op >= opArray:
		return vec.NullDatum, d.wrongKind(i, h, ct)
	case ct.op == opString:
		if !utf8.Valid(s) {
			return vec.NullDatum, d.invalidUTF8(i)
		}
	case ct.op < opDecimal:
		d.mismatch()
	}
	v, ok := d.convert(ct, s, true)
	if !ok {
		return vec.NullDatum, d.wrong(i, s, ct)
	}
	return v, end
}

// extension takes the timestamp extension, -1.
func (d *msgpackDecoder) extension(ct *ctype, h mpHead, i int) (vec.Datum, int) {
	end := h.pos + h.n
	if h.ext != -1 {
		return vec.NullDatum, d.wrongKind(i, h, ct)
	}
	sec, nanos, ok := mpTimestamp(d.msg[h.pos:end])
	if !ok {
		return vec.NullDatum, d.wrongKind(i, h, ct)
	}
	days := sec / secondsPerDay
	if sec%secondsPerDay < 0 {
		days--
	}
	micros, sub := cutNanos(days, (sec-days*secondsPerDay)*1e9+nanos, ct.prec)
	switch ct.op {
	case opTimestamp, opTimestampWide:
		return vec.Datum{I: micros, Hi: sub}, end
	case opDate:
		return vec.Datum{I: days}, end
	case opString:
		d.mismatch()
		micros, sub = cutNanos(days, (sec-days*secondsPerDay)*1e9+nanos, 9)
		return d.asText(ct, appendTimestamp(d.arena, micros, sub, &ctype{ltz: true}), end, i)
	}
	return vec.NullDatum, d.wrongKind(i, h, ct)
}

// element is value for a member of a nested value: what cannot be read is NULL when parse
// errors are ignored.
func (d *msgpackDecoder) element(ct *ctype, i int) (vec.Datum, int) {
	depth := len(d.stack)
	v, end := d.value(ct, i)
	if end < 0 {
		d.stack = d.stack[:depth]
		return vec.NullDatum, d.recovered(i)
	}
	return v, end
}

// rowValue reads a ROW from a map by name or from an array by position.
func (d *msgpackDecoder) rowValue(ct *ctype, h mpHead) (vec.Datum, int) {
	base := d.pushNulls(len(ct.fields))
	i, set := h.pos, 0
	for k := range h.n {
		idx := int32(k)
		if h.kind == mpMap {
			var size int
			var ok bool
			if idx, size, ok = ct.keys.guessed(k, d.msg[i:]); ok {
				i += size
				if idx < 0 {
					d.stats.Unknown++
				}
			} else if idx, i = d.key(&ct.keys, k, i); i < 0 {
				return vec.NullDatum, -1
			}
		} else if k >= len(ct.fields) {
			idx = -1
		}
		if idx < 0 {
			i = d.skip(i)
		} else {
			var v vec.Datum
			if v, i = d.element(ct.fields[idx], i); i >= 0 {
				d.stack[base+int(idx)] = v
				set++
			}
		}
		if i < 0 {
			return vec.NullDatum, -1
		}
	}
	if d.failMissing && set < len(ct.fields) {
		d.fail = failure{pos: i, what: "a field of the ROW is missing ('fail-on-missing-field')", field: d.cols[d.cur].path}
		return vec.NullDatum, -1
	}
	return d.buildRow(ct, base, i)
}

func (d *msgpackDecoder) arrayValue(ct *ctype, h mpHead) (vec.Datum, int) {
	base, size, i := len(d.stack), 0, h.pos
	for range h.n {
		var v vec.Datum
		if v, i = d.element(ct.elem, i); i < 0 {
			return vec.NullDatum, -1
		}
		if size = d.push(size, v); size < 0 {
			return vec.NullDatum, -1
		}
	}
	return d.buildArray(ct, base, i)
}

func (d *msgpackDecoder) mapValue(ct *ctype, h mpHead) (vec.Datum, int) {
	base, size, i := len(d.stack), 0, h.pos
	for range h.n {
		var k, v vec.Datum
		if k, i = d.value(ct.key, i); i < 0 {
			return vec.NullDatum, -1
		}
		if v, i = d.element(ct.elem, i); i < 0 {
			return vec.NullDatum, -1
		}
		if size = d.push(size, k, v); size < 0 {
			return vec.NullDatum, -1
		}
	}
	return d.buildMap(ct, base, i)
}
