package datagen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/connector/internal/with"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

var _ dataflow.RowSource = (*Source)(nil)

type table = map[string]string

func schema(nameType ...any) (s format.Schema) {
	for i := 0; i < len(nameType); i += 2 {
		s.Columns = append(s.Columns, format.Column{Name: nameType[i].(string), Type: nameType[i+1].(types.Type)})
	}
	return s
}

func open(t *testing.T, with table, s format.Schema, position []byte) (*Source, *vec.Batch) {
	t.Helper()
	o, err := ParseOptions(with)
	if err != nil {
		t.Fatal(err)
	}
	src, err := New(o, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := src.Open(context.Background(), position); err != nil {
		t.Fatal(err)
	}
	ts := make([]types.Type, len(s.Columns))
	for i, c := range s.Columns {
		ts[i] = c.Type
	}
	return src, vec.NewBatch(ts)
}

// rows reads up to n rows as JSON, each behind its arrival time, in batches of at most limit.
func rows(t *testing.T, src *Source, b *vec.Batch, s format.Schema, n, limit int, nowMs int64) (out []string, eof bool) {
	t.Helper()
	e, err := format.NewEncoder("json", s, format.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for len(out) < n && !eof {
		b.Reset()
		pending, err := src.Next(b, min(limit, n-len(out)), nowMs)
		if eof = errors.Is(err, io.EOF); err != nil && !eof {
			t.Fatal(err)
		}
		for i := range b.N {
			row, err := e.Append([]byte(fmt.Sprintf("%d@%d ", b.Origin[i].Seq, b.Arrival[i])), b, i)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(row))
		}
		if b.N == 0 && pending == 0 {
			break
		}
	}
	return out, eof
}

const start = "2020-01-01 00:00:00"
const startMs = 1577836800000

func TestSequencesAndPacing(t *testing.T) {
	s := schema("id", types.TBigInt, "name", types.TString, "d", types.DecimalOf(30, 20), "f", types.TDouble)
	w := table{"rows-per-second": "3", "datagen.start-time": start, "fields.id.kind": "sequence", "fields.id.start": "5", "fields.id.end": "9",
		"fields.name.kind": "sequence", "fields.name.start": "1", "fields.name.end": "100", "fields.d.kind": "sequence", "fields.d.start": "-1", "fields.d.end": "100",
		"fields.f.kind": "sequence", "fields.f.start": "0", "fields.f.end": "100"}
	src, b := open(t, w, s, nil)
	got, eof := rows(t, src, b, s, 100, 2, startMs-1)
	if len(got) != 0 || eof {
		t.Fatalf("before the start: %q", got)
	}
	got, eof = rows(t, src, b, s, 100, 2, startMs+666)
	want := []string{`1@1577836800000 {"id":5,"name":"1","d":-1.00000000000000000000,"f":0.0}`, `2@1577836800333 {"id":6,"name":"2","d":0E-20,"f":1.0}`, `3@1577836800666 {"id":7,"name":"3","d":1.00000000000000000000,"f":2.0}`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || eof {
		t.Fatalf("got %q, want %q", got, want)
	}
	b.Reset()
	if pending, err := src.Next(b, 1, startMs+5000); pending != 1 || err != nil || b.Arrival[0] != startMs+1000 {
		t.Errorf("pending %d, %v, arrival %v", pending, err, b.Arrival)
	}
	got, eof = rows(t, src, b, s, 100, 2, startMs+5000)
	if len(got) != 1 || !eof {
		t.Errorf("end: %q, eof %v", got, eof)
	}
}

func TestDueAgreesWithArrival(t *testing.T) {
	for _, rate := range []int64{1, 3, 7, 999, 1000, 1001, 10000, 123457} {
		src := &Source{opt: Options{RowsPerSecond: rate}, startMs: startMs, limit: 1 << 60}
		for _, passed := range []int64{0, 1, 333, 334, 999, 1000, 1001, 123456} {
			n := src.due(startMs + passed)
			if n == 0 || src.arrival(n) > startMs+passed || src.arrival(n+1) <= startMs+passed {
				t.Errorf("rate %d after %d ms: %d rows, arrival %d and %d", rate, passed, n, src.arrival(n)-startMs, src.arrival(n+1)-startMs)
			}
		}
	}
}

var everything = []any{
	"b", types.TBoolean, "i8", types.TTinyInt, "i", types.TInt, "l", types.TBigInt, "f", types.TFloat, "d", types.TDouble, "dec", types.DecimalOf(6, 2), "wide", types.DecimalOf(30, 2), "c", types.CharOf(4), "s", types.TString,
	"bin", types.TBytes, "date", types.TDate, "time", types.TTime, "ts", types.TimestampOf(3), "ts9", types.TimestampOf(9), "ltz", types.TimestampLTZOf(0), "arr", types.ArrayOf(types.TInt),
	"m", types.MapOf(types.TString, types.TBoolean), "set", types.MultisetOf(types.TTinyInt), "row", types.RowOf(types.Field{Name: "x", Type: types.TInt}, types.Field{Name: "y", Type: types.ArrayOf(types.TString)}),
}

func TestRowsAreAFunctionOfTheirNumber(t *testing.T) {
	s := schema(everything...)
	w := table{"datagen.start-time": start, "number-of-rows": "3000", "fields.s.length": "5", "fields.s.var-len": "true", "fields.bin.length": "3", "fields.ts.max-past": "10 s", "fields.i.null-rate": "0.3",
		"fields.row.null-rate": "0.2", "fields.row.x.min": "1", "fields.row.x.max": "3", "fields.row.y.element.length": "2", "fields.arr.length": "2", "fields.m.key.length": "2"}
	src, b := open(t, w, s, nil)
	all, eof := rows(t, src, b, s, 5000, 1000, startMs+1e6)
	if len(all) != 3000 || !eof {
		t.Fatalf("%d rows, eof %v", len(all), eof)
	}
	// Reading on after a position gives the same rows, whatever the batch size.
	again, b2 := open(t, w, s, src.Position(nil, 1234))
	rest, _ := rows(t, again, b2, s, 5000, 7, startMs+1e6)
	if strings.Join(rest, "\n") != strings.Join(all[1234:], "\n") {
		t.Error("rows after a position differ")
	}
	// A projection has the same values, of nested fields too.
	p := format.Schema{Columns: []format.Column{{Name: "x", Type: types.TInt, Path: []string{"row", "x"}}, {Name: "ts", Type: types.TimestampOf(3)}}}
	for _, c := range s.Columns {
		p.Declared = append(p.Declared, types.Field{Name: c.Name, Type: c.Type})
	}
	proj, b3 := open(t, w, p, nil)
	got, _ := rows(t, proj, b3, p, 5000, 1024, startMs+1e6)
	nulls := 0
	for i, row := range got {
		_, x, _ := strings.Cut(row, `{"x":`)
		x, ts, _ := strings.Cut(x, `,"ts":`)
		want := `"row":{"x":` + x
		if x == "null" {
			want = `"row":null`
			nulls++
		}
		if !strings.Contains(all[i], want) || !strings.Contains(all[i], `"ts":`+strings.TrimSuffix(ts, "}")) {
			t.Fatalf("projected %s of %s", row, all[i])
		}
	}
	if nulls < 450 || nulls > 750 {
		t.Errorf("%d of 3000 rows NULL at a rate of 0.2", nulls)
	}
	other, b4 := open(t, table{"datagen.start-time": start, "datagen.seed": "7"}, s, nil)
	if got, _ := rows(t, other, b4, s, 1, 1, startMs); got[0] == all[0] {
		t.Error("another seed gives the same row")
	}
}

func TestStartIsKept(t *testing.T) {
	s := schema("date", types.TDate)
	src, b := open(t, table{"rows-per-second": "1"}, s, nil)
	if got, _ := rows(t, src, b, s, 1, 1, startMs+5); len(got) != 1 || got[0] != `1@1577836800005 {"date":"2020-01-01"}` {
		t.Fatalf("%q", got)
	}
	src, b = open(t, table{"rows-per-second": "1"}, s, src.Position(nil, 1))
	if got, _ := rows(t, src, b, s, 1, 1, startMs+1500); len(got) != 1 || got[0] != `2@1577836801005 {"date":"2020-01-01"}` {
		t.Fatalf("%q", got)
	}
	if r, err := src.Open(context.Background(), src.Position(nil, 2)); err != nil || !r.Resumed || r.Warning != "" {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := src.Open(context.Background(), []byte{9, 9}); err == nil {
		t.Error("a foreign position is taken")
	}
}

func TestWrongOptions(t *testing.T) {
	s := schema(everything...)
	for _, c := range []struct{ key, value, want string }{
		{"row-per-second", "1", "did you mean 'rows-per-second'?"}, {"rows-per-second", "0", "expected a whole number of at least 1"}, {"number-of-rows", "0", "at least 1"},
		{"fields.s.lenght", "1", "did you mean 'fields.s.length'?"}, {"fields.row.xx.min", "1", "the table has no such field; did you mean 'fields.row.x.*'?"}, {"fields.i.min", "x", `"x" is no value of INT`},
		{"fields.i8.max", "200", `"200" is no value of TINYINT`}, {"fields.s.min", "1", "has no range"}, {"fields.i.length", "3", "a INT has no length"}, {"fields.c.length", "5", "longer than CHAR(4)"},
		{"fields.i.kind", "sequence", `"": a sequence needs a whole number here`}, {"fields.b.kind", "sequence", "a sequence has numbers or texts"}, {"fields.i.start", "1", "belongs to kind 'sequence'"},
		{"fields.i.max-past", "1 s", "belongs to timestamps"}, {"fields.s.null-rate", "2", "expected a number from 0 to 1"}, {"fields.s.kind", "gauss", "expected 'random' or 'sequence'"},
		{"fields.arr.element.kind", "sequence", "the members of a collection are random"}, {"fields.d.min", "1e309", "is no number"},
	} {
		o, err := ParseOptions(table{c.key: c.value})
		if err == nil {
			_, err = New(o, s)
		}
		if !errors.Is(err, with.ErrOption) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %s: %v, want %s", c.key, c.value, err, c.want)
		}
	}
}

func TestFlatRowsAllocateNothing(t *testing.T) {
	s := schema(everything[:32]...)
	src, b := open(t, table{"datagen.start-time": start}, s, nil)
	run := func() {
		b.Reset()
		if _, err := src.Next(b, 1000, startMs+1e9); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if n := testing.AllocsPerRun(10, run); n > 1 { // scratch grows with the rows' lengths
		t.Errorf("%v allocations for 1,000 rows", n)
	}
}
