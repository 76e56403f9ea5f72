package op_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// kept takes the rows that an operator emits, printed.
type kept struct{ rows []string }

func (k *kept) Process(b *vec.Batch) error {
	for _, i := range selected(b) {
		s := b.Kind(int(i)).String()
		for _, c := range b.Cols {
			if c.IsNull(int(i)) {
				s += " NULL"
			} else if c.Phys == 0 {
				s += fmt.Sprint(" ", c.I64[i])
			} else {
				s += fmt.Sprintf(" %s", c.Bytes(int(i)))
			}
		}
		k.rows = append(k.rows, s)
	}
	return nil
}
func (k *kept) Watermark(int64) error { return nil }
func (k *kept) Tick(int64) error      { return nil }

func selected(b *vec.Batch) []int32 {
	if b.Sel != nil {
		return b.Sel
	}
	out := make([]int32, b.N)
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

// migrating feeds an operator that is opened with other aggregates over the same state.
type migrating struct {
	t     *testing.T
	arena *state.Arena
	make  func(aggs []*expr.AggCall) (op.Operator, error)
	did   []op.Migration
}

func newMigrating(t *testing.T, make func(aggs []*expr.AggCall) (op.Operator, error)) *migrating {
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &migrating{t: t, arena: a, make: make}
}

// run opens the operator and gives it rows, and then a watermark in ms, 0 for none.
func (m *migrating) run(aggs []*expr.AggCall, rows [][]vec.Datum, mark int64) ([]string, error) {
	m.t.Helper()
	o, err := m.make(aggs)
	if err != nil {
		m.t.Fatal(err)
	}
	var out kept
	if err := o.Open(&op.Context{Arena: m.arena, ID: "o", Out: &out, Env: &expr.Env{}, Migrated: func(x op.Migration) { m.did = append(m.did, x) }}); err != nil {
		return nil, err
	}
	b := vec.NewBatch(inTypes)
	for i, r := range rows {
		for c, d := range r {
			b.Cols[c].Set(i, d)
		}
		b.N++
	}
	if err := o.Process(0, b); err != nil {
		m.t.Fatal(err)
	}
	if mark > 0 {
		if err := o.Watermark(0, mark); err != nil {
			m.t.Fatal(err)
		}
	}
	if err := m.arena.Check(); err != nil {
		m.t.Fatal(err)
	}
	slices.Sort(out.rows)
	return out.rows, nil
}

func (m *migrating) must(aggs []*expr.AggCall, rows [][]vec.Datum, mark int64, want ...string) {
	m.t.Helper()
	got, err := m.run(aggs, rows, mark)
	if err != nil {
		m.t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		m.t.Errorf("got %q, want %q", got, want)
	}
}

// named gives a call an ID.
func named(c *expr.AggCall, id string) *expr.AggCall {
	out := *c
	out.ID = id
	return &out
}

func groups(retracting bool) func([]*expr.AggCall) (op.Operator, error) {
	return func(aggs []*expr.AggCall) (op.Operator, error) {
		return op.NewGroupAggregate(op.GroupAggConfig{Input: inTypes, Keys: []int{1}, Aggs: aggs, Retracting: retracting})
	}
}

func TestAggregatesAreMatchedOneByOne(t *testing.T) {
	plain := expr.AggOptions{}
	count, sum, most := agg(t, "COUNT", plain), named(agg(t, "SUM", plain, col(2)), "SUM((n + 1))"), agg(t, "MAX", plain, col(4))
	least := agg(t, "MIN", plain, col(2))
	m := newMigrating(t, groups(false))
	m.must([]*expr.AggCall{count, sum, most}, [][]vec.Datum{row(1, "a", 5), row(1, "a", 2), row(1, "b", 3)}, 0,
		"+I a 1 5 s5", "+I b 1 3 s3", "+U a 2 7 s5")
	// One goes, one comes, the others stand in another order.
	m.must([]*expr.AggCall{most, least, count}, [][]vec.Datum{row(2, "a", 3), row(2, "c", 6)}, 0, "+I c s6 6 1", "+U a s5 3 3")
	if want := "MAX(s), COUNT(*) goes on; MIN(n) begins empty; SUM((n + 1)) is forgotten"; len(m.did) != 1 || m.did[0].String() != want {
		t.Errorf("migrations %v, want %s", m.did, want)
	}
	m.must([]*expr.AggCall{most, least, count}, [][]vec.Datum{row(3, "b", 1)}, 0, "+U b s3 1 2")
	// Another meaning of the same text is another aggregate.
	m.must([]*expr.AggCall{most, named(least, "MIN((n * 2))"), count}, [][]vec.Datum{row(4, "b", 4)}, 0, "+U b s4 4 3")
	if len(m.did) != 2 {
		t.Errorf("migrations %v", m.did)
	}
	if _, err := m.run([]*expr.AggCall{sum}, nil, 0); err == nil || !strings.Contains(err.Error(), "none of its aggregates") {
		t.Errorf("none is kept: %v", err)
	}
	// Memory does not grow.
	pages := 0
	for i := range 8 {
		aggs := [][]*expr.AggCall{{most, count}, {most, count, least}}[i%2]
		if _, err := m.run(aggs, [][]vec.Datum{row(5, "a", 1)}, 0); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			pages = m.arena.Stats().Pages
		}
	}
	if got := m.arena.Stats().Pages; got > pages {
		t.Errorf("%d pages, and %d before", got, pages)
	}
}

func TestAggregatesOfMultisetsMove(t *testing.T) {
	plain := expr.AggOptions{}
	count, kinds, all := agg(t, "COUNT", plain), agg(t, "COUNT", expr.AggOptions{Distinct: true}, col(4)), agg(t, "LISTAGG", plain, col(4))
	m := newMigrating(t, groups(false))
	m.must([]*expr.AggCall{count}, [][]vec.Datum{row(1, "a", 5), row(1, "b", 5)}, 0, "+I a 1", "+I b 1")
	// The first multiset: groups get their ids.
	m.must([]*expr.AggCall{count, kinds}, [][]vec.Datum{row(1, "a", 5), row(1, "b", 6), row(1, "b", 5)}, 0, "+U a 2 1", "+U b 2 1", "+U b 3 2")
	m.must([]*expr.AggCall{count, kinds, all}, [][]vec.Datum{row(1, "a", 5), row(1, "b", 6)}, 0, "+U a 3 1 s5", "+U b 4 2 s6")
	var layout *state.LayoutError
	if _, err := m.run([]*expr.AggCall{kinds, count, all}, nil, 0); !errors.As(err, &layout) || !strings.Contains(err.Error(), "behind it") {
		t.Errorf("multisets that change places: %v", err)
	}
	m.must([]*expr.AggCall{count, kinds}, [][]vec.Datum{row(1, "b", 6), row(1, "b", 7)}, 0, "+U b 5 2", "+U b 6 3")
	m.must([]*expr.AggCall{count}, [][]vec.Datum{row(1, "b", 6)}, 0, "+U b 7")
	if slices.Contains(m.arena.Lookup("o").Names(), "tree") {
		t.Error("the entries of multisets are still there")
	}
}

func TestWhatCannotBeMigrated(t *testing.T) {
	plain := expr.AggOptions{}
	count, sum := agg(t, "COUNT", plain), agg(t, "SUM", plain, col(2))
	m := newMigrating(t, groups(true))
	m.must([]*expr.AggCall{count}, [][]vec.Datum{row(1, "a", 5)}, 0, "+I a 1")
	if _, err := m.run([]*expr.AggCall{count, sum}, nil, 0); err == nil || !strings.Contains(err.Error(), "taken back") {
		t.Errorf("an aggregate over updates: %v", err)
	}
	m.must([]*expr.AggCall{count}, [][]vec.Datum{row(1, "a", 5)}, 0, "+U a 2")
	m = newMigrating(t, groups(false))
	m.must([]*expr.AggCall{count, named(sum, "SUM($f1)")}, [][]vec.Datum{row(1, "a", 5)}, 0, "+I a 1 5")
	if _, err := m.run([]*expr.AggCall{count, named(sum, "SUM((n + 1))")}, nil, 0); err == nil || !strings.Contains(err.Error(), "does not tell which") {
		t.Errorf("an unnamed aggregate: %v", err)
	}
}

func TestWindowsTakeAggregatesOver(t *testing.T) {
	plain := expr.AggOptions{}
	count, least, sum := agg(t, "COUNT", plain), agg(t, "MIN", plain, col(4)), agg(t, "SUM", plain, col(2))
	for _, w := range []op.Window{{Kind: op.Tumble, Size: 10_000}, {Kind: op.Hop, Size: 10_000, Slide: 5000}, {Kind: op.Cumulate, Size: 10_000, Slide: 5000}} {
		m := newMigrating(t, func(aggs []*expr.AggCall) (op.Operator, error) {
			return op.NewWindowAggregate(op.WindowAggConfig{Input: inTypes, Window: w, Keys: []int{1}, Aggs: aggs})
		})
		m.must([]*expr.AggCall{count, least}, [][]vec.Datum{row(1, "a", 5), row(2, "a", 4), row(12, "a", 6)}, 0)
		// The sum has not seen the rows before it.
		m.must([]*expr.AggCall{sum, least, count}, [][]vec.Datum{row(3, "a", 6), row(4, "b", 1)}, 4999, map[op.WindowKind][]string{
			op.Hop: {"+I a 6 s4 3", "+I b 1 s1 1"}, op.Cumulate: {"+I a 6 s4 3", "+I b 1 s1 1"}}[w.Kind]...)
		m.must([]*expr.AggCall{least, count}, [][]vec.Datum{row(7, "a", 1)}, 9999, "+I a s1 4", "+I b s1 1")
	}
}
