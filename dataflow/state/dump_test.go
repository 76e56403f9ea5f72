package state

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
)

func TestDumpIsCanonical(t *testing.T) {
	dump := func(order []uint64) string {
		a := newTestArena(t, Options{})
		s, err := a.Space("op", Layout{Version: 1, Hash: 5, Columns: []Column{
			{Structure: "t", Name: "id", Type: "BIGINT", Key: true, Size: 8},
			{Structure: "t", Name: "n", Type: "BIGINT", Offset: 0, Size: 8},
			{Structure: "t", Name: "s", Type: "STRING", Offset: 8, Size: 8, Heap: true},
		}})
		if err != nil {
			t.Fatal(err)
		}
		spec := TableSpec{KeySize: 8, ValueSize: 16}
		tab := s.Table("t", spec)
		for _, k := range order {
			tab.Heap().Put(make([]byte, 100))
			r, _ := tab.Upsert(key8(k))
			v := tab.MutValue(r)
			binary.LittleEndian.PutUint64(v, k*2)
			if k != 2 {
				binary.LittleEndian.PutUint64(v[8:], uint64(tab.Heap().Put([]byte{'s', byte('0' + k)})))
			}
		}
		s.Panes("p", spec).Pane(-10).Upsert(key8(1))
		s.Ordered("o", OrderedSpec{ValueSize: -1}).Put([]byte("k"), []byte("v"))
		s.Scalars("c", 4).Write()[0] = 9
		s.Heap("h").Put([]byte("abc"))
		var b strings.Builder
		if err := a.Dump(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	want := `space "op" layout 1/0000000000000005
  scalars "c" value=09000000
  heap "h" 1 values, 3 bytes
  ordered "o" 1 entries
    key=6b -> value=76
  panes "p" 1
    pane -10 1 rows
      key=0100000000000000 -> value=00000000000000000000000000000000
  table "t" 3 rows
    id=1 -> n=2 s="s1"
    id=2 -> n=4 s=nil
    id=3 -> n=6 s="s3"
`
	if got := dump([]uint64{1, 2, 3}); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := dump([]uint64{3, 1, 2}); got != want {
		t.Errorf("in another order\n%s", got)
	}
}

// What aggregates keep is written by value: where a string lies in the heap and how a NaN
// came about do not show.
func TestDumpOfWords(t *testing.T) {
	dump := func(first string, nan float64) string {
		a := newTestArena(t, Options{})
		s, err := a.Space("op", Layout{Version: 1, Columns: []Column{
			{Structure: "t", Name: "max", Offset: 0, Size: 16, Refs: 1 << 1},
			{Structure: "t", Name: "sum", Offset: 16, Size: 16, Floats: 1 << 1},
			{Structure: "t", Name: "a", Offset: 32, Size: 8, Heap: true},
			{Structure: "t", Name: "b", Type: "STRING", Offset: 32, Size: 8, Heap: true},
		}})
		if err != nil {
			t.Fatal(err)
		}
		tab := s.Table("t", TableSpec{KeySize: 8, ValueSize: 40})
		tab.Heap().Put([]byte(first))
		for k := range uint64(2) {
			r, _ := tab.Upsert(key8(k))
			v := tab.MutValue(r)
			binary.LittleEndian.PutUint64(v, k)
			if k == 1 {
				binary.LittleEndian.PutUint64(v[8:], uint64(tab.Heap().Put([]byte("max"))))
				binary.LittleEndian.PutUint64(v[24:], math.Float64bits(nan))
				binary.LittleEndian.PutUint64(v[32:], uint64(tab.Heap().Put([]byte("row"))))
			}
		}
		var b strings.Builder
		if err := s.Dump(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	want := `space "op" layout 1/0000000000000000
  table "t" 2 rows
    key=0000000000000000 -> max=00000000000000000000000000000000 sum=00000000000000000000000000000000 a,b=nil
    key=0100000000000000 -> max=0100000000000000[6d6178] sum=0000000000000000NaN a,b=726f77
`
	if got := dump("", math.NaN()); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := dump(strings.Repeat("long", 30), math.Float64frombits(0xfff8<<48)); got != want {
		t.Errorf("got\n%s", got)
	}
}
