package nexmark

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/connector/internal/with"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

var _ dataflow.RowSource = (*Source)(nil)

func TestRandomIsJavas(t *testing.T) {
	r := newRandom(42)
	if got := r.next(32); got != -1170105035 {
		t.Errorf("nextInt() is %d", got)
	}
	if got := r.next(32); got != 234785527 {
		t.Errorf("the second nextInt() is %d", got)
	}
	r = newRandom(42)
	var tens []int32
	for range 5 {
		tens = append(tens, r.int31n(10))
	}
	if want := []int32{0, 3, 8, 4, 0}; !slices.Equal(tens, want) {
		t.Errorf("nextInt(10) yields %v, want %v", tens, want)
	}
	r = newRandom(42)
	if got := r.float64(); got != 0.7275636800328681 {
		t.Errorf("nextDouble() is %v", got)
	}
	r = newRandom(42)
	if got := r.int64(); got != -5025562857975149833 {
		t.Errorf("nextLong() is %d", got)
	}
}

func fieldType(name string) types.Type {
	switch name {
	case "dateTime", "expires":
		return types.TimestampOf(3)
	case "id", "seller", "category", "initialBid", "reserve", "auction", "bidder", "price":
		return types.TBigInt
	}
	return types.TString
}

// leaves is a schema of every field of every kind, by itself.
func leaves() format.Schema {
	s := format.Schema{Columns: []format.Column{{Name: "event_type", Type: types.TInt}}}
	for kind, names := range fieldNames {
		for _, n := range names {
			s.Columns = append(s.Columns, format.Column{Name: kindNames[kind] + "." + n, Type: fieldType(n), Path: []string{kindNames[kind], n}})
		}
	}
	return s
}

// whole is the schema of the benchmark's table.
func whole() format.Schema {
	s := format.Schema{Columns: []format.Column{{Name: "event_type", Type: types.TInt}}}
	for kind, names := range fieldNames {
		var fs []types.Field
		for _, n := range names {
			fs = append(fs, types.Field{Name: n, Type: fieldType(n)})
		}
		s.Columns = append(s.Columns, format.Column{Name: kindNames[kind], Type: types.RowOf(fs...)})
	}
	return s
}

func open(t *testing.T, table map[string]string, s format.Schema, position []byte) *Source {
	t.Helper()
	o, err := ParseOptions(table)
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
	return src
}

// read reads n events in batches of at most limit, a text each.
func read(t *testing.T, src *Source, s format.Schema, n, limit int, nowMs int64) (out []string, eof bool) {
	t.Helper()
	ts := make([]types.Type, len(s.Columns))
	for i, c := range s.Columns {
		ts[i] = c.Type
	}
	b := vec.NewBatch(ts)
	for len(out) < n && !eof {
		b.Reset()
		_, err := src.Next(b, min(limit, n-len(out)), nowMs)
		if eof = errors.Is(err, io.EOF); err != nil && !eof {
			t.Fatal(err)
		}
		if b.N == 0 {
			break
		}
		for i := range b.N {
			line := fmt.Sprint(b.Arrival[i], b.Origin[i].Seq)
			for c := range b.Cols {
				line += "|"
				if d := b.Cols[c].Get(i); !d.Null {
					line += string(expr.FormatDatum(nil, d, ts[c], &expr.Env{}))
				}
			}
			out = append(out, line)
		}
	}
	return out, eof
}

const farFuture = 1 << 60

func TestEventsDependOnTheirNumberAlone(t *testing.T) {
	s := leaves()
	all, eof := read(t, open(t, map[string]string{"events.num": "500"}, s, nil), s, 1000, 1000, farFuture)
	if len(all) != 500 || !eof {
		t.Fatalf("%d events, end %v", len(all), eof)
	}
	for _, first := range []int{1, 50, 173, 499} {
		src := open(t, map[string]string{"events.num": "500"}, s, nil)
		read(t, src, s, first, 7, farFuture)
		again := open(t, map[string]string{"events.num": "500"}, s, src.Position(nil, uint64(first)))
		got, _ := read(t, again, s, 1000, 3, farFuture)
		if !slices.Equal(got, all[first:]) {
			t.Errorf("from event %d on:\n%s\nwant\n%s", first, got[0], all[first])
		}
	}
	kinds := map[byte]int{}
	for _, l := range all {
		kinds[l[strings.IndexByte(l, '|')+1]]++
	}
	if kinds['0'] != 10 || kinds['1'] != 30 || kinds['2'] != 460 {
		t.Errorf("people, auctions, bids: %v", kinds)
	}
}

func TestFieldsDoNotDependOnOthers(t *testing.T) {
	s := leaves()
	all, _ := read(t, open(t, nil, s, nil), s, 300, 300, farFuture)
	for i := range s.Columns {
		one := format.Schema{Columns: s.Columns[i : i+1]}
		got, _ := read(t, open(t, nil, one, nil), one, 300, 300, farFuture)
		for k := range got {
			whole := strings.Split(all[k], "|")
			if got[k] != whole[0]+"|"+whole[i+1] {
				t.Fatalf("%s of event %d is %q by itself and %q with the others", s.Columns[i].Name, k, got[k], whole[i+1])
			}
		}
	}
}

func TestRowsAreTheirFields(t *testing.T) {
	s := whole()
	rows, _ := read(t, open(t, nil, s, nil), s, 100, 100, farFuture)
	l := leaves()
	fields, _ := read(t, open(t, nil, l, nil), l, 100, 100, farFuture)
	for i := range rows {
		r, f := strings.Split(rows[i], "|"), strings.Split(fields[i], "|")
		at := 2
		for kind, names := range fieldNames {
			want := ""
			if f[1] == fmt.Sprint(kind) {
				want = "(" + strings.Join(f[at:at+len(names)], ", ") + ")"
			}
			at += len(names)
			if r[2+kind] != want {
				t.Fatalf("event %d: %s, want %s", i, r[2+kind], want)
			}
		}
	}
}

func TestEventsAreReasonable(t *testing.T) {
	s := leaves()
	src := open(t, nil, s, nil)
	people, auctions := map[string]bool{}, map[string]bool{}
	bids, known := 0, 0
	lines, _ := read(t, src, s, 20_000, 1000, farFuture)
	for _, l := range lines {
		f := strings.Split(l, "|")
		switch f[1] {
		case "0":
			people[f[2]] = true
		case "1":
			auctions[f[10]] = true
		case "2":
			bids++
			if auctions[f[21]] && people[f[22]] {
				known++
			}
		}
	}
	if len(people) != 400 || len(auctions) != 1200 || known*10 < bids*8 {
		t.Errorf("%d people, %d auctions, %d of %d bids refer to them", len(people), len(auctions), known, bids)
	}
}

func TestRateLimit(t *testing.T) {
	s := leaves()
	table := map[string]string{"rate.limited": "true", "first-event.rate": "100", "keep-alive": "true", "events.num": "30"}
	src := open(t, table, s, nil)
	got, eof := read(t, src, s, 1000, 1000, 1_000_000)
	if len(got) != 1 || eof {
		t.Fatalf("%d events at the start, end %v", len(got), eof)
	}
	if got, _ = read(t, src, s, 1000, 1000, 1_000_099); len(got) != 9 {
		t.Errorf("%d further events after 99 ms, want 9", len(got))
	}
	if got, eof = read(t, src, s, 1000, 1000, 2_000_000); len(got) != 20 || eof {
		t.Errorf("%d events at the end, end %v", len(got), eof)
	}
}

func TestOptionErrors(t *testing.T) {
	for key, value := range map[string]string{"events.nun": "1", "first-event.rate": "0", "next-event.rate": "7", "bid.avg-size": "2mb",
		"person.proportion": "0", "bid.hot-ratio.auctions": "0", "rate.limited": "maybe"} {
		_, err := ParseOptions(map[string]string{key: value})
		if !errors.Is(err, with.ErrOption) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s = %s: %v", key, value, err)
		}
	}
	for name, c := range map[string]format.Column{
		"no field": {Path: []string{"bid", "prise"}, Type: types.TBigInt}, "the columns": {Path: []string{"bit"}, Type: types.TInt},
		"is a BIGINT": {Path: []string{"bid", "price"}, Type: types.TString}, "is a ROW": {Path: []string{"bid"}, Type: types.TString},
	} {
		if _, err := New(DefaultOptions(), format.Schema{Columns: []format.Column{c}}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v", c.Path, err)
		}
	}
	src := open(t, nil, leaves(), nil)
	if _, err := src.Open(context.Background(), []byte("x")); err == nil {
		t.Error("a foreign position is taken")
	}
}

func TestCountChar(t *testing.T) {
	f := Functions()[countCharClass]
	for _, c := range []struct {
		s, c string
		want int64
	}{{"", "c", 0}, {"cac", "c", 2}, {"çaç", "ç", 2}, {"abc", "cb", 1}} {
		n, err := f.New(expr.NewString(c.s), expr.NewString(c.c))
		if err != nil {
			t.Fatal(err)
		}
		if d, err := expr.Constant(n, &expr.Env{}); err != nil || d.I != c.want {
			t.Errorf("COUNT_CHAR(%q, %q) is %d, %v", c.s, c.c, d.I, err)
		}
	}
	if _, err := f.New(expr.NewInt(1), expr.NewString("c")); err == nil {
		t.Error("a number is taken")
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	s := leaves()
	src := open(t, nil, s, nil)
	ts := make([]types.Type, len(s.Columns))
	for i, c := range s.Columns {
		ts[i] = c.Type
	}
	b := vec.NewBatch(ts)
	next := func() {
		b.Reset()
		if _, err := src.Next(b, vec.BatchSize, farFuture); err != nil {
			t.Fatal(err)
		}
	}
	for c := range int64(channels) {
		src.gen.url(c)
	}
	for range 20 {
		next()
	}
	if n := testing.AllocsPerRun(10, next); n > 1 {
		t.Errorf("%v allocations a batch", n)
	}
}

func BenchmarkBids(b *testing.B) {
	s := format.Schema{Columns: []format.Column{{Name: "event_type", Type: types.TInt}}}
	for _, n := range []string{"auction", "bidder", "price", "dateTime"} {
		s.Columns = append(s.Columns, format.Column{Name: "bid." + n, Type: fieldType(n), Path: []string{"bid", n}})
	}
	src, err := New(DefaultOptions(), s)
	if err != nil {
		b.Fatal(err)
	}
	ts := make([]types.Type, len(s.Columns))
	for i, c := range s.Columns {
		ts[i] = c.Type
	}
	batch := vec.NewBatch(ts)
	b.ReportAllocs()
	for i := 0; i < b.N; i += vec.BatchSize {
		batch.Reset()
		_, _ = src.Next(batch, vec.BatchSize, farFuture)
	}
}

// TestEmitRate holds events back by the host's time, from every Open anew, without a change
// to what they are or when they arrive.
func TestEmitRate(t *testing.T) {
	o := DefaultOptions()
	o.EventsNum, o.EmitRate = 500, 1000
	const late = 1 << 41 // every event has arrived by then
	src, err := New(o, leaves())
	if err != nil {
		t.Fatal(err)
	}
	free := DefaultOptions()
	free.EventsNum = o.EventsNum
	want, err := New(free, leaves())
	if err != nil {
		t.Fatal(err)
	}
	kinds := []types.Type{}
	for _, c := range leaves().Columns {
		kinds = append(kinds, c.Type)
	}
	all := vec.NewBatch(kinds)
	if _, err := want.Open(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := want.Next(all, vec.BatchSize, late); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	var position []byte
	seen := 0
	for _, c := range []struct {
		open  bool
		now   int64
		rows  int
		ended bool
	}{{true, 7_000_000, 0, false}, {false, 7_000_100, 100, false}, {false, 7_000_100, 0, false}, {false, 6_000_000, 0, false},
		{true, 9_000_000, 0, false}, {false, 9_000_250, 250, false}, {false, 9_900_000, 150, true}} {
		if c.open {
			if _, err := src.Open(context.Background(), position); err != nil {
				t.Fatal(err)
			}
		}
		b := vec.NewBatch(kinds)
		pending, err := src.Next(b, vec.BatchSize, late+c.now)
		if b.N != c.rows || errors.Is(err, io.EOF) != c.ended || err != nil && !c.ended || (pending == 0) != c.ended {
			t.Fatalf("at %d: %d rows, %d pending, %v", c.now, b.N, pending, err)
		}
		for i := range b.N {
			if b.Arrival[i] != all.Arrival[seen] || b.Origin[i].Seq != all.Origin[seen].Seq {
				t.Fatalf("event %d arrives at %d as number %d", seen, b.Arrival[i], b.Origin[i].Seq)
			}
			seen++
		}
		if b.N > 0 {
			position = src.Position(position[:0], b.Origin[b.N-1].Seq)
		}
	}
}
