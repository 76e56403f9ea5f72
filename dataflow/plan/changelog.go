package plan

import (
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// changelog infers which row kinds every operator emits. From the sources on it finds
// whether updates and deletes occur and by which keys rows are identified; from the sinks
// back it finds who needs the former image (-U) of an update; then each operator is told.
func (l *lowering) changelog() error {
	for _, n := range l.plan.Nodes {
		l.kinds(n)
		n.Base().Keys = upsertKeys(n)
	}
	needs := map[Node]bool{}
	for _, n := range slices.Backward(l.plan.Nodes) {
		if err := l.require(n, needs); err != nil {
			return err
		}
	}
	l.dropNormalizes(needs)
	for _, n := range l.plan.Nodes {
		l.settle(n, needs)
	}
	l.insertDrops()
	return nil
}

// kinds sets an operator's mode without regard to -U, which settle adds.
func (l *lowering) kinds(n Node) {
	b := n.Base()
	in := ChangelogMode(0)
	for _, k := range b.Inputs {
		in |= k.Base().Mode
	}
	switch n := n.(type) {
	case *Source: // its mode is the table's
	case *Values:
		b.Mode = AppendOnly
	case *WindowAggregate:
		b.Mode = AppendOnly
		n.Retract = in.Updates()
		switch {
		case n.AllowedLateness > 0 && n.Retract: // a late row may empty the group
			b.Mode = ModeInsert | ModeDelete
		case n.AllowedLateness > 0:
			b.Mode = ModeInsert | ModeUpdateBefore | ModeUpdateAfter
		}
	case *GroupAggregate:
		n.Retract = in.Updates()
		b.Mode = ModeInsert
		if len(n.Aggs) > 0 || b.StateTTL > 0 {
			// With a time to live unchanged rows are sent again, to renew what lies downstream.
			b.Mode |= ModeUpdateAfter
		}
		if in.Updates() {
			b.Mode |= ModeDelete
		}
	case *ChangelogNormalize:
		b.Mode = Upsert
	case orderedNode:
		n.inferKinds(in)
	case *Join:
		b.Mode = n.kinds()
	case BoundedJoin:
		boundedKinds(n)
	default:
		b.Mode = in
	}
}

// require tells the inputs of an operator whether it needs -U rows.
func (l *lowering) require(n Node, needs map[Node]bool) error {
	for i, in := range n.Base().Inputs {
		mode := in.Base().Mode
		if !mode.Updates() {
			continue
		}
		switch n := n.(type) {
		case *Sink:
			need, err := l.sinkNeeds(n, in)
			if err != nil {
				return err
			}
			needs[in] = needs[in] || need
		case *Calc:
			needs[in] = needs[in] || needs[n] || n.Filter != nil && !onKeys(n.Filter, in.Base().Keys)
		case *WindowAggregate:
			if err := l.retractable(n, n.Aggs); err != nil {
				return err
			}
			needs[in] = true
		case *GroupAggregate:
			if err := l.retractable(n, n.Aggs); err != nil {
				return err
			}
			needs[in] = true
		case *WindowTVF, *Join, *Unnest:
			needs[in] = true
		case *MatchRecognize:
			return l.matchInput(n, in)
		case orderedNode:
			if err := l.requireOrdered(n, in, needs); err != nil {
				return err
			}
		case *ChangelogNormalize:
		case BoundedJoin:
			need, err := l.boundedNeeds(n, i)
			if err != nil {
				return err
			}
			needs[in] = needs[in] || need
		default:
			needs[in] = needs[in] || needs[n]
		}
	}
	return nil
}

// onKeys tells whether a condition is about an upsert key alone, so that all changes of a
// row meet it or none does.
func onKeys(cond expr.Node, keys [][]int) bool {
	cols := expr.Cols(cond)
	return expr.Deterministic(cond) && slices.ContainsFunc(keys, func(k []int) bool {
		return !slices.ContainsFunc(cols, func(c int) bool { return !slices.Contains(k, c) })
	})
}

func (l *lowering) retractable(n Node, aggs []Aggregate) error {
	for i, a := range aggs {
		if !a.Call.Func.Retractable {
			at := l.spanOf(n)
			if i < len(l.spans[n]) {
				at = l.spans[n][i]
			}
			return l.b.errorf(at, "%s cannot take rows back, and its input %s yields updates", a.ID, describe(updater(n.Base().Inputs[0])))
		}
	}
	return nil
}

// spanOf is where the target that first reads an operator was written.
func (l *lowering) spanOf(n Node) sql.Span {
	reach := map[Node]bool{n: true}
	for _, m := range l.plan.Nodes {
		for _, in := range m.Base().Inputs {
			if reach[in] {
				reach[m] = true
			}
		}
		if s, ok := m.(*Sink); ok && reach[m] {
			return l.targets[s].span
		}
	}
	return sql.Span{}
}

// updater finds the operator from which updates come.
func updater(n Node) Node {
	if o, ok := n.(orderedNode); ok && !o.Base().Inputs[0].Base().Mode.Updates() {
		return n
	}
	if j, ok := n.(*Join); ok && !j.b.Inputs[0].Base().Mode.Updates() && !j.b.Inputs[1].Base().Mode.Updates() {
		return n
	}
	for _, in := range n.Base().Inputs {
		if _, agg := n.(*GroupAggregate); agg {
			return n
		}
		if in.Base().Mode.Updates() {
			return updater(in)
		}
	}
	return n
}

// describe names an operator for a person.
func describe(n Node) string {
	switch n := n.(type) {
	case *Source:
		return "source " + n.Table.Name
	case *GroupAggregate:
		if len(n.Keys) == 0 {
			return "group aggregate without keys"
		}
		return "group aggregate by " + columnNames(n.b.Schema, ascending(len(n.Keys)))
	case *Join:
		return n.JoinKind.String() + " join"
	}
	return describeOrdered(n)
}

func ascending(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// sinkNeeds checks that a sink takes what it gets, and tells whether it needs -U: because
// it takes them, or because a row may move to another primary key.
func (l *lowering) sinkNeeds(s *Sink, in Node) (bool, error) {
	t := l.targets[s]
	takes := l.sinkMode(s)
	has := in.Base().Mode &^ ModeUpdateBefore
	if missing := has &^ takes; missing != 0 && missing != ModeInsert {
		return false, l.b.errorf(t.span, "sink %s takes row kinds %s only, and %s yields %s", s.Table.Name, takes, describe(updater(in)), has).
			WithHint("aggregate by window instead, which yields every result once, or write to a table that takes updates")
	}
	if !takes.NeedsKey() {
		return takes.Has(ModeUpdateBefore), nil
	}
	if len(s.PrimaryKey) == 0 {
		return false, l.b.errorf(t.span, "sink %s takes updates by key, and has no PRIMARY KEY; %s yields updates", s.Table.Name, describe(updater(in)))
	}
	return !slices.ContainsFunc(in.Base().Keys, func(k []int) bool { return sameSet(k, s.PrimaryKey) }), nil
}

func sameSet(a, b []int) bool { return subset(a, b) && subset(b, a) }

func subset(a, b []int) bool {
	return !slices.ContainsFunc(a, func(x int) bool { return !slices.Contains(b, x) })
}

// dropNormalizes removes the operators that complete an upsert stream where no one needs
// the former images.
func (l *lowering) dropNormalizes(needs map[Node]bool) {
	if l.b.cfg.CDCDuplicates {
		return
	}
	instead := map[Node]Node{}
	var nodes []Node
	for _, n := range l.plan.Nodes {
		b := n.Base()
		for i, in := range b.Inputs {
			if other := instead[in]; other != nil {
				b.Inputs[i] = other
			}
		}
		if c, ok := n.(*ChangelogNormalize); ok && !needs[n] {
			in := c.b.Inputs[0]
			in.Base().Keys = c.b.Keys
			instead[n] = in
			continue
		}
		nodes = append(nodes, n)
	}
	l.plan.Nodes = nodes
}

// settle gives an operator its final mode.
func (l *lowering) settle(n Node, needs map[Node]bool) {
	b := n.Base()
	in := ChangelogMode(0)
	for _, k := range b.Inputs {
		in |= k.Base().Mode
	}
	before := ChangelogMode(0)
	if needs[n] && b.Mode.Has(ModeUpdateAfter) {
		before = ModeUpdateBefore
	}
	switch n := n.(type) {
	case *Source, *Values, *WindowAggregate:
	case *GroupAggregate:
		n.EmitBefore = before != 0
		b.Mode |= before
	case *ChangelogNormalize:
		n.EmitBefore = before != 0
		b.Mode |= before
	case orderedNode:
		n.settle(before)
	case *Join:
		b.Mode = n.kinds()
		n.identify()
	case BoundedJoin:
		boundedKinds(n)
	default:
		b.Mode = in
	}
}

// insertDrops puts a DropUpdateBefore before the sinks that take no -U, and before the
// operators that complete an upsert stream, which need none.
func (l *lowering) insertDrops() {
	var nodes []Node
	for _, n := range l.plan.Nodes {
		b := n.Base()
		var keys []int
		asDelete, drop := false, false
		switch n := n.(type) {
		case *Sink:
			takes := l.sinkMode(n)
			n.Upserts = takes.NeedsKey() && len(n.PrimaryKey) > 0
			drop, asDelete, keys = !takes.Has(ModeUpdateBefore), true, n.PrimaryKey
			if m := l.materialize(n); m != nil {
				nodes = append(nodes, m)
			}
		case *ChangelogNormalize:
			drop = true
		}
		if drop && b.Inputs[0].Base().Mode.Has(ModeUpdateBefore) {
			d := &DropUpdateBefore{AsDelete: asDelete, KeyCols: keys}
			in := b.Inputs[0]
			d.b = Base{Inputs: []Node{in}, Schema: in.Base().Schema, Mode: in.Base().Mode &^ ModeUpdateBefore, Keys: in.Base().Keys}
			if asDelete {
				d.b.Mode |= ModeDelete
			}
			b.Inputs = []Node{d}
			if _, ok := n.(*Sink); ok {
				b.Mode = d.b.Mode
			}
			nodes = append(nodes, d)
		}
		nodes = append(nodes, n)
	}
	l.plan.Nodes = nodes
}

// sinkMode tells which row kinds a sink gets. ON CONFLICT DO DEDUPLICATE asks for the last row
// of each key, so a keyed table that could take former images too is written by key.
func (l *lowering) sinkMode(s *Sink) ChangelogMode {
	m := l.b.sinkMode(s.Table)
	if l.targets[s].conflict == sql.ConflictDeduplicate && len(s.PrimaryKey) > 0 && m.Has(ModeUpdateAfter) {
		m &^= ModeUpdateBefore
	}
	return m
}

// upsertKeys finds the sets of columns that identify a row of an operator's output.
func upsertKeys(n Node) [][]int {
	switch n := n.(type) {
	case *Source:
		return n.primaryKey()
	case *Calc:
		return throughCalc(n)
	case *WatermarkAssigner, *DropUpdateBefore:
		return n.Base().Inputs[0].Base().Keys
	case *ChangelogNormalize:
		return [][]int{n.KeyCols}
	case *GroupAggregate:
		return [][]int{ascending(len(n.Keys))}
	case *WindowAggregate:
		var out [][]int
		for i, p := range n.Props {
			if p == PropStart && n.Window.Kind == Cumulate {
				continue // windows of one start have different ends
			}
			out = append(out, append(ascending(len(n.Keys)), len(n.Keys)+len(n.Aggs)+i))
		}
		return out
	case *Unnest:
		return n.upsertKeys()
	case *Join:
		return n.upsertKeys()
	case BoundedJoin:
		return n.upsertKeys()
	case orderedNode:
		return n.upsertKeys()
	case *Sink:
		if len(n.PrimaryKey) > 0 {
			return [][]int{n.PrimaryKey}
		}
	}
	return nil
}

// primaryKey finds the table's key in the source's row.
func (n *Source) primaryKey() [][]int {
	var key []int
	for _, k := range n.Table.PrimaryKey {
		at := slices.IndexFunc(n.Columns, func(c SourceColumn) bool { return c.Column == k && len(c.Path) == 1 })
		if at < 0 {
			return nil
		}
		key = append(key, at)
	}
	if len(key) == 0 {
		return nil
	}
	return [][]int{key}
}

// throughCalc keeps the keys whose columns a projection passes on.
func throughCalc(n *Calc) [][]int {
	var out [][]int
	for _, key := range n.b.Inputs[0].Base().Keys {
		to := make([]int, 0, len(key))
		for _, k := range key {
			if at := slices.IndexFunc(n.Project, func(p expr.Node) bool { return passes(p, k) }); at >= 0 {
				to = append(to, at)
			}
		}
		if len(to) == len(key) {
			out = append(out, to)
		}
	}
	return out
}

// passes tells whether an expression is column k, or a conversion of it that keeps
// different values apart.
func passes(p expr.Node, k int) bool {
	switch p := p.(type) {
	case *expr.Col:
		return p.Index == k
	case *expr.Cast:
		return faithful(p.Arg.Type(), p.T) && passes(p.Arg, k)
	}
	return false
}

func faithful(from, to types.Type) bool {
	switch {
	case from.IsInteger():
		return to.IsInteger() && to.Kind >= from.Kind || to.IsString() && to.Prec >= 20
	case from.IsString():
		return to.IsString() && to.Kind == types.Varchar && to.Prec >= from.Prec
	case from.IsTimestamp():
		return to.Kind == from.Kind && to.Prec >= from.Prec
	}
	return from.Equal(to)
}
