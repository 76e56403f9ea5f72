package op

import (
	"errors"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// WatermarkAssigner makes the watermark of a source from its rows: the greatest row
// watermark seen or, aligned by a column, the least of those of the column's values. A
// watermark that it is given (the end of the input, one that a test sets) counts as its own.
//
// State:
//
//	progress {watermark i64, emitted i64, arrival i64, grid i64, idle u64, set u64}: arrival
//	         is that of the newest row, grid the interval it lies in
//	gap      {rows since the last emission i64}, where that is not after each row
//	and for alignment what byValue keeps
type WatermarkAssigner struct {
	node
	cfg      WatermarkConfig
	mark     *expr.Program
	progress *state.Scalars
	gap      *state.Scalars
	by       *byValue

	ec      expr.Ctx  `scratch:"errors of a batch"`
	bad     []bool    `scratch:"rows of a batch"`
	sel     []int32   `scratch:"rows of a batch"`
	from    int       `scratch:"rows of sel handed on"`
	out     vec.Batch `scratch:"the emitted batch"`
	pending int64     `scratch:"the watermark within a batch"`
	emitted int64     `scratch:"as in progress, for a look at every row"`
	arrival int64     `scratch:"as in progress between batches"`
	grid    int64     `scratch:"as in progress between batches"`
	since   int64     `scratch:"as in gap between batches"`
}

const (
	markWatermark = 8 * iota
	markEmitted
	markArrival
	markGrid
	markIdle
	markSet
	markSize
)

var errNullTime = errors.New("the event time is NULL")

// ErrAhead is why a row with a clock too far ahead is diverted.
var ErrAhead = errors.New("the event time, or the watermark that follows from it, is ahead of the arrival time by more than edgeflow.watermark.max-ahead")

// NewWatermarkAssigner makes a WatermarkAssigner.
func NewWatermarkAssigner(cfg WatermarkConfig) (*WatermarkAssigner, error) {
	if cfg.Time < 0 || cfg.Time >= len(cfg.Input) || !cfg.Input[cfg.Time].IsTimestamp() {
		return nil, fmt.Errorf("column %d is no timestamp", cfg.Time)
	}
	cfg.IntervalMs = max(1, cfg.IntervalMs)
	return &WatermarkAssigner{cfg: cfg}, nil
}

// Open binds state.
func (o *WatermarkAssigner) Open(c *Context) error {
	var l layout
	l.add("progress", "watermark", "BIGINT", false, 0, markSize)
	var keys *keyCodec
	if o.cfg.By >= 0 {
		keys = newKeyCodec([]int{o.cfg.By}, typesOf(o.cfg.Input, []int{o.cfg.By}))
		l.keys("by", keys)
	}
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.progress = o.space.Scalars("progress", markSize)
	if o.progress.Int64(markSet) == 0 {
		for _, f := range []int{markWatermark, markEmitted} {
			o.progress.SetInt64(f, noWatermark)
		}
		o.progress.SetInt64(markSet, 1)
	}
	o.emitted, o.arrival, o.grid = o.progress.Int64(markEmitted), o.progress.Int64(markArrival), o.progress.Int64(markGrid)
	if o.cfg.OnEvent && o.cfg.Gap > 1 {
		o.gap = o.space.Scalars("gap", 8)
		o.since = o.gap.Int64(0)
	}
	if keys != nil {
		o.by = newByValue(o.space, keys, &o.cfg)
	}
	o.ec.Env = c.Env
	o.bad, o.sel = make([]bool, vec.BatchSize), make([]int32, 0, vec.BatchSize)
	if o.cfg.Expr != nil {
		var err error
		if o.mark, err = expr.Compile(o.cfg.Expr, c.Env); err != nil {
			return err
		}
	}
	return nil
}

// Process hands rows on, with watermarks between them.
func (o *WatermarkAssigner) Process(_ int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	if len(sel) == 0 {
		return nil
	}
	if err := o.wake(); err != nil {
		return err
	}
	times, marks := b.Cols[o.cfg.Time], b.Cols[o.cfg.Time]
	if o.mark != nil {
		var err error
		if marks, err = o.eval(b); err != nil {
			return err
		}
	}
	o.sel, o.from, o.pending = o.sel[:0], 0, o.progress.Int64(markWatermark)
	for _, i := range sel {
		arrival := b.ArrivalAt(int(i))
		if err := o.arrive(b, arrival); err != nil {
			return err
		}
		keep, move, err := o.judge(b, times, marks, int(i), arrival)
		if err != nil {
			return err
		}
		if keep {
			o.sel = append(o.sel, i)
		}
		if !move || marks.IsNull(int(i)) {
			continue
		}
		t := millis(marks.I64[i])
		if o.by != nil {
			o.by.put(b, int(i), t, arrival)
		} else if t > o.pending {
			o.pending = t
		}
		if o.cfg.OnEvent && o.due() || !o.cfg.OnEvent && o.by == nil && o.eager() {
			if err := o.emit(b, arrival); err != nil {
				return err
			}
		}
	}
	if o.by != nil {
		o.by.sync()
	}
	o.progress.SetInt64(markWatermark, o.pending)
	o.progress.SetInt64(markArrival, o.arrival)
	o.progress.SetInt64(markGrid, o.grid)
	if o.gap != nil {
		o.gap.SetInt64(0, o.since)
	}
	return o.flush(b)
}

// due counts a row and tells whether the watermark goes out after it.
func (o *WatermarkAssigner) due() bool {
	if o.gap == nil {
		return true
	}
	o.since++
	if o.since < o.cfg.Gap {
		return false
	}
	o.since = 0
	return true
}

// eval computes the rows' watermarks; rows that fail are dead letters, marked in o.bad.
func (o *WatermarkAssigner) eval(b *vec.Batch) (*vec.Vector, error) {
	clear(o.bad)
	o.ec.Errs = o.ec.Errs[:0]
	v := o.mark.Eval(&o.ec, b, b.Sel)
	for _, e := range o.ec.Errs {
		if !o.bad[e.Row] {
			o.bad[e.Row] = true
			if err := o.fail(b, e.Row, fmt.Errorf("watermark: %w", e.Err)); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// judge tells whether a row is handed on and whether it moves the watermark.
func (o *WatermarkAssigner) judge(b *vec.Batch, times, marks *vec.Vector, row int, arrival int64) (keep, move bool, err error) {
	switch {
	case o.mark != nil && o.bad[row]:
		return false, false, nil
	case times.IsNull(row):
		return false, false, o.fail(b, row, errNullTime)
	case !o.ahead(times, row, arrival) && (o.mark == nil || marks.IsNull(row) || !o.ahead(marks, row, arrival)):
		return true, true, nil
	case o.cfg.Ahead == AheadKeep:
		return true, false, nil
	case o.cfg.Ahead == AheadDrop:
		o.ledger.add(dropped, 1)
		return false, false, nil
	}
	return false, false, o.fail(b, row, ErrAhead)
}

// ahead tells whether a time is further ahead of its arrival than it may be.
func (o *WatermarkAssigner) ahead(v *vec.Vector, row int, arrival int64) bool {
	return o.cfg.MaxAheadMs > 0 && millis(v.I64[row])-arrival > o.cfg.MaxAheadMs
}

// arrive notes an arrival time; the first one past a multiple of the interval lets the
// watermark of what came before go out.
func (o *WatermarkAssigner) arrive(b *vec.Batch, arrival int64) error {
	if arrival <= o.arrival {
		return nil
	}
	o.arrival = arrival
	grid := arrival / o.cfg.IntervalMs
	if grid <= o.grid {
		return nil
	}
	o.grid = grid
	if o.cfg.OnEvent {
		return nil
	}
	return o.emit(b, arrival)
}

// eager tells that the watermark has grown by more than the interval since it was last
// emitted: it then goes out at once, as in Flink, so that rows that arrive together are
// told apart by event time. Aligned by value it waits for the interval.
func (o *WatermarkAssigner) eager() bool {
	return o.emitted == noWatermark || o.pending-o.emitted > o.cfg.IntervalMs
}

// flush hands on the rows that wait.
func (o *WatermarkAssigner) flush(b *vec.Batch) error {
	rows := o.sel[o.from:]
	o.from = len(o.sel)
	if len(rows) == 0 {
		return nil
	}
	return o.ctx.Out.Process(narrow(&o.out, b, rows))
}

// emit hands on the rows that wait and then the watermark if it has grown. b is nil when
// none wait.
func (o *WatermarkAssigner) emit(b *vec.Batch, now int64) error {
	if o.by != nil {
		o.by.sync()
		if low, ok := o.by.low(now); ok {
			o.pending = max(o.pending, low)
		}
	}
	if o.pending <= o.emitted {
		return nil
	}
	if b != nil {
		if err := o.flush(b); err != nil {
			return err
		}
	}
	return o.release()
}

// release hands on the watermark.
func (o *WatermarkAssigner) release() error {
	o.emitted = o.pending
	o.progress.SetInt64(markWatermark, o.pending)
	o.progress.SetInt64(markEmitted, o.pending)
	return o.ctx.Out.Watermark(o.pending)
}

// wake makes an idle source hold the watermark again.
func (o *WatermarkAssigner) wake() error {
	if o.progress.Int64(markIdle) == 0 {
		return nil
	}
	o.progress.SetInt64(markIdle, 0)
	return o.ctx.Out.Watermark(o.emitted)
}

// Watermark takes one from outside.
func (o *WatermarkAssigner) Watermark(_ int, t int64) error {
	if t == Idle {
		o.progress.SetInt64(markIdle, 1)
		return o.ctx.Out.Watermark(Idle)
	}
	o.pending = max(o.progress.Int64(markWatermark), t)
	if o.pending <= o.emitted {
		return nil
	}
	o.progress.SetInt64(markIdle, 0)
	return o.release()
}

// Tick lets the watermark out, and tells when the source has become idle.
func (o *WatermarkAssigner) Tick(now int64) error {
	if grid := now / o.cfg.IntervalMs; grid > o.grid {
		o.grid = grid
		o.progress.SetInt64(markGrid, grid)
		o.pending = o.progress.Int64(markWatermark)
		if o.gap == nil {
			if err := o.emit(nil, now); err != nil {
				return err
			}
		}
	}
	quiet := now - o.arrival
	if o.cfg.IdleMs > 0 && quiet >= o.cfg.IdleMs && o.progress.Int64(markIdle) == 0 && o.emitted != EndOfInput {
		o.progress.SetInt64(markIdle, 1)
		if err := o.ctx.Out.Watermark(Idle); err != nil {
			return err
		}
	}
	return o.ctx.Out.Tick(now)
}

// Audit implements Audited.
func (o *WatermarkAssigner) Audit() Audit {
	a := o.ledger.audit()
	if o.by != nil {
		a.Behind = o.by.rowsBelow()
	}
	return a
}

// CurrentWatermark is the newest watermark that went out, in ms since 1970; ok is false
// before the first.
func (o *WatermarkAssigner) CurrentWatermark() (t int64, ok bool) {
	return o.emitted, o.emitted != noWatermark
}
