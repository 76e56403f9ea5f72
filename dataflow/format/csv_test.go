package format

import (
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func TestCSV(t *testing.T) {
	type table = map[string]string
	row := types.RowOf(types.Field{Name: "a", Type: types.TInt}, types.Field{Name: "b", Type: types.TString})
	for _, c := range []struct {
		name string
		cols []Column
		opt  table
		msg  string
		rows []string
		bads []string
	}{
		{"lines", beaconColumns, nil, "1,a,1.5\r\n\n-2,\"b,\"\"é\"\"\n\", 2 ", []string{`{"id":1,"name":"a","v":1.5}`, `{"id":-2,"name":"b,\"é\"\n","v":2.0}`}, nil},
		{"empty fields", beaconColumns, nil, ",,\n,\"\",", []string{`{"id":null,"name":"","v":null}`, `{"id":null,"name":"","v":null}`}, nil},
		{"null literal", beaconColumns, table{"csv.null-literal": "n/a"}, "n/a,n/a,n/a", []string{`{"id":null,"name":null,"v":null}`}, nil},
		{"empty null literal", beaconColumns, table{"csv.null-literal": ""}, "1,,\n1,\"\",", []string{`{"id":1,"name":null,"v":null}`, `{"id":1,"name":"","v":null}`}, nil},
		{"bad lines", beaconColumns, nil, "1,a\nx,b,1\n2,c,2\n3,\"d\"e,3\n4,\"open", []string{`{"id":2,"name":"c","v":2.0}`}, []string{
			`0 "1,a": a line has 2 fields where 3 are expected (at byte 0)`,
			`4 "x,b,1": field id: "x" is not of type BIGINT (at byte 4)`,
			`16 "3,\"d\"e,3": a delimiter or line end is expected behind a quoted field (at byte 21)`,
			`25 "4,\"open": a quoted field is not closed (at byte 27)`}},
		{"ignored", beaconColumns, table{"csv.ignore-parse-errors": "true"}, "1,a\nx,b,1,more\n", []string{`{"id":1,"name":"a","v":null}`, `{"id":null,"name":"b","v":1.0}`}, nil},
		{"other characters", beaconColumns, table{"csv.field-delimiter": `\t`, "csv.quote-character": "'", "csv.escape-character": `\`, "csv.allow-comments": "true"},
			"# a comment\n1\t'it\\'s\t\"x\"'\t1\n2\ta\\tb\\\tc\t2", []string{`{"id":1,"name":"it's\t\"x\"","v":1.0}`, `{"id":2,"name":"a\tb\tc","v":2.0}`}, nil},
		{"no quotes", beaconColumns, table{"csv.disable-quote-character": "true"}, `1,"a",2`, []string{`{"id":1,"name":"\"a\"","v":2.0}`}, nil},
		{"header", beaconColumns, table{"csv.header": "true"}, "name,extra,id\na,9,1\nb,9\n", []string{`{"id":1,"name":"a","v":null}`}, []string{`20 "b,9": a line has 2 fields where 3 are expected (at byte 20)`}},
		{"nested", columns("x", types.ArrayOf(types.TInt), "y", row), nil, "1;2;;3,5;z\n,\n1,7\n", []string{`{"x":[1,2,null,3],"y":{"a":5,"b":"z"}}`, `{"x":[],"y":null}`}, []string{
			`13 "1,7": field y: "7" is not of type ROW<` + "`a` INT, `b` STRING> (at byte 15)"}},
	} {
		for _, fill := range []int{0, vec.BatchSize - 1} {
			rows, bads, _ := decodeAll(t, "csv", Schema{Columns: c.cols}, c.opt, []byte(c.msg), fill)
			expect(t, c.name, rows, c.rows...)
			expect(t, c.name+", bad", bads, c.bads...)
		}
	}
	// A projection goes by the declared positions, nested fields included.
	s := Schema{Columns: columns("r.b", types.TString, "v", types.TInt), Declared: []types.Field{{Name: "id", Type: types.TInt}, {Name: "v", Type: types.TInt}, {Name: "r", Type: row}}}
	rows, bads, _ := decodeAll(t, "csv", s, nil, []byte("1,2,3;x\n4,5,\n"), 0)
	expect(t, "projection", rows, `{"r.b":"x","v":2}`, `{"r.b":null,"v":5}`)
	expect(t, "projection, bad", bads)
}

func TestCSVEncode(t *testing.T) {
	cols := columns("s", types.TString, "n", types.TInt, "a", types.ArrayOf(types.TString), "d", types.DecimalOf(12, 9))
	b := vec.NewBatch(columnTypes(cols))
	b.N = 3
	for i, s := range []string{"plain", "a,\"b\"\n", ""} {
		b.Cols[0].SetString(i, s)
		b.Cols[2].SetBytes(i, vec.AppendArray(nil, types.TString, []vec.Datum{vec.StringDatum("x"), vec.NullDatum}))
		b.Cols[3].I64[i] = 20
	}
	b.Cols[1].I64[0], b.Cols[1].I64[2] = 1, 3
	b.Cols[1].SetNull(1)
	for _, c := range []struct {
		opt  map[string]string
		want []string
	}{
		{nil, []string{`plain,1,x;,2.0E-8`, "\"a,\"\"b\"\"\n\",,x;,2.0E-8", `"",3,x;,2.0E-8`}},
		{map[string]string{"csv.null-literal": "null", "csv.escape-character": `\`, "csv.write-bigdecimal-in-scientific-notation": "false", "csv.array-element-delimiter": "|"},
			[]string{`plain,1,x|null,0.000000020`, "\"a,\\\"b\\\"\n\",null,x|null,0.000000020", `"",3,x|null,0.000000020`}},
		{map[string]string{"csv.disable-quote-character": "true", "csv.escape-character": `\`}, []string{`plain,1,x;,2.0E-8`, `a\,"b"\n,,x;,2.0E-8`, `,3,x;,2.0E-8`}},
	} {
		e, err := NewEncoder("csv", Schema{Columns: cols}, Options{Table: c.opt})
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.N {
			got, err := e.Append(nil, b, i)
			if err != nil || string(got) != c.want[i] {
				t.Errorf("%v row %d: %s %v, want %s", c.opt, i, got, err, c.want[i])
			}
		}
	}
	e, err := NewEncoder("csv", Schema{Columns: cols}, Options{Table: map[string]string{"csv.header": "true", "csv.disable-quote-character": "true"}})
	if err != nil || string(e.Framing().Header) != "s,n,a,d\n" {
		t.Errorf("header %q %v", e.Framing().Header, err)
	}
	if _, err := e.Append(nil, b, 1); err == nil {
		t.Error("a delimiter without quote and escape characters is written")
	}
}

func TestSplitter(t *testing.T) {
	for _, c := range []struct {
		format string
		opt    map[string]string
		data   string
		eof    bool
		n      int
		msg    string
	}{
		{"json", nil, "{}\n{}\n{", false, 6, "{}\n{}\n"}, {"json", nil, "{", false, 0, ""}, {"json", nil, "{", true, 1, "{"},
		{"csv", nil, "a,b\n\"x\ny\",\"", false, 4, "a,b\n"}, {"csv", nil, "a\"\nb\n", false, 5, "a\"\nb\n"}, {"csv", nil, "\"a\"\"\n\"\nb", false, 7, "\"a\"\"\n\"\n"},
		{"raw", nil, "one\ntwo\n", false, 4, "one"}, {"raw", nil, "one", true, 3, "one"},
		{"msgpack", nil, "\x01\x81\xa1a\x01\x82\xa1", false, 5, "\x01\x81\xa1a\x01"},
	} {
		s, err := NewSplitter(c.format, c.opt)
		if err != nil {
			t.Fatal(err)
		}
		n, msg := s.Next([]byte(c.data), c.eof)
		if n != c.n || string(msg) != c.msg {
			t.Errorf("%s %q: %d %q, want %d %q", c.format, c.data, n, msg, c.n, c.msg)
		}
	}
	s, err := NewSplitter("csv", map[string]string{"csv.header": "true"})
	if err != nil || !s.Header() || s.Line([]byte("a,\"\n\"\nb\n"), false) != 6 || s.Line([]byte("a"), false) != 0 || s.Line([]byte("a"), true) != 1 {
		t.Errorf("header line: %v", err)
	}
}

func TestRaw(t *testing.T) {
	type table = map[string]string
	for _, c := range []struct {
		t    types.Type
		opt  table
		in   string
		want string
	}{
		{types.TString, nil, "héllo\n", `{"x":"héllo\n"}`}, {types.TString, nil, "\xff", ""}, {types.TString, table{"raw.charset": "US-ASCII"}, "é", ""}, {types.TString, table{"raw.charset": "iso-8859-1"}, "h\xe9", `{"x":"hé"}`},
		{types.TString, table{"raw.charset": "UTF-16"}, "\xfe\xff\x00h\xd8\x3d\xde\x00", `{"x":"h😀"}`}, {types.TString, table{"raw.charset": "UTF-16LE"}, "h\x00", `{"x":"h"}`}, {types.TString, table{"raw.charset": "UTF-16BE"}, "h", ""},
		{types.TBytes, nil, "\xff", `{"x":"/w=="}`}, {types.TBoolean, nil, "\x02", `{"x":true}`}, {types.TTinyInt, nil, "\xff", `{"x":-1}`}, {types.TSmallInt, nil, "\x01\x02", `{"x":258}`},
		{types.TInt, table{"raw.endianness": "little-endian"}, "\x02\x01\x00\x00", `{"x":258}`}, {types.TBigInt, nil, "\xff\xff\xff\xff\xff\xff\xff\xfe", `{"x":-2}`}, {types.TBigInt, nil, "\x01", ""},
		{types.TFloat, nil, "\x3f\xc0\x00\x00", `{"x":1.5}`}, {types.TDouble, table{"raw.endianness": "little-endian"}, "\x00\x00\x00\x00\x00\x00\xf8\x3f", `{"x":1.5}`},
	} {
		s := Schema{Columns: columns("x", c.t)}
		rows, bads, stats := decodeAll(t, "raw", s, c.opt, []byte(c.in), 0)
		if c.want == "" {
			if len(rows) != 0 || len(bads) != 1 || stats.Undecodable != 1 {
				t.Errorf("%s from %q: %q %q", c.t, c.in, rows, bads)
			}
			continue
		}
		expect(t, c.in, rows, c.want)
		d, err := NewDecoder("raw", s, Options{Table: c.opt})
		if err != nil {
			t.Fatal(err)
		}
		e, err := NewEncoder("raw", s, Options{Table: c.opt})
		if err != nil {
			t.Fatal(err)
		}
		b := vec.NewBatch(columnTypes(s.Columns))
		d.Decode([]byte(c.in), b)
		if out, err := e.Append(nil, b, 0); err != nil || string(out) != c.in && c.t.Kind != types.Boolean {
			t.Errorf("%s encoded: %q %v, want %q", c.t, out, err, c.in)
		}
		b.N = vec.BatchSize
		if !d.Decode([]byte(c.in), b) {
			t.Error("a full batch takes a row")
		}
	}
	if _, err := NewDecoder("raw", Schema{Columns: beaconColumns}, Options{}); err == nil {
		t.Error("raw takes three columns")
	}
	if _, err := NewEncoder("raw", Schema{Columns: columns("x", types.TDate)}, Options{}); err == nil {
		t.Error("raw takes a DATE")
	}
}
