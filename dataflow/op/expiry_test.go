package op_test

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/op/optest"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// aging feeds an operator rows that all have another key, or one of few keys, 1,000 a batch
// and one a millisecond.
type aging struct {
	o      op.Operator
	a      *state.Arena
	b      *vec.Batch
	inputs []int
	keys   int64 // 0 is another one for each row
	next   int64
}

func newAging(t testing.TB, o op.Operator, err error, inputs []int, keys int64) *aging {
	t.Helper()
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
	return &aging{o: o, a: a, b: vec.NewBatch(regularTypes), inputs: inputs, keys: keys}
}

// feed processes batches and returns the most pages that were in use after one of them.
func (f *aging) feed(t testing.TB, batches int) (pages int) {
	t.Helper()
	for range batches {
		f.b.Reset()
		f.b.N = 1000
		for i := range 1000 {
			k := f.next
			if f.keys > 0 {
				k %= f.keys
			}
			f.b.Cols[0].I64[i], f.b.Cols[1].I64[i] = k, f.next
			f.b.Cols[2].SetString(i, "some text of a row")
			f.b.Arrival = append(f.b.Arrival, f.next)
			f.next++
		}
		for _, i := range f.inputs {
			if err := f.o.Process(i, f.b); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 2 {
			if err := f.o.Watermark(i, f.next/1000); err != nil {
				t.Fatal(err)
			}
		}
		pages = max(pages, f.a.Stats().Pages)
	}
	return pages
}

func joinThatForgets(kind op.JoinKind, by [2]op.JoinIdentity, ttl int64) (op.Operator, error) {
	cfg := joinCase{kind: kind, by: by, cond: true}.config()
	cfg.TTLMs = [2]int64{ttl, ttl}
	return op.NewJoin(cfg)
}

// forgetful are operators that keep rows for a time to live. Each case says how many of the
// pages of the rows that it must keep the operator may use: a join forgets rows one by one.
var forgetful = map[string]struct {
	make   func(ttl int64) (op.Operator, error)
	inputs []int
	slack  float64
}{
	"inner join": {func(ttl int64) (op.Operator, error) {
		return joinThatForgets(op.JoinInner, [2]op.JoinIdentity{op.JoinAppendOnly, op.JoinAppendOnly}, ttl)
	}, []int{0, 1}, 1.15},
	"left join by rows": {func(ttl int64) (op.Operator, error) {
		return joinThatForgets(op.JoinLeft, [2]op.JoinIdentity{op.JoinByRow, op.JoinAppendOnly}, ttl)
	}, []int{0, 1}, 1.15},
	"full join by unique keys": {func(ttl int64) (op.Operator, error) {
		return joinThatForgets(op.JoinFull, [2]op.JoinIdentity{op.JoinByUniqueKey, op.JoinByJoinKey}, ttl)
	}, []int{0, 1}, 1.15},
	"versions of a temporal join": {func(ttl int64) (op.Operator, error) {
		side := op.JoinSide{Input: regularTypes, Keys: []int{0}, Time: 1}
		return op.NewTemporalJoin(op.TemporalJoinConfig{Left: side, Right: side, NullSafe: []bool{false}, TTLMs: ttl})
	}, []int{1}, 1.35},
	"deduplicate": {func(ttl int64) (op.Operator, error) {
		return op.NewDeduplicate(op.DeduplicateConfig{Input: regularTypes, Keys: []int{0}, Time: -1, Last: true, UpdateBefore: true, TTLMs: ttl})
	}, []int{0}, 1.35},
	"rank": {func(ttl int64) (op.Operator, error) {
		return op.NewRank(op.RankConfig{Input: regularTypes, Keys: []int{0}, Order: []op.SortKey{{Col: 1}}, Start: 1, End: 3, TTLMs: ttl})
	}, []int{0}, 1.35},
}

// TestExpiredRowsAreGivenBack looks at the pages in use while nearly fifty times as many rows
// expire as are kept.
func TestExpiredRowsAreGivenBack(t *testing.T) {
	const live = 10 // batches
	for name, c := range forgetful {
		o, err := c.make(1 << 40)
		keeping := newAging(t, o, err, c.inputs, 0)
		needed := keeping.feed(t, live)
		o, err = c.make(live * 1000)
		f := newAging(t, o, err, c.inputs, 0)
		early := f.feed(t, 5*live)
		late := f.feed(t, 45*live)
		if most := int(float64(needed) * c.slack); late > most || late > early+early/10 {
			t.Errorf("%s: %d pages with %d batches, %d with %d; the rows that count take %d", name, early, 5*live, late, 50*live, needed)
		}
		if err := f.a.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestExpiredRowsOfAKeyAreGivenBack does it with keys that always have rows which count.
func TestExpiredRowsOfAKeyAreGivenBack(t *testing.T) {
	o, err := joinThatForgets(op.JoinSemi, [2]op.JoinIdentity{op.JoinAppendOnly, op.JoinAppendOnly}, 3000)
	f := newAging(t, o, err, []int{0, 1}, 300)
	early, late := f.feed(t, 100), f.feed(t, 200)
	if late > early {
		t.Errorf("%d pages, then %d", early, late)
	}
	if err := f.a.Check(); err != nil {
		t.Error(err)
	}
}

// TestAMillionLiveRowsExpire keeps a million rows of each input while as many expire.
func TestAMillionLiveRowsExpire(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("millions of rows")
	}
	for _, name := range []string{"inner join", "deduplicate"} {
		c := forgetful[name]
		o, err := c.make(1_000_000)
		f := newAging(t, o, err, c.inputs, 0)
		full := f.feed(t, 1000)
		late := f.feed(t, 1000)
		if most := int(float64(full) * c.slack); late > most {
			t.Errorf("%s: %d pages with a million rows, %d after as many expired", name, full, late)
		}
	}
}

// TestTicksForgetRows forgets the rows of a join to which no more come.
func TestTicksForgetRows(t *testing.T) {
	c := forgetful["full join by unique keys"]
	o, err := c.make(5000)
	f := newAging(t, o, err, c.inputs, 0)
	floor := f.a.Stats().Pages
	full := f.feed(t, 2)
	for i := range int64(200) {
		for in := range 2 {
			if err := o.Watermark(in, op.Idle); err != nil {
				t.Fatal(err)
			}
			if err := o.Tick(7000 + i); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := f.a.Stats().Pages; n > floor+(full-floor)/10 {
		t.Errorf("%d pages before, %d with the rows, %d after them", floor, full, n)
	}
	if err := f.a.Check(); err != nil {
		t.Error(err)
	}
}

// TestJoinOfExpiringRowsAgainstPairs compares an inner join with all pairs of rows of which
// the first had not expired when the second came; outer joins and sides that take rows back
// are compared with themselves, restored from a snapshot after each event.
func TestJoinOfExpiringRowsAgainstPairs(t *testing.T) {
	ttl := [2]int64{700, 1500}
	for seed := int64(1); seed <= 6; seed++ {
		var events []optest.Event
		var rows [2][]joinSideRow
		var at [2][]int64
		want := []string{}
		r := rand.New(rand.NewSource(seed))
		now := int64(0)
		for i := range 80 {
			now += int64(r.Intn(200))
			side, row := r.Intn(2), joinSideRow{key: int64(r.Intn(4)), id: int64(i), text: "t"}
			events = append(events, optest.Event{Input: side, Row: row.datums(), Arrival: now})
			for k, o := range rows[1-side] {
				if o.key != row.key || now-at[1-side][k] >= ttl[1-side] {
					continue
				}
				pair := [2]joinSideRow{row, o}
				want = append(want, fmt.Sprintf("[%s, %s]", pair[side], pair[1-side]))
			}
			rows[side], at[side] = append(rows[side], row), append(at[side], now)
		}
		slices.Sort(want)
		for kind := op.JoinInner; kind <= op.JoinAnti; kind++ {
			for _, by := range [][2]op.JoinIdentity{{op.JoinAppendOnly, op.JoinAppendOnly}, {op.JoinByRow, op.JoinByUniqueKey}} {
				cfg := joinCase{kind: kind, by: by}.config()
				cfg.TTLMs = ttl
				got := optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewJoin(cfg) }, Input: regularTypes, Events: events})
				if kind == op.JoinInner && !slices.Equal(got.Final, want) {
					t.Fatalf("seed %d, %v: got %d rows, want %d", seed, by, len(got.Final), len(want))
				}
			}
		}
	}
}
