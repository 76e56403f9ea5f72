package pipetest

import "slices"

// lookupsFirst moves the first rows of each table that is used for lookups alone before all
// other steps, unless a restart stands between: what is looked up is there when the stream
// that looks it up begins. Later rows of such a table keep their place.
func lookupsFirst(steps []Step, tables []string) []Step {
	var first, rest []Step
	restarted := false
	seen := map[string]bool{}
	for _, s := range steps {
		restarted = restarted || s.Checkpoint != ""
		if s.Table != "" && slices.Contains(tables, s.Table) && !seen[s.Table] {
			seen[s.Table] = true
			if !restarted {
				first = append(first, s)
				continue
			}
		}
		rest = append(rest, s)
	}
	return append(first, rest...)
}
