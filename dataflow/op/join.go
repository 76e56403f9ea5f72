package op

import (
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// JoinConfig configures NewJoin. The output is the left and then, but for semi and anti
// joins, the right columns.
type JoinConfig struct {
	Left, Right JoinSide
	Kind        JoinKind
	// NullSafe tells for each key whether NULL matches NULL.
	NullSafe []bool
	// Cond is what pairs must meet besides, over the columns of left and right; nil for none.
	Cond expr.Node
	// Identity tells how rows of the left and the right are found again, Unique by which
	// columns where it is JoinByUniqueKey.
	Identity [2]JoinIdentity
	Unique   [2][]int
	// TTLMs is the time to live of the rows of the left and the right after their last
	// write, by arrival time; 0 is for ever.
	TTLMs [2]int64
	// Updates tells that the output may hold other kinds than +I.
	Updates bool
}

// Join joins all rows of its inputs, each of which may take rows back. An inner join hands
// on the kind of the row that made a pair; an outer join inserts and deletes, since a pair
// takes the place of a padded row. Of the sides whose rows may come out without a partner
// (the padded ones, the left of a semi or anti join) each row's number of partners is kept.
// A row that is taken back need not be there: its pairs are taken back all the same.
//
// State: left and right as joinRows tells; inputs.
type Join struct {
	node
	cfg   JoinConfig
	sides [2]*joinRows
	marks inputMarks

	emit *emitter      `scratch:"the emitted batch"`
	cond *joinCond     `scratch:"compiled from the configuration"`
	cand *vec.Batch    `scratch:"pairs to be judged"`
	held weight        `scratch:"columns of cand"`
	refs []state.Ref   `scratch:"the partners of a row"`
	key  []byte        `scratch:"the key of a row"`
	cols [2]joinColumn `scratch:"the emitted batch by side"`
}

// joinColumn is the columns of a side in the emitted batch and in that of the candidates.
type joinColumn struct{ emit, cand []*vec.Vector }

// NewJoin makes a Join.
func NewJoin(cfg JoinConfig) (*Join, error) {
	left := newJoinRows(cfg.Left, cfg.NullSafe, cfg.Identity[0], cfg.Unique[0], cfg.TTLMs[0], cfg.Kind.padsRight() || cfg.Kind.leftOnly())
	right := newJoinRows(cfg.Right, cfg.NullSafe, cfg.Identity[1], cfg.Unique[1], cfg.TTLMs[1], cfg.Kind.padsLeft())
	return &Join{cfg: cfg, sides: [2]*joinRows{left, right}}, nil
}

// Open binds state.
func (o *Join) Open(c *Context) error {
	var l layout
	o.sides[0].describe(&l, "left", o.cfg.Left)
	o.sides[1].describe(&l, "right", o.cfg.Right)
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.sides[0].open(o.space, "left")
	o.sides[1].open(o.space, "right")
	o.marks = openInputMarks(o.space, 2)
	n := len(o.cfg.Left.Input)
	both := append(append([]types.Type(nil), o.cfg.Left.Input...), o.cfg.Right.Input...)
	out := c.Out
	if o.cfg.Cond != nil {
		p, err := expr.Compile(o.cfg.Cond, c.Env)
		if err != nil {
			return err
		}
		o.cond = newJoinCond(&o.node, p)
		if o.cfg.Kind == JoinInner {
			out = condOutput{o.cond, out}
		} else {
			o.cand = vec.NewBatch(both)
			o.held = weigh(o.cand.Cols)
			o.cols[0].cand, o.cols[1].cand = o.cand.Cols[:n], o.cand.Cols[n:]
		}
	}
	ts := both
	if o.cfg.Kind.leftOnly() {
		ts = ts[:n]
	}
	o.emit = newEmitter(out, ts, o.cfg.Updates)
	o.cols[0].emit, o.cols[1].emit = o.emit.batch.Cols[:n], o.emit.batch.Cols[n:]
	return nil
}

// joinRow is the row in hand.
type joinRow struct {
	input   int
	b       *vec.Batch
	row     int
	kind    vec.RowKind
	arrival int64
}

// Process joins rows one by one.
func (o *Join) Process(input int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	if len(sel) == 0 {
		return nil
	}
	r := joinRow{input: input, b: b}
	for _, i := range sel {
		r.row, r.kind, r.arrival = int(i), b.Kind(int(i)), b.ArrivalAt(int(i))
		if err := o.apply(&r); err != nil {
			return err
		}
	}
	o.sides[0].sweep(r.arrival)
	o.sides[1].sweep(r.arrival)
	return o.emit.flush()
}

func (o *Join) apply(r *joinRow) error {
	me, other := o.sides[r.input], o.sides[1-r.input]
	o.refs = o.refs[:0]
	if !me.key.matches(r.b.Cols, r.row) {
		return o.combine(r)
	}
	o.key = me.key.codec.append(o.key[:0], r.b, r.row)
	o.refs = other.list(o.refs, o.key, r.arrival)
	if o.cand != nil {
		if err := o.judge(r); err != nil {
			return err
		}
	}
	if r.kind.Retracts() {
		me.remove(r.b, r.row, o.key, r.arrival)
	} else {
		me.add(r.b, r.row, o.key, r.arrival, int64(len(o.refs)))
	}
	return o.combine(r)
}

// judge keeps the partners with which the row meets the condition.
func (o *Join) judge(r *joinRow) error {
	kept := 0
	for rest := o.refs; len(rest) > 0; {
		n := 0
		o.cand.Reset()
		for n < len(rest) && n < vec.BatchSize && !o.held.heavy() {
			for c, v := range o.cols[r.input].cand {
				v.Copy(n, r.b.Cols[c], r.row)
			}
			o.sides[1-r.input].unpack(rest[n], o.cols[1-r.input].cand, n)
			n++
		}
		part := rest[:n]
		rest = rest[n:]
		o.cand.N = n
		met, err := o.cond.judge(o.cand)
		if err != nil {
			return err
		}
		for _, i := range met {
			o.refs[kept] = part[i]
			kept++
		}
	}
	o.refs = o.refs[:kept]
	return nil
}

// combine emits what a row and its partners make.
func (o *Join) combine(r *joinRow) error {
	switch k := o.cfg.Kind; {
	case k == JoinInner:
		for _, ref := range o.refs {
			if err := o.pair(r, ref, r.kind); err != nil {
				return err
			}
		}
		return nil
	case k.leftOnly() && r.input == 0:
		if (len(o.refs) > 0) == (k == JoinSemi) {
			return o.alone(r, r.kind)
		}
		return nil
	case k.leftOnly():
		return o.reconsider(r)
	}
	return o.outer(r)
}

// reconsider applies a row of the right to the left rows of a semi or anti join.
func (o *Join) reconsider(r *joinRow) error {
	step, from := int64(1), int64(0)
	if r.kind.Retracts() {
		step, from = -1, 1
	}
	for _, ref := range o.refs {
		n := o.sides[0].count(ref)
		o.sides[0].setCount(ref, n+step, r.arrival)
		if n != from {
			continue
		}
		kind := r.kind
		if o.cfg.Kind == JoinAnti {
			kind = opposite(step)
		}
		if err := o.kept(0, ref, kind, r.arrival); err != nil {
			return err
		}
	}
	return nil
}

// opposite is the kind of an anti join's row when partners are gained or lost.
func opposite(step int64) vec.RowKind {
	if step > 0 {
		return vec.Delete
	}
	return vec.Insert
}

// outer emits what a row of an outer join makes.
func (o *Join) outer(r *joinRow) error {
	kind, step := vec.Insert, int64(1)
	if r.kind.Retracts() {
		kind, step = vec.Delete, -1
	}
	if len(o.refs) == 0 {
		if o.preserves(r.input) {
			return o.alone(r, kind)
		}
		return nil
	}
	theirs := o.preserves(1 - r.input)
	other := o.sides[1-r.input]
	for _, ref := range o.refs {
		n := int64(0)
		if theirs {
			n = other.count(ref)
			other.setCount(ref, n+step, r.arrival)
		}
		if theirs && step > 0 && n == 0 {
			if err := o.kept(1-r.input, ref, vec.Delete, r.arrival); err != nil {
				return err
			}
		}
		if err := o.pair(r, ref, kind); err != nil {
			return err
		}
		if theirs && step < 0 && n == 1 {
			if err := o.kept(1-r.input, ref, vec.Insert, r.arrival); err != nil {
				return err
			}
		}
	}
	return nil
}

// preserves tells whether rows of an input without partner come out padded.
func (o *Join) preserves(input int) bool {
	if input == 0 {
		return o.cfg.Kind.padsRight()
	}
	return o.cfg.Kind.padsLeft()
}

// pair emits the row in hand with a partner.
func (o *Join) pair(r *joinRow, ref state.Ref, kind vec.RowKind) error {
	n := o.emit.row()
	for c, v := range o.cols[r.input].emit {
		v.Copy(n, r.b.Cols[c], r.row)
	}
	o.sides[1-r.input].unpack(ref, o.cols[1-r.input].emit, n)
	return o.emit.keep(kind, r.arrival)
}

// alone emits the row in hand without a partner.
func (o *Join) alone(r *joinRow, kind vec.RowKind) error {
	n := o.emit.row()
	for c, v := range o.cols[r.input].emit {
		v.Copy(n, r.b.Cols[c], r.row)
	}
	o.pad(1-r.input, n)
	return o.emit.keep(kind, r.arrival)
}

// kept emits a kept row without a partner.
func (o *Join) kept(side int, ref state.Ref, kind vec.RowKind, arrival int64) error {
	n := o.emit.row()
	o.sides[side].unpack(ref, o.cols[side].emit, n)
	o.pad(1-side, n)
	return o.emit.keep(kind, arrival)
}

func (o *Join) pad(side, n int) {
	for _, v := range o.cols[side].emit {
		v.SetNull(n)
	}
}

// Watermark hands the minimum of both inputs on.
func (o *Join) Watermark(input int, t int64) error {
	if low, ok := o.marks.advance(input, t); ok {
		return o.ctx.Out.Watermark(low)
	}
	return nil
}

// Tick forgets rows that have expired, and hands a tick on once.
func (o *Join) Tick(now int64) error {
	if o.marks.tick(now) {
		o.sides[0].sweep(now)
		o.sides[1].sweep(now)
		return o.ctx.Out.Tick(now)
	}
	return nil
}

// Audit implements Audited.
func (o *Join) Audit() Audit { return o.ledger.audit() }
