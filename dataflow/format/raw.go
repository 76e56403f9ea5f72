package format

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Raw is a message that is one cell: a text in a charset, bytes, or one number of fixed
// width.

const (
	charsetUTF8 = iota
	charsetASCII
	charsetLatin1
	charsetUTF16 // big-endian unless a byte order mark says otherwise
	charsetUTF16BE
	charsetUTF16LE
)

// rawWidth is the number of bytes of a kind of fixed width, or 0.
func rawWidth(k types.Kind) int {
	switch k {
	case types.Boolean, types.TinyInt:
		return 1
	case types.SmallInt:
		return 2
	case types.Int, types.Float:
		return 4
	case types.BigInt, types.Double:
		return 8
	}
	return 0
}

func rawType(s Schema, most int) (*ctype, error) {
	if len(s.Columns) > most || len(s.Declared) > 1 || len(s.Columns) == 0 && most == 0 {
		return nil, fmt.Errorf("format raw takes a table with exactly one physical column")
	}
	var t types.Type
	switch {
	case len(s.Columns) == 1:
		t = s.Columns[0].Type
	case len(s.Declared) == 1:
		t = s.Declared[0].Type
	default:
		return nil, nil
	}
	if !t.IsString() && !t.IsBinary() && rawWidth(t.Kind) == 0 {
		return nil, fmt.Errorf("format raw has no form for type %s", t)
	}
	return compileType(t, standardSQL)
}

type rawDecoder struct {
	core
	opt rawOptions
	ct  *ctype
}

func newRawDecoder(s Schema, o Options) (Decoder, error) {
	opt, err := parseRawOptions(o.Table)
	if err != nil {
		return nil, err
	}
	d := &rawDecoder{opt: opt}
	if d.ct, err = rawType(s, 1); err != nil {
		return nil, err
	}
	d.core, err = newCore(s, o, standardSQL)
	return d, err
}

// Decode makes the message one row.
func (d *rawDecoder) Decode(msg []byte, b *vec.Batch) bool {
	d.msg = msg
	d.stats.Messages++
	return d.Resume(b)
}

// Resume makes the message one row.
func (d *rawDecoder) Resume(b *vec.Batch) bool {
	if b.N >= vec.BatchSize {
		return true
	}
	d.bind(b)
	d.begin(b.N)
	if len(d.cols) == 0 || d.cell(d.touch(0)) {
		d.finish()
		b.N++
		return false
	}
	d.abort()
	d.report(d.msg, 0)
	return false
}

func (d *rawDecoder) cell(col *column) bool {
	switch {
	case col.ct.op == opBytes, col.ct.op == opString && d.opt.charset <= charsetASCII:
		if col.ct.op == opString && !validText(d.msg, d.opt.charset) {
			d.mismatch()
			d.fail = failure{what: "the text is not in the charset of 'raw.charset'", field: col.path}
			return false
		}
		d.span(col, 0, len(d.msg))
		return true
	case col.ct.op == opString:
		out, ok := appendDecoded(col.v.Grow(), d.msg, d.opt.charset)
		if !ok {
			d.fail = failure{what: "the text is not in the charset of 'raw.charset'", field: col.path}
			return false
		}
		col.v.EndGrow(d.row, out)
		return true
	}
	width := rawWidth(col.ct.t.Kind)
	if len(d.msg) != width {
		d.mismatch()
		d.fail = failure{what: fmt.Sprintf("the message has %d bytes where a %s takes %d", len(d.msg), col.ct.t.Kind, width), field: col.path}
		return false
	}
	u := be(d.msg, 0, width)
	if d.opt.little {
		u = swap(u, width)
	}
	switch col.ct.op {
	case opDouble:
		col.v.F64[d.row] = math.Float64frombits(u)
	case opFloat:
		col.v.F64[d.row] = float64(math.Float32frombits(uint32(u)))
	case opBool:
		col.v.I64[d.row] = 0
		if u != 0 {
			col.v.I64[d.row] = 1
		}
	default:
		shift := 64 - 8*width
		col.v.I64[d.row] = int64(u<<shift) >> shift
	}
	return true
}

// swap reverses the lowest width bytes.
func swap(u uint64, width int) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], u)
	return be(b[:], 0, width)
}

func validText(s []byte, charset int) bool {
	if charset == charsetUTF8 {
		return utf8.Valid(s)
	}
	for _, c := range s {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// appendDecoded appends a text of another charset as UTF-8.
func appendDecoded(dst, s []byte, charset int) ([]byte, bool) {
	if charset == charsetLatin1 {
		for _, c := range s {
			dst = utf8.AppendRune(dst, rune(c))
		}
		return dst, true
	}
	if len(s)%2 != 0 {
		return dst, false
	}
	little := charset == charsetUTF16LE
	if charset == charsetUTF16 && len(s) >= 2 {
		if mark := binary.BigEndian.Uint16(s); mark == 0xfeff || mark == 0xfffe {
			little = mark == 0xfffe
			s = s[2:]
		}
	}
	unit := func(i int) rune {
		if little {
			return rune(binary.LittleEndian.Uint16(s[i:]))
		}
		return rune(binary.BigEndian.Uint16(s[i:]))
	}
	for i := 0; i < len(s); i += 2 {
		r := unit(i)
		if utf16.IsSurrogate(r) {
			if i+4 > len(s) {
				return dst, false
			}
			i += 2
			if r = utf16.DecodeRune(r, unit(i)); r == utf8.RuneError {
				return dst, false
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, true
}

type rawEncoder struct {
	opt  rawOptions
	ct   *ctype
	name string
}

func newRawEncoder(s Schema, o Options) (Encoder, error) {
	opt, err := parseRawOptions(o.Table)
	if err != nil {
		return nil, err
	}
	if len(s.Columns) != 1 {
		return nil, fmt.Errorf("format raw takes a table with exactly one physical column")
	}
	e := &rawEncoder{opt: opt, name: s.Columns[0].Name}
	e.ct, err = rawType(s, 1)
	return e, err
}

// Framing is one row a message; in a file texts stand one a line.
func (e *rawEncoder) Framing() Framing {
	f := Framing{Single: true, ContentType: "application/octet-stream"}
	if e.ct.op == opString {
		f.Separator, f.ContentType = []byte{'\n'}, "text/plain"
	}
	return f
}

// Append appends the cell; NULL is no bytes at all.
func (e *rawEncoder) Append(dst []byte, b *vec.Batch, row int) ([]byte, error) {
	v := b.Cols[0]
	if v.IsNull(row) {
		return dst, nil
	}
	var u uint64
	switch e.ct.op {
	case opBytes:
		return append(dst, v.Bytes(row)...), nil
	case opString:
		out, ok := appendEncoded(dst, v.Bytes(row), e.opt.charset)
		if !ok {
			return dst, fmt.Errorf("column %s: the text %q has no form in the charset of 'raw.charset'", e.name, clip(v.Bytes(row)))
		}
		return out, nil
	case opDouble:
		u = math.Float64bits(v.F64[row])
	case opFloat:
		u = uint64(math.Float32bits(float32(v.F64[row])))
	default:
		u = uint64(v.I64[row])
	}
	width := rawWidth(e.ct.t.Kind)
	if !e.opt.little {
		u = swap(u, 8) >> (64 - 8*width)
	}
	for range width {
		dst = append(dst, byte(u))
		u >>= 8
	}
	return dst, nil
}

// appendEncoded appends UTF-8 text in another charset.
func appendEncoded(dst, s []byte, charset int) ([]byte, bool) {
	if charset == charsetUTF8 || charset == charsetASCII {
		return append(dst, s...), validText(s, charset)
	}
	if charset == charsetUTF16 {
		dst = append(dst, 0xfe, 0xff)
	}
	put := func(u uint16) {
		if charset == charsetUTF16LE {
			dst = binary.LittleEndian.AppendUint16(dst, u)
		} else {
			dst = binary.BigEndian.AppendUint16(dst, u)
		}
	}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRune(s[i:])
		i += n
		switch {
		case charset == charsetLatin1 && r > 0xff:
			return dst, false
		case charset == charsetLatin1:
			dst = append(dst, byte(r))
		case r >= 0x10000:
			hi, lo := utf16.EncodeRune(r)
			put(uint16(hi))
			put(uint16(lo))
		default:
			put(uint16(r))
		}
	}
	return dst, true
}
