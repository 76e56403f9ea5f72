package plan

import (
	"math"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// orderedQuery binds a query with ORDER BY, LIMIT or OFFSET. Without LIMIT the order of a
// subquery means nothing and is left out.
func (b *binder) orderedQuery(q *sql.Query) (*relation, error) {
	start, end, err := b.limits(q)
	if err != nil {
		return nil, err
	}
	limited := q.Limit != nil || q.Offset != nil
	if !limited && b.depth > 1 {
		return b.body(q.Body)
	}
	out, keys, hidden, err := b.orderedBody(q)
	if err != nil {
		return nil, err
	}
	names := out.names[:len(out.names)-hidden]
	pre := &preProject{nodes: identity(out.rel.cols()), names: out.rel.cols().Names()}
	var order []SortKey
	for _, k := range keys {
		order = append(order, SortKey{pre.add(k.node, "", true), k.desc, k.nullsLast})
	}
	in := out.rel
	if len(pre.nodes) > len(in.cols()) {
		in = projectRel(in, pre.nodes, pre.names)
	}
	at := q.Span
	var top rel
	switch {
	case end < start:
		top = filterRel(in, expr.NewBool(false))
	case limited:
		top = newRank(in, nil, order, start, end, false, at)
	default:
		top = &relSort{in: in, order: order, schema: in.cols(), span: at}
	}
	if len(in.cols()) > len(names) {
		top = projectRel(top, identity(in.cols())[:len(names)], names)
	}
	r := newRelation(top, "")
	r.names = names
	return r, nil
}

// limits are the numbers of the first and the last row that LIMIT and OFFSET leave.
func (b *binder) limits(q *sql.Query) (start, end int64, err error) {
	start, end = 1, math.MaxInt64
	if q.Offset != nil {
		n, err := b.rowCount(q.Offset, "OFFSET")
		if err != nil {
			return 0, 0, err
		}
		start = n + 1
	}
	if q.Limit != nil {
		n, err := b.rowCount(q.Limit, "LIMIT")
		if err != nil {
			return 0, 0, err
		}
		end = start + n - 1
	}
	return start, end, nil
}

// rowsMax is the greatest number of rows that LIMIT and OFFSET take.
const rowsMax = 1 << 40

func (b *binder) rowCount(e sql.Expr, clause string) (int64, error) {
	n, err := b.expr(e, &scope{inside: clause})
	if err != nil {
		return 0, err
	}
	l, ok := expr.Fold(n, b.env()).(*expr.Lit)
	if !ok || !l.T.IsInteger() || l.Value.Null || l.Value.I < 0 || l.Value.I > rowsMax {
		return 0, b.errorf(e.Range(), "%s takes a number of rows", clause)
	}
	return l.Value.I, nil
}

// orderedBody binds a query's body and its sort keys. Keys that the select list lacks are
// added to it behind the others; hidden is their number.
func (b *binder) orderedBody(q *sql.Query) (out *relation, keys []orderKey, hidden int, err error) {
	reads, warned := b.reads, len(b.warnings)
	if out, err = b.body(q.Body); err != nil {
		return nil, nil, 0, err
	}
	keys = make([]orderKey, len(q.OrderBy))
	var lacking []int
	for i, it := range q.OrderBy {
		keys[i] = sortOrder(it)
		n, err := b.orderByOutput(it, out)
		if err != nil {
			sel, ok := q.Body.(*sql.Select)
			if _, number := it.X.(*sql.NumberLit); number || !ok || sel.Distinct {
				return nil, nil, 0, err
			}
			lacking = append(lacking, i)
			continue
		}
		keys[i].node = n
	}
	if len(lacking) > 0 {
		b.reads, b.warnings = reads, b.warnings[:warned]
		sel := *q.Body.(*sql.Select)
		sel.Items = append([]*sql.SelectItem(nil), sel.Items...)
		for _, i := range lacking {
			it := q.OrderBy[i]
			name := "$order" + strconv.Itoa(i)
			sel.Items = append(sel.Items, &sql.SelectItem{Span: it.Span, X: it.X, Alias: &sql.Ident{Span: it.Span, Name: name}})
		}
		if out, err = b.body(&sel); err != nil {
			return nil, nil, 0, err
		}
		for k, i := range lacking {
			keys[i].node = out.col(len(out.names) - len(lacking) + k)
		}
	}
	for i, k := range keys {
		if err := b.orderable(k.node, q.OrderBy[i].X.Range()); err != nil {
			return nil, nil, 0, err
		}
	}
	return out, keys, len(lacking), nil
}

// orderByOutput binds a sort key over the columns that the query yields: a number counts
// them.
func (b *binder) orderByOutput(it *sql.OrderItem, out *relation) (expr.Node, error) {
	if num, ok := it.X.(*sql.NumberLit); ok && num.Kind == sql.Integer {
		i, err := strconv.Atoi(num.Text)
		if err != nil || i < 1 || i > len(out.names) {
			return nil, b.errorf(num.Span, "the query has %d columns, and no column %s", len(out.names), num.Text)
		}
		return out.col(i - 1), nil
	}
	return b.expr(it.X, &scope{in: out, inside: "ORDER BY"})
}

// timeOrder tells by which time attribute sort keys begin, ascending.
func timeOrder(s Schema, order []SortKey) types.TimeAttr {
	if len(order) == 0 || order[0].Desc {
		return types.NoTime
	}
	return s[order[0].Col].Type.Attr
}
