package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// JoinIdentity tells how a join finds a row of a side that is taken back.
type JoinIdentity uint8

// Rows are never taken back; by the join key, which one row has at the most; by a unique
// key; by all columns.
const (
	JoinAppendOnly JoinIdentity = iota
	JoinByJoinKey
	JoinByUniqueKey
	JoinByRow
)

// Join keeps all rows of its two inputs, or for TTL, and joins them (a regular join). Its
// schema is the left's columns and then, but for semi and anti joins, the right's.
type Join struct {
	base
	JoinKind JoinKind
	// LeftKeys and RightKeys are columns of the inputs that must be equal, pair by pair, of
	// the same types. Without any every row is compared with every other.
	LeftKeys, RightKeys []int
	// NullSafe tells for each pair whether NULL matches NULL.
	NullSafe []bool
	// Cond is what rows must meet besides, over the columns of the left followed by those of
	// the right; nil for none.
	Cond expr.Node
	// TTL is how long rows of the left and the right are kept after their last write; 0 is
	// for ever.
	TTL [2]time.Duration
	// Identity tells how rows of the left and the right are found again, Unique by which
	// columns of the input where it is JoinByUniqueKey.
	Identity [2]JoinIdentity
	Unique   [2][]int
}

// Kind names the operator.
func (*Join) Kind() string { return "join" }

func (n *Join) keys(side int) []int {
	if side == 0 {
		return n.LeftKeys
	}
	return n.RightKeys
}

// kinds is the set of row kinds that a join yields.
func (n *Join) kinds() ChangelogMode {
	in := n.b.Inputs[0].Base().Mode | n.b.Inputs[1].Base().Mode
	if n.JoinKind == JoinInner || n.JoinKind == JoinSemi {
		return in | ModeInsert
	}
	return in | ModeInsert | ModeDelete
}

// identify chooses how the rows of each side are found again.
func (n *Join) identify() {
	for side, in := range n.b.Inputs {
		b := in.Base()
		n.Identity[side], n.Unique[side] = JoinByRow, nil
		switch {
		case !b.Mode.Updates():
			n.Identity[side] = JoinAppendOnly
		case slices.ContainsFunc(b.Keys, func(k []int) bool { return subset(k, n.keys(side)) }):
			n.Identity[side] = JoinByJoinKey
		case len(b.Keys) > 0:
			n.Identity[side], n.Unique[side] = JoinByUniqueKey, shortest(b.Keys)
		}
	}
}

func shortest(keys [][]int) []int {
	return slices.MinFunc(keys, func(a, b []int) int { return len(a) - len(b) })
}

// upsertKeys combines the keys of both sides; the keys of one side remain keys where a row
// of it has one partner at the most.
func (n *Join) upsertKeys() [][]int {
	left, right := n.b.Inputs[0].Base(), n.b.Inputs[1].Base()
	if n.JoinKind.LeftOnly() {
		return left.Keys
	}
	var shifted [][]int
	for _, k := range right.Keys {
		s := make([]int, len(k))
		for i, c := range k {
			s[i] = c + len(left.Schema)
		}
		shifted = append(shifted, s)
	}
	one := func(b *Base, keys []int) bool {
		return slices.ContainsFunc(b.Keys, func(k []int) bool { return subset(k, keys) })
	}
	var out [][]int
	if one(right, n.RightKeys) && !n.JoinKind.PadsLeft() {
		out = append(out, left.Keys...)
	}
	if one(left, n.LeftKeys) && !n.JoinKind.PadsRight() {
		out = append(out, shifted...)
	}
	if len(out) < upsertKeysMax {
		for _, l := range left.Keys {
			for _, r := range shifted {
				out = append(out, slices.Concat(l, r))
			}
		}
	}
	return out[:min(len(out), upsertKeysMax)]
}

// upsertKeysMax limits how many keys of a join's output are followed.
const upsertKeysMax = 8

// lineageOf prints an output column of a join.
func (l *lowering) joinLineage(n *Join, col int) string {
	if left := len(n.b.Inputs[0].Base().Schema); col >= left {
		return l.lineage(n.b.Inputs[1], col-left)
	}
	return l.lineage(n.b.Inputs[0], col)
}

// joinMeaning is what the identity of a join with keys is made of.
func (l *lowering) joinMeaning(n Node, kind JoinKind, leftKeys, rightKeys []int) []string {
	side := func(in Node, keys []int) string {
		parts := make([]string, len(keys))
		for i, k := range keys {
			parts[i] = l.lineage(in, k)
		}
		return strings.Join(parts, ",")
	}
	ins := n.Base().Inputs
	return []string{kind.String(), side(ins[0], leftKeys), side(ins[1], rightKeys)}
}

// layoutText is what the rows of a join's state are made of.
func (n *Join) layoutText() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %v %v %v\n", n.JoinKind, n.Identity, n.Unique, n.NullSafe)
	for side, in := range n.b.Inputs {
		fmt.Fprintf(&s, "%v %v %v\n", in.Base().Schema.Types(), n.keys(side), n.TTL[side] > 0)
	}
	return s.String()
}

// text is what a join does.
func (n *Join) text(in labels) string {
	at := len(n.b.Inputs[0].Base().Schema)
	left, right := in.shown[:at], in.shown[at:]
	s := n.JoinKind.String() + joinKeysText(left, right, n.LeftKeys, n.RightKeys, n.NullSafe)
	if len(n.LeftKeys) == 0 {
		s += " of every row with every other"
	}
	if n.Cond != nil {
		s += " where " + in.text(n.Cond)
	}
	return s
}

// joinKeysText prints equalities between two sides.
func joinKeysText(left, right Schema, leftKeys, rightKeys []int, nullSafe []bool) string {
	s := ""
	for i, k := range leftKeys {
		s += [2]string{" on ", " and "}[min(i, 1)] + left[k].Name + [2]string{" = ", " is not distinct from "}[btoi(nullSafe[i])] + right[rightKeys[i]].Name
	}
	return s
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// stateText is what a join keeps.
func (n *Join) stateText() string {
	var parts []string
	for side, name := range []string{"left", "right"} {
		s := name + " rows"
		switch n.Identity[side] {
		case JoinByJoinKey:
			s += " by join key"
		case JoinByUniqueKey:
			s += " by " + columnNames(n.b.Inputs[side].Base().Schema, n.Unique[side])
		case JoinByRow:
			s += " by all columns"
		}
		if n.TTL[side] > 0 {
			s += " for " + FormatDuration(n.TTL[side])
		} else {
			s += " for ever"
		}
		parts = append(parts, s)
	}
	return fmt.Sprintf("%s, layout %016x", strings.Join(parts, ", "), n.b.Layout)
}

// warnJoin tells which sides of a join keep rows for ever.
func (l *linter) warnJoin(n *Join) {
	var sides []string
	for side, name := range []string{"left", "right"} {
		if n.TTL[side] == 0 && !fewRows(n.b.Inputs[side]) {
			sides = append(sides, name)
		}
	}
	if len(sides) > 0 {
		l.warn(sql.Span{}, "the "+describe(n)+l.onText(n)+" keeps every row of its "+strings.Join(sides, " and its ")+
			" side; set table.exec.state.ttl or the hint STATE_TTL, or join within a time interval")
	}
}

// onText names a join by its keys.
func (l *linter) onText(n *Join) string {
	if len(n.LeftKeys) == 0 {
		return " without keys"
	}
	at, in := len(n.b.Inputs[0].Base().Schema), l.names.in(n)
	return joinKeysText(in.shown[:at], in.shown[at:], n.LeftKeys, n.RightKeys, n.NullSafe)
}

// fewRows tells inputs whose rows do not grow in number: fixed ones and single results.
func fewRows(n Node) bool {
	switch n := n.(type) {
	case *Values:
		return true
	case *GroupAggregate:
		return len(n.Keys) == 0
	case *Calc:
		return fewRows(n.b.Inputs[0])
	}
	return false
}
