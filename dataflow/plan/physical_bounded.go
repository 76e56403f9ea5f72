package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// BoundedSides is what the joins bounded by time or by a table's version have in common.
// Their schema is the left's columns and then, but for semi and anti joins, the right's.
type BoundedSides struct {
	base
	JoinKind JoinKind
	// LeftKeys and RightKeys are columns of the inputs that must be equal, pair by pair, of
	// the same types.
	LeftKeys, RightKeys []int
	// NullSafe tells for each pair whether NULL matches NULL.
	NullSafe []bool
	// Cond is what rows must meet besides, over the columns of the left followed by those of
	// the right; nil for none.
	Cond expr.Node

	shape string // what else the layout of the state depends on
}

// BoundedJoin is *IntervalJoin, *WindowJoin, *TemporalJoin or *LookupJoin.
type BoundedJoin interface {
	Node
	Sides() *BoundedSides
	upsertKeys() [][]int
	meaning(l *lowering) string
	text(in labels) string
	stateText() string
}

// Sides is what all of them have.
func (n *BoundedSides) Sides() *BoundedSides { return n }

func (n *BoundedSides) schemas() (left, right Schema) {
	return n.b.Inputs[0].Base().Schema, n.b.Inputs[1].Base().Schema
}

func (n *BoundedSides) keysText(in labels) string {
	left, right := n.sides(in)
	return n.JoinKind.String() + joinKeysText(left, right, n.LeftKeys, n.RightKeys, n.NullSafe)
}

// sides are the labels of the left and the right.
func (n *BoundedSides) sides(in labels) (left, right Schema) {
	at := len(n.b.Inputs[0].Base().Schema)
	return in.shown[:at], in.shown[at:]
}

func (n *BoundedSides) condText(in labels) string {
	if n.Cond == nil {
		return ""
	}
	return " where " + in.text(n.Cond)
}

// keysBy are the upsert keys where rows match by the given columns.
func (n *BoundedSides) keysBy(left, right []int) [][]int {
	return (&Join{base: n.base, JoinKind: n.JoinKind, LeftKeys: left, RightKeys: right}).upsertKeys()
}

func (n *BoundedSides) upsertKeys() [][]int { return n.keysBy(n.LeftKeys, n.RightKeys) }

func (n *BoundedSides) meaning(*lowering) string { return "" }

// layoutText is what the rows of the join's state are made of.
func (n *BoundedSides) layoutText() string {
	left, right := n.schemas()
	return fmt.Sprintf("%s %v %v %v\n%v\n%v\n%s", n.JoinKind, n.LeftKeys, n.RightKeys, n.NullSafe, left.Types(), right.Types(), n.shape)
}

// lineageOf prints an output column in terms of the tables' columns.
func (n *BoundedSides) lineageOf(l *lowering, col int) string {
	if left := len(n.b.Inputs[0].Base().Schema); col >= left {
		return l.lineage(n.b.Inputs[1], col-left)
	}
	return l.lineage(n.b.Inputs[0], col)
}

// IntervalJoin joins rows whose times are close to each other: a left row of time l and a
// right one of time r when r + Lower <= l <= r + Upper. Nothing matches when Lower > Upper.
type IntervalJoin struct {
	BoundedSides
	// LeftTime and RightTime are the time attributes.
	LeftTime, RightTime int
	// ProcTime tells that they are of processing time.
	ProcTime     bool
	Lower, Upper time.Duration
}

// Kind names the operator.
func (*IntervalJoin) Kind() string { return "interval-join" }

func (n *IntervalJoin) meaning(l *lowering) string {
	return l.lineage(n.b.Inputs[0], n.LeftTime) + "," + l.lineage(n.b.Inputs[1], n.RightTime)
}

func (n *IntervalJoin) text(in labels) string {
	left, right := n.sides(in)
	return fmt.Sprintf("%s within %s between %s%s and %s%s%s", n.keysText(in), left[n.LeftTime].Name,
		right[n.RightTime].Name, signed(n.Lower), right[n.RightTime].Name, signed(n.Upper), n.condText(in))
}

func signed(d time.Duration) string {
	if d < 0 {
		return " - " + FormatDuration(-d)
	}
	return " + " + FormatDuration(d)
}

func (n *IntervalJoin) stateText() string {
	reach := func(d time.Duration) string { return FormatDuration(max(0, d)) }
	return fmt.Sprintf("left rows for %s, right rows for %s, layout %016x", reach(-n.Lower), reach(n.Upper), n.b.Layout)
}

// WindowJoin joins the rows of equal windows when the watermark passes the window's end.
type WindowJoin struct {
	BoundedSides
	// The window's bounds on both sides.
	LeftStart, LeftEnd, RightStart, RightEnd int
	Window                                   Window
}

// Kind names the operator.
func (*WindowJoin) Kind() string { return "window-join" }

func (n *WindowJoin) upsertKeys() [][]int {
	return n.keysBy(append([]int{n.LeftStart, n.LeftEnd}, n.LeftKeys...), append([]int{n.RightStart, n.RightEnd}, n.RightKeys...))
}

func (n *WindowJoin) meaning(l *lowering) string {
	return fmt.Sprintf("%s %d %d %d", n.Window.Kind, n.Window.Size, n.Window.Slide, n.Window.Offset)
}

func (n *WindowJoin) text(in labels) string {
	return fmt.Sprintf("%s within windows of %s%s", n.keysText(in), n.Window.Kind, n.condText(in))
}

func (n *WindowJoin) stateText() string {
	return fmt.Sprintf("rows of both sides until the watermark passes their window, layout %016x", n.b.Layout)
}

// TemporalJoin joins each left row with the version that the right table had at the row's
// event time. RightKeys identify a row of the table.
type TemporalJoin struct {
	BoundedSides
	// LeftTime and RightTime are event time columns.
	LeftTime, RightTime int
}

// Kind names the operator.
func (*TemporalJoin) Kind() string { return "temporal-join" }

func (n *TemporalJoin) upsertKeys() [][]int { return n.b.Inputs[0].Base().Keys }

func (n *TemporalJoin) meaning(l *lowering) string {
	return l.lineage(n.b.Inputs[0], n.LeftTime) + "," + l.lineage(n.b.Inputs[1], n.RightTime)
}

func (n *TemporalJoin) text(in labels) string {
	left, _ := n.sides(in)
	return fmt.Sprintf("%s as of %s%s", n.keysText(in), left[n.LeftTime].Name, n.condText(in))
}

func (n *TemporalJoin) stateText() string {
	ttl := ""
	if n.b.StateTTL > 0 {
		ttl = ", but for " + FormatDuration(n.b.StateTTL) + " at the most"
	}
	return fmt.Sprintf("left rows until the watermark passes them, the last version of each key%s, layout %016x", ttl, n.b.Layout)
}

// LookupJoin joins each left row with the rows that the right table has when it arrives.
type LookupJoin struct {
	BoundedSides
	// Identity are the columns by which a row of the table replaces another; nil when it has
	// no key, so that all rows are kept.
	Identity []int
	// LeftUpdates tells that the left yields updates; LeftIdentity are then the columns by
	// which a row that is taken back is known.
	LeftUpdates  bool
	LeftIdentity []int
}

// Kind names the operator.
func (*LookupJoin) Kind() string { return "lookup-join" }

func (n *LookupJoin) upsertKeys() [][]int {
	left := n.b.Inputs[0].Base()
	if n.Identity != nil && subset(n.Identity, n.RightKeys) {
		return left.Keys
	}
	if n.Identity == nil {
		return nil
	}
	var out [][]int
	for _, k := range left.Keys {
		key := slices.Clone(k)
		for _, c := range n.Identity {
			key = append(key, c+len(left.Schema))
		}
		out = append(out, key)
	}
	return out
}

// identify chooses how rows of the table and of an updating left are known.
func (n *LookupJoin) identify() {
	left, right := n.b.Inputs[0].Base(), n.b.Inputs[1].Base()
	n.Identity = nil
	if len(right.Keys) > 0 {
		n.Identity = slices.Sorted(slices.Values(shortest(right.Keys)))
	}
	n.LeftUpdates, n.LeftIdentity = left.Mode.Updates(), nil
	switch {
	case !n.LeftUpdates:
	case len(left.Keys) > 0:
		n.LeftIdentity = shortest(left.Keys)
	default:
		for i, c := range left.Schema {
			if !c.Type.IsTimeAttr() {
				n.LeftIdentity = append(n.LeftIdentity, i)
			}
		}
	}
	n.shape = fmt.Sprint(n.Identity, n.LeftUpdates, n.LeftIdentity)
}

func (n *LookupJoin) text(in labels) string { return n.keysText(in) + " as of now" + n.condText(in) }

func (n *LookupJoin) stateText() string {
	s := "the table"
	if n.Identity != nil {
		_, right := n.schemas()
		s += " by " + columnNames(right, n.Identity)
	}
	if n.LeftUpdates {
		s += ", what each left row was joined with"
		if n.b.StateTTL > 0 {
			s += " for " + FormatDuration(n.b.StateTTL)
		}
	}
	return fmt.Sprintf("%s, layout %016x", s, n.b.Layout)
}

// LookupTables lists the tables that the plan reads for lookups alone.
func (p *Plan) LookupTables() []string {
	lookup, other := map[string]bool{}, map[string]bool{}
	edges := p.Consumers()
	for _, s := range p.Sources {
		if onlyLooked(s, edges) {
			lookup[s.Table.Name] = true
		} else {
			other[s.Table.Name] = true
		}
	}
	var out []string
	for _, name := range sortedKeys(lookup) {
		if !other[name] {
			out = append(out, name)
		}
	}
	return out
}

// onlyLooked tells whether all that an operator emits ends as a lookup join's table.
func onlyLooked(n Node, edges [][]Edge) bool {
	out := edges[n.Base().Ordinal]
	for _, e := range out {
		switch e.Node.(type) {
		case *LookupJoin:
			if e.Input != 1 {
				return false
			}
		case *Calc, *WatermarkAssigner, *ChangelogNormalize, *DropUpdateBefore:
			if !onlyLooked(e.Node, edges) {
				return false
			}
		default:
			return false
		}
	}
	return len(out) > 0
}
