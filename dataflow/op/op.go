package op

import (
	"math"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

const (
	// Idle in place of a watermark says that the input does not hold the watermark until
	// its next one.
	Idle int64 = math.MinInt64
	// EndOfInput is the watermark after the last row.
	EndOfInput int64 = math.MaxInt64
)

// Operator is a node of the running plan.
type Operator interface {
	// Open binds state and compiles expressions; it is called once, before all else.
	Open(c *Context) error
	// Process takes the rows of an input; b is valid during the call and not changed.
	Process(input int, b *vec.Batch) error
	// Watermark tells that no row with event time <= t follows on the input, in ms since
	// 1970: it grows from call to call, is Idle, or EndOfInput.
	Watermark(input int, t int64) error
	// Tick tells the arrival time of rows that might come now, in ms since 1970, while
	// none does. It does not decrease.
	Tick(now int64) error
	Close() error
}

// Output is an edge to what lies downstream. An operator forwards watermarks and ticks
// after what they made it emit.
type Output interface {
	Process(b *vec.Batch) error
	Watermark(t int64) error
	Tick(now int64) error
}

// RowErrors takes rows that cannot be computed. It returns an error when the pipeline is
// to fail instead.
type RowErrors interface {
	RowError(b *vec.Batch, row int, err error) error
}

// Context is what an operator gets from its host.
type Context struct {
	// Arena and ID bind the operator's state: ID is its stable identity.
	Arena *state.Arena
	ID    string
	Out   Output
	Env   *expr.Env
	// Errors takes dead letters; nil makes the first one fail the pipeline.
	Errors RowErrors
	// Results takes dead letters as Errors does: rows that the operator has made, in its output
	// schema, with values that are too large.
	Results RowErrors
	// Migrated is told when the state of another query has been taken over; it may be nil.
	Migrated func(Migration)
	// Late takes rows that are late for every window, in the operator's input schema; nil
	// drops them. Either way they are counted.
	Late Output
}

// Audit is an operator's part of the ledger, counted since the pipeline began and kept in
// its state. Rows counts input rows; of them Filtered were not selected, Failed could not
// be computed, Dropped were too far ahead of their arrival and dropped, Late were late for
// every window, Behind were too far behind for the watermark to wait for. Assigned counts pairs of row and window: Assigned = Fired + DroppedLate +
// Open, each counted by itself, Open read from the panes. Where they do not fit into memory
// they are not read: Open is then what the equation makes it, and Derived is set.
type Audit struct {
	Rows, Filtered, Failed, Dropped, Late, Behind int64
	Assigned, Fired, DroppedLate, Open            int64
	Derived                                       bool
}

// Balanced tells whether the equation holds. Derived, it tells that no more left the windows
// than came.
func (a Audit) Balanced() bool {
	return a.Assigned == a.Fired+a.DroppedLate+a.Open && a.Open >= 0
}

// Audited is an operator that keeps an Audit.
type Audited interface {
	Audit() Audit
}
