package plan

import (
	"slices"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

var joinKinds = map[sql.JoinKind]JoinKind{
	sql.InnerJoin: JoinInner, sql.CrossJoin: JoinInner, sql.CommaJoin: JoinInner, sql.LeftJoin: JoinLeft,
	sql.RightJoin: JoinRight, sql.FullJoin: JoinFull, sql.SemiJoin: JoinSemi, sql.AntiJoin: JoinAnti,
}

// join binds left JOIN right with its condition.
func (b *binder) join(j *sql.Join) (*relation, error) {
	left, err := b.tableExpr(j.Left)
	if err != nil {
		return nil, err
	}
	if refersLeft(j.Right) {
		return b.lateral(j, left)
	}
	right, asOf, err := b.joinRight(j.Right, left)
	if err != nil {
		return nil, err
	}
	return b.joined(j, left, right, asOf)
}

// refersLeft tells the items of FROM that may refer to the items before them.
func refersLeft(t sql.TableExpr) bool {
	switch t := t.(type) {
	case *sql.Unnest:
		return true
	case *sql.Derived:
		return t.Lateral
	case *sql.TableFunc:
		return t.Lateral
	}
	return false
}

// joinRight binds the right side of a join and the time of FOR SYSTEM_TIME AS OF, which is
// over the left side's columns.
func (b *binder) joinRight(t sql.TableExpr, left *relation) (*relation, expr.Node, error) {
	name, ok := t.(*sql.TableName)
	if !ok || name.AsOf == nil {
		r, err := b.tableExpr(t)
		return r, nil, err
	}
	asOf, err := b.expr(name.AsOf, &scope{in: left, inside: "FOR SYSTEM_TIME AS OF"})
	if err != nil {
		return nil, nil, err
	}
	now := *name
	now.AsOf = nil
	r, err := b.tableExpr(&now)
	return r, asOf, err
}

// joined makes a join of two bound sides.
func (b *binder) joined(j *sql.Join, left, right *relation, asOf expr.Node) (*relation, error) {
	kind := joinKinds[j.Kind]
	r := newJoin(kind, left.rel, right.rel, nil, j.Right.Range())
	r.asOf = asOf
	r.leftTTL, r.rightTTL = b.sideTTL(left), b.sideTTL(right)
	on := besides(left, right, r)
	pairs, err := b.mergedColumns(j, left, right)
	if err != nil {
		return nil, err
	}
	if j.On != nil {
		if r.cond, err = b.condition(j.On, &scope{in: on, inside: "ON"}, "ON"); err != nil {
			return nil, err
		}
	}
	for _, p := range pairs {
		eq, err := b.newCall("=", p.at, on.col(p.left), on.col(p.right))
		if err != nil {
			return nil, err
		}
		r.cond = both(r.cond, eq)
	}
	if kind.LeftOnly() {
		return &relation{rel: r, names: left.names, quals: left.quals, hidden: left.hidden}, nil
	}
	out := &relation{rel: r, names: on.names, quals: on.quals, hidden: on.hidden}
	if len(pairs) == 0 {
		return out, nil
	}
	return b.mergeColumns(kind, out, pairs)
}

// besides names the columns of two relations side by side. Its rel yields the columns of
// both, as a join's condition sees them.
func besides(left, right *relation, r *relJoin) *relation {
	out := &relation{
		rel:   &relValues{schema: r.input()},
		names: slices.Concat(left.names, right.names),
		quals: slices.Concat(left.quals, right.quals),
	}
	if left.hidden != nil || right.hidden != nil {
		out.hidden = append(padHidden(left), padHidden(right)...)
	}
	return out
}

func padHidden(r *relation) []bool {
	out := make([]bool, len(r.names))
	copy(out, r.hidden)
	return out
}

// columnPair is a column that USING or NATURAL takes from both sides, by numbers of the
// columns side by side.
type columnPair struct {
	left, right int
	at          sql.Span
}

// mergedColumns finds the columns of USING or NATURAL.
func (b *binder) mergedColumns(j *sql.Join, left, right *relation) ([]columnPair, error) {
	var out []columnPair
	add := func(name string, at sql.Span) error {
		l, r := left.find("", name), right.find("", name)
		for _, side := range []struct {
			at  []int
			in  *relation
			say string
		}{{l, left, "left"}, {r, right, "right"}} {
			if len(side.at) == 0 {
				return b.errorf(at, "column %s is not in the %s side of the join", name, side.say).
					WithNearest(name, side.in.candidates(""))
			}
			if len(side.at) > 1 {
				return b.errorf(at, "column %s is ambiguous in the %s side of the join", name, side.say)
			}
		}
		out = append(out, columnPair{l[0], len(left.names) + r[0], at})
		return nil
	}
	if j.Natural {
		for i, n := range left.names {
			if left.visible(i) && slices.Contains(left.names[:i], n) {
				continue
			}
			if left.visible(i) && len(right.find("", n)) > 0 {
				if err := add(n, j.Right.Range()); err != nil {
					return nil, err
				}
			}
		}
		return out, nil
	}
	for _, u := range j.Using {
		if err := add(u.Name, u.Span); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// mergeColumns puts one column for each pair before the others; the two that it stands
// for are found by their table's name only.
func (b *binder) mergeColumns(kind JoinKind, in *relation, pairs []columnPair) (*relation, error) {
	out := &relation{hidden: make([]bool, len(pairs))}
	var project []expr.Node
	for _, p := range pairs {
		var n expr.Node
		switch kind {
		case JoinRight:
			n = in.col(p.right)
		case JoinFull:
			var err error
			if n, err = b.newCall("COALESCE", p.at, in.col(p.left), in.col(p.right)); err != nil {
				return nil, err
			}
		default:
			n = in.col(p.left)
		}
		project = append(project, n)
		out.names, out.quals = append(out.names, in.names[p.left]), append(out.quals, "")
	}
	for i := range in.names {
		merged := slices.ContainsFunc(pairs, func(p columnPair) bool { return p.left == i || p.right == i })
		project = append(project, in.col(i))
		out.names, out.quals = append(out.names, in.names[i]), append(out.quals, in.quals[i])
		out.hidden = append(out.hidden, merged || !in.visible(i))
	}
	out.rel = projectRel(in.rel, project, unique(out.names))
	return out, nil
}

// sideTTL is the time to live that the STATE_TTL hint of the SELECT gives to a side of a
// join; negative for none. A side that is itself a join has none.
func (b *binder) sideTTL(side *relation) time.Duration {
	alias := ""
	for i, q := range side.quals {
		if i > 0 && q != alias {
			return -1
		}
		alias = q
	}
	if d, ok := b.joinTTL[alias]; ok {
		return d
	}
	return -1
}

// stateTTLs reads the STATE_TTL hints of a SELECT for its joins; selectHints tells what is
// wrong with them. The first hint that names a table holds.
func stateTTLs(hs []*sql.Hint) map[string]time.Duration {
	out := map[string]time.Duration{}
	for _, h := range hs {
		if h.Name != "STATE_TTL" {
			continue
		}
		for _, a := range h.Args {
			if d, err := ParseDuration(a.Value); err == nil && a.HasKey {
				if _, known := out[a.Key]; !known {
					out[a.Key] = d
				}
			}
		}
	}
	return out
}
