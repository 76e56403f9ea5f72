package op

import (
	"bytes"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// scale is an Output that keeps how large batches were.
type scale struct {
	t          *testing.T
	rows, most int
	sizes      []int
}

func (s *scale) Process(b *vec.Batch) error {
	held := 0
	for k := range b.Rows() {
		if n := b.Cols[0].I64[b.Row(k)]; n != int64(s.rows) {
			s.t.Fatalf("row %d comes as the %dth", n, s.rows)
		}
		s.rows++
		held += len(b.Cols[1].Bytes(b.Row(k)))
	}
	s.most = max(s.most, held)
	s.sizes = append(s.sizes, b.Rows())
	return nil
}

func (s *scale) Watermark(int64) error { return nil }

func (s *scale) Tick(int64) error { return nil }

var scaleTypes = []types.Type{types.TBigInt, types.TString}

// TestBatchesOfLargeRowsAreHandedOnEarly makes rows of 100 kB, of which a full batch would
// hold 100 MB, and rows of a byte, which fill it.
func TestBatchesOfLargeRowsAreHandedOnEarly(t *testing.T) {
	const rows = 2*vec.BatchSize + 7
	for _, size := range []int{1, 100_000} {
		text := bytes.Repeat([]byte{'x'}, size)
		fill := func(cols []*vec.Vector, at, n int) {
			cols[0].I64[at] = int64(n)
			cols[1].SetBytes(at, text)
		}
		check := func(what string, s *scale) {
			t.Helper()
			if s.rows != rows || s.most >= batchBytes+2*size {
				t.Errorf("%s: %d rows of %d, %d bytes in a batch", what, s.rows, rows, s.most)
			}
			if size == 1 && len(s.sizes) != 3 {
				t.Errorf("%s: batches of %v narrow rows", what, s.sizes)
			}
		}
		s := &scale{t: t}
		e := newEmitter(s, scaleTypes, false)
		for n := range rows {
			fill(e.batch.Cols, e.row(), n)
			must(t, e.keep(vec.Insert, 0))
		}
		must(t, e.flush())
		check("emitter", s)

		s = &scale{t: t}
		p, err := newPairs(&node{ctx: &Context{Out: s}}, nil, scaleTypes, nil, false)
		must(t, err)
		p.begin()
		for n := range rows {
			fill(p.leftCols(), p.batch.N, n)
			must(t, p.keep(pairCandidate, vec.Insert, 0, 0, 0))
		}
		p.null(p.leftCols()) // a candidate has met the condition, in a batch before
		must(t, p.keep(pairPad, vec.Insert, 0, 0, 0))
		must(t, p.flush())
		check("pairs", s)
	}
}

// TestRowsThatThereWasRoomForStayTogether keeps two large rows at a time, and makes some that
// are not kept.
func TestRowsThatThereWasRoomForStayTogether(t *testing.T) {
	text := bytes.Repeat([]byte{'x'}, batchBytes/2)
	s := &scale{t: t}
	e := newEmitter(s, scaleTypes, true)
	for n := range 20 {
		must(t, e.room(2))
		for k := range 4 {
			e.batch.Cols[1].SetBytes(e.row(), text)
			if k < 2 {
				e.batch.Cols[0].I64[e.row()] = int64(2*n + k)
				must(t, e.keep(vec.UpdateBefore+vec.RowKind(k), 0))
			}
			if k == 0 && e.batch.N == 0 {
				t.Fatal("the batch was handed on between the two rows")
			}
		}
	}
	for range 20 { // and none is kept
		must(t, e.room(2))
		e.batch.Cols[1].SetBytes(e.row(), text)
	}
	if n := e.batch.Cols[1].Held(); n > batchBytes+len(text) {
		t.Errorf("%d bytes of rows that were not kept", n)
	}
	must(t, e.flush())
	if s.rows != 40 {
		t.Errorf("%d rows of 40", s.rows)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
