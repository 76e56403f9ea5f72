package fused

import (
	"fmt"
	"math"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// reading is a short form of a type, and what the format's decoder makes of the same bytes.
type reading struct {
	format string
	t      types.Type
	table  map[string]string
	read   func(b []byte, i int) (vec.Datum, int)
	values *format.Values
	stats  format.Stats
}

func ofInt(f func(b []byte, i int) (int64, int)) func(b []byte, i int) (vec.Datum, int) {
	return func(b []byte, i int) (vec.Datum, int) {
		v, end := f(b, i)
		return vec.Datum{I: v}, end
	}
}

func ofFloat(f func(b []byte, i int) (float64, int)) func(b []byte, i int) (vec.Datum, int) {
	return func(b []byte, i int) (vec.Datum, int) {
		v, end := f(b, i)
		return vec.Datum{F: v}, end
	}
}

// readings are all short forms.
func readings(t testing.TB) map[string]*reading {
	t.Helper()
	var day Day
	iso := map[string]string{"json.timestamp-format.standard": "ISO-8601"}
	all := map[string]*reading{
		"JSONString": {format: "json", t: types.TString, read: func(b []byte, i int) (vec.Datum, int) {
			end := JSONString(b, i)
			if end < 0 {
				return vec.Datum{}, -1
			}
			return vec.Datum{B: b[i+1 : end-1]}, end
		}},
		"JSONInt":     {format: "json", t: types.TBigInt, read: ofInt(JSONInt)},
		"JSONBool":    {format: "json", t: types.TBoolean, read: ofInt(JSONBool)},
		"JSONFloat":   {format: "json", t: types.TDouble, read: ofFloat(JSONFloat)},
		"JSONFloat32": {format: "json", t: types.TFloat, read: ofFloat(JSONFloat32)},
		"JSONDate":    {format: "json", t: types.TDate, read: ofInt(day.JSONDate)},
		"JSONStamp":   {format: "json", t: types.TimestampOf(3), read: ofInt(func(b []byte, i int) (int64, int) { return day.JSONStamp(b, i, ' ', false, 3) })},
		"JSONStampISO": {format: "json", t: types.TimestampLTZOf(6), table: iso,
			read: ofInt(func(b []byte, i int) (int64, int) { return day.JSONStamp(b, i, 'T', true, 6) })},
		"MsgpackText": {format: "msgpack", t: types.TString, read: func(b []byte, i int) (vec.Datum, int) {
			start, end := MsgpackText(b, i)
			if end < 0 {
				return vec.Datum{}, -1
			}
			return vec.Datum{B: b[start:end]}, end
		}},
		"MsgpackInt":   {format: "msgpack", t: types.TBigInt, read: ofInt(MsgpackInt)},
		"MsgpackBool":  {format: "msgpack", t: types.TBoolean, read: ofInt(MsgpackBool)},
		"MsgpackFloat": {format: "msgpack", t: types.TDouble, read: ofFloat(MsgpackFloat)},
		"CSVText": {format: "csv", t: types.TString, read: func(b []byte, i int) (vec.Datum, int) {
			start, end, next := CSVText(b, i, ',', '"')
			if next < 0 {
				return vec.Datum{}, -1
			}
			return vec.Datum{B: b[start:end]}, next
		}},
		"CSVInt":   {format: "csv", t: types.TBigInt, read: ofInt(func(b []byte, i int) (int64, int) { return CSVInt(b, i, ',') })},
		"CSVBool":  {format: "csv", t: types.TBoolean, read: ofInt(func(b []byte, i int) (int64, int) { return CSVBool(b, i, ',') })},
		"CSVFloat": {format: "csv", t: types.TDouble, read: ofFloat(func(b []byte, i int) (float64, int) { return CSVFloat(b, i, ',') })},
		"CSVDate":  {format: "csv", t: types.TDate, read: ofInt(func(b []byte, i int) (int64, int) { return day.CSVDate(b, i, ',') })},
		"CSVStamp": {format: "csv", t: types.TimestampLTZOf(3), read: ofInt(func(b []byte, i int) (int64, int) { return day.CSVStamp(b, i, true, 3, ',') })},
	}
	for prec := range 7 {
		unit := int64(math.Pow10(6 - prec))
		all[fmt.Sprint("MsgpackStamp", prec)] = &reading{format: "msgpack", t: types.TimestampOf(prec), read: ofInt(func(b []byte, i int) (int64, int) { return MsgpackStamp(b, i, unit) })}
	}
	for _, d := range [][2]int{{1, 0}, {5, 5}, {9, 2}, {18, 0}, {18, 9}, {18, 18}} {
		all[fmt.Sprint("JSONDecimal", d)] = &reading{format: "json", t: types.DecimalOf(d[0], d[1]), read: ofInt(func(b []byte, i int) (int64, int) { return JSONDecimal(b, i, d[0], d[1]) })}
		all[fmt.Sprint("CSVDecimal", d)] = &reading{format: "csv", t: types.DecimalOf(d[0], d[1]), read: ofInt(func(b []byte, i int) (int64, int) { return CSVDecimal(b, i, d[0], d[1], ',') })}
	}
	for _, d := range [][2]int{{19, 0}, {20, 10}, {38, 18}, {38, 30}} {
		wide := func(f func(b []byte, i int) (int64, int64, int)) func(b []byte, i int) (vec.Datum, int) {
			return func(b []byte, i int) (vec.Datum, int) {
				lo, hi, end := f(b, i)
				return vec.Datum{I: lo, Hi: hi}, end
			}
		}
		all[fmt.Sprint("JSONWide", d)] = &reading{format: "json", t: types.DecimalOf(d[0], d[1]), read: wide(func(b []byte, i int) (int64, int64, int) { return JSONWide(b, i, d[0], d[1]) })}
		all[fmt.Sprint("CSVWide", d)] = &reading{format: "csv", t: types.DecimalOf(d[0], d[1]), read: wide(func(b []byte, i int) (int64, int64, int) { return CSVWide(b, i, d[0], d[1], ',') })}
	}
	for name, r := range all {
		r.stats = format.Stats{Mismatch: make([]uint64, 1), Missing: make([]uint64, 1)}
		var err error
		if r.values, err = format.NewValues(r.format, format.Schema{Columns: []format.Column{{Name: "c", Type: r.t}}}, format.Options{Table: r.table}, &r.stats); err != nil {
			t.Fatal(name, err)
		}
	}
	return all
}

// check compares a short form with the format's, which must not count a mismatch, and tells
// whether the short form has read anything.
func (r *reading) check(t testing.TB, name string, b []byte, i int) bool {
	t.Helper()
	got, end := r.read(b, i)
	if end < 0 {
		return false
	}
	r.values.Begin()
	want, at := r.values.Value(0, b, i)
	r.values.Commit()
	if at != end || want.Null || got.I != want.I || r.t.Phys() == types.Wide && got.Hi != want.Hi || string(got.B) != string(want.B) || math.Float64bits(got.F) != math.Float64bits(want.F) || r.stats.Mismatch[0] != 0 {
		t.Fatalf("%s of %q at %d is %+v to %d; the decoder has %+v to %d, %+v", name, b, i, got, end, want, at, r.stats)
	}
	return true
}

// texts are values that a short form reads, for one at least.
var texts = []string{
	`"text",`, `"longer than eight bytes",`, `"é",`, `"a\n",`, `"`, `12,`, `-7}`, `123456789012345678,`, `1234567890123456789,`, `00,`, `-0,`, `1.5,`, `-0.0,`, `1e3,`, `0.1,`, `.5,`, `5.,`, `99999.99,`,
	`9007199254740993,`, `-12345678901.12345678,`, `0.12345678901234567,`, `0.12345678901234567890,`, `9999999999999999999,`, `0.000000000000000001,`, `true,`, `false}`, `"2024-02-29",`, `"2023-02-29",`, `2024-03-30,`, `"2024-03-30 12:34:56.789",`, `"2024-03-30T12:34:56.789012Z",`,
	`2024-03-30 12:34:56.7Z,`, `"quoted",x`, `"quo""ted",`, "a\rb\r\n", "é,", "\xff,", `,`, "",
	"\xa4text, and more than 16 bytes", "\xacabcdefgé123, and more than 16 bytes", "\xb0abcdefgh1234567\x7f, more", "\xb0abcdefgh1234567\xff, more", "\xa9abcdefgh\xff and more bytes", "\xa8abcdefgh\xff and more bytes", "\xa0\xff and more than 16 bytes",
	"\xb1abcdefgh123456789, more", "\xa4text", "\xd9\x04text", "\xd9\x05text", "\xa2é", "\xa1\xff", "\x05", "\xff", "\xcc\xff", "\xcd\xff\xff", "\xce\xff\xff\xff\xff", "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff",
	"\xcf\x80\x00\x00\x00\x00\x00\x00\x00", "\xd0\x80", "\xd1\x80\x00", "\xd2\x80\x00\x00\x00", "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "\xc2", "\xc3",
	"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", "\xca\x3f\xc0\x00\x00", "\xd6\xff\x65\x00\x00\x00", "\xd7\xff\x12\x34\x56\x78\x65\x00\x00\x00", "\xd7\xff\xee\x6b\x28\x00\x65\x00\x00\x00", "\xd7\xff\xee\x6b\x27\xff\x65\x00\x00\x00",
}

func TestShortForms(t *testing.T) {
	for name, r := range readings(t) {
		read := 0
		for _, s := range texts {
			for n := range len(s) + 1 {
				if r.check(t, name, []byte(s[:n]), 0) {
					read++
				}
			}
			if r.check(t, name, []byte("x"+s), 1) {
				read++
			}
		}
		if read == 0 {
			t.Errorf("%s reads nothing", name)
		}
	}
}

// FuzzShortForms: what a short form reads, the decoder reads the same.
func FuzzShortForms(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(s), uint8(0))
	}
	all := readings(f)
	f.Fuzz(func(t *testing.T, b []byte, i uint8) {
		if int(i) > len(b) {
			return
		}
		for name, r := range all {
			r.check(t, name, b, int(i))
		}
	})
}

// FuzzSkip: the end of a value that is skipped is the decoder's, and keys stand where the
// value behind them begins.
func FuzzSkip(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(s), uint8(0))
	}
	f.Add([]byte(`{"a":[1,"\"]"]},`), uint8(0))
	f.Add([]byte("\x82\xa1a\x01\xa1b\x92\xc0\xc4\x01x"), uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, at uint8) {
		i := int(at)
		if i > len(b) {
			return
		}
		if got, want := JSONSkip(b, i), format.SkipJSON(b, i); got != want {
			t.Fatalf("JSON %q at %d ends at %d, not %d", b, i, got, want)
		}
		if got, want := MsgpackSkip(b, i), format.SkipMsgpack(b, i); got != want {
			t.Fatalf("msgpack %x at %d ends at %d, not %d", b, i, got, want)
		}
		if start, end, next := CSVText(b, i, ',', '"'); next >= 0 && (start < i || end < start || next < end || next > len(b) || CSVSkip(b, i, ',', '"') != next) {
			t.Fatalf("CSV %q at %d: %d %d %d", b, i, start, end, next)
		}
	})
}

// Keys are found in any order of the last two shapes, and what is no key is none.
func TestKeys(t *testing.T) {
	stats := &format.Stats{}
	var s Keys
	s.Bind(stats, "a", "", "name")
	for range 3 {
		for _, order := range [][]struct {
			raw   string
			field int
		}{{{"{\"a\": ", 0}, {" ,\"name\":", 2}, {", \"\" : ", 1}, {"}", Closed}}, {{"{\"name\":", 2}, {",\"a\":", 0}, {" }", Closed}}, {{"{}", Closed}}, {{"{\"\":", 1}}} {
			for k, want := range order {
				b := []byte("x" + want.raw + "1")
				if field, at := s.JSON(k, b, 1); field != want.field || at != len(b)-1 {
					t.Fatalf("%q is %d at %d", b, field, at)
				}
			}
		}
	}
	for _, b := range []string{"", "{", "{1", `{"a`, `{"a"`, `{"a"1`, `{"\u0061":1`, "{\"\xff\":1", `{"new":1`, `,"a":1`} {
		if field, at := s.JSON(0, []byte(b), 0); at >= 0 {
			t.Errorf("%q is %d at %d", b, field, at)
		}
	}
	stats.UnknownNames = []string{"new"}
	if field, at := s.JSON(0, []byte(`{"new":1`), 0); field != -1 || at != 7 {
		t.Error(field, at)
	}

	var m Keys
	m.Bind(stats, "a", "", "name")
	for range 3 {
		for _, order := range [][]struct {
			raw   string
			field int
		}{{{"\xa1a", 0}, {"\xa4name", 2}, {"\xa0", 1}}, {{"\xd9\x04name", 2}, {"\xc4\x01a", 0}}, {{"\xa0", 1}, {"\xa3new", -1}}} {
			for k, want := range order {
				b := []byte("x" + want.raw + "\x01")
				if field, at := m.Msgpack(k, b, 1); field != want.field || at != len(b)-1 {
					t.Fatalf("%q is %d at %d", b, field, at)
				}
			}
		}
	}
	for _, b := range []string{"", "\x00", "\xc1", "\xa2a", "\xa1b", "\xd9", "\x91\xa1a", "\xc0"} {
		for k := range 4 {
			if field, at := m.Msgpack(k, []byte(b), 0); at >= 0 {
				t.Errorf("%q is %d at %d", b, field, at)
			}
		}
	}
}
