package format

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

var fuzzSchema = Schema{Columns: columns("id", types.TBigInt, "s", types.TString, "f", types.TDouble, "b", types.TBoolean, "d", types.DecimalOf(25, 5), "ts", types.TimestampOf(9),
	"bin", types.TBytes, "date", types.TDate, "arr", types.ArrayOf(types.TString), "row", types.RowOf(types.Field{Name: "x", Type: types.TInt}, types.Field{Name: "y", Type: types.MapOf(types.TString, types.TDouble)}), "deep.er", types.TInt)}

const fuzzSeed = `{"id":-7,"s":"a\u00e9\n","f":1.5e-3,"b":true,"d":-12345.67891,"ts":"2020-01-01 00:00:00.123456789","bin":"aGk=","date":"1969-12-31","arr":["x",null,""],"row":{"x":1,"y":{"k":2.5}},"deep":{"er":5},"more":[1,{}]}`

// events decodes a message and re-encodes each row in the given format; it checks that
// every event is counted once.
func events(t *testing.T, format string, msg []byte, to string, table map[string]string) (out [][]byte, bads int) {
	s := fuzzSchema
	if format == "csv" || to == "csv" {
		s.Columns = s.Columns[:9]
	}
	flat := Schema{Columns: append([]Column(nil), s.Columns...)}
	for i := range flat.Columns {
		flat.Columns[i].Path = nil
	}
	if to != "" {
		table = map[string]string{"json.map-null-key.mode": "LITERAL"}
	}
	d, err := NewDecoder(format, s, Options{Table: table, OnBad: func([]byte, int, error) { bads++ }})
	if err != nil {
		t.Fatal(err)
	}
	if to == "" {
		to = format
	}
	e, err := NewEncoder(to, flat, Options{Table: map[string]string{"json.map-null-key.mode": "LITERAL"}})
	if err != nil {
		t.Fatal(err)
	}
	b := vec.NewBatch(columnTypes(s.Columns))
	for more := d.Decode(msg, b); ; more = d.Resume(b) {
		for i := range b.N {
			row, err := e.Append(nil, b, i)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, row)
		}
		b.Reset()
		if !more {
			break
		}
	}
	if st := d.Stats(); int(st.Decoded) != len(out) || int(st.Undecodable) != bads {
		t.Fatalf("%d rows, %d bad, stats %+v", len(out), bads, st)
	}
	return out, bads
}

// again decodes an encoded row whose nested column stands under its flat name.
func again(t *testing.T, format string, row []byte) []byte {
	s := Schema{Columns: append([]Column(nil), fuzzSchema.Columns...)}
	if format == "csv" {
		s.Columns = s.Columns[:9]
	}
	for i := range s.Columns {
		s.Columns[i].Path = nil
	}
	d, err := NewDecoder(format, s, Options{OnBad: func(event []byte, _ int, reason error) { t.Fatalf("%q does not decode again: %v", event, reason) }})
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEncoder(format, s, Options{Table: map[string]string{"json.map-null-key.mode": "LITERAL"}})
	if err != nil {
		t.Fatal(err)
	}
	b := vec.NewBatch(columnTypes(s.Columns))
	if d.Decode(row, b); b.N != 1 {
		t.Fatalf("%q decodes to %d rows", row, b.N)
	}
	out, err := e.Append(nil, b, 0)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzJSON: nothing panics, a decoded row survives encoding and decoding, and a valid
// object is never refused as malformed.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{fuzzSeed, "[" + fuzzSeed + "," + fuzzSeed + "]", fuzzSeed[:50], `{"s":"\ud83d\ude00"}`, `{"id":"1","f":"NaN","b":"true"}{"id":1.5}`, `{"row":{"y":{"a":1,"a":2}}}`, "{}\nx\n{}", `{"\u0069d":3}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		rows, _ := events(t, "json", msg, "", nil)
		for _, row := range rows {
			if !json.Valid(row) {
				t.Fatalf("%q is not JSON", row)
			}
			if got := again(t, "json", row); !bytes.Equal(got, row) {
				t.Fatalf("%q became %q", row, got)
			}
		}
		if trimmed := bytes.TrimLeft(msg, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(msg) && utf8.Valid(msg) {
			d, _ := NewDecoder("json", Schema{}, Options{})
			b := vec.NewBatch(nil)
			if d.Decode(msg, b); b.N != 1 || d.Stats().Undecodable != 0 {
				t.Fatalf("%q: %d rows, %+v", msg, b.N, d.Stats())
			}
			if _, bads := events(t, "json", msg, "", map[string]string{"json.ignore-parse-errors": "true"}); bads != 0 {
				t.Fatalf("%q is reported in spite of ignore-parse-errors", msg)
			}
		}
	})
}

// FuzzMsgpack: nothing panics, and a decoded row survives encoding and decoding.
func FuzzMsgpack(f *testing.F) {
	d, _ := NewDecoder("json", fuzzSchema, Options{})
	b := vec.NewBatch(columnTypes(fuzzSchema.Columns))
	d.Decode([]byte(fuzzSeed), b)
	for _, mode := range []string{"map", "array"} {
		e, _ := NewEncoder("msgpack", fuzzSchema, Options{Table: map[string]string{"msgpack.encode": mode}})
		row, _ := e.Append(nil, b, 0)
		f.Add(row)
		f.Add(append(append([]byte{0x92}, row...), row...))
		f.Add(row[:len(row)/2])
	}
	f.Add([]byte{0x81, 0xa2, 'i', 'd', 0xd6, 0xff, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, msg []byte) {
		rows, _ := events(t, "msgpack", msg, "", nil)
		for _, row := range rows {
			if skipMsgpack(row, 0) != len(row) {
				t.Fatalf("%x is not one msgpack value", row)
			}
			if got := again(t, "msgpack", row); !bytes.Equal(got, row) {
				t.Fatalf("%x became %x", row, got)
			}
		}
	})
}

// FuzzCSV: nothing panics, and a decoded row survives encoding and decoding.
func FuzzCSV(f *testing.F) {
	f.Add([]byte("1,a,1.5,true,2.5,2020-01-01 00:00:00,aGk=,2020-01-01,x;y\n"))
	f.Add([]byte("1,\"a,\"\"b\"\"\n\",,,,,,,\n,,,,,,,,\nx,,,,,,,,"))
	f.Add([]byte("\"open"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		rows, _ := events(t, "csv", msg, "", nil)
		for _, row := range rows {
			if got := again(t, "csv", row); !bytes.Equal(got, row) {
				t.Fatalf("%q became %q", row, got)
			}
		}
	})
}

// FuzzRaw: nothing panics, and a decoded text survives encoding and decoding.
func FuzzRaw(f *testing.F) {
	f.Add([]byte("h\x00\xe9\x00"), uint8(5))
	f.Add([]byte("\xd8\x00\xdc\x00"), uint8(4))
	f.Fuzz(func(t *testing.T, msg []byte, charset uint8) {
		out, ok := appendDecoded(nil, msg, charsetLatin1+int(charset)%4)
		if !ok {
			return
		}
		back, ok := appendEncoded(nil, out, charsetLatin1+int(charset)%4)
		if !ok {
			t.Fatalf("%q does not encode", out)
		}
		if round, ok := appendDecoded(nil, back, charsetLatin1+int(charset)%4); !ok || !bytes.Equal(round, out) {
			t.Fatalf("%q became %q", out, round)
		}
	})
}
