package format

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// swollen are messages whose one event has a nested value that is far larger in memory, and a
// table of what stands behind them.
func swollen(n int) map[string]struct {
	format string
	t      types.Type
	msg    []byte
} {
	var fields []types.Field
	for i := range 20 {
		fields = append(fields, types.Field{Name: fmt.Sprint("f", i), Type: types.TBigInt})
	}
	rows := types.ArrayOf(types.RowOf(fields...))
	array := []byte{0x81, 0xa1, 'a', 0xdd, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	pairs := []byte{0x81, 0xa1, 'a', 0xdf, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	type c = struct {
		format string
		t      types.Type
		msg    []byte
	}
	return map[string]c{
		"rows, json":    {"json", rows, []byte(`{"a":[` + strings.Repeat("{},", n-1) + `{}]}`)},
		"rows, msgpack": {"msgpack", rows, append(array, bytes.Repeat([]byte{0x80}, n)...)},
		"keys, msgpack": {"msgpack", types.MapOf(types.TString, types.TInt), append(pairs, bytes.Repeat([]byte{0xa0, 0xc0}, n)...)},
		"keys, json":    {"json", types.MapOf(types.TString, types.TInt), []byte(`{"a":{` + strings.Repeat(`"":0,`, n-1) + `"":0}}`)},
		"numbers, csv":  {"csv", types.ArrayOf(types.TInt), []byte(strings.Repeat(";", n-1) + "1\n")},
	}
}

// A nested value is refused before it has grown far beyond its limit, ignored errors or not,
// the next event is taken, and the memory is let go.
func TestNestedValuesHaveALimit(t *testing.T) {
	const n, limit = 60_000, 1 << 14
	for name, c := range swollen(n) {
		for _, ignore := range []string{"false", "true"} {
			var refused []error
			s := Schema{Columns: columns("a", c.t)}
			d, err := NewDecoder(c.format, s, Options{Table: map[string]string{c.format + ".ignore-parse-errors": ignore}, OnBad: func(event []byte, offset int, reason error) {
				refused = append(refused, reason)
				if want := bytes.TrimRight(c.msg, "\n"); offset != 0 || !bytes.Equal(event, want) {
					t.Errorf("%s: refused are %d bytes at %d", name, len(event), offset)
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			d.(Limited).Limit(limit)
			core := d.(valueDecoder).base()
			b := vec.NewBatch(columnTypes(s.Columns))
			d.Decode(c.msg, b)
			var e *EventError
			if len(refused) != 1 || !errors.As(refused[0], &e) || !e.TooLarge || e.Field != "a" || b.N != 0 {
				t.Errorf("%s: %d rows, refused %v", name, b.N, refused)
			}
			if st := d.Stats(); st.Undecodable != 1 || st.Ignored != 0 {
				t.Errorf("%s: %+v", name, st)
			}
			if cap(core.arena) > 8*limit || cap(core.stack) > limit {
				t.Errorf("%s: arena %d, stack %d", name, cap(core.arena), cap(core.stack))
			}
			d.(Limited).Limit(1 << 30)
			d.Decode(c.msg, b)
			if b.N != 1 || cap(core.arena) < arenaKept && cap(core.stack) < stackKept {
				t.Errorf("%s: %d rows without a limit, arena %d, stack %d", name, b.N, cap(core.arena), cap(core.stack))
			}
			core.begin(0)
			if cap(core.arena) > arenaKept || cap(core.stack) > stackKept {
				t.Errorf("%s: kept are an arena of %d and a stack of %d", name, cap(core.arena), cap(core.stack))
			}
		}
	}
}

// A value of the limit's size is taken, one of a byte more is not, by Values as well.
func TestNestedLimitIsExact(t *testing.T) {
	msg := []byte(`{"a":["xyz",null,["deep"]]}`)
	s := Schema{Columns: columns("a", types.ArrayOf(types.TString))}
	b := vec.NewBatch(columnTypes(s.Columns))
	d, err := NewDecoder("json", s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d.Decode(msg, b)
	size := len(b.Cols[0].Bytes(0))
	v, err := NewValues("json", s, Options{}, d.Stats())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ limit, rows int }{{size, 1}, {size - 1, 0}, {size, 1}} {
		b.Reset()
		d.(Limited).Limit(c.limit)
		d.Decode(msg, b)
		v.Limit(c.limit)
		v.Begin()
		if _, end := v.Value(0, msg, 5); b.N != c.rows || end >= 0 != (c.rows == 1) {
			t.Errorf("limit %d of %d: %d rows, a value that ends at %d", c.limit, size, b.N, end)
		}
	}
}

func TestCountsOfMultisets(t *testing.T) {
	s := Schema{Columns: columns("m", types.MultisetOf(types.TString))}
	for counts, want := range map[string]string{
		`{"x":1,"y":999999}`: "",
		`{"x":0,"x":2}`:      "", // of equal keys the last wins
		`{}`:                 "",
		`{"x":2147483647}`:   "the counts of a MULTISET are 2147483647 together, and 1000000 are taken",
		`{"x":999999,"y":2}`: "the counts of a MULTISET are 1000001 together, and 1000000 are taken",
		`{"x":1,"y":-5}`:     "a count of a MULTISET is -5; it has to be 1 at least",
		`{"x":0}`:            "a count of a MULTISET is 0; it has to be 1 at least",
		`{"x":null}`:         "a count of a MULTISET is null",
	} {
		msg := []byte(`{"m":` + counts + `}`)
		rows, bads, _ := decodeAll(t, "json", s, nil, msg, 0)
		if want == "" && (len(rows) != 1 || len(bads) > 0) || want != "" && (len(rows) != 0 || len(bads) != 1 || !strings.Contains(bads[0], "field m: "+want)) {
			t.Errorf("%s: rows %v, refused %v", counts, rows, bads)
		}
		if rows, bads, _ = decodeAll(t, "json", s, map[string]string{"json.ignore-parse-errors": "true"}, msg, 0); len(rows) != 1 || len(bads) > 0 ||
			(rows[0] == `{"m":null}`) != (want != "") {
			t.Errorf("%s, errors ignored: rows %v, refused %v", counts, rows, bads)
		}
	}
	for count, want := range map[byte]int{0x01: 1, 0x00: 0, 0xff: 0, 0xc0: 0} {
		if rows, bads, _ := decodeAll(t, "msgpack", s, nil, []byte{0x81, 0xa1, 'm', 0x81, 0xa1, 'x', count}, 0); len(rows) != want || len(bads) != 1-want {
			t.Errorf("msgpack, %#x: rows %v, refused %v", count, rows, bads)
		}
	}
}

// Decoders have a limit where nobody sets one.
func TestNestedValuesHaveALimitUnasked(t *testing.T) {
	all := swollen(150_000)
	for _, name := range []string{"rows, json", "rows, msgpack"} {
		c, refused := all[name], 0
		s := Schema{Columns: columns("a", c.t)}
		d, err := NewDecoder(c.format, s, Options{OnBad: func([]byte, int, error) { refused++ }})
		if err != nil {
			t.Fatal(err)
		}
		d.Decode(c.msg, vec.NewBatch(columnTypes(s.Columns)))
		if most := cap(d.(valueDecoder).base().arena); refused != 1 || most > 2*valueMax {
			t.Errorf("%s: %d refused, arena of %d", name, refused, most)
		}
	}
}
