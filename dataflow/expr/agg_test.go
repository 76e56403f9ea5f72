package expr

import (
	"fmt"
	"math"
	"math/rand"
	"sort"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// aggBench runs aggregate calls over groups that live in a table.
type aggBench struct {
	t     testing.TB
	set   *AggSet
	store *AggStore
	table *state.Table
	ids   uint64
	batch *vec.Batch
	out   []*vec.Vector
}

var aggCols = []types.Type{
	types.TBigInt, types.TDouble, types.TString, types.DecimalOf(10, 2), types.DecimalOf(30, 3),
	types.TBoolean, types.TInt, types.TFloat, types.TimestampOf(3), types.TimestampOf(9),
}

func aggCol(i int) *Col { return NewCol(i, fmt.Sprintf("c%d", i), aggCols[i]) }

func newAggBench(t testing.TB, retract bool, calls ...*AggCall) *aggBench {
	t.Helper()
	set, err := NewAggSet(calls, &Env{}, retract)
	if err != nil {
		t.Fatal(err)
	}
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	space, err := a.Space("test", state.Layout{Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	h := &aggBench{
		t: t, set: set,
		store: &AggStore{Heap: space.Heap("heap"), Tree: space.Ordered("tree", state.OrderedSpec{ValueSize: -1})},
		table: space.Table("groups", state.TableSpec{KeySize: 8, ValueSize: set.Size()}),
		batch: vec.NewBatch(aggCols),
	}
	for _, typ := range set.Types() {
		h.out = append(h.out, vec.New(typ))
	}
	return h
}

func mustAgg(t testing.TB, name string, o AggOptions, args ...Node) *AggCall {
	t.Helper()
	c, err := NewAgg(name, args, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (h *aggBench) group(id uint64) []byte {
	var key [8]byte
	putLE(key[:], id)
	r, created := h.table.Upsert(key[:])
	v := h.table.MutValue(r)
	if created {
		h.ids++
		h.set.Init(v, h.ids)
	}
	return v
}

// run feeds rows of datums for all columns to one group each.
func (h *aggBench) run(rows [][]vec.Datum, groups []uint64, kinds []vec.RowKind) {
	h.batch.Reset()
	h.batch.N, h.batch.Kinds = len(rows), kinds
	var sel []int32
	for i, r := range rows {
		for c := range aggCols {
			d := vec.NullDatum
			if c < len(r) {
				d = r[c]
			}
			h.batch.Cols[c].Set(i, d)
		}
		sel = append(sel, int32(i))
	}
	st := make([][]byte, len(rows))
	for i, g := range groups {
		st[i] = h.group(g)
	}
	h.set.Update(h.store, h.batch, st, sel)
}

func (h *aggBench) results(id uint64) string {
	for _, o := range h.out {
		o.Reset()
	}
	h.set.Result(h.store, h.group(id), h.out, 0)
	var parts []string
	for _, o := range h.out {
		d := o.Get(0)
		if d.Null {
			parts = append(parts, "NULL")
			continue
		}
		parts = append(parts, string(FormatDatum(nil, d, o.Type, &Env{})))
	}
	return strings.Join(parts, " | ")
}

func ints(vals ...int64) (rows [][]vec.Datum, groups []uint64) {
	for _, v := range vals {
		rows = append(rows, []vec.Datum{vec.IntDatum(v), vec.FloatDatum(float64(v)), vec.StringDatum(fmt.Sprint("s", v)),
			vec.IntDatum(v * 100), {I: v * 1000, Hi: v >> 63}, vec.BoolDatum(v%2 == 0), vec.IntDatum(v), vec.FloatDatum(float64(v))})
		groups = append(groups, 1)
	}
	return rows, groups
}

func TestAggregatesAppendOnly(t *testing.T) {
	cases := []struct {
		name string
		args []Node
		o    AggOptions
		want string
		typ  string
	}{
		{"COUNT", nil, AggOptions{}, "5", "BIGINT NOT NULL"},
		{"count", []Node{aggCol(0)}, AggOptions{}, "4", "BIGINT NOT NULL"},
		{"COUNT", []Node{aggCol(0)}, AggOptions{Distinct: true}, "3", "BIGINT NOT NULL"},
		{"COUNT", []Node{aggCol(0), aggCol(2)}, AggOptions{Distinct: true}, "3", "BIGINT NOT NULL"},
		{"SUM", []Node{aggCol(0)}, AggOptions{}, "9", "BIGINT"},
		{"SUM", []Node{aggCol(0)}, AggOptions{Distinct: true}, "7", "BIGINT"},
		{"SUM", []Node{aggCol(0)}, AggOptions{Filter: aggCol(5)}, "8", "BIGINT"},
		{"SUM", []Node{aggCol(8)}, AggOptions{}, "", ""},
		{"SUM", []Node{aggCol(3)}, AggOptions{}, "9.00", "DECIMAL(38, 2)"},
		{"SUM", []Node{aggCol(4)}, AggOptions{}, "9.000", "DECIMAL(38, 3)"},
		{"AVG", []Node{aggCol(0)}, AggOptions{}, "2", "BIGINT"},
		{"AVG", []Node{aggCol(1)}, AggOptions{}, "2.25", "DOUBLE"},
		{"AVG", []Node{aggCol(3)}, AggOptions{}, "2.250000", "DECIMAL(38, 6)"},
		{"SUM", []Node{NewInt(7)}, AggOptions{}, "35", "INT"},
		{"COUNT", []Node{NewInt(7)}, AggOptions{Distinct: true}, "1", "BIGINT NOT NULL"},
		{"COUNT", []Node{NewNull(types.TInt)}, AggOptions{}, "0", "BIGINT NOT NULL"},
		{"MIN", []Node{aggCol(2)}, AggOptions{}, "s1", "STRING"},
		{"MAX", []Node{aggCol(2)}, AggOptions{}, "s4", "STRING"},
		{"MIN", []Node{aggCol(4)}, AggOptions{}, "1.000", "DECIMAL(30, 3)"},
		{"MAX", []Node{aggCol(1)}, AggOptions{}, "4.0", "DOUBLE"},
		{"FIRST_VALUE", []Node{aggCol(2)}, AggOptions{}, "s2", "STRING"},
		{"LAST_VALUE", []Node{aggCol(0)}, AggOptions{}, "2", "BIGINT"},
		{"LISTAGG", []Node{aggCol(2)}, AggOptions{}, "s2,s1,s4,s2", "STRING"},
		{"LISTAGG", []Node{aggCol(2), NewString("; ")}, AggOptions{Distinct: true}, "s2; s1; s4", "STRING"},
		{"ARRAY_AGG", []Node{aggCol(0)}, AggOptions{}, "[2, 1, NULL, 4, 2]", "ARRAY<BIGINT>"},
		{"ARRAY_AGG", []Node{aggCol(0)}, AggOptions{IgnoreNulls: true}, "[2, 1, 4, 2]", "ARRAY<BIGINT>"},
		{"COLLECT", []Node{aggCol(0)}, AggOptions{}, "{1=1, 2=2, 4=1}", "MULTISET<BIGINT> NOT NULL"},
		{"PERCENTILE", []Node{aggCol(0), NewFloat(0.5)}, AggOptions{}, "2.0", "DOUBLE"},
		{"PERCENTILE", []Node{aggCol(0), NewFloat(0.9)}, AggOptions{}, "3.4000000000000004", "DOUBLE"},
		{"APPROX_COUNT_DISTINCT", []Node{aggCol(2)}, AggOptions{}, "3", "BIGINT NOT NULL"},
		{"VAR_POP", []Node{aggCol(6)}, AggOptions{}, "1", "INT"},
		{"STDDEV_SAMP", []Node{aggCol(1)}, AggOptions{}, "1.2583057392117916", "DOUBLE"},
		{"JSON_ARRAYAGG", []Node{aggCol(2)}, AggOptions{}, `["s2","s1","s4","s2"]`, "STRING NOT NULL"},
		{"JSON_ARRAYAGG", []Node{aggCol(0), NewSymbol("NULL")}, AggOptions{}, `[2,1,null,4,2]`, "STRING NOT NULL"},
		{"JSON_OBJECTAGG", []Node{aggCol(2), aggCol(5)}, AggOptions{}, `{"s1":false,"s2":true,"s4":true}`, "STRING NOT NULL"},
	}
	for _, c := range cases {
		call, err := NewAgg(c.name, c.args, c.o)
		if c.typ == "" {
			if err == nil {
				t.Errorf("%s over %s is not refused", c.name, c.args[0].Type())
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, retract := range []bool{false, true} {
			if retract && !call.Func.Retractable {
				continue
			}
			h := newAggBench(t, retract, call)
			rows, groups := ints(2, 1, 0, 4, 2)
			rows[2] = nil
			h.run(rows, groups, nil)
			if got := h.results(1); got != c.want || call.T.String() != c.typ {
				t.Errorf("%s (retract %v) = %s %s, want %s %s", call, retract, got, call.T, c.want, c.typ)
			}
		}
	}
}

// allCalls is one call of every retractable aggregate.
func allCalls(t testing.TB) []*AggCall {
	var calls []*AggCall
	add := func(name string, o AggOptions, args ...Node) {
		calls = append(calls, mustAgg(t, name, o, args...))
	}
	add("COUNT", AggOptions{})
	add("COUNT", AggOptions{Distinct: true, Filter: aggCol(5)}, aggCol(2))
	add("COUNT", AggOptions{Distinct: true}, aggCol(0), aggCol(2))
	for _, c := range []int{0, 3, 4, 6} {
		add("SUM", AggOptions{}, aggCol(c))
		add("AVG", AggOptions{Distinct: true}, aggCol(c))
	}
	for _, c := range []int{0, 1, 2, 3, 4, 8, 9} {
		add("MIN", AggOptions{}, aggCol(c))
		add("MAX", AggOptions{Filter: aggCol(5)}, aggCol(c))
	}
	add("COLLECT", AggOptions{}, aggCol(2))
	add("PERCENTILE", AggOptions{}, aggCol(0), NewFloat(0.25))
	add("APPROX_PERCENTILE", AggOptions{}, aggCol(1), NewFloat(0.5))
	add("APPROX_PERCENTILE", AggOptions{}, aggCol(1), NewFloat(0.95))
	return calls
}

func randomRow(r *rand.Rand) []vec.Datum {
	v := int64(r.Intn(40)) - 10
	row := []vec.Datum{vec.IntDatum(v), vec.FloatDatum(float64(v)), vec.StringDatum(strings.Repeat("x", r.Intn(3)*300) + fmt.Sprint(v)),
		vec.IntDatum(v * 10), {I: v, Hi: v >> 63}, vec.BoolDatum(r.Intn(2) == 0), vec.IntDatum(v), vec.FloatDatum(float64(v)),
		vec.IntDatum(v * 1000), {I: v, Hi: int64(r.Intn(1000))}}
	if r.Intn(5) == 0 {
		row[r.Intn(len(row))] = vec.NullDatum
	}
	return row
}

func TestRetractionAndMergeAgreeWithAppend(t *testing.T) {
	for seed := range int64(20) {
		r := rand.New(rand.NewSource(seed))
		want := newAggBench(t, true, allCalls(t)...)
		got := newAggBench(t, true, allCalls(t)...)
		merged := newAggBench(t, true, allCalls(t)...)
		var live [][]vec.Datum
		var rows [][]vec.Datum
		var kinds []vec.RowKind
		for range 300 {
			if len(live) > 0 && r.Intn(3) == 0 {
				i := r.Intn(len(live))
				rows, kinds = append(rows, live[i]), append(kinds, vec.Delete)
				live = append(live[:i], live[i+1:]...)
				continue
			}
			row := randomRow(r)
			live, rows, kinds = append(live, row), append(rows, row), append(kinds, vec.Insert)
		}
		ones := make([]uint64, len(rows))
		got.run(rows, ones, kinds)
		want.run(live, ones[:len(live)], nil)
		if g, w := got.results(0), want.results(0); g != w {
			t.Fatalf("seed %d: retracting\n%s\nappending\n%s", seed, g, w)
		}
		groups := make([]uint64, len(live))
		for i := range groups {
			groups[i] = uint64(i * 3 / len(live))
		}
		merged.run(live, groups, nil)
		for g := range uint64(3) {
			merged.set.Merge(merged.store, merged.group(9), merged.store, merged.group(g))
		}
		if g, w := merged.results(9), want.results(0); g != w {
			t.Fatalf("seed %d: merged\n%s\nappending\n%s", seed, g, w)
		}
		for g := range uint64(3) {
			merged.set.Release(merged.store, merged.group(g))
		}
		merged.set.Release(merged.store, merged.group(9))
		if n, m := merged.store.Heap.Len(), merged.store.Tree.Len(); n != 0 || m != 0 {
			t.Fatalf("seed %d: %d heap values and %d tree entries remain", seed, n, m)
		}
	}
}

func TestApproxPercentileKeepsItsError(t *testing.T) {
	for _, span := range []float64{10, 1e4, 1e9, 1e30} {
		r := rand.New(rand.NewSource(1))
		h := newAggBench(t, false,
			mustAgg(t, "APPROX_PERCENTILE", AggOptions{}, aggCol(1), NewFloat(0.5)),
			mustAgg(t, "APPROX_PERCENTILE", AggOptions{}, aggCol(1), NewFloat(0.99)))
		if h.set.Size() != sketchSize {
			t.Fatalf("two percentiles of one column take %d bytes, not those of one sketch", h.set.Size())
		}
		var all []float64
		for range 20 {
			var rows [][]vec.Datum
			for range 1000 {
				x := math.Pow(span, r.Float64())
				if r.Intn(4) == 0 {
					x = -x
				}
				all = append(all, x)
				rows = append(rows, []vec.Datum{vec.NullDatum, vec.FloatDatum(x)})
			}
			h.run(rows, make([]uint64, len(rows)), nil)
		}
		sort.Float64s(all)
		worst := 1.0 / 128
		for d := math.Pow(2, 14); d < span; d *= d {
			worst *= 2
		}
		h.set.Result(h.store, h.group(0), h.out, 0)
		for i, p := range []float64{0.5, 0.99} {
			want, got := all[int(p*float64(len(all)-1))], h.out[i].F64[0]
			if e := math.Abs(got-want) / math.Abs(want); e > worst {
				t.Errorf("span %g, p%g: %g instead of %g: error %.4f above %.4f", span, p*100, got, want, e, worst)
			}
		}
	}
}

func TestApproxCountDistinctKeepsItsError(t *testing.T) {
	for _, n := range []int64{0, 1, 100, 512, 513, 2000, 20000, 200000} {
		h := newAggBench(t, false, mustAgg(t, "APPROX_COUNT_DISTINCT", AggOptions{}, aggCol(0)))
		for from := int64(0); from < n; from += 1000 {
			var rows [][]vec.Datum
			for v := from; v < min(n, from+1000); v++ {
				rows = append(rows, []vec.Datum{vec.IntDatum(v * 7919)})
			}
			groups := make([]uint64, len(rows))
			for i := range groups {
				groups[i] = uint64(i % 2)
			}
			h.run(rows, groups, nil)
			h.run(rows, groups, nil)
		}
		h.set.Merge(h.store, h.group(5), h.store, h.group(0))
		h.set.Merge(h.store, h.group(5), h.store, h.group(1))
		h.set.Result(h.store, h.group(5), h.out, 0)
		got := h.out[0].I64[0]
		if e := math.Abs(float64(got-n)) / math.Max(1, float64(n)); e > 0.05 || n <= 512 && got != n {
			t.Errorf("%d distinct values are estimated as %d", n, got)
		}
	}
}

func TestValuesLargerThanAPage(t *testing.T) {
	big := func(c byte) vec.Datum { return vec.StringDatum(strings.Repeat(string(c), 20_000)) }
	for _, retract := range []bool{false, true} {
		h := newAggBench(t, retract, mustAgg(t, "MAX", AggOptions{}, aggCol(2)), mustAgg(t, "LAST_VALUE", AggOptions{}, aggCol(2)),
			mustAgg(t, "COUNT", AggOptions{Distinct: true}, aggCol(2)), mustAgg(t, "LISTAGG", AggOptions{}, aggCol(2)))
		rows := [][]vec.Datum{{vec.NullDatum, vec.NullDatum, big('b')}, {vec.NullDatum, vec.NullDatum, big('c')}, {vec.NullDatum, vec.NullDatum, big('a')}}
		h.run(rows, []uint64{1, 1, 1}, nil)
		h.set.Result(h.store, h.group(1), h.out, 0)
		if string(h.out[0].Bytes(0)) != string(big('c').B) || string(h.out[1].Bytes(0)) != string(big('a').B) || h.out[2].I64[0] != 3 || len(h.out[3].Bytes(0)) != 60_002 {
			t.Errorf("retract %v: a value changed", retract)
		}
		h.set.Release(h.store, h.group(1))
		if n, m := h.store.Heap.Len(), h.store.Tree.Len(); n != 0 || m != 0 {
			t.Errorf("retract %v: %d heap values and %d tree entries remain", retract, n, m)
		}
	}
}

func TestAggregatesThatCannotRetractRefuse(t *testing.T) {
	c := mustAgg(t, "APPROX_COUNT_DISTINCT", AggOptions{}, aggCol(0))
	if _, err := NewAggSet([]*AggCall{c}, nil, true); err == nil || !strings.Contains(err.Error(), "updating input") {
		t.Fatalf("error is %v", err)
	}
	if _, err := NewAgg("PERCENTILE", []Node{aggCol(0), NewFloat(1.5)}, AggOptions{}); err == nil {
		t.Fatal("a percentage of 1.5 is not refused")
	}
	if _, err := NewAgg("SUM", []Node{aggCol(0)}, AggOptions{IgnoreNulls: true}); err == nil {
		t.Fatal("IGNORE NULLS of SUM is not refused")
	}
}

func TestUpdateAllocatesNothing(t *testing.T) {
	h := newAggBench(t, false,
		mustAgg(t, "COUNT", AggOptions{}), mustAgg(t, "SUM", AggOptions{Filter: aggCol(5)}, aggCol(1)),
		mustAgg(t, "AVG", AggOptions{}, aggCol(1)), mustAgg(t, "MAX", AggOptions{}, aggCol(2)),
		mustAgg(t, "APPROX_PERCENTILE", AggOptions{}, aggCol(1), NewFloat(0.5)),
		mustAgg(t, "COUNT", AggOptions{Distinct: true}, aggCol(0)))
	r := rand.New(rand.NewSource(1))
	var rows [][]vec.Datum
	for range 1000 {
		rows = append(rows, randomRow(r))
	}
	h.run(rows, make([]uint64, len(rows)), nil)
	st := make([][]byte, len(rows))
	sel := make([]int32, len(rows))
	for i := range st {
		st[i], sel[i] = h.group(0), int32(i)
	}
	if n := testing.AllocsPerRun(10, func() {
		h.set.Update(h.store, h.batch, st, sel)
		h.out[3].Reset()
		h.set.Result(h.store, st[0], h.out, 0)
	}); n != 0 {
		t.Fatalf("%v allocations a batch", n)
	}
}

// TestDistinctCallsShareEntries compares filtered calls over the same column, which share
// their entries, with each call alone, with rows taken back, merged, and dropped.
func TestDistinctCallsShareEntries(t *testing.T) {
	calls := func() []*AggCall {
		var out []*AggCall
		for _, name := range []string{"COUNT", "SUM", "AVG"} {
			for _, f := range []Node{nil, aggCol(5)} {
				out = append(out, mustAgg(t, name, AggOptions{Distinct: true, Filter: f}, aggCol(0)))
			}
		}
		return append(out, mustAgg(t, "COUNT", AggOptions{Distinct: true, Filter: aggCol(5)}, aggCol(2)))
	}
	for seed := range int64(20) {
		r := rand.New(rand.NewSource(seed))
		retracts := seed%2 == 0
		var rows [][]vec.Datum
		var kinds []vec.RowKind
		for range 400 {
			if retracts && r.Intn(3) == 0 && len(rows) > 0 {
				rows, kinds = append(rows, rows[r.Intn(len(rows))]), append(kinds, vec.Delete)
				continue
			}
			rows, kinds = append(rows, randomRow(r)), append(kinds, vec.Insert)
		}
		groups := make([]uint64, len(rows))
		for i := range groups {
			groups[i] = uint64(i * 3 / len(rows))
		}
		together := newAggBench(t, retracts, calls()...)
		run := func(h *aggBench) {
			h.run(rows, groups, kinds)
			h.set.Release(h.store, h.group(1))
			clear(h.group(1)[aggIDSize:])
			h.run(rows[:50], make([]uint64, 50), kinds[:50])
			for g := range uint64(3) {
				h.set.Merge(h.store, h.group(9), h.store, h.group(g))
			}
		}
		run(together)
		entries := together.store.Tree.Len()
		var alone []string
		sum := 0
		for _, c := range calls() {
			h := newAggBench(t, retracts, c)
			run(h)
			alone = append(alone, h.results(9))
			sum += h.store.Tree.Len()
		}
		if got, want := together.results(9), strings.Join(alone, " | "); got != want {
			t.Fatalf("seed %d: together\n%s\nalone\n%s", seed, got, want)
		}
		if entries*2 > sum {
			t.Errorf("seed %d: %d entries, the calls alone have %d", seed, entries, sum)
		}
	}
}

// Names of aggregates are stored as text and must come back as they were.
func TestNamesOfAggregatesAreText(t *testing.T) {
	c, err := NewAgg("COUNT", nil, AggOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if c.ID = "COUNT(*) of \xff\xfe and é"; c.label() != "COUNT(*) of \uFFFD and é" {
		t.Errorf("%q", c.label())
	}
	c.ID = ""
	if c.label() != c.String() {
		t.Errorf("%q", c.label())
	}
}
