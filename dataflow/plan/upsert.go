package plan

import (
	"fmt"
	"slices"

	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// UpsertMaterialize makes an upsert stream of a changelog whose rows have another key than
// the sink: of the rows that share the sink's key the last to come counts, and when it is
// taken back the one before it.
type UpsertMaterialize struct {
	base
	// KeyCols are the sink's primary key, as columns of the input.
	KeyCols []int
}

// Kind names the operator.
func (*UpsertMaterialize) Kind() string { return "upsert-materialize" }

func (n *UpsertMaterialize) inferKinds(ChangelogMode) { n.b.Mode = Upsert }
func (n *UpsertMaterialize) takes() bool              { return true }
func (n *UpsertMaterialize) settle(ChangelogMode)     {}
func (n *UpsertMaterialize) upsertKeys() [][]int      { return [][]int{n.KeyCols} }
func (n *UpsertMaterialize) stateText() string        { return "all rows of each key" }

func (n *UpsertMaterialize) text(in Schema) string { return "by " + columnNames(in, n.KeyCols) }

func (n *UpsertMaterialize) meaning(l *lowering) []string { return []string{l.keyText(n, n.KeyCols)} }

func (n *UpsertMaterialize) layoutText(in Schema) string {
	return fmt.Sprintf("keys %s row %v", colTypes(in, n.KeyCols), in.Types())
}

// materialize puts an UpsertMaterialize before a sink that addresses rows by a primary key
// which the rows of its updating input lack; nil when it needs none.
func (l *lowering) materialize(s *Sink) *UpsertMaterialize {
	in := s.b.Inputs[0].Base()
	conflict := l.targets[s].conflict
	if !s.Upserts || !in.Mode.Updates() || conflict != sql.ConflictDefault && conflict != sql.ConflictDeduplicate ||
		slices.ContainsFunc(in.Keys, func(k []int) bool { return subset(k, s.PrimaryKey) }) {
		return nil
	}
	n := &UpsertMaterialize{KeyCols: s.PrimaryKey}
	n.b = Base{Inputs: s.b.Inputs, Schema: in.Schema, Mode: Upsert, Keys: [][]int{s.PrimaryKey}, Stateful: true, StateTTL: l.b.cfg.StateTTL}
	s.b.Inputs, s.b.Mode = []Node{n}, Upsert
	return n
}
