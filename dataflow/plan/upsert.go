package plan

import (
	"fmt"
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// UpsertMaterialize makes an upsert stream of a changelog whose rows have another key than
// the sink: of the rows that share the sink's key the last to come counts, and when it is
// taken back the one before it. ON CONFLICT DO NOTHING lets the first count and DO ERROR
// refuses the others.
type UpsertMaterialize struct {
	base
	// KeyCols are the sink's primary key, as columns of the input.
	KeyCols []int
	// Conflict is what ON CONFLICT asks for.
	Conflict sql.ConflictAction
}

// Kind names the operator.
func (*UpsertMaterialize) Kind() string { return "upsert-materialize" }

func (n *UpsertMaterialize) inferKinds(ChangelogMode) { n.b.Mode = Upsert }
func (n *UpsertMaterialize) takes() bool              { return true }
func (n *UpsertMaterialize) settle(ChangelogMode)     {}
func (n *UpsertMaterialize) upsertKeys() [][]int      { return [][]int{n.KeyCols} }
func (n *UpsertMaterialize) stateText() string        { return "all rows of each key" }

// conflictTexts say which row counts, by conflict action.
var conflictTexts = []string{"", "the first counts", "the others are refused", ""}

func (n *UpsertMaterialize) text(from labels) string {
	in := from.shown
	text := "by " + columnNames(in, n.KeyCols)
	if c := conflictTexts[n.Conflict]; c != "" {
		text += ", " + c
	}
	return text
}

func (n *UpsertMaterialize) meaning(l *lowering) []string {
	out := []string{l.keyText(n, n.KeyCols)}
	if c := conflictTexts[n.Conflict]; c != "" {
		out = append(out, c)
	}
	return out
}

func (n *UpsertMaterialize) layoutText(in Schema) string {
	return fmt.Sprintf("keys %s row %v", colTypes(in, n.KeyCols), in.Types())
}

// materialize puts an UpsertMaterialize before a sink that addresses rows by a primary key
// which the rows of its input lack, when they are updated or ON CONFLICT asks for the first
// row of a key; nil when it needs none.
func (l *lowering) materialize(s *Sink) *UpsertMaterialize {
	in := s.b.Inputs[0].Base()
	conflict := l.targets[s].conflict
	first := conflict == sql.ConflictNothing || conflict == sql.ConflictError
	if !s.Upserts || in.Mode.Updates() == first ||
		slices.ContainsFunc(in.Keys, func(k []int) bool { return subset(k, s.PrimaryKey) }) {
		return nil
	}
	n := &UpsertMaterialize{KeyCols: s.PrimaryKey, Conflict: conflict}
	n.b = Base{Inputs: s.b.Inputs, Schema: in.Schema, Mode: Upsert, Keys: [][]int{s.PrimaryKey}, Stateful: true, StateTTL: l.b.cfg.StateTTL}
	s.b.Inputs, s.b.Mode = []Node{n}, Upsert
	return n
}

// checkConflicts refuses a sink with a primary key that the query's rows do not have,
// unless ON CONFLICT says what to do.
func (l *lowering) checkConflicts() error {
	for _, s := range l.plan.Sinks {
		t := l.targets[s]
		if len(s.PrimaryKey) == 0 || !l.sinkMode(s).NeedsKey() {
			if t.conflict != sql.ConflictDefault {
				return l.b.errorf(t.span, "ON CONFLICT is for tables with a PRIMARY KEY that take updates by key")
			}
			continue
		}
		if err := l.checkConflict(s, t); err != nil {
			return err
		}
	}
	return nil
}

func (l *lowering) checkConflict(s *Sink, t *target) error {
	if bare := unmarked(s); bare != "" && (t.conflict == sql.ConflictNothing || t.conflict == sql.ConflictError) {
		return l.b.errorf(t.span, "ON CONFLICT DO NOTHING and DO ERROR need a watermark in every table that is read, and %s has none", bare).
			WithHint("declare WATERMARK FOR its event time")
	}
	in := s.b.Inputs[0].Base()
	keyed := slices.ContainsFunc(in.Keys, func(k []int) bool { return subset(k, s.PrimaryKey) })
	_, materialized := s.b.Inputs[0].(*UpsertMaterialize)
	switch {
	case t.conflict != sql.ConflictDefault && keyed && !materialized && l.b.sinkMode(s.Table).Has(ModeUpdateBefore):
		return l.b.errorf(t.span, "ON CONFLICT is for tables that take updates by key, and %s takes former images; the rows of the query have its primary key", s.Table.Name)
	case keyed, t.conflict == sql.ConflictDeduplicate && !in.Mode.Updates():
	case t.conflict != sql.ConflictDefault:
		return l.b.unsupported(t.span, "this ON CONFLICT, where the query updates rows and they have another key than the table,")
	case l.b.cfg.RequireOnConflict || in.Mode.Updates():
		return l.b.errorf(t.span, "the rows of the query are not identified by the primary key of sink %s", s.Table.Name).
			WithHint("group by the key's columns, or write ON CONFLICT DO DEDUPLICATE to let the last row of a key win")
	}
	return nil
}

// unmarked names a table below n that has no watermark, if there is one.
func unmarked(n Node) string {
	if s, ok := n.(*Source); ok && s.Table.Watermark == nil {
		return s.Table.Name
	}
	for _, in := range n.Base().Inputs {
		if name := unmarked(in); name != "" {
			return name
		}
	}
	return ""
}
