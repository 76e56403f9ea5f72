package plan

import "github.com/edgeflow/edgeflow/dataflow/expr"

// byBounds lowers an aggregation by windows of processing time that were assigned before,
// as one by the columns that hold their bounds: when such a window is over is known below
// only, so each row from there changes the result.
func (l *lowering) byBounds(r *relAgg, in Node) (Node, error) {
	schema := in.Base().Schema
	bounds := map[WindowProp]int{PropStart: len(r.keys), PropEnd: len(r.keys) + 1}
	n := &GroupAggregate{Keys: append(append([]int(nil), r.keys...), r.win.StartCol, r.win.EndCol), Aggs: r.aggs, MiniBatch: l.b.cfg.MiniBatch}
	n.b.StateTTL, n.b.Stateful, n.b.uid = l.b.cfg.StateTTL, true, r.uid
	grouped := make(Schema, 0, len(n.Keys)+len(r.aggs))
	for _, k := range n.Keys {
		grouped = append(grouped, Column{schema[k].Name, schema[k].Type.Plain()})
	}
	aggs := r.schema[len(r.keys) : len(r.keys)+len(r.aggs)]
	l.add(n, append(grouped, aggs...), in)
	l.spans[n] = r.spans
	out := &Calc{}
	project := func(col int) {
		c := n.b.Schema[col]
		out.Project = append(out.Project, expr.NewCol(col, c.Name, c.Type))
	}
	for i := range r.keys {
		project(i)
	}
	for i := range aggs {
		project(len(n.Keys) + i)
	}
	for _, p := range r.props {
		at, ok := bounds[p]
		if !ok {
			return nil, l.b.unsupported(l.owner.span, "window_time of an aggregation by windows of processing time that is apart from its window function")
		}
		project(at)
	}
	l.add(out, r.schema, n)
	return out, nil
}
