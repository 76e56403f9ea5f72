package difftest

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// msgpackWriter writes values as msgpack in the style of a log.
type msgpackWriter struct{ l *logGen }

func be(code byte, size int, v uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], v)
	return string([]byte{code}) + string(b[8-size:])
}

// sized is the head of a value of n members or bytes: fix for less than limit, else the
// codes of 8 (0 for none), 16 and 32 bits.
func (w msgpackWriter) sized(n, limit int, fix, c8, c16, c32 byte) string {
	wide := 0
	if !w.l.tame && w.l.r.IntN(200) == 0 {
		wide = 1 + w.l.r.IntN(3)
	}
	switch {
	case n < limit && wide == 0:
		return string([]byte{fix | byte(n)})
	case n < 256 && c8 != 0 && wide <= 1:
		return be(c8, 1, uint64(n))
	case n < 65536 && wide <= 2:
		return be(c16, 2, uint64(n))
	}
	return be(c32, 4, uint64(n))
}

func (w msgpackWriter) text(s string) string {
	return w.sized(len(s), 32, 0xa0, 0xd9, 0xda, 0xdb) + s
}

func (w msgpackWriter) integer(v int64) string {
	if !w.l.tame && w.l.r.IntN(60) == 0 {
		return be(0xd3, 8, uint64(v))
	}
	switch {
	case v >= 0 && v < 128:
		return string([]byte{byte(v)})
	case v < 0 && v >= -32:
		return string([]byte{byte(v)})
	case v >= 0 && v < 1<<8:
		return be(0xcc, 1, uint64(v))
	case v >= 0 && v < 1<<16:
		return be(0xcd, 2, uint64(v))
	case v >= 0 && v < 1<<32:
		return be(0xce, 4, uint64(v))
	case v >= 0:
		return be(0xcf, 8, uint64(v))
	case v >= -1<<7:
		return be(0xd0, 1, uint64(v))
	case v >= -1<<15:
		return be(0xd1, 2, uint64(v))
	case v >= -1<<31:
		return be(0xd2, 4, uint64(v))
	}
	return be(0xd3, 8, uint64(v))
}

func (w msgpackWriter) time(c cell) string {
	sec, nanos := c.i/1_000_000, c.i%1_000_000*1000+c.sub
	if nanos < 0 {
		sec, nanos = sec-1, nanos+1_000_000_000
	}
	switch {
	case nanos == 0 && sec >= 0 && sec < 1<<32:
		return "\xd6\xff" + be(0, 4, uint64(sec))[1:]
	case sec >= 0 && sec < 1<<34:
		return "\xd7\xff" + be(0, 8, uint64(nanos)<<34|uint64(sec))[1:]
	}
	return "\xc7\x0c\xff" + be(0, 4, uint64(nanos))[1:] + be(0, 8, uint64(sec))[1:]
}

func (w msgpackWriter) token(c cell) string {
	if c.null {
		return "\xc0"
	}
	switch c.t.Kind {
	case types.Boolean:
		return string([]byte{0xc2 | byte(c.i)})
	case types.Float:
		return be(0xca, 4, uint64(math.Float32bits(float32(c.f))))
	case types.Double:
		return be(0xcb, 8, math.Float64bits(c.f))
	case types.Decimal:
		return w.text(c.s)
	case types.Char, types.Varchar:
		return w.text(c.s)
	case types.Binary, types.Varbinary:
		return w.sized(len(c.s), 0, 0, 0xc4, 0xc5, 0xc6) + c.s
	case types.Date:
		if w.l.alternative {
			return w.integer(c.i)
		}
		return w.text(c.dateText())
	case types.Time:
		if w.l.alternative {
			return w.integer(c.i)
		}
		return w.text(c.clockText())
	case types.Timestamp, types.TimestampLTZ:
		if w.l.alternative && c.t.Prec <= 3 {
			return w.integer(c.i / 1000)
		}
		return w.time(c)
	case types.Array:
		b := w.sized(len(c.kids), 16, 0x90, 0, 0xdc, 0xdd)
		for _, k := range c.kids {
			b += w.token(k)
		}
		return b
	case types.Map:
		b := w.sized(len(c.kids)/2, 16, 0x80, 0, 0xde, 0xdf)
		for _, k := range c.kids {
			b += w.token(k)
		}
		return b
	case types.Row:
		var names, tokens []string
		for i, k := range c.kids {
			names, tokens = append(names, c.t.Fields[i].Name), append(tokens, w.token(k))
		}
		return w.object(names, tokens)
	}
	return w.integer(c.i)
}

func (w msgpackWriter) object(names, tokens []string) string {
	if w.l.positional {
		return w.sized(len(tokens), 16, 0x90, 0, 0xdc, 0xdd) + strings.Join(tokens, "")
	}
	b := w.sized(len(names), 16, 0x80, 0, 0xde, 0xdf)
	for i, n := range names {
		b += w.text(n) + tokens[i]
	}
	return b
}

// msgpackOdd are values that a column may not expect.
var msgpackOdd = []string{"\xc0", "\xc1", "\xc2", "\xc3", "\x00", "\x7f", "\xe0", "\xff", "\xcc\xff", "\xcd\xff\xff", "\xce\xff\xff\xff\xff", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff",
	"\xd0\x80", "\xd1\x80\x00", "\xd2\x80\x00\x00\x00", "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "\xd3\x00\x00\x00\x00\x00\x00\x00\x05", "\xca\x3f\x80\x00\x00", "\xca\x7f\xc0\x00\x00", "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", "\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01",
	"\xcb\x80\x00\x00\x00\x00\x00\x00\x00", "\xcb\x43\xe0\x00\x00\x00\x00\x00\x00", "\xa0", "\xa1x", "\xa212", "\xa4 12 ", "\xa31.5", "\xa4true", "\xa2\xff\xfe", "\xd9\x03abc", "\xda\x00\x03abc", "\xdb\x00\x00\x00\x03abc", "\xc4\x00", "\xc4\x02ab", "\xc5\x00\x02\xff\xfe", "\xc6\x00\x00\x00\x01a",
	"\x90", "\x92\x01\x02", "\x80", "\x81\xa1a\x01", "\x82\xa2f0\x01\xa2f0\x02", "\xdc\x00\x01\x05", "\xde\x00\x01\xa1a\xc0", "\xd4\x05a", "\xd6\xff\x65\x92\x00\x80", "\xd7\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\xd7\xff\x00\x00\x00\x00\x65\x92\x00\x80", "\xd5\xff\x00\x01", "\xc7\x0c\xff\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff",
	"\xc7\x00\xff", "\xd8\x01aaaaaaaaaaaaaaaa", "\xaa2024-02-30", "\xaa2024-02-29", "\xb32024-01-01 00:00:00", "\xb72024-01-01T00:00:00.123", "\xb82024-01-01T00:00:00.123Z", "\xa510:11", "\xd9\xff", "\xbfshort", "\x81\x01\x02", "\x91\x91\x91\x91\x91\xc0"}

func (w msgpackWriter) odd() string {
	if w.l.r.IntN(40) == 0 {
		return strings.Repeat("\x91", 1+w.l.r.IntN(300)) + "\xc0"
	}
	if w.l.r.IntN(20) == 0 {
		return w.text(strings.Repeat("long ", 1+w.l.r.IntN(900)))
	}
	return msgpackOdd[w.l.r.IntN(len(msgpackOdd))]
}

func (w msgpackWriter) frame(events []string) string {
	if k := w.l.r.IntN(20); k < 5 {
		return w.sized(len(events), 16, 0x90, 0, 0xdc, 0xdd) + strings.Join(events, "")
	} else if k < 6 && len(events) > 1 {
		return w.sized(1, 16, 0x90, 0, 0xdc, 0xdd) + events[0] + strings.Join(events[1:], "") + "\x90"
	}
	return strings.Join(events, "")
}
