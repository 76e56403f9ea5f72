package op

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// WindowRankConfig configures NewWindowRank: of each partition and window the rows Start to
// End by order. The output is the input and, with Rank, the row's number as BIGINT.
type WindowRankConfig struct {
	Input []types.Type
	// Names are those of the input columns, for the inspection of state; they may be nil.
	Names []string
	// Window is Attached; with ProcTime it closes by arrival time.
	Window Window
	// Keys are the partition's columns besides the window.
	Keys  []int
	Order []SortKey
	// Start and End are row numbers from 1 on, both included.
	Start, End int64
	Rank       bool
	// Latest lets the last to arrive of rows with equal sort keys come first.
	Latest bool
}

// WindowRank is Top-N and deduplication by window: the rows of a window are emitted in
// order when it closes. It keeps End rows a partition and window. Rows for windows that
// have closed are late.
//
// State:
//
//	panes    by window end: window start i64, key -> {id i64, rows i64, kept i64, next sequence i64}
//	rows     window end, id, sort key, sequence -> {arrival i64, encoded row}
//	progress as a WindowAggregate has it
type WindowRank struct {
	node
	cfg      WindowRankConfig
	keys     *keyCodec
	order    *orderCodec
	codec    *rowCodec
	clock    *wallClock `scratch:"a cache of the zone's rules"`
	panes    *state.Panes
	rows     *state.Ordered
	progress *state.Scalars

	emit  *emitter    `scratch:"the emitted batch"`
	it    *state.Iter `scratch:"a walk within one call"`
	lates []int32     `scratch:"rows of a batch"`
	sub   vec.Batch   `scratch:"late rows"`
	key   []byte      `scratch:"the key in hand"`
	at    []byte      `scratch:"the key in hand"`
	to    []byte      `scratch:"the end of a range"`
	value []byte      `scratch:"the row in hand"`
}

const (
	rankedID   = 0
	rankedRows = 8
	rankedKept = 16
	rankedNext = 24
	rankedSize = 32
)

// NewWindowRank makes a WindowRank.
func NewWindowRank(cfg WindowRankConfig) (*WindowRank, error) {
	if cfg.Start < 1 || cfg.End < cfg.Start {
		return nil, fmt.Errorf("rows %d to %d of a partition are none", cfg.Start, cfg.End)
	}
	if cfg.Window.Kind != Attached {
		return nil, fmt.Errorf("rows are ranked in windows that are assigned before")
	}
	return &WindowRank{cfg: cfg, keys: newKeyCodec(cfg.Keys, typesOf(cfg.Input, cfg.Keys)),
		order: newOrderCodec(cfg.Order, cfg.Input), codec: newRowCodec(cfg.Input)}, nil
}

// Open binds state.
func (o *WindowRank) Open(c *Context) error {
	l := layout{names: o.cfg.Names}
	l.keys("panes", o.keys)
	l.add("panes", "rows", "BIGINT", false, rankedRows, 8)
	describeRanked(&l, o.cfg.Order, o.cfg.Input)
	if err := o.bind(c, l); err != nil {
		return err
	}
	o.panes = o.space.Panes("panes", state.TableSpec{ValueSize: rankedSize})
	o.rows = o.space.Ordered("rows", state.OrderedSpec{ValueSize: -1})
	o.it = o.rows.Iter()
	o.progress = openProgress(o.space)
	o.clock = newWallClock(o.cfg.Window.Local || o.cfg.Window.ProcTime, zoneOf(c))
	out := append([]types.Type(nil), o.cfg.Input...)
	if o.cfg.Rank {
		out = append(out, types.TBigInt)
	}
	o.emit = newEmitter(c.Out, out, false)
	o.lates = make([]int32, 0, vec.BatchSize)
	return nil
}

// Process keeps rows.
func (o *WindowRank) Process(_ int, b *vec.Batch) error {
	sel := selection(b)
	o.ledger.add(rowsIn, int64(len(sel)))
	o.lates = o.lates[:0]
	var n int64
	for _, i := range sel {
		row := int(i)
		if o.cfg.Window.ProcTime {
			if err := o.fireUpTo(o.clock.closed(b.ArrivalAt(row) - 1)); err != nil {
				return err
			}
		}
		end, ok := o.cfg.Window.time(o.clock, b, row)
		if !ok {
			if err := o.fail(b, row, errNoTime); err != nil {
				return err
			}
			continue
		}
		n++
		if end <= o.progress.Int64(progressClosed) {
			o.lates = append(o.lates, i)
			continue
		}
		o.add(b, row, end)
	}
	o.ledger.add(assigned, n)
	o.ledger.add(droppedLate, int64(len(o.lates)))
	o.ledger.add(late, int64(len(o.lates)))
	if len(o.lates) > 0 && o.ctx.Late != nil {
		return o.ctx.Late.Process(narrow(&o.sub, b, o.lates))
	}
	return nil
}

// add keeps a row of the window that ends at end, unless End rows come before it.
func (o *WindowRank) add(b *vec.Batch, row int, end int64) {
	pane := o.panes.Pane(end)
	o.key = binary.LittleEndian.AppendUint64(o.key[:0], uint64(millis(b.Cols[o.cfg.Window.Start].I64[row])))
	o.key = o.keys.append(o.key, b, row)
	r, created := pane.Upsert(o.key)
	p := pane.MutValue(r)
	if created {
		setWord(p, rankedID, int64(nextGroup(o.progress)))
	}
	count(p[rankedRows:], 1)
	seq, id := word(p, rankedNext), word(p, rankedID)
	setWord(p, rankedNext, seq+1)
	if o.cfg.Latest {
		seq = math.MaxInt64 - seq
	}
	o.at = appendID(appendOrdered(o.at[:0], end), id)
	o.at = appendID(o.order.append(o.at, b, row), seq)
	full := word(p, rankedKept) >= o.cfg.End
	if full {
		o.to = appendID(appendOrdered(o.to[:0], end), id+1)
		if !o.it.SeekBefore(o.to) || bytes.Compare(o.at, o.it.Key()) > 0 {
			return
		}
		o.key = append(o.key[:0], o.it.Key()...)
		o.rows.Delete(o.key)
		setWord(p, rankedKept, word(p, rankedKept)-1)
	}
	count(p[rankedKept:], 1)
	o.value = binary.LittleEndian.AppendUint64(reuse(o.value), uint64(b.ArrivalAt(row)))
	o.value = o.codec.append(o.value, b, row)
	o.rows.Put(o.at, o.value)
}

// fireUpTo emits the windows that end at or before bound, in the order of their ends.
func (o *WindowRank) fireUpTo(bound int64) error {
	if bound <= o.progress.Int64(progressClosed) {
		return nil
	}
	for {
		end, ok := o.panes.Min()
		if !ok || end > bound {
			break
		}
		if err := o.fire(end); err != nil {
			return err
		}
	}
	o.progress.SetInt64(progressClosed, bound)
	return o.emit.flush()
}

// fire emits and forgets the windows that end at end.
func (o *WindowRank) fire(end int64) error {
	o.to = appendOrdered(o.to[:0], end)
	id, n := int64(-1), int64(0)
	for ok := o.it.Seek(o.to); ok && bytes.HasPrefix(o.it.Key(), o.to); ok = o.it.Next() {
		if at := readID(o.it.Key()[8:]); at != id {
			id, n = at, 0
		}
		n++
		if n < o.cfg.Start {
			continue
		}
		v, row := o.it.Value(), o.emit.row()
		o.codec.decode(v[8:], o.emit.batch.Cols, row)
		if o.cfg.Rank {
			c := o.emit.batch.Cols[len(o.cfg.Input)]
			c.SetNotNull(row)
			c.I64[row] = n
		}
		if err := o.emit.keep(vec.Insert, word(v, 0)); err != nil {
			return err
		}
		o.relieve()
	}
	o.ledger.add(fired, o.held(end))
	o.at = appendOrdered(o.at[:0], end+1)
	o.rows.DeleteLeaves(o.to, o.at, o.relieve)
	o.panes.Drop(end)
	return nil
}

// held is the number of rows that came for the windows that end at end.
func (o *WindowRank) held(end int64) int64 {
	t, n := o.panes.Find(end), int64(0)
	t.Scan(func(r state.Row) bool {
		n += word(t.Value(r), rankedRows)
		o.relieve()
		return true
	})
	return n
}

// Watermark emits the windows that end at or before it.
func (o *WindowRank) Watermark(_ int, t int64) error {
	if t != Idle && (!o.cfg.Window.ProcTime || t == EndOfInput) {
		o.progress.SetInt64(progressWatermark, t)
		if err := o.calmly(o.fireUpTo, o.clock.closed(t)); err != nil {
			return err
		}
	}
	return o.ctx.Out.Watermark(t)
}

// Tick emits the processing-time windows that end at or before now.
func (o *WindowRank) Tick(now int64) error {
	if o.cfg.Window.ProcTime {
		if err := o.calmly(o.fireUpTo, o.clock.closed(now-1)); err != nil {
			return err
		}
	}
	return o.ctx.Out.Tick(now)
}

// Audit implements Audited; Open is counted in the panes.
func (o *WindowRank) Audit() Audit {
	return o.auditOpen(func() (n int64) {
		o.panes.Ascend(math.MinInt64, func(end int64, _ *state.Table) bool {
			n += o.held(end)
			return true
		})
		return n
	})
}
