package agent

import (
	"github.com/edgeflow/edgeflow/dataflow/plan"
	forward "github.com/edgeflow/edgeflow/sync"
)

// compactOptions has rows of a sink merged while they wait, where its plan says how.
func compactOptions(o *forward.OutputOptions, n *plan.Sink) error {
	if n == nil || n.Compaction == nil {
		return nil
	}
	m, err := forward.NewWindowMerger(n, n.Table.Options["format"], sinkSchema(n), n.Table.Options)
	if err != nil {
		return err
	}
	o.Compact = &forward.Compaction{Widths: n.Compaction.Widths, Merger: m}
	return nil
}
