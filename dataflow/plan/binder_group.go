package plan

import (
	"math/bits"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// grouping is an aggregation being bound. Expressions above it refer to its columns by
// marks: columns whose index is a key's number, aggBase and an aggregate's number,
// propBase and a window property, or setID. The marks are resolved when the aggregation
// is built.
type grouping struct {
	in   *relation
	keys []expr.Node
	// sets are the grouping sets over keys; nil when every key is in the only one.
	sets []uint64
	aggs []boundAgg
	// legacy is the window of GROUP BY TUMBLE(ts, ...) and timeCol its time attribute.
	legacy  *Window
	timeCol int
	// side holds the subqueries in HAVING and the select list, which are joined to the
	// aggregation's result; nil for none.
	side *relation
	// above remembers which expressions hold something that only the aggregation knows.
	above map[sql.Expr]bool
}

type boundAgg struct {
	call *expr.AggCall // over the input
	id   string
	span sql.Span
}

// The marks.
const (
	aggBase  = 1 << 20
	propBase = 1 << 21
	setID    = 1 << 22
)

// Limits of grouping sets: keys in one, and sets.
const (
	groupKeysMax = 64
	groupSetsMax = 4096
)

func newGrouping(in *relation) *grouping {
	return &grouping{in: in, above: map[sql.Expr]bool{}}
}

// addKey adds a grouping expression, or finds it among those that are there.
func (g *grouping) addKey(n expr.Node) int {
	for i, k := range g.keys {
		if expr.Equal(k, n) {
			return i
		}
	}
	g.keys = append(g.keys, n)
	return len(g.keys) - 1
}

// key is the mark of key i. A key that is not in every grouping set may be NULL.
func (g *grouping) key(i int) expr.Node {
	k := g.keys[i]
	t := k.Type()
	for _, s := range g.sets {
		if s&(1<<i) == 0 {
			t = t.Nullable()
		}
	}
	name := ""
	if c, ok := k.(*expr.Col); ok {
		name = c.Name
	}
	return expr.NewCol(i, name, t)
}

// groupBy binds the grouping items.
func (b *binder) groupBy(g *grouping, by *sql.GroupBy) error {
	sets := []uint64{0}
	for _, it := range by.Items {
		if it.Kind == sql.GroupExpr {
			if done, err := b.legacyWindow(g, it.X); done || err != nil {
				if err != nil {
					return err
				}
				continue
			}
		}
		alts, err := b.groupItem(g, it)
		if err != nil {
			return err
		}
		if len(g.keys) > groupKeysMax || len(alts)*len(sets) > groupSetsMax {
			return b.errorf(it.Span, "GROUP BY has more than %d keys or %d grouping sets", groupKeysMax, groupSetsMax)
		}
		var product []uint64
		for _, s := range sets {
			for _, a := range alts {
				product = append(product, s|a)
			}
		}
		sets = product
	}
	if by.Distinct {
		sets = distinctSets(sets)
	}
	if len(sets) > 1 || bits.OnesCount64(sets[0]) != len(g.keys) {
		g.sets = sets
	}
	return nil
}

func distinctSets(sets []uint64) []uint64 {
	var out []uint64
	seen := map[uint64]bool{}
	for _, s := range sets {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// groupItem yields the alternatives of a grouping item as sets of keys.
func (b *binder) groupItem(g *grouping, it *sql.GroupItem) ([]uint64, error) {
	switch it.Kind {
	case sql.GroupExpr:
		s, err := b.keySet(g, []sql.Expr{it.X})
		return []uint64{s}, err
	case sql.GroupSet:
		s, err := b.keySet(g, it.Exprs)
		return []uint64{s}, err
	}
	var parts [][]uint64
	for _, sub := range it.Items {
		alts, err := b.groupItem(g, sub)
		if err != nil {
			return nil, err
		}
		parts = append(parts, alts)
	}
	switch it.Kind {
	case sql.GroupSets:
		var out []uint64
		for _, p := range parts {
			out = append(out, p...)
		}
		if len(out) > groupSetsMax {
			return nil, b.errorf(it.Span, "more than %d grouping sets", groupSetsMax)
		}
		return out, nil
	case sql.GroupRollup:
		out := []uint64{0}
		all := uint64(0)
		for _, p := range parts {
			all |= p[0]
			out = append([]uint64{all}, out...)
		}
		return out, nil
	}
	if len(parts) > 12 {
		return nil, b.errorf(it.Span, "CUBE of more than 12 items")
	}
	var out []uint64
	for m := 1<<len(parts) - 1; m >= 0; m-- {
		s := uint64(0)
		for i, p := range parts {
			if m&(1<<(len(parts)-1-i)) != 0 {
				s |= p[0]
			}
		}
		out = append(out, s)
	}
	return out, nil
}

func (b *binder) keySet(g *grouping, es []sql.Expr) (uint64, error) {
	s := uint64(0)
	for _, e := range es {
		if num, ok := e.(*sql.NumberLit); ok {
			b.warnf(num.Span, "GROUP BY %s groups by a constant, not by a column's number", num.Text)
		}
		n, err := b.expr(e, &scope{in: g.in, inside: "GROUP BY"})
		if err != nil {
			return 0, b.hintAlias(err)
		}
		i := g.addKey(n)
		if i >= groupKeysMax {
			return 0, b.errorf(e.Range(), "GROUP BY has more than %d keys", groupKeysMax)
		}
		s |= 1 << i
	}
	return s, nil
}

// hintAlias explains an unknown column in GROUP BY, which may be meant as an alias.
func (b *binder) hintAlias(err error) error {
	if e := sql.Locate(err); e != nil && e.Hint == "" && strings.HasPrefix(e.Msg, "unknown column") {
		return e.WithHint("GROUP BY takes columns of the input and expressions, not aliases of the select list")
	}
	return err
}

// onlyAbove tells whether an expression holds an aggregate or another thing that only the
// aggregation knows.
func (g *grouping) onlyAbove(e sql.Expr) bool {
	if known, ok := g.above[e]; ok {
		return known
	}
	found := false
	if isSubquery(e) {
		found = true
	} else if c, ok := e.(*sql.Call); ok && c.Over != nil {
		found = true
	} else if ok {
		name := strings.ToUpper(c.Name.Key())
		found = isAggregate(c) || groupingFunction(name) || groupWindowFunction(name)
	}
	for _, c := range exprChildren(e) {
		if !found && c != nil {
			found = g.onlyAbove(c)
		}
	}
	g.above[e] = found
	return found
}

func groupingFunction(name string) bool {
	return name == "GROUPING" || name == "GROUPING_ID" || name == "GROUP_ID"
}

// grouped binds an expression above the aggregation; done is false for one whose parts
// are to be bound one by one.
func (b *binder) grouped(e sql.Expr, sc *scope) (n expr.Node, done bool, err error) {
	g := sc.group
	if isSubquery(e) {
		n, err = b.groupedSubquery(e, g)
		return n, true, err
	}
	if c, ok := e.(*sql.Call); ok && c.Over == nil {
		name := strings.ToUpper(c.Name.Key())
		switch {
		case isAggregate(c):
			n, err = b.aggregate(c, g)
			return n, true, err
		case groupingFunction(name):
			n, err = b.groupingCall(c, name, g)
			return n, true, err
		case groupWindowFunction(name):
			n, err = b.legacyProp(c, name, g)
			return n, true, err
		}
	}
	if g.onlyAbove(e) {
		return nil, false, nil
	}
	n, err = b.expr(e, &scope{in: g.in, inside: sc.inside})
	if err != nil {
		return nil, true, err
	}
	if n, done = g.replaceKeys(n); done {
		return n, true, nil
	}
	return nil, true, b.notGrouped(e, g)
}

// replaceKeys puts marks in place of the keys; ok is false when another column is left.
func (g *grouping) replaceKeys(n expr.Node) (out expr.Node, ok bool) {
	for i, k := range g.keys {
		if expr.Equal(k, n) {
			return g.key(i), true
		}
	}
	if _, isCol := n.(*expr.Col); isCol {
		return n, false
	}
	kids := expr.Children(n)
	if len(kids) == 0 {
		return n, true
	}
	marked := make([]expr.Node, len(kids))
	for i, c := range kids {
		if marked[i], ok = g.replaceKeys(c); !ok {
			return n, false
		}
	}
	return withChildren(n, marked), true
}

// notGrouped names the first column of e that is not grouped by.
func (b *binder) notGrouped(e sql.Expr, g *grouping) error {
	var at *sql.Ref
	walkExpr(e, func(x sql.Expr) bool {
		r, ok := x.(*sql.Ref)
		if ok && at == nil {
			if n, err := b.ref(r.Parts, r.Span, g.in); err == nil {
				if _, ok := g.replaceKeys(n); !ok {
					at = r
				}
			}
		}
		return at == nil
	})
	if at == nil {
		return b.errorf(e.Range(), "this is neither grouped by nor aggregated")
	}
	return b.errorf(at.Span, "column %s is neither grouped by nor aggregated", quoteParts(at.Parts)).
		WithHint("add it to GROUP BY, or wrap it in an aggregate such as MAX")
}

// aggregate binds a call of an aggregate function and yields its mark.
func (b *binder) aggregate(c *sql.Call, g *grouping) (expr.Node, error) {
	call, err := b.aggregateCall(c, &scope{in: g.in, inside: "an aggregate"})
	if err != nil {
		return nil, err
	}
	return g.addAgg(call, c.Span), nil
}

// aggregateCall binds a call of an aggregate function.
func (b *binder) aggregateCall(c *sql.Call, in *scope) (*expr.AggCall, error) {
	name := strings.ToUpper(c.Name.Key())
	if len(c.OrderBy) > 0 || len(c.WithinGroup) > 0 {
		return nil, b.unsupported(c.Span, "ORDER BY inside an aggregate")
	}
	var args []expr.Node
	for _, a := range c.Args {
		if s, ok := a.(*sql.Star); ok && len(c.Args) == 1 && len(s.Qualifier) == 0 && name == "COUNT" {
			break
		}
		n, err := b.expr(a, in)
		if err != nil {
			return nil, err
		}
		args = append(args, n)
	}
	if c.JSON != nil && c.JSON.OnNull != "" {
		args = append(args, expr.NewSymbol(c.JSON.OnNull))
	}
	o := expr.AggOptions{Distinct: c.Distinct, IgnoreNulls: c.Nulls == sql.NullsIgnore}
	if c.Filter != nil {
		var err error
		if o.Filter, err = b.condition(c.Filter, in, "FILTER"); err != nil {
			return nil, err
		}
	}
	call, err := expr.NewAgg(name, foldAll(args, b.env()), o)
	if err != nil {
		return nil, b.errorf(c.Span, "%v", err)
	}
	return call, nil
}

// foldAll makes constants of constant arguments, which some functions ask for.
func foldAll(ns []expr.Node, env *expr.Env) []expr.Node {
	out := make([]expr.Node, len(ns))
	for i, n := range ns {
		out[i] = expr.Fold(n, env)
	}
	return out
}

// addAgg adds an aggregate, or finds it among those that are there, and yields its mark.
func (g *grouping) addAgg(call *expr.AggCall, span sql.Span) expr.Node {
	for i, a := range g.aggs {
		if sameAgg(a.call, call) {
			return expr.NewCol(aggBase+i, "", a.call.T)
		}
	}
	g.aggs = append(g.aggs, boundAgg{call, call.String(), span})
	return expr.NewCol(aggBase+len(g.aggs)-1, "", call.T)
}

func sameAgg(a, b *expr.AggCall) bool {
	if a.Func != b.Func || a.Distinct != b.Distinct || len(a.Args) != len(b.Args) ||
		(a.Filter == nil) != (b.Filter == nil) || a.Filter != nil && !expr.Equal(a.Filter, b.Filter) {
		return false
	}
	for i := range a.Args {
		if !expr.Equal(a.Args[i], b.Args[i]) || !expr.Deterministic(a.Args[i]) {
			return false
		}
	}
	return true
}

// groupingCall is GROUPING(k, ...), GROUPING_ID(k, ...): a bit for each key, set where the
// row's grouping set lacks it. GROUP_ID() is always 0.
func (b *binder) groupingCall(c *sql.Call, name string, g *grouping) (expr.Node, error) {
	zero := expr.NewLit(expr.NewInt(0).Value, types.TBigInt)
	if name == "GROUP_ID" {
		return zero, nil
	}
	if len(c.Args) == 0 || len(c.Args) > 63 {
		return nil, b.errorf(c.Span, "%s takes the keys of GROUP BY as arguments", name)
	}
	var keys []int
	for _, a := range c.Args {
		n, err := b.expr(a, &scope{in: g.in, inside: name})
		if err != nil {
			return nil, err
		}
		at := -1
		for i, k := range g.keys {
			if expr.Equal(k, n) {
				at = i
			}
		}
		if at < 0 {
			return nil, b.errorf(a.Range(), "%s takes the keys of GROUP BY, and this is none", name)
		}
		keys = append(keys, at)
	}
	id := expr.NewCol(setID, "", types.TBigInt.Required())
	var conds, vals []expr.Node
	for s, set := range g.sets {
		v := int64(0)
		for _, k := range keys {
			v <<= 1
			if set&(1<<k) == 0 {
				v |= 1
			}
		}
		eq, err := b.newCall("=", c.Span, id, bigInt(int64(s)))
		if err != nil {
			return nil, err
		}
		conds, vals = append(conds, eq), append(vals, bigInt(v))
	}
	if len(conds) == 0 {
		return zero, nil
	}
	n, err := expr.NewCase(conds[1:], vals[1:], vals[0])
	if len(conds) == 1 {
		return vals[0], nil
	}
	return b.placed(n, err, c.Span)
}

func bigInt(i int64) expr.Node { return expr.NewLit(expr.NewInt(i).Value, types.TBigInt) }
