package plan

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// orderedNode is *Rank, *WindowRank, *Over, *Sort or *UpsertMaterialize: what the planner
// asks of them.
type orderedNode interface {
	Node
	// inferKinds notes the input's row kinds and sets the operator's mode but for -U.
	inferKinds(in ChangelogMode)
	// takes tells whether the operator takes updates.
	takes() bool
	settle(before ChangelogMode)
	upsertKeys() [][]int
	text(in labels) string
	stateText() string
	meaning(l *lowering) []string
	layoutText(in Schema) string
}

// ordered lowers relOver, relRank and relSort.
func (l *lowering) ordered(r orderedRel) (Node, error) {
	in, err := l.node(r.input())
	if err != nil {
		return nil, err
	}
	switch r := r.(type) {
	case *relOver:
		return l.over(r, in)
	case *relSort:
		return l.sort(r, in)
	case *relRank:
		if r.win != nil {
			return l.windowRank(r, in)
		}
		return l.rank(r, in), nil
	}
	return nil, l.b.unsupported(l.owner.span, "this plan")
}

func (l *lowering) rank(r *relRank, in Node) Node {
	s := in.Base().Schema
	n := &Rank{Partition: r.partition, Order: r.order, Start: r.start, End: r.end, WithRank: r.withRank, TimeCol: -1}
	if timeOrder(s, r.order) == types.ProcTime {
		n.Order = nil
	}
	if len(r.order) == 1 && s[r.order[0].Col].Type.Attr == types.RowTime {
		n.TimeCol = r.order[0].Col
	}
	n.KeepLast = len(r.order) == 1 && r.order[0].Desc
	single := r.start == 1 && r.end == 1 && len(r.partition) > 0
	n.Dedup = single && (len(n.Order) == 0 || len(r.order) == 1 && s[r.order[0].Col].Type.IsTimeAttr())
	n.b.StateTTL, n.b.Stateful = l.ttl(r.ttl), true
	l.add(n, r.schema, in)
	return n
}

// ttl is the time to live of a hint, or else the pipeline's.
func (l *lowering) ttl(hint *time.Duration) time.Duration {
	if hint != nil {
		return *hint
	}
	return l.b.cfg.StateTTL
}

func (l *lowering) windowRank(r *relRank, in Node) (Node, error) {
	n := &WindowRank{Window: *r.win, Partition: r.partition, Order: r.order, Start: r.start, End: r.end, WithRank: r.withRank}
	n.Latest = r.end == 1 && len(r.order) == 1 && r.order[0].Desc && in.Base().Schema[r.order[0].Col].Type.IsTimeAttr()
	n.b.Stateful = true
	l.add(n, r.schema, in)
	return n, nil
}

func (l *lowering) over(r *relOver, in Node) (Node, error) {
	s := in.Base().Schema
	n := &Over{Partition: r.partition, Order: r.order, TimeCol: -1, Range: r.isRange, Preceding: r.preceding, Calls: slices.Clone(r.calls)}
	switch {
	case len(r.order) == 0:
		n.Range = false
	case timeOrder(s, r.order) == types.RowTime && len(r.order) == 1:
		n.TimeCol = r.order[0].Col
	case timeOrder(s, r.order) == types.ProcTime && len(r.order) == 1:
	default:
		n.Free = true
		for _, k := range r.order {
			if s[k.Col].Type.IsTimeAttr() {
				return nil, l.b.errorf(r.span, "a window of rows is ordered by one time attribute, ascending, or by columns that are none").
					WithHint("Top-N, a filter such as rn <= 10 on ROW_NUMBER(), takes any order")
			}
		}
	}
	n.b.Stateful, n.b.StateTTL = true, l.ttl(r.ttl)
	l.add(n, r.schema, in)
	return n, nil
}

func (l *lowering) sort(r *relSort, in Node) (Node, error) {
	s := in.Base().Schema
	n := &Sort{SortMode: SortAll, TimeCol: -1, Order: r.order}
	switch timeOrder(s, r.order) {
	case types.ProcTime:
		if len(r.order) == 1 {
			return in, nil // rows are in the order of arrival
		}
		n.SortMode, n.Order = SortByArrival, r.order[1:]
	case types.RowTime:
		n.SortMode, n.TimeCol, n.Order = SortByTime, r.order[0].Col, r.order[1:]
	}
	n.b.Stateful = true
	l.add(n, r.schema, in)
	return n, nil
}

// requireOrdered tells the input of an ordered node whether it needs -U rows.
func (l *lowering) requireOrdered(n orderedNode, in Node, needs map[Node]bool) error {
	if !n.takes() {
		return l.b.errorf(l.spanOf(n), "%s takes no updates, and %s yields them", describeOrdered(n), describe(updater(in)))
	}
	needs[in] = true
	return nil
}

func describeOrdered(n Node) string {
	switch n := n.(type) {
	case *WindowRank:
		return "Top-N by window"
	case *Over:
		if n.Free {
			return "OVER in the order of " + orderText(n.b.Schema, n.Order)
		}
		return "OVER in the order of time"
	case *Sort:
		return "ORDER BY time"
	case *Rank:
		if len(n.Partition) == 0 {
			return "LIMIT"
		}
		return "Top-N by " + columnNames(n.b.Schema, n.Partition)
	}
	return n.Kind()
}

// byPlace tells that rows are addressed by their number.
func (n *Rank) byPlace() bool { return n.WithRank || n.Start == n.End }

func (n *Rank) inferKinds(in ChangelogMode) {
	n.Retract = in.Updates()
	n.Dedup = n.Dedup && !n.Retract
	n.b.Mode = ModeInsert
	switch {
	case n.Dedup:
		if n.KeepLast || n.TimeCol >= 0 {
			n.b.Mode |= ModeUpdateAfter
		}
	case n.byPlace():
		if n.Retract || len(n.Order) > 0 {
			n.b.Mode |= ModeUpdateAfter
		}
		if n.Retract {
			n.b.Mode |= ModeDelete
		}
	case n.Retract || len(n.Order) > 0:
		n.b.Mode |= ModeDelete
	}
}

func (n *Rank) takes() bool { return true }

func (n *Rank) settle(before ChangelogMode) {
	n.EmitBefore = before != 0
	n.b.Mode |= before
}

func (n *Rank) upsertKeys() [][]int {
	switch {
	case n.WithRank:
		return [][]int{append(slices.Clone(n.Partition), len(n.b.Schema)-1)}
	case n.Start == n.End:
		return [][]int{slices.Clone(n.Partition)}
	}
	return n.b.Inputs[0].Base().Keys
}

func (n *Rank) text(from labels) string {
	in := from.shown
	if n.Dedup {
		s := "first"
		if n.KeepLast {
			s = "last"
		}
		s += " row by " + columnNames(in, n.Partition)
		if n.TimeCol >= 0 {
			return s + " in order of " + in[n.TimeCol].Name
		}
		return s + " in order of arrival"
	}
	return rangeText(n.Start, n.End) + " " + partitionText(in, n.Partition, n.Order) + retractText(n.Retract)
}

func retractText(retract bool) string {
	if retract {
		return " (takes rows back)"
	}
	return ""
}

func (n *Rank) stateText() string {
	switch {
	case n.Dedup && n.EmitBefore:
		return "a row of each key"
	case n.Dedup:
		return "the time of each key"
	case n.Retract:
		return "all rows of each partition"
	case len(n.Order) == 0:
		return "a number for each partition"
	}
	return rowsText(n.End) + " of each partition"
}

func (n *Rank) meaning(l *lowering) []string {
	return []string{l.keyText(n, n.Partition), l.orderMeaning(n, n.Order), fmt.Sprint(n.Start, n.End)}
}

func (l *lowering) orderMeaning(n Node, order []SortKey) string {
	s := ""
	for _, k := range order {
		s += l.lineage(n.Base().Inputs[0], k.Col) + fmt.Sprintf(" %v %v,", k.Desc, k.NullsLast)
	}
	return s
}

func colTypes(in Schema, cols []int) string {
	s := ""
	for _, c := range cols {
		s += in[c].Type.Plain().String() + ","
	}
	return s
}

func (n *Rank) layoutText(in Schema) string {
	s := fmt.Sprintf("keys %s dedup %v %v %v", colTypes(in, n.Partition), n.Dedup, n.KeepLast, n.TimeCol >= 0)
	if n.Dedup && !n.EmitBefore {
		return s
	}
	return s + fmt.Sprintf(" order %s row %v %d %v", colTypes(in, orderCols(n.Order)), in.Types(), n.End, n.Retract)
}

func (n *WindowRank) inferKinds(in ChangelogMode) { n.b.Mode = in }
func (n *WindowRank) takes() bool                 { return false }
func (n *WindowRank) settle(before ChangelogMode) {}
func (n *WindowRank) stateText() string {
	return rowsText(n.End) + " of each partition and window until the watermark passes"
}
func (n *WindowRank) meaning(l *lowering) []string {
	return []string{l.windowMeaning(n, n.Window), l.keyText(n, n.Partition), l.orderMeaning(n, n.Order), fmt.Sprint(n.Start, n.End)}
}

func (n *WindowRank) upsertKeys() [][]int {
	key := append(slices.Clone(n.Partition), n.Window.StartCol, n.Window.EndCol)
	switch {
	case n.WithRank:
		return [][]int{append(key, len(n.b.Schema)-1)}
	case n.Start == n.End:
		return [][]int{key}
	}
	return n.b.Inputs[0].Base().Keys
}

func (n *WindowRank) text(from labels) string {
	in := from.shown
	return rangeText(n.Start, n.End) + " " + partitionText(in, n.Partition, n.Order) + " in " + windowText(n.Window, in)
}

func (n *WindowRank) layoutText(in Schema) string {
	return fmt.Sprintf("keys %s order %s row %v %d", colTypes(in, n.Partition), colTypes(in, orderCols(n.Order)), in.Types(), n.End)
}

func (n *Over) inferKinds(in ChangelogMode) {
	n.Retract = in.Updates()
	if n.Retract && !n.Free && n.TimeCol >= 0 && n.freely() {
		// Rows that are taken back are not waited for: they are in the order of their times
		// like in that of any column.
		n.Free, n.TimeCol = true, -1
	}
	n.b.Mode = ModeInsert
	if n.Free {
		n.b.Mode |= ModeUpdateAfter
	}
	if n.Retract {
		n.b.Mode |= ModeDelete
	}
}

func (n *Over) takes() bool { return n.Free }

// freely tells whether the calls can be computed in any order of columns.
func (n *Over) freely() bool {
	return !(n.Range && n.Preceding >= 0) &&
		!slices.ContainsFunc(n.Calls, func(c OverCall) bool { return c.Func != OverAgg && c.Func != OverRowNumber })
}

func (n *Over) settle(before ChangelogMode) {
	n.EmitBefore = before != 0
	n.b.Mode |= before
}

func (n *Over) upsertKeys() [][]int { return n.b.Inputs[0].Base().Keys }

func (n *Over) text(in labels) string {
	return callsText(in, n.Calls) + " " + partitionText(in.shown, n.Partition, n.Order) + " " + frameText(n.Range, n.Preceding) + retractText(n.Retract)
}

func (n *Over) stateText() string {
	s := "the aggregates of each partition"
	switch {
	case n.Free:
		return s + " and all its rows"
	case n.Preceding >= 0:
		s += ", the rows of its frame"
	}
	if n.TimeCol >= 0 {
		s += ", rows until the watermark passes"
	}
	return s
}

func (n *Over) meaning(l *lowering) []string {
	return []string{l.keyText(n, n.Partition), l.orderMeaning(n, n.Order), fmt.Sprint(n.Range, n.Preceding)}
}

func (n *Over) layoutText(in Schema) string {
	s := fmt.Sprintf("keys %s order %s row %v %v %d %v", colTypes(in, n.Partition), colTypes(in, orderCols(n.Order)), in.Types(), n.Range, n.Preceding, n.Retract)
	for _, c := range n.Calls {
		s += "|" + c.ID
	}
	return s
}

func (n *Sort) inferKinds(in ChangelogMode) {
	n.Retract = in.Updates()
	n.b.Mode = AppendOnly
}

func (n *Sort) takes() bool                 { return n.SortMode == SortAll }
func (n *Sort) settle(before ChangelogMode) {}
func (n *Sort) upsertKeys() [][]int         { return n.b.Inputs[0].Base().Keys }

func (n *Sort) text(from labels) string {
	in := from.shown
	var keys []SortKey
	switch n.SortMode {
	case SortByTime:
		keys = append(keys, SortKey{Col: n.TimeCol})
	case SortAll:
		return "by " + orderText(in, n.Order) + " when the input ends"
	}
	s := orderText(in, append(keys, n.Order...))
	if n.SortMode == SortByArrival {
		s = "arrival, " + s
	}
	return "by " + s
}

func (n *Sort) stateText() string {
	return [...]string{"rows until the watermark passes", "rows until their ms is over", "all rows"}[n.SortMode%3]
}

func (n *Sort) meaning(l *lowering) []string {
	s := l.orderMeaning(n, n.Order)
	if n.TimeCol >= 0 {
		s = l.lineage(n.b.Inputs[0], n.TimeCol) + "," + s
	}
	return []string{s, strconv.Itoa(int(n.SortMode))}
}

func (n *Sort) layoutText(in Schema) string {
	return fmt.Sprintf("order %s row %v %v %d", colTypes(in, orderCols(n.Order)), in.Types(), n.Retract, n.SortMode)
}

// nameOverCalls gives the calls of an Over their identities.
func (l *lowering) nameOverCalls(n *Over) {
	in := n.b.Inputs[0]
	seen := map[string]int{}
	for i, c := range n.Calls {
		id := overNames[c.Func]
		switch c.Func {
		case OverAgg:
			id = l.textOfCall(c.Agg, in)
		case OverLag:
			id = fmt.Sprintf("LAG(%s, %d)", l.lineage(in, c.Col), c.Offset)
		}
		if seen[id]++; seen[id] > 1 {
			id += "." + strconv.Itoa(seen[id])
		}
		n.Calls[i].ID = id
	}
}

// warnOrder warns of state that grows, and of results that wait for the end of the input.
func (l *linter) warnOrder(n orderedNode) {
	switch n := n.(type) {
	case *Sort:
		if n.SortMode == SortAll {
			l.warn(sql.Span{}, "ORDER BY "+orderText(n.b.Schema, n.Order)+" emits its rows when the input ends; order by a time attribute, or add LIMIT")
		}
	case *Rank:
		if n.b.StateTTL == 0 && (len(n.Partition) > 0 || n.Retract) {
			l.warn(sql.Span{}, "the state of the "+n.Kind()+" grows with every new "+growth(n)+"; set table.exec.state.ttl")
		}
	case *UpsertMaterialize:
		if n.b.StateTTL == 0 {
			l.warn(sql.Span{}, "upsert-materialize keeps every row, since rows of the query have another key than the sink; set table.exec.state.ttl")
		}
	case *Over:
		switch {
		case n.b.StateTTL > 0:
		case n.Free:
			l.warn(sql.Span{}, "OVER in the order of "+orderText(n.b.Schema, n.Order)+" keeps every row; set table.exec.state.ttl, or order by a time attribute")
		case len(n.Partition) > 0:
			l.warn(sql.Span{}, "the state of OVER by "+columnNames(n.b.Schema, n.Partition)+" grows with every new partition; set table.exec.state.ttl")
		}
	}
}

func rowsText(n int64) string {
	if n == 1 {
		return "one row"
	}
	return strconv.FormatInt(n, 10) + " rows"
}

func growth(n *Rank) string {
	if n.Retract {
		return "row"
	}
	return "partition"
}

// textOfCall prints an aggregate by the lineage of its columns.
func (l *lowering) textOfCall(call *expr.AggCall, in Node) string {
	named := func(n expr.Node) expr.Node {
		if col, ok := n.(*expr.Col); ok {
			return rawName{l.lineage(in, col.Index), col}
		}
		return n
	}
	c := *call
	c.Args = nil
	for _, a := range call.Args {
		c.Args = append(c.Args, named(a))
	}
	if c.Filter != nil {
		c.Filter = named(c.Filter)
	}
	return c.String()
}

// orderedLineage prints column col of an ordered node.
func (l *lowering) orderedLineage(n orderedNode, col int) string {
	in := n.Base().Inputs[0]
	base := len(in.Base().Schema)
	if col < base {
		return l.lineage(in, col)
	}
	if o, ok := n.(*Over); ok {
		return o.Calls[col-base].ID
	}
	return n.Base().Schema[col].Name
}
