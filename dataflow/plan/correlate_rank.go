package plan

import "github.com/edgeflow/edgeflow/dataflow/expr"

// rank makes the inner sides of equalities with the outer query columns of the partition:
// the first rows for each outer row are those of its partition.
func (d *decorrelation) rank(r *relRank) (rel, []expr.Node, error) {
	in, conds, err := d.lift(r.in)
	if err != nil {
		return nil, nil, err
	}
	if r.win != nil {
		return nil, nil, d.refuse()
	}
	pre := &relCalc{in: in, project: identity(in.cols()), schema: append(Schema(nil), in.cols()...)}
	partition := append([]int(nil), r.partition...)
	for i, c := range conds {
		call, ok := c.(*expr.Call)
		if !ok || call.Func.Name != "=" || len(call.Args) != 2 {
			return nil, nil, d.refuse()
		}
		inner, outer := call.Args[0], call.Args[1]
		if refersOut(inner, d.level) {
			inner, outer = outer, inner
		}
		if refersOut(inner, d.level) || len(expr.Cols(outer)) > 0 {
			return nil, nil, d.refuse()
		}
		col, ok := inner.(*expr.Col)
		if !ok {
			pre.project = append(pre.project, inner)
			pre.schema = append(pre.schema, Column{keyName(i), inner.Type()})
			col = colRef(pre.schema, len(pre.project)-1)
			if conds[i], err = expr.NewCall("=", col, outer); err != nil {
				return nil, nil, d.refuse()
			}
		}
		partition = append(partition, col.Index)
	}
	if len(pre.project) > len(in.cols()) {
		in = pre
	}
	out := newRank(in, partition, r.order, r.start, r.end, r.withRank, r.span)
	out.ttl = r.ttl
	if !r.withRank {
		return out, conds, nil
	}
	// The number stands where it stood, and what is new behind it.
	base, n := len(r.in.cols()), len(in.cols())
	p := &relCalc{in: out}
	to := make([]int, n)
	add := func(col int) {
		p.project = append(p.project, colRef(out.schema, col))
		p.schema = append(p.schema, out.schema[col])
	}
	for i := range n {
		if i == base {
			add(n)
		}
		to[i] = len(p.project)
		add(i)
	}
	if n == base {
		add(n)
	}
	for i, c := range conds {
		conds[i] = remap(c, to)
	}
	return p, conds, nil
}
