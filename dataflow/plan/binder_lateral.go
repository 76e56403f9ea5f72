package plan

import (
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// lateral binds a join whose right side refers to columns of the left.
func (b *binder) lateral(j *sql.Join, left *relation) (*relation, error) {
	if j.Natural || len(j.Using) > 0 {
		return nil, b.unsupported(j.Right.Range(), "NATURAL or USING with UNNEST or LATERAL")
	}
	kind := joinKinds[j.Kind]
	if kind != JoinInner && kind != JoinLeft {
		return nil, b.unsupported(j.Right.Range(), "a "+kind.String()+" join with a table that refers to the left side")
	}
	var out *relation
	var err error
	switch t := j.Right.(type) {
	case *sql.Unnest:
		if err := b.onTrue(j, kind); err != nil {
			return nil, err
		}
		out, err = b.unnest(t, left, kind == JoinLeft)
	case *sql.Derived:
		out, err = b.lateralQuery(j, t, left, kind)
	default:
		return nil, b.unsupported(j.Right.Range(), "LATERAL TABLE of this function")
	}
	if err != nil || j.On == nil || kind == JoinLeft {
		return out, err
	}
	cond, err := b.condition(j.On, &scope{in: out, inside: "ON"}, "ON")
	if err != nil {
		return nil, err
	}
	out.rel = filterRel(out.rel, cond)
	return out, nil
}

// onTrue checks that a left join with elements has no other condition than TRUE.
func (b *binder) onTrue(j *sql.Join, kind JoinKind) error {
	if kind != JoinLeft {
		return nil
	}
	cond, err := b.condition(j.On, &scope{inside: "ON"}, "ON")
	if err == nil && isTrue(expr.Fold(cond, b.env())) {
		return nil
	}
	return b.unsupported(j.On.Range(), "a LEFT JOIN with UNNEST on another condition than TRUE")
}

// unnest binds UNNEST over the columns of left.
func (b *binder) unnest(t *sql.Unnest, left *relation, outer bool) (*relation, error) {
	if len(t.Exprs) != 1 {
		return nil, b.unsupported(t.Span, "UNNEST of several collections side by side")
	}
	arg, err := b.expr(t.Exprs[0], &scope{in: left, inside: "UNNEST"})
	if err != nil {
		return nil, err
	}
	r, ok := newUnnest(left.rel, arg, t.Ordinality, outer)
	if !ok {
		return nil, b.errorf(t.Exprs[0].Range(), "UNNEST takes an ARRAY, MAP or MULTISET, not %s", arg.Type().Nullable())
	}
	n := len(left.names)
	elems := newRelation(&relValues{schema: r.schema[n:]}, "")
	if t.Alias != nil {
		if len(t.Alias.Columns) == 0 && len(elems.names) == 1 {
			elems.names[0] = t.Alias.Name.Name
		}
		if elems, err = b.aliased(elems, t.Alias); err != nil {
			return nil, err
		}
	}
	return beside(left, elems, r), nil
}

// beside names the columns of a rel after those of the left and then of the right.
func beside(left, right *relation, r rel) *relation {
	out := &relation{rel: r}
	out.names = append(append(out.names, left.names...), right.names...)
	out.quals = append(append(out.quals, left.quals...), right.quals...)
	if left.hidden != nil || right.hidden != nil {
		out.hidden = append(padHidden(left), padHidden(right)...)
	}
	return out
}

// lateralQuery binds LATERAL (query): where the query reads nothing but elements of the left
// row it is computed for each row, else it is joined by its conditions on the left.
func (b *binder) lateralQuery(j *sql.Join, t *sql.Derived, left *relation, kind JoinKind) (*relation, error) {
	sub, err := b.subquery(t.Query, left)
	if err != nil {
		return nil, err
	}
	if sub, err = b.aliased(sub, t.Alias); err != nil {
		return nil, err
	}
	level := len(b.outer)
	if r, ok := perRow(sub.rel, left.rel, level, kind == JoinLeft); ok {
		if err := b.onTrue(j, kind); err != nil {
			return nil, err
		}
		return beside(left, sub, r), nil
	}
	in := *left
	n := len(left.names)
	if err := b.attach(&in, kind, sub.rel, nil, t.Span); err != nil {
		return nil, err
	}
	copy(in.names[n:], sub.names)
	copy(in.quals[n:], sub.quals)
	if extra := len(in.names) - n - len(sub.names); extra > 0 {
		in.names, in.quals = in.names[:n+len(sub.names)], in.quals[:n+len(sub.names)]
		if in.hidden != nil {
			in.hidden = in.hidden[:n+len(sub.names)]
		}
		s := in.rel.cols()
		c := &relCalc{in: in.rel, schema: s[:len(in.names)], project: identity(s)[:len(in.names)]}
		in.rel = c
	}
	if kind == JoinLeft && j.On != nil {
		if err := b.onTrue(j, kind); err != nil {
			return nil, err
		}
	}
	return &in, nil
}

// perRow computes a query that reads no table for each row of left: what it yields are the
// columns of left and then its own. ok is false when it reads a table, or when outer asks
// for a row of NULLs that it cannot give.
func perRow(r, left rel, level int, outer bool) (rel, bool) {
	n := len(left.cols())
	switch r := r.(type) {
	case *relValues:
		if len(r.rows) != 1 {
			return nil, false
		}
		c := &relCalc{in: left, project: identity(left.cols()), schema: append(Schema(nil), left.cols()...)}
		for i, x := range r.rows[0] {
			c.project = append(c.project, resolveOuter(x, level, 0))
			c.schema = append(c.schema, r.schema[i])
		}
		return c, true
	case *relUnnest:
		in, ok := perRow(r.in, left, level, false)
		if !ok || outer && !refersOut(r.arg, level) {
			return nil, false
		}
		u, ok := newUnnest(in, resolveOuter(r.arg, level, n), r.ordinality, outer || r.outer)
		return u, ok
	case *relCalc:
		if outer && (r.filter != nil || !columnsOnly(r.project)) {
			return nil, false
		}
		in, ok := perRow(r.in, left, level, outer)
		if !ok {
			return nil, false
		}
		c := &relCalc{in: in, project: identity(in.cols())[:n:n], schema: append(Schema(nil), in.cols()[:n]...), uid: r.uid}
		for i, x := range r.project {
			c.project = append(c.project, resolveOuter(x, level, n))
			s := r.schema[i]
			if outer {
				s.Type = s.Type.Nullable()
			}
			c.schema = append(c.schema, s)
		}
		if r.filter != nil {
			c.filter = resolveOuter(r.filter, level, n)
		}
		return c, true
	}
	return nil, false
}

func columnsOnly(ns []expr.Node) bool {
	for _, n := range ns {
		if _, ok := n.(*expr.Col); !ok {
			return false
		}
	}
	return true
}
