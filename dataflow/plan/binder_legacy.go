package plan

import (
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// legacyWindows are the window functions of GROUP BY; their parameters stand behind the
// time attribute.
var legacyWindows = map[string]tvf{
	"TUMBLE":  {Tumble, []string{"SIZE", "OFFSET"}, 1},
	"HOP":     {Hop, []string{"SLIDE", "SIZE", "OFFSET"}, 2},
	"SESSION": {Session, []string{"GAP"}, 1},
}

// groupWindowFunction tells the functions that yield a property of the group's window:
// TUMBLE_START, HOP_END, SESSION_ROWTIME, TUMBLE_PROCTIME.
func groupWindowFunction(name string) bool {
	_, _, ok := splitGroupWindow(name)
	return ok
}

func splitGroupWindow(name string) (window string, prop WindowProp, ok bool) {
	window, p, cut := strings.Cut(name, "_")
	if _, known := legacyWindows[window]; !known || !cut {
		return "", 0, false
	}
	switch p {
	case "START":
		return window, PropStart, true
	case "END":
		return window, PropEnd, true
	case "ROWTIME", "PROCTIME":
		return window, PropTime, true
	}
	return "", 0, false
}

// legacyWindow recognises TUMBLE(ts, ...), HOP and SESSION as an item of GROUP BY.
func (b *binder) legacyWindow(g *grouping, e sql.Expr) (bool, error) {
	c, ok := e.(*sql.Call)
	if !ok {
		return false, nil
	}
	name := strings.ToUpper(c.Name.Key())
	if _, ok := legacyWindows[name]; !ok {
		return false, nil
	}
	win, col, err := b.legacyArgs(c, name, g.in)
	if err != nil {
		return true, err
	}
	if g.legacy != nil {
		return true, b.errorf(c.Span, "GROUP BY takes one window only")
	}
	g.legacy, g.timeCol = &win, col
	return true, nil
}

// legacyArgs reads the arguments of a group window or of one of its properties.
func (b *binder) legacyArgs(c *sql.Call, name string, in *relation) (Window, int, error) {
	f := legacyWindows[name]
	win := Window{Kind: f.kind, StartCol: -1, EndCol: -1, Group: true}
	if len(c.Args) < 1+f.needed || len(c.Args) > 1+len(f.params) {
		return win, 0, b.errorf(c.Span, "%s takes a time attribute and %s", name, strings.Join(f.params, ", "))
	}
	n, err := b.expr(c.Args[0], &scope{in: in, inside: "a window's argument"})
	if err != nil {
		return win, 0, err
	}
	col, ok := n.(*expr.Col)
	if !ok || !col.T.IsTimeAttr() {
		return win, 0, b.notTimeAttribute(c.Args[0].Range(), n.String(), n.Type())
	}
	win.setTime(col.T)
	for i, a := range c.Args[1:] {
		if err := b.windowParam(&win, f.params[i], a, name); err != nil {
			return win, 0, err
		}
	}
	return win, col.Index, b.checkWindow(&win, c.Span, name)
}

// legacyProp binds TUMBLE_START(ts, ...) and its like.
func (b *binder) legacyProp(c *sql.Call, name string, g *grouping) (expr.Node, error) {
	window, prop, _ := splitGroupWindow(name)
	if g.legacy == nil || g.legacy.Kind.String() != window {
		return nil, b.errorf(c.Span, "%s needs a GROUP BY %s(...) of the same arguments", name, window)
	}
	win, col, err := b.legacyArgs(c, window, g.in)
	if err != nil {
		return nil, err
	}
	if win != *g.legacy || col != g.timeCol {
		return nil, b.errorf(c.Span, "%s has other arguments than the %s of GROUP BY", name, window)
	}
	return expr.NewCol(propBase+int(prop), prop.String(), win.propType(prop)), nil
}
