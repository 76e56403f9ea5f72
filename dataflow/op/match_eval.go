package op

import (
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// matchEval computes conditions and measures over a row of slots.
type matchEval struct {
	defines  []*expr.Program
	reads    [][]int // slots that a condition reads
	measures []*expr.Program
	out      [][]int // slots that a measure reads
	aggs     []*matchAgg
	running  int // bytes of running aggregates in a match
	store    expr.AggStore

	ec    expr.Ctx
	slots *vec.Batch
	sel   []int32

	row    uint64 // the row in hand
	cur    []byte
	known  []int8 // conditions of the match in hand: 0 not tried, 1 met, -1 not met
	failed error
}

// matchAgg computes one aggregate over rows.
type matchAgg struct {
	set  *expr.AggSet
	cols []int // columns of the input that it reads
	// running tells that a match carries the aggregate of its rows, from byte at on.
	running bool
	at      int
	drawn   bool // batch holds the row in hand

	batch *vec.Batch
	state []byte
	ptrs  [][]byte
	one   [1][]byte
	out   []*vec.Vector
}

// aggSelf is the group id of the aggregate in hand: it lives for one computation only.
const aggSelf = 1

func (o *Match) openEval(c *Context) error {
	e := &o.eval
	e.ec.Env = c.Env
	e.sel = make([]int32, 0, 1)
	e.known = make([]int8, len(o.cfg.Vars))
	e.slots = &vec.Batch{N: 1, Arrival: []int64{0}, Origin: nil}
	e.store.Heap = o.partitions.Heap()
	for _, s := range o.cfg.Slots {
		e.slots.Cols = append(e.slots.Cols, vec.New(s.Type))
	}
	if slices.ContainsFunc(e.aggs, func(a *matchAgg) bool { return a != nil && a.set.NeedsTree() }) {
		e.store.Tree = o.space.Ordered("tree", state.OrderedSpec{ValueSize: -1})
	}
	for _, v := range o.cfg.Vars {
		p, reads, err := compileMatch(v.Define, c.Env)
		if err != nil {
			return err
		}
		e.defines, e.reads = append(e.defines, p), append(e.reads, reads)
	}
	for _, n := range o.cfg.Measures {
		p, reads, err := compileMatch(n, c.Env)
		if err != nil {
			return err
		}
		e.measures, e.out = append(e.measures, p), append(e.out, reads)
	}
	return nil
}

func compileMatch(n expr.Node, env *expr.Env) (*expr.Program, []int, error) {
	if n == nil {
		return nil, nil, nil
	}
	p, err := expr.Compile(n, env)
	return p, expr.Cols(n), err
}

func (o *Match) openAgg(env *expr.Env, s MatchSlot) (*matchAgg, error) {
	if s.Kind != MatchAggregate {
		return nil, nil
	}
	set, err := expr.NewAggSet([]*expr.AggCall{s.Call}, env, false)
	if err != nil {
		return nil, err
	}
	a := &matchAgg{set: set, batch: vec.NewBatch(o.cfg.Input), state: make([]byte, set.Size())}
	nodes := append([]expr.Node(nil), s.Call.Args...)
	if s.Call.Filter != nil {
		nodes = append(nodes, s.Call.Filter)
	}
	for _, n := range nodes {
		a.cols = append(a.cols, expr.Cols(n)...)
	}
	for range vec.BatchSize {
		a.ptrs = append(a.ptrs, a.state)
	}
	return a, nil
}

// begin sets the row in hand, which is not yet among the rows.
func (e *matchEval) begin(row uint64, cur []byte) {
	e.row, e.cur, e.failed = row, cur, nil
	for _, a := range e.aggs {
		if a != nil {
			a.drawn = false
		}
	}
	e.slots.Arrival[0] = word(cur, 8)
}

// forget makes known conditions unknown, for another match.
func (e *matchEval) forget() { clear(e.known) }

// err is the first thing that could not be computed since begin.
func (e *matchEval) err() error { return e.failed }

// meets tells whether the row in hand meets the condition of variable v as the next row of
// a match.
func (e *matchEval) meets(o *Match, c *candidate, v int) bool {
	if e.known[v] != 0 {
		return e.known[v] > 0
	}
	e.known[v] = -1
	p := e.defines[v]
	if p == nil {
		e.known[v] = 1
		return true
	}
	e.reset(e.reads[v])
	e.ec.Errs = e.ec.Errs[:0]
	for _, s := range e.reads[v] {
		o.fillSlot(s, c, v)
	}
	e.sel = p.EvalSel(&e.ec, e.slots, nil, e.sel[:0])
	if len(e.ec.Errs) > 0 {
		if e.failed == nil {
			e.failed = e.ec.Errs[0].Err
		}
		return false
	}
	if len(e.sel) > 0 {
		e.known[v] = 1
	}
	return len(e.sel) > 0
}

// note records that an aggregate could not be computed, if it could not, as an expression does.
func (e *matchEval) note(err error) {
	if err != nil {
		e.ec.Fail(0, err)
	}
}

func (e *matchEval) reset(slots []int) {
	for _, s := range slots {
		e.slots.Cols[s].Reset()
	}
}

// fillSlot computes a slot for match c with the row in hand as a further row of variable
// self; a negative self is none, and the match is complete.
func (o *Match) fillSlot(i int, c *candidate, self int) {
	s, out := &o.cfg.Slots[i], o.eval.slots.Cols[i]
	if a := o.eval.aggs[i]; a != nil && a.running {
		o.fillRunning(a, c, self >= 0 && (s.Var < 0 || s.Var == self), out)
		return
	}
	from, n := c.span(s.Var)
	if self >= 0 && (s.Var < 0 || s.Var == self) {
		if n == 0 {
			from = o.eval.row
		}
		n++
	}
	if s.Kind == MatchAggregate {
		o.fillAggregate(o.eval.aggs[i], from, n, out)
		return
	}
	out.SetNull(0)
	if uint64(s.Offset) >= n {
		return
	}
	at := from + uint64(s.Offset)
	if s.Last {
		at = from + n - 1 - uint64(s.Offset)
	}
	if uint64(s.Back) > at || at-uint64(s.Back) < o.p.firstRow {
		return
	}
	if row := o.rowAt(at - uint64(s.Back)); row != nil {
		out.Set(0, vec.RowAt(row[rowTimes:], o.codec.fields, s.Col))
	}
}

// rowAt is a row of the partition in hand, with its times; nil when it is not kept.
func (o *Match) rowAt(row uint64) []byte {
	if row == o.eval.row && o.eval.cur != nil {
		return o.eval.cur
	}
	v, _ := o.rows.Get(o.rowKey(o.p.id, row))
	return v
}

// fillAggregate computes an aggregate over n rows.
func (o *Match) fillAggregate(a *matchAgg, from, n uint64, out *vec.Vector) {
	a.drawn = false
	clear(a.state)
	a.set.Init(a.state, aggSelf)
	for n > 0 {
		a.batch.Reset()
		k := int(min(n, vec.BatchSize))
		for i := range k {
			o.draw(a, i, o.rowAt(from+uint64(i)))
		}
		a.batch.N = k
		a.set.Update(&o.eval.store, a.batch, a.ptrs[:k], every[:k])
		from, n = from+uint64(k), n-uint64(k)
	}
	a.out = append(a.out[:0], out)
	o.eval.note(a.set.Result(&o.eval.store, a.state, a.out, 0))
	a.set.Release(&o.eval.store, a.state)
}

// emitMatch emits a complete match that was found at time t.
func (o *Match) emitMatch(c *candidate, t, arrival int64) error {
	e := &o.eval
	e.slots.Arrival[0] = arrival
	for i, s := range o.cfg.Slots {
		e.slots.Cols[i].Reset()
		switch s.Kind {
		case MatchRowTime:
			setTime(e.slots.Cols[i], t)
		case MatchProcTime:
			setTime(e.slots.Cols[i], arrival)
		}
	}
	cols, at := o.emit.batch.Cols, o.emit.row()
	o.keys.unpack(o.p.key, cols, at)
	e.ec.Errs = e.ec.Errs[:0]
	for i, p := range e.measures {
		for _, s := range e.out[i] {
			if k := o.cfg.Slots[s].Kind; k == MatchCell || k == MatchAggregate {
				e.slots.Cols[s].Reset()
				o.fillSlot(s, c, -1)
			}
		}
		v := p.Eval(&e.ec, e.slots, nil)
		cols[len(o.cfg.Keys)+i].Copy(at, v, 0)
	}
	if len(e.ec.Errs) > 0 {
		last := o.rowAt(c.first + c.rows() - 1)
		return o.failRow(last, e.ec.Errs[0].Err)
	}
	return o.emit.keep(vec.Insert, arrival)
}

// setTime writes a time in ms to the only row of a timestamp column.
func setTime(v *vec.Vector, ms int64) {
	v.SetNotNull(0)
	if v.Phys == types.I64 {
		v.I64[0] = ms * 1000
		return
	}
	v.I64[0], v.Hi[0] = ms*1000, 0
}
