package op

import (
	"encoding/binary"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// OverFunc is the kind of a function over a window of rows.
type OverFunc uint8

// The functions: an aggregate, ROW_NUMBER, RANK, DENSE_RANK, and LAG.
const (
	OverAgg OverFunc = iota
	OverRowNumber
	OverRank
	OverDenseRank
	OverLag
)

// OverCall is a function over a window of rows.
type OverCall struct {
	Func OverFunc
	// Agg is the aggregate of OverAgg, with columns and literals as arguments.
	Agg *expr.AggCall
	// Col, Offset and Default are those of OverLag: the column's value Offset rows before,
	// Default where there is none; nil is NULL.
	Col     int
	Offset  int64
	Default *expr.Lit
}

// OverConfig configures NewOver and NewFreeOver. The output is the input and the calls.
type OverConfig struct {
	Input []types.Type
	// Names are those of the input columns, for the inspection of state; they may be nil.
	Names []string
	Keys  []int
	// Time is the event time column that rows are ordered by, -1 for arrival time.
	Time int
	// Order is the order of NewFreeOver.
	Order []SortKey
	// Range makes rows of one time (or one sort key) peers, which see each other.
	Range bool
	// Preceding is how many rows, or with Range ms, the frame begins before the current
	// row; negative for all.
	Preceding int64
	Calls     []OverCall
	// Retracting and UpdateBefore are for NewFreeOver.
	Retracting, UpdateBefore bool
	TTLMs                    int64
}

// overRow is the state of a partition: {id i64, time of the last row i64, last write i64
// ms, rows in the frame i64, rows so far i64, rank i64, dense rank i64, end of life i64 ms,
// rows that wait i64, states of the AggSet}.
const (
	overID    = 0
	overLast  = 8
	overWrite = 16
	overFrame = 24
	overCount = 32
	overRank  = 40
	overDense = 48
	overEnd   = 56
	overWaits = 64
	overHead  = 72
)

// overCalls computes the calls of a partition.
type overCalls struct {
	calls  []OverCall `scratch:"from the configuration"`
	set    *expr.AggSet
	store  expr.AggStore  `scratch:"bound to the heap and the tree"`
	lags   *state.Ordered // id, call u16, place u32 -> encoded value
	lagged []types.Field  `scratch:"of the calls' values"`
	lagAt  int            `scratch:"where a partition keeps the id of its lags"`

	datum [1]vec.Datum  `scratch:"a value in hand"`
	batch vec.Batch     `scratch:"a row in hand"`
	kinds []vec.RowKind `scratch:"its kind"`
	st    [][]byte      `scratch:"its state"`
	aggs  []*vec.Vector `scratch:"results of the AggSet"`
	key   []byte        `scratch:"a key of lags"`
	value []byte        `scratch:"a value of lags"`
}

func newOverCalls(cfg OverConfig, env *expr.Env, retracting bool) (*overCalls, error) {
	c := &overCalls{calls: cfg.Calls, kinds: make([]vec.RowKind, 1), st: make([][]byte, 1)}
	var aggs []*expr.AggCall
	for _, call := range cfg.Calls {
		c.lagged = append(c.lagged, types.Field{Name: "value"})
		switch call.Func {
		case OverAgg:
			aggs = append(aggs, call.Agg)
		case OverLag:
			c.lagged[len(c.lagged)-1].Type = cfg.Input[call.Col]
		}
	}
	var err error
	c.set, err = expr.NewAggSet(aggs, env, retracting)
	c.batch = *vec.NewBatch(cfg.Input)
	c.batch.N = 1
	return c, err
}

// describe adds a partition's state to a layout.
func (c *overCalls) describe(l *layout) {
	l.add("partitions", "last write", "BIGINT", false, overWrite, 8)
	l.add("partitions", "rows", "BIGINT", false, overCount, 8)
	l.aggs("partitions", c.set, overHead)
	for i, call := range c.calls {
		if call.Func == OverLag {
			l.add("lags", fmt.Sprintf("call %d, column %d, offset %d", i, call.Col, call.Offset), "value", false, i, 0)
		}
	}
}

// bind opens what the calls keep beside the partitions.
func (c *overCalls) bind(s *state.Space, heap *state.Heap) {
	c.store.Heap = heap
	if c.set.NeedsTree() {
		c.store.Tree = s.Ordered("tree", state.OrderedSpec{ValueSize: -1})
	}
	for _, call := range c.calls {
		if call.Func == OverLag && c.lags == nil {
			c.lags = s.Ordered("lags", state.OrderedSpec{ValueSize: -1})
		}
	}
}

// types are those of the results.
func (c *overCalls) types(in []types.Type) []types.Type {
	out := make([]types.Type, len(c.calls))
	for i, call := range c.calls {
		switch call.Func {
		case OverAgg:
			out[i] = call.Agg.T
		case OverLag:
			out[i] = in[call.Col].Nullable().Plain()
		default:
			out[i] = types.TBigInt
		}
	}
	return out
}

// release frees what a partition keeps outside of its row.
func (c *overCalls) release(v []byte) {
	c.set.Release(&c.store, v[overHead:])
	if c.lags != nil {
		c.key = appendID(c.key[:0], word(v, c.lagAt))
		c.value = appendID(c.value[:0], word(v, c.lagAt)+1)
		c.lags.DeleteRange(c.key, c.value)
	}
}

// update adds a row of b to a partition, or takes it back.
func (c *overCalls) update(v []byte, b *vec.Batch, row int, retract bool) {
	c.st[0] = v[overHead:]
	if !retract {
		c.set.Update(&c.store, b, c.st, every[row:row+1])
		return
	}
	// Only rows that were kept are taken back: they are in c.batch.
	c.kinds[0] = vec.Delete
	c.batch.Kinds = c.kinds
	c.set.Update(&c.store, &c.batch, c.st, every[:1])
	c.batch.Kinds = nil
}

// load decodes a kept row to c.batch.
func (c *overCalls) load(codec *rowCodec, row []byte) {
	for _, v := range c.batch.Cols {
		v.Reset()
	}
	codec.decode(row, c.batch.Cols, 0)
}

// number counts a row; peer tells that it has the order of the row before it.
func (c *overCalls) number(v []byte, b *vec.Batch, row int, peer bool) {
	n := word(v, overCount)
	for i, call := range c.calls {
		if call.Func != OverLag {
			continue
		}
		c.datum[0] = b.Cols[call.Col].Get(row)
		c.value = vec.AppendRow(c.value[:0], c.lagged[i:i+1], c.datum[:])
		c.lags.Put(c.lagKey(v, i, n), c.value)
	}
	setWord(v, overCount, n+1)
	if !peer || n == 0 {
		setWord(v, overRank, n+1)
		count(v[overDense:], 1)
	}
}

// lagKey is where call i keeps the value of the n-th row, from 0: one of Offset + 1 places.
func (c *overCalls) lagKey(v []byte, i int, n int64) []byte {
	c.key = binary.BigEndian.AppendUint16(appendID(c.key[:0], word(v, c.lagAt)), uint16(i))
	c.key = binary.BigEndian.AppendUint32(c.key, uint32(n%(c.calls[i].Offset+1)))
	return c.key
}

// result writes the values of the calls to row of out, the columns behind the input's.
// The error is that of an AggSet.
func (c *overCalls) result(v []byte, out []*vec.Vector, row int) error {
	c.aggs = c.aggs[:0]
	for i, call := range c.calls {
		col := out[i]
		switch call.Func {
		case OverAgg:
			c.aggs = append(c.aggs, col)
		case OverLag:
			col.Set(row, c.lag(v, i))
		default:
			col.SetNotNull(row)
			col.I64[row] = word(v, numberAt[call.Func])
		}
	}
	return c.set.Result(&c.store, v[overHead:], c.aggs, row)
}

// numberAt is where a partition keeps the value of a ranking function.
var numberAt = [...]int{OverRowNumber: overCount, OverRank: overRank, OverDenseRank: overDense}

// lag is the value of call i.
func (c *overCalls) lag(v []byte, i int) vec.Datum {
	call := c.calls[i]
	if n := word(v, overCount) - 1 - call.Offset; n >= 0 {
		if b, ok := c.lags.Get(c.lagKey(v, i, n)); ok {
			return vec.RowAt(b, c.lagged[i:i+1], 0)
		}
	}
	if call.Default == nil {
		return vec.NullDatum
	}
	return call.Default.Value
}
