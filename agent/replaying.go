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

// OpenSource opens the connector of a source that needs no server: files, generators. The
// options say which paths the SQL of the script's file may name.
func OpenSource(p *plan.Plan, n *plan.Source, env *expr.Env, o Options, file string) (*dataflow.SourceBinding, error) {
	o.Instance = "replay"
	a := &Agent{opt: o, log: slog.New(slog.DiscardHandler), clock: realClock{}}
	pl := newPipeline(a, p)
	var err error
	if pl.roots, err = o.roots(file); err != nil {
		return nil, err
	}
	return newConnectors(context.Background(), pl).Source(n, env)
}
