package plan

import (
	"fmt"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// orderedRel is *relOver, *relRank or *relSort: its schema begins with that of its input.
type orderedRel interface {
	rel
	input() rel
	// key is a text that equal rels over the same input share.
	key() string
	text(in labels) string
	// reads lists the columns of the input that it needs for itself, given what is needed
	// of its own columns.
	reads(need []bool) []int
	// renumbered is the rel over another input, whose columns to maps the former ones to.
	// need tells which of its own columns are needed. Columns behind those of the input
	// are yielded as pruned's map beyond them.
	renumbered(in rel, to []int, need []bool) pruned
}

// relOver appends the values of functions over the rows up to each row.
type relOver struct {
	in        rel
	partition []int
	order     []SortKey
	isRange   bool
	preceding int64
	calls     []OverCall
	schema    Schema
	span      sql.Span
	ttl       *time.Duration // of the STATE_TTL hint; nil for none
}

func (r *relOver) cols() Schema { return r.schema }
func (r *relOver) kids() []rel  { return []rel{r.in} }
func (r *relOver) input() rel   { return r.in }
func (r *relOver) withKids(k []rel) rel {
	c := *r
	c.in = k[0]
	return &c
}

func (r *relOver) text(in labels) string {
	return "Over " + callsText(in, r.calls) + " " + partitionText(in.shown, r.partition, r.order) + " " + frameText(r.isRange, r.preceding)
}

func (r *relOver) key() string {
	b := fmt.Appendf(nil, "%v %v %v %d %s ", r.partition, r.order, r.isRange, r.preceding, ttlText(r.ttl))
	for _, c := range r.calls {
		b = fmt.Appendf(b, "|%d %d %d ", c.Func, c.Col, c.Offset)
		if c.Default != nil {
			b = appendKey(b, c.Default)
		}
		if c.Agg != nil {
			b = fmt.Appendf(b, "%s %v ", c.Agg.Func.Name, c.Agg.Distinct)
			for _, a := range append([]expr.Node{c.Agg.Filter}, c.Agg.Args...) {
				b = append(appendKey(b, a), ';')
			}
		}
	}
	return string(b)
}

func orderCols(keys []SortKey) []int {
	var out []int
	for _, k := range keys {
		out = append(out, k.Col)
	}
	return out
}

func renumber(cols, to []int) []int {
	out := make([]int, len(cols))
	for i, c := range cols {
		out[i] = to[c]
	}
	return out
}

func renumberOrder(keys []SortKey, to []int) []SortKey {
	out := make([]SortKey, len(keys))
	for i, k := range keys {
		out[i] = k
		out[i].Col = to[k.Col]
	}
	return out
}

func (r *relOver) reads(need []bool) []int {
	base := len(r.in.cols())
	var out []int
	for i, c := range r.calls {
		if !need[base+i] {
			continue
		}
		switch c.Func {
		case OverAgg:
			out = append(out, callColumns(c.Agg)...)
		case OverLag:
			out = append(out, c.Col)
		}
	}
	if len(r.kept(need)) == 0 {
		return out
	}
	return append(append(out, r.partition...), orderCols(r.order)...)
}

// kept are the calls that are needed.
func (r *relOver) kept(need []bool) []int {
	var out []int
	for i := range r.calls {
		if need[len(r.in.cols())+i] {
			out = append(out, i)
		}
	}
	return out
}

func (r *relOver) renumbered(in rel, to []int, need []bool) pruned {
	base := len(r.in.cols())
	all := append([]int(nil), to...)
	kept := r.kept(need)
	for range r.calls {
		all = append(all, -1)
	}
	if len(kept) == 0 {
		return pruned{in, all}
	}
	out := &relOver{in: in, partition: renumber(r.partition, to), order: renumberOrder(r.order, to),
		isRange: r.isRange, preceding: r.preceding, span: r.span, ttl: r.ttl}
	out.schema = append(out.schema, in.cols()...)
	for _, i := range kept {
		c := r.calls[i]
		switch c.Func {
		case OverAgg:
			c.Agg, _ = remapCall(c.Agg, to)
		case OverLag:
			c.Col = to[c.Col]
		}
		all[base+i] = len(out.schema)
		out.calls = append(out.calls, c)
		out.schema = append(out.schema, r.schema[base+i])
	}
	return pruned{out, all}
}

// relRank keeps the rows numbered start to end of each partition and appends the number.
type relRank struct {
	in         rel
	partition  []int
	order      []SortKey
	start, end int64
	withRank   bool
	// win is set when the partition holds the columns of a window, which partition then
	// lacks.
	win    *Window
	schema Schema
	span   sql.Span
	ttl    *time.Duration // of the STATE_TTL hint; nil for none
}

// newRank makes a relRank, by window where the partition holds a window's columns.
func newRank(in rel, partition []int, order []SortKey, start, end int64, withRank bool, at sql.Span) *relRank {
	r := &relRank{in: in, partition: partition, order: order, start: start, end: end, withRank: withRank, span: at}
	r.schema = append(r.schema, in.cols()...)
	if withRank {
		r.schema = append(r.schema, Column{"$rank", types.TBigInt.Required()})
	}
	w, ok := windowOf(in)
	if !ok {
		return r
	}
	var rest []int
	start0, end0 := false, false
	for _, p := range partition {
		switch p {
		case w.start:
			start0 = true
		case w.end:
			end0 = true
		case w.time:
		default:
			rest = append(rest, p)
		}
	}
	if start0 && end0 {
		win := w.win
		win.TimeCol, win.StartCol, win.EndCol = -1, w.start, w.end
		r.win, r.partition = &win, rest
	}
	return r
}

func (r *relRank) cols() Schema { return r.schema }
func (r *relRank) kids() []rel  { return []rel{r.in} }
func (r *relRank) input() rel   { return r.in }
func (r *relRank) withKids(k []rel) rel {
	c := *r
	c.in = k[0]
	return &c
}

func (r *relRank) text(from labels) string {
	in := from.shown
	s := "Rank " + rangeText(r.start, r.end) + " " + partitionText(in, r.partition, r.order)
	if r.win != nil {
		s += " in " + windowText(*r.win, in)
	}
	return s
}

func (r *relRank) key() string {
	b := fmt.Appendf(nil, "%v %v %d %d %v %s", r.partition, r.order, r.start, r.end, r.withRank, ttlText(r.ttl))
	if r.win != nil {
		b = fmt.Appendf(b, "%+v", *r.win)
	}
	return string(b)
}

func (r *relRank) reads([]bool) []int {
	out := append(append([]int(nil), r.partition...), orderCols(r.order)...)
	if r.win != nil {
		out = append(out, r.win.StartCol, r.win.EndCol)
	}
	return out
}

func (r *relRank) renumbered(in rel, to []int, need []bool) pruned {
	out := &relRank{in: in, partition: renumber(r.partition, to), order: renumberOrder(r.order, to),
		start: r.start, end: r.end, span: r.span, ttl: r.ttl}
	if r.win != nil {
		w := *r.win
		w.StartCol, w.EndCol = to[w.StartCol], to[w.EndCol]
		out.win = &w
	}
	out.schema = append(out.schema, in.cols()...)
	all := append([]int(nil), to...)
	if r.withRank {
		all = append(all, -1)
		if need[len(to)] {
			all[len(to)] = len(out.schema)
			out.withRank = true
			out.schema = append(out.schema, r.schema[len(to)])
		}
	}
	return pruned{out, all}
}

// relSort yields rows in order.
type relSort struct {
	in     rel
	order  []SortKey
	schema Schema
	span   sql.Span
}

func (r *relSort) cols() Schema { return r.schema }
func (r *relSort) kids() []rel  { return []rel{r.in} }
func (r *relSort) input() rel   { return r.in }
func (r *relSort) withKids(k []rel) rel {
	c := *r
	c.in = k[0]
	return &c
}

func (r *relSort) text(in labels) string { return "Sort by " + orderText(in.shown, r.order) }
func (r *relSort) key() string           { return fmt.Sprint(r.order) }
func (r *relSort) reads([]bool) []int    { return orderCols(r.order) }
func (r *relSort) renumbered(in rel, to []int, _ []bool) pruned {
	return pruned{&relSort{in: in, order: renumberOrder(r.order, to), schema: in.cols(), span: r.span}, to}
}

// demandOrdered tells the input of an ordered rel what it reads of it.
func (p *pruning) demandOrdered(r orderedRel, need []bool) {
	in := r.input()
	p.want(in, r.reads(need)...)
	for i := range in.cols() {
		if need[i] {
			p.want(in, i)
		}
	}
}

// ordered rebuilds an ordered rel over its pruned input.
func (p *pruning) ordered(r orderedRel) pruned {
	in := p.rebuild(r.input())
	need := p.need[r]
	mine := make([]bool, len(in.to))
	copy(mine, need)
	for _, c := range r.reads(need) {
		mine[c] = true
	}
	over, to := p.narrowed(in, mine)
	return r.renumbered(over, to, need)
}

// narrowed drops the columns of an input that only its other readers need, so that they are
// not kept in state.
func (p *pruning) narrowed(in pruned, need []bool) (rel, []int) {
	to, n := kept(need)
	cols := in.rel.cols()
	if n == len(cols) || n == 0 {
		return in.rel, in.to
	}
	c := &relCalc{in: in.rel}
	for i, keep := range need {
		if keep {
			c.project = append(c.project, colRef(cols, in.to[i]))
			c.schema = append(c.schema, cols[in.to[i]])
		}
	}
	return c, to
}

// ttlText is a hint's time to live, or nothing.
func ttlText(ttl *time.Duration) string {
	if ttl == nil {
		return ""
	}
	return ttl.String()
}
