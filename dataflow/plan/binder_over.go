package plan

import (
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// overBase is the mark of the first function over a window of rows; see grouping.
const overBase = 1 << 23

// overs collects the OVER calls of a SELECT while it is bound.
type overs struct {
	// ttl is that of the SELECT's STATE_TTL hint; nil for none.
	ttl     *time.Duration
	named   []*sql.NamedWindow
	windows []*overWindow
	calls   int
}

// overWindow is a window of rows and the calls over it, in terms of the SELECT's input.
type overWindow struct {
	partition []expr.Node
	order     []orderKey
	isRange   bool
	preceding int64
	calls     []overCall
	span      sql.Span
}

type orderKey struct {
	node            expr.Node
	desc, nullsLast bool
}

type overCall struct {
	mark int
	fn   OverFunc
	agg  *expr.AggCall
	arg  expr.Node // of LAG
	off  int64
	def  *expr.Lit
	t    types.Type
}

// overFunctions are the functions that only make sense over a window of rows; those that
// are not run are false.
var overFunctions = map[string]bool{"ROW_NUMBER": true, "RANK": true, "DENSE_RANK": true, "LAG": true,
	"LEAD": false, "NTILE": false, "CUME_DIST": false, "PERCENT_RANK": false, "NTH_VALUE": false}

// overFunction binds a call with OVER and yields its mark.
func (b *binder) overFunction(e *sql.Call, sc *scope) (expr.Node, error) {
	name := strings.ToUpper(e.Name.Key())
	if sc.over == nil {
		where := "here"
		if sc.inside != "" {
			where = "in " + sc.inside
		}
		return nil, b.errorf(e.Span, "%s over a window of rows is not allowed %s", name, where).
			WithHint("compute it in the select list of a subquery")
	}
	inner := &scope{in: sc.in, group: sc.group, inside: "OVER"}
	c, err := b.overCall(e, name, inner)
	if err != nil {
		return nil, err
	}
	w, err := b.overWindow(e, name, c.fn, sc.over, inner)
	if err != nil {
		return nil, err
	}
	if w.preceding >= 0 && c.agg != nil && !c.agg.Func.Retractable {
		return nil, b.errorf(e.Span, "%s cannot take rows back, as it must when they leave the frame; use UNBOUNDED PRECEDING", name)
	}
	o := sc.over
	c.mark = overBase + o.calls
	o.calls++
	for _, have := range o.windows {
		if have.sameAs(w) {
			have.calls = append(have.calls, c)
			return expr.NewCol(c.mark, name, c.t), nil
		}
	}
	w.calls = []overCall{c}
	o.windows = append(o.windows, w)
	return expr.NewCol(c.mark, name, c.t), nil
}

// overCall binds the function.
func (b *binder) overCall(e *sql.Call, name string, sc *scope) (overCall, error) {
	runs, only := overFunctions[name]
	switch {
	case only && !runs:
		return overCall{}, b.unsupported(e.Span, name+" over a stream")
	case name == "LAG":
		return b.lag(e, sc)
	case only:
		if len(e.Args) > 0 || e.Distinct || e.Filter != nil {
			return overCall{}, b.errorf(e.Span, "%s() takes no arguments", name)
		}
		fn := map[string]OverFunc{"ROW_NUMBER": OverRowNumber, "RANK": OverRank, "DENSE_RANK": OverDenseRank}[name]
		return overCall{fn: fn, t: types.TBigInt.Required()}, nil
	case len(e.Name.Parts) != 1 || expr.LookupAgg(name) == nil:
		return overCall{}, b.errorf(e.Name.Span, "%s is no aggregate and cannot stand before OVER", e.Name.Key()).
			WithNearest(name, append(expr.AggNames(), "ROW_NUMBER", "RANK", "DENSE_RANK", "LAG"))
	}
	agg, err := b.aggregateCall(e, sc)
	if err != nil {
		return overCall{}, err
	}
	return overCall{fn: OverAgg, agg: agg, t: agg.T}, nil
}

// lag binds LAG(value [, offset [, default]]).
func (b *binder) lag(e *sql.Call, sc *scope) (overCall, error) {
	c := overCall{fn: OverLag, off: 1}
	if len(e.Args) < 1 || len(e.Args) > 3 || e.Distinct || e.Filter != nil {
		return c, b.errorf(e.Span, "LAG takes a value, an offset and a default: LAG(v), LAG(v, 2), LAG(v, 2, 0)")
	}
	if e.Nulls == sql.NullsIgnore {
		return c, b.unsupported(e.Span, "IGNORE NULLS")
	}
	args, err := b.exprs(e.Args, sc)
	if err != nil {
		return c, err
	}
	c.arg = args[0]
	c.t = args[0].Type().Nullable().Plain()
	if len(args) > 1 {
		l, ok := expr.Fold(args[1], b.env()).(*expr.Lit)
		if !ok || !l.T.IsInteger() || l.Value.Null || l.Value.I < 0 || l.Value.I > overRowsMax {
			return c, b.errorf(e.Args[1].Range(), "the offset of LAG is a number of rows from 0 to %d", overRowsMax)
		}
		c.off = l.Value.I
	}
	if len(args) > 2 {
		t, ok := expr.CommonType(args[0].Type(), args[2].Type())
		if !ok {
			return c, b.errorf(e.Args[2].Range(), "the default of LAG is %s, and its value %s", args[2].Type().Nullable(), c.t)
		}
		c.arg, c.t = coerce(args[0], t.Plain()), t.Nullable().Plain()
		if c.def, ok = expr.Fold(coerce(args[2], t.Plain()), b.env()).(*expr.Lit); !ok {
			return c, b.unsupported(e.Args[2].Range(), "a default of LAG that is not constant")
		}
	}
	return c, nil
}

// overRowsMax limits frames of rows and offsets.
const overRowsMax = 1 << 20

// overWindow binds the window of a call.
func (b *binder) overWindow(e *sql.Call, name string, fn OverFunc, o *overs, sc *scope) (*overWindow, error) {
	spec, err := b.windowSpec(e.Over, o, 0)
	if err != nil {
		return nil, err
	}
	w := &overWindow{preceding: -1, isRange: true, span: e.Span}
	if w.partition, err = b.exprs(spec.PartitionBy, sc); err != nil {
		return nil, err
	}
	if w.order, err = b.orderKeys(spec.OrderBy, sc); err != nil {
		return nil, err
	}
	if fn == OverRowNumber {
		w.isRange = false
	}
	if spec.Frame != nil && fn != OverAgg {
		return nil, b.errorf(spec.Frame.Span, "%s takes no frame (ROWS or RANGE)", name)
	}
	if spec.Frame != nil {
		if err := b.frame(w, spec.Frame, sc); err != nil {
			return nil, err
		}
	}
	if len(w.order) == 0 && fn != OverRowNumber {
		return nil, b.errorf(e.Over.Span, "%s over a stream needs an ORDER BY in its window", name).
			WithHint("order by a time attribute")
	}
	return w, b.checkOrder(w, spec)
}

// checkOrder refuses what a stream cannot be ordered by.
func (b *binder) checkOrder(w *overWindow, spec *sql.WindowSpec) error {
	for i, k := range w.order {
		if k.node.Type().Attr == types.NoTime {
			continue
		}
		onlyNumbers := w.preceding < 0 && !w.isRange // ROW_NUMBER may become Top-N
		if (i > 0 || len(w.order) > 1 || k.desc) && !onlyNumbers {
			return b.errorf(spec.OrderBy[i].Span, "a window of rows is ordered by one time attribute, ascending, or by columns that are none")
		}
	}
	if w.preceding >= 0 && w.isRange && (len(w.order) == 0 || w.order[0].node.Type().Attr == types.NoTime) {
		return b.errorf(spec.Frame.Span, "a RANGE frame with a bound needs a window that is ordered by a time attribute")
	}
	return nil
}

// windowSpec follows the names of windows.
func (b *binder) windowSpec(s *sql.WindowSpec, o *overs, depth int) (*sql.WindowSpec, error) {
	if s.Base == nil {
		return s, nil
	}
	for _, n := range o.named {
		if n.Name.Name != s.Base.Name {
			continue
		}
		if depth > 64 {
			return nil, b.errorf(s.Base.Span, "window %s refers to itself", s.Base.Name)
		}
		base, err := b.windowSpec(n.Spec, o, depth+1)
		if err != nil || s.Bare {
			return base, err
		}
		out := *base
		if len(s.PartitionBy) > 0 {
			return nil, b.errorf(s.Span, "PARTITION BY is not allowed where window %s is refined", s.Base.Name)
		}
		if len(s.OrderBy) > 0 {
			out.OrderBy = s.OrderBy
		}
		if s.Frame != nil {
			out.Frame = s.Frame
		}
		return &out, nil
	}
	names := make([]string, len(o.named))
	for i, n := range o.named {
		names[i] = n.Name.Name
	}
	return nil, b.errorf(s.Base.Span, "unknown window %s", s.Base.Name).WithNearest(s.Base.Name, names)
}

// orderKeys binds ORDER BY. NULLs are the lowest values unless it says otherwise.
func (b *binder) orderKeys(items []*sql.OrderItem, sc *scope) ([]orderKey, error) {
	var out []orderKey
	for _, it := range items {
		n, err := b.expr(it.X, sc)
		if err != nil {
			return nil, err
		}
		if err := b.orderable(n, it.X.Range()); err != nil {
			return nil, err
		}
		k := sortOrder(it)
		k.node = n
		out = append(out, k)
	}
	return out, nil
}

func sortOrder(it *sql.OrderItem) orderKey {
	k := orderKey{desc: it.Desc, nullsLast: it.Desc}
	if it.Nulls != sql.NullsOrderDefault {
		k.nullsLast = it.Nulls == sql.NullsLast
	}
	return k
}

func (b *binder) orderable(n expr.Node, at sql.Span) error {
	if t := n.Type(); t.IsNested() {
		return b.errorf(at, "values of type %s have no order", t.Nullable())
	}
	return nil
}

// frame binds ROWS and RANGE.
func (b *binder) frame(w *overWindow, f *sql.Frame, sc *scope) error {
	w.isRange = f.IsRange
	if f.End != nil && f.End.Kind != sql.CurrentRow {
		return b.unsupported(f.End.Span, "a frame that does not end at the current row")
	}
	switch f.Start.Kind {
	case sql.UnboundedPreceding:
		return nil
	case sql.CurrentRow:
		w.preceding = 0
		return nil
	case sql.Preceding:
	default:
		return b.unsupported(f.Start.Span, "a frame that begins after the current row")
	}
	n, err := b.expr(f.Start.Offset, sc)
	if err != nil {
		return err
	}
	l, ok := expr.Fold(n, b.env()).(*expr.Lit)
	switch {
	case !ok || l.Value.Null || l.Value.I < 0:
		return b.errorf(f.Start.Span, "the bound of a frame is a constant that is not negative")
	case f.IsRange && l.T.Kind != types.IntervalDS:
		return b.errorf(f.Start.Span, "RANGE takes an interval of days to seconds, as in INTERVAL '1' MINUTE PRECEDING, not %s", l.T.Nullable())
	case !f.IsRange && (!l.T.IsInteger() || l.Value.I > overRowsMax):
		return b.errorf(f.Start.Span, "ROWS takes a number of rows, at most %d", overRowsMax)
	}
	w.preceding = l.Value.I
	return nil
}

func (w *overWindow) sameAs(o *overWindow) bool {
	if w.isRange != o.isRange || w.preceding != o.preceding || len(w.partition) != len(o.partition) || len(w.order) != len(o.order) {
		return false
	}
	for i, p := range w.partition {
		if !expr.Equal(p, o.partition[i]) {
			return false
		}
	}
	for i, k := range w.order {
		m := o.order[i]
		if k.desc != m.desc || k.nullsLast != m.nullsLast || !expr.Equal(k.node, m.node) {
			return false
		}
	}
	return true
}

// apply computes the collected calls over in, and yields what to put in place of marks;
// resolve is applied to the expressions of the windows first, and may be nil.
func (o *overs) apply(in rel, resolve func(expr.Node) expr.Node) (rel, func(expr.Node) expr.Node) {
	if o.calls == 0 {
		return in, func(n expr.Node) expr.Node { return n }
	}
	if resolve == nil {
		resolve = func(n expr.Node) expr.Node { return n }
	}
	base := len(in.cols())
	pre := &preProject{nodes: identity(in.cols()), names: in.cols().Names()}
	specs := make([]*relOver, len(o.windows))
	for i, w := range o.windows {
		specs[i] = w.columns(pre, resolve)
	}
	cur := in
	if len(pre.nodes) > base {
		cur = projectRel(in, pre.nodes, pre.names)
	}
	at := map[int]expr.Node{}
	for i, w := range o.windows {
		r := specs[i]
		r.in, r.ttl = cur, o.ttl
		r.schema = append(r.schema, cur.cols()...)
		for _, c := range w.calls {
			r.schema = append(r.schema, Column{"$" + strings.ToLower(overNames[c.fn]), c.t})
			at[c.mark] = colRef(r.schema, len(r.schema)-1)
		}
		cur = r
	}
	return cur, func(n expr.Node) expr.Node {
		return expr.Rewrite(n, func(m expr.Node) expr.Node {
			if c, ok := m.(*expr.Col); ok && c.Index >= overBase {
				return at[c.Index]
			}
			return m
		})
	}
}

// columns is the window with columns of pre in place of expressions.
func (w *overWindow) columns(pre *preProject, resolve func(expr.Node) expr.Node) *relOver {
	r := &relOver{isRange: w.isRange, preceding: w.preceding, span: w.span}
	for _, p := range w.partition {
		r.partition = append(r.partition, pre.add(resolve(p), "", true))
	}
	for _, k := range w.order {
		r.order = append(r.order, SortKey{pre.add(resolve(k.node), "", true), k.desc, k.nullsLast})
	}
	for _, c := range w.calls {
		out := OverCall{Func: c.fn, Offset: c.off, Default: c.def}
		switch c.fn {
		case OverAgg:
			agg := *c.agg
			agg.Args = nil
			for _, a := range c.agg.Args {
				agg.Args = append(agg.Args, resolve(a))
			}
			if agg.Filter != nil {
				agg.Filter = resolve(agg.Filter)
			}
			out.Agg = overColumns(&agg, pre, true, 0)
		case OverLag:
			out.Col = pre.add(resolve(c.arg), "", true)
		}
		r.calls = append(r.calls, out)
	}
	return r
}

// qualify binds QUALIFY over the input's columns and the aliases of the select list.
func (b *binder) qualify(e sql.Expr, sc *scope, nodes []expr.Node, names []string) (expr.Node, error) {
	in := &relation{names: append([]string(nil), sc.in.names...), quals: append([]string(nil), sc.in.quals...)}
	by := identity(sc.in.rel.cols())
	schema := append(Schema(nil), sc.in.rel.cols()...)
	for i, n := range names {
		if len(sc.in.find("", n)) == 0 {
			in.names, in.quals = append(in.names, n), append(in.quals, "")
			schema = append(schema, Column{n, nodes[i].Type()})
			by = append(by, nodes[i])
		}
	}
	in.rel = &relCalc{in: sc.in.rel, project: by, schema: schema}
	cond, err := b.condition(e, &scope{in: in, over: sc.over, inside: "QUALIFY"}, "QUALIFY")
	if err != nil {
		return nil, err
	}
	base := len(sc.in.names)
	for _, w := range sc.over.windows {
		cols := append([]expr.Node(nil), w.partition...)
		for _, k := range w.order {
			cols = append(cols, k.node)
		}
		for _, c := range w.calls {
			if c.agg != nil {
				cols = append(cols, c.agg.Args...)
			}
			cols = append(cols, c.arg)
		}
		for _, n := range cols {
			if n == nil {
				continue
			}
			for _, c := range expr.Cols(n) {
				if c >= base {
					return nil, b.unsupported(e.Range(), "an alias inside OVER in QUALIFY")
				}
			}
		}
	}
	return expr.Rewrite(cond, func(m expr.Node) expr.Node {
		if c, ok := m.(*expr.Col); ok && c.Index < overBase {
			return by[c.Index]
		}
		return m
	}), nil
}
