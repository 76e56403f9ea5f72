package plan

import (
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// MatchRecognize finds sequences of rows by a pattern, within partitions and in the order of
// time, and emits a row a match: the partition's columns and the measures.
type MatchRecognize struct {
	base
	Match
}

// Match is what a MATCH_RECOGNIZE clause says, over the columns of its input.
type Match struct {
	PartitionBy []int
	// TimeCol is the event time column; with ProcTime rows are in the order of their
	// arrival and it is -1.
	TimeCol  int
	ProcTime bool
	// Order sorts the rows of one instant.
	Order []MatchOrder
	Vars  []MatchVar
	// Slots are the columns over which the conditions of Vars and Measures are written.
	Slots    []MatchSlot
	Measures []expr.Node
	// WithinMs bounds a match: its last row is less than so many ms behind its first; 0 is
	// no bound.
	WithinMs int64
	Skip     MatchSkip
	// SkipVar is the variable of SkipToFirst and SkipToLast.
	SkipVar int
}

// MatchOrder is a column of the order behind the time attribute.
type MatchOrder struct {
	Col       int
	Desc      bool
	NullsLast bool
}

// MatchVar is a variable of the pattern with its quantifier. Variables follow each other
// without rows between.
type MatchVar struct {
	Name string
	// Min and Max bound the number of rows; Max is -1 for any number.
	Min, Max int
	// Greedy tells that no row begins the next variable while it meets this one's
	// condition.
	Greedy bool
	// Define is the condition over Slots; nil is TRUE.
	Define expr.Node
}

// String prints the variable with its quantifier.
func (v MatchVar) String() string {
	q := ""
	switch {
	case v.Min == 1 && v.Max == 1:
		return v.Name
	case v.Min == 0 && v.Max == 1:
		return v.Name + "?"
	case v.Min == 0 && v.Max < 0:
		q = "*"
	case v.Min == 1 && v.Max < 0:
		q = "+"
	case v.Max < 0:
		q = fmt.Sprintf("{%d,}", v.Min)
	case v.Min == v.Max:
		return fmt.Sprintf("%s{%d}", v.Name, v.Min)
	default:
		q = fmt.Sprintf("{%d,%d}", v.Min, v.Max)
	}
	if !v.Greedy {
		q += "?"
	}
	return v.Name + q
}

// MatchSlotKind is the kind of a MatchSlot.
type MatchSlotKind uint8

// The kinds of slots: a value of a row of the match, an aggregate over its rows, and the
// time at which the match was found, in event time or processing time.
const (
	SlotRow MatchSlotKind = iota
	SlotAggregate
	SlotRowTime
	SlotProcTime
)

// AnyVar in a MatchSlot stands for the rows of all variables.
const AnyVar = -1

// MatchSlot is a value that is computed from the rows of a match. While a condition is
// tried, the row in hand counts as the last row of its variable.
type MatchSlot struct {
	Kind MatchSlotKind
	// Var tells whose rows: a variable, or AnyVar.
	Var int
	// Col is the column of a SlotRow. The row is the Offset-th from the first (or with Last
	// from the last) of the variable's rows, and then Back rows further up in the
	// partition; NULL when there is none.
	Col, Offset, Back int
	Last              bool
	// Call is the aggregate, over columns of the input.
	Call *expr.AggCall
}

// MatchSkip tells where matching goes on behind a match.
type MatchSkip uint8

// The choices of AFTER MATCH SKIP.
const (
	SkipPastLast MatchSkip = iota
	SkipToNext
	SkipToFirst
	SkipToLast
)

// Kind names the operator.
func (*MatchRecognize) Kind() string { return "match-recognize" }

// patternText prints the pattern.
func (m *Match) patternText() string {
	parts := make([]string, len(m.Vars))
	for i, v := range m.Vars {
		parts[i] = v.String()
	}
	return strings.Join(parts, " ")
}

// skipText prints AFTER MATCH.
func (m *Match) skipText() string {
	switch m.Skip {
	case SkipToNext:
		return "skip to next row"
	case SkipToFirst:
		return "skip to first " + m.Vars[m.SkipVar].Name
	case SkipToLast:
		return "skip to last " + m.Vars[m.SkipVar].Name
	}
	return "skip past last row"
}

// text prints the clause over its input's columns.
func (m *Match) text(in Schema) string {
	var b strings.Builder
	fmt.Fprintf(&b, "(%s)", m.patternText())
	if len(m.PartitionBy) > 0 {
		b.WriteString(" partition by " + columnNames(in, m.PartitionBy))
	}
	if m.ProcTime {
		b.WriteString(" order by arrival")
	} else {
		b.WriteString(" order by " + in[m.TimeCol].Name)
	}
	for _, o := range m.Order {
		b.WriteString(", " + in[o.Col].Name)
		if o.Desc {
			b.WriteString(" DESC")
		}
	}
	if m.WithinMs > 0 {
		b.WriteString(" within " + ms(m.WithinMs))
	}
	for _, v := range m.Vars {
		if v.Define != nil {
			fmt.Fprintf(&b, ", %s AS %s", v.Name, v.Define)
		}
	}
	return b.String() + ", " + m.skipText()
}

// stateText is what a match keeps.
func (n *MatchRecognize) stateText() string {
	s := "rows of matches that have begun"
	if n.WithinMs > 0 {
		s += ", for " + ms(n.WithinMs)
	} else {
		s += ", until they end"
	}
	if !n.ProcTime {
		s += ", rows until the watermark passes"
	}
	return fmt.Sprintf("%s, layout %016x", s, n.b.Layout)
}
