package op_test

import (
	"fmt"
	"math/rand"
	"slices"
	"sort"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/op/optest"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// The columns of the rows that patterns are matched against.
const (
	matchKey = iota
	matchTime
	matchID
	matchX
)

var matchInput = []types.Type{types.TBigInt, types.TimestampOf(3), types.TBigInt, types.TBigInt}

// matchRow is a row as the naive matcher sees it.
type matchRow struct{ key, time, id, x, arrival int64 }

// matchCond is a condition that both the operator and the naive matcher compute.
type matchCond struct {
	kind int
	v    int   // a variable
	k    int64 // a constant
}

// meets computes the condition of variable self for a row behind the rows of a match, whose
// variables are in vars.
func (c matchCond) meets(rows []matchRow, vars []int, row matchRow, self int) bool {
	all := append(slices.Clone(rows), row)
	of := append(slices.Clone(vars), self)
	var mine []matchRow
	for i, v := range of {
		if v == c.v {
			mine = append(mine, all[i])
		}
	}
	switch c.kind {
	case 1:
		return row.x < c.k
	case 2: // x > LAST(v.x, 1), or there is none
		return len(mine) < 2 || row.x > mine[len(mine)-2].x
	case 3: // x >= FIRST(v.x)
		return len(mine) > 0 && row.x >= mine[0].x
	case 4: // SUM(v.x) < k
		sum := int64(0)
		for _, m := range mine {
			sum += m.x
		}
		return len(mine) > 0 && sum < c.k
	case 5: // COUNT(*) <= k
		return int64(len(all)) <= c.k
	case 6: // LAST(x, 1) <> x
		return len(all) > 1 && all[len(all)-2].x != row.x
	}
	return true
}

// slots collects the slots of a configuration.
type matchSlots struct{ cfg *op.MatchConfig }

func (s matchSlots) cell(v, col, offset int, last bool) expr.Node {
	s.cfg.Slots = append(s.cfg.Slots, op.MatchSlot{Kind: op.MatchCell, Var: v, Col: col, Offset: offset, Last: last, Type: types.TBigInt})
	return expr.NewCol(len(s.cfg.Slots)-1, "s", types.TBigInt)
}

func (s matchSlots) agg(t *testing.T, name string, v int, args ...expr.Node) expr.Node {
	c, err := expr.NewAgg(name, args, expr.AggOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.cfg.Slots = append(s.cfg.Slots, op.MatchSlot{Kind: op.MatchAggregate, Var: v, Call: c, Type: c.T})
	return expr.NewCol(len(s.cfg.Slots)-1, "a", c.T)
}

func matchCall(t *testing.T, name string, args ...expr.Node) expr.Node {
	n, err := expr.NewCall(name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// node is the condition as the operator takes it.
func (c matchCond) node(t *testing.T, s matchSlots) expr.Node {
	k := expr.NewInt(c.k)
	cur := func() expr.Node { return s.cell(-1, matchX, 0, true) }
	switch c.kind {
	case 1:
		return matchCall(t, "<", cur(), k)
	case 2:
		before := s.cell(c.v, matchX, 1, true)
		n, err := expr.NewOr(matchCall(t, "IS NULL", before), matchCall(t, ">", cur(), before))
		if err != nil {
			t.Fatal(err)
		}
		return n
	case 3:
		return matchCall(t, ">=", cur(), s.cell(c.v, matchX, 0, false))
	case 4:
		return matchCall(t, "<", s.agg(t, "SUM", c.v, expr.NewCol(matchX, "x", types.TBigInt)), k)
	case 5:
		return matchCall(t, "<=", s.agg(t, "COUNT", -1), k)
	case 6:
		return matchCall(t, "<>", s.cell(-1, matchX, 1, true), cur())
	}
	return nil
}

// naive is the naive matcher: it writes down every way to read the rows from one on.
type naive struct {
	cfg   op.MatchConfig
	conds []matchCond
}

// found is a match: where it begins, its rows' variables.
type found struct {
	start int
	vars  []int
}

// readings lists the variables of rows[from:to] in every way that begins a match, in order,
// and those that complete one.
func (n *naive) readings(rows []matchRow, from, to int) (begun, complete [][]int) {
	var walk func(vars []int)
	counts := make([]int, len(n.cfg.Vars))
	walk = func(vars []int) {
		at := from + len(vars)
		here := 0
		if len(vars) > 0 {
			here = vars[len(vars)-1]
			if n.cfg.Vars[here].Max == counts[here] {
				here++
			}
		}
		if at == to {
			if here < len(n.cfg.Vars) {
				begun = append(begun, slices.Clone(vars))
			}
			if n.ends(rows, from, vars, here) {
				complete = append(complete, slices.Clone(vars))
			}
			return
		}
		for v := here; v < len(n.cfg.Vars); v++ {
			if n.held(rows, from, vars, rows[at], v, counts[v]) {
				return
			}
			if n.conds[v].meets(rows[from:at], vars, rows[at], v) {
				counts[v]++
				walk(append(vars, v))
				counts[v]--
			}
			if counts[v] < n.cfg.Vars[v].Min {
				return
			}
		}
	}
	walk(nil)
	return begun, complete
}

// held tells that the greedy variable before v holds the row.
func (n *naive) held(rows []matchRow, from int, vars []int, row matchRow, v, count int) bool {
	if count > 0 || v == 0 {
		return false
	}
	b := n.cfg.Vars[v-1]
	return b.Greedy && b.Min != b.Max && (b.Min != 0 || b.Max != 1) && n.conds[v-1].meets(rows[from:from+len(vars)], vars, row, v-1)
}

// ends tells that no variable from here on needs a row.
func (n *naive) ends(rows []matchRow, from int, vars []int, here int) bool {
	last := len(vars) - 1
	for v := here; v < len(n.cfg.Vars); v++ {
		count := 0
		for _, x := range vars {
			if x == v {
				count++
			}
		}
		if count < n.cfg.Vars[v].Min || n.held(rows, from, vars[:last], rows[from+last], v, count) {
			return false
		}
	}
	return true
}

// matches finds the matches of a partition's rows, which are in order; end is when time ends.
func (n *naive) matches(rows []matchRow) (out []found) {
	floor := 0
	var waiting []found
	release := func(alive []int) {
		for len(waiting) > 0 && (len(alive) == 0 || waiting[0].start <= alive[0]) {
			m := waiting[0]
			waiting = waiting[1:]
			out = append(out, m)
			floor = max(floor, n.next(m))
			waiting = slices.DeleteFunc(waiting, func(o found) bool { return o.start < floor })
			alive = slices.DeleteFunc(alive, func(s int) bool { return s < floor })
		}
	}
	begunBefore := map[int]bool{}
	for to := 1; to <= len(rows); to++ {
		now := rows[to-1].time
		// Time passes before the row comes: who waits for too long is out.
		n.expire(rows, begunBefore, now, floor, release)
		var alive []int
		for s := floor; s < to; s++ {
			if s < to-1 && !begunBefore[s] {
				continue
			}
			begun, complete := n.readings(rows, s, to)
			for _, vars := range complete {
				waiting = append(waiting, found{s, vars})
			}
			if len(begun) > 0 {
				alive = append(alive, s)
			}
		}
		sort.SliceStable(waiting, func(i, j int) bool { return waiting[i].start < waiting[j].start })
		release(alive)
		clear(begunBefore)
		for _, s := range alive {
			begunBefore[s] = s >= floor
		}
	}
	n.expire(rows, begunBefore, 1<<60, floor, release)
	return out
}

// expire lets deadlines up to now pass, one after the other.
func (n *naive) expire(rows []matchRow, begun map[int]bool, now int64, floor int, release func([]int)) {
	if n.cfg.WithinMs == 0 {
		return
	}
	var starts []int
	for s, ok := range begun {
		if ok && s >= floor {
			starts = append(starts, s)
		}
	}
	slices.Sort(starts)
	for len(starts) > 0 && now-rows[starts[0]].time >= n.cfg.WithinMs {
		begun[starts[0]] = false
		starts = starts[1:]
		release(slices.Clone(starts))
	}
}

// next is the first row at which a match may begin behind m.
func (n *naive) next(m found) int {
	at := m.start + 1
	switch n.cfg.Skip {
	case op.SkipPastLast:
		at = m.start + len(m.vars)
	case op.SkipToFirst:
		at = m.start + slices.Index(m.vars, n.cfg.SkipVar)
	case op.SkipToLast:
		for i, v := range m.vars {
			if v == n.cfg.SkipVar {
				at = m.start + i
			}
		}
	}
	return max(at, m.start+1)
}

// randomMatch makes a pattern.
func randomMatch(t *testing.T, r *rand.Rand) *naive {
	n := &naive{cfg: op.MatchConfig{Input: matchInput, Keys: []int{matchKey}, Time: matchTime}}
	s := matchSlots{&n.cfg}
	quantifiers := [][2]int{{1, 1}, {1, 1}, {0, 1}, {1, -1}, {0, -1}, {2, 2}, {1, 3}, {0, 2}, {2, -1}}
	vars := 2 + r.Intn(3)
	for v := range vars {
		q := quantifiers[r.Intn(len(quantifiers))]
		greedy := r.Intn(2) == 0
		if v == vars-1 && q[0] != q[1] && q[1] != 1 {
			greedy = false
		}
		c := matchCond{kind: r.Intn(7), v: r.Intn(v + 1), k: int64(1 + r.Intn(8))}
		n.cfg.Vars = append(n.cfg.Vars, op.MatchVar{Min: q[0], Max: q[1], Greedy: greedy, Define: c.node(t, s)})
		n.conds = append(n.conds, c)
	}
	n.cfg.Vars[0].Min = max(n.cfg.Vars[0].Min, 1) // not met by no rows
	n.cfg.Measures = append(n.cfg.Measures, s.cell(-1, matchID, 0, false), s.cell(-1, matchID, 0, true))
	for v := range vars {
		n.cfg.Measures = append(n.cfg.Measures, s.agg(t, "COUNT", v))
	}
	if r.Intn(2) == 0 {
		n.cfg.WithinMs = int64(2 + r.Intn(8))
	}
	n.cfg.Skip, n.cfg.SkipVar = op.MatchSkip(r.Intn(4)), r.Intn(vars)
	for n.cfg.Vars[n.cfg.SkipVar].Min == 0 {
		n.cfg.SkipVar = r.Intn(vars)
	}
	return n
}

// want prints the matches as the operator's rows.
func (n *naive) want(rows []matchRow) []string {
	parts := map[int64][]matchRow{}
	for _, r := range rows {
		parts[r.key] = append(parts[r.key], r)
	}
	var out []string
	for key, rows := range parts {
		for _, m := range n.matches(rows) {
			s := fmt.Sprintf("[%d, %d, %d", key, rows[m.start].id, rows[m.start+len(m.vars)-1].id)
			for v := range n.cfg.Vars {
				count := 0
				for _, x := range m.vars {
					if x == v {
						count++
					}
				}
				s += fmt.Sprintf(", %d", count)
			}
			out = append(out, s+"]")
		}
	}
	sort.Strings(out)
	return out
}

func TestMatchAgainstNaiveMatcher(t *testing.T) {
	runs := 60
	if testing.Short() {
		runs = 20
	}
	total := 0
	for seed := range runs {
		r := rand.New(rand.NewSource(int64(seed)))
		n := randomMatch(t, r)
		n.cfg.ProcTime = seed%3 == 0
		if seed%2 == 0 {
			n.cfg.Order = []op.MatchOrder{{Col: matchX, Desc: true}}
		}
		rows, events := randomRows(r, n.cfg.ProcTime)
		sort.SliceStable(rows, func(i, j int) bool {
			if rows[i].time != rows[j].time || len(n.cfg.Order) == 0 {
				return rows[i].time < rows[j].time
			}
			return rows[i].x > rows[j].x
		})
		want := n.want(rows)
		total += len(want)
		got := optest.Run(t, optest.Case{New: func() (op.Operator, error) { return op.NewMatch(n.cfg) }, Input: matchInput, Events: events, Ordered: true})
		if !slices.Equal(got.Final, want) {
			t.Fatalf("seed %d: pattern %+v, conditions %+v, within %d, skip %d %d, rows %v:\n%v\nwant\n%v",
				seed, n.cfg.Vars, n.conds, n.cfg.WithinMs, n.cfg.Skip, n.cfg.SkipVar, rows, got.Final, want)
		}
	}
	if total < runs {
		t.Errorf("%d matches in %d runs", total, runs)
	}
}

// randomRows makes rows of two partitions, in the order of their arrival, and the events
// that bring them: out of order between watermarks for event time, with ticks for
// processing time.
func randomRows(r *rand.Rand, proc bool) (rows []matchRow, events []optest.Event) {
	now, arrival := int64(10), int64(1000)
	for range 8 {
		for range r.Intn(5) {
			arrival += int64(r.Intn(3))
			row := matchRow{key: int64(r.Intn(2)), time: now + 1 + int64(r.Intn(4)), id: int64(len(rows)), x: int64(r.Intn(6)), arrival: arrival}
			if proc {
				row.time = arrival
			}
			rows = append(rows, row)
			events = append(events, optest.Event{Arrival: arrival, Row: []vec.Datum{vec.IntDatum(row.key), vec.IntDatum((now + 1) * 1000), vec.IntDatum(row.id), vec.IntDatum(row.x)}})
			events[len(events)-1].Row[matchTime] = vec.IntDatum(row.time * 1000)
		}
		now += 4
		arrival += int64(r.Intn(4))
		if proc {
			arrival++
			events = append(events, optest.Event{Tick: arrival})
		} else {
			events = append(events, optest.Event{Watermark: now})
		}
	}
	return rows, append(events, optest.Event{Watermark: op.EndOfInput})
}

// devNull takes everything.
type devNull struct{ rows int }

func (d *devNull) Process(b *vec.Batch) error {
	d.rows += b.Rows()
	return nil
}
func (d *devNull) Watermark(int64) error { return nil }
func (d *devNull) Tick(int64) error      { return nil }

// TestMatchDoesNotAllocate runs a pattern with an aggregate over many partitions.
func TestMatchDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	cfg := op.MatchConfig{Input: matchInput, Keys: []int{matchKey}, Time: matchTime, WithinMs: 5000}
	s := matchSlots{&cfg}
	cfg.Vars = []op.MatchVar{{Min: 1, Max: 1, Greedy: true}, {Min: 0, Max: -1, Greedy: true, Define: matchCond{kind: 4, v: 1, k: 8}.node(t, s)},
		{Min: 1, Max: 1, Greedy: true, Define: matchCond{kind: 3, v: 0}.node(t, s)}}
	cfg.Measures = []expr.Node{s.cell(-1, matchID, 0, false), s.agg(t, "COUNT", 1)}
	o, err := op.NewMatch(cfg)
	if err != nil {
		t.Fatal(err)
	}
	arena, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out devNull
	if err := o.Open(&op.Context{Arena: arena, ID: "m", Out: &out, Env: &expr.Env{}}); err != nil {
		t.Fatal(err)
	}
	b, n := vec.NewBatch(matchInput), int64(0)
	step := func() {
		b.Reset()
		for i := range vec.BatchSize {
			for c, v := range []int64{n % 97, n * 10_000, n, n * 7 % 11} {
				b.Cols[c].I64[i] = v
			}
			b.Arrival = append(b.Arrival, n)
			n++
		}
		b.N = vec.BatchSize
		if err := o.Process(0, b); err != nil {
			t.Fatal(err)
		}
		if err := o.Watermark(0, n*10); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		step()
	}
	if got := testing.AllocsPerRun(20, step); got > 2 {
		t.Errorf("%v allocations a batch of %d rows", got, vec.BatchSize)
	}
	if out.rows == 0 {
		t.Error("no match")
	}
}
