package format

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Values decodes single values of events, for code that finds its way through events by
// itself: what such code has no short form for is read here, by the rules of the decoder.
// Counts are held back until Commit, since an event may yet be left to the decoder.
type Values struct {
	d     valueDecoder
	c     *core
	stats *Stats
	// counted tells that counts wait for Commit or Begin.
	counted bool
}

// valueDecoder is a decoder that can be asked for the value at a place.
type valueDecoder interface {
	base() *core
	// datum decodes the value at i for a column and returns its end, or -1.
	datum(ci int32, i int) (vec.Datum, int)
}

func (c *core) base() *core { return c }

// NewValues makes the Values of a format that counts in the stats of a decoder of the same
// schema and options.
func NewValues(format string, s Schema, o Options, stats *Stats) (*Values, error) {
	d, err := NewDecoder(format, s, o)
	if err != nil {
		return nil, err
	}
	v, ok := d.(valueDecoder)
	if !ok {
		return nil, fmt.Errorf("format %s has no values to decode one by one", format)
	}
	v.base().names = stats
	return &Values{d: v, c: v.base(), stats: stats}, nil
}

// Begin begins an event: bytes of values of the last one are no longer valid, and counts
// that wait are dropped.
func (v *Values) Begin() {
	v.c.begin(0)
	if v.counted {
		v.counted = false
		clear(v.c.stats.Mismatch)
		v.c.stats.Unknown = 0
	}
}

// Limit is that of Limited: a value that is larger cannot be read.
func (v *Values) Limit(n int) { v.c.Limit(n) }

// Value decodes the value of a column that begins at i, and returns where it ends. end is
// -1 when it cannot be read, and when a field of it is unknown whose name the stats do not
// hold yet. Bytes lie in the message or are valid until Begin.
func (v *Values) Value(col int, msg []byte, i int) (d vec.Datum, end int) {
	c := v.c
	c.msg, c.cur = msg, int32(col)
	mismatch, unknown := c.stats.Mismatch[col], c.stats.Unknown
	d, end = v.d.datum(int32(col), i)
	if c.unnoted {
		c.unnoted, end = false, -1
	}
	if end < 0 {
		c.stats.Mismatch[col], c.stats.Unknown = mismatch, unknown
		c.stack = c.stack[:0]
		return d, -1
	}
	v.counted = v.counted || c.stats.Mismatch[col] != mismatch || c.stats.Unknown != unknown
	return d, end
}

// Commit adds the counts of the event's values.
func (v *Values) Commit() {
	if !v.counted {
		return
	}
	for i, n := range v.c.stats.Mismatch {
		v.stats.Mismatch[i] += n
	}
	v.stats.Unknown += v.c.stats.Unknown
	v.Begin()
}

// Noted tells whether an unknown field's name has been dealt with, since it is among
// UnknownNames or there is no room, so that only Unknown counts when it is met again.
func (s *Stats) Noted(name []byte) bool {
	for _, n := range s.UnknownNames {
		if n == string(name) {
			return true
		}
	}
	return len(s.UnknownNames) == unknownNamesMax
}

func (d *jsonDecoder) datum(ci int32, i int) (vec.Datum, int) { return d.value(d.cols[ci].ct, i) }

func (d *msgpackDecoder) datum(ci int32, i int) (vec.Datum, int) { return d.value(d.cols[ci].ct, i) }

// datum decodes the field at i; its end is that of its delimiter or of its line.
func (d *csvDecoder) datum(ci int32, i int) (vec.Datum, int) {
	f, end := d.field(i)
	if end < 0 {
		return vec.NullDatum, -1
	}
	ct, s := d.cols[ci].ct, d.text(f)
	switch {
	case d.isNull(s, f):
		return vec.NullDatum, end
	case ct.op == opString:
		if !validText(s, charsetUTF8) {
			return vec.NullDatum, -1
		}
		return vec.Datum{B: s}, end
	case ct.op == opBytes && f.quoted && len(s) == 0:
		return vec.Datum{B: s}, end
	}
	v, ok := d.fieldValue(ct, s)
	if !ok {
		return v, -1
	}
	return v, end
}

// SkipJSON is the end of the JSON value at i, found by its structure alone, or -1.
func SkipJSON(b []byte, i int) int { return skipValue(b, i) }

// SkipMsgpack is the end of the msgpack value at i, or -1.
func SkipMsgpack(b []byte, i int) int { return skipMsgpack(b, i) }

// Date reads yyyy-MM-dd, as days since 1970.
func Date(s []byte) (days int64, ok bool) {
	days, rest, ok := parseDate(s)
	return days, ok && len(rest) == 0
}

// Strict tells that an event without a field of the table is undecodable.
func Strict(format string, table map[string]string) (bool, error) {
	switch format {
	case "json":
		o, err := parseJSONOptions(table)
		return o.failMissing, err
	case "msgpack":
		o, err := parseMsgpackOptions(table)
		return o.failMissing, err
	}
	return false, nil
}

// TimeForm is how a format writes timestamps: the letter between date and time of day, and
// whether one of TIMESTAMP type may end in its offset.
func TimeForm(format string, table map[string]string) (sep byte, offset bool, err error) {
	if format != "json" {
		return ' ', false, nil
	}
	o, err := parseJSONOptions(table)
	if o.standard == standardSQL {
		return ' ', false, err
	}
	return 'T', o.standard == standardISOOffset, err
}

// CSVForm is what a line of CSV looks like.
type CSVForm struct {
	// Delimiter stands between fields, Quote around some (0: none), Escape before what it
	// takes the meaning from (0: none).
	Delimiter, Quote, Escape byte
	// Null stands for NULL when HasNull.
	Null    string
	HasNull bool
	// Header tells that the first line of a message names the columns.
	Header bool
}

// CSVFormOf is that of a table.
func CSVFormOf(table map[string]string) (CSVForm, error) {
	o, err := parseCSVOptions(table)
	return CSVForm{Delimiter: o.delim, Quote: o.quote, Escape: o.escape, Null: o.null, HasNull: o.hasNull, Header: o.header}, err
}
