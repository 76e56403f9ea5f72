package plan

import (
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// Plan is the physical plan of a script.
type Plan struct {
	// Source is the script's text.
	Source *sql.Source
	// Catalog holds the tables and views as they stand at the end of the script.
	Catalog *Catalog
	// Config holds the options that SET statements and Options gave.
	Config Config
	// Nodes are the operators, each once, every one behind its inputs. A Node's Ordinal is
	// its index here.
	Nodes []Node
	// Sources and Sinks are those of Nodes, in order. A bare SELECT writes to a Sink whose
	// Table is named "result" and has Synthetic set.
	Sources []*Source
	Sinks   []*Sink
	// Explains holds the statements that EXPLAIN named, planned on their own.
	Explains []*Explained
	// Warnings is what works but deserves a second look.
	Warnings []Warning

	logical, optimized []target // for Explain
}

// Explained is the target of an EXPLAIN statement.
type Explained struct {
	Details []string
	Plan    *Plan
}

// Edge leads from an operator to input Input of Node.
type Edge struct {
	Node  Node
	Input int
}

// Consumers lists, for each of Nodes by ordinal, the edges that leave it.
func (p *Plan) Consumers() [][]Edge {
	out := make([][]Edge, len(p.Nodes))
	for _, n := range p.Nodes {
		for i, in := range n.Base().Inputs {
			o := in.Base().Ordinal
			out[o] = append(out[o], Edge{n, i})
		}
	}
	return out
}

// Column is a column of a Schema.
type Column struct {
	Name string
	Type types.Type
}

// Schema is the row that an operator emits. Names need not be unique.
type Schema []Column

// Types lists the columns' types.
func (s Schema) Types() []types.Type {
	out := make([]types.Type, len(s))
	for i, c := range s {
		out[i] = c.Type
	}
	return out
}

// Names lists the columns' names.
func (s Schema) Names() []string {
	out := make([]string, len(s))
	for i, c := range s {
		out[i] = c.Name
	}
	return out
}

// RowTime is the index of the first event time attribute, or -1.
func (s Schema) RowTime() int {
	for i, c := range s {
		if c.Type.Attr == types.RowTime {
			return i
		}
	}
	return -1
}

// Node is an operator of the physical plan: one of *Source, *Values, *Calc,
// *WatermarkAssigner, *WindowTVF, *WindowAggregate, *GroupAggregate, *Union,
// *Join, a BoundedJoin, *MatchRecognize, *ChangelogNormalize, *DropUpdateBefore and *Sink.
type Node interface {
	Base() *Base
	// Kind names the operator in identities, plans and metrics: "window-aggregate".
	Kind() string
}

// Base is what all operators have.
type Base struct {
	// ID is the stable identity under which state is kept; unique in the plan.
	ID string
	// Layout is a hash of what the operator's state rows are made of; equal hashes mean
	// that state can be taken over as it is.
	Layout uint64
	// Ordinal is the index in Plan.Nodes.
	Ordinal int
	// Inputs are the operators that feed this one, by input number.
	Inputs []Node
	// Schema is the row that the operator emits (that a Sink takes).
	Schema Schema
	// Mode is the set of row kinds that the operator emits (that a Sink receives).
	Mode ChangelogMode
	// Keys are sets of columns of Schema, each of which identifies a row of the changelog's
	// table: the upsert keys. Empty when there is none.
	Keys [][]int
	// StateTTL is how long state that is not touched is kept; 0 is for ever.
	StateTTL time.Duration
	// Stateful tells that the operator keeps state under ID.
	Stateful bool

	uid string
}

// Source reads a table. Its schema is Columns; computed columns follow in a Calc and
// watermarks in a WatermarkAssigner behind it.
type Source struct {
	base
	Table *Table
	// Columns are the physical and metadata columns that the query uses, in the order of
	// the schema. The decoder skips everything else.
	Columns []SourceColumn
}

// SourceColumn is one column that a source delivers.
type SourceColumn struct {
	// Column is the index in Table.Columns.
	Column int
	// Path leads from the message's root to the value: the column's name, and for a
	// projected nested field the fields below it.
	Path []string
	// Type is the value's type.
	Type types.Type
	// Metadata is the key of a metadata column, "" for a physical one.
	Metadata string
}

// Values yields fixed rows once, at the start of the pipeline. Cells are expressions
// without columns.
type Values struct {
	base
	Rows [][]expr.Node
}

// Calc drops the rows for which Filter is not TRUE and computes Project for the others.
type Calc struct {
	base
	// Project yields Schema; a bare column is passed through.
	Project []expr.Node
	// Filter is over the input's columns; nil keeps all.
	Filter expr.Node
}

// WatermarkStrategy tells when a watermark is emitted.
type WatermarkStrategy uint8

// On-periodic emits before the first row past a grid boundary of arrival time, on-event
// after each row.
const (
	OnPeriodic WatermarkStrategy = iota
	OnEvent
)

// String is the strategy as the option takes it.
func (s WatermarkStrategy) String() string {
	return [...]string{"on-periodic", "on-event"}[s&1]
}

// WatermarkAssigner passes rows on and follows the event time column with watermarks.
type WatermarkAssigner struct {
	base
	// TimeCol is the event time column of the input; a NULL in it is a dead letter.
	TimeCol int
	// Expr yields a row's watermark as a timestamp, over the input. Nil when the source
	// itself delivers watermarks (SOURCE_WATERMARK()).
	Expr     expr.Node
	Strategy WatermarkStrategy
	// Interval is the grid of OnPeriodic, Gap the number of rows from one watermark of
	// OnEvent to the next.
	Interval time.Duration
	Gap      int64
	// IdleTimeout marks the input idle when nothing arrived for so long; 0 is never.
	IdleTimeout time.Duration
	// By is empty or one column of the input, per value of which watermarks are kept and
	// aligned by minimum; ByTimeout expires a value that is silent. MaxBehind is how far a
	// value may be behind the leading one for the others to wait for it; 0 is any.
	By                   []int
	ByTimeout, MaxBehind time.Duration
	// MaxAhead is how far event time and a row's watermark may be ahead of arrival time; 0 is any. Rows beyond
	// do not move the watermark and go where Ahead says.
	MaxAhead time.Duration
	Ahead    AheadPolicy
}

// WindowKind is the kind of a window.
type WindowKind uint8

// The kinds of windows.
const (
	Tumble WindowKind = iota
	Hop
	Cumulate
	Session
)

// String is the SQL name.
func (k WindowKind) String() string {
	return [...]string{"TUMBLE", "HOP", "CUMULATE", "SESSION"}[k&3]
}

// Window says which windows a row belongs to. Durations are in milliseconds.
type Window struct {
	Kind WindowKind
	// TimeCol is the time attribute of the input; -1 for attached windows.
	TimeCol int
	// StartCol and EndCol are the columns of the input that hold the bounds of a window
	// assigned before (attached windows); both -1 otherwise.
	StartCol, EndCol int
	// ProcTime tells that rows belong to windows by arrival time.
	ProcTime bool
	// Group tells a group window, as in GROUP BY TUMBLE(ts, ...).
	Group bool
	// LTZ tells that the time attribute is a TIMESTAMP_LTZ, so that windows are aligned in
	// the session's time zone.
	LTZ bool
	// Size is a window's length (CUMULATE: the longest; SESSION: the gap), Slide the
	// distance of starts (HOP) or the step (CUMULATE), Offset shifts the starts.
	Size, Slide, Offset int64
	// Pane is the slice that windows are put together from: gcd(Size, Slide) for HOP, the
	// step for CUMULATE, Size for TUMBLE, 0 for SESSION.
	Pane int64
}

// Attached tells windows that were assigned before, by columns of the input.
func (w Window) Attached() bool { return w.StartCol >= 0 }

// WindowTVF appends window_start, window_end and window_time to each row, once for each
// window that the row belongs to. Its input is append-only, or what it says is passed on.
type WindowTVF struct {
	base
	Window Window
	// PartitionBy are the columns of the input by which sessions are kept apart.
	PartitionBy []int
}

// Aggregate is one aggregate of an operator.
type Aggregate struct {
	// ID is the call's text over named columns: state is matched by it when a query
	// changes.
	ID string
	// Call has columns of the operator's input, or literals, as arguments and filter.
	Call *expr.AggCall
}

// WindowProp is a property of the window in the output of a WindowAggregate.
type WindowProp uint8

// The window properties. Start and End are TIMESTAMP(3); Time is End - 1 ms, an event
// time attribute (for windows by arrival time a processing time attribute).
const (
	PropStart WindowProp = iota
	PropEnd
	PropTime
)

// String is the property's column name.
func (p WindowProp) String() string {
	return [...]string{"window_start", "window_end", "window_time"}[p%3]
}

// WindowAggregate aggregates by Keys within windows and emits a row a key and window when
// the watermark (or arrival time) passes the window's end. Its schema is the keys, the
// aggregates, the properties. With Window.Kind Session, sessions are kept by Keys.
type WindowAggregate struct {
	base
	Window Window
	// Keys are columns of the input.
	Keys  []int
	Aggs  []Aggregate
	Props []WindowProp
	// Retract tells that the input carries -U and -D rows.
	Retract bool
	// Late says what happens to late rows. With LateCorrect a window still takes rows for
	// AllowedLateness after its end, each of which revises its result; it is 0 otherwise.
	Late            LatePolicy
	AllowedLateness time.Duration
}

// GroupAggregate keeps aggregates by Keys for ever (or StateTTL) and emits changes. Its
// schema is the keys, the aggregates. Without Keys it is one group, which exists from the
// first row on. Without Aggs it removes duplicates.
type GroupAggregate struct {
	base
	Keys []int
	Aggs []Aggregate
	// Retract tells that the input carries -U and -D rows; a group whose rows are all taken
	// back is deleted.
	Retract bool
	// EmitBefore tells to emit -U before +U.
	EmitBefore bool
	// MiniBatch coalesces the changes of a batch.
	MiniBatch bool
}

// Union merges its inputs, which have the same schema.
type Union struct{ base }

// ChangelogNormalize turns an upsert stream into one with former images and without
// duplicates: it keeps the last row by Keys.
type ChangelogNormalize struct {
	base
	// KeyCols are the columns of the input that identify a row.
	KeyCols []int
	// EmitBefore tells to emit -U before +U.
	EmitBefore bool
	MiniBatch  bool
}

// DropUpdateBefore drops -U rows.
type DropUpdateBefore struct {
	base
	// AsDelete tells that a -U is only dropped when the next row is its +U with the same
	// KeyCols, and passed on as -D otherwise: a filter below may have taken the +U away, or
	// the update has moved the row to another key.
	AsDelete bool
	KeyCols  []int
}

// Sink hands rows to a table. Its input already has the table's types and order: Schema
// is the table's physical and writable metadata columns.
type Sink struct {
	base
	// Name is the output's name: the table's, with an ordinal when several INSERTs write
	// to it.
	Name  string
	Table *Table
	// Metadata are, by column of Schema, the keys of metadata columns, "" for physical ones.
	Metadata []string
	// PrimaryKey are the columns of Schema that make the table's primary key, if any.
	PrimaryKey []int
	// Upserts tells that the sink gets no -U rows and addresses rows by PrimaryKey.
	Upserts bool
	// NotNull are the columns that must not be NULL though the query might yield it;
	// Enforcer says what happens to such a row.
	NotNull  []int
	Enforcer NotNullEnforcer
	// Lengths says what happens to CHAR, VARCHAR, BINARY and VARBINARY cells of another
	// length than declared.
	Lengths LengthEnforcer
	// Nested says how deep inside rows and collections both hold.
	Nested NestedEnforcer
	// Overwrite is INSERT OVERWRITE.
	Overwrite bool
	// Partition holds the static values of INSERT's PARTITION clause by column name.
	Partition map[string]string
	// Compaction says how rows that wait are merged; nil when they are not.
	Compaction *Compaction
}

type base struct{ b Base }

// Base is what all operators have.
func (b *base) Base() *Base { return &b.b }

// Kind names the operator.
func (*Source) Kind() string { return "source" }

// Kind names the operator.
func (*Values) Kind() string { return "values" }

// Kind names the operator.
func (*Calc) Kind() string { return "calc" }

// Kind names the operator.
func (*WatermarkAssigner) Kind() string { return "watermark-assigner" }

// Kind names the operator.
func (*WindowTVF) Kind() string { return "window-tvf" }

// Kind names the operator.
func (n *WindowAggregate) Kind() string {
	if n.Window.Kind == Session && !n.Window.Attached() {
		return "session-aggregate"
	}
	return "window-aggregate"
}

// Kind names the operator.
func (*GroupAggregate) Kind() string { return "group-aggregate" }

// Kind names the operator.
func (*Union) Kind() string { return "union" }

// Kind names the operator.
func (*ChangelogNormalize) Kind() string { return "changelog-normalize" }

// Kind names the operator.
func (*DropUpdateBefore) Kind() string { return "drop-update-before" }

// Kind names the operator.
func (*Sink) Kind() string { return "sink" }
