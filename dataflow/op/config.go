package op

import (
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// CalcConfig configures NewCalc: rows for which Filter is TRUE, projected. A nil Filter
// takes every row; a nil Project hands the columns on as they are.
type CalcConfig struct {
	Input   []types.Type
	Filter  expr.Node
	Project []expr.Node
	// Code, when set, is generated for Filter and Project, and does what they say.
	Code CalcCode
}

// CalcCode is generated code for a Calc.
type CalcCode interface {
	// Rows computes the rows of sel. It writes the numbers of those that pass the filter to
	// dst, which has room for them, and returns how many there are; their projections it
	// writes to out, whose vectors have been reset; those that expr.PassesOn are nil there
	// and not its own. It returns -1 when a row cannot be computed or is better left to the interpreter: the batch is.
	Rows(b *vec.Batch, sel []int32, out []*vec.Vector, dst []int32) int
}

// Ahead says what becomes of a row whose event time is further ahead of its arrival than
// the future guard allows. In no case does it move the watermark.
type Ahead uint8

// The choices of edgeflow.watermark.ahead.
const (
	AheadDeadLetter Ahead = iota
	AheadKeep
	AheadDrop
)

// WatermarkConfig configures NewWatermarkAssigner.
type WatermarkConfig struct {
	Input []types.Type
	// Time is the column of the event time; rows in which it is NULL are dead letters.
	Time int
	// Expr is the watermark of a row, a timestamp; nil is the event time itself.
	Expr expr.Node
	// OnEvent emits after each row that advances the watermark; else it is emitted before
	// the first row whose arrival lies past a multiple of IntervalMs, after a row that
	// advances it by more than IntervalMs, and by ticks.
	OnEvent    bool
	IntervalMs int64
	// Gap is, with OnEvent, the number of rows from one emission to the next; 0 and 1 are
	// every row.
	Gap int64
	// By is the column by whose value the watermark is aligned (the minimum over the values
	// seen); -1 for none. A value that had no row for ByIdleMs no longer counts; 0 is never.
	By       int
	ByIdleMs int64
	// IdleMs is the time without rows after which the source is idle; 0 is never.
	IdleMs int64
	// MaxBehindMs is how far, with By, a value may be behind the leading one and still hold
	// the watermark; 0 is any.
	MaxBehindMs int64
	// MaxAheadMs is the future guard, of event times and of rows' watermarks; 0 turns it off. ZoneMs, a part of it, is by how much
	// clocks that show the event time are ahead of UTC at most.
	MaxAheadMs, ZoneMs int64
	Ahead              Ahead
}

// WindowKind is the kind of a window.
type WindowKind uint8

// The kinds of windows. Attached takes the window from columns of the input.
const (
	Tumble WindowKind = iota
	Hop
	Cumulate
	Session
	Attached
)

// String is the name of the table function.
func (k WindowKind) String() string {
	return [...]string{"TUMBLE", "HOP", "CUMULATE", "SESSION", "ATTACHED"}[k]
}

// Window describes a window; all lengths in ms.
type Window struct {
	Kind WindowKind
	// Size is that of TUMBLE and HOP, the maximum of CUMULATE, the gap of SESSION. Slide
	// is that of HOP and the step of CUMULATE. Size is a multiple of Slide for CUMULATE.
	Size, Slide, Offset int64
	// Time is the time attribute's column. With ProcTime windows follow the arrival time
	// and Time is not read (-1).
	Time     int
	ProcTime bool
	// Local tells that the time attribute is TIMESTAMP_LTZ: windows are then aligned by the
	// wall clock of Env.Zone, and window_start and window_end are TIMESTAMP in that zone.
	Local bool
	// Start and End are the window columns of an Attached window, of type TIMESTAMP(3).
	Start, End int
}

// WindowProp is a window property appended to a window aggregate's output.
type WindowProp uint8

// The window properties. WindowStart and WindowEnd are TIMESTAMP(3); WindowTime, the end
// less 1 ms, and WindowProcTime, the time of the fire, have the type of the time attribute:
// TIMESTAMP(3) or, for Local windows and processing time, TIMESTAMP_LTZ(3).
const (
	WindowStart WindowProp = iota
	WindowEnd
	WindowTime
	WindowProcTime
)

// WindowTVFConfig configures NewWindowTVF, which appends window_start, window_end and
// window_time to each row, once for each window it is in. A SESSION is per value of the
// Keys (PARTITION BY) and emits its rows when it closes.
type WindowTVFConfig struct {
	Input []types.Type
	// Names are those of the input columns, for the inspection of state; they may be nil.
	Names  []string
	Window Window
	Keys   []int
}

// WindowAggConfig configures NewWindowAggregate (every kind but Session) and
// NewSessionAggregate. The output is the keys, the aggregates, and the properties.
type WindowAggConfig struct {
	Input []types.Type
	// Names are those of the input columns, for the inspection of state; they may be nil.
	Names  []string
	Window Window
	Keys   []int
	// Aggs have columns and literals as arguments and a column as filter.
	Aggs  []*expr.AggCall
	Props []WindowProp
	// Retracting tells that the input may hold -U and -D.
	Retracting bool
	// LatenessMs is how long after its end a window still takes rows: each revises the
	// window's result. It is 0 for windows of processing time and sessions.
	LatenessMs int64
}

// GroupAggConfig configures NewGroupAggregate. The output is the keys and the aggregates.
// Without keys nothing is emitted before the first row; when retractions empty the one
// group its row is deleted.
type GroupAggConfig struct {
	Input []types.Type
	// Names are those of the input columns, for the inspection of state; they may be nil.
	Names      []string
	Keys       []int
	Aggs       []*expr.AggCall
	Retracting bool
	// UpdateBefore makes updates emit -U before +U.
	UpdateBefore bool
	// TTLMs is the state's time to live after its last write, by arrival time; 0 is forever.
	TTLMs int64
	// MiniBatch coalesces the changes of a group within a batch.
	MiniBatch bool
}

// NormalizeConfig configures NewChangelogNormalize: an upsert stream, or a changelog with
// duplicates, becomes a regular changelog by primary key.
type NormalizeConfig struct {
	Input []types.Type
	// Names are those of the input columns, for the inspection of state; they may be nil.
	Names        []string
	Keys         []int
	UpdateBefore bool
	TTLMs        int64
}

// ValuesConfig configures NewValues, whose rows are literals; it emits them at Start.
type ValuesConfig struct {
	Output []types.Type
	Rows   [][]expr.Node
}
