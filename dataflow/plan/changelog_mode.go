package plan

import (
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// ChangelogMode is the set of row kinds that a stream may carry, or that a sink takes.
type ChangelogMode uint8

// The row kinds as a set, and the usual sets: append-only, updating with and without the
// former image, and upsert (no -U; rows are addressed by a key).
const (
	ModeInsert       ChangelogMode = 1 << vec.Insert
	ModeUpdateBefore ChangelogMode = 1 << vec.UpdateBefore
	ModeUpdateAfter  ChangelogMode = 1 << vec.UpdateAfter
	ModeDelete       ChangelogMode = 1 << vec.Delete

	AppendOnly = ModeInsert
	Upsert     = ModeInsert | ModeUpdateAfter | ModeDelete
	Retract    = ModeInsert | ModeUpdateBefore | ModeUpdateAfter | ModeDelete
)

// Has tells whether every kind of o is in m.
func (m ChangelogMode) Has(o ChangelogMode) bool { return m&o == o }

// HasKind tells whether rows of kind k may occur.
func (m ChangelogMode) HasKind(k vec.RowKind) bool { return m&(1<<k) != 0 }

// Updates tells whether anything but inserts may occur.
func (m ChangelogMode) Updates() bool { return m&^ModeInsert != 0 }

// Retracts tells whether rows may be taken back (-U or -D).
func (m ChangelogMode) Retracts() bool { return m&(ModeUpdateBefore|ModeDelete) != 0 }

// NeedsKey tells an upsert stream: it updates rows without their former image.
func (m ChangelogMode) NeedsKey() bool {
	return m.Has(ModeUpdateAfter) && !m.Has(ModeUpdateBefore)
}

var modeNames = []struct {
	name string
	mode ChangelogMode
}{
	{"I", ModeInsert}, {"UB", ModeUpdateBefore}, {"UA", ModeUpdateAfter}, {"D", ModeDelete},
}

// String is the list of kinds as the option 'changelog-mode' takes it: "I,UB,UA,D".
func (m ChangelogMode) String() string {
	var s []string
	for _, n := range modeNames {
		if m.Has(n.mode) {
			s = append(s, n.name)
		}
	}
	return strings.Join(s, ",")
}

// ParseChangelogMode reads the value of the option 'changelog-mode'; the order does not
// matter. The words append, upsert, retract and all are understood as well.
func ParseChangelogMode(s string) (ChangelogMode, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "append", "append-only", "insert-only":
		return AppendOnly, nil
	case "upsert":
		return Upsert, nil
	case "retract", "all":
		return Retract, nil
	}
	var m ChangelogMode
next:
	for _, part := range strings.Split(s, ",") {
		part = strings.ToUpper(strings.TrimSpace(part))
		for _, n := range modeNames {
			if n.name == part {
				m |= n.mode
				continue next
			}
		}
		return 0, fmt.Errorf("%q is no row kind; expected some of I, UB, UA, D", part)
	}
	return m, nil
}
