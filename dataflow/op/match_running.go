package op

import (
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// openAggs compiles the aggregates and lays out those that matches carry with them: the
// ones that conditions read and whose state is of fixed size. A condition is then computed
// from the state and the row in hand, however many rows the match has. The others are
// computed from the rows of the match whenever they are asked for.
func (o *Match) openAggs(env *expr.Env) error {
	e := &o.eval
	e.aggs, e.running = nil, 0
	for i, s := range o.cfg.Slots {
		a, err := o.openAgg(env, s)
		if err != nil {
			return err
		}
		e.aggs = append(e.aggs, a)
		if a == nil || a.set.NeedsHeap() || a.set.NeedsTree() || !o.inCondition(i) {
			continue
		}
		a.running, a.at = true, e.running
		e.running += a.set.Size()
	}
	return nil
}

// inCondition tells whether the condition of a variable reads a slot.
func (o *Match) inCondition(slot int) bool {
	return slices.ContainsFunc(o.cfg.Vars, func(v MatchVar) bool {
		return v.Define != nil && slices.Contains(expr.Cols(v.Define), slot)
	})
}

// grow adds the row in hand, which variable v takes, to the running aggregates of c.
func (o *Match) grow(c *candidate, v int) {
	if o.p.aggs == 0 {
		return
	}
	for i, a := range o.eval.aggs {
		if a != nil && a.running && (o.cfg.Slots[i].Var < 0 || o.cfg.Slots[i].Var == v) {
			o.add(a, c.aggs[a.at:a.at+a.set.Size()])
		}
	}
}

// fillRunning reads a running aggregate of c, with the row in hand as a further row when
// more is set.
func (o *Match) fillRunning(a *matchAgg, c *candidate, more bool, out *vec.Vector) {
	st := c.aggs[a.at : a.at+a.set.Size()]
	if more {
		copy(a.state, st)
		st = a.state
		o.add(a, st)
	}
	a.out = append(a.out[:0], out)
	o.eval.note(a.set.Result(&o.eval.store, st, a.out, 0))
}

// add adds the row in hand to a state.
func (o *Match) add(a *matchAgg, st []byte) {
	if !a.drawn {
		a.batch.Reset()
		o.draw(a, 0, o.eval.cur)
		a.batch.N, a.drawn = 1, true
	}
	a.one[0] = st
	a.set.Update(&o.eval.store, a.batch, a.one[:], every[:1])
}

// draw puts the columns that an aggregate reads into row i of its batch.
func (o *Match) draw(a *matchAgg, i int, row []byte) {
	for _, c := range a.cols {
		a.batch.Cols[c].Set(i, vec.RowAt(row[rowTimes:], o.codec.fields, c))
	}
}
