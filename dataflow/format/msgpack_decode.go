package format

import (
	"encoding/binary"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// msgpackDecoder reads maps by field name and arrays by position, following each other or
// as the elements of one array. An array whose first element is a map or an array is an
// array of events, unless the first declared column is itself of a nested type.
type msgpackDecoder struct {
	core
	pos int
	// left is how many events of the current array of events are still to come.
	left int
	// nestedFirst tells that the first declared column is nested.
	nestedFirst bool
}

func newMsgpackDecoder(s Schema, o Options) (Decoder, error) {
	opt, err := parseMsgpackOptions(o.Table)
	if err != nil {
		return nil, err
	}
	d := &msgpackDecoder{}
	if d.core, err = newCore(s, o, standardSQL); err != nil {
		return nil, err
	}
	d.ignore, d.failMissing = opt.ignore, opt.failMissing
	switch {
	case len(s.Declared) > 0:
		d.nestedFirst = s.Declared[0].Type.IsNested()
	case len(s.Columns) > 0:
		d.nestedFirst = s.Columns[0].Type.IsNested() || len(s.Columns[0].Path) > 1
	}
	return d, nil
}

// Decode begins a message.
func (d *msgpackDecoder) Decode(msg []byte, b *vec.Batch) bool {
	d.Begin(msg)
	return d.Resume(b)
}

// Resume goes on with the message.
func (d *msgpackDecoder) Resume(b *vec.Batch) bool {
	d.bind(b)
	for {
		i, ok := d.Next()
		if !ok {
			return false
		}
		if b.N >= vec.BatchSize {
			return true
		}
		if i = d.event(b, i); i < 0 {
			return false
		}
		d.pass(i)
	}
}

// arrayOfEvents tells whether an array of events begins at i. An empty array has none.
func (d *msgpackDecoder) arrayOfEvents(i int) (n, first int, ok bool) {
	c := d.msg[i]
	if c&0xf0 != 0x90 && c != 0xdc && c != 0xdd {
		return 0, 0, false
	}
	h := mpHead{n: int(c & 15), pos: i + 1}
	if c >= 0xdc {
		if h = head(d.msg, i); h.kind != mpArray {
			return 0, 0, false
		}
	}
	if h.n == 0 {
		return 0, h.pos, true
	}
	if h.pos >= len(d.msg) {
		return 0, 0, false
	}
	inner := d.msg[h.pos]
	return h.n, h.pos, inner >= 0x80 && inner <= 0x9f || inner >= 0xdc && inner <= 0xdf
}

func (d *msgpackDecoder) event(b *vec.Batch, start int) int {
	d.begin(b.N)
	h := head(d.msg, start)
	end := -1
	switch h.kind {
	case mpMap:
		end = d.fields(d.root, h)
	case mpArray:
		end = d.elements(d.root, h)
	default:
		d.fail = failure{pos: start, what: "a msgpack map or array is expected"}
	}
	if end >= 0 && d.finish() {
		b.N++
		return end
	}
	d.abort()
	if end < 0 && !d.fail.structural {
		if end = skipMsgpack(d.msg, start); end < 0 {
			d.broken(start, "the event is cut off or malformed")
		}
	}
	if end < 0 {
		d.report(d.msg[start:], start)
		return -1
	}
	d.report(d.msg[start:end], start)
	return end
}

// fields reads the members of a map by name.
func (d *msgpackDecoder) fields(n *node, h mpHead) int {
	i := h.pos
	for k := range h.n {
		idx, size, ok := n.keys.guessed(k, d.msg[i:])
		if ok {
			i += size
			if idx < 0 {
				d.stats.Unknown++
			}
		} else if idx, i = d.key(&n.keys, k, i); i < 0 {
			return -1
		}
		if i = d.member(n, idx, i); i < 0 {
			return -1
		}
	}
	return i
}

// elements reads the members of an array by position.
func (d *msgpackDecoder) elements(n *node, h mpHead) int {
	i := h.pos
	for k := range h.n {
		idx := int32(k)
		if k >= n.declared {
			d.stats.Unknown++
			idx = -1
		}
		if i = d.member(n, idx, i); i < 0 {
			return -1
		}
	}
	return i
}

// key reads a map's key; keys that are no text are unknown.
func (d *msgpackDecoder) key(s *keyset, k, i int) (idx int32, next int) {
	h := head(d.msg, i)
	switch h.kind {
	case mpBroken:
		return -1, d.broken(i, "a map is cut off")
	case mpStr, mpBin:
		name := d.msg[h.pos : h.pos+h.n]
		if idx = s.lookup(name); idx < 0 {
			d.unknown(name)
			if d.names != nil {
				return idx, h.pos + h.n
			}
		}
		s.learn(k, d.msg[i:h.pos+h.n], idx)
		return idx, h.pos + h.n
	}
	d.unknown([]byte("(not a text)"))
	return -1, d.skip(i)
}

func (d *msgpackDecoder) skip(i int) int {
	end := skipMsgpack(d.msg, i)
	if end < 0 {
		return d.broken(i, "a value is cut off or malformed")
	}
	return end
}

func (d *msgpackDecoder) recovered(i int) int {
	if d.fail.structural || d.fail.large || !d.ignore {
		return -1
	}
	return d.skip(i)
}

func (d *msgpackDecoder) member(n *node, idx int32, i int) int {
	if idx < 0 {
		return d.skip(i)
	}
	kid := &n.kids[idx]
	end := -1
	if kid.col >= 0 {
		if end = d.cell(kid.col, i); end < 0 {
			if end = d.recovered(i); end < 0 {
				return -1
			}
			d.cols[kid.col].v.SetNull(d.row)
		}
	}
	if kid.sub == nil {
		if end < 0 {
			end = d.skip(i)
		}
		return end
	}
	h := head(d.msg, i)
	switch h.kind {
	case mpMap:
		return d.fields(kid.sub, h)
	case mpArray:
		return d.elements(kid.sub, h)
	}
	d.nullBelow(kid.sub)
	if h.kind == mpNil {
		return h.pos
	}
	if end = d.skip(i); end < 0 {
		return -1
	}
	d.mismatch()
	if d.ignore {
		return end
	}
	d.fail = failure{pos: i, what: "a msgpack map or array is expected", field: d.cols[d.cur].path}
	return -1
}

// cell decodes the value at i into a column of the current row and returns its end, or -1.
func (d *msgpackDecoder) cell(ci int32, i int) int {
	col := d.touch(ci)
	b := d.msg
	if i >= len(b) {
		return d.broken(i, "a value is cut off")
	}
	c := b[i]
	switch col.ct.op {
	case opString:
		pos, n := i+1, int(c&31)
		if c == 0xd9 && i+1 < len(b) {
			pos, n = i+2, int(b[i+1])
		} else if c&0xe0 != 0xa0 {
			break
		}
		if n > len(b)-pos {
			return d.broken(i, "a text is cut off")
		}
		if !asciiOrUTF8(b[pos : pos+n]) {
			return d.invalidUTF8(i)
		}
		d.span(col, pos, n)
		return pos + n
	case opInt:
		if v, end, ok := mpIntAt(b, i); ok && v >= col.ct.lo && v <= col.ct.hi {
			col.v.I64[d.row] = v
			return end
		}
	case opDouble:
		if c == 0xcb && i+9 <= len(b) {
			col.v.F64[d.row] = math.Float64frombits(binary.BigEndian.Uint64(b[i+1:]))
			return i + 9
		}
	}
	if c == 0xc0 {
		col.v.SetNull(d.row)
		return i + 1
	}
	v, end := d.value(col.ct, i)
	if end >= 0 {
		col.v.Set(d.row, v)
	}
	return end
}

func (d *msgpackDecoder) invalidUTF8(i int) int {
	d.mismatch()
	d.fail = failure{pos: i, what: "the text is not UTF-8", field: d.cols[d.cur].path}
	return -1
}
