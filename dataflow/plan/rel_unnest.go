package plan

import (
	"fmt"
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// relUnnest yields a row for each element of a collection: some columns of its input, then
// the element (the fields of a row, the key and value of a map), then its place from 1 on.
type relUnnest struct {
	in rel
	// arg is an ARRAY, MAP or MULTISET over the input, or a BIGINT: how often the row comes.
	arg expr.Node
	// pass are the columns of the input that are passed on.
	pass       []int
	ordinality bool
	// outer yields a row of NULLs for a collection that is NULL or empty.
	outer  bool
	schema Schema
}

func (r *relUnnest) cols() Schema { return r.schema }
func (r *relUnnest) kids() []rel  { return []rel{r.in} }
func (r *relUnnest) withKids(k []rel) rel {
	c := *r
	c.in = k[0]
	return &c
}

// elements is the row of an element of a collection; ok is false for other types.
func elements(t types.Type) (Schema, bool) {
	elem := t.Elem
	switch t.Kind {
	case types.Map:
		return Schema{{"KEY", *t.Key}, {"VALUE", *t.Elem}}, true
	case types.Array, types.Multiset:
	default:
		return nil, false
	}
	if elem.Kind != types.Row && elem.Kind != types.Structured {
		return Schema{{"EXPR$0", *elem}}, true
	}
	out := make(Schema, len(elem.Fields))
	for i, f := range elem.Fields {
		out[i] = Column{f.Name, f.Type}
		if !elem.NotNull {
			out[i].Type = f.Type.Nullable()
		}
	}
	return out, true
}

// newUnnest makes a relUnnest that passes all columns on.
func newUnnest(in rel, arg expr.Node, ordinality, outer bool) (*relUnnest, bool) {
	elems, ok := elements(arg.Type())
	if !ok {
		return nil, false
	}
	r := &relUnnest{in: in, arg: arg, pass: ascending(len(in.cols())), ordinality: ordinality, outer: outer}
	r.schema = slices.Concat(in.cols(), elems)
	if ordinality {
		r.schema = append(r.schema, Column{"ORDINALITY", types.TInt.Required()})
	}
	for i := len(r.pass); outer && i < len(r.schema); i++ {
		r.schema[i].Type = r.schema[i].Type.Nullable()
	}
	return r, true
}

// replicate yields each row as often as its column n says, without that column.
func replicate(in rel, n int) *relUnnest {
	s := in.cols()
	return &relUnnest{in: in, arg: colRef(s, n), pass: ascending(n), schema: s[:n:n]}
}

func (r *relUnnest) text(in labels) string {
	if r.arg.Type().Kind == types.BigInt {
		return "Unnest " + in.text(r.arg) + " times"
	}
	s := "Unnest " + in.text(r.arg)
	if r.ordinality {
		s += " with ordinality"
	}
	if r.outer {
		s += ", keeping rows without elements"
	}
	return s
}

func (r *relUnnest) key(b []byte) []byte {
	return appendKey(fmt.Appendf(b, "%v %v %v %q", r.pass, r.ordinality, r.outer, r.schema.Names()), r.arg)
}

// filterBeforeUnnest moves conditions on columns that are passed on below.
func filterBeforeUnnest(c *relCalc, u *relUnnest, parents map[rel]int) rel {
	pushed, rest := split(c.filter, func(col int) bool { return col < len(u.pass) })
	if len(pushed) == 0 {
		return c
	}
	out := *u
	out.in = filtered(u.in, []expr.Node{remap(conjunction(pushed), padded(u.pass, len(u.schema)))}, parents)
	return withoutFilter(c, &out, rest)
}

func (p *pruning) demandUnnest(r *relUnnest) {
	if len(r.pass) == len(r.schema) && !slices.Contains(p.need[r], true) {
		p.need[r][0] = true // rows that are only counted need a column too
	}
	p.want(r.in, expr.Cols(r.arg)...)
	for i, c := range r.pass {
		if p.need[r][i] {
			p.want(r.in, c)
		}
	}
}

func (p *pruning) unnest(r *relUnnest) pruned {
	in := p.rebuild(r.in)
	out := *r
	out.in, out.arg, out.pass, out.schema = in.rel, remap(r.arg, in.to), nil, nil
	to := make([]int, len(r.schema))
	for i := range r.schema {
		to[i] = -1
		if i < len(r.pass) {
			if !p.need[r][i] {
				continue
			}
			out.pass = append(out.pass, in.to[r.pass[i]])
		}
		to[i] = len(out.schema)
		out.schema = append(out.schema, r.schema[i])
	}
	return pruned{&out, to}
}

// unnest puts the collection's expression, which may refer to the outer query, out of
// reach: only LATERAL brings the outer row to it.
func (d *decorrelation) unnest(r *relUnnest) (rel, []expr.Node, error) {
	if refersOut(r.arg, d.level) {
		return nil, nil, d.refuse()
	}
	in, conds, err := d.lift(r.in)
	if err != nil {
		return nil, nil, err
	}
	out, ok := newUnnest(in, r.arg, r.ordinality, r.outer)
	if !ok || len(r.pass) != len(r.in.cols()) {
		return nil, nil, d.refuse()
	}
	n, wide := len(r.pass), len(in.cols())
	p := &relCalc{in: out, schema: slices.Clone(r.schema)}
	at := ascending(wide)
	for i := range out.schema {
		if i < n || i >= wide {
			p.project = append(p.project, colRef(out.schema, i))
		}
	}
	for i := n; i < wide; i++ {
		at[i] = len(p.project)
		p.project = append(p.project, colRef(out.schema, i))
		p.schema = append(p.schema, out.schema[i])
	}
	for i := range conds {
		conds[i] = remap(conds[i], at)
	}
	return p, conds, nil
}

// Unnest emits a row for each element of a collection: columns of its input, then the
// element, then its place.
type Unnest struct {
	base
	// Arg is an ARRAY, MAP or MULTISET over the input's columns, or a BIGINT: how often the
	// row comes.
	Arg expr.Node
	// Pass are the columns of the input that are passed on.
	Pass []int
	// Ordinality appends the element's place from 1 on; Outer emits a row of NULLs for a
	// collection that is NULL or empty.
	Ordinality, Outer bool
}

// Kind names the operator.
func (*Unnest) Kind() string { return "unnest" }

func (l *lowering) unnest(r *relUnnest) (Node, error) {
	in, err := l.node(r.in)
	if err != nil {
		return nil, err
	}
	n := &Unnest{Arg: r.arg, Pass: r.pass, Ordinality: r.ordinality, Outer: r.outer}
	l.add(n, r.schema, in)
	return n, nil
}

func (n *Unnest) text(in labels) string {
	return (&relUnnest{arg: n.Arg, ordinality: n.Ordinality, outer: n.Outer}).text(in)[len("Unnest "):]
}

// upsertKeys are those of the input with the element's place.
func (n *Unnest) upsertKeys() [][]int {
	if !n.Ordinality {
		return nil
	}
	var out [][]int
	for _, key := range n.b.Inputs[0].Base().Keys {
		to := []int{len(n.b.Schema) - 1}
		for _, k := range key {
			if at := slices.Index(n.Pass, k); at >= 0 {
				to = append(to, at)
			}
		}
		if len(to) == len(key)+1 {
			out = append(out, to)
		}
	}
	return out
}
