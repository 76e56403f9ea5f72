package expr

import (
	"errors"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// TestResultsOfAggregatesAreBounded adds values until each aggregate that keeps all of them
// refuses to make a result, which is to be where the values reach the limit, and takes one
// back: there is a result again.
func TestResultsOfAggregatesAreBounded(t *testing.T) {
	const rows = 17 // of 1 MB less a little
	for name, args := range map[string][]Node{
		"LISTAGG": {aggCol(2)}, "ARRAY_AGG": {aggCol(2)}, "COLLECT": {aggCol(2)}, "JSON_ARRAYAGG": {aggCol(2)},
		"JSON_OBJECTAGG": {aggCol(2), aggCol(2)},
	} {
		h := newAggBench(t, true, mustAgg(t, name, AggOptions{}, args...))
		st := h.group(1)
		put := func(i int, kind vec.RowKind) {
			h.batch.Reset()
			h.batch.N = 1
			text := strings.Repeat(string(rune('a'+i)), 1<<20-64)
			if name == "JSON_OBJECTAGG" { // the key and the value
				text = text[:1<<19-32]
			}
			h.batch.Cols[2].SetString(0, text)
			h.batch.Kinds = []vec.RowKind{kind}
			h.set.Update(h.store, h.batch, [][]byte{st}, []int32{0})
		}
		result := func() error {
			h.out[0].Reset()
			return h.set.Result(h.store, st, h.out, 0)
		}
		for i := range rows {
			put(i, vec.Insert)
			err := result()
			if over := i == rows-1; over != errors.Is(err, errLargeValue) || over != h.out[0].IsNull(0) {
				t.Fatalf("%s: after %d rows: %v", name, i+1, err)
			}
			if err == nil && len(h.out[0].Bytes(0)) < i<<20 {
				t.Fatalf("%s: %d bytes after %d rows", name, len(h.out[0].Bytes(0)), i+1)
			}
			if err != nil && !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if name != "JSON_OBJECTAGG" { // in which a value may take the place of a larger one
			h.store.iter = nil
			put(rows, vec.Insert)
			if err := result(); !errors.Is(err, errLargeValue) || h.store.iter != nil {
				t.Errorf("%s: %v; it looks through all values again: %v", name, err, h.store.iter != nil)
			}
			put(rows, vec.Delete)
		}
		put(rows-1, vec.Delete)
		if err := result(); err != nil || h.out[0].IsNull(0) {
			t.Errorf("%s: after a row was taken back: %v", name, err)
		}
	}
}

// TestResultsOfARowAreBounded lets several aggregates have results that are too much together.
func TestResultsOfARowAreBounded(t *testing.T) {
	h := newAggBench(t, false, mustAgg(t, "LISTAGG", AggOptions{}, aggCol(2)), mustAgg(t, "COUNT", AggOptions{}),
		mustAgg(t, "ARRAY_AGG", AggOptions{}, aggCol(2)), mustAgg(t, "COLLECT", AggOptions{}, aggCol(2)),
		mustAgg(t, "JSON_ARRAYAGG", AggOptions{}, aggCol(2)), mustAgg(t, "LISTAGG", AggOptions{}, aggCol(2), NewString(";")))
	st := h.group(1)
	for i, over := range []bool{false, true} {
		h.batch.Reset()
		h.batch.N = 1
		h.batch.Cols[2].SetString(0, strings.Repeat(string(rune('a'+i)), 7<<20))
		h.set.Update(h.store, h.batch, [][]byte{st}, []int32{0})
		for _, v := range h.out {
			v.Reset()
		}
		err := h.set.Result(h.store, st, h.out, 0)
		if over != errors.Is(err, errLargeRow) || over != h.out[0].IsNull(0) || over != h.out[3].IsNull(0) || h.out[1].I64[0] != int64(i+1) {
			t.Errorf("%d rows: %v", i+1, err)
		}
	}
}

// TestOtherGroupsThanALargeOne asks for results of groups of other ids and scopes, and of one that
// takes the place of another.
func TestOtherGroupsThanALargeOne(t *testing.T) {
	h := newAggBench(t, false, mustAgg(t, "LISTAGG", AggOptions{}, aggCol(2)))
	put := func(st []byte, mb int) {
		h.batch.Reset()
		h.batch.N = 1
		h.batch.Cols[2].SetString(0, strings.Repeat("x", mb<<20))
		h.set.Update(h.store, h.batch, [][]byte{st}, []int32{0})
	}
	large := func(st []byte) bool {
		h.out[0].Reset()
		return h.set.Result(h.store, st, h.out, 0) != nil
	}
	one, other := h.group(1), make([]byte, h.set.Size())
	h.set.Init(other, le(one)+64) // of the same low bits
	put(one, 17)
	put(other, 1)
	if !large(one) || large(other) || !large(one) {
		t.Error("groups of two ids")
	}
	h.store.Scope++
	clear(other)
	h.set.Init(other, le(one))
	put(other, 1)
	if large(other) {
		t.Error("a group of another scope")
	}
	h.store.Scope--
	id := le(one)
	h.set.Release(h.store, one)
	clear(one)
	h.set.Init(one, id)
	put(one, 1)
	if large(one) {
		t.Error("a group that takes the place of a large one")
	}
}
