package format

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// packed encodes a value with another implementation.
func packed(t *testing.T, v any) []byte {
	t.Helper()
	out, err := msgpack.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

type ordered []any // name, value, ...

func (o ordered) EncodeMsgpack(e *msgpack.Encoder) error {
	if err := e.EncodeMapLen(len(o) / 2); err != nil {
		return err
	}
	for _, v := range o {
		if err := e.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

func TestMsgpackFramings(t *testing.T) {
	one := packed(t, ordered{"id", 1, "name", "a", "v", 1.5})
	two := packed(t, ordered{"v", 2, "name", "bé", "x", []any{1, ordered{"y", nil}}, "id", -2})
	arr := packed(t, []any{1, "a", 1.5})
	out1, out2 := `{"id":1,"name":"a","v":1.5}`, `{"id":-2,"name":"bé","v":2.0}`
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, c := range map[string]struct {
		msg  []byte
		want []string
	}{
		"concatenated maps":       {join(one, two), []string{out1, out2}},
		"array of maps":           {join([]byte{0x92}, one, two), []string{out1, out2}},
		"wide array of maps":      {join([]byte{0xdc, 0, 2}, one, two), []string{out1, out2}},
		"arrays by position":      {join(arr, arr), []string{out1, out1}},
		"array of arrays":         {join([]byte{0x92}, arr, arr), []string{out1, out1}},
		"both":                    {join([]byte{0x91}, arr, two, []byte{0x90}, one), []string{out1, out2, out1}},
		"nothing":                 {nil, nil},
		"an array without events": {[]byte{0x90}, nil},
	} {
		for _, fill := range []int{0, vec.BatchSize - 1} {
			rows, bads, stats := decodeAll(t, "msgpack", Schema{Columns: beaconColumns}, nil, c.msg, fill)
			expect(t, name, rows, c.want...)
			if len(bads) > 0 || int(stats.Decoded) != len(c.want) {
				t.Errorf("%s: bad %q, stats %+v", name, bads, stats)
			}
		}
	}
}

func TestMsgpackBadEvents(t *testing.T) {
	good := packed(t, ordered{"id", 1, "name", "a", "v", 1.5})
	wrong := packed(t, ordered{"id", "x", "name", "b"})
	for name, c := range map[string]struct {
		msg  []byte
		rows int
		bads []string
	}{
		"a text for a number": {append(append([]byte(nil), wrong...), good...), 1, []string{`field id: "x" is not of type BIGINT (at byte 4)`}},
		"no container":        {append([]byte{0xa1, 'x'}, good...), 1, []string{"a msgpack map or array is expected (at byte 0)"}},
		"cut off":             {good[:len(good)-3], 0, []string{"a value is cut off (at byte 14)"}},
		"an array cut off":    {append([]byte{0x92}, good...), 1, []string{"the array of events is cut off (at byte 24)"}},
		"a length too large":  {[]byte{0x81, 0xa1, 'z', 0xdb, 0xff, 0xff, 0xff, 0xff}, 0, []string{"a value is cut off or malformed (at byte 3)"}},
		"a count too large":   {[]byte{0x81, 0xa1, 'z', 0xdd, 0xff, 0xff, 0xff, 0xff}, 0, []string{"a value is cut off or malformed (at byte 3)"}},
		"never used 0xc1":     {[]byte{0x81, 0xa1, 'z', 0xc1}, 0, []string{"a value is cut off or malformed (at byte 3)"}},
		"not UTF-8":           {[]byte{0x81, 0xa4, 'n', 'a', 'm', 'e', 0xa1, 0xff}, 0, []string{"field name: the text is not UTF-8 (at byte 6)"}},
	} {
		var bads []string
		d, err := NewDecoder("msgpack", Schema{Columns: beaconColumns}, Options{OnBad: func(_ []byte, _ int, reason error) { bads = append(bads, reason.Error()) }})
		if err != nil {
			t.Fatal(err)
		}
		b := vec.NewBatch(columnTypes(beaconColumns))
		d.Decode(c.msg, b)
		expect(t, name, bads, c.bads...)
		if b.N != c.rows || int(d.Stats().Undecodable) != len(c.bads) {
			t.Errorf("%s: %d rows, stats %+v", name, b.N, d.Stats())
		}
	}
}

func TestMsgpackValues(t *testing.T) {
	at := time.Date(2020, 1, 1, 0, 0, 0, 123456789, time.UTC)
	old := time.Date(1950, 1, 1, 0, 0, 0, 5e8, time.UTC)
	row := types.RowOf(types.Field{Name: "a", Type: types.TInt}, types.Field{Name: "b", Type: types.ArrayOf(types.TString)})
	ignore := map[string]string{"msgpack.ignore-parse-errors": "true"}
	for i, c := range []struct {
		t    types.Type
		opt  map[string]string
		in   any
		want string
	}{
		{types.TBigInt, nil, uint8(200), `200`}, {types.TBigInt, nil, uint16(40000), `40000`}, {types.TBigInt, nil, uint32(1 << 31), `2147483648`}, {types.TBigInt, nil, uint64(1 << 40), `1099511627776`},
		{types.TBigInt, nil, int8(-100), `-100`}, {types.TBigInt, nil, int16(-1000), `-1000`}, {types.TBigInt, nil, int32(-100000), `-100000`}, {types.TBigInt, nil, int64(math.MinInt64), `-9223372036854775808`},
		{types.TBigInt, nil, uint64(math.MaxUint64), ""}, {types.DecimalOf(20, 0), nil, uint64(math.MaxUint64), `18446744073709551615`}, {types.TInt, nil, int64(1 << 31), ""}, {types.TTinyInt, nil, 300, ""},
		{types.TInt, nil, 2.9, `2`}, {types.TTinyInt, nil, 2.5, ""}, {types.TInt, nil, "12", `12`}, {types.TInt, nil, true, ""}, {types.TInt, nil, nil, `null`},
		{types.TDouble, nil, float32(0.5), `0.5`}, {types.TDouble, nil, 7, `7.0`}, {types.TFloat, nil, 0.1, `0.1`}, {types.TDouble, nil, math.NaN(), `"NaN"`}, {types.TDouble, nil, uint64(math.MaxUint64), `1.8446744073709552E19`},
		{types.TBoolean, nil, true, `true`}, {types.TBoolean, nil, 1, ""}, {types.TString, nil, 1.5, `"1.5"`}, {types.TString, nil, false, `"false"`}, {types.TString, nil, []byte("bin"), `"bin"`}, {types.TString, nil, strings.Repeat("x", 300), `"` + strings.Repeat("x", 300) + `"`},
		{types.TBytes, nil, []byte{1, 2, 3}, `"AQID"`}, {types.TBytes, nil, "hi", `"aGk="`}, {types.DecimalOf(10, 2), nil, "1.005", `1.01`}, {types.DecimalOf(10, 2), nil, 0.1, `0.10`}, {types.DecimalOf(10, 2), nil, math.Inf(1), ""},
		{types.TimestampOf(3), nil, at, `"2020-01-01 00:00:00.123"`}, {types.TimestampOf(9), nil, at, `"2020-01-01 00:00:00.123456789"`}, {types.TimestampLTZOf(3), nil, old, `"1950-01-01 00:00:00.5Z"`}, {types.TimestampOf(0), nil, time.Unix(1e9, 0), `"2001-09-09 01:46:40"`},
		{types.TimestampOf(3), nil, int64(1577836800123), `"2020-01-01 00:00:00.123"`}, {types.TimestampOf(3), nil, int64(-1), `"1969-12-31 23:59:59.999"`}, {types.TimestampLTZOf(3), nil, "2020-01-01T00:00:00Z", `"2020-01-01 00:00:00Z"`},
		{types.TimestampOf(3), nil, "2020-01-01 00:00:00", `"2020-01-01 00:00:00"`}, {types.TimestampOf(3), nil, 1.5, ""}, {types.TDate, nil, at, `"2020-01-01"`}, {types.TDate, nil, 18262, `"2020-01-01"`}, {types.TTime, nil, 3600000, `"01:00:00"`}, {types.TString, nil, at, `"2020-01-01 00:00:00.123456789Z"`},
		{row, nil, ordered{"b", []string{"x"}, "a", 7}, `{"a":7,"b":["x"]}`}, {row, nil, []any{7}, `{"a":7,"b":null}`}, {row, nil, []any{7, []string{"x"}, "more"}, `{"a":7,"b":["x"]}`}, {row, nil, "x", ""}, {row, ignore, ordered{"a", "x"}, `{"a":null,"b":null}`},
		{types.ArrayOf(types.TInt), nil, []any{1, nil, 3}, `[1,null,3]`}, {types.MapOf(types.TString, types.TInt), nil, ordered{"a", 1, "a", 2}, `{"a":2}`}, {types.MapOf(types.TInt, types.TInt), nil, ordered{1, 2}, `{"1":2}`}, {types.TInt, nil, []any{1}, ""},
	} {
		rows, bads, _ := decodeAll(t, "msgpack", Schema{Columns: columns("x", c.t)}, c.opt, packed(t, ordered{"x", c.in}), 0)
		got := ""
		if len(rows) == 1 {
			got = strings.TrimSuffix(strings.TrimPrefix(rows[0], `{"x":`), "}")
		}
		if got != c.want || (c.want == "") != (len(bads) == 1) {
			t.Errorf("%d: %s from %v: %s, want %s (bad %q)", i, c.t, c.in, got, c.want, bads)
		}
	}
}

// TestMsgpackOracle lets another implementation read what the encoder writes.
func TestMsgpackOracle(t *testing.T) {
	cols := columns("i", types.TBigInt, "s", types.TString, "ts", types.TimestampOf(3), "f", types.TDouble, "n", types.TInt, "d", types.DecimalOf(5, 2))
	b := vec.NewBatch(columnTypes(cols))
	ints := []int64{0, 127, 128, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64, -1, -32, -33, -128, -129, -32768, -32769, math.MinInt32, math.MinInt32 - 1, math.MinInt64}
	for i, v := range ints {
		b.Cols[0].I64[i], b.Cols[2].I64[i] = v, int64(i)*1e15-5e15+123000
		b.Cols[1].SetString(i, strings.Repeat("é", 1<<i>>2))
		b.Cols[3].F64[i] = float64(v) / 3
		b.Cols[4].SetNull(i)
		b.Cols[5].I64[i] = 150
	}
	b.N = len(ints)
	e, err := NewEncoder("msgpack", Schema{Columns: cols}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range ints {
		out, err := e.Append(nil, b, i)
		if err != nil {
			t.Fatal(err)
		}
		dec := msgpack.NewDecoder(bytes.NewReader(out))
		dec.UseLooseInterfaceDecoding(true)
		got, err := dec.DecodeMap()
		if err != nil {
			t.Fatal(err)
		}
		ts := time.UnixMicro(b.Cols[2].I64[i])
		if n := fmt.Sprint(got["i"]); n != fmt.Sprint(v) || got["s"] != strings.Repeat("é", 1<<i>>2) || got["f"] != float64(v)/3 || got["n"] != nil || got["d"] != "1.50" || !got["ts"].(time.Time).Equal(ts) {
			t.Errorf("%d: %v, want time %v", v, got, ts)
		}
	}
}
