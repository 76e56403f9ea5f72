package golden

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// object is an event in the making: names and JSON texts of values, or objects.
type object []member

type member struct {
	name string
	text string // JSON, or empty where sub counts
	sub  object
}

// pick is one of a few texts, nearly always the first.
func pick(r *rand.Rand, texts ...string) string {
	if r.IntN(24) > 0 {
		return texts[0]
	}
	return texts[r.IntN(len(texts))]
}

func integer(r *rand.Rand, bits int) string {
	n := r.Int64() >> (r.IntN(bits) + 64 - bits)
	if r.IntN(3) == 0 {
		n = -n
	}
	return pick(r, fmt.Sprint(n), fmt.Sprint(n), fmt.Sprint(n), "null", `"12"`, "1.5", "1e2", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "007", "-", "true", "[1]")
}

func number(r *rand.Rand) string {
	f := r.NormFloat64() * 1000
	return pick(r, fmt.Sprintf("%.2f", f), fmt.Sprintf("%.1f", f), strconv.FormatFloat(f, 'g', -1, 64), fmt.Sprint(r.IntN(1000)), "null", "0.1", "1e400", "-0.0",
		"123456789012.345678901234567890", `"1.5"`, `" 2 "`, "1.", ".5", "9007199254740993", "99999999.995", `"NaN"`, "1E-3", "123456789012345678901234567890", "false")
}

func text(r *rand.Rand) string {
	return pick(r, `"some text"`, `"a"`, `"longer than a word of eight bytes"`, `""`, "null", `"é ü 漢字"`, `"\u00e9\n\"x\" \\ \ud83d\ude00"`, "12", "-1.50", "true",
		`{"a": [1, 2]}`, "\"\xff\"", `"\x"`, `"open`, `"\ud800"`)
}

func stamp(r *rand.Rand, sep byte, zone string) string {
	day := fmt.Sprintf("20%02d-%02d-%02d", r.IntN(100), 1+r.IntN(12), 1+r.IntN(28))
	clock := fmt.Sprintf("%02d:%02d:%02d", r.IntN(24), r.IntN(60), r.IntN(60))
	s := func(day, clock, fraction, zone string) string {
		return `"` + day + string(sep) + clock + fraction + zone + `"`
	}
	return pick(r, s(day, clock, fmt.Sprintf(".%03d", r.IntN(1000)), zone), s(day, clock, "", zone), s(day, clock, fmt.Sprintf(".%d", r.IntN(1_000_000_000)), zone), "null",
		s(day, clock, ".123", "Z"), s(day, clock, ".123", ""), s(day, clock, ".5", "+02:00"), s("2024-02-29", "23:59:59", ".999", zone), s("2023-02-29", clock, "", zone),
		s("1969-12-31", clock, ".001", zone), s(day, "24:00:00", "", zone), s(day, clock[:5], "", zone), s(day, clock, ".", zone), "1711836000123", `"T"`, strings.Replace(s(day, clock, "", zone), string(sep), "x", 1))
}

// everything is an event of decode_json and decode_msgpack.
func everything(r *rand.Rand, sep byte) object {
	o := object{
		{"id", integer(r, 60), nil}, {"unread", text(r), nil}, {"flag", pick(r, "true", "false", "null", `"TRUE"`, "1", "truex"), nil},
		{"tiny", integer(r, 6), nil}, {"small", integer(r, 14), nil}, {"num", integer(r, 30), nil}, {"half", number(r), nil}, {"real_", number(r), nil},
		{"price", number(r), nil}, {"large", number(r), nil}, {"name", text(r), nil}, {"code", text(r), nil}, {"bin", pick(r, `"aGk="`, "null", `"?"`, `""`), nil},
		{"day_of", pick(r, `"2024-03-30"`, `"2024-02-29"`, "null", `"2023-02-29"`, `"x"`, "19000", `"2024-03-30 "`), nil},
		{"at_", pick(r, `"12:34:56.789"`, `"00:00:00"`, "null", `"24:00:00"`, "1000"), nil},
		{"ts0", stamp(r, sep, ""), nil}, {"ts3", stamp(r, sep, ""), nil}, {"ts9", stamp(r, sep, ""), nil}, {"ltz", stamp(r, sep, "Z"), nil},
		{"bid", pick(r, "", "", "", "null", "1", "[]", "[5]"), object{{"auction", integer(r, 40), nil}, {"bidder", text(r), nil},
			{"more", pick(r, "", "", "", "null", "{}"), object{{"x", integer(r, 20), nil}, {"y", number(r), nil}}}, {"skipped", text(r), nil}}},
		{"tags", pick(r, `["a","b"]`, "[]", "null", `["a",1]`, `{}`, `[[]]`), nil}, {"props", pick(r, `{"a":1}`, "{}", "null", `{"a":1,"a":2}`, `{"a":"x"}`), nil},
		{"pos", pick(r, `{"lat":1.5,"lon":-2.25}`, "null", `{"lon":1,"other":2}`, `{"lat":1,"lat":2}`), nil}, {"last_unread", integer(r, 20), nil}, {"tail", text(r), nil},
	}
	return o.shaken(r)
}

func isoEvent(r *rand.Rand) object {
	o := object{{"größe", integer(r, 30), nil}, {"a_name_that_is_longer_than_sixteen_bytes", text(r), nil}, {"ts", stamp(r, 'T', ""), nil}, {"ltz", stamp(r, 'T', "Z"), nil},
		{"price", number(r), nil}, {"wide", number(r), nil}, {"big", integer(r, 60), nil}, {"pos", pick(r, "", "", "null", "5"), object{{"lat", number(r), nil}, {"lon", number(r), nil}}}}
	return o.shaken(r)
}

// shaken leaves out, adds, doubles and moves members, of one event in three.
func (o object) shaken(r *rand.Rand) object {
	for i := range o {
		if o[i].text == "" {
			o[i].sub = o[i].sub.shaken(r)
		}
	}
	if r.IntN(3) > 0 {
		return o
	}
	if r.IntN(2) == 0 {
		r.Shuffle(len(o), func(i, j int) { o[i], o[j] = o[j], o[i] })
	}
	for range r.IntN(4) {
		switch i := r.IntN(len(o)); r.IntN(4) {
		case 0, 1:
			if len(o) > 1 {
				o = append(o[:i:i], o[i+1:]...)
			}
		case 2:
			name := pick(r, "other", "more", "x", `odd\u0041`, "", "ähnlich")
			o = append(o, member{name, pick(r, "1", `"text"`, `{"a":["\"",{}]}`, "null", "[1,2"), nil})
		default:
			o = append(o, o[i])
		}
	}
	return o
}

// json writes the object, with white space now and then.
func (o object) json(r *rand.Rand) string {
	space := func() string { return "" }
	if r.IntN(4) == 0 {
		space = func() string { return pick(r, " ", "", "\n\t") }
	}
	return o.appendJSON(space) + pick(r, "\n", "", " ")
}

func (o object) appendJSON(space func() string) string {
	s := "{" + space()
	for i, m := range o {
		if i > 0 {
			s += space() + "," + space()
		}
		s += `"` + m.name + `"` + space() + ":" + space()
		if m.text == "" {
			s += m.sub.appendJSON(space)
		} else {
			s += m.text
		}
	}
	return s + space() + "}"
}

// msgpack writes the object as a map, or as an array of its members, with values of any
// form that they may take.
func (o object) msgpack(r *rand.Rand, b []byte) []byte {
	asArray := r.IntN(4) == 0
	switch n := len(o); {
	case asArray && n < 16:
		b = append(b, 0x90|byte(n))
	case asArray:
		b = append(b, 0xdc, byte(n>>8), byte(n))
	case n < 16:
		b = append(b, 0x80|byte(n))
	default:
		b = append(b, 0xde, byte(n>>8), byte(n))
	}
	for _, m := range o {
		if !asArray {
			b = packText(r, b, m.name)
		}
		if m.text == "" {
			b = m.sub.msgpack(r, b)
		} else {
			b = packValue(r, b, m.text)
		}
	}
	return b
}

func packText(r *rand.Rand, b []byte, s string) []byte {
	switch n := len(s); {
	case n < 32 && r.IntN(20) > 0:
		b = append(b, 0xa0|byte(n))
	case r.IntN(20) > 0:
		b = append(b, 0xd9, byte(n))
	case r.IntN(2) > 0:
		b = append(b, 0xc5, byte(n>>8), byte(n))
	default:
		b = append(b, 0xdb, 0, 0, byte(n>>8), byte(n))
	}
	return append(b, s...)
}

func packValue(r *rand.Rand, b []byte, s string) []byte {
	i, err1 := strconv.ParseInt(s, 10, 64)
	f, err2 := strconv.ParseFloat(s, 64)
	switch {
	case err1 == nil:
		return packInt(r, b, i)
	case err2 == nil && r.IntN(4) == 0:
		return binary.BigEndian.AppendUint32(append(b, 0xca), math.Float32bits(float32(f)))
	case err2 == nil:
		return binary.BigEndian.AppendUint64(append(b, 0xcb), math.Float64bits(f))
	case s == "null":
		return append(b, 0xc0)
	case s == "true":
		return append(b, 0xc3)
	case s == "false":
		return append(b, 0xc2)
	case s == `{"a":1}`:
		return append(b, 0x81, 0xa1, 'a', 1)
	case s == `{"lat":1.5,"lon":-2.25}`:
		b = binary.BigEndian.AppendUint64(append(b, "\x82\xa3lat\xcb"...), math.Float64bits(1.5))
		return binary.BigEndian.AppendUint64(append(b, "\xa3lon\xcb"...), math.Float64bits(-2.25))
	case s == `["a","b"]`:
		return append(b, 0x92, 0xa1, 'a', 0xa1, 'b')
	case s == `{"lon":1,"other":2}`:
		return append(b, "\x82\xa3lon\x01\xa5other\x02"...)
	case strings.HasPrefix(s, `"20`) && len(s) > 12 && r.IntN(3) > 0:
		return packStamp(r, b)
	}
	return packText(r, b, strings.Trim(s, `"`))
}

func packStamp(r *rand.Rand, b []byte) []byte {
	sec, nanos := uint64(r.IntN(1<<32)), uint64(r.IntN(1e9+5))
	switch r.IntN(6) {
	case 0:
		return binary.BigEndian.AppendUint32(append(b, 0xd6, 0xff), uint32(sec))
	case 1:
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(append(b, 0xc7, 12, 0xff), uint32(nanos)), sec-1<<31)
	case 2:
		return packInt(r, b, int64(sec*1000+nanos/1e6))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd7, 0xff), nanos<<34|sec)
}

func packInt(r *rand.Rand, b []byte, i int64) []byte {
	if i >= -32 && i < 128 && r.IntN(4) > 0 {
		return append(b, byte(i))
	}
	for k, size := range []int{1, 2, 4, 8} {
		least, most := int64(-1)<<(8*size-1), uint64(1)<<(8*size-1)*2-1
		signed := i >= least && i <= -(least+1)
		if !signed && (i < 0 || uint64(i) > most) || size < 8 && r.IntN(5) == 0 {
			continue
		}
		head := byte(0xcc + k)
		if signed && (i < 0 || r.IntN(2) == 0) {
			head += 4
		}
		b = append(b, head)
		for j := size - 1; j >= 0; j-- {
			b = append(b, byte(i>>(8*j)))
		}
		return b
	}
	return b
}

// plain is a JSON text as a field of CSV.
func plain(r *rand.Rand, s string, quote string) string {
	if s == "null" {
		return pick(r, "", "", quote+quote)
	}
	s = strings.Trim(s, `"`)
	if r.IntN(10) == 0 || strings.ContainsAny(s, ",;\n") {
		return quote + strings.ReplaceAll(s, quote, quote+quote) + quote
	}
	return s
}

// line joins fields to a line of CSV, which has one too many or too few now and then.
func line(r *rand.Rand, fields []string, delim string) string {
	switch r.IntN(40) {
	case 0:
		fields = fields[1:]
	case 1:
		fields = append(fields, "more")
	}
	return strings.Join(fields, delim) + pick(r, "\n", "\r\n", "\n\n", "\n#comment\n", "")
}

// csvEvent is a line of decode_csv.
func csvEvent(r *rand.Rand) string {
	var fields []string
	for _, s := range []string{integer(r, 60), text(r), pick(r, "true", "false", "null", "TRUE", "1"), integer(r, 6), integer(r, 30), number(r), number(r), number(r), number(r), text(r),
		pick(r, "aGk=", "null", "?"), pick(r, "2024-03-30", "2024-02-29", "null", "2023-02-29"), pick(r, "12:34:56.789", "null", "1"),
		stamp(r, ' ', ""), stamp(r, ' ', ""), stamp(r, ' ', "Z"), pick(r, "a;b", "null", "", "x"), pick(r, "1.5;2", "null", "1", "1;2;3"), text(r)} {
		fields = append(fields, plain(r, s, `"`))
	}
	return line(r, fields, ",")
}

// csvText is a line of decode_text.
func csvText(r *rand.Rand) string {
	var fields []string
	for _, s := range []string{integer(r, 30), text(r), integer(r, 60), text(r), number(r), pick(r, "true", "false", "null", "x")} {
		f := plain(r, s, "'")
		if r.IntN(10) == 0 {
			f = pick(r, "-1", "'-1'", "'it''s'")
		}
		fields = append(fields, f)
	}
	return line(r, fields, ";")
}
