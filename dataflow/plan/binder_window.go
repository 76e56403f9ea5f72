package plan

import (
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// tvf describes the parameters of a windowing table function behind DATA and TIMECOL.
type tvf struct {
	kind   WindowKind
	params []string
	needed int
}

var tvfs = map[string]tvf{
	"TUMBLE":   {Tumble, []string{"SIZE", "OFFSET"}, 1},
	"HOP":      {Hop, []string{"SLIDE", "SIZE", "OFFSET"}, 2},
	"CUMULATE": {Cumulate, []string{"STEP", "SIZE", "OFFSET"}, 2},
	"SESSION":  {Session, []string{"GAP"}, 1},
}

// windowTVF binds TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), ...)) and its like.
func (b *binder) windowTVF(call *sql.Call) (*relation, error) {
	name := strings.ToUpper(call.Name.Key())
	f, ok := tvfs[name]
	if !ok {
		return nil, b.errorf(call.Name.Span, "unknown table function %s", call.Name.Key()).
			WithNearest(name, []string{"TUMBLE", "HOP", "CUMULATE", "SESSION"})
	}
	args, err := b.tvfArgs(call, name, append([]string{"DATA", "TIMECOL"}, f.params...), 2+f.needed)
	if err != nil {
		return nil, err
	}
	table, ok := args["DATA"].(*sql.TableArg)
	if !ok {
		return nil, b.errorf(args["DATA"].Range(), "%s needs a table as its first argument, as in TABLE t", name)
	}
	in, err := b.tableArg(table)
	if err != nil {
		return nil, err
	}
	win := Window{Kind: f.kind, StartCol: -1, EndCol: -1}
	if win.TimeCol, err = b.timeColumn(args["TIMECOL"], name, in); err != nil {
		return nil, err
	}
	win.setTime(in.rel.cols()[win.TimeCol].Type)
	for _, p := range f.params {
		if a := args[p]; a != nil {
			if err := b.windowParam(&win, p, a, name); err != nil {
				return nil, err
			}
		}
	}
	if err := b.checkWindow(&win, call.Span, name); err != nil {
		return nil, err
	}
	partition, err := b.tvfPartition(table, name, f.kind, in)
	if err != nil {
		return nil, err
	}
	return windowed(in, win, partition), nil
}

// tvfArgs sorts positional and named arguments by parameter.
func (b *binder) tvfArgs(call *sql.Call, name string, params []string, needed int) (map[string]sql.Expr, error) {
	out := map[string]sql.Expr{}
	for i, a := range call.Args {
		param := ""
		if n, ok := a.(*sql.NamedArg); ok {
			param, a = strings.ToUpper(n.Name.Name), n.X
			if indexOf(params, param) < 0 {
				return nil, b.errorf(n.Name.Span, "%s has no parameter %s", name, n.Name.Name).WithNearest(param, params)
			}
		} else if i < len(params) {
			param = params[i]
		} else {
			return nil, b.errorf(a.Range(), "%s takes at most %d arguments: %s", name, len(params), strings.Join(params, ", "))
		}
		if out[param] != nil {
			return nil, b.errorf(a.Range(), "%s is given twice", param)
		}
		out[param] = a
	}
	for _, p := range params[:needed] {
		if out[p] == nil {
			return nil, b.errorf(call.Span, "%s needs the argument %s (%s)", name, p, strings.Join(params, ", "))
		}
	}
	return out, nil
}

func indexOf(list []string, s string) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return -1
}

func (b *binder) tableArg(t *sql.TableArg) (*relation, error) {
	if len(t.OrderBy) > 0 {
		return nil, b.unsupported(t.OrderBy[0].Span, "ORDER BY of a table argument")
	}
	if t.Query != nil {
		return b.query(t.Query)
	}
	return b.tableByName(t.Table, t.Hints)
}

// timeColumn resolves DESCRIPTOR(ts).
func (b *binder) timeColumn(e sql.Expr, name string, in *relation) (int, error) {
	d, ok := e.(*sql.Descriptor)
	if !ok || len(d.Columns) != 1 {
		return 0, b.errorf(e.Range(), "%s needs its time column as DESCRIPTOR(column)", name)
	}
	n, err := b.ref(d.Columns, d.Span, in)
	if err != nil {
		return 0, err
	}
	col, ok := n.(*expr.Col)
	if !ok || !col.T.IsTimeAttr() {
		return 0, b.notTimeAttribute(d.Columns[0].Span, d.Columns[0].Name, n.Type())
	}
	return col.Index, nil
}

func (b *binder) notTimeAttribute(at sql.Span, name string, t types.Type) *sql.Error {
	e := b.errorf(at, "%s is no time attribute, but %s", name, t.Nullable())
	if t.IsTimestamp() {
		return e.WithHint("declare WATERMARK FOR it in CREATE TABLE; an aggregation that is not windowed, or an expression, makes a time attribute an ordinary timestamp")
	}
	return e.WithHint("a time attribute is a timestamp with a WATERMARK, or a column AS PROCTIME()")
}

// setTime notes what the time attribute's type says about the window.
func (w *Window) setTime(t types.Type) {
	w.ProcTime = t.Attr == types.ProcTime
	w.LTZ = t.Kind == types.TimestampLTZ
}

// windowParam reads one interval argument.
func (b *binder) windowParam(w *Window, param string, e sql.Expr, name string) error {
	ms, err := b.intervalArg(e, name+"'s "+param)
	if err != nil {
		return err
	}
	switch param {
	case "SIZE", "GAP":
		w.Size = ms
	case "SLIDE", "STEP":
		w.Slide = ms
	case "OFFSET":
		w.Offset = ms
		return nil
	}
	if ms <= 0 {
		return b.errorf(e.Range(), "%s's %s must be positive", name, param)
	}
	return nil
}

// intervalArg reads a constant interval of days to seconds, in milliseconds.
func (b *binder) intervalArg(e sql.Expr, what string) (int64, error) {
	n, err := b.expr(e, &scope{inside: "a window's argument"})
	if err != nil {
		return 0, err
	}
	l, ok := expr.Fold(n, b.env()).(*expr.Lit)
	if !ok || l.Value.Null || l.T.Kind != types.IntervalDS {
		return 0, b.errorf(e.Range(), "%s must be a constant INTERVAL of days to seconds, as in INTERVAL '10' SECOND", what)
	}
	return l.Value.I, nil
}

// checkWindow checks the lengths against each other and sets the pane.
func (b *binder) checkWindow(w *Window, at sql.Span, name string) error {
	switch w.Kind {
	case Tumble:
		w.Pane = w.Size
	case Hop:
		w.Pane = gcd(w.Size, w.Slide)
	case Cumulate:
		if w.Size%w.Slide != 0 {
			return b.errorf(at, "CUMULATE's SIZE must be a multiple of its STEP")
		}
		w.Pane = w.Slide
	}
	if w.Offset != 0 && w.Kind != Session {
		limit := w.Size
		if w.Kind == Hop {
			limit = max(w.Slide, w.Size)
		}
		if w.Offset <= -limit || w.Offset >= limit {
			return b.errorf(at, "%s's OFFSET must be smaller than its windows", name)
		}
	}
	return nil
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// tvfPartition resolves the PARTITION BY of a table argument, which keeps sessions apart.
func (b *binder) tvfPartition(t *sql.TableArg, name string, kind WindowKind, in *relation) ([]int, error) {
	if len(t.PartitionBy) > 0 && kind != Session {
		return nil, b.errorf(t.PartitionBy[0].Range(), "%s does not take PARTITION BY; group by the columns instead", name)
	}
	var out []int
	for _, p := range t.PartitionBy {
		n, err := b.expr(p, &scope{in: in, inside: "PARTITION BY"})
		if err != nil {
			return nil, err
		}
		c, ok := n.(*expr.Col)
		if !ok {
			return nil, b.errorf(p.Range(), "PARTITION BY of a table argument takes columns only")
		}
		out = append(out, c.Index)
	}
	return out, nil
}

// windowed appends the window columns to a relation.
func windowed(in *relation, win Window, partition []int) *relation {
	schema := append(Schema(nil), in.rel.cols()...)
	names := append([]string(nil), in.names...)
	for i := range schema {
		schema[i].Name = names[i]
		if schema[i].Type.Attr == types.RowTime {
			// The windows' time takes its place.
			schema[i].Type.Attr = types.NoTime
		}
	}
	quals := append([]string(nil), in.quals...)
	for _, p := range []WindowProp{PropStart, PropEnd, PropTime} {
		names = append(names, p.String())
		schema = append(schema, Column{p.String(), win.propType(p)})
		q := ""
		if len(in.quals) > 0 {
			q = in.quals[0]
		}
		quals = append(quals, q)
	}
	names = unique(names)
	for i := range schema {
		schema[i].Name = names[i]
	}
	return &relation{rel: &relTVF{in: in.rel, win: win, partition: partition, schema: schema}, names: names, quals: quals}
}
