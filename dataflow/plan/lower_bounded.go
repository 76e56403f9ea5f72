package plan

import (
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

func init() {
	joinRules = append(joinRules, asOfJoin, windowJoin, intervalJoin)
}

// bounded completes a join of two inputs by keys and a rest of the condition, and projects
// the columns that were appended for keys away again.
func (l *lowering) bounded(n BoundedJoin, r *relJoin, keys []equiKey, rest []expr.Node) (Node, error) {
	ins, cols, err := l.joinSides(r, keys)
	if err != nil {
		return nil, err
	}
	s := n.Sides()
	s.JoinKind, s.LeftKeys, s.RightKeys, s.NullSafe = r.kind, cols[0], cols[1], make([]bool, len(keys))
	for i, k := range keys {
		s.NullSafe[i] = k.nullSafe
	}
	s.sortKeys()
	left, right := len(r.left.cols()), len(r.right.cols())
	to := ascending(left + right)
	for i := range right {
		to[left+i] += len(ins[0].Base().Schema) - left
	}
	s.Cond = remap(conjunction(rest), to)
	s.b.Stateful, s.b.uid = true, r.uid
	schema := joinSchema(r.kind, ins[0].Base().Schema, ins[1].Base().Schema)
	l.add(n, schema, ins[0], ins[1])
	l.spans[n] = []sql.Span{r.span}
	if len(schema) == len(r.schema) {
		return n, nil
	}
	p := &Calc{}
	out := slices.Clone(r.schema)
	for i := range out {
		p.Project = append(p.Project, colRef(schema, to[i]))
		out[i].Type = schema[to[i]].Type
	}
	l.add(p, out, n)
	return p, nil
}

// sortKeys orders the keys by the right's columns.
func (n *BoundedSides) sortKeys() {
	at := ascending(len(n.RightKeys))
	slices.SortStableFunc(at, func(a, b int) int { return n.RightKeys[a] - n.RightKeys[b] })
	left, right, safe := make([]int, len(at)), make([]int, len(at)), make([]bool, len(at))
	for i, k := range at {
		left[i], right[i], safe[i] = n.LeftKeys[k], n.RightKeys[k], n.NullSafe[k]
	}
	n.LeftKeys, n.RightKeys, n.NullSafe = left, right, safe
}

// windowJoin recognises the join of two inputs with equal windows by both bounds of the
// window.
func windowJoin(l *lowering, r *relJoin, c joinCond) (Node, bool, error) {
	if r.asOf != nil {
		return nil, false, nil
	}
	left, ok := windowOf(r.left)
	right, also := windowOf(r.right)
	if !ok || !also {
		return nil, false, nil
	}
	var keys []equiKey
	start, end := false, false
	for _, k := range c.keys {
		switch {
		case isColumn(k.left, left.start) && isColumn(k.right, right.start):
			start = true
		case isColumn(k.left, left.end) && isColumn(k.right, right.end):
			end = true
		default:
			keys = append(keys, k)
		}
	}
	if !start || !end {
		return nil, false, nil
	}
	if !left.win.sameAs(right.win) {
		return nil, false, l.b.errorf(r.span, "a window join needs the same windows on both sides")
	}
	if left.win.ProcTime {
		return nil, false, l.b.unsupported(r.span, "a join by windows of processing time")
	}
	n := &WindowJoin{LeftStart: left.start, LeftEnd: left.end, RightStart: right.start, RightEnd: right.end, Window: left.win}
	out, err := l.bounded(n, r, keys, c.rest)
	return out, err == nil, err
}

func isColumn(n expr.Node, col int) bool {
	c, ok := n.(*expr.Col)
	return ok && c.Index == col
}

// asOfJoin makes a join with FOR SYSTEM_TIME AS OF: a lookup join by processing time, a
// temporal join by event time.
func asOfJoin(l *lowering, r *relJoin, c joinCond) (Node, bool, error) {
	if r.asOf == nil {
		return nil, false, nil
	}
	if r.kind != JoinInner && r.kind != JoinLeft {
		return nil, false, l.b.errorf(r.span, "a join with FOR SYSTEM_TIME AS OF is an inner or a left join, not a %s join", r.kind)
	}
	var out Node
	var err error
	switch r.asOf.Type().Attr {
	case types.ProcTime:
		out, err = l.lookupJoin(r, c)
	case types.RowTime:
		out, err = l.temporalJoin(r, c)
	default:
		err = l.b.errorf(r.span, "FOR SYSTEM_TIME AS OF needs a time attribute of the left side, and %s is none", r.asOf).
			WithHint("a time attribute is a timestamp with a WATERMARK, or a column AS PROCTIME()")
	}
	return out, err == nil, err
}

func (l *lowering) lookupJoin(r *relJoin, c joinCond) (Node, error) {
	keys := slices.Clone(c.keys)
	var rest []expr.Node
	for _, x := range c.rest {
		if k, ok := constantKey(x, len(r.left.cols())); ok {
			keys = append(keys, k)
		} else {
			rest = append(rest, x)
		}
	}
	n := &LookupJoin{}
	n.b.StateTTL = l.b.cfg.StateTTL
	if r.leftTTL >= 0 {
		n.b.StateTTL = r.leftTTL
	}
	return l.bounded(n, r, keys, rest)
}

// constantKey reads a conjunct as an equality of a right column and a constant.
func constantKey(c expr.Node, left int) (equiKey, bool) {
	call, ok := c.(*expr.Call)
	if !ok || len(call.Args) != 2 || call.Func.Name != "=" || !expr.Deterministic(c) {
		return equiKey{}, false
	}
	a, b := call.Args[0], call.Args[1]
	if sideOf(a, left) == rightSide && sideOf(b, left) == noSide {
		a, b = b, a
	}
	if sideOf(a, left) != noSide || sideOf(b, left) != rightSide {
		return equiKey{}, false
	}
	t, ok := expr.CommonType(a.Type(), b.Type())
	if !ok || !hashable(t) {
		return equiKey{}, false
	}
	return equiKey{left: coerceKey(a, t), right: coerceKey(shift(b, -left), t)}, true
}

// temporalJoin joins with a versioned table: one with an event time and a key, all of which
// is compared with columns of the left.
func (l *lowering) temporalJoin(r *relJoin, c joinCond) (Node, error) {
	asOf, ok := r.asOf.(*expr.Col)
	if !ok {
		return nil, l.b.errorf(r.span, "FOR SYSTEM_TIME AS OF takes an event time column of the left side, not %s", r.asOf)
	}
	right, err := l.node(r.right)
	if err != nil {
		return nil, err
	}
	time := right.Base().Schema.RowTime()
	if time < 0 {
		return nil, l.b.errorf(r.span, "the table joined FOR SYSTEM_TIME AS OF an event time has none itself").
			WithHint("declare WATERMARK FOR a timestamp of the table, or use a processing time (PROCTIME()) for a lookup of its current rows")
	}
	if t := right.Base().Schema[time].Type; t.Kind != asOf.T.Kind {
		return nil, l.b.errorf(r.span, "a temporal join needs event times of one type on both sides, not %s and %s", asOf.T.Plain().Nullable(), t.Plain().Nullable())
	}
	l.keysOf(right, map[Node]bool{})
	key, ok := versionKey(right.Base().Keys, c.keys)
	if !ok {
		return nil, l.b.errorf(r.span, "a temporal join compares all columns of the versioned table's key for equality").
			WithHint("declare PRIMARY KEY (...) NOT ENFORCED, and join on all of its columns")
	}
	var keys []equiKey
	rest := slices.Clone(c.rest)
	for _, k := range c.keys {
		if col, ok := k.right.(*expr.Col); ok && slices.Contains(key, col.Index) {
			keys = append(keys, k)
			key = slices.DeleteFunc(slices.Clone(key), func(c int) bool { return c == col.Index })
			continue
		}
		x, err := k.condition(len(r.left.cols()))
		if err != nil {
			return nil, l.b.errorf(r.span, "%v", err)
		}
		rest = append(rest, x)
	}
	n := &TemporalJoin{LeftTime: asOf.Index, RightTime: time}
	n.b.StateTTL = l.b.cfg.StateTTL
	if r.rightTTL >= 0 {
		n.b.StateTTL = r.rightTTL
	}
	return l.bounded(n, r, keys, rest)
}

// versionKey finds an upsert key of the versioned table that the equalities cover.
func versionKey(keys [][]int, eq []equiKey) ([]int, bool) {
	var cols []int
	for _, k := range eq {
		if c, ok := k.right.(*expr.Col); ok {
			cols = append(cols, c.Index)
		}
	}
	for _, k := range keys {
		if len(k) > 0 && subset(k, cols) {
			return k, true
		}
	}
	return nil, false
}

// condition is the equality over the columns of both sides.
func (k equiKey) condition(left int) (expr.Node, error) {
	name := "="
	if k.nullSafe {
		name = "IS NOT DISTINCT FROM"
	}
	return expr.NewCall(name, k.left, shift(k.right, left))
}

// keysOf finds the upsert keys of an operator before those of the whole plan are found.
func (l *lowering) keysOf(n Node, seen map[Node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	for _, in := range n.Base().Inputs {
		l.keysOf(in, seen)
	}
	l.kinds(n)
	n.Base().Keys = upsertKeys(n)
}

// versionColumns are the columns of a table joined FOR SYSTEM_TIME AS OF that the join
// reads whatever the query does: its event time and its key.
func versionColumns(r rel) []int {
	out := tableKeyColumns(r)
	if t := r.cols().RowTime(); t >= 0 {
		out = append(out, t)
	}
	return out
}

// tableKeyColumns finds a table's primary key behind projections.
func tableKeyColumns(r rel) []int {
	switch r := r.(type) {
	case *relScan:
		return slices.Clone(r.table.PrimaryKey)
	case *relAgg:
		if r.win == nil {
			return ascending(len(r.keys))
		}
	case *relCalc:
		var out []int
		for _, k := range tableKeyColumns(r.in) {
			if at := slices.IndexFunc(r.project, func(p expr.Node) bool { return passes(p, k) }); at >= 0 {
				out = append(out, at)
			}
		}
		return out
	}
	return nil
}

// boundedNeeds tells whether such a join needs -U of an input, and refuses updates that it
// cannot take.
func (l *lowering) boundedNeeds(n BoundedJoin, input int) (bool, error) {
	switch n := n.(type) {
	case *LookupJoin:
		return input == 0 || n.Identity == nil, nil
	case *TemporalJoin:
		return input == 0, nil
	}
	in := n.Base().Inputs[input]
	if !in.Base().Mode.Updates() {
		return false, nil
	}
	what := map[string]string{"interval-join": "an interval join", "window-join": "a window join"}[n.Kind()]
	return false, l.b.errorf(l.spans[n][0], "%s takes no updates, and %s yields them", what, describe(updater(in)))
}

// boundedKinds sets the row kinds of such a join.
func boundedKinds(n BoundedJoin) {
	b := n.Base()
	switch n := n.(type) {
	case *LookupJoin:
		b.Mode = b.Inputs[0].Base().Mode
		n.identify()
	case *TemporalJoin:
		b.Mode = b.Inputs[0].Base().Mode
	default:
		b.Mode = AppendOnly
	}
}

// windowOfJoin finds the window columns of a window join: those of the left, unless rows of
// the right come out without them.
func windowOfJoin(r *relJoin) (windowCols, bool) {
	left, ok := windowOf(r.left)
	if !ok || r.asOf != nil || r.kind.PadsLeft() {
		return windowCols{}, false
	}
	if r.kind.LeftOnly() {
		return left, true
	}
	right, ok := windowOf(r.right)
	if !ok || !left.win.sameAs(right.win) {
		return windowCols{}, false
	}
	start, end := false, false
	for _, k := range r.split().keys {
		start = start || isColumn(k.left, left.start) && isColumn(k.right, right.start)
		end = end || isColumn(k.left, left.end) && isColumn(k.right, right.end)
	}
	return left, start && end
}
