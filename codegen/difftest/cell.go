package difftest

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// cell is a value of a type, as every format can write it.
type cell struct {
	t    types.Type
	null bool
	// i is an integer, 0 or 1, days since 1970, ms of the day or microseconds since 1970; sub
	// is the nanoseconds behind the latter.
	i, sub int64
	f      float64
	// s is a text, bytes, or the digits of a DECIMAL.
	s string
	// kids are fields, elements, or keys and values in turn.
	kids []cell
}

// texts are the values of strings; the first ones are the likelier.
var texts = []string{"a", "b", "ab", "abc", "abd", "c", "", "b", "a", "x y", "bab", "12", "-7", "1.5", "true", "akamai", "fastly", "customer-17", "some longer text that goes on for a while",
	"x,y;z|w", "\u00fcn\u00efc\u00f6d\u00e9", "\u65e5\u672c\u8a9e", "\U0001f600 smile", "tab\there", "quote\"d", "back\\slash", "it's", "line\nbreak", "2024-01-01 00:00:05", "{\"a\": 1}", "NULL", "n/a", "null", "\u0001\u001f", "1e3", " pad ", "a\r", "#hash"}

// value makes a valid value of a type. now is the event time in ms.
func (l *logGen) value(t types.Type, now int64) cell {
	c := cell{t: t}
	if !t.NotNull && l.r.Float64() < l.nulls {
		c.null = true
		return c
	}
	switch t.Kind {
	case types.Boolean:
		c.i = int64(l.r.IntN(2))
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		c.i = l.integer(t.Kind)
	case types.Float, types.Double:
		c.f = l.float()
	case types.Decimal:
		c.s = l.decimal(t.Prec, t.Scale)
	case types.Char, types.Varchar:
		c.s = l.text(t.Prec)
	case types.Binary, types.Varbinary:
		c.s = l.text(t.Prec)
		if l.r.IntN(4) == 0 {
			c.s = "\x00\xff\x80"[:min(3, t.Prec)]
		}
	case types.Date:
		c.i = now/86400000 + int64(l.r.IntN(5)) - 2
		if l.r.IntN(20) == 0 {
			c.i = int64(l.r.IntN(4000000)) - 700000
		}
	case types.Time:
		c.i = int64(l.r.IntN(86400000))
		if unit := int64(math.Pow10(3 - min(3, t.Prec))); l.r.IntN(10) > 0 {
			c.i -= c.i % unit
		}
	case types.Timestamp, types.TimestampLTZ:
		c.i = (now + int64(l.r.IntN(3))*1000) * 1000
		if t.Prec > 3 {
			c.i += int64(l.r.IntN(1000))
		}
		if t.Prec > 6 {
			c.sub = int64(l.r.IntN(1000))
		}
		if l.r.IntN(60) == 0 {
			c.i = (int64(l.r.IntN(1<<40)) - 1<<39) * 1000
		}
	case types.Array:
		for range l.r.IntN(4) {
			c.kids = append(c.kids, l.value(*t.Elem, now))
		}
	case types.Map:
		for i := range l.r.IntN(3) {
			k := l.value(t.Key.Required(), now)
			if k.t.IsString() {
				k.s = fmt.Sprint("k", i)
			}
			c.kids = append(c.kids, k, l.value(*t.Elem, now))
		}
	case types.Row:
		for _, f := range t.Fields {
			c.kids = append(c.kids, l.value(f.Type, now))
		}
	}
	return c
}

var intBits = map[types.Kind]int{types.TinyInt: 8, types.SmallInt: 16, types.Int: 32, types.BigInt: 64}

func (l *logGen) integer(k types.Kind) int64 {
	bits := intBits[k]
	switch l.r.IntN(12) {
	case 0:
		return []int64{0, 1, -1, 1<<(bits-1) - 1, -1 << (bits - 1)}[l.r.IntN(5)]
	case 1:
		return int64(l.r.Uint64()) >> (64 - bits)
	case 2, 3:
		return int64(l.r.IntN(100)) - 20
	}
	return int64(l.r.IntN(10))
}

func (l *logGen) float() float64 {
	switch l.r.IntN(10) {
	case 0:
		return []float64{0, math.Copysign(0, -1), 1e300, -1e-300, 5e-324, math.MaxFloat64, 0.1, 1e15, 123456789.125, 9007199254740993}[l.r.IntN(10)]
	case 1:
		return l.r.NormFloat64() * math.Pow10(l.r.IntN(40)-20)
	case 2, 3, 4:
		return float64(l.r.IntN(1000)) / 8
	}
	return float64(l.r.IntN(100000)) / 100
}

func (l *logGen) decimal(p, s int) string {
	whole := p - s
	var b strings.Builder
	if l.r.IntN(4) == 0 {
		b.WriteByte('-')
	}
	n := min(whole, 1+l.r.IntN(6))
	if l.r.IntN(12) == 0 {
		n = whole
	}
	if n == 0 {
		b.WriteByte('0')
	}
	for i := range n {
		d := l.r.IntN(10)
		if i == 0 && n > 1 {
			d = 1 + l.r.IntN(9)
		}
		b.WriteByte(byte('0' + d))
	}
	if s > 0 && l.r.IntN(5) > 0 {
		b.WriteByte('.')
		for range 1 + l.r.IntN(min(s, 4)) {
			b.WriteByte(byte('0' + l.r.IntN(10)))
		}
	}
	return b.String()
}

func (l *logGen) text(limit int) string {
	s := texts[l.r.IntN(8)]
	switch l.r.IntN(30) {
	case 0, 1, 2, 3:
		if !l.tame {
			s = texts[l.r.IntN(len(texts))]
		}
	case 4:
		if !l.tame {
			s = strings.Repeat(texts[l.r.IntN(8)]+"z", 1+l.r.IntN(60))
		}
	}
	if len(s) > limit {
		s = "abcd"[:min(limit, 4)]
	}
	return s
}

// at is the text of a time in microseconds and nanoseconds, with as many digits behind the
// seconds as the type has, or as few as the value needs.
func (c cell) timeText(sep string, digits int) string {
	t := time.UnixMicro(c.i).UTC()
	s := t.Format("2006-01-02" + sep + "15:04:05")
	if digits > 0 {
		frac := fmt.Sprintf("%06d%03d", t.Nanosecond()/1000, c.sub)
		s += "." + frac[:digits]
	}
	return s
}

func (c cell) clockText() string {
	s := time.UnixMilli(c.i).UTC().Format("15:04:05.000")
	if c.t.Prec == 0 && c.i%1000 == 0 {
		return s[:8]
	}
	return s
}

func (c cell) dateText() string { return time.Unix(c.i*86400, 0).UTC().Format("2006-01-02") }

func (c cell) floatText() string {
	bits := 64
	if c.t.Kind == types.Float {
		bits = 32
		if math.IsInf(float64(float32(c.f)), 0) {
			return "1"
		}
	}
	if a := math.Abs(c.f); a < 1e15 && a > 1e-7 {
		return strconv.FormatFloat(c.f, 'f', -1, bits)
	}
	return strconv.FormatFloat(c.f, 'g', -1, bits)
}

// digits is how many a time shows behind its seconds.
func (c cell) digits() int {
	switch p := c.t.Prec; {
	case p <= 3:
		return 3
	case p <= 6:
		return 6
	}
	return 9
}
