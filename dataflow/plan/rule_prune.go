package plan

import (
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// pruneColumns drops the columns and aggregates that nothing reads. A rel with several
// parents keeps what any of them reads.
func pruneColumns(targets []*target) {
	p := &pruning{need: map[rel][]bool{}, done: map[rel]pruned{}}
	for _, r := range parentsFirst(targets) {
		if p.need[r] == nil {
			p.need[r] = make([]bool, len(r.cols()))
		}
		for _, t := range targets {
			if t.rel == r {
				all(p.need[r])
			}
		}
		p.demand(r)
	}
	for _, t := range targets {
		out := p.rebuild(t.rel)
		t.rel = out.rel
	}
}

func all(set []bool) {
	for i := range set {
		set[i] = true
	}
}

// parentsFirst lists the rels so that each stands behind all that read it.
func parentsFirst(targets []*target) []rel {
	var post []rel
	seen := map[rel]bool{}
	var visit func(r rel)
	visit = func(r rel) {
		if seen[r] {
			return
		}
		seen[r] = true
		for _, k := range r.kids() {
			visit(k)
		}
		post = append(post, r)
	}
	for _, t := range targets {
		visit(t.rel)
	}
	out := make([]rel, len(post))
	for i, r := range post {
		out[len(post)-1-i] = r
	}
	return out
}

type pruning struct {
	need map[rel][]bool
	done map[rel]pruned
}

// pruned is a rel with fewer columns; to maps its columns from before, -1 for those that
// are gone.
type pruned struct {
	rel rel
	to  []int
}

func (p *pruning) want(r rel, cols ...int) {
	if p.need[r] == nil {
		p.need[r] = make([]bool, len(r.cols()))
	}
	for _, c := range cols {
		if c >= 0 {
			p.need[r][c] = true
		}
	}
}

// demand tells the inputs of a rel what it reads of them.
func (p *pruning) demand(r rel) {
	need := p.need[r]
	switch r := r.(type) {
	case *relCalc:
		p.want(r.in)
		if r.filter != nil {
			p.want(r.in, expr.Cols(r.filter)...)
		}
		for i, e := range r.project {
			if need[i] {
				p.want(r.in, expr.Cols(e)...)
			}
		}
	case *relTVF:
		p.want(r.in, r.win.TimeCol)
		p.want(r.in, r.partition...)
		for i := range r.in.cols() {
			if need[i] {
				p.want(r.in, i)
			}
		}
	case *relAgg:
		p.want(r.in, r.keys...)
		if r.win != nil {
			p.want(r.in, r.win.TimeCol, r.win.StartCol, r.win.EndCol)
		}
		for i, a := range r.aggs {
			if need[len(r.keys)+i] {
				p.want(r.in, callColumns(a.Call)...)
			}
		}
	case *relUnnest:
		p.demandUnnest(r)
	case *relJoin:
		p.demandJoin(r)
	case *relMatch:
		p.want(r.in, ascending(len(r.in.cols()))...)
	case orderedRel:
		p.demandOrdered(r, need)
	case *relUnion:
		for _, in := range r.ins {
			p.want(in)
			for i := range need {
				if need[i] {
					p.want(in, i)
				}
			}
		}
	}
}

func callColumns(c *expr.AggCall) []int {
	var out []int
	for _, a := range c.Args {
		out = append(out, expr.Cols(a)...)
	}
	if c.Filter != nil {
		out = append(out, expr.Cols(c.Filter)...)
	}
	return out
}

func (p *pruning) rebuild(r rel) pruned {
	if out, ok := p.done[r]; ok {
		return out
	}
	var out pruned
	switch r := r.(type) {
	case *relCalc:
		out = p.calc(r)
	case *relTVF:
		out = p.tvf(r)
	case *relAgg:
		out = p.agg(r)
	case *relUnnest:
		out = p.unnest(r)
	case *relJoin:
		out = p.join(r)
	case *relMatch:
		out = p.match(r)
	case orderedRel:
		out = p.ordered(r)
	case *relUnion:
		out = p.union(r)
	case *relValues:
		out = p.values(r)
	default:
		out = p.scan(r)
	}
	p.done[r] = out
	return out
}

// kept numbers the needed columns; to is -1 for the others.
func kept(need []bool) (to []int, n int) {
	to = make([]int, len(need))
	for i, keep := range need {
		to[i] = -1
		if keep {
			to[i] = n
			n++
		}
	}
	return to, n
}

func (p *pruning) calc(r *relCalc) pruned {
	in := p.rebuild(r.in)
	to, n := kept(p.need[r])
	out := &relCalc{in: in.rel, filter: remap(r.filter, in.to), uid: r.uid}
	for i, e := range r.project {
		if to[i] >= 0 {
			out.project = append(out.project, remap(e, in.to))
			out.schema = append(out.schema, r.schema[i])
		}
	}
	if n == 0 {
		one(out)
	}
	return pruned{out, to}
}

// one gives a projection that nothing reads a constant column, since rows have one at
// the least.
func one(c *relCalc) {
	t := expr.NewBool(true)
	c.project, c.schema = []expr.Node{t}, Schema{{"$one", t.T}}
}

// scan keeps the table whole; the projection above it tells what is read.
func (p *pruning) scan(r rel) pruned {
	to, n := kept(p.need[r])
	out := &relCalc{in: r}
	for i, c := range r.cols() {
		if to[i] >= 0 {
			out.project = append(out.project, colRef(r.cols(), i))
			out.schema = append(out.schema, c)
		}
	}
	if n == 0 {
		one(out)
	}
	return pruned{out, to}
}

func (p *pruning) values(r *relValues) pruned {
	to, n := kept(p.need[r])
	if n == 0 {
		p.need[r][0] = true
		to, _ = kept(p.need[r])
	}
	out := &relValues{rows: make([][]expr.Node, len(r.rows))}
	for i := range r.schema {
		if to[i] >= 0 {
			out.schema = append(out.schema, r.schema[i])
			for k, row := range r.rows {
				out.rows[k] = append(out.rows[k], row[i])
			}
		}
	}
	return pruned{out, to}
}

func (p *pruning) tvf(r *relTVF) pruned {
	in := p.rebuild(r.in)
	base := len(r.in.cols())
	out := &relTVF{in: in.rel, win: r.win}
	out.win.TimeCol = in.to[r.win.TimeCol]
	for _, c := range r.partition {
		out.partition = append(out.partition, in.to[c])
	}
	to := make([]int, len(r.schema))
	out.schema = append(Schema(nil), in.rel.cols()...)
	for i := range r.in.cols() {
		if to[i] = in.to[i]; to[i] >= 0 {
			out.schema[to[i]] = r.schema[i]
		}
	}
	for k := 0; k < 3; k++ {
		to[base+k] = len(out.schema)
		out.schema = append(out.schema, r.schema[base+k])
	}
	return pruned{out, to}
}

func (p *pruning) agg(r *relAgg) pruned {
	in := p.rebuild(r.in)
	need := p.need[r]
	out := &relAgg{in: in.rel, ttl: r.ttl, uid: r.uid}
	to := make([]int, len(r.schema))
	keep := func(i int) {
		to[i] = len(out.schema)
		out.schema = append(out.schema, r.schema[i])
	}
	for i, k := range r.keys {
		out.keys = append(out.keys, in.to[k])
		keep(i)
	}
	for i, a := range r.aggs {
		at := len(r.keys) + i
		to[at] = -1
		if need[at] {
			c, _ := remapCall(a.Call, in.to)
			out.aggs, out.spans = append(out.aggs, Aggregate{ID: a.ID, Call: c}), append(out.spans, r.spans[i])
			keep(at)
		}
	}
	if r.win != nil {
		w := *r.win
		for _, c := range []*int{&w.TimeCol, &w.StartCol, &w.EndCol} {
			if *c >= 0 {
				*c = in.to[*c]
			}
		}
		out.win = &w
	}
	for i, prop := range r.props {
		at := len(r.keys) + len(r.aggs) + i
		to[at] = -1
		if need[at] {
			out.props = append(out.props, prop)
			keep(at)
		}
	}
	if len(out.schema) == 0 {
		out.keepOne(r)
	}
	return pruned{out, to}
}

// keepOne keeps a column in an aggregation that nothing reads a column of.
func (r *relAgg) keepOne(from *relAgg) {
	if from.win != nil {
		r.props = []WindowProp{PropStart}
		r.schema = Schema{{PropStart.String(), from.win.propType(PropStart)}}
		return
	}
	if c, ok := countRows(); ok {
		r.aggs, r.spans = []Aggregate{c}, []sql.Span{{}}
		r.schema = Schema{{"$agg0", c.Call.T}}
	}
}

// countRows is COUNT(*).
func countRows() (Aggregate, bool) {
	c, err := expr.NewAgg("COUNT", nil, expr.AggOptions{})
	if err != nil {
		return Aggregate{}, false
	}
	return Aggregate{ID: c.String(), Call: c}, true
}

// union keeps the same columns in all inputs, through a projection where an input that
// others read too has more.
func (p *pruning) union(r *relUnion) pruned {
	to, n := kept(p.need[r])
	out := &relUnion{}
	for i, c := range r.schema {
		if to[i] >= 0 {
			out.schema = append(out.schema, c)
		}
	}
	if n == 0 {
		t := expr.NewBool(true)
		out.schema = Schema{{"$one", t.T}}
	}
	for _, k := range r.ins {
		in := p.rebuild(k)
		c := &relCalc{in: in.rel, schema: out.schema}
		for i := range r.schema {
			if to[i] >= 0 {
				c.project = append(c.project, colRef(in.rel.cols(), in.to[i]))
			}
		}
		if n == 0 {
			c.project = []expr.Node{expr.NewBool(true)}
		}
		if isIdentity(c.project, in.rel.cols()) {
			out.ins = append(out.ins, in.rel)
			continue
		}
		out.ins = append(out.ins, c)
	}
	return pruned{out, to}
}
