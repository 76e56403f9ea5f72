package plan

import (
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// groupTest is a conjunct of HAVING that tests the rows of a subquery, with the values on
// its left bound over the aggregation.
type groupTest struct {
	conjunct
	left map[sql.Expr]expr.Node
}

// having binds HAVING: the condition on a group, and the tests of subqueries' rows, which
// become joins. An EXISTS that does not refer to the query is a condition.
func (b *binder) having(e sql.Expr, g *grouping) (cond expr.Node, tests []groupTest, err error) {
	if e == nil {
		return nil, nil, nil
	}
	sc := &scope{group: g}
	cs := conjunctsOf(e, false, nil)
	if !slices.ContainsFunc(cs, b.testsGroups(g)) {
		cond, err = b.condition(e, sc, "HAVING")
		return cond, nil, err
	}
	for _, c := range cs {
		if b.testsGroups(g)(c) {
			t := groupTest{c, map[sql.Expr]expr.Node{}}
			left, _ := c.testsRows()
			for _, x := range left {
				if t.left[x], err = b.expr(x, sc); err != nil {
					return nil, nil, err
				}
			}
			tests = append(tests, t)
			continue
		}
		n, err := b.condition(c.e, sc, "HAVING")
		if err == nil && c.not {
			n, err = b.newCall("NOT", c.e.Range(), n)
		}
		if err != nil {
			return nil, nil, err
		}
		cond = both(cond, n)
	}
	return cond, tests, nil
}

// testsGroups tells which conjuncts of HAVING are to become joins.
func (b *binder) testsGroups(g *grouping) func(conjunct) bool {
	return func(c conjunct) bool {
		_, ok := c.testsRows()
		if e, exists := c.e.(*sql.Exists); ok && exists {
			alone := newGrouping(g.in)
			_, err := b.groupedSubquery(e, alone)
			return err != nil
		}
		return ok
	}
}

// testGroups filters the groups in r, the aggregation with what is beside it, by the
// condition and the tests of HAVING. Subqueries may refer to the columns that are grouped by.
func (b *binder) testGroups(g *grouping, agg *built, r rel, having expr.Node, tests []groupTest) (rel, error) {
	groups := newRelation(r, "")
	for i := range groups.names {
		groups.names[i] = ""
	}
	for i, k := range g.keys {
		if c, ok := k.(*expr.Col); ok && c.Index < len(g.in.names) {
			at := agg.marks[i]
			groups.names[at], groups.quals[at] = g.in.names[c.Index], g.in.quals[c.Index]
		}
	}
	if having != nil {
		groups.rel = filterRel(r, g.placeSide(agg.resolve(having), agg.rel))
	}
	for _, t := range tests {
		_, err := b.existence(t.conjunct, groups, func(e sql.Expr) (expr.Node, error) {
			return g.placeSide(agg.resolve(t.left[e]), agg.rel), nil
		})
		if err != nil {
			return nil, err
		}
	}
	return groups.rel, nil
}
