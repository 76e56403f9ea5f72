package plan

import (
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// lowering turns optimized rels into operators.
type lowering struct {
	b       *binder
	plan    *Plan
	made    map[rel]Node
	scans   map[*relScan]*scanChain
	targets map[*Sink]*target
	// spans are where the aggregates of an operator were written.
	spans map[Node][]sql.Span
	texts map[lineageKey]string
	// owner is the target being lowered, for the place of errors.
	owner *target
}

// lower makes the graph for all targets, infers the row kinds and gives identities.
func (l *lowering) lower(targets []*target) error {
	l.scans, l.targets, l.spans = map[*relScan]*scanChain{}, map[*Sink]*target{}, map[Node][]sql.Span{}
	l.texts = map[lineageKey]string{}
	for _, r := range parentsFirst(targets) {
		if c, ok := r.(*relCalc); ok {
			if s, ok := c.in.(*relScan); ok {
				l.chain(s).use(append([]expr.Node{c.filter}, c.project...)...)
			}
		}
	}
	for _, t := range targets {
		l.owner = t
		in, err := l.node(t.rel)
		if err != nil {
			return err
		}
		if err := l.sink(t, in); err != nil {
			return err
		}
	}
	if err := l.changelog(); err != nil {
		return err
	}
	if err := l.compactions(); err != nil {
		return err
	}
	return l.identify()
}

// add completes an operator and appends it to the plan.
func (l *lowering) add(n Node, schema Schema, inputs ...Node) {
	b := n.Base()
	b.Inputs, b.Schema = inputs, schema
	l.plan.Nodes = append(l.plan.Nodes, n)
	switch n := n.(type) {
	case *Source:
		l.plan.Sources = append(l.plan.Sources, n)
	case *Sink:
		l.plan.Sinks = append(l.plan.Sinks, n)
	}
}

// node lowers a rel, once.
func (l *lowering) node(r rel) (Node, error) {
	if n, ok := l.made[r]; ok {
		return n, nil
	}
	n, err := l.lowerRel(r)
	if err == nil {
		l.made[r] = n
	}
	return n, err
}

func (l *lowering) lowerRel(r rel) (Node, error) {
	switch r := r.(type) {
	case *relCalc:
		return l.calc(r)
	case *relValues:
		n := &Values{Rows: r.rows}
		l.add(n, r.schema)
		return n, nil
	case *relTVF:
		in, err := l.node(r.in)
		if err != nil {
			return nil, err
		}
		if err := l.hasTime(in, r.win); err != nil {
			return nil, err
		}
		n := &WindowTVF{Window: r.win, PartitionBy: r.partition}
		n.b.Stateful = r.win.Kind == Session
		l.add(n, r.schema, in)
		return n, nil
	case *relAgg:
		return l.aggregate(r)
	case *relMatch:
		return l.match(r)
	case *relUnnest:
		return l.unnest(r)
	case *relJoin:
		return l.join(r)
	case orderedRel:
		return l.ordered(r)
	case *relUnion:
		n := &Union{}
		var ins []Node
		for _, k := range r.ins {
			in, err := l.node(k)
			if err != nil {
				return nil, err
			}
			ins = append(ins, in)
		}
		l.add(n, r.schema, ins...)
		return n, nil
	}
	return nil, l.b.unsupported(l.owner.span, "this plan")
}

func (l *lowering) calc(r *relCalc) (Node, error) {
	filter, project := r.filter, r.project
	var in Node
	var err error
	if s, ok := r.in.(*relScan); ok {
		c := l.chain(s)
		c.use(append([]expr.Node{filter}, project...)...)
		if in, err = l.source(c); err != nil {
			return nil, err
		}
		filter = c.rewrite(filter)
		project = make([]expr.Node, len(r.project))
		for i, p := range r.project {
			project[i] = c.rewrite(p)
		}
	} else if in, err = l.node(r.in); err != nil {
		return nil, err
	}
	if filter == nil && r.uid == "" && isIdentity(project, in.Base().Schema) && sameNames(r.schema, in.Base().Schema) {
		return in, nil
	}
	n := &Calc{Project: project, Filter: filter}
	n.b.uid = r.uid
	l.add(n, withoutLostTime(r.schema, project, in.Base().Schema), in)
	return n, nil
}

func (l *lowering) aggregate(r *relAgg) (Node, error) {
	in, err := l.node(r.in)
	if err != nil {
		return nil, err
	}
	cfg := l.b.cfg
	if r.win == nil {
		n := &GroupAggregate{Keys: r.keys, Aggs: r.aggs, MiniBatch: cfg.MiniBatch}
		n.b.StateTTL, n.b.Stateful, n.b.uid = cfg.StateTTL, true, r.uid
		if r.ttl >= 0 {
			n.b.StateTTL = r.ttl
		}
		l.add(n, r.schema, in)
		l.spans[n] = r.spans
		return n, nil
	}
	if err := l.hasTime(in, *r.win); err != nil {
		return nil, err
	}
	if r.win.Attached() && r.win.ProcTime {
		return l.byBounds(r, in)
	}
	n := &WindowAggregate{Window: *r.win, Keys: r.keys, Aggs: r.aggs, Props: r.props}
	if err := l.lateness(n); err != nil {
		return nil, err
	}
	n.b.Stateful, n.b.uid = true, r.uid
	l.add(n, r.schema, in)
	l.spans[n] = r.spans
	return n, nil
}

// lateness says what a window does with late rows. Group windows take them for
// table.exec.emit.allow-lateness too, as in Flink.
func (l *lowering) lateness(n *WindowAggregate) error {
	cfg, w := l.b.cfg, n.Window
	n.Late = cfg.Late
	if n.Late == LateCorrect {
		n.AllowedLateness = cfg.AllowedLateness
	}
	if w.Group {
		n.AllowedLateness = max(n.AllowedLateness, cfg.EmitLateness)
	}
	switch {
	case n.AllowedLateness == 0 && n.Late == LateCorrect && !w.ProcTime:
		return l.b.errorf(l.owner.span, "'edgeflow.late' = 'correct' needs 'edgeflow.allowed-lateness', how long a window takes late rows")
	case n.AllowedLateness == 0 || w.ProcTime:
		n.AllowedLateness = 0
		return nil
	case !w.Attached() && w.Kind == Session:
		return l.b.unsupported(l.owner.span, "revising the results of SESSION windows for late rows")
	}
	n.Late = LateCorrect
	return nil
}

// sink ends a target's graph.
func (l *lowering) sink(t *target, in Node) error {
	if l.b.cfg.Lengths == LengthTrimPad && l.b.cfg.Nested == NestedCollections {
		for _, c := range t.persisted {
			if col := t.table.Columns[c]; boundedInCollection(col.Type, false) {
				return l.b.unsupported(t.span, "trimming and padding inside the collections of column "+col.Name+" ('table.exec.sink.type-length-enforcer')")
			}
		}
	}
	n := &Sink{Name: t.name, Table: t.table, Enforcer: l.b.cfg.NotNull, Lengths: l.b.cfg.Lengths, Nested: l.b.cfg.Nested, Overwrite: t.overwrite, Partition: t.partition}
	n.b.uid = t.uid
	schema := make(Schema, len(t.persisted))
	at := map[int]int{}
	for i, c := range t.persisted {
		col := t.table.Columns[c]
		schema[i] = Column{col.Name, col.Type.Plain()}
		n.Metadata = append(n.Metadata, col.Key)
		at[c] = i
		if col.Type.NotNull && !in.Base().Schema[i].Type.NotNull || col.Type.NotNull && nullableProject(in, i) {
			n.NotNull = append(n.NotNull, i)
		}
	}
	for _, k := range t.table.PrimaryKey {
		n.PrimaryKey = append(n.PrimaryKey, at[k])
	}
	l.add(n, schema, in)
	l.targets[n] = t
	return nil
}

// boundedInCollection tells whether an array or map holds strings of limited length.
func boundedInCollection(t types.Type, inside bool) bool {
	switch {
	case t.IsString() || t.IsBinary():
		return inside && t.Prec < types.MaxLength
	case t.Kind == types.Array || t.Kind == types.Multiset:
		return boundedInCollection(*t.Elem, true)
	case t.Kind == types.Map:
		return boundedInCollection(*t.Key, true) || boundedInCollection(*t.Elem, true)
	}
	return slices.ContainsFunc(t.Fields, func(f types.Field) bool { return boundedInCollection(f.Type, inside) })
}

// nullableProject tells whether a projection yields NULLs in column i, whatever type its
// schema declares for it.
func nullableProject(n Node, i int) bool {
	c, ok := n.(*Calc)
	return ok && !c.Project[i].Type().NotNull
}

// scanChain is a table being read: the source, the computed columns and the watermark.
type scanChain struct {
	scan *relScan
	// items are the columns, and with nested push-down the fields of columns, that are
	// read, by key; order lists them as they were first met.
	items map[string]*scanItem
	order []*scanItem
	nodes []expr.Node // what is read above, until built
	built Node
}

// scanItem is a column of a table or a field below one.
type scanItem struct {
	col  int
	path []int // fields below the column
	typ  types.Type
	at   int // where it is behind the chain
}

func (l *lowering) chain(s *relScan) *scanChain {
	c := l.scans[s]
	if c == nil {
		c = &scanChain{scan: s, items: map[string]*scanItem{}}
		l.scans[s] = c
	}
	return c
}

// use notes expressions over the table's columns.
func (c *scanChain) use(ns ...expr.Node) {
	if c.built == nil {
		c.nodes = append(c.nodes, ns...)
	}
}

// name is the item's name in the schema: the column and the fields below it.
func (c *scanChain) name(it *scanItem) string { return strings.Join(c.path(it), ".") }

// path is the way from a message's root to the item.
func (c *scanChain) path(it *scanItem) []string {
	col := c.scan.table.Columns[it.col]
	out := []string{col.Name}
	t := col.Type
	for _, f := range it.path {
		out = append(out, t.Fields[f].Name)
		t = t.Fields[f].Type
	}
	return out
}
