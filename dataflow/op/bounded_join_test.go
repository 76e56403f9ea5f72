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
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// The inputs of the joins: event time, key, number.
var joinTypes = []types.Type{types.TimestampOf(3), types.TString, types.TBigInt}

func joinSide() op.JoinSide {
	return op.JoinSide{Input: joinTypes, Names: []string{"ts", "k", "n"}, Keys: []int{1}, Time: 0}
}

// at is a row of an input at second s; an empty key is NULL.
func at(input int, s float64, key string, n int64) optest.Event {
	k := vec.StringDatum(key)
	if key == "" {
		k = vec.NullDatum
	}
	return optest.Event{Input: input, Row: []vec.Datum{vec.IntDatum(int64(s * 1e6)), k, vec.IntDatum(n)}, Arrival: int64(s * 1e3)}
}

func kind(e optest.Event, k vec.RowKind) optest.Event {
	e.Kind = k
	return e
}

func marks(s float64) []optest.Event {
	return []optest.Event{{Watermark: int64(s * 1e3)}, {Input: 1, Watermark: int64(s * 1e3)}}
}

func ends() []optest.Event {
	return []optest.Event{{Watermark: op.EndOfInput}, {Input: 1, Watermark: op.EndOfInput}}
}

// less is left.n < right.n.
func less(t *testing.T) expr.Node {
	t.Helper()
	c, err := expr.NewCall("<", expr.NewCol(2, "n", types.TBigInt), expr.NewCol(5, "n", types.TBigInt))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func intervalJoin(c op.IntervalJoinConfig) func() (op.Operator, error) {
	c.Left, c.Right = joinSide(), joinSide()
	if c.NullSafe == nil {
		c.NullSafe = []bool{false}
	}
	return func() (op.Operator, error) { return op.NewIntervalJoin(c) }
}

func TestIntervalJoinPadsWhenTheIntervalHasPassed(t *testing.T) {
	r := optest.Run(t, optest.Case{
		New:   intervalJoin(op.IntervalJoinConfig{Kind: op.JoinFull, LowerMs: -5000, UpperMs: 1000, Cond: less(t)}),
		Input: joinTypes, Ordered: true,
		Events: slices.Concat(
			[]optest.Event{at(0, 1, "a", 1), at(0, 2, "", 1), at(1, 5, "a", 2), at(1, 6, "a", 0), at(0, 8, "b", 3)},
			marks(6.5), marks(9), []optest.Event{at(0, 7, "a", 0), at(1, 2, "c", 1), at(1, 13, "b", 9)}, marks(20), ends()),
	})
	wantTrace(t, r, `
		+I[1970-01-01 00:00:02.000, null, 1, null, null, null]
		+I[1970-01-01 00:00:01.000, a, 1, 1970-01-01 00:00:05.000, a, 2]
		watermark 1500
		watermark 1500
		+I[null, null, null, 1970-01-01 00:00:06.000, a, 0]
		watermark 4000
		+I[null, null, null, 1970-01-01 00:00:02.000, c, 1]
		+I[1970-01-01 00:00:08.000, b, 3, 1970-01-01 00:00:13.000, b, 9]
		watermark 4000
		+I[1970-01-01 00:00:07.000, a, 0, null, null, null]
		watermark 15000
		watermark 15000
		watermark 9223372036854775807`)
}

func TestIntervalJoinOfNothing(t *testing.T) {
	r := optest.Run(t, optest.Case{
		New:   intervalJoin(op.IntervalJoinConfig{Kind: op.JoinLeft, LowerMs: 2000, UpperMs: 1000}),
		Input: joinTypes, Events: slices.Concat([]optest.Event{at(0, 2, "a", 1), at(1, 1, "a", 1)}, marks(3), ends()),
	})
	wantFinal(t, r, `[1970-01-01 00:00:02.000, a, 1, null, null, null]`)
}

func TestIntervalJoinByProcessingTime(t *testing.T) {
	r := optest.Run(t, optest.Case{
		New:   intervalJoin(op.IntervalJoinConfig{Kind: op.JoinLeft, ProcTime: true, LowerMs: -2000, UpperMs: 2000, NullSafe: []bool{true}}),
		Input: joinTypes, Ordered: true,
		Events: slices.Concat([]optest.Event{at(0, 1, "", 1), at(0, 1.5, "a", 2), at(1, 3, "", 3), {Tick: 3500}, {Tick: 3501}, at(1, 4, "a", 4)}, ends()),
	})
	wantTrace(t, r, `
		+I[1970-01-01 00:00:01.000, null, 1, 1970-01-01 00:00:03.000, null, 3]
		+I[1970-01-01 00:00:01.500, a, 2, null, null, null]
		watermark 9223372036854775807`)
}

// TestIntervalJoinAgainstPairs compares with all pairs, where no row is late.
func TestIntervalJoinAgainstPairs(t *testing.T) {
	for seed := range int64(4) {
		r := rand.New(rand.NewSource(seed))
		var events []optest.Event
		var sides [2][]optest.Event
		now := 10.0
		for range 150 {
			if r.Intn(10) == 0 {
				events = append(events, marks(now-3)...)
				continue
			}
			now += r.Float64()
			e := at(r.Intn(2), float64(int((now-r.Float64()*3)*10))/10, string(rune('a'+r.Intn(3))), int64(r.Intn(5)))
			sides[e.Input] = append(sides[e.Input], e)
			events = append(events, e)
		}
		const low, high = -3e6, 2e6
		want := map[string]int{}
		line := func(l, r *optest.Event) {
			b := vec.NewBatch(append(slices.Clone(joinTypes), joinTypes...))
			for i := range 3 {
				b.Cols[i].SetNull(0)
				b.Cols[3+i].SetNull(0)
				if l != nil {
					b.Cols[i].Set(0, l.Row[i])
				}
				if r != nil {
					b.Cols[3+i].Set(0, r.Row[i])
				}
			}
			b.N = 1
			want[op.FormatRow(b, 0, &expr.Env{})[2:]]++
		}
		rightHit := make([]bool, len(sides[1]))
		for i := range sides[0] {
			l, hit := &sides[0][i], false
			for j := range sides[1] {
				r := &sides[1][j]
				d := l.Row[0].I - r.Row[0].I
				if string(l.Row[1].B) == string(r.Row[1].B) && d >= low && d <= high && l.Row[2].I < r.Row[2].I {
					line(l, r)
					hit, rightHit[j] = true, true
				}
			}
			if !hit {
				line(l, nil)
			}
		}
		for j := range sides[1] {
			if !rightHit[j] {
				line(nil, &sides[1][j])
			}
		}
		got := optest.Run(t, optest.Case{
			New:   intervalJoin(op.IntervalJoinConfig{Kind: op.JoinFull, LowerMs: low / 1000, UpperMs: high / 1000, Cond: less(t)}),
			Input: joinTypes, Events: append(events, ends()...),
		})
		for _, row := range got.Final {
			want[row]--
		}
		for row, n := range want {
			if n != 0 {
				t.Errorf("seed %d: %d times too few: %s", seed, n, row)
			}
		}
	}
}

// windowTypes are window_start, window_end, key, number.
var windowTypes = []types.Type{types.TimestampOf(3), types.TimestampOf(3), types.TString, types.TBigInt}

func inWindow(input int, start, end float64, key string, n int64) optest.Event {
	e := at(input, start, key, n)
	e.Row = append([]vec.Datum{e.Row[0], vec.IntDatum(int64(end * 1e6))}, e.Row[1:]...)
	return e
}

func windowJoin(kind op.JoinKind, cond expr.Node, nullSafe bool) func() (op.Operator, error) {
	side := op.WindowSide{JoinSide: op.JoinSide{Input: windowTypes, Keys: []int{2}, Time: -1}, Start: 0, End: 1}
	return func() (op.Operator, error) {
		return op.NewWindowJoin(op.WindowJoinConfig{Left: side, Right: side, Kind: kind, NullSafe: []bool{nullSafe}, Cond: cond})
	}
}

func TestWindowJoin(t *testing.T) {
	cond, err := expr.NewCall("<>", expr.NewCol(3, "n", types.TBigInt), expr.NewCol(7, "n", types.TBigInt))
	if err != nil {
		t.Fatal(err)
	}
	events := slices.Concat([]optest.Event{
		inWindow(0, 0, 5, "a", 1), inWindow(0, 0, 5, "b", 2), inWindow(0, 0, 5, "", 3), inWindow(0, 5, 10, "a", 4),
		inWindow(1, 0, 5, "a", 1), inWindow(1, 0, 5, "a", 5), inWindow(1, 0, 5, "", 6), inWindow(1, 4, 5, "b", 7),
	}, marks(4.998), marks(4.999), []optest.Event{inWindow(1, 0, 5, "a", 8), inWindow(1, 5, 10, "c", 9)}, ends())
	for _, c := range []struct {
		kind     op.JoinKind
		nullSafe bool
		want     string
	}{
		{op.JoinInner, false, `
			[1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, a, 1, 1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, a, 5]`},
		{op.JoinInner, true, `
			[1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, a, 1, 1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, a, 5]
			[1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, null, 3, 1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, null, 6]`},
		{op.JoinLeft, false, `
			[1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, a, 1, 1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, a, 5]
			[1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, b, 2, null, null, null, null]
			[1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, null, 3, null, null, null, null]
			[1970-01-01 00:00:05.000, 1970-01-01 00:00:10.000, a, 4, null, null, null, null]`},
		{op.JoinRight, true, `
			[1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, a, 1, 1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, a, 5]
			[1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, null, 3, 1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, null, 6]
			[null, null, null, null, 1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, a, 1]
			[null, null, null, null, 1970-01-01 00:00:04.000, 1970-01-01 00:00:05.000, b, 7]
			[null, null, null, null, 1970-01-01 00:00:05.000, 1970-01-01 00:00:10.000, c, 9]`},
		{op.JoinSemi, true, `
			[1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, a, 1]
			[1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, null, 3]`},
		{op.JoinAnti, false, `
			[1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, b, 2]
			[1970-01-01 00:00:00.000, 1970-01-01 00:00:05.000, null, 3]
			[1970-01-01 00:00:05.000, 1970-01-01 00:00:10.000, a, 4]`},
	} {
		t.Run(fmt.Sprint(c.kind, c.nullSafe), func(t *testing.T) {
			r := optest.Run(t, optest.Case{New: windowJoin(c.kind, cond, c.nullSafe), Input: windowTypes, Events: events})
			wantFinal(t, r, c.want)
			if r.Audit.DroppedLate != 1 || r.Audit.Assigned != 10 || r.Audit.Fired != 9 {
				t.Errorf("audit %+v", r.Audit)
			}
		})
	}
}

func temporalJoin(c op.TemporalJoinConfig) func() (op.Operator, error) {
	c.Left, c.Right, c.NullSafe = joinSide(), joinSide(), []bool{false}
	return func() (op.Operator, error) { return op.NewTemporalJoin(c) }
}

func TestTemporalJoin(t *testing.T) {
	events := slices.Concat([]optest.Event{
		at(0, 2, "usd", 1), at(0, 5, "usd", 2), at(0, 5, "eur", 3), at(0, 1, "", 4),
		at(1, 3, "usd", 20), at(1, 1, "usd", 10), at(1, 3, "usd", 21), kind(at(1, 6, "usd", 21), vec.Delete),
		kind(at(1, 3, "usd", 21), vec.UpdateBefore), at(1, 7, "usd", 40),
	}, marks(5), []optest.Event{at(0, 6.5, "usd", 5), at(0, 7, "usd", 6), at(1, 7.5, "eur", 50)}, marks(7), []optest.Event{at(0, 8, "eur", 60)}, ends())
	r := optest.Run(t, optest.Case{New: temporalJoin(op.TemporalJoinConfig{Kind: op.JoinLeft, Cond: less(t)}), Input: joinTypes, Ordered: true, Events: events})
	wantTrace(t, r, `
		+I[1970-01-01 00:00:01.000, null, 4, null, null, null]
		+I[1970-01-01 00:00:02.000, usd, 1, 1970-01-01 00:00:01.000, usd, 10]
		+I[1970-01-01 00:00:05.000, usd, 2, 1970-01-01 00:00:03.000, usd, 21]
		+I[1970-01-01 00:00:05.000, eur, 3, null, null, null]
		watermark 5000
		watermark 5000
		+I[1970-01-01 00:00:06.500, usd, 5, null, null, null]
		+I[1970-01-01 00:00:07.000, usd, 6, 1970-01-01 00:00:07.000, usd, 40]
		watermark 7000
		watermark 7000
		+I[1970-01-01 00:00:08.000, eur, 60, null, null, null]
		watermark 9223372036854775807`)
}

func TestTemporalJoinForgetsVersionsAfterTheirTime(t *testing.T) {
	events := slices.Concat([]optest.Event{at(1, 1, "usd", 10), at(1, 20, "eur", 11), at(0, 2, "usd", 1), at(0, 2, "eur", 2)}, marks(5), ends())
	r := optest.Run(t, optest.Case{New: temporalJoin(op.TemporalJoinConfig{Kind: op.JoinInner, TTLMs: 10_000}), Input: joinTypes, Events: events})
	wantFinal(t, r, ``)
}

// TestTemporalJoinAgainstAllVersions compares with a search in all versions, where no row is
// late.
func TestTemporalJoinAgainstAllVersions(t *testing.T) {
	for seed := range int64(4) {
		r := rand.New(rand.NewSource(seed))
		var events, left, right []optest.Event
		low := 0.0
		for range 200 {
			if r.Intn(12) == 0 {
				low += r.Float64() * 5
				events = append(events, marks(low)...)
				continue
			}
			e := at(r.Intn(2), low+0.001+float64(r.Intn(100))/10, string(rune('a'+r.Intn(3))), int64(r.Intn(5)))
			if e.Input == 0 {
				left = append(left, e)
			} else {
				if r.Intn(4) == 0 {
					e.Kind = vec.Delete
				}
				right = append(right, e)
			}
			events = append(events, e)
		}
		want := map[string]int{}
		b := vec.NewBatch(append(slices.Clone(joinTypes), joinTypes...))
		for _, l := range left {
			var version *optest.Event
			for i, v := range right {
				if string(v.Row[1].B) == string(l.Row[1].B) && v.Row[0].I/1000 <= l.Row[0].I/1000 && (version == nil || v.Row[0].I/1000 >= version.Row[0].I/1000) {
					version = &right[i]
				}
			}
			hit := version != nil && version.Kind != vec.Delete && l.Row[2].I < version.Row[2].I
			for c := range 3 {
				b.Cols[c].Set(0, l.Row[c])
				b.Cols[3+c].SetNull(0)
				if hit {
					b.Cols[3+c].Set(0, version.Row[c])
				}
			}
			b.N = 1
			want[op.FormatRow(b, 0, &expr.Env{})[2:]]++
		}
		got := optest.Run(t, optest.Case{New: temporalJoin(op.TemporalJoinConfig{Kind: op.JoinLeft, Cond: less(t)}), Input: joinTypes, Events: append(events, ends()...)})
		for _, row := range got.Final {
			want[row]--
		}
		for row, n := range want {
			if n != 0 {
				t.Errorf("seed %d: %d times too few: %s", seed, n, row)
			}
		}
	}
}

func TestLookupJoin(t *testing.T) {
	lookup := func(identity []int, updates bool) func() (op.Operator, error) {
		return func() (op.Operator, error) {
			return op.NewLookupJoin(op.LookupJoinConfig{Left: joinSide(), Right: joinSide(), Kind: op.JoinLeft, NullSafe: []bool{false},
				Cond: less(t), Identity: identity, LeftUpdates: updates, LeftIdentity: []int{1, 2}})
		}
	}
	events := []optest.Event{
		at(0, 1, "a", 1), at(1, 2, "a", 5), at(0, 3, "a", 1), at(1, 4, "a", 7), at(0, 5, "a", 6), at(0, 6, "a", 2), at(0, 6, "", 0),
		kind(at(0, 7, "a", 1), vec.Delete), kind(at(1, 4, "a", 7), vec.Delete), kind(at(0, 8, "a", 2), vec.UpdateBefore), kind(at(0, 8, "a", 3), vec.UpdateAfter),
		{Watermark: 1000}, {Input: 1, Watermark: 500}, {Watermark: op.EndOfInput},
	}
	r := optest.Run(t, optest.Case{New: lookup([]int{1}, true), Input: joinTypes, Ordered: true, Events: events})
	wantTrace(t, r, `
		+I[1970-01-01 00:00:01.000, a, 1, null, null, null]
		+I[1970-01-01 00:00:03.000, a, 1, 1970-01-01 00:00:02.000, a, 5]
		+I[1970-01-01 00:00:05.000, a, 6, 1970-01-01 00:00:04.000, a, 7]
		+I[1970-01-01 00:00:06.000, a, 2, 1970-01-01 00:00:04.000, a, 7]
		+I[1970-01-01 00:00:06.000, null, 0, null, null, null]
		-D[1970-01-01 00:00:07.000, a, 1, 1970-01-01 00:00:02.000, a, 5]
		-U[1970-01-01 00:00:08.000, a, 2, 1970-01-01 00:00:04.000, a, 7]
		+U[1970-01-01 00:00:08.000, a, 3, null, null, null]
		watermark 1000
		watermark 9223372036854775807`)
	r = optest.Run(t, optest.Case{New: lookup(nil, false), Input: joinTypes, Events: []optest.Event{
		at(1, 1, "a", 5), at(1, 1, "a", 5), at(1, 1, "a", 7), kind(at(1, 1, "a", 5), vec.Delete), at(0, 2, "a", 1), kind(at(1, 1, "a", 5), vec.Delete), at(0, 3, "a", 2),
	}})
	wantFinal(t, r, `
		[1970-01-01 00:00:02.000, a, 1, 1970-01-01 00:00:01.000, a, 5]
		[1970-01-01 00:00:02.000, a, 1, 1970-01-01 00:00:01.000, a, 7]
		[1970-01-01 00:00:03.000, a, 2, 1970-01-01 00:00:01.000, a, 7]`)
}

// TestBoundedJoinsAllocateAndKeepNothing feeds each join the same work round after round: in
// steady state it allocates nothing, and what it no longer needs is freed.
func TestBoundedJoinsAllocateAndKeepNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	lookup := func() (op.Operator, error) {
		return op.NewLookupJoin(op.LookupJoinConfig{Left: joinSide(), Right: joinSide(), Kind: op.JoinLeft, NullSafe: []bool{false}, Cond: less(t), Identity: []int{2}})
	}
	side := op.WindowSide{JoinSide: joinSide(), Start: 0, End: 0}
	window := func() (op.Operator, error) {
		return op.NewWindowJoin(op.WindowJoinConfig{Left: side, Right: side, Kind: op.JoinFull, NullSafe: []bool{false}, Cond: less(t)})
	}
	for name, make := range map[string]func() (op.Operator, error){
		"interval": intervalJoin(op.IntervalJoinConfig{Kind: op.JoinFull, LowerMs: -2000, UpperMs: 2000, Cond: less(t)}),
		"window":   window,
		"temporal": temporalJoin(op.TemporalJoinConfig{Kind: op.JoinLeft, Cond: less(t)}),
		"lookup":   lookup,
	} {
		o, err := make()
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
		b, second := vec.NewBatch(joinTypes), int64(0)
		keys := []string{"one", "two", "three"}
		round := func() {
			second += 10
			for input := range 2 {
				b.Reset()
				for i := range 500 {
					b.Cols[0].Set(i, vec.IntDatum((second*1000+int64(i))*1000))
					b.Cols[1].SetString(i, keys[i%3])
					b.Cols[2].Set(i, vec.IntDatum(int64(i%50)))
					b.Arrival = append(b.Arrival, second*1000)
					b.N++
				}
				if err := o.Process(1-input, b); err != nil {
					t.Fatal(err)
				}
			}
			for input := range 2 {
				if err := o.Watermark(input, second*1000+5000); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 3 {
			round()
		}
		pages := a.Stats().Pages
		n := testing.AllocsPerRun(3, round)
		if n > 2 {
			t.Errorf("%s: %v allocations for 1000 rows", name, n)
		}
		if now := a.Stats().Pages; now > pages+1 {
			t.Errorf("%s: %d pages, then %d", name, pages, now)
		}
		if err := a.Check(); err != nil {
			t.Fatal(err)
		}
	}
}
