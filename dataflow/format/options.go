package format

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/nearest"
)

// Key is an option of a format.
type Key struct {
	Name, Default, Doc string
}

// checkKeys reports the first key "<format>.x" that the format does not have.
func checkKeys(format string, keys []Key, table map[string]string) error {
	known := make([]string, len(keys))
	for i, k := range keys {
		known[i] = k.Name
	}
	var unknown []string
	for k := range table {
		if strings.HasPrefix(k, format+".") && !contains(known, k) {
			unknown = append(unknown, k)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	sort.Strings(unknown)
	if n := nearest.Name(unknown[0], known); n != "" {
		return fmt.Errorf("unknown option '%s'; did you mean '%s'?", unknown[0], n)
	}
	return fmt.Errorf("unknown option '%s'; format %s has %s", unknown[0], format, strings.Join(known, ", "))
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// reader takes options out of a table's map and keeps the first error.
type reader struct {
	table map[string]string
	err   error
}

func (r *reader) fail(key, value, want string) {
	if r.err == nil {
		r.err = fmt.Errorf("option '%s': %q is not %s", key, value, want)
	}
}

func (r *reader) text(key, def string) string {
	if v, ok := r.table[key]; ok {
		return v
	}
	return def
}

func (r *reader) flag(key string, def bool) bool {
	v, ok := r.table[key]
	if !ok {
		return def
	}
	b, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(v)))
	if err != nil {
		r.fail(key, v, "true or false")
	}
	return b
}

// choice returns the index of the value among the names, compared without case.
func (r *reader) choice(key string, names ...string) int {
	v, ok := r.table[key]
	if !ok {
		return 0
	}
	for i, n := range names {
		if strings.EqualFold(v, n) {
			return i
		}
	}
	r.fail(key, v, "one of "+strings.Join(names, ", "))
	return 0
}

// char reads a one-byte character; backslash escapes such as \t are understood.
func (r *reader) char(key string, def byte) byte {
	v, ok := r.table[key]
	if !ok {
		return def
	}
	s := unescapeOption(v)
	if len(s) != 1 {
		r.fail(key, v, "one ASCII character")
		return def
	}
	return s[0]
}

// unescapeOption turns the written forms \t, \n, \r, \\ and \uXXXX into their characters.
func unescapeOption(s string) string {
	if len(s) > 1 && s[0] == '\\' {
		if u, err := strconv.Unquote(`"` + s + `"`); err == nil {
			return u
		}
	}
	return s
}

// timeStandard is the written form of timestamps.
type timeStandard uint8

const (
	standardSQL timeStandard = iota
	standardISO
	standardISOOffset
)

const (
	nullKeyFail = iota
	nullKeyDrop
	nullKeyLiteral
)

var jsonKeys = []Key{
	{"json.ignore-parse-errors", "false", "a field that cannot be read is NULL, an event that cannot be read is dropped (and counted)"},
	{"json.fail-on-missing-field", "false", "an event without a field of the table is undecodable"},
	{"json.timestamp-format.standard", "SQL", "SQL (2020-01-01 00:00:00.123), ISO-8601 (with T) or ISO-8601-WITH-OFFSET"},
	{"json.map-null-key.mode", "FAIL", "a NULL key of a MAP when encoding: FAIL, DROP or LITERAL"},
	{"json.map-null-key.literal", "null", "the key written by mode LITERAL"},
	{"json.encode.decimal-as-plain-number", "false", "DECIMAL never in scientific notation"},
	{"json.encode.ignore-null-fields", "false", "NULL fields are left out"},
	{"json.decode.json-parser.enabled", "true", "accepted for compatibility; there is one decoder"},
}

type jsonOptions struct {
	ignore, failMissing     bool
	standard                timeStandard
	nullKeyMode             int
	nullKey                 string
	plainDecimal, dropNulls bool
}

func parseJSONOptions(table map[string]string) (jsonOptions, error) {
	r := reader{table: table}
	o := jsonOptions{
		ignore:       r.flag("json.ignore-parse-errors", false),
		failMissing:  r.flag("json.fail-on-missing-field", false),
		standard:     timeStandard(r.choice("json.timestamp-format.standard", "SQL", "ISO-8601", "ISO-8601-WITH-OFFSET")),
		nullKeyMode:  r.choice("json.map-null-key.mode", "FAIL", "DROP", "LITERAL"),
		nullKey:      r.text("json.map-null-key.literal", "null"),
		plainDecimal: r.flag("json.encode.decimal-as-plain-number", false),
		dropNulls:    r.flag("json.encode.ignore-null-fields", false),
	}
	r.flag("json.decode.json-parser.enabled", true)
	if r.err == nil && o.ignore && o.failMissing {
		r.err = fmt.Errorf("options 'json.fail-on-missing-field' and 'json.ignore-parse-errors' cannot both be true")
	}
	return o, r.err
}

var msgpackKeys = []Key{
	{"msgpack.ignore-parse-errors", "false", "a field that cannot be read is NULL, an event that cannot be read is dropped (and counted)"},
	{"msgpack.fail-on-missing-field", "false", "an event without a field of the table is undecodable"},
	{"msgpack.encode", "map", "rows as map (by name) or as array (by position)"},
}

type msgpackOptions struct {
	ignore, failMissing, array bool
}

func parseMsgpackOptions(table map[string]string) (msgpackOptions, error) {
	r := reader{table: table}
	o := msgpackOptions{
		ignore:      r.flag("msgpack.ignore-parse-errors", false),
		failMissing: r.flag("msgpack.fail-on-missing-field", false),
		array:       r.choice("msgpack.encode", "map", "array") == 1,
	}
	if r.err == nil && o.ignore && o.failMissing {
		r.err = fmt.Errorf("options 'msgpack.fail-on-missing-field' and 'msgpack.ignore-parse-errors' cannot both be true")
	}
	return o, r.err
}

var csvKeys = []Key{
	{"csv.field-delimiter", ",", "between fields"},
	{"csv.disable-quote-character", "false", "no character quotes"},
	{"csv.quote-character", `"`, "around fields that hold a delimiter"},
	{"csv.allow-comments", "false", "lines that start with # are skipped"},
	{"csv.ignore-parse-errors", "false", "a field that cannot be read is NULL, a line that cannot be read is dropped (and counted)"},
	{"csv.array-element-delimiter", ";", "between the elements of an ARRAY or the fields of a ROW"},
	{"csv.escape-character", "", "takes the special meaning from the next character"},
	{"csv.null-literal", "", "the text that stands for NULL"},
	{"csv.write-bigdecimal-in-scientific-notation", "true", "DECIMAL may be written as 1E-8"},
	{"csv.header", "false", "the first line names the columns"},
}

type csvOptions struct {
	delim, quote, escape byte // quote and escape are 0 when there is none
	comments, ignore     bool
	elemDelim            string
	null                 string
	hasNull              bool
	scientific, header   bool
}

func parseCSVOptions(table map[string]string) (csvOptions, error) {
	r := reader{table: table}
	o := csvOptions{
		delim:      r.char("csv.field-delimiter", ','),
		quote:      r.char("csv.quote-character", '"'),
		escape:     r.char("csv.escape-character", 0),
		comments:   r.flag("csv.allow-comments", false),
		ignore:     r.flag("csv.ignore-parse-errors", false),
		elemDelim:  unescapeOption(r.text("csv.array-element-delimiter", ";")),
		null:       r.text("csv.null-literal", ""),
		scientific: r.flag("csv.write-bigdecimal-in-scientific-notation", true),
		header:     r.flag("csv.header", false),
	}
	_, o.hasNull = table["csv.null-literal"]
	_, quoted := table["csv.quote-character"]
	if r.flag("csv.disable-quote-character", false) {
		if quoted && r.err == nil {
			r.err = fmt.Errorf("option 'csv.quote-character' has no meaning with 'csv.disable-quote-character'")
		}
		o.quote = 0
	}
	if r.err == nil && o.elemDelim == "" {
		r.fail("csv.array-element-delimiter", "", "a text")
	}
	for _, c := range []byte{o.quote, o.escape, '\n', '\r'} {
		if r.err == nil && o.delim == c {
			r.fail("csv.field-delimiter", string(o.delim), "different from the quote and escape characters and the line end")
		}
	}
	return o, r.err
}

var rawKeys = []Key{
	{"raw.charset", "UTF-8", "of a text: UTF-8, US-ASCII, ISO-8859-1, UTF-16, UTF-16BE or UTF-16LE"},
	{"raw.endianness", "big-endian", "of a number: big-endian or little-endian"},
}

type rawOptions struct {
	charset int
	little  bool
}

func parseRawOptions(table map[string]string) (rawOptions, error) {
	r := reader{table: table}
	o := rawOptions{
		charset: r.choice("raw.charset", "UTF-8", "US-ASCII", "ISO-8859-1", "UTF-16", "UTF-16BE", "UTF-16LE"),
		little:  r.choice("raw.endianness", "big-endian", "little-endian") == 1,
	}
	return o, r.err
}
