package agent

import (
	"context"
	"log/slog"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// SourceDecoder makes decoders of the format of a source's table.
func SourceDecoder(n *plan.Source) func(onBad func(event []byte, offset int, reason error)) (format.Decoder, error) {
	return decoder(n)
}

// OpenSource opens the connector of a source that needs no server: files, generators.
func OpenSource(ctx context.Context, p *plan.Plan, n *plan.Source, env *expr.Env) (*dataflow.SourceBinding, error) {
	a := &Agent{opt: Options{Instance: "replay"}, log: slog.New(slog.DiscardHandler), clock: realClock{}}
	c, err := newConnectors(ctx, newPipeline(a, p))
	if err != nil {
		return nil, err
	}
	return c.Source(n, env)
}
