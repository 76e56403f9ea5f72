package difftest

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// jsonWriter writes values as JSON in the style of a log.
type jsonWriter struct {
	l   *logGen
	iso bool
}

func (w jsonWriter) space() string {
	switch w.l.spaces {
	case 1:
		return " "
	case 2:
		return []string{"", "", " ", "\n", "\t ", "\r\n"}[w.l.r.IntN(6)]
	}
	return ""
}

func (w jsonWriter) object(names []string, tokens []string) string {
	var b strings.Builder
	b.WriteString("{")
	for i, n := range names {
		if i > 0 {
			b.WriteString("," + w.space())
		} else if w.l.spaces == 2 {
			b.WriteString(w.space())
		}
		key := quoteJSON(n)
		if !w.l.tame && w.l.r.IntN(400) == 0 && n != "" && n[0] < utf8.RuneSelf {
			key = fmt.Sprintf(`"\u%04x%s`, n[0], quoteJSON(n[1:])[1:])
		}
		b.WriteString(key)
		if w.l.spaces == 2 {
			b.WriteString(w.space())
		}
		b.WriteString(":" + w.space() + tokens[i])
	}
	if w.l.spaces == 2 {
		b.WriteString(w.space())
	}
	b.WriteString("}")
	return b.String()
}

// quoteJSON quotes with the escapes that JSON asks for and no others.
func quoteJSON(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c < ' ':
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func (w jsonWriter) token(c cell) string {
	if c.null {
		return "null"
	}
	switch c.t.Kind {
	case types.Boolean:
		return strconv.FormatBool(c.i != 0)
	case types.Float, types.Double:
		return c.floatText()
	case types.Decimal:
		return c.s
	case types.Char, types.Varchar:
		return quoteJSON(c.s)
	case types.Binary, types.Varbinary:
		return `"` + base64.StdEncoding.EncodeToString([]byte(c.s)) + `"`
	case types.Date:
		return `"` + c.dateText() + `"`
	case types.Time:
		return `"` + c.clockText() + `"`
	case types.Timestamp, types.TimestampLTZ:
		sep, zone := " ", ""
		if w.iso {
			sep = "T"
		}
		if c.t.Kind == types.TimestampLTZ {
			zone = "Z"
		}
		digits := c.digits()
		if !w.l.tame && w.l.r.IntN(50) == 0 {
			digits = w.l.r.IntN(10)
		}
		return `"` + c.timeText(sep, digits) + zone + `"`
	case types.Array:
		var parts []string
		for _, k := range c.kids {
			parts = append(parts, w.token(k))
		}
		return "[" + strings.Join(parts, ","+w.space()) + "]"
	case types.Map, types.Row:
		var names, tokens []string
		for i, k := range c.kids {
			switch {
			case c.t.Kind == types.Row:
				names, tokens = append(names, c.t.Fields[i].Name), append(tokens, w.token(k))
			case i%2 == 0:
				names = append(names, k.s)
			default:
				tokens = append(tokens, w.token(k))
			}
		}
		return w.object(names, tokens)
	}
	return strconv.FormatInt(c.i, 10)
}

// jsonOdd are tokens that a column may not expect.
var jsonOdd = []string{"null", `""`, `"x"`, `"12"`, `" 12 "`, `"1.5"`, "0", "-0", "-0.0", "1.0", "1.5", "1e2", "1E+2", "1e-2", "12.00", "1e400", "-1e400", "1e-400", "127", "128", "-129", "32768", "2147483648",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551616", "123456789012345678901234567890", "0.1234567890123456789012345", "99999999.995", "999999999999999999",
	"1000000000000000000", "true", "false", `"true"`, `"TRUE"`, "[]", "{}", "[1,2]", `{"a":1}`, `{"f0":1,"f0":2}`, `[[[[[[[[1]]]]]]]]`, `"\u0041\n"`, `"\ud83d\ude00"`, `"\ud800"`, `"\x"`, "\"\xff\xfe\"", "\"a\nb\"", "01", "+1", ".5", "5.", "-", "NaN",
	"Infinity", "nul", "tru", "truex", `"2024-02-30"`, `"2024-02-29"`, `"2024-01-01 00:00:00"`, `"2024-01-01T00:00:00"`, `"2024-01-01T00:00:00.123Z"`, `"2024-01-01T00:00:00.123+01:00"`, `"2024-01-01 00:00:00.123456789"`, `"2024-01-31T23:59:59.999"`,
	`"24:00:00"`, `"10:11"`, `"10:11:12.5"`, `"10:11:12.123456789"`, `"YWI="`, `"!!"`, `"1970-01-01"`, `"0001-01-01 00:00:00"`, `"9999-12-31T23:59:59.999999999"`, "4.9e-324", "2.2250738585072014e-308", "1.7976931348623159e308", "0.30000000000000004", "1152921504606846977", "16777217"}

// odd is a token out of place.
func (w jsonWriter) odd() string {
	if w.l.r.IntN(40) == 0 {
		n := 1 + w.l.r.IntN(300)
		return strings.Repeat(`[`, n) + strings.Repeat(`]`, n-w.l.r.IntN(2))
	}
	if w.l.r.IntN(20) == 0 {
		return quoteJSON(strings.Repeat("long ", 1+w.l.r.IntN(900)))
	}
	return jsonOdd[w.l.r.IntN(len(jsonOdd))]
}

// frame puts events together into a message.
func (w jsonWriter) frame(events []string) string {
	switch k := w.l.r.IntN(20); {
	case k < 3:
		return "[" + w.space() + strings.Join(events, ","+w.space()) + w.space() + "]"
	case k < 4:
		return strings.Join(events, "")
	case k < 5 && !w.l.tame:
		return "\ufeff" + strings.Join(events, "\n")
	case k < 6:
		return strings.Join(events, "\n") + "\n"
	case k < 7:
		return strings.Join(events, "\r\n \t")
	case k < 8 && len(events) > 1:
		return "[" + events[0] + "]" + strings.Join(events[1:], "\n") + "[]"
	}
	return strings.Join(events, "\n")
}
