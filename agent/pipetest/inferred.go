package pipetest

import (
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// inferModes gives the tables of a test that are fed updates or deletions and do not say so
// the 'changelog-mode' of such a table.
func inferModes(c *Case, script *sql.Script) {
	updated := map[string]bool{}
	for _, s := range c.Input {
		for _, r := range s.Rows {
			if m, ok := r.(map[string]any); ok && m["row"] != nil && m["op"] != nil && scalarText(m["op"]) != "+I" {
				updated[s.Table] = true
			}
		}
	}
	for _, s := range script.Statements {
		t, ok := s.(*sql.CreateTable)
		if !ok || !updated[t.Name.Last()] || optionOf(t, "connector") != "values" || optionOf(t, "changelog-mode") != "" {
			continue
		}
		t.Options = append(t.Options, &sql.Option{Span: t.Span, Key: "changelog-mode", Value: "I,UB,UA,D", KeySpan: t.Span, ValueSpan: t.Span})
	}
}

func optionOf(t *sql.CreateTable, key string) string {
	for _, o := range t.Options {
		if o.Key == key {
			return o.Value
		}
	}
	return ""
}

// sinkOrder lists the columns of a sink in the order in which a connector gets them:
// the physical ones, then the metadata in the order in which the table names it as writable.
func sinkOrder(n *plan.Sink) []int {
	var physical, metadata []int
	rank := map[int]int{}
	var keys []string
	for _, entry := range strings.Split(n.Table.Options["writable-metadata"], ",") {
		key, _, _ := strings.Cut(entry, ":")
		keys = append(keys, strings.TrimSpace(key))
	}
	for i := range n.Base().Schema {
		if i >= len(n.Metadata) || n.Metadata[i] == "" {
			physical = append(physical, i)
			continue
		}
		rank[i] = slices.Index(keys, n.Metadata[i])
		metadata = append(metadata, i)
	}
	slices.SortStableFunc(metadata, func(a, b int) int { return rank[a] - rank[b] })
	return append(physical, metadata...)
}
