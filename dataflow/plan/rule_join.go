package plan

import "github.com/edgeflow/edgeflow/dataflow/expr"

// pushIntoJoin moves the conditions of a filter into the join below it: what is about one
// side goes below that side unless rows of it may be padded with NULLs, the rest becomes
// part of the condition of an inner join and stays where it is above others.
func pushIntoJoin(c *relCalc, j *relJoin, parents map[rel]int) rel {
	n := len(j.left.cols())
	var left, right, cond, rest []expr.Node
	for _, x := range conjuncts(c.filter) {
		side := sideOf(x, n)
		switch {
		case !expr.Deterministic(x):
			rest = append(rest, x)
		case side == leftSide && !j.kind.PadsLeft():
			left = append(left, x)
		case side == rightSide && !j.kind.PadsRight() && j.asOf == nil:
			right = append(right, shift(x, -n))
		case side != noSide && j.kind == JoinInner:
			cond = append(cond, x)
		default:
			rest = append(rest, x)
		}
	}
	if len(left)+len(right)+len(cond) == 0 {
		return c
	}
	out := *j
	out.left, out.right = filtered(j.left, left, parents), filtered(j.right, right, parents)
	out.cond = both(j.cond, conjunction(cond))
	return withoutFilter(c, pushCondition(&out, parents), rest)
}

// pushCondition moves what a join's condition says about one side alone below that side,
// where rows that do not meet it do not come out padded.
func pushCondition(j *relJoin, parents map[rel]int) rel {
	n := len(j.left.cols())
	var left, right, rest []expr.Node
	for _, x := range conjuncts(j.cond) {
		side := sideOf(x, n)
		switch {
		case !expr.Deterministic(x):
			rest = append(rest, x)
		case side == leftSide && !j.kind.PadsRight() && j.kind != JoinAnti:
			left = append(left, x)
		case side == rightSide && !j.kind.PadsLeft() && j.asOf == nil:
			right = append(right, shift(x, -n))
		default:
			rest = append(rest, x)
		}
	}
	if len(left)+len(right) == 0 {
		return j
	}
	out := *j
	out.left, out.right = filtered(j.left, left, parents), filtered(j.right, right, parents)
	out.cond = conjunction(rest)
	return &out
}

// filtered puts a filter over a rel and moves it on from there.
func filtered(r rel, conds []expr.Node, parents map[rel]int) rel {
	if len(conds) == 0 {
		return r
	}
	if parents[r] > 1 {
		return filterRel(r, conjunction(conds))
	}
	return pushFilter(mergeCalcs(filterRel(r, conjunction(conds))), parents)
}

// reads lists the columns that a join reads of both sides, side by side, where need is
// what is read of the join.
func (r *relJoin) reads(need []bool) []bool {
	out := columnsOf(len(r.left.cols())+len(r.right.cols()), r.cond, r.asOf)
	if r.asOf != nil {
		for _, c := range versionColumns(r.right) {
			out[len(r.left.cols())+c] = true
		}
	}
	for i, ok := range need {
		out[i] = out[i] || ok
	}
	return out
}

// demandJoin tells the inputs of a join what it reads of them.
func (p *pruning) demandJoin(r *relJoin) {
	n := len(r.left.cols())
	p.want(r.left)
	p.want(r.right)
	for i, ok := range r.reads(p.need[r]) {
		switch {
		case ok && i < n:
			p.want(r.left, i)
		case ok:
			p.want(r.right, i-n)
		}
	}
}

// join keeps the columns that it reads, through a projection where an input that others
// read too has more: what a join takes in it has to keep.
func (p *pruning) join(r *relJoin) pruned {
	n := len(r.left.cols())
	reads := r.reads(p.need[r])
	left, right := narrowed(p.rebuild(r.left), reads[:n]), narrowed(p.rebuild(r.right), reads[n:])
	out := *r
	out.left, out.right = left.rel, right.rel
	in := append([]int(nil), left.to...)
	for _, t := range right.to {
		if t >= 0 {
			t += len(left.rel.cols())
		}
		in = append(in, t)
	}
	out.cond, out.asOf = remap(r.cond, in), remap(r.asOf, left.to)
	out.schema = joinSchema(r.kind, left.rel.cols(), right.rel.cols())
	to := in[:len(r.schema)]
	for i, t := range to {
		if t >= 0 {
			out.schema[t] = r.schema[i]
		}
	}
	return pruned{&out, to}
}

// narrowed projects an input to the columns that are read.
func narrowed(in pruned, reads []bool) pruned {
	c := &relCalc{in: in.rel}
	to := make([]int, len(in.to))
	for i, t := range in.to {
		to[i] = -1
		if t >= 0 && reads[i] {
			to[i] = len(c.project)
			c.project = append(c.project, colRef(in.rel.cols(), t))
			c.schema = append(c.schema, in.rel.cols()[t])
		}
	}
	if len(c.project) == len(in.rel.cols()) {
		return in
	}
	if len(c.project) == 0 {
		if len(in.rel.cols()) == 1 {
			return in
		}
		one(c)
	}
	return pruned{c, to}
}

// materializeKeys makes a column of each side of an equality that is an expression, below
// the join.
func materializeKeys(r rel) rel {
	j, ok := r.(*relJoin)
	if !ok || j.asOf != nil {
		return r
	}
	c := j.split().withoutTimes(j)
	left, right := keyColumns(j.left, c.keys, func(k equiKey) expr.Node { return k.left }), keyColumns(j.right, c.keys, func(k equiKey) expr.Node { return k.right })
	if left.rel == j.left && right.rel == j.right {
		return r
	}
	out := newJoin(j.kind, left.rel, right.rel, nil, j.span)
	out.leftTTL, out.rightTTL, out.uid = j.leftTTL, j.rightTTL, j.uid
	nl := len(left.rel.cols())
	sides := out.input()
	for i, k := range c.keys {
		name := "="
		if k.nullSafe {
			name = "IS NOT DISTINCT FROM"
		}
		eq, err := expr.NewCall(name, colRef(sides, left.to[i]), colRef(sides, nl+right.to[i]))
		if err != nil {
			return r
		}
		out.cond = both(out.cond, eq)
	}
	to := ascending(len(j.left.cols()) + len(j.right.cols()))
	for i := range j.right.cols() {
		to[len(j.left.cols())+i] = nl + i
	}
	out.cond = both(out.cond, remap(conjunction(c.rest), to))
	p := &relCalc{in: out, schema: j.schema}
	for i := range j.schema {
		p.project = append(p.project, colRef(out.schema, to[i]))
	}
	return p
}

// keyColumns appends the keys that are expressions to a side; to says where the keys are.
func keyColumns(in rel, keys []equiKey, of func(equiKey) expr.Node) pruned {
	c := &relCalc{in: in, project: identity(in.cols()), schema: append(Schema(nil), in.cols()...)}
	var to []int
	for i, k := range keys {
		if col, ok := of(k).(*expr.Col); ok {
			to = append(to, col.Index)
			continue
		}
		to = append(to, len(c.project))
		c.project = append(c.project, of(k))
		c.schema = append(c.schema, Column{keyName(i), of(k).Type()})
	}
	if len(c.project) == len(in.cols()) {
		return pruned{in, to}
	}
	return pruned{c, to}
}
