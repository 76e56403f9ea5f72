package difftest

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// csvWriter writes values as fields of CSV lines.
type csvWriter struct {
	l            *logGen
	delim, quote string
	null         string
	header       []string // of each message, nil for none
}

func newCSVWriter(l *logGen, options map[string]string) csvWriter {
	w := csvWriter{l: l, delim: ",", quote: `"`, null: options["csv.null-literal"]}
	if d := options["csv.field-delimiter"]; d != "" {
		w.delim = strings.ReplaceAll(d, `\t`, "\t")
	}
	if q := options["csv.quote-character"]; q != "" {
		w.quote = q
	}
	if options["csv.disable-quote-character"] == "true" {
		w.quote = ""
	}
	return w
}

func (w csvWriter) plain(c cell) string {
	if c.null {
		return w.null
	}
	switch c.t.Kind {
	case types.Boolean:
		return strconv.FormatBool(c.i != 0)
	case types.Float, types.Double:
		return c.floatText()
	case types.Decimal, types.Char, types.Varchar:
		return c.s
	case types.Binary, types.Varbinary:
		return base64.StdEncoding.EncodeToString([]byte(c.s))
	case types.Date:
		return c.dateText()
	case types.Time:
		return c.clockText()
	case types.Timestamp:
		return c.timeText(" ", c.digits())
	case types.TimestampLTZ:
		return c.timeText(" ", c.digits()) + "Z"
	case types.Array, types.Row:
		var parts []string
		for _, k := range c.kids {
			parts = append(parts, strings.NewReplacer(";", "", "\"", "", "'", "").Replace(w.plain(k)))
		}
		return strings.Join(parts, ";")
	}
	return strconv.FormatInt(c.i, 10)
}

func (w csvWriter) token(c cell) string {
	s := w.plain(c)
	if w.quote == "" {
		return strings.NewReplacer(w.delim, "_", "\n", " ", "\r", " ").Replace(s)
	}
	if strings.ContainsAny(s, w.delim+w.quote+"\r\n\\#") || w.l.spaces == 1 && !c.null && c.t.IsString() {
		return w.quote + strings.ReplaceAll(strings.ReplaceAll(s, `\`, "/"), w.quote, w.quote+w.quote) + w.quote
	}
	return s
}

func (w csvWriter) object(_, tokens []string) string { return strings.Join(tokens, w.delim) }

// csvOdd are fields that a column may not expect.
var csvOdd = []string{"", "x", "12", " 12 ", "+5", "-0", "1.5", "1e2", "128", "9223372036854775808", "99999999.995", "true", "TRUE", "t", `""`, `"a"`, `"a""b"`, `"open`, `"a"b`, `a"b`, "'q'", "'", `\`, `\n`, `a\,b`, "NULL", "n/a", "null", "2024-02-30", "2024-02-29",
	"2024-01-01 00:00:00", "2024-01-01T00:00:00", "2024-01-01 00:00:00.123456789Z", "10:11", "24:00:00", "YWI=", "!!", "\xff\xfe", "a;b;c", ";", "1;2", "#", "\r", "1,2", "0x10", "1_000", "NaN", "Infinity", "1e400", "01", ".5", "5."}

func (w csvWriter) odd() string { return csvOdd[w.l.r.IntN(len(csvOdd))] }

func (w csvWriter) frame(events []string) string {
	end := "\n"
	if w.l.r.IntN(8) == 0 {
		end = "\r\n"
	}
	if w.header != nil {
		events = append([]string{strings.Join(w.header, w.delim)}, events...)
	}
	s := strings.Join(events, end)
	switch w.l.r.IntN(10) {
	case 0, 1, 2, 3:
		s += end
	case 4:
		s = end + s + end + end
	case 5:
		if !w.l.tame {
			s = "\ufeff" + s
		}
	}
	return s
}
