package forward

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

type testRow struct {
	payload, subject string
	kind             vec.RowKind
	window           int64
}

func build(b *FrameBuilder, rows []testRow, first uint64) []byte {
	for _, r := range rows {
		b.Append([]byte(r.payload), []byte(r.subject), r.kind, r.window)
	}
	return b.Seal(first)
}

func read(t *testing.T, r *FrameReader, data []byte, first uint64) (rows []testRow) {
	t.Helper()
	n, err := r.Open(data, first)
	if err != nil {
		t.Fatal(err)
	}
	for {
		e, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		if e.Seq != first+uint64(len(rows)) {
			t.Fatalf("sequence %d", e.Seq)
		}
		rows = append(rows, testRow{string(e.Payload), string(e.Subject), e.Kind, e.WindowEnd})
	}
	if uint64(len(rows)) != n {
		t.Fatalf("%d rows of %d", len(rows), n)
	}
	return rows
}

func TestFrameRoundTrip(t *testing.T) {
	var many []testRow
	for i := range 3000 {
		many = append(many, testRow{fmt.Sprintf(`{"customer":"c%d","views":%d}`, i%7, i), "", vec.RowKind(i % 4), int64(i/10) * 1000})
	}
	cases := [][]testRow{
		nil,
		{{payload: ""}},
		{{"a", "s.x", vec.Delete, 5}, {"b", "s.x", vec.UpdateAfter, 5}, {"c", "", vec.Insert, 0}, {"d", "s.x", vec.Insert, -7}, {"e", "s.y", vec.Insert, 1 << 60}},
		many,
		{{payload: strings.Repeat("x", 2<<20)}},
	}
	var b FrameBuilder
	var r FrameReader
	for round := range 2 { // the builder and the reader are reused
		for i, want := range cases {
			data := build(&b, want, 42)
			got := read(t, &r, data, 42)
			if len(got) != len(want) {
				t.Fatalf("round %d case %d: %d rows, want %d", round, i, len(got), len(want))
			}
			for k := range got {
				if got[k] != want[k] {
					t.Fatalf("round %d case %d row %d: %+v, want %+v", round, i, k, got[k], want[k])
				}
			}
		}
	}
	if n := len(build(&b, many, 1)); n > 3000*12 {
		t.Errorf("3000 alike rows take %d bytes: not compressed?", n)
	}
}

func TestDamagedFrames(t *testing.T) {
	var b FrameBuilder
	var r FrameReader
	good := build(&b, []testRow{{"abc", "s", vec.Insert, 9}, {"def", "s", vec.Delete, 9}}, 1)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		_, err := r.Open(bad, 1)
		if !errors.Is(err, ErrFrame) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	for n := range good {
		if _, err := r.Open(good[:n], 1); !errors.Is(err, ErrFrame) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

func FuzzFrameReader(f *testing.F) {
	var b FrameBuilder
	f.Add(build(&b, []testRow{{"abc", "s", vec.Insert, 9}, {"def", "s", vec.Delete, 9}}, 1))
	f.Add(build(&b, []testRow{{strings.Repeat("abc", 999), "s", vec.Insert, 9}}, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r FrameReader
		fix(data)
		if _, err := r.Open(data, 1); err != nil {
			if !errors.Is(err, ErrFrame) {
				t.Fatal(err)
			}
			return
		}
		var again FrameBuilder
		var rows []testRow
		for {
			e, ok, err := r.Next()
			if err != nil {
				if !errors.Is(err, ErrFrame) {
					t.Fatal(err)
				}
				return
			}
			if !ok {
				break
			}
			rows = append(rows, testRow{string(e.Payload), string(e.Subject), e.Kind, e.WindowEnd})
		}
		got := read(t, &r, build(&again, rows, 1), 1)
		for i := range rows {
			if got[i] != rows[i] {
				t.Fatalf("row %d: %+v, want %+v", i, got[i], rows[i])
			}
		}
	})
}

func TestFrameBuilderDoesNotAllocate(t *testing.T) {
	var b FrameBuilder
	payload, subject := []byte(`{"customer":"c1","views":12}`), []byte("out.c1")
	fill := func() {
		for i := range 1000 {
			b.Append(payload, subject, vec.Insert, int64(i))
		}
		b.body, b.rows = b.body[:0], 0
	}
	fill()
	if n := testing.AllocsPerRun(10, fill); n != 0 {
		t.Errorf("%v allocations for 1000 rows", n)
	}
	data := func() []byte { fill(); b.Append(payload, nil, 0, 0); return b.Seal(1) }()
	var r FrameReader
	walk := func() {
		if _, err := r.Open(data, 1); err != nil {
			t.Fatal(err)
		}
		for {
			if _, ok, err := r.Next(); err != nil || !ok {
				return
			}
		}
	}
	walk()
	if n := testing.AllocsPerRun(10, walk); n != 0 {
		t.Errorf("reading allocates %v times", n)
	}
}
