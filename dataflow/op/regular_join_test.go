package op_test

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/op/optest"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// The rows of both sides: a key, a number that identifies the row, a text.
var regularTypes = []types.Type{types.TBigInt, types.TBigInt, types.TString}

type joinSideRow struct {
	key  int64 // negative is NULL
	id   int64
	text string
}

func (r joinSideRow) datums() []vec.Datum {
	k := vec.IntDatum(r.key)
	if r.key < 0 {
		k = vec.NullDatum
	}
	return []vec.Datum{k, vec.IntDatum(r.id), vec.StringDatum(r.text)}
}

func (r joinSideRow) String() string {
	if r.key < 0 {
		return fmt.Sprintf("null, %d, %s", r.id, r.text)
	}
	return fmt.Sprintf("%d, %d, %s", r.key, r.id, r.text)
}

const joinPad = "null, null, null"

// joinHistory is random changes of both sides and the rows that remain.
type joinHistory struct {
	events []optest.Event
	live   [2][]joinSideRow
}

// newJoinHistory makes n changes. Sides of unique rows have at most one row with an id,
// and with perKey at most one with a key.
func newJoinHistory(seed int64, n int, by [2]op.JoinIdentity) *joinHistory {
	h := &joinHistory{}
	r := rand.New(rand.NewSource(seed))
	for i := range n {
		side := r.Intn(2)
		arrival := int64(i+1) * 100
		live := h.live[side]
		if by[side] != op.JoinAppendOnly && len(live) > 0 && r.Intn(5) < 2 {
			k := r.Intn(len(live))
			old := live[k]
			h.live[side] = slices.Delete(live, k, k+1)
			if r.Intn(2) == 0 {
				h.add(side, old, vec.Delete, arrival)
				continue
			}
			h.add(side, old, vec.UpdateBefore, arrival)
			old.text += "!"
			h.add(side, old, vec.UpdateAfter, arrival)
			h.live[side] = append(h.live[side], old)
			continue
		}
		row := joinSideRow{key: int64(r.Intn(6)) - 1, id: int64(r.Intn(8)), text: strings.Repeat("x", r.Intn(3))}
		if slices.ContainsFunc(live, func(o joinSideRow) bool {
			return by[side] == op.JoinByUniqueKey && o.id == row.id || by[side] == op.JoinByJoinKey && o.key == row.key
		}) {
			continue
		}
		h.add(side, row, vec.Insert, arrival)
		h.live[side] = append(h.live[side], row)
	}
	return h
}

func (h *joinHistory) add(side int, r joinSideRow, k vec.RowKind, arrival int64) {
	h.events = append(h.events, optest.Event{Input: side, Row: r.datums(), Kind: k, Arrival: arrival})
}

// joined computes the join of the rows that remain.
func (h *joinHistory) joined(kind op.JoinKind, match func(l, r joinSideRow) bool) []string {
	out := []string{}
	used := make([]bool, len(h.live[1]))
	for _, l := range h.live[0] {
		n := 0
		for i, r := range h.live[1] {
			if match(l, r) {
				n++
				used[i] = true
				if kind < op.JoinSemi {
					out = append(out, fmt.Sprintf("[%s, %s]", l, r))
				}
			}
		}
		switch {
		case n == 0 && (kind == op.JoinLeft || kind == op.JoinFull):
			out = append(out, fmt.Sprintf("[%s, %s]", l, joinPad))
		case n > 0 && kind == op.JoinSemi, n == 0 && kind == op.JoinAnti:
			out = append(out, fmt.Sprintf("[%s]", l))
		}
	}
	for i, r := range h.live[1] {
		if !used[i] && (kind == op.JoinRight || kind == op.JoinFull) {
			out = append(out, fmt.Sprintf("[%s, %s]", joinPad, r))
		}
	}
	slices.Sort(out)
	return out
}

// joinCase is a way to join.
type joinCase struct {
	kind     op.JoinKind
	by       [2]op.JoinIdentity
	nullSafe bool
	cond     bool // left id > right id besides
	cross    bool // no keys
}

func (c joinCase) config() op.JoinConfig {
	side := op.JoinSide{Input: regularTypes, Keys: []int{0}, Time: -1}
	cfg := op.JoinConfig{Left: side, Right: side, Kind: c.kind, NullSafe: []bool{c.nullSafe}, Identity: c.by, Unique: [2][]int{{1}, {1}}, Updates: true}
	if c.cross {
		cfg.Left.Keys, cfg.Right.Keys, cfg.NullSafe = nil, nil, nil
	}
	if c.cond {
		n, err := expr.NewCall(">", expr.NewCol(1, "l", types.TBigInt), expr.NewCol(4, "r", types.TBigInt))
		if err != nil {
			panic(err)
		}
		cfg.Cond = n
	}
	return cfg
}

func (c joinCase) match(l, r joinSideRow) bool {
	if !c.cross && (l.key != r.key || l.key < 0 && !c.nullSafe) {
		return false
	}
	return !c.cond || l.id > r.id
}

func TestJoinAgainstPairs(t *testing.T) {
	identities := [][2]op.JoinIdentity{
		{op.JoinAppendOnly, op.JoinAppendOnly}, {op.JoinByRow, op.JoinByRow}, {op.JoinByUniqueKey, op.JoinByRow},
		{op.JoinByJoinKey, op.JoinByUniqueKey}, {op.JoinAppendOnly, op.JoinByJoinKey},
	}
	seed := int64(0)
	for kind := op.JoinInner; kind <= op.JoinAnti; kind++ {
		for _, by := range identities {
			for range 2 {
				seed++
				variant := seed % 4
				c := joinCase{kind: kind, by: by, nullSafe: variant == 1, cond: variant >= 2, cross: variant == 3}
				if c.cross && (by[0] == op.JoinByJoinKey || by[1] == op.JoinByJoinKey) {
					continue
				}
				if c.nullSafe && by[0] == op.JoinByJoinKey {
					c.nullSafe = false // NULL is a key of its own there
				}
				h := newJoinHistory(seed, 40, by)
				got := optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewJoin(c.config()) }, Input: regularTypes, Events: h.events})
				want := h.joined(kind, c.match)
				if !slices.Equal(got.Final, want) {
					t.Fatalf("%+v seed %d:\ngot  %q\nwant %q", c, seed, got.Final, want)
				}
			}
		}
	}
}

// TestJoinOfManyRows joins more rows of a key than a batch holds.
func TestJoinOfManyRows(t *testing.T) {
	var events []optest.Event
	n := vec.BatchSize + 50
	for i := range n {
		events = append(events, optest.Event{Input: 0, Row: joinSideRow{1, int64(i), "l"}.datums(), Arrival: 1})
	}
	events = append(events, optest.Event{Input: 1, Row: joinSideRow{1, 700, "r"}.datums(), Arrival: 2})
	for kind, want := range map[op.JoinKind]int{op.JoinInner: n - 701, op.JoinLeft: n + 2*(n-701), op.JoinSemi: n - 701, op.JoinAnti: n + n - 701} {
		c := joinCase{kind: kind, cond: true}
		o, err := op.NewJoin(c.config())
		if err != nil {
			t.Fatal(err)
		}
		got := runOnce(t, o, regularTypes, events)
		if len(got) != want {
			t.Errorf("%v: %d changes, want %d", kind, len(got), want)
		}
	}
}

// TestJoinStateExpires joins rows that have partners only within their time to live.
func TestJoinStateExpires(t *testing.T) {
	c := joinCase{kind: op.JoinLeft, by: [2]op.JoinIdentity{op.JoinByRow, op.JoinByUniqueKey}}
	cfg := c.config()
	cfg.TTLMs = [2]int64{1000, 3000}
	row := func(side int, r joinSideRow, arrival int64) optest.Event {
		return optest.Event{Input: side, Row: r.datums(), Arrival: arrival}
	}
	r := optest.Run(t, optest.Case{
		New: func() (op.Operator, error) { return op.NewJoin(cfg) }, Input: regularTypes,
		Events: []optest.Event{
			row(0, joinSideRow{1, 1, "a"}, 0), row(1, joinSideRow{1, 2, "b"}, 999), // matches
			row(1, joinSideRow{1, 3, "c"}, 1998), // the match was a write: still there
			row(1, joinSideRow{1, 4, "d"}, 2998), // the left row has expired
			row(0, joinSideRow{1, 5, "e"}, 4000), // b has expired, c and d have not
		},
	})
	want := []string{"[1, 1, a, 1, 2, b]", "[1, 1, a, 1, 3, c]", "[1, 5, e, 1, 3, c]", "[1, 5, e, 1, 4, d]"}
	if !slices.Equal(r.Final, want) {
		t.Errorf("got %q", r.Final)
	}
}

// TestJoinTakesBackWhatItDoesNotHave takes the pairs of a row back that was never seen.
func TestJoinTakesBackWhatItDoesNotHave(t *testing.T) {
	c := joinCase{kind: op.JoinInner, by: [2]op.JoinIdentity{op.JoinByRow, op.JoinByRow}}
	o, err := op.NewJoin(c.config())
	if err != nil {
		t.Fatal(err)
	}
	got := runOnce(t, o, regularTypes, []optest.Event{
		{Input: 0, Row: joinSideRow{1, 1, "a"}.datums()},
		{Input: 1, Row: joinSideRow{1, 2, "b"}.datums(), Kind: vec.Delete},
	})
	if !slices.Equal(got, []string{"-D[1, 1, a, 1, 2, b]"}) {
		t.Errorf("got %q", got)
	}
}

// TestJoinConditionThatFails makes a dead letter of the pair that cannot be computed.
func TestJoinConditionThatFails(t *testing.T) {
	div, err := expr.NewCall("/", expr.NewCol(1, "l", types.TBigInt), expr.NewCol(4, "r", types.TBigInt))
	if err != nil {
		t.Fatal(err)
	}
	cond, err := expr.NewCall(">", div, expr.NewInt(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []op.JoinKind{op.JoinInner, op.JoinLeft} {
		cfg := joinCase{kind: kind}.config()
		cfg.Cond = cond
		r := optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewJoin(cfg) }, Input: regularTypes, Lost: 1, Events: []optest.Event{
			{Input: 1, Row: joinSideRow{1, 0, "zero"}.datums()},
			{Input: 1, Row: joinSideRow{1, 2, "two"}.datums()},
			{Input: 0, Row: joinSideRow{1, 4, "a"}.datums()},
		}})
		if !slices.Equal(r.Final, []string{"[1, 4, a, 1, 2, two]"}) {
			t.Errorf("%v: got %q", kind, r.Final)
		}
	}
}

// runOnce feeds rows in full batches and returns what comes out.
func runOnce(t *testing.T, o op.Operator, ts []types.Type, events []optest.Event) []string {
	t.Helper()
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := &op.Collect{Env: &expr.Env{}}
	if err := o.Open(&op.Context{Arena: a, ID: "op", Out: out, Env: out.Env}); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(events); {
		b := vec.NewBatch(ts)
		input := events[i].Input
		for ; i < len(events) && events[i].Input == input && b.N < vec.BatchSize; i++ {
			for c, v := range b.Cols {
				v.Set(b.N, events[i].Row[c])
			}
			b.Kinds, b.Arrival = append(b.Kinds, events[i].Kind), append(b.Arrival, events[i].Arrival)
			b.N++
		}
		if err := o.Process(input, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Check(); err != nil {
		t.Fatal(err)
	}
	return out.Rows
}

// joinFeed is a join of a small side of 10,000 rows with a stream of changes of batches of
// 1,000 rows, in which every row has one partner.
func joinFeed(t testing.TB, kind op.JoinKind, updates bool) func() {
	t.Helper()
	c := joinCase{kind: kind, by: [2]op.JoinIdentity{op.JoinByUniqueKey, op.JoinByUniqueKey}}
	o, err := op.NewJoin(c.config())
	if err != nil {
		t.Fatal(err)
	}
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Open(&op.Context{Arena: a, ID: "op", Out: &nothing{}, Env: &expr.Env{}}); err != nil {
		t.Fatal(err)
	}
	const rows, batches = 1000, 10
	var feed []*vec.Batch
	for i := range batches {
		b := vec.NewBatch(regularTypes)
		b.N = rows
		for k := range rows {
			n := int64(i*rows + k)
			b.Cols[0].I64[k], b.Cols[1].I64[k] = n, n
			b.Cols[2].SetString(k, "some text of a row")
			b.Arrival = append(b.Arrival, n)
		}
		feed = append(feed, b)
	}
	for _, b := range feed {
		if err := o.Process(1, b); err != nil {
			t.Fatal(err)
		}
	}
	at := 0
	deletes := make([]vec.RowKind, rows)
	for k := range deletes {
		deletes[k] = vec.Delete
	}
	return func() {
		b := feed[at%batches]
		at++
		b.Kinds = nil
		if err := o.Process(0, b); err != nil {
			t.Fatal(err)
		}
		if updates {
			b.Kinds = deletes
			if err := o.Process(0, b); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestJoinAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, kind := range []op.JoinKind{op.JoinInner, op.JoinFull, op.JoinAnti} {
		step := joinFeed(t, kind, true)
		for range 20 {
			step()
		}
		if n := testing.AllocsPerRun(5, step); n > 0 {
			t.Errorf("%v: %v allocations a step of 2,000 changes", kind, n)
		}
	}
}

func BenchmarkJoin(b *testing.B) {
	for name, kind := range map[string]op.JoinKind{"inner": op.JoinInner, "left": op.JoinLeft, "semi": op.JoinSemi} {
		b.Run(name, func(b *testing.B) {
			step := joinFeed(b, kind, true)
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
			b.ReportMetric(float64(b.N)*2000/b.Elapsed().Seconds(), "changes/s")
		})
	}
}
