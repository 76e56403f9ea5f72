package pipetest

import (
	"slices"
	"testing"
)

func TestLookupsFirst(t *testing.T) {
	steps := []Step{{Table: "a"}, {Table: "dim", Rows: []any{1}}, {Table: "dim", Rows: []any{2}}, {Checkpoint: "restart"}, {Table: "late"}, {Table: "b"}}
	var got []string
	for _, s := range lookupsFirst(steps, []string{"dim", "late"}) {
		name := s.Table + s.Checkpoint
		if len(s.Rows) > 0 && s.Rows[0] == 2 {
			name += " again"
		}
		got = append(got, name)
	}
	if want := []string{"dim", "a", "dim again", "restart", "late", "b"}; !slices.Equal(got, want) {
		t.Errorf("steps %q, want %q", got, want)
	}
}
