package plan

import (
	"slices"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// itemsAggregate tells whether a select list holds an aggregate.
func itemsAggregate(items []item) bool {
	found := false
	for _, it := range items {
		if it.x == nil {
			continue
		}
		walkExpr(it.x, func(e sql.Expr) bool {
			if c, ok := e.(*sql.Call); ok && isAggregate(c) {
				found = true
			}
			return !found
		})
	}
	return found
}

// groupedSelect binds a SELECT with GROUP BY, HAVING or aggregates.
func (b *binder) groupedSelect(s *sql.Select, items []item, in *relation, h hints) (*relation, error) {
	g := newGrouping(in)
	if s.GroupBy != nil {
		if err := b.groupBy(g, s.GroupBy); err != nil {
			return nil, err
		}
	}
	sc := &scope{group: g, over: &overs{named: s.Windows}}
	nodes, names := make([]expr.Node, len(items)), make([]string, len(items))
	for i, it := range items {
		names[i] = it.name
		var err error
		if nodes[i], err = b.groupedItem(s, it, sc); err != nil {
			return nil, err
		}
	}
	having, tests, err := b.having(s.Having, g)
	if err != nil {
		return nil, err
	}
	agg := b.buildAggregate(g, h)
	for i := range nodes {
		nodes[i] = agg.resolve(nodes[i])
	}
	if g.side != nil && sc.over.calls > 0 {
		return nil, b.unsupported(s.Span, "a subquery beside both GROUP BY and OVER")
	}
	in0 := g.beside(agg.rel)
	if len(tests) > 0 {
		if in0, err = b.testGroups(g, agg, in0, having, tests); err != nil {
			return nil, err
		}
		having = nil
	}
	if having != nil && sc.over.calls > 0 {
		in0, having = filterRel(in0, agg.resolve(having)), nil
	}
	in0, place := sc.over.apply(in0, agg.resolve)
	for i := range nodes {
		nodes[i] = g.placeSide(place(nodes[i]), agg.rel)
	}
	out := projectRel(in0, nodes, unique(names))
	if having != nil {
		out.filter = g.placeSide(agg.resolve(having), agg.rel)
	}
	return newRelation(out, ""), nil
}

func (b *binder) groupedItem(s *sql.Select, it item, sc *scope) (expr.Node, error) {
	if it.x != nil {
		return b.expr(it.x, sc)
	}
	if n, ok := sc.group.replaceKeys(it.node); ok {
		return n, nil
	}
	return nil, b.errorf(s.Items[0].Span, "column %s, which * stands for, is neither grouped by nor aggregated", it.name)
}

// built is an aggregation in place, and where its marks are.
type built struct {
	rel   *relAgg
	marks map[int]int // mark -> column of rel
}

// resolve puts the aggregation's columns in place of marks.
func (a *built) resolve(n expr.Node) expr.Node {
	return expr.Rewrite(n, func(m expr.Node) expr.Node {
		if c, ok := m.(*expr.Col); ok && c.Index < overBase {
			return colRef(a.rel.schema, a.marks[c.Index])
		}
		return m
	})
}

// preProject collects what an aggregation reads: its keys and arguments as columns.
type preProject struct {
	nodes []expr.Node
	names []string
}

// add appends an expression and yields its column; share finds an equal one first.
func (p *preProject) add(n expr.Node, name string, share bool) int {
	if share && expr.Deterministic(n) {
		for i, o := range p.nodes {
			if expr.Equal(o, n) {
				return i
			}
		}
	}
	if c, ok := n.(*expr.Col); ok && name == "" {
		name = c.Name
	}
	if name == "" {
		name = "$f" + strconv.Itoa(len(p.nodes))
	}
	p.nodes, p.names = append(p.nodes, n), append(p.names, name)
	return len(p.nodes) - 1
}

// buildAggregate makes the aggregation of a grouping: a projection of keys and arguments,
// with grouping sets a union of one projection a set, and the aggregation over it. Where
// the keys hold the window columns of the input it is an aggregation by window.
func (b *binder) buildAggregate(g *grouping, h hints) *built {
	out := &built{rel: &relAgg{ttl: -1, uid: h.uid}, marks: map[int]int{}}
	if h.hasTTL {
		out.rel.ttl = h.ttl
	}
	props := g.windowKeys()
	pre := &preProject{}
	share := g.sets == nil
	for i, k := range g.keys {
		if _, isProp := props[i]; isProp {
			continue
		}
		out.marks[i] = len(out.rel.keys)
		out.rel.keys = append(out.rel.keys, pre.add(k, "", share))
	}
	nullable := len(pre.nodes) // the keys, which a grouping set may leave out
	out.rel.win = g.window(pre, props, share)
	for _, a := range g.aggs {
		out.rel.aggs = append(out.rel.aggs, Aggregate{ID: a.id, Call: overColumns(a.call, pre, share, nullable)})
		out.rel.spans = append(out.rel.spans, a.span)
	}
	if len(out.rel.keys)+len(out.rel.aggs) == 0 && out.rel.win == nil {
		if c, ok := countRows(); ok { // GROUP BY () without aggregates is one row
			out.rel.aggs, out.rel.spans = []Aggregate{c}, []sql.Span{{}}
		}
	}
	if len(pre.nodes) == 0 {
		pre.add(expr.NewBool(true), "$one", false) // COUNT(*) reads no column
	}
	if g.sets == nil {
		out.rel.in = projectRel(g.in.rel, pre.nodes, pre.names)
	} else {
		out.rel.in = g.expand(pre, out)
	}
	g.finish(out, props)
	return out
}

// overColumns is the call with columns and literals as arguments.
func overColumns(call *expr.AggCall, pre *preProject, share bool, from int) *expr.AggCall {
	c := *call
	c.Args = make([]expr.Node, len(call.Args))
	toCol := func(n expr.Node) expr.Node {
		sub := &preProject{nodes: pre.nodes, names: pre.names}
		at := -1
		if !share {
			// Keys become NULL where a grouping set lacks them; arguments do not.
			for i := from; i < len(pre.nodes); i++ {
				if expr.Equal(pre.nodes[i], n) && expr.Deterministic(n) {
					at = i
				}
			}
		}
		if at < 0 {
			at = sub.add(n, "", share)
			*pre = *sub
		}
		return expr.NewCol(at, pre.names[at], n.Type().Plain())
	}
	for i, a := range call.Args {
		c.Args[i] = a
		if _, lit := a.(*expr.Lit); !lit || aggregated(call, i) {
			c.Args[i] = toCol(a)
		}
	}
	if call.Filter != nil {
		c.Filter = toCol(call.Filter)
	}
	return &c
}

// aggregated tells whether argument i is a value that is aggregated, and so a column even
// when it is constant; the others (fractions, separators, keywords) stay literals.
func aggregated(call *expr.AggCall, i int) bool {
	switch call.Func.Name {
	case "COUNT":
		return false
	case "JSON_OBJECTAGG":
		return i < 2
	}
	return i == 0
}

// windowKeys finds, by key, the window columns of the input among the keys. It is empty
// unless both the start and the end are there, in every grouping set.
func (g *grouping) windowKeys() map[int]WindowProp {
	w, ok := windowOf(g.in.rel)
	if !ok || g.legacy != nil {
		return nil
	}
	props := map[int]WindowProp{}
	have := map[WindowProp]bool{}
	for i, k := range g.keys {
		c, isCol := k.(*expr.Col)
		if !isCol || !g.always(i) {
			continue
		}
		for p, at := range map[WindowProp]int{PropStart: w.start, PropEnd: w.end, PropTime: w.time} {
			if c.Index == at {
				props[i], have[p] = p, true
			}
		}
	}
	if !have[PropStart] || !have[PropEnd] {
		return nil
	}
	return props
}

// always tells whether a key is in every grouping set.
func (g *grouping) always(key int) bool {
	return !slices.ContainsFunc(g.sets, func(s uint64) bool { return s&(1<<key) == 0 })
}

// window is the window of the aggregation over the projection, nil for none.
func (g *grouping) window(pre *preProject, props map[int]WindowProp, share bool) *Window {
	if g.legacy != nil {
		w := *g.legacy
		w.TimeCol = pre.add(g.in.col(g.timeCol), "", share)
		return &w
	}
	if len(props) == 0 {
		return nil
	}
	cols, _ := windowOf(g.in.rel)
	w := cols.win
	w.TimeCol = -1
	w.StartCol = pre.add(g.in.col(cols.start), "", share)
	w.EndCol = pre.add(g.in.col(cols.end), "", share)
	return &w
}

// expand is the union of one projection for each grouping set, in which the keys that the
// set lacks are NULL; the set's number is one more key.
func (g *grouping) expand(pre *preProject, out *built) rel {
	keyOf := map[int]int{} // column of pre -> key
	for i := range g.keys {
		if k, ok := out.marks[i]; ok {
			keyOf[out.rel.keys[k]] = i
		}
	}
	idCol := len(pre.nodes)
	out.marks[setID] = len(out.rel.keys)
	out.rel.keys = append(out.rel.keys, idCol)
	names := append(append([]string(nil), pre.names...), "$e")
	u := &relUnion{}
	for s, set := range g.sets {
		nodes := append([]expr.Node(nil), pre.nodes...)
		for col, key := range keyOf {
			if set&(1<<key) == 0 {
				nodes[col] = expr.NewNull(nodes[col].Type().Plain())
			}
		}
		u.ins = append(u.ins, projectRel(g.in.rel, append(nodes, bigInt(int64(s))), names))
	}
	if len(u.ins) == 1 {
		return u.ins[0]
	}
	u.schema = append(Schema(nil), u.ins[0].cols()...)
	for col, key := range keyOf {
		if !g.always(key) {
			u.schema[col].Type = g.keys[key].Type().Plain().Nullable()
		}
	}
	for i, in := range u.ins {
		c := *in.(*relCalc)
		c.schema = u.schema
		u.ins[i] = &c
	}
	return u
}

// finish makes the schema and the marks of aggregates and properties.
func (g *grouping) finish(out *built, props map[int]WindowProp) {
	r := out.rel
	in := r.in.cols()
	for _, k := range r.keys {
		r.schema = append(r.schema, Column{in[k].Name, in[k].Type.Plain()})
	}
	for i, a := range r.aggs {
		out.marks[aggBase+i] = len(r.schema)
		r.schema = append(r.schema, Column{"$agg" + strconv.Itoa(i), a.Call.T})
	}
	if r.win == nil {
		return
	}
	for _, p := range []WindowProp{PropStart, PropEnd, PropTime} {
		at := len(r.schema)
		r.props = append(r.props, p)
		r.schema = append(r.schema, Column{p.String(), r.win.propType(p)})
		out.marks[propBase+int(p)] = at
		for key, kp := range props {
			if kp == p {
				out.marks[key] = at
			}
		}
	}
}

// rowTimeType tells whether a type is one that event time can have.
func rowTimeType(t types.Type) bool { return t.IsTimestamp() && t.Prec <= 3 }
