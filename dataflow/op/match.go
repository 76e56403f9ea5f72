package op

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// MatchConfig configures NewMatch. The output is the keys and the measures.
type MatchConfig struct {
	Input []types.Type
	// Names are those of the input columns, for the inspection of state; they may be nil.
	Names []string
	// Keys part the rows (PARTITION BY).
	Keys []int
	// Time is the event time column; with ProcTime rows are in the order of their arrival.
	Time     int
	ProcTime bool
	// Order sorts the rows of one instant.
	Order []MatchOrder
	Vars  []MatchVar
	// Slots are the columns of the conditions and of the measures.
	Slots    []MatchSlot
	Measures []expr.Node
	// WithinMs bounds the time from the first row of a match to its last; 0 is no bound.
	WithinMs int64
	Skip     MatchSkip
	SkipVar  int
}

// MatchOrder is a column of the order of rows of one instant.
type MatchOrder struct {
	Col             int
	Desc, NullsLast bool
}

// MatchVar is a variable of the pattern. Max is -1 for any number of rows. Greedy tells that
// a row that meets this variable's condition does not begin the next one. A nil Define is
// TRUE.
type MatchVar struct {
	Min, Max int
	Greedy   bool
	Define   expr.Node
}

// MatchSlotKind is the kind of a MatchSlot.
type MatchSlotKind uint8

// The kinds of slots: a cell of a row of the match, an aggregate over its rows, the event
// time and the processing time at which the match was found.
const (
	MatchCell MatchSlotKind = iota
	MatchAggregate
	MatchRowTime
	MatchProcTime
)

// MatchSlot is a value computed from the rows of variable Var of a match, of all variables
// when it is -1. A MatchCell is column Col of the row that is Offset rows behind the first
// (with Last: before the last) and then Back rows further up; NULL when there is none.
type MatchSlot struct {
	Kind              MatchSlotKind
	Var               int
	Col, Offset, Back int
	Last              bool
	Call              *expr.AggCall
	Type              types.Type
}

// MatchSkip tells which matches may follow a match: those that begin behind its last row,
// behind its first, or not before the first or the last row of SkipVar.
type MatchSkip uint8

// The choices of AFTER MATCH SKIP.
const (
	SkipPastLast MatchSkip = iota
	SkipToNext
	SkipToFirst
	SkipToLast
)

// Match finds sequences of rows by a pattern: MATCH_RECOGNIZE with one row per match. The
// rows of a match lie next to each other in their partition. Semantics are those of Flink's
// automaton: all ways to match are followed at once; a match is emitted when no match that
// began earlier can still come, and the skip strategy then drops others; a greedy variable
// keeps the rows that meet its condition from the variable behind it.
//
// Event time: rows wait until the watermark passes them and are then taken in the order of
// time; rows behind the watermark are late. Processing time: rows are taken as they come,
// or, where more columns order them, when their instant has passed.
//
// State (numbers little-endian in values, memcomparable big-endian in keys):
//
//	partitions  key -> {id u64, next row u64, first kept row u64, timer i64, Ref u64 of matches}
//	matches     u32 partial ones, u32 complete ones, then each: first row u64, its time i64,
//	            variable u32, rows of each variable u32, running aggregates
//	rows        partition id, row -> {time i64, arrival i64, encoded row}
//	waiting     time, order columns, ordinal -> {arrival i64, length of key u32, key, encoded row}
//	timers      deadline, partition id -> key of the partition
//	progress    as a WindowAggregate has it; group ids number partitions and waiting rows
//
// Matches begin with the earliest. Rows are kept while a match refers to them. A partition
// without matches is forgotten.
type Match struct {
	node
	cfg   MatchConfig
	keys  *keyCodec
	codec *rowCodec

	partitions *state.Table
	rows       *state.Ordered
	waiting    *state.Ordered
	timers     *state.Ordered
	progress   *state.Scalars

	eval  matchEval   `scratch:"compiled; the row in hand"`
	emit  *emitter    `scratch:"the emitted batch"`
	sub   vec.Batch   `scratch:"late rows"`
	lates []int32     `scratch:"rows of a batch"`
	one   *vec.Batch  `scratch:"a row that cannot be computed"`
	due   *state.Iter `scratch:"a walk over waiting within one call"`

	p    partition // the partition in hand
	key  []byte    `scratch:"a key in hand"`
	at   []byte    `scratch:"a key in hand"`
	hold []byte    `scratch:"a key in hand"`
	val  []byte    `scratch:"a value in hand"`
	back int       // rows kept before the first of a match
}

// NewMatch makes a Match.
func NewMatch(cfg MatchConfig) (*Match, error) {
	if len(cfg.Vars) == 0 {
		return nil, fmt.Errorf("a pattern without variables")
	}
	o := &Match{cfg: cfg, keys: newKeyCodec(cfg.Keys, typesOf(cfg.Input, cfg.Keys)), codec: newRowCodec(cfg.Input)}
	for _, s := range cfg.Slots {
		if s.Kind == MatchCell {
			o.back = max(o.back, s.Back)
		}
	}
	return o, nil
}

// Open binds state.
func (o *Match) Open(c *Context) error {
	l := layout{names: o.cfg.Names}
	l.keys("partitions", o.keys)
	for i, t := range o.cfg.Input {
		l.column("rows", i, i, t, false, rowTimes, 0)
	}
	for _, s := range o.cfg.Order {
		l.add("waiting", fmt.Sprint(s), "order", true, 0, 0)
	}
	for i, v := range o.cfg.Vars {
		l.add("matches", fmt.Sprintf("variable %d {%d,%d}", i, v.Min, v.Max), "INT", false, matchHead+4*i, 4)
	}
	if err := o.openAggs(c.Env); err != nil {
		return err
	}
	for _, a := range o.eval.aggs {
		if a != nil && a.running {
			l.aggs("matches", a.set, matchHead+4*len(o.cfg.Vars)+a.at)
		}
	}
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.partitions = o.space.Table("partitions", state.TableSpec{ValueSize: partSize})
	o.rows = o.space.Ordered("rows", state.OrderedSpec{ValueSize: -1})
	o.waiting = o.space.Ordered("waiting", state.OrderedSpec{ValueSize: -1})
	o.timers = o.space.Ordered("timers", state.OrderedSpec{ValueSize: -1})
	o.due = o.waiting.Iter()
	o.progress = openProgress(o.space)
	var out []types.Type
	for _, n := range o.cfg.Measures {
		out = append(out, n.Type())
	}
	o.emit = newEmitter(c.Out, append(typesOf(o.cfg.Input, o.cfg.Keys), out...), false)
	o.one = vec.NewBatch(o.cfg.Input)
	o.lates = make([]int32, 0, vec.BatchSize)
	o.p.vars = len(o.cfg.Vars)
	o.p.aggs = o.eval.running
	return o.openEval(c)
}

// immediate tells that rows are taken as they come.
func (o *Match) immediate() bool { return o.cfg.ProcTime && len(o.cfg.Order) == 0 }

// Process takes rows, or lets them wait for their time.
func (o *Match) Process(_ int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	o.lates = o.lates[:0]
	for _, i := range sel {
		if err := o.take(b, int(i)); err != nil {
			return err
		}
	}
	o.ledger.add(late, int64(len(o.lates)))
	if len(o.lates) > 0 && o.ctx.Late != nil {
		if err := o.ctx.Late.Process(narrow(&o.sub, b, o.lates)); err != nil {
			return err
		}
	}
	return o.emit.flush()
}

func (o *Match) take(b *vec.Batch, i int) error {
	arrival := b.ArrivalAt(i)
	t := arrival
	switch {
	case o.cfg.ProcTime:
		bound := arrival
		if !o.immediate() {
			bound--
		}
		if err := o.fireUpTo(bound); err != nil {
			return err
		}
	case b.Cols[o.cfg.Time].IsNull(i):
		return o.fail(b, i, errNoTime)
	default:
		if t = millis(b.Cols[o.cfg.Time].I64[i]); t <= o.progress.Int64(progressWatermark) {
			o.lates = append(o.lates, int32(i))
			return nil
		}
	}
	arrived(o.progress, arrival)
	o.key = o.keys.append(o.key[:0], b, i)
	if o.immediate() {
		o.val = appendTimes(o.val[:0], t, arrival)
		o.val = o.codec.append(o.val, b, i)
		return o.apply(o.key, o.val)
	}
	o.wait(b, i, t, arrival)
	return nil
}

// fireUpTo takes the waiting rows and the deadlines up to a time, in order. The rows leave
// the table together.
func (o *Match) fireUpTo(bound int64) error {
	fired := false
	for ok := o.due.First(); ; {
		row := ok && readOrdered(o.due.Key()) <= bound
		if k, _, ok := o.timers.Min(); ok {
			// A deadline comes before the rows of its instant.
			if d := readOrdered(k); d <= bound && (!row || d <= readOrdered(o.due.Key())) {
				if err := o.fireTimer(); err != nil {
					return err
				}
				o.relieve()
				continue
			}
		}
		if !row {
			break
		}
		if err := o.fireRow(o.due.Key(), o.due.Value()); err != nil {
			return err
		}
		fired, ok = true, o.due.Next()
		o.relieve()
	}
	switch {
	case !fired:
	case o.due.Valid():
		o.at = append(o.at[:0], o.due.Key()...)
		o.waiting.DeleteLeaves(nil, o.at, o.relieve)
	default:
		o.waiting.DeleteLeaves(nil, nil, o.relieve)
	}
	return nil
}

// Watermark takes the rows up to it.
func (o *Match) Watermark(_ int, t int64) error {
	if t != Idle && (!o.cfg.ProcTime || t == EndOfInput) {
		o.progress.SetInt64(progressWatermark, t)
		if err := o.calmly(o.fireUpTo, t); err != nil {
			return err
		}
		if err := o.emit.flush(); err != nil {
			return err
		}
	}
	return o.ctx.Out.Watermark(t)
}

// Tick lets processing time pass.
func (o *Match) Tick(now int64) error {
	if o.cfg.ProcTime {
		if err := o.calmly(o.fireUpTo, now-1); err != nil {
			return err
		}
		if err := o.emit.flush(); err != nil {
			return err
		}
	}
	return o.ctx.Out.Tick(now)
}

// Audit implements Audited.
func (o *Match) Audit() Audit { return o.ledger.audit() }
