package plan

import (
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// difference binds INTERSECT [ALL] and EXCEPT [ALL], for which NULLs are equal.
func (b *binder) difference(q *sql.SetOp) (*relation, error) {
	left, err := b.body(q.Left)
	if err != nil {
		return nil, err
	}
	right, err := b.body(q.Right)
	if err != nil {
		return nil, err
	}
	name := map[sql.SetOpKind]string{sql.Intersect: "INTERSECT", sql.Except: "EXCEPT"}[q.Kind]
	if len(left.names) != len(right.names) {
		return nil, b.errorf(q.Span, "the sides of %s have different numbers of columns: %d and %d", name, len(left.names), len(right.names))
	}
	sides, err := b.commonColumns(name, left, right, q.Span)
	if err != nil {
		return nil, err
	}
	if q.All {
		return b.counted(q, sides)
	}
	n := len(left.names)
	var cond expr.Node
	for i := range n {
		eq, err := b.newCall("IS NOT DISTINCT FROM", q.Span, sides[0].col(i), shift(sides[1].col(i), n))
		if err != nil {
			return nil, err
		}
		cond = both(cond, eq)
	}
	kind := JoinSemi
	if q.Kind == sql.Except {
		kind = JoinAnti
	}
	sides[0].rel = newJoin(kind, sides[0].rel, sides[1].rel, cond, q.Span)
	return b.distinct(sides[0], hints{}), nil
}

// commonColumns brings two sides to the same types and the names of the first.
func (b *binder) commonColumns(name string, left, right *relation, at sql.Span) ([2]*relation, error) {
	var out [2]*relation
	ls, rs := left.rel.cols(), right.rel.cols()
	project := [2][]expr.Node{}
	for c := range ls {
		t, ok := expr.CommonType(ls[c].Type, rs[c].Type)
		if !ok {
			return out, b.errorf(at, "column %s of %s has types that do not go together: %s", left.names[c], name,
				typeList([]types.Type{ls[c].Type, rs[c].Type}))
		}
		t.Attr = types.NoTime
		project[0] = append(project[0], coerce(colRef(ls, c), t))
		project[1] = append(project[1], coerce(colRef(rs, c), t))
	}
	out[0] = newRelation(projectRel(left.rel, project[0], left.names), "")
	out[1] = newRelation(projectRel(right.rel, project[1], left.names), "")
	return out, nil
}

// counted binds the ALL forms: each row is counted on both sides and comes out as often as
// the counts say.
func (b *binder) counted(q *sql.SetOp, sides [2]*relation) (*relation, error) {
	n := len(sides[0].names)
	var ins []*relation
	for i, s := range sides {
		project := identity(s.rel.cols())
		for k := range 2 {
			mark := 0
			if k == i {
				mark = 1
			}
			project = append(project, coerce(expr.NewInt(int64(mark)), types.TBigInt))
		}
		names := append(append([]string(nil), sides[0].names...), "$left", "$right")
		ins = append(ins, newRelation(projectRel(s.rel, project, names), ""))
	}
	u, err := b.union(ins, q.Span)
	if err != nil {
		return nil, err
	}
	g := newGrouping(u)
	for i := range n {
		g.addKey(u.col(i))
	}
	var counts [2]expr.Node
	for k := range 2 {
		call, err := expr.NewAgg("SUM", []expr.Node{u.col(n + k)}, expr.AggOptions{})
		if err != nil {
			return nil, b.errorf(q.Span, "%v", err)
		}
		g.aggs = append(g.aggs, boundAgg{call: call, id: call.String() + strconv.Itoa(k), span: q.Span})
	}
	agg := b.buildAggregate(g, hints{})
	for k := range 2 {
		counts[k] = agg.resolve(expr.NewCol(aggBase+k, "", g.aggs[k].call.T))
	}
	times, err := b.newCall("-", q.Span, counts[0], counts[1])
	if q.Kind == sql.Intersect {
		times, err = b.newCall("LEAST", q.Span, counts[0], counts[1])
	}
	if err != nil {
		return nil, err
	}
	keys := make([]expr.Node, n)
	for i := range keys {
		keys[i] = agg.resolve(g.key(i))
	}
	counted := projectRel(agg.rel, append(keys, coerce(times, types.TBigInt)), append(append([]string(nil), sides[0].names...), "$times"))
	r := replicate(counted, n)
	return newRelation(projectRel(r, identity(r.schema)[:n], sides[0].names), ""), nil
}
