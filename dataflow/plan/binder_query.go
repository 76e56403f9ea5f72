package plan

import (
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// query binds a whole query.
func (b *binder) query(q *sql.Query) (*relation, error) {
	if len(q.With) > 0 {
		b.ctes = append(b.ctes, map[string]*cte{})
		defer func() { b.ctes = b.ctes[:len(b.ctes)-1] }()
		for _, c := range q.With {
			if err := b.with(c); err != nil {
				return nil, err
			}
		}
	}
	b.depth++
	defer func() { b.depth-- }()
	if len(q.OrderBy) > 0 || q.Limit != nil || q.Offset != nil {
		return b.orderedQuery(q)
	}
	return b.body(q.Body)
}

// with binds one query of a WITH clause and makes it known.
func (b *binder) with(c *sql.CTE) error {
	before := b.reads
	r, err := b.query(c.Query)
	if err != nil {
		return err
	}
	names := r.names
	if len(c.Columns) > 0 {
		if names, err = b.columnList(c.Columns, len(r.names), c.Name.Span); err != nil {
			return err
		}
	}
	b.ctes[len(b.ctes)-1][c.Name.Name] = &cte{r.rel, names, max(1, b.reads-before)}
	return nil
}

// columnList checks the column names given to a query or table.
func (b *binder) columnList(cols []*sql.Ident, n int, at sql.Span) ([]string, error) {
	if len(cols) != n {
		return nil, b.errorf(cols[0].To(cols[len(cols)-1].Span), "%d column names for a query of %d columns", len(cols), n)
	}
	names := make([]string, n)
	seen := map[string]bool{}
	for i, c := range cols {
		if seen[c.Name] {
			return nil, b.errorf(c.Span, "column %s is there twice", c.Name)
		}
		seen[c.Name], names[i] = true, c.Name
	}
	return names, nil
}

// body binds a query without its WITH and ORDER BY.
func (b *binder) body(q sql.QueryBody) (*relation, error) {
	r, err := b.operand(q)
	if err != nil {
		return nil, err
	}
	return r, b.yields(q.Range(), r.rel)
}

func (b *binder) operand(q sql.QueryBody) (*relation, error) {
	switch q := q.(type) {
	case *sql.Select:
		return b.selectBlock(q)
	case *sql.SetOp:
		return b.setOp(q)
	case *sql.Values:
		return b.values(q)
	case *sql.ExplicitTable:
		return b.tableByName(q.Name, nil)
	case *sql.Nested:
		return b.query(q.Query)
	}
	return nil, b.unsupported(q.Range(), "this query")
}

// selectBlock binds SELECT ... FROM ... WHERE ... GROUP BY ... HAVING.
func (b *binder) selectBlock(s *sql.Select) (*relation, error) {
	outerTTL := b.joinTTL
	b.joinTTL = stateTTLs(s.Hints)
	in, err := b.from(s.From)
	b.joinTTL = outerTTL
	if err != nil {
		return nil, err
	}
	h, err := b.selectHints(s.Hints, in)
	if err != nil {
		return nil, err
	}
	if s.Where != nil {
		if in, err = b.where(s.Where, in); err != nil {
			return nil, err
		}
	}
	items, err := b.expandItems(s.Items, in)
	if err != nil {
		return nil, err
	}
	var out *relation
	if s.GroupBy != nil || s.Having != nil || itemsAggregate(items) {
		if s.Qualify != nil {
			return nil, b.unsupported(s.Qualify.Range(), "QUALIFY in a SELECT that aggregates")
		}
		out, err = b.groupedSelect(s, items, in, h)
	} else {
		out, err = b.plainSelect(s, items, in, h)
	}
	if err != nil || !s.Distinct {
		return out, err
	}
	return b.distinct(out, h), nil
}

// from binds FROM; without one there is one row without named columns.
func (b *binder) from(t sql.TableExpr) (*relation, error) {
	if t != nil {
		return b.tableExpr(t)
	}
	return &relation{rel: oneRow(), names: []string{""}, quals: []string{""}}, nil
}

// oneRow is the input of a SELECT without FROM.
func oneRow() rel {
	zero := expr.NewLit(vec.IntDatum(0), types.TInt)
	return &relValues{rows: [][]expr.Node{{zero}}, schema: Schema{{"ZERO", zero.T}}}
}

// item is one column of a select list: an expression still to bind, or a column that a
// star stands for.
type item struct {
	x    sql.Expr
	star int // column of the input when x is nil
	node expr.Node
	name string
}

// expandItems replaces stars by columns and names the others.
func (b *binder) expandItems(items []*sql.SelectItem, in *relation) ([]item, error) {
	var out []item
	for _, it := range items {
		if s, ok := it.X.(*sql.Star); ok {
			cols, err := b.star(s, in)
			if err != nil {
				return nil, err
			}
			out = append(out, cols...)
		} else {
			out = append(out, item{x: it.X, name: itemName(it, len(out))})
		}
		if err := b.wide(it.Span, len(out)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func itemName(it *sql.SelectItem, i int) string {
	if it.Alias != nil {
		return it.Alias.Name
	}
	switch x := it.X.(type) {
	case *sql.Ref:
		return x.Parts[len(x.Parts)-1].Name
	case *sql.Field:
		return x.Name.Name
	}
	return "EXPR$" + strconv.Itoa(i)
}

// star is *, t.* or r.* for a row-valued r.
func (b *binder) star(s *sql.Star, in *relation) ([]item, error) {
	var out []item
	if len(s.Qualifier) == 0 {
		for i, n := range in.names {
			if n != "" && in.visible(i) {
				out = append(out, item{star: i, node: in.col(i), name: n})
			}
		}
		if len(out) == 0 {
			return nil, b.errorf(s.Span, "SELECT * needs a FROM clause")
		}
		return out, nil
	}
	qual := dropCatalog(append(append([]*sql.Ident(nil), s.Qualifier...), s.Qualifier[0]), in)
	if len(qual) == 2 && in.hasAlias(qual[0].Name) {
		for i := range in.names {
			if in.quals[i] == qual[0].Name {
				out = append(out, item{star: i, node: in.col(i), name: in.names[i]})
			}
		}
		return out, nil
	}
	n, err := b.ref(s.Qualifier, s.Span, in)
	if err != nil {
		return nil, err
	}
	t := n.Type()
	if t.Kind != types.Row && t.Kind != types.Structured {
		return nil, b.errorf(s.Span, "%s is neither a table nor a row, but %s", quoteParts(s.Qualifier), t.Nullable())
	}
	for i, f := range t.Fields {
		out = append(out, item{star: -1, node: expr.NewFieldAt(n, i), name: f.Name})
	}
	return out, nil
}

// plainSelect is a projection.
func (b *binder) plainSelect(s *sql.Select, items []item, in *relation, h hints) (*relation, error) {
	sc := &scope{in: in, subqueries: true, over: &overs{named: s.Windows}}
	if h.hasTTL {
		sc.over.ttl = &h.ttl
	}
	nodes, names := make([]expr.Node, len(items)), make([]string, len(items))
	for i, it := range items {
		names[i], nodes[i] = it.name, it.node
		if it.x == nil {
			continue
		}
		var err error
		if nodes[i], err = b.expr(it.x, sc); err != nil {
			return nil, err
		}
	}
	var qualify expr.Node
	if s.Qualify != nil {
		var err error
		if qualify, err = b.qualify(s.Qualify, sc, nodes, names); err != nil {
			return nil, err
		}
	}
	from, place := sc.over.apply(in.rel, nil)
	for i := range nodes {
		nodes[i] = place(nodes[i])
	}
	c := projectRel(from, nodes, unique(names))
	if qualify != nil {
		c.filter = place(qualify)
	}
	c.uid = h.uid
	return newRelation(c, ""), nil
}

// distinct removes duplicates: a grouping by all columns.
func (b *binder) distinct(in *relation, h hints) *relation {
	g := newGrouping(in)
	for i := range in.names {
		g.addKey(in.col(i))
	}
	agg := b.buildAggregate(g, h)
	nodes := make([]expr.Node, len(in.names))
	for i := range nodes {
		nodes[i] = agg.resolve(g.key(i))
	}
	return newRelation(projectRel(agg.rel, nodes, in.names), "")
}

// values binds VALUES.
func (b *binder) values(v *sql.Values) (*relation, error) {
	rows := make([][]expr.Node, len(v.Rows))
	for i, r := range v.Rows {
		if len(r.Exprs) != len(v.Rows[0].Exprs) {
			return nil, b.errorf(r.Span, "this row has %d values, the first one has %d", len(r.Exprs), len(v.Rows[0].Exprs))
		}
		var err error
		if rows[i], err = b.exprs(r.Exprs, &scope{inside: "VALUES"}); err != nil {
			return nil, err
		}
	}
	schema := make(Schema, len(rows[0]))
	literals := true
	for c := range schema {
		ts := make([]types.Type, len(rows))
		for i := range rows {
			ts[i] = rows[i][c].Type()
		}
		t, ok := expr.CommonType(ts...)
		if !ok {
			return nil, b.errorf(v.Span, "column %d of VALUES has values of types that do not go together: %s", c+1, typeList(ts))
		}
		schema[c] = Column{"EXPR$" + strconv.Itoa(c), t.Plain()}
		for i := range rows {
			rows[i][c] = expr.Fold(coerce(rows[i][c], t), b.env())
			_, lit := rows[i][c].(*expr.Lit)
			literals = literals && lit
		}
	}
	if literals {
		return newRelation(&relValues{rows, schema}, ""), nil
	}
	return newRelation(computedRows(rows, schema), ""), nil
}

// computedRows yields rows that are not known before run time, such as VALUES (NOW()).
func computedRows(rows [][]expr.Node, schema Schema) rel {
	u := &relUnion{schema: schema}
	for _, row := range rows {
		u.ins = append(u.ins, &relCalc{in: oneRow(), project: row, schema: schema})
	}
	if len(u.ins) == 1 {
		return u.ins[0]
	}
	return u
}

func typeList(ts []types.Type) string {
	s := ""
	for i, t := range ts {
		if i > 0 {
			s += ", "
		}
		s += t.Nullable().String()
	}
	return s
}

// coerce converts a value to a type that the rules allow without CAST.
func coerce(n expr.Node, t types.Type) expr.Node {
	from := n.Type()
	if from.Equal(t) {
		return n
	}
	if l, ok := n.(*expr.Lit); ok && l.Value.Null {
		return expr.NewNull(t.Plain())
	}
	return &expr.Cast{Arg: n, T: t.Plain().WithNull(from.NotNull), Implicit: true}
}

// setOp binds set operations; a chain of UNIONs of the same kind becomes one union.
func (b *binder) setOp(q *sql.SetOp) (*relation, error) {
	if q.Kind != sql.Union {
		return b.difference(q)
	}
	var sides []sql.QueryBody
	cur := sql.QueryBody(q)
	for {
		s, ok := cur.(*sql.SetOp)
		if !ok || s.Kind != sql.Union || s.All != q.All {
			break
		}
		sides = append(sides, s.Right)
		cur = s.Left
	}
	sides = append(sides, cur)
	ins := make([]*relation, len(sides))
	for i, s := range sides {
		r, err := b.body(s)
		if err != nil {
			return nil, err
		}
		ins[len(sides)-1-i] = r
		if i > 0 && len(r.names) != len(ins[len(sides)-1].names) {
			return nil, b.errorf(q.Span, "the sides of UNION have different numbers of columns: %d and %d",
				len(r.names), len(ins[len(sides)-1].names))
		}
	}
	u, err := b.union(ins, q.Span)
	if err != nil || q.All {
		return u, err
	}
	return b.distinct(u, hints{}), nil
}

// union brings its inputs to common types. An event time attribute stays one where it is
// in every input.
func (b *binder) union(ins []*relation, at sql.Span) (*relation, error) {
	n := len(ins[0].names)
	schema := make(Schema, n)
	for c := range schema {
		ts := make([]types.Type, len(ins))
		attr := ins[0].rel.cols()[c].Type.Attr
		for i, in := range ins {
			ts[i] = in.rel.cols()[c].Type
			if ts[i].Attr != attr {
				attr = types.NoTime
			}
		}
		t, ok := expr.CommonType(ts...)
		if !ok {
			return nil, b.errorf(at, "column %s of UNION has types that do not go together: %s", ins[0].names[c], typeList(ts))
		}
		t.Attr = attr
		schema[c] = Column{ins[0].names[c], t}
	}
	u := &relUnion{schema: schema}
	for _, in := range ins {
		project := identity(in.rel.cols())
		same := true
		for c := range project {
			p := coerce(project[c], schema[c].Type)
			same = same && p == project[c] && p.Type().Attr == schema[c].Type.Attr
			project[c] = p
		}
		if !same {
			u.ins = append(u.ins, &relCalc{in: in.rel, project: project, schema: schema})
			continue
		}
		u.ins = append(u.ins, in.rel)
	}
	return newRelation(u, ""), nil
}
