package format

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

var beaconColumns = columns("id", types.TBigInt, "name", types.TString, "v", types.TDouble)

func TestJSONFramings(t *testing.T) {
	one, two := `{"id":1,"name":"a","v":1.5}`, `{"v": 2, "id" : -2,"name":"b\u00e9"}`
	out1, out2 := `{"id":1,"name":"a","v":1.5}`, `{"id":-2,"name":"bé","v":2.0}`
	for _, msg := range []string{
		one + two, one + "\n" + two + "\n", "\ufeff " + one + "\r\n\r\n" + two, "[" + one + "," + two + "]",
		" [ " + one + " , " + two + " ] \n", "[" + one + "][]\n[" + two + ",]", one + "[" + two + "]",
	} {
		for _, fill := range []int{0, vec.BatchSize - 1} {
			rows, bads, stats := decodeAll(t, "json", Schema{Columns: beaconColumns}, nil, []byte(msg), fill)
			expect(t, msg, rows, out1, out2)
			if len(bads) > 0 || stats.Decoded != 2 || stats.Undecodable != 0 {
				t.Errorf("%s: bad %q, stats %+v", msg, bads, stats)
			}
		}
	}
	for _, msg := range []string{"", " \n ", "[]", "\ufeff"} {
		rows, bads, _ := decodeAll(t, "json", Schema{Columns: beaconColumns}, nil, []byte(msg), 0)
		if len(rows)+len(bads) != 0 {
			t.Errorf("%q: rows %q, bad %q", msg, rows, bads)
		}
	}
}

func TestJSONBadEvents(t *testing.T) {
	good := `{"id":1,"name":"a","v":1.5}`
	for _, c := range []struct {
		msg  string
		rows int
		bads []string
	}{
		{good + "\nnonsense\n" + good, 2, []string{`28 "nonsense": a JSON object is expected (at byte 28)`}},
		{good + "\n" + `{"id":"x","name":"b"}` + good, 2, []string{`28 "{\"id\":\"x\",\"name\":\"b\"}": field id: "x" is not of type BIGINT (at byte 34)`}},
		{"[" + good + `,7,{"id":9223372036854775808},` + good + "]", 2, []string{
			`29 "7": a JSON object is expected (at byte 29)`,
			`31 "{\"id\":9223372036854775808}": field id: "9223372036854775808" is not of type BIGINT (at byte 37)`}},
		{`{"id":1,` + "\n" + good, 1, []string{`0 "{\"id\":1,": a field name in quotes is expected (at byte 9)`}},
		{`{"id":1,"name":"open` + "\n" + good, 1, []string{`0 "{\"id\":1,\"name\":\"open": ',' or '}' is expected behind a value (at byte 23)`}},
		{good + " xyz", 1, []string{`28 "xyz": a JSON object is expected (at byte 28)`}},
		{"[" + good + ";" + good, 1, []string{`28 ";{\"id\":1,\"name\":\"a\",\"v\":1.5}": ',' or ']' is expected between events of an array (at byte 28)`}},
		{"[" + good, 1, []string{`28 "": the array of events is not closed (at byte 28)`}},
		{`{"id":01}`, 0, []string{`0 "{\"id\":01}": a number is malformed (at byte 6)`}},
		{`{"id":1 "v":2}`, 0, []string{`0 "{\"id\":1 \"v\":2}": ',' or '}' is expected behind a value (at byte 8)`}},
		{`{"id"=1}`, 0, []string{`0 "{\"id\"=1}": ':' is expected behind a field name (at byte 5)`}},
		{`{"name":"\x"}`, 0, []string{`0 "{\"name\":\"\\x\"}": a string has a wrong escape (at byte 8)`}},
		{"{\"name\":\"\xff\"}" + good, 1, []string{`0 "{\"name\":\"\xff\"}": field name: the text is not UTF-8 (at byte 8)`}},
		{`{"v":{"a":1}}`, 0, []string{`0 "{\"v\":{\"a\":1}}": field v: "{\"a\":1}" is not of type DOUBLE (at byte 5)`}},
		{`{"other":{"a":[}}`, 0, []string{`0 "{\"other\":{\"a\":[}}": a value is malformed, not closed, or nested too deep (at byte 9)`}},
		{"null", 0, []string{`0 "null": a JSON object is expected (at byte 0)`}},
	} {
		rows, bads, stats := decodeAll(t, "json", Schema{Columns: beaconColumns}, nil, []byte(c.msg), 0)
		expect(t, c.msg, bads, c.bads...)
		if len(rows) != c.rows || int(stats.Decoded) != c.rows || int(stats.Undecodable) != len(c.bads) {
			t.Errorf("%s: rows %q, stats %+v", c.msg, rows, stats)
		}
	}
	for _, row := range []string{`{"id":1,"name":"a","v":1.5}`} {
		deep := row[:len(row)-1] + `,"deep":` + strings.Repeat("[", jsonDepthMax+1) + strings.Repeat("]", jsonDepthMax+1) + "}"
		rows, bads, _ := decodeAll(t, "json", Schema{Columns: beaconColumns}, nil, []byte(deep), 0)
		if len(rows) != 0 || len(bads) != 1 {
			t.Errorf("deep nesting: %q %q", rows, bads)
		}
	}
}

func TestJSONValues(t *testing.T) {
	ts, ltz := types.TimestampOf(3), types.TimestampLTZOf(3)
	row := types.RowOf(types.Field{Name: "a", Type: types.TInt}, types.Field{Name: "b", Type: types.ArrayOf(types.TString)})
	iso := map[string]string{"json.timestamp-format.standard": "ISO-8601"}
	ignore := map[string]string{"json.ignore-parse-errors": "true"}
	for _, c := range []struct {
		t    types.Type
		opt  map[string]string
		in   string
		want string // "" means undecodable
	}{
		{types.TInt, nil, `12`, `12`}, {types.TInt, nil, `"12"`, `12`}, {types.TInt, nil, `" 12 "`, `12`}, {types.TInt, nil, `1.9`, `1`}, {types.TInt, nil, `2147483648`, ""},
		{types.TInt, nil, `"1.5"`, ""}, {types.TInt, nil, `true`, ""}, {types.TInt, nil, `null`, `null`}, {types.TTinyInt, nil, `128`, ""}, {types.TTinyInt, nil, `-128`, `-128`}, {types.TTinyInt, nil, `1.0`, ""},
		{types.TBigInt, nil, `-9223372036854775808`, `-9223372036854775808`}, {types.TBigInt, nil, `1e3`, `1000`}, {types.TBigInt, nil, `9223372036854775808`, ""}, {types.TBigInt, nil, `1e30`, ""},
		{types.TDouble, nil, `0.1`, `0.1`}, {types.TDouble, nil, `"1e3"`, `1000.0`}, {types.TDouble, nil, `"NaN"`, `"NaN"`}, {types.TDouble, nil, `5e-324`, `5.0E-324`},
		{types.TFloat, nil, `0.1`, `0.1`}, {types.TBoolean, nil, `true`, `true`}, {types.TBoolean, nil, `"False"`, `false`}, {types.TBoolean, nil, `1`, ""},
		{types.TString, nil, `1.50`, `"1.50"`}, {types.TString, nil, `true`, `"true"`}, {types.TString, nil, `{"a" : [1, "x y"]}`, `"{\"a\":[1,\"x y\"]}"`}, {types.TString, nil, `"\ud83d\ude00\ud83d\n"`, "\"😀�\\n\""},
		{types.DecimalOf(10, 2), nil, `27.104`, `27.10`}, {types.DecimalOf(10, 2), nil, `"1e2"`, `100.00`}, {types.DecimalOf(4, 2), nil, `100`, `null`}, {types.DecimalOf(30, 10), nil, `12345678901234567890.123`, `12345678901234567890.1230000000`},
		{types.DecimalOf(10, 9), nil, `0.00000002`, `2.0E-8`}, {types.DecimalOf(10, 9), map[string]string{"json.encode.decimal-as-plain-number": "true"}, `0.00000002`, `2.0E-8`},
		{types.TBytes, nil, `"aGk="`, `"aGk="`}, {types.TBytes, nil, `"a"`, ""}, {types.TBytes, nil, `5`, ""},
		{types.TDate, nil, `"2020-02-29"`, `"2020-02-29"`}, {types.TDate, nil, `"2020-2-29"`, ""}, {types.TTime, nil, `"10:11:12.5"`, `"10:11:12"`}, {types.Type{Kind: types.Time, Prec: 3}, nil, `"10:11:12.5"`, `"10:11:12.5"`},
		{ts, nil, `"2020-01-01 00:00:00.123"`, `"2020-01-01 00:00:00.123"`}, {ts, nil, `"2020-01-01T00:00:00.123"`, ""}, {ts, iso, `"2020-01-01T00:00:00.123"`, `"2020-01-01 00:00:00.123"`}, {ts, nil, `1577836800000`, ""},
		{ltz, nil, `"2020-01-01 00:00:00.123Z"`, `"2020-01-01 00:00:00.123Z"`}, {ltz, nil, `"2020-01-01 00:00:00.123"`, ""},
		{types.TimestampOf(9), nil, `"2020-01-01 00:00:00.123456789"`, `"2020-01-01 00:00:00.123456789"`},
		{row, nil, `{"b":["x",null,3],"z":{},"a":"7"}`, `{"a":7,"b":["x",null,"3"]}`}, {row, nil, `{}`, `{"a":null,"b":null}`}, {row, nil, `[]`, ""}, {row, nil, `{"a":"x"}`, ""},
		{row, ignore, `{"a":"x","b":{"no":1}}`, `{"a":null,"b":null}`}, {row, ignore, `7`, `null`}, {types.TInt, ignore, `"x"`, `null`},
		{types.ArrayOf(types.TInt), nil, `[1,null,"3"]`, `[1,null,3]`}, {types.ArrayOf(types.TInt), nil, `[ ]`, `[]`}, {types.ArrayOf(types.TInt), ignore, `[1,"x",3]`, `[1,null,3]`},
		{types.ArrayOf(types.ArrayOf(row)), nil, `[[{"a":1}],[]]`, `[[{"a":1,"b":null}],[]]`},
		{types.MapOf(types.TString, types.TInt), nil, `{"a":1,"b":null,"a":3}`, `{"a":3,"b":null}`}, {types.MapOf(types.TInt, types.TString), nil, `{"1":"x"}`, `{"1":"x"}`}, {types.MapOf(types.TString, types.TInt), nil, `{}`, `{}`},
		{types.MultisetOf(types.TString), nil, `{"a":2}`, `{"a":2}`},
	} {
		s := Schema{Columns: columns("x", c.t)}
		rows, bads, stats := decodeAll(t, "json", s, c.opt, []byte(`{"x":`+c.in+`}`), 0)
		got := ""
		if len(rows) == 1 {
			got = strings.TrimSuffix(strings.TrimPrefix(rows[0], `{"x":`), "}")
		}
		if got != c.want || (c.want == "") != (len(bads) == 1) {
			t.Errorf("%s from %s: %s, want %s (bad %q)", c.t, c.in, got, c.want, bads)
		}
		if c.opt != nil && c.want == "null" && stats.Mismatch[0] == 0 {
			t.Errorf("%s from %s: not counted as mismatch", c.t, c.in)
		}
	}
}

func TestJSONProjection(t *testing.T) {
	s := Schema{
		Columns: columns("a.b", types.TInt, "a.c.d", types.TString, "a.c", types.RowOf(types.Field{Name: "d", Type: types.TString}), "a.b", types.TInt),
		Declared: []types.Field{{Name: "unused", Type: types.TInt}, {Name: "a", Type: types.RowOf(types.Field{Name: "b", Type: types.TInt}, types.Field{Name: "skip", Type: types.TInt},
			types.Field{Name: "c", Type: types.RowOf(types.Field{Name: "d", Type: types.TString})})}},
	}
	msg := `{"unused":{"deep":[1,{"x":"}"}]},"a":{"skip":1,"b":5,"c":{"d":"x"},"new":1},"extra":2}
{"a":null}
{"a":{"b":"7","c":null,"b":8}}
{}`
	rows, bads, stats := decodeAll(t, "json", s, nil, []byte(msg), 0)
	expect(t, "rows", rows,
		`{"a.b":5,"a.c.d":"x","a.c":{"d":"x"},"a.b":5}`,
		`{"a.b":null,"a.c.d":null,"a.c":null,"a.b":null}`,
		`{"a.b":8,"a.c.d":null,"a.c":null,"a.b":8}`,
		`{"a.b":null,"a.c.d":null,"a.c":null,"a.b":null}`)
	expect(t, "bad", bads)
	if stats.Unknown != 2 || fmt.Sprint(stats.UnknownNames) != "[new extra]" || fmt.Sprint(stats.Missing) != "[1 1 1 0]" || stats.Mismatch[0] != 1 {
		t.Errorf("stats %+v", stats)
	}
	_, bads, _ = decodeAll(t, "json", s, map[string]string{"json.fail-on-missing-field": "true"}, []byte(`{"a":{"b":1}}`), 0)
	expect(t, "missing", bads, `0 "{\"a\":{\"b\":1}}": field a.c.d: the field is missing ('fail-on-missing-field') (at byte 0)`)
	_, bads, _ = decodeAll(t, "json", s, nil, []byte(`{"a":[1]}`), 0)
	expect(t, "not an object", bads, `0 "{\"a\":[1]}": field a.c.d: a JSON object is expected (at byte 5)`)
	if _, err := NewDecoder("json", Schema{Columns: columns("unused.x", types.TInt), Declared: s.Declared}, Options{}); err == nil {
		t.Error("a path below an INT")
	}
}

func TestJSONIgnoreParseErrors(t *testing.T) {
	rows, bads, stats := decodeAll(t, "json", Schema{Columns: beaconColumns}, map[string]string{"json.ignore-parse-errors": "true"},
		[]byte("{\"id\":\"x\",\"name\":\"a\",\"v\":[1]}\nnonsense\n{\"id\":2"), 0)
	expect(t, "rows", rows, `{"id":null,"name":"a","v":null}`)
	expect(t, "bad", bads)
	if stats.Decoded != 1 || stats.Undecodable != 2 || stats.Ignored != 2 {
		t.Errorf("stats %+v", stats)
	}
}

func TestJSONManyRowsResume(t *testing.T) {
	var msg strings.Builder
	msg.WriteByte('[')
	for i := range 3000 {
		if i > 0 {
			msg.WriteByte(',')
		}
		fmt.Fprintf(&msg, `{"id":%d,"name":"n\t%d","v":%d.25}`, i, i, i)
	}
	msg.WriteByte(']')
	rows, bads, stats := decodeAll(t, "json", Schema{Columns: beaconColumns}, nil, []byte(msg.String()), 100)
	if len(rows) != 3000 || len(bads) != 0 || stats.Decoded != 3000 || rows[2999] != `{"id":2999,"name":"n\t2999","v":2999.25}` {
		t.Errorf("%d rows, bad %q, stats %+v", len(rows), bads, stats)
	}
}

func TestJSONEncodeOptions(t *testing.T) {
	cols := columns("m", types.MapOf(types.TString, types.TInt), "n", types.TInt, "d", types.DecimalOf(10, 9))
	b := vec.NewBatch(columnTypes(cols))
	b.N = 1
	b.Cols[0].SetBytes(0, vec.AppendMap(nil, types.TString, types.TInt, []vec.Datum{vec.StringDatum("k\x01\""), vec.NullDatum}, []vec.Datum{vec.IntDatum(1), vec.IntDatum(2)}))
	b.Cols[1].SetNull(0)
	b.Cols[2].I64[0] = 20
	for _, c := range []struct {
		opt  map[string]string
		want string
	}{
		{map[string]string{"json.map-null-key.mode": "DROP"}, `{"m":{"k\u0001\"":1},"n":null,"d":2.0E-8}`},
		{map[string]string{"json.map-null-key.mode": "LITERAL", "json.map-null-key.literal": "none", "json.encode.ignore-null-fields": "true", "json.encode.decimal-as-plain-number": "true"}, `{"m":{"k\u0001\"":1,"none":2},"d":0.000000020}`},
		{nil, ""},
	} {
		e, err := NewEncoder("json", Schema{Columns: cols}, Options{Table: c.opt})
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Append(nil, b, 0)
		if (err != nil) != (c.want == "") || err == nil && string(got) != c.want {
			t.Errorf("%v: %s %v, want %s", c.opt, got, err, c.want)
		}
	}
}
