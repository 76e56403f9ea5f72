package plan

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// identify orders the operators and gives each its identity and the hash of its layout.
//
// An identity is the operator's kind and a hash of what state means: the sources and
// stateful operators it draws on, its keys and its window, printed with the names of the
// tables' columns. Filters, other aggregates and what stands elsewhere in the script do
// not take part. Equal ones are numbered in the order of the script. A UID hint is used
// as it is.
func (l *lowering) identify() error {
	if err := l.checkConflicts(); err != nil {
		return err
	}
	taken := map[string]int{}
	for i, n := range l.plan.Nodes {
		b := n.Base()
		b.Ordinal = i
		l.nameAggregates(n)
		id := l.ownID(n)
		if b.uid != "" {
			id = "uid-" + b.uid
			if taken[id] > 0 {
				return l.b.errorf(l.spanOf(n), "two operators have UID('%s')", b.uid)
			}
		}
		taken[id]++
		if k := taken[id]; k > 1 {
			id += "." + strconv.Itoa(k)
		}
		b.ID = id
		b.Layout = layout(n)
	}
	return nil
}

func (l *lowering) ownID(n Node) string {
	switch n := n.(type) {
	case *Source:
		return "source-" + n.Table.Name
	case *Sink:
		return "sink-" + n.Name
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(l.meaning(n)))
	return fmt.Sprintf("%s-%012x", n.Kind(), h.Sum64()&(1<<48-1))
}

// meaning is what an operator's identity is made of.
func (l *lowering) meaning(n Node) string {
	var parts []string
	switch n := n.(type) {
	case *WindowAggregate:
		parts = append(parts, l.windowMeaning(n, n.Window), l.keyText(n, n.Keys))
	case *GroupAggregate:
		parts = append(parts, l.keyText(n, n.Keys))
	case *WindowTVF:
		parts = append(parts, l.windowMeaning(n, n.Window), l.keyText(n, n.PartitionBy))
	case *MatchRecognize:
		parts = append(parts, l.keyText(n, n.PartitionBy), n.patternText())
	case *ChangelogNormalize:
		parts = append(parts, l.keyText(n, n.KeyCols))
	case orderedNode:
		parts = append(parts, n.meaning(l)...)
	case *Unnest:
		parts = append(parts, l.textOf(n.Arg, n.b.Inputs[0]))
	case *Join:
		parts = append(parts, l.joinMeaning(n, n.JoinKind, n.LeftKeys, n.RightKeys)...)
	case BoundedJoin:
		s := n.Sides()
		parts = append(append(parts, l.joinMeaning(n, s.JoinKind, s.LeftKeys, s.RightKeys)...), n.meaning(l))
	}
	return strings.Join(append(parts, anchors(n)...), "|")
}

// anchors are the identities of the sources and stateful operators that an operator draws
// on; operators without state between them do not count.
func anchors(n Node) []string {
	var out []string
	for _, in := range n.Base().Inputs {
		_, assigner := in.(*WatermarkAssigner)
		if b := in.Base(); b.Stateful && !assigner {
			out = append(out, b.ID)
			continue
		}
		out = append(out, anchors(in)...)
	}
	return out
}

func (l *lowering) windowMeaning(n Node, w Window) string {
	in := n.Base().Inputs[0]
	at := w.TimeCol
	if w.Attached() {
		at = w.StartCol
	}
	return fmt.Sprintf("%s %d %d %d %s", w.Kind, w.Size, w.Slide, w.Offset, l.lineage(in, at))
}

func (l *lowering) keyText(n Node, keys []int) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = l.lineage(n.Base().Inputs[0], k)
	}
	return strings.Join(parts, ",")
}

// lineageKey is a column of an operator.
type lineageKey struct {
	node Node
	col  int
}

// lineageMax is the length from which on a text is replaced by its hash.
const lineageMax = 200

// lineage prints column col of an operator in terms of the tables' columns.
func (l *lowering) lineage(n Node, col int) string {
	key := lineageKey{n, col}
	if s, ok := l.texts[key]; ok {
		return s
	}
	s := l.lineageText(n, col)
	if len(s) > lineageMax {
		h := fnv.New64a()
		_, _ = h.Write([]byte(s))
		s = fmt.Sprintf("%s...%016x", s[:40], h.Sum64())
	}
	l.texts[key] = s
	return s
}

func (l *lowering) lineageText(n Node, col int) string {
	b := n.Base()
	switch n := n.(type) {
	case *Calc:
		return l.textOf(n.Project[col], b.Inputs[0])
	case *WatermarkAssigner, *ChangelogNormalize, *DropUpdateBefore, *Union:
		return l.lineage(b.Inputs[0], col)
	case *WindowTVF:
		if col < len(b.Inputs[0].Base().Schema) {
			return l.lineage(b.Inputs[0], col)
		}
	case *Unnest:
		if col < len(n.Pass) {
			return l.lineage(b.Inputs[0], n.Pass[col])
		}
	case *Join:
		return l.joinLineage(n, col)
	case BoundedJoin:
		return n.Sides().lineageOf(l, col)
	case orderedNode:
		return l.orderedLineage(n, col)
	case *GroupAggregate:
		return l.aggLineage(n, n.Keys, n.Aggs, col)
	case *WindowAggregate:
		return l.aggLineage(n, n.Keys, n.Aggs, col)
	}
	return b.Schema[col].Name
}

func (l *lowering) aggLineage(n Node, keys []int, aggs []Aggregate, col int) string {
	switch {
	case col < len(keys):
		return l.lineage(n.Base().Inputs[0], keys[col])
	case col < len(keys)+len(aggs):
		return aggs[col-len(keys)].ID
	}
	return n.Base().Schema[col].Name
}

// textOf prints an expression over an operator's columns by their lineage.
func (l *lowering) textOf(e expr.Node, in Node) string {
	return expr.Rewrite(e, func(m expr.Node) expr.Node {
		if c, ok := m.(*expr.Col); ok {
			return rawName{l.lineage(in, c.Index), c}
		}
		return m
	}).String()
}

// rawName is a column that prints as given.
type rawName struct {
	text string
	*expr.Col
}

func (r rawName) String() string { return r.text }

// nameAggregates gives an operator's aggregates their identities.
func (l *lowering) nameAggregates(n Node) {
	var aggs []Aggregate
	switch n := n.(type) {
	case *GroupAggregate:
		aggs = n.Aggs
	case *WindowAggregate:
		aggs = n.Aggs
	case *Over:
		l.nameOverCalls(n)
	}
	seen := map[string]int{}
	for i, a := range aggs {
		c := *a.Call
		in := n.Base().Inputs[0]
		c.Args = make([]expr.Node, len(a.Call.Args))
		for k, arg := range a.Call.Args {
			c.Args[k] = arg
			if col, ok := arg.(*expr.Col); ok {
				c.Args[k] = rawName{l.lineage(in, col.Index), col}
			}
		}
		if col, ok := c.Filter.(*expr.Col); ok {
			c.Filter = rawName{l.lineage(in, col.Index), col}
		}
		id := c.String()
		if seen[id]++; seen[id] > 1 {
			id += "." + strconv.Itoa(seen[id])
		}
		aggs[i].ID = id
	}
}

// layout hashes what the rows of an operator's state are made of.
func layout(n Node) uint64 {
	h := fnv.New64a()
	w := func(format string, args ...any) { _, _ = fmt.Fprintf(h, format+"\n", args...) }
	b := n.Base()
	w("%s", n.Kind())
	in := Schema(nil)
	if len(b.Inputs) > 0 {
		in = b.Inputs[0].Base().Schema
	}
	keys := func(cols []int) {
		for _, k := range cols {
			w("key %s", in[k].Type.Plain())
		}
	}
	aggs := func(list []Aggregate) {
		for _, a := range list {
			w("agg %s %s", a.ID, a.Call.T)
		}
	}
	switch n := n.(type) {
	case *GroupAggregate:
		keys(n.Keys)
		aggs(n.Aggs)
		w("%v", n.Retract)
	case *WindowAggregate:
		keys(n.Keys)
		aggs(n.Aggs)
		w("%v %s %d %d", n.Retract, n.Window.Kind, n.Window.Pane, n.Window.Offset)
		if n.Window.Kind == Cumulate && n.AllowedLateness > 0 {
			w("panes kept") // else they are merged as they fire
		}
	case *MatchRecognize:
		keys(n.PartitionBy)
		w("row %v pattern %s order %v", in.Types(), n.patternText(), n.Order)
	case *ChangelogNormalize:
		keys(n.KeyCols)
		w("row %v", in.Types())
	case orderedNode:
		w("%s", n.layoutText(in))
	case *Join:
		w("%s", n.layoutText())
	case BoundedJoin:
		w("%s", n.Sides().layoutText())
	case *WindowTVF:
		keys(n.PartitionBy)
		w("row %v", in.Types())
	}
	return h.Sum64()
}
