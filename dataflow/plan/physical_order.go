package plan

import (
	"fmt"
	"math"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// SortKey is a column to order rows by. NULLs come first unless NullsLast.
type SortKey struct {
	Col             int
	Desc, NullsLast bool
}

// Rank is Top-N: of each partition the rows numbered Start to End by order. Its schema is
// the input, with WithRank followed by the number.
type Rank struct {
	base
	// Partition are columns of the input.
	Partition []int
	// Order is empty for the order of arrival.
	Order []SortKey
	// Start and End are numbers from 1 on, both included.
	Start, End int64
	WithRank   bool
	// Retract tells that the input carries -U and -D rows.
	Retract bool
	// EmitBefore tells to emit -U before +U.
	EmitBefore bool
	// Dedup tells that one row a key is kept by time alone: the first, or with KeepLast the
	// last. TimeCol is the event time column, -1 for arrival time.
	Dedup, KeepLast bool
	TimeCol         int
}

// WindowRank is Top-N and deduplication by window: as Rank, for each window by itself, whose
// rows are emitted when it closes.
type WindowRank struct {
	base
	// Window is attached.
	Window    Window
	Partition []int
	Order     []SortKey
	// Start and End are numbers from 1 on, both included.
	Start, End int64
	WithRank   bool
	// Latest lets the last to arrive of rows with equal sort keys come first.
	Latest bool
}

// OverFunc is the kind of a function over a window of rows.
type OverFunc uint8

// The functions: an aggregate, ROW_NUMBER, RANK, DENSE_RANK, LAG.
const (
	OverAgg OverFunc = iota
	OverRowNumber
	OverRank
	OverDenseRank
	OverLag
)

var overNames = [...]string{"aggregate", "ROW_NUMBER", "RANK", "DENSE_RANK", "LAG"}

// OverCall is a function over a window of rows.
type OverCall struct {
	// ID is the call's text over named columns.
	ID   string
	Func OverFunc
	// Agg is the aggregate of OverAgg, over columns of the input and literals.
	Agg *expr.AggCall
	// Col, Offset and Default are those of OverLag; a nil Default is NULL.
	Col     int
	Offset  int64
	Default *expr.Lit
}

// Over computes functions over the rows up to each row. Its schema is the input and the
// calls.
type Over struct {
	base
	// Partition are columns of the input.
	Partition []int
	// Order holds one time attribute, or any columns (Free).
	Order []SortKey
	// Free tells that rows are in an order other than that of time: a row that comes
	// between others changes the values of those behind it.
	Free bool
	// TimeCol is the event time column, -1 for arrival time.
	TimeCol int
	// Range makes rows of one time, or one sort key, peers.
	Range bool
	// Preceding is how many rows, or with Range ms, the frame begins before the current
	// row; negative for all.
	Preceding int64
	Calls     []OverCall
	// Retract and EmitBefore are for Free.
	Retract, EmitBefore bool
}

// SortMode says when a Sort emits its rows.
type SortMode uint8

// SortByTime emits rows when the watermark passes their event time, SortByArrival when
// their arrival time is over, SortAll when the input ends.
const (
	SortByTime SortMode = iota
	SortByArrival
	SortAll
)

// Sort emits rows in order, append-only.
type Sort struct {
	base
	SortMode SortMode
	// TimeCol is the event time column of SortByTime.
	TimeCol int
	// Order is what follows the time.
	Order []SortKey
	// Retract tells that the input carries -U and -D rows (SortAll).
	Retract bool
}

// Kind names the operator.
func (n *Rank) Kind() string {
	if n.Dedup {
		return "deduplicate"
	}
	return "rank"
}

// Kind names the operator.
func (n *WindowRank) Kind() string { return "window-rank" }

// Kind names the operator.
func (n *Over) Kind() string { return "over-aggregate" }

// Kind names the operator.
func (n *Sort) Kind() string { return "sort" }

// orderText prints sort keys.
func orderText(s Schema, keys []SortKey) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = s[k.Col].Name
		if k.Desc {
			parts[i] += " DESC"
		}
		if k.NullsLast != k.Desc {
			parts[i] += map[bool]string{true: " NULLS LAST", false: " NULLS FIRST"}[k.NullsLast]
		}
	}
	return strings.Join(parts, ", ")
}

// rangeText prints which rows of a partition are kept.
func rangeText(start, end int64) string {
	switch {
	case start == 1 && end == math.MaxInt64:
		return "all rows"
	case end == math.MaxInt64:
		return fmt.Sprintf("all but %d", start-1)
	case start == 1:
		return fmt.Sprintf("first %d", end)
	case start == end:
		return fmt.Sprintf("number %d", end)
	}
	return fmt.Sprintf("numbers %d to %d", start, end)
}

// partitionText prints PARTITION BY and ORDER BY.
func partitionText(s Schema, partition []int, order []SortKey) string {
	var parts []string
	if len(partition) > 0 {
		parts = append(parts, "partition by "+columnNames(s, partition))
	}
	if len(order) > 0 {
		parts = append(parts, "order by "+orderText(s, order))
	} else {
		parts = append(parts, "in order of arrival")
	}
	return strings.Join(parts, " ")
}

// frameText prints a frame.
func frameText(isRange bool, preceding int64) string {
	s := "rows"
	if isRange {
		s = "range"
	}
	switch {
	case preceding < 0:
		return s + " from the first"
	case isRange:
		return s + " of " + ms(preceding) + " before"
	}
	return fmt.Sprintf("%s from %d before", s, preceding)
}

// text prints a call over the columns of an input.
func (c OverCall) text(in labels) string {
	switch c.Func {
	case OverAgg:
		return in.call(c.Agg)
	case OverLag:
		out := fmt.Sprintf("LAG(%s, %d", in.shown[c.Col].Name, c.Offset)
		if c.Default != nil {
			out += ", " + c.Default.String()
		}
		return out + ")"
	}
	return overNames[c.Func] + "()"
}

func callsText(in labels, calls []OverCall) string {
	parts := make([]string, len(calls))
	for i, c := range calls {
		parts[i] = c.text(in)
	}
	return strings.Join(parts, ", ")
}
