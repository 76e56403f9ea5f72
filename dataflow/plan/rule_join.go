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

// demandJoin tells the inputs of a join what it reads of them.
func (p *pruning) demandJoin(r *relJoin) {
	need := p.need[r]
	n := len(r.left.cols())
	p.want(r.left)
	p.want(r.right)
	want := func(c int) {
		if c < n {
			p.want(r.left, c)
		} else {
			p.want(r.right, c-n)
		}
	}
	for i, ok := range need {
		if ok {
			want(i)
		}
	}
	if r.cond != nil {
		for _, c := range expr.Cols(r.cond) {
			want(c)
		}
	}
	if r.asOf != nil {
		p.want(r.left, expr.Cols(r.asOf)...)
	}
}

// join keeps the columns that the inputs keep.
func (p *pruning) join(r *relJoin) pruned {
	left, right := p.rebuild(r.left), p.rebuild(r.right)
	out := *r
	out.left, out.right = left.rel, right.rel
	n := len(left.rel.cols())
	in := append([]int(nil), left.to...)
	for _, t := range right.to {
		if t >= 0 {
			t += n
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
