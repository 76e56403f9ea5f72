package format

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// columns makes columns from "name", type pairs; a name with dots is a path.
func columns(nameType ...any) []Column {
	var out []Column
	for i := 0; i < len(nameType); i += 2 {
		name := nameType[i].(string)
		out = append(out, Column{Name: name, Type: nameType[i+1].(types.Type), Path: strings.Split(name, ".")})
	}
	return out
}

func columnTypes(cols []Column) []types.Type {
	ts := make([]types.Type, len(cols))
	for i, c := range cols {
		ts[i] = c.Type
	}
	return ts
}

// bad is an undecodable event as a test expects it.
func badText(event []byte, offset int, reason error) string {
	return fmt.Sprintf("%d %q: %v", offset, event, reason)
}

// decodeAll decodes a message through batches that already hold fill rows, and prints the
// rows in JSON's form.
func decodeAll(t testing.TB, format string, s Schema, table map[string]string, msg []byte, fill int) (rows, bads []string, stats *Stats) {
	t.Helper()
	d, err := NewDecoder(format, s, Options{Table: table, OnBad: func(event []byte, offset int, reason error) {
		bads = append(bads, badText(event, offset, reason))
	}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEncoder("json", s, Options{Table: map[string]string{"json.map-null-key.mode": "LITERAL"}})
	if err != nil {
		t.Fatal(err)
	}
	b := vec.NewBatch(columnTypes(s.Columns))
	b.N = fill
	more := d.Decode(msg, b)
	for {
		for i := fill; i < b.N; i++ {
			out, err := e.Append(nil, b, i)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, string(out))
		}
		if !more {
			return rows, bads, d.Stats()
		}
		b.Reset()
		b.N = fill
		more = d.Resume(b)
	}
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, c := range []struct{ format, key, value, want string }{
		{"jsn", "", "", `no format "jsn"; did you mean "json"?`},
		{"protobuf", "", "", `no format "protobuf"; there are csv, json, msgpack, raw`},
		{"json", "json.ignore-parse-error", "true", "unknown option 'json.ignore-parse-error'; did you mean 'json.ignore-parse-errors'?"},
		{"json", "json.ignore-parse-errors", "yes", `option 'json.ignore-parse-errors': "yes" is not true or false`},
		{"json", "json.timestamp-format.standard", "unix", `option 'json.timestamp-format.standard': "unix" is not one of SQL, ISO-8601, ISO-8601-WITH-OFFSET`},
		{"csv", "csv.field-delimiter", "||", `option 'csv.field-delimiter': "||" is not one ASCII character`},
		{"csv", "csv.field-delimiter", `"`, `option 'csv.field-delimiter': "\"" is not different from the quote and escape characters and the line end`},
		{"raw", "raw.charset", "EBCDIC", `option 'raw.charset': "EBCDIC" is not one of UTF-8, US-ASCII, ISO-8859-1, UTF-16, UTF-16BE, UTF-16LE`},
		{"csv", "csv.field-delimiter", `\t`, ""},
		{"json", "connector", "nats", ""},
		{"csv", "json.nonsense", "of another format", ""},
	} {
		err := Validate(c.format, map[string]string{c.key: c.value})
		if got := fmt.Sprint(err); got != c.want && !(err == nil && c.want == "") {
			t.Errorf("%s %s=%s: %s, want %s", c.format, c.key, c.value, got, c.want)
		}
	}
	both := map[string]string{"json.ignore-parse-errors": "true", "json.fail-on-missing-field": "true"}
	if err := Validate("json", both); err == nil || !strings.Contains(err.Error(), "cannot both be true") {
		t.Errorf("contradicting options: %v", err)
	}
	for _, f := range Names() {
		if len(Keys(f)) == 0 {
			t.Errorf("%s lists no options", f)
		}
	}
	if _, err := NewDecoder("csv", Schema{Columns: columns("m", types.MapOf(types.TString, types.TInt))}, Options{}); err == nil {
		t.Error("CSV takes a MAP")
	}
	if _, err := NewDecoder("json", Schema{Columns: columns("s", types.TSymbol)}, Options{}); err == nil || !strings.Contains(err.Error(), "column s") {
		t.Errorf("a type without form: %v", err)
	}
}

// TestDecimalText reads and prints decimals.
func TestDecimalText(t *testing.T) {
	for _, c := range []struct {
		in          string
		prec, scale int
		want        string
	}{
		{"27.1", 10, 2, "27.10"}, {"-0.005", 10, 2, "-0.01"}, {"0.0049", 10, 2, "0.00"}, {"1e3", 10, 2, "1000.00"},
		{"123456789012345678901234567890.12345678", 38, 8, "123456789012345678901234567890.12345678"},
		{"-99999999999999999999999999999999999999", 38, 0, "-99999999999999999999999999999999999999"},
		{"100000000000000000000000000000000000000", 38, 0, "overflow"}, {"99.995", 4, 2, "overflow"}, {"99.994", 4, 2, "99.99"},
		{"0.000000001", 18, 9, "1E-9"}, {"0.000001", 18, 9, "0.000001000"}, {"1E-40", 38, 10, "0E-10"}, {"1e400000000", 38, 0, "overflow"}, {"0e999", 3, 0, "0"},
		{"", 5, 2, "syntax"}, {"1.2.3", 5, 2, "syntax"}, {"-", 5, 2, "syntax"}, {"1e", 5, 2, "syntax"}, {".5", 5, 2, "0.50"}, {"5.", 5, 2, "5.00"}, {"1_0", 5, 2, "syntax"},
	} {
		hi, lo, st := parseDecimal([]byte(c.in), c.prec, c.scale)
		got := [...]string{"", "overflow", "syntax"}[st]
		if st == decimalOK {
			got = string(appendDecimal(nil, hi, lo, c.scale, false))
		}
		if got != c.want {
			t.Errorf("%q as DECIMAL(%d, %d): %s, want %s", c.in, c.prec, c.scale, got, c.want)
		}
	}
}

// TestTimeText reads and prints timestamps of both standards.
func TestTimeText(t *testing.T) {
	for _, c := range []struct {
		std  timeStandard
		ltz  bool
		prec int
		in   string
		want string
	}{
		{standardSQL, false, 3, "2020-01-01 00:00:00.123456", "2020-01-01 00:00:00.123"},
		{standardSQL, false, 9, "2020-01-01 00:00:00.123456789", "2020-01-01 00:00:00.123456789"},
		{standardSQL, false, 6, "1969-12-31 23:59:59.5", "1969-12-31 23:59:59.5"},
		{standardSQL, false, 6, "0001-01-01 00:00:00", "0001-01-01 00:00:00"},
		{standardSQL, false, 3, "2020-02-30 00:00:00", ""}, {standardSQL, false, 3, "2020-01-01T00:00:00", ""},
		{standardSQL, false, 3, "2020-01-01 24:00:00", ""}, {standardSQL, false, 3, "2020-01-01 00:00:00Z", ""}, {standardSQL, false, 3, "2020-01-01 00:00", ""},
		{standardSQL, false, 3, "2020-01-01 00:00:00.", ""}, {standardSQL, false, 3, "2020-01-01 00:00:00.1234567890", ""}, {standardSQL, false, 3, "2020-01-01", ""},
		{standardSQL, true, 3, "2020-01-01 00:00:00.123Z", "2020-01-01 00:00:00.123Z"}, {standardSQL, true, 3, "2020-01-01 00:00:00.123", ""},
		{standardISO, false, 3, "2020-01-01T10:20", "2020-01-01T10:20:00"}, {standardISO, false, 3, "2020-02-29T10:20:30.100", "2020-02-29T10:20:30.1"},
		{standardISO, false, 3, "2021-02-29T10:20:30", ""}, {standardISO, true, 3, "2020-01-01T01:00:00+02:00", "2019-12-31T23:00:00Z"},
		{standardISOOffset, false, 3, "2020-01-01T01:00:00+01:00", "2020-01-01T00:00:00"},
	} {
		ct := &ctype{std: c.std, ltz: c.ltz, prec: c.prec}
		micros, sub, ok := parseTimestamp([]byte(c.in), ct, false)
		got := ""
		if ok {
			got = string(appendTimestamp(nil, micros, sub, ct))
		}
		if got != c.want {
			t.Errorf("%q (standard %d, zoned %v): %q, want %q", c.in, c.std, c.ltz, got, c.want)
		}
	}
	for days := int64(-800_000); days < 800_000; days += 97 {
		if y, m, d := civilFromDays(days); daysFromCivil(y, m, d) != days {
			t.Fatalf("day %d is %d-%d-%d", days, y, m, d)
		}
	}
}

func TestFloatText(t *testing.T) {
	for _, c := range []struct {
		in, want string
		bits     int
	}{
		{"1", "1.0", 64}, {"0.1", "0.1", 64}, {"-0", "-0.0", 64}, {"1e7", "1.0E7", 64}, {"9999999", "9999999.0", 64}, {"0.001", "0.001", 64}, {"0.00012", "1.2E-4", 64},
		{"1.7976931348623157e308", "1.7976931348623157E308", 64}, {"1e999", "Infinity", 64}, {"NaN", "NaN", 64}, {"-Infinity", "-Infinity", 64},
		{"123456789012345678901234567890", "1.2345678901234568E29", 64}, {"0.30000000000000004", "0.30000000000000004", 64}, {"0.1", "0.1", 32}, {"16777217", "1.6777216E7", 32},
		{"0x10", "", 64}, {"1_0", "", 64}, {"inf", "", 64}, {"", "", 64}, {"1e", "", 64}, {"--1", "", 64}, {".", "", 64},
	} {
		f, ok := parseFloat([]byte(c.in), c.bits)
		got := ""
		if ok {
			got = string(appendFloat(nil, f, c.bits))
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}
