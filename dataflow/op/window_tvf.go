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

	// Where a row may be in several windows, the emitted rows: what they are made of, and the
	// columns that their cells are gathered in.
	from     []int32       `scratch:"rows of a batch"`
	gathered []*vec.Vector `scratch:"columns of the emitted batch"`
	kinds    []vec.RowKind `scratch:"rows of a batch"`
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

// Process emits each row once for each window that it is in, the rows of one after those of
// the other.
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
	if w.pane() != w.Size {
		return o.spread(b)
	}
	if len(o.sel) == 0 {
		return nil
	}
	for _, i := range o.sel {
		o.setProps(int(i), w.firstEnd(o.panes[i]))
	}
	copy(o.cols, b.Cols)
	out := narrow(&o.out, b, o.sel)
	out.Cols = o.cols
	return o.ctx.Out.Process(out)
}

// setProps writes the window that ends at end to a row of the output.
func (o *WindowTVF) setProps(row int, end int64) {
	for k, p := range []WindowProp{WindowStart, WindowEnd, WindowTime} {
		o.clock.setProp(o.props[k], row, p, o.cfg.Window.start(end), end, 0)
	}
}

// spread emits the rows in o.sel, each for all of its windows.
func (o *WindowTVF) spread(b *vec.Batch) error {
	w := o.cfg.Window
	o.from = o.from[:0]
	for _, i := range o.sel {
		for end := w.firstEnd(o.panes[i]); end <= w.lastEnd(o.panes[i]); end += w.slide() {
			o.setProps(len(o.from), end)
			if o.from = append(o.from, i); len(o.from) == vec.BatchSize {
				if err := o.emitGathered(b); err != nil {
					return err
				}
			}
		}
	}
	if len(o.from) == 0 {
		return nil
	}
	return o.emitGathered(b)
}

// emitGathered emits the rows of b that are listed in o.from, in that order.
func (o *WindowTVF) emitGathered(b *vec.Batch) error {
	if o.gathered == nil {
		for _, t := range o.cfg.Input {
			o.gathered = append(o.gathered, vec.New(t))
		}
		copy(o.cols, o.gathered)
	}
	for k, v := range o.gathered {
		v.Gather(b.Cols[k], o.from)
	}
	out := &o.out
	out.N, out.Cols, out.Sel, out.Kinds = len(o.from), o.cols, nil, nil
	out.Arrival, out.Origin, o.kinds = out.Arrival[:0], out.Origin[:0], o.kinds[:0]
	for _, i := range o.from {
		out.Arrival = append(out.Arrival, b.ArrivalAt(int(i)))
		if int(i) < len(b.Origin) {
			out.Origin = append(out.Origin, b.Origin[i])
		}
		if b.Kinds != nil {
			o.kinds = append(o.kinds, b.Kinds[i])
		}
	}
	if b.Kinds != nil {
		out.Kinds = o.kinds
	}
	o.from = o.from[:0]
	return o.ctx.Out.Process(out)
}

// Watermark forwards.
func (o *WindowTVF) Watermark(_ int, t int64) error { return o.ctx.Out.Watermark(t) }

// Tick forwards.
func (o *WindowTVF) Tick(now int64) error { return o.ctx.Out.Tick(now) }

// Audit implements Audited.
func (o *WindowTVF) Audit() Audit { return o.ledger.audit() }
