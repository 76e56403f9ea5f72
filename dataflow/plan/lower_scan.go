package plan

import (
	"slices"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// nestedFormats are the formats whose decoders project fields of nested rows.
var nestedFormats = []string{"json", "msgpack"}

// nestedConnectors are the connectors that make fields of nested rows by themselves.
var nestedConnectors = []string{"nexmark"}

// deliversFields tells that a table's source delivers fields of nested rows.
func (t *Table) deliversFields() bool {
	return slices.Contains(nestedFormats, t.Options["format"]) || slices.Contains(nestedConnectors, t.Connector())
}

// source makes the operators that read a table: the source with the columns that are
// used, a calc for computed columns, the watermark, and for a stream of upserts the
// operator that makes a regular changelog of it. It is made once for a table.
func (l *lowering) source(c *scanChain) (Node, error) {
	if c.built != nil {
		return c.built, nil
	}
	t := c.scan.table
	if con, ok := l.b.opts.Connectors[t.Connector()]; ok && !con.Source {
		return nil, l.b.errorf(c.scan.span, "connector '%s' cannot be read from", t.Connector())
	}
	mode := l.b.sourceMode(t)
	normalize := mode.NeedsKey() || mode.Updates() && l.b.cfg.CDCDuplicates && len(t.PrimaryKey) > 0
	if mode.NeedsKey() && len(t.PrimaryKey) == 0 {
		return nil, l.b.errorf(c.scan.span, "table %s delivers updates without their former rows ('changelog-mode' = '%s') and needs a PRIMARY KEY", t.Name, mode)
	}
	above := c.readAbove(normalize, t.Option("edgeflow.watermark.by", l.b.cfg.WatermarkBy))
	physical := c.physical(above)
	src := &Source{Table: t}
	src.b.Mode, src.b.Stateful, src.b.uid = mode, true, c.scan.uid
	var schema Schema
	pos := map[*scanItem]int{}
	for i, it := range physical {
		col := t.Columns[it.col]
		pos[it] = i
		src.Columns = append(src.Columns, SourceColumn{Column: it.col, Path: c.path(it), Type: it.typ.Plain(), Metadata: col.Key})
		schema = append(schema, Column{c.name(it), it.typ.Plain()})
	}
	l.add(src, schema)
	n := l.computed(c, src, above, pos)
	n = l.watermark(c, n)
	if normalize {
		n = l.normalize(c, n)
	}
	c.built = n
	return n, nil
}

// readAbove collects the items that are read behind the source: by the query, by the
// watermark, and the key of a stream that is normalized.
func (c *scanChain) readAbove(normalize bool, watermarkBy string) []*scanItem {
	t := c.scan.table
	nodes := c.nodes
	if w := t.Watermark; w != nil {
		nodes = append(nodes, colRef(t.schema(), w.Column))
		if w.Expr != nil {
			nodes = append(nodes, w.Expr)
		}
	}
	if by := t.ColumnIndex(watermarkBy); by >= 0 && t.Watermark != nil {
		nodes = append(nodes, colRef(t.schema(), by))
	}
	if normalize {
		for i := range t.Columns {
			if slices.Contains(t.PrimaryKey, i) {
				nodes = append(nodes, colRef(t.schema(), i))
			}
		}
	}
	c.nodes = nil
	return c.collect(nodes)
}

// collect finds the items that expressions read, in the table's order. A column that is
// read whole covers its fields, a field those below it.
func (c *scanChain) collect(nodes []expr.Node) []*scanItem {
	found := map[string]*scanItem{}
	var visit func(n expr.Node)
	visit = func(n expr.Node) {
		if n == nil {
			return
		}
		if it := c.itemOf(n); it != nil {
			found[itemKey(it)] = it
			return
		}
		for _, k := range expr.Children(n) {
			visit(k)
		}
	}
	for _, n := range nodes {
		visit(n)
	}
	var out []*scanItem
	for key, it := range found {
		if !covered(it, found) {
			if known := c.items[key]; known != nil {
				it = known
			}
			c.items[key] = it
			out = append(out, it)
		}
	}
	slices.SortFunc(out, func(a, b *scanItem) int {
		if a.col != b.col {
			return a.col - b.col
		}
		return slices.Compare(a.path, b.path)
	})
	return out
}

// covered tells whether a field is part of another item.
func covered(it *scanItem, found map[string]*scanItem) bool {
	for n := range it.path {
		if found[itemKey(&scanItem{col: it.col, path: it.path[:n]})] != nil {
			return true
		}
	}
	return false
}

func itemKey(it *scanItem) string {
	s := strconv.Itoa(it.col)
	for _, p := range it.path {
		s += "." + strconv.Itoa(p)
	}
	return s
}

// itemOf reads an expression as a column or a chain of fields below one; nil for others.
func (c *scanChain) itemOf(n expr.Node) *scanItem {
	var path []int
	cur := n
	for {
		f, ok := cur.(*expr.Field)
		if !ok {
			break
		}
		path = append(path, f.Index)
		cur = f.Arg
	}
	col, ok := cur.(*expr.Col)
	if !ok {
		return nil
	}
	t := c.scan.table.Columns[col.Index]
	if len(path) > 0 && (t.Kind != PhysicalColumn || !c.scan.table.deliversFields()) {
		return nil // the column is met on the way down
	}
	slices.Reverse(path)
	it := &scanItem{col: col.Index, path: path, typ: n.Type()}
	if len(path) == 0 {
		it.typ = t.Type
	}
	return it
}

// physical lists the items that the source must deliver for those that are read above:
// themselves, or what a computed column is computed from.
func (c *scanChain) physical(above []*scanItem) []*scanItem {
	t := c.scan.table
	var nodes []expr.Node
	for _, it := range above {
		col := t.Columns[it.col]
		if col.Kind == ComputedColumn {
			nodes = append(nodes, col.Expr)
			continue
		}
		nodes = append(nodes, c.access(it))
	}
	out := c.collect(nodes)
	if len(out) == 0 {
		// Rows have one column at the least: the first that is not computed.
		for i, col := range t.Columns {
			if col.Kind != ComputedColumn {
				return c.collect([]expr.Node{colRef(t.schema(), i)})
			}
		}
	}
	return out
}

// access is the expression that an item stands for.
func (c *scanChain) access(it *scanItem) expr.Node {
	var n expr.Node = colRef(c.scan.table.schema(), it.col)
	for _, f := range it.path {
		n = expr.NewFieldAt(n, f)
	}
	return n
}

// computed adds the calc for computed columns, or none when the source's row is all.
func (l *lowering) computed(c *scanChain, src *Source, above []*scanItem, pos map[*scanItem]int) Node {
	t := c.scan.table
	c.order = above
	if !slices.ContainsFunc(above, func(it *scanItem) bool { return t.Columns[it.col].Kind == ComputedColumn }) {
		// The source's row, with the time attribute's type.
		schema := src.b.Schema
		for it, at := range pos {
			it.at = at
			schema[at].Type = it.typ
		}
		return src
	}
	for it, at := range pos {
		it.at = at
	}
	calc := &Calc{}
	var schema Schema
	for _, it := range above {
		col := t.Columns[it.col]
		if col.Kind == ComputedColumn {
			calc.Project = append(calc.Project, c.rewrite(col.Expr))
		} else {
			calc.Project = append(calc.Project, c.rewrite(c.access(it)))
		}
		schema = append(schema, Column{c.name(it), it.typ})
	}
	for i, it := range above {
		it.at = i
	}
	l.add(calc, schema, src)
	return calc
}

// rewrite turns an expression over the table's columns into one over the chain's row.
func (c *scanChain) rewrite(n expr.Node) expr.Node {
	if n == nil {
		return nil
	}
	if it := c.itemOf(n); it != nil {
		if known := c.items[itemKey(it)]; known != nil {
			return expr.NewCol(known.at, c.name(known), n.Type())
		}
	}
	kids := expr.Children(n)
	if len(kids) == 0 {
		return n
	}
	out := make([]expr.Node, len(kids))
	for i, k := range kids {
		out[i] = c.rewrite(k)
	}
	return withChildren(n, out)
}

func (l *lowering) watermark(c *scanChain, in Node) Node {
	t := c.scan.table
	if t.Watermark == nil {
		return in
	}
	cfg := l.b.cfg.clone()
	for key, field := range watermarkOptions {
		if v, ok := t.Options[key]; ok {
			// The value was checked when the table was declared.
			_ = cfg.assign(field, v)
		}
	}
	n := &WatermarkAssigner{TimeCol: c.at(t.Watermark.Column), Interval: cfg.WatermarkInterval, IdleTimeout: cfg.SourceIdleTimeout,
		ByTimeout: cfg.WatermarkByTimeout, MaxBehind: cfg.WatermarkMaxBehind, MaxAhead: cfg.WatermarkMaxAhead, Ahead: cfg.Ahead}
	if t.Watermark.Expr != nil {
		n.Expr = c.rewrite(t.Watermark.Expr)
	}
	if s, err := parseEnum(t.Option("scan.watermark.emit.strategy", "on-periodic"), strategyNames); err == nil {
		n.Strategy = WatermarkStrategy(s)
	}
	if n.Strategy == OnEvent {
		n.Gap, _ = strconv.ParseInt(t.Option(gapOption, "1"), 10, 32) // checked with the table
	}
	by := t.Option("edgeflow.watermark.by", cfg.WatermarkBy)
	if i := t.ColumnIndex(by); i >= 0 && c.items[strconv.Itoa(i)] != nil {
		n.By = []int{c.at(i)}
	}
	n.b.Stateful = true
	l.add(n, in.Base().Schema, in)
	return n
}

// at is where a column of the table is behind the chain.
func (c *scanChain) at(col int) int { return c.items[strconv.Itoa(col)].at }

func (l *lowering) normalize(c *scanChain, in Node) Node {
	n := &ChangelogNormalize{MiniBatch: l.b.cfg.MiniBatch}
	for _, k := range c.scan.table.PrimaryKey {
		n.KeyCols = append(n.KeyCols, c.at(k))
	}
	n.b.Stateful, n.b.StateTTL = true, l.b.cfg.StateTTL
	l.add(n, in.Base().Schema, in)
	return n
}
