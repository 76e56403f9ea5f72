package op

import (
	"errors"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// WindowTVF appends window_start, window_end and window_time to each row, once for each
// window that the row is in. Rows are not late: an aggregation above judges that.
type WindowTVF struct {
	node
	cfg   WindowTVFConfig
	clock *wallClock `scratch:"a cache of the zone's rules"`

	props []*vec.Vector `scratch:"columns of the emitted batch"`
	cols  []*vec.Vector `scratch:"columns of the emitted batch"`
	panes []int64       `scratch:"rows of a batch"`
	sel   []int32       `scratch:"rows of a batch"`
	out   vec.Batch     `scratch:"the emitted batch"`
}

// NewWindowTVF makes the operator of a windowing table function: a WindowTVF, or a
// SessionTVF.
func NewWindowTVF(cfg WindowTVFConfig) (Operator, error) {
	if err := cfg.Window.validate(); err != nil {
		return nil, err
	}
	switch cfg.Window.Kind {
	case Attached:
		return nil, errors.New("a windowing table function cannot take its window from columns")
	case Session:
		return newSessionTVF(cfg), nil
	}
	return &WindowTVF{cfg: cfg}, nil
}

// tvfProps are the types of the columns that a windowing table function appends.
func tvfProps(w Window) []types.Type {
	return []types.Type{propType(WindowStart, w), propType(WindowEnd, w), propType(WindowTime, w)}
}

// Open binds the ledger.
func (o *WindowTVF) Open(c *Context) error {
	if err := o.bind(c, layout{}); err != nil {
		return err
	}
	o.clock = newWallClock(o.cfg.Window.Local || o.cfg.Window.ProcTime, zoneOf(c))
	for _, t := range tvfProps(o.cfg.Window) {
		o.props = append(o.props, vec.New(t))
	}
	o.cols = make([]*vec.Vector, len(o.cfg.Input)+len(o.props))
	copy(o.cols[len(o.cfg.Input):], o.props)
	o.panes, o.sel = make([]int64, vec.BatchSize), make([]int32, 0, vec.BatchSize)
	return nil
}

// Process emits the batch once for each window that some of its rows are in: the first
// windows of all rows, the second ones, and so on.
func (o *WindowTVF) Process(_ int, b *vec.Batch) error {
	rows := selection(b)
	o.ledger.add(rowsIn, int64(len(rows)))
	o.sel = o.sel[:0]
	w := o.cfg.Window
	for _, i := range rows {
		t, ok := w.time(o.clock, b, int(i))
		if !ok {
			if err := o.fail(b, int(i), errNoTime); err != nil {
				return err
			}
			continue
		}
		p := floorTo(t, w.pane(), w.Offset)
		if !w.covers(p) {
			o.ledger.add(filtered, 1)
			continue
		}
		o.panes[i] = p
		o.sel = append(o.sel, i)
	}
	copy(o.cols, b.Cols)
	for n := int64(0); len(o.sel) > 0; n++ {
		for _, i := range o.sel {
			end := w.firstEnd(o.panes[i]) + n*w.slide()
			for k, p := range []WindowProp{WindowStart, WindowEnd, WindowTime} {
				o.clock.setProp(o.props[k], int(i), p, w.start(end), end, 0)
			}
		}
		out := narrow(&o.out, b, o.sel)
		out.Cols = o.cols
		if err := o.ctx.Out.Process(out); err != nil {
			return err
		}
		rest := o.sel[:0]
		for _, i := range o.sel {
			if w.firstEnd(o.panes[i])+(n+1)*w.slide() <= w.lastEnd(o.panes[i]) {
				rest = append(rest, i)
			}
		}
		o.sel = rest
	}
	return nil
}

// Watermark forwards.
func (o *WindowTVF) Watermark(_ int, t int64) error { return o.ctx.Out.Watermark(t) }

// Tick forwards.
func (o *WindowTVF) Tick(now int64) error { return o.ctx.Out.Tick(now) }

// Audit implements Audited.
func (o *WindowTVF) Audit() Audit { return o.ledger.audit() }
