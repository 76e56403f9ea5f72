package op_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// lengths takes rows of a key and a text, and dead letters, down as short texts.
type lengths struct {
	nothing
	rows, letters []string
	most          int // bytes of text of one batch
	column        int // of the text
}

func (l *lengths) Process(b *vec.Batch) error {
	held := 0
	for k := range b.Rows() {
		i := b.Row(k)
		n := -1
		if !b.Cols[l.column].IsNull(i) {
			n = len(b.Cols[l.column].Bytes(i))
			held += n
		}
		l.rows = append(l.rows, fmt.Sprintf("%s %d %d", b.Kind(i), b.Cols[0].I64[i], n))
	}
	l.most = max(l.most, held)
	return nil
}

func (l *lengths) RowError(b *vec.Batch, i int, err error) error {
	if !b.Cols[l.column].IsNull(i) {
		return fmt.Errorf("a letter with %d bytes of the result", len(b.Cols[l.column].Bytes(i)))
	}
	if !strings.Contains(err.Error(), "exceeds the limit of 16777216 bytes") {
		return err
	}
	l.letters = append(l.letters, fmt.Sprintf("%d at %d", b.Cols[0].I64[i], b.ArrivalAt(i)))
	return nil
}

// largeRow is a key, and a text of so many MB.
type largeRow struct {
	kind    vec.RowKind
	key, mb int64
}

var largeTypes = []types.Type{types.TBigInt, types.TString}

// feedLarge processes batches of rows, of which each arrives one ms after that before it.
func feedLarge(t *testing.T, o op.Operator, out *lengths, batches ...[]largeRow) {
	t.Helper()
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Open(&op.Context{Arena: a, ID: "op", Out: out, Results: out, Env: &expr.Env{}}); err != nil {
		t.Fatal(err)
	}
	b := vec.NewBatch(largeTypes)
	now := int64(0)
	for _, rows := range batches {
		b.Reset()
		b.N = len(rows)
		for i, r := range rows {
			b.Cols[0].I64[i] = r.key
			b.Cols[1].SetString(i, "y")
			if r.mb > 0 {
				b.Cols[1].SetString(i, strings.Repeat("x", int(r.mb)<<20))
			}
			b.Kinds, b.Arrival = append(b.Kinds, r.kind), append(b.Arrival, now)
			now++
		}
		if err := o.Process(0, b); err != nil {
			t.Fatal(err)
		}
	}
}

func listOf(t *testing.T) []*expr.AggCall {
	t.Helper()
	c, err := expr.NewAgg("LISTAGG", []expr.Node{expr.NewCol(1, "text", types.TString)}, expr.AggOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return []*expr.AggCall{c}
}

// TestGroupsWithLargeResults lets a group's list grow beyond what a result may have, and
// shrink again. Where rows are taken back before they change, such a group is not there
// downstream; else it stays as it was, and goes by its key.
func TestGroupsWithLargeResults(t *testing.T) {
	const mb = 1 << 20
	rows := []largeRow{{vec.Insert, 1, 9}, {vec.Insert, 1, 8}, {vec.Insert, 2, 0}, {vec.Insert, 1, 0}, {vec.Delete, 1, 8}, {vec.Insert, 1, 8},
		{vec.Delete, 1, 9}, {vec.Insert, 1, 9}, {vec.Delete, 1, 9}, {vec.Delete, 1, 0}, {vec.Insert, 1, 9}, {vec.Insert, 3, 17}, {vec.Delete, 3, 17}}
	var one [][]largeRow
	for i := range rows {
		one = append(one, rows[i:i+1])
	}
	is := func(kind string, key, n int) string { return fmt.Sprintf("%s %d %d", kind, key, n) }
	for _, before := range []bool{true, false} {
		var want []string
		add := func(always bool, s string) {
			if always || before {
				want = append(want, s)
			}
		}
		add(true, is("+I", 1, 9*mb))
		add(false, is("-U", 1, 9*mb))
		add(true, is("+I", 2, 1))
		add(true, is("+U", 1, 9*mb+2))
		add(false, is("-U", 1, 9*mb+2))
		add(true, is("+U", 1, 8*mb+2))
		add(false, is("-U", 1, 8*mb+2))
		add(true, is("+U", 1, 8*mb+2))
		add(false, is("-U", 1, 8*mb+2))
		add(true, is("+U", 1, 8*mb))
		add(false, is("-U", 1, 8*mb))
		if !before {
			want = append(want, is("-D", 3, -1))
		}
		letters := []string{"1 at 1", "1 at 3", "1 at 5", "1 at 7", "1 at 10", "3 at 11"}
		for name, batches := range map[string][][]largeRow{"one by one": one, "together": {rows}} {
			o, err := op.NewGroupAggregate(op.GroupAggConfig{Input: largeTypes, Keys: []int{0}, Aggs: listOf(t), Retracting: true, UpdateBefore: before})
			if err != nil {
				t.Fatal(err)
			}
			out := &lengths{column: 1}
			feedLarge(t, o, out, batches...)
			if !slices.Equal(out.rows, want) || !slices.Equal(out.letters, letters) {
				t.Errorf("%s, before %v:\n%s\nwant\n%s\nletters %v", name, before, strings.Join(out.rows, "\n"), strings.Join(want, "\n"), out.letters)
			}
		}
	}
}

// TestWindowsWithLargeResults emits the windows whose results are within the limit.
func TestWindowsWithLargeResults(t *testing.T) {
	cfg := op.WindowAggConfig{Input: largeTypes, Keys: []int{0}, Aggs: listOf(t), Props: []op.WindowProp{op.WindowEnd}}
	cfg.Window = op.Window{Kind: op.Tumble, ProcTime: true, Size: 1000, Slide: 1000}
	tumble, err := op.NewWindowAggregate(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Window = op.Window{Kind: op.Session, ProcTime: true, Size: 1000}
	session, err := op.NewSessionAggregate(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]op.Operator{"tumble": tumble, "session": session} {
		out := &lengths{column: 1}
		feedLarge(t, o, out, []largeRow{{vec.Insert, 1, 9}, {vec.Insert, 2, 9}, {vec.Insert, 1, 8}, {vec.Insert, 3, 0}})
		if err := o.Watermark(0, op.EndOfInput); err != nil {
			t.Fatal(err)
		}
		slices.Sort(out.rows)
		if !slices.Equal(out.rows, []string{fmt.Sprintf("+I 2 %d", 9<<20), "+I 3 1"}) || len(out.letters) != 1 || !strings.HasPrefix(out.letters[0], "1 at ") {
			t.Errorf("%s: rows %v, letters %v", name, out.rows, out.letters)
		}
	}
}

// TestOverWithLargeResults emits the rows whose results are within the limit.
func TestOverWithLargeResults(t *testing.T) {
	cfg := op.OverConfig{Input: largeTypes, Keys: []int{0}, Time: -1, Preceding: 1, Calls: []op.OverCall{{Func: op.OverAgg, Agg: listOf(t)[0]}}}
	over, err := op.NewOver(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Preceding = -1
	cfg.Order, cfg.UpdateBefore = []op.SortKey{{Col: 1}}, true
	free, err := op.NewFreeOver(cfg)
	if err != nil {
		t.Fatal(err)
	}
	rows := []largeRow{{vec.Insert, 1, 9}, {vec.Insert, 2, 9}, {vec.Insert, 1, 8}, {vec.Insert, 1, 0}}
	first := []string{fmt.Sprintf("+I 1 %d", 9<<20), fmt.Sprintf("+I 2 %d", 9<<20)}
	for name, c := range map[string]struct {
		o       op.Operator
		want    []string // behind the first
		letters []string
	}{
		"by time": {over, []string{fmt.Sprintf("+I 1 %d", 8<<20+2)}, []string{"1 at 2"}},
		"by text": {free, []string{fmt.Sprintf("+I 1 %d", 8<<20), fmt.Sprintf("-U 1 %d", 9<<20)}, []string{"1 at 2", "1 at 3"}},
	} {
		out := &lengths{column: 2}
		feedLarge(t, c.o, out, rows)
		if !slices.Equal(out.rows, append(first, c.want...)) || !slices.Equal(out.letters, c.letters) {
			t.Errorf("%s: rows %v, letters %v", name, out.rows, out.letters)
		}
	}
}
