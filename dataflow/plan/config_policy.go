package plan

// LatePolicy says what happens to a row whose windows have all been fired.
type LatePolicy uint8

// Late rows are dropped and counted, diverted to the pipeline's late output, or fire a
// revised result as long as the allowed lateness lasts.
const (
	LateDrop LatePolicy = iota
	LateDivert
	LateCorrect
)

var lateNames = []string{"drop", "divert", "correct"}

// String is the policy as the option takes it.
func (p LatePolicy) String() string { return lateNames[p%3] }

// AheadPolicy says what happens to a row whose event time is too far ahead of its
// arrival time.
type AheadPolicy uint8

// Such a row is a dead letter, passes without moving the watermark, or is dropped.
const (
	AheadDeadLetter AheadPolicy = iota
	AheadKeep
	AheadDrop
)

var aheadNames = []string{"dead-letter", "keep", "drop"}

// String is the policy as the option takes it.
func (p AheadPolicy) String() string { return aheadNames[p%3] }

// RowErrorPolicy says what happens to a row that cannot be computed.
type RowErrorPolicy uint8

// Such a row is a dead letter, or stops the pipeline.
const (
	RowErrorDeadLetter RowErrorPolicy = iota
	RowErrorFail
)

var rowErrorNames = []string{"dead-letter", "fail"}

// String is the policy as the option takes it.
func (p RowErrorPolicy) String() string { return rowErrorNames[p&1] }

// NotNullEnforcer says what happens to a NULL in a NOT NULL column of a sink.
type NotNullEnforcer uint8

// The row cannot be written (it follows the row error policy), or is dropped.
const (
	NotNullError NotNullEnforcer = iota
	NotNullDrop
)

var notNullNames = []string{"error", "drop"}

// String is the policy as the option takes it.
func (p NotNullEnforcer) String() string { return notNullNames[p&1] }

// LengthEnforcer says what happens to a cell of another length than its sink column's.
type LengthEnforcer uint8

// The cell is written as it is, cut or padded, or the row cannot be written.
const (
	LengthIgnore LengthEnforcer = iota
	LengthTrimPad
	LengthError
)

var lengthNames = []string{"ignore", "trim-pad", "error"}

// String is the policy as the option takes it.
func (p LengthEnforcer) String() string { return lengthNames[p%3] }

// NestedEnforcer says how deep the constraints of a sink's columns are looked at.
type NestedEnforcer uint8

// The columns themselves; the fields of rows too; and the elements of collections too.
const (
	NestedIgnore NestedEnforcer = iota
	NestedRows
	NestedCollections
)

var nestedNames = []string{"ignore", "rows", "rows-and-collections"}

// String is the policy as the option takes it.
func (p NestedEnforcer) String() string { return nestedNames[p%3] }

// LimitPolicy says what happens when an output's budget is used up.
type LimitPolicy uint8

// The pipeline stops reading, or the oldest rows are dropped and counted.
const (
	LimitBackpressure LimitPolicy = iota
	LimitDropOldest
)

var limitNames = []string{"backpressure", "drop-oldest"}

// String is the policy as the option takes it.
func (p LimitPolicy) String() string { return limitNames[p&1] }
