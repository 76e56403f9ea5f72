// Package optest runs an operator in every way that must not matter: rows one by one and
// in batches, with and without selection vectors, restored from a snapshot after every
// event, and asserts that what comes out is the same.
//
// Terms: an event is a row, a watermark or a tick; a variant is a way to cut events into
// batches; the final result is the changelog collapsed to the rows that remain.
package optest

import (
	"fmt"
	"math/rand"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Event is one thing that happens at an input: a row when Row is set, else a tick when
// Tick is not 0, else a watermark.
type Event struct {
	Input     int
	Row       []vec.Datum
	Kind      vec.RowKind
	Arrival   int64
	Watermark int64
	Tick      int64
}

// Rows makes events of rows, each arriving 100 ms after the one before.
func Rows(arrival int64, rows ...[]vec.Datum) []Event {
	var out []Event
	for i, r := range rows {
		out = append(out, Event{Row: r, Arrival: arrival + int64(i)*100})
	}
	return out
}

// Case is an operator and what happens to it.
type Case struct {
	New    func() (op.Operator, error)
	Input  []types.Type
	Env    *expr.Env
	Events []Event
	// Ordered asks for the same rows and watermarks in the same order in every variant,
	// else the final result and the last watermark count.
	Ordered bool
	// Lost is the number of rows that become dead letters, Late of those that are late.
	Lost, Late int
}

// Result is what came out of a run.
type Result struct {
	Trace []string // rows and watermarks in order
	Final []string // the changelog collapsed, sorted
	Lost  int
	Late  int
	Audit op.Audit
}

// Run runs every variant, fails the test where one differs from the others, and returns
// the result.
func Run(t *testing.T, c Case) Result {
	t.Helper()
	want := run(t, c, variant{name: "one by one", most: 1})
	if want.Lost != c.Lost || want.Late != c.Late {
		t.Errorf("%d dead letters and %d late rows, want %d and %d", want.Lost, want.Late, c.Lost, c.Late)
	}
	for _, v := range []variant{
		{name: "in full batches", most: vec.BatchSize},
		{name: "in batches of 3 with a selection", most: 3, sel: true},
		{name: "in random batches with a selection", sel: true, random: true},
		{name: "one by one, restored after each", most: 1, restore: true},
		{name: "in random batches, restored after each", random: true, restore: true},
		{name: "in random batches, out of memory wherever it may be", random: true, swap: true},
	} {
		got := run(t, c, v)
		got.Audit.Derived = false
		if c.Ordered && !slices.Equal(got.Trace, want.Trace) {
			t.Errorf("%s:\n%s", v.name, diff(got.Trace, want.Trace))
		}
		if !slices.Equal(got.Final, want.Final) {
			t.Errorf("%s: final result:\n%s", v.name, diff(got.Final, want.Final))
		}
		if got.Lost != want.Lost || got.Late != want.Late || got.Audit != want.Audit {
			t.Errorf("%s: %d dead letters, %d late, %+v\nwant %d, %d, %+v", v.name, got.Lost, got.Late, got.Audit, want.Lost, want.Late, want.Audit)
		}
	}
	if a := want.Audit; a.Assigned != a.Fired+a.DroppedLate+a.Open {
		t.Errorf("%d assigned, but %d fired, %d dropped late and %d open", a.Assigned, a.Fired, a.DroppedLate, a.Open)
	}
	return want
}

func diff(got, want []string) string {
	return fmt.Sprintf("  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
}

type variant struct {
	name                 string
	most                 int
	sel, random, restore bool
	swap                 bool // pages that an operator must not hold on to are dropped
}

// bench is a running operator with its arena and the snapshot of it.
type bench struct {
	t     *testing.T
	c     Case
	arena *state.Arena
	op    op.Operator
	out   *sink
	errs  *letters
	late  *sink
	batch *vec.Batch
	sel   []int32
	kinds []vec.RowKind
	r     *rand.Rand
	pages map[state.PageID][]byte
	epoch state.Epoch
	roots state.Roots
	swap  swap // nil where memory has no limit
}

// swap is a state.Swap.
type swap map[uint32][]byte

func (s swap) Put(slot uint32, image []byte) error {
	s[slot] = slices.Clone(image)
	return nil
}

func (s swap) Get(slot uint32, dst []byte) error {
	copy(dst, s[slot])
	return nil
}

func (s swap) Reset() error {
	clear(s)
	return nil
}

// ReadPage is a state.Pager of what was committed.
func (b *bench) ReadPage(p state.PageID, dst []byte) ([]byte, error) {
	return append(dst[:0], b.pages[p]...), nil
}

func run(t *testing.T, c Case, v variant) Result {
	t.Helper()
	if c.Env == nil {
		c.Env = &expr.Env{}
	}
	b := &bench{t: t, c: c, out: &sink{env: c.Env}, errs: &letters{}, late: &sink{env: c.Env},
		batch: vec.NewBatch(c.Input), r: rand.New(rand.NewSource(1)), pages: map[state.PageID][]byte{}}
	if v.swap {
		b.swap = swap{}
	}
	b.arena = b.newArena()
	b.open()
	if s, ok := b.op.(interface{ Start() error }); ok {
		b.check(s.Start())
	}
	for i := 0; i < len(c.Events); {
		most := v.most
		if v.random {
			most = 1 + b.r.Intn(20)
		}
		i += b.feed(c.Events[i:], most, v.sel)
		if v.restore {
			b.restore()
		}
		if v.swap && b.r.Intn(4) == 0 {
			b.commit()
			b.arena.Maintain()
		}
	}
	res := Result{Trace: b.out.trace, Final: b.out.final(), Lost: b.errs.n, Late: len(b.late.trace)}
	if a, ok := b.op.(op.Audited); ok {
		res.Audit = a.Audit()
	}
	b.check(b.op.Close())
	b.check(b.arena.Check())
	return res
}

func (b *bench) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) newArena() *state.Arena {
	var o state.Options
	if b.swap != nil {
		o = state.Options{MemoryMax: 4 << 20, Pager: b, Swap: b.swap, Scribble: true, HashSeed: 0x5eed}
	}
	a, err := state.NewArena(o)
	b.check(err)
	return a
}

func (b *bench) open() {
	var err error
	b.op, err = b.c.New()
	b.check(err)
	b.check(b.op.Open(&op.Context{Arena: b.arena, ID: "op", Out: b.out, Env: b.c.Env, Errors: b.errs, Results: b.errs, Late: b.late}))
}

// feed hands on one event or a batch of rows, and returns how many events that were.
func (b *bench) feed(events []Event, most int, sel bool) int {
	e := events[0]
	if e.Row == nil {
		if e.Tick != 0 {
			b.check(b.op.Tick(e.Tick))
		} else {
			b.check(b.op.Watermark(e.Input, e.Watermark))
		}
		return 1
	}
	n := 1
	for n < len(events) && n < most && events[n].Row != nil && events[n].Input == e.Input {
		n++
	}
	for from := 0; from < n; {
		m := b.fill(events[from:n], sel)
		b.check(b.op.Process(e.Input, b.batch))
		from += m
	}
	return n
}

// fill makes a batch of rows; with sel others, which are not selected, lie between them.
func (b *bench) fill(events []Event, sel bool) int {
	b.batch.Reset()
	b.sel, b.kinds = b.sel[:0], b.kinds[:0]
	n, changes := 0, false
	for n < len(events) && b.batch.N < vec.BatchSize-1 {
		if sel && b.r.Intn(2) == 0 {
			junk := events[b.r.Intn(len(events))]
			junk.Kind = vec.RowKind(b.r.Intn(4))
			b.put(junk)
			continue
		}
		b.sel = append(b.sel, int32(b.batch.N))
		changes = changes || events[n].Kind != vec.Insert
		b.put(events[n])
		n++
	}
	b.batch.Sel, b.batch.Kinds = nil, nil
	if sel {
		b.batch.Sel = b.sel
	}
	if changes {
		b.batch.Kinds = b.kinds
	}
	return n
}

func (b *bench) put(e Event) {
	for c, v := range b.batch.Cols {
		v.Set(b.batch.N, e.Row[c])
	}
	b.kinds = append(b.kinds, e.Kind)
	b.batch.Arrival = append(b.batch.Arrival, e.Arrival)
	b.batch.N++
}

// commit takes a snapshot.
func (b *bench) commit() {
	b.t.Helper()
	b.epoch++
	d := b.arena.Barrier(b.epoch)
	b.check(d.Freed(func(p state.PageID) error { delete(b.pages, p); return nil }))
	b.check(d.Each(func(p state.PageID, image []byte) error {
		b.pages[p] = slices.Clone(image)
		return nil
	}))
	b.roots = d.Roots()
	d.Done()
}

// restore takes a snapshot, forgets the operator, and goes on from the snapshot.
func (b *bench) restore() {
	b.t.Helper()
	b.check(b.arena.Check())
	b.commit()
	b.arena = b.newArena()
	b.check(b.arena.Restore(b.roots, func(fn func(state.PageID, []byte) error) error {
		for p, image := range b.pages {
			if err := fn(p, image); err != nil {
				return err
			}
		}
		return nil
	}))
	b.open()
}

// letters counts dead letters.
type letters struct{ n int }

func (l *letters) RowError(*vec.Batch, int, error) error {
	l.n++
	return nil
}

// sink keeps rows and watermarks.
type sink struct {
	env   *expr.Env
	trace []string
}

func (s *sink) Process(b *vec.Batch) error {
	if b.Rows() == 0 {
		return fmt.Errorf("an empty batch was emitted")
	}
	for k := range b.Rows() {
		s.trace = append(s.trace, op.FormatRow(b, b.Row(k), s.env))
	}
	return nil
}

func (s *sink) Watermark(t int64) error {
	s.trace = append(s.trace, fmt.Sprint("watermark ", t))
	return nil
}

func (s *sink) Tick(int64) error { return nil }

// final collapses the changelog.
func (s *sink) final() []string {
	rows := map[string]int{}
	for _, r := range s.trace {
		switch {
		case strings.HasPrefix(r, "+"):
			rows[r[2:]]++
		case strings.HasPrefix(r, "-"):
			rows[r[2:]]--
		}
	}
	var out []string
	for r, n := range rows {
		for range max(n, -n) {
			if n < 0 {
				out = append(out, "taken back without being there: "+r)
				continue
			}
			out = append(out, r)
		}
	}
	sort.Strings(out)
	return out
}

// RunAnyLate is Run for events of which any number may be late or lost.
func RunAnyLate(t *testing.T, c Case) Result {
	t.Helper()
	r := run(t, c, variant{name: "one by one", most: 1})
	c.Lost, c.Late = r.Lost, r.Late
	return Run(t, c)
}
