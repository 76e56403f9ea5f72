package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/edgeflow/edgeflow/codegen"
	"github.com/edgeflow/edgeflow/connector/blackhole"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/state"
)

// PlanOptions configure Plan.
type PlanOptions struct {
	// StateDir is a data folder whose state is compared with the plan.
	StateDir string
	// StateKey is a reference to the keys of encrypted state, as in Options.
	StateKey string
}

// Plan prints how a pipeline would run and, with a state folder, which operators would
// keep, migrate or lose their state.
func Plan(w io.Writer, s Script, o PlanOptions) error {
	p, err := s.Plan()
	if err != nil {
		return err
	}
	if err := errors.Join(p.Explain(w), codegen.Explain(w, p)); err != nil {
		return err
	}
	for _, warning := range p.Warnings {
		fmt.Fprintln(w, located(s.File, warning))
	}
	if o.StateDir == "" {
		return nil
	}
	keys, err := StateKeys(o.StateKey)
	if err != nil {
		return err
	}
	path := o.StateDir
	if inner := filepath.Join(path, "pipelines", pipelineName(path, p.Config.Name, keys), stateFile); exists(inner) {
		path = inner
	}
	files, err := stateFiles(path)
	if err != nil {
		return err
	}
	st, arena, _, m, err := loadState(files[0], keys)
	if err != nil {
		return err
	}
	defer st.Close()
	return compareState(w, p, arena, m)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// compareState says what becomes of each operator's state under the plan.
func compareState(w io.Writer, p *plan.Plan, arena *state.Arena, m *dataflow.Manifest) error {
	engine, err := layouts(p)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "\nstate")
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	known := map[string]bool{}
	for _, n := range p.Nodes {
		b := n.Base()
		known[b.ID] = true
		if !b.Stateful {
			continue
		}
		if src, ok := n.(*plan.Source); ok {
			if !slices.ContainsFunc(m.Sources, func(s dataflow.SourceManifest) bool { return s.ID == b.ID }) {
				fmt.Fprintf(tw, "  empty\t%s\t%s\tno position of table %s: it is read from its start\n", n.Kind(), b.ID, src.Table.Name)
			} else {
				fmt.Fprintf(tw, "  keeps\t%s\t%s\tit goes on where it was\n", n.Kind(), b.ID)
			}
			continue
		}
		stored := arena.Lookup(b.ID)
		if stored == nil {
			fmt.Fprintf(tw, "  empty\t%s\t%s\tno state under this identity: it begins anew\n", n.Kind(), b.ID)
			continue
		}
		m, same, err := engine.Migration(b.ID, stored.Layout())
		switch {
		case err != nil:
			fmt.Fprintf(tw, "  other\t%s\t%s\tthe query keeps other columns now (%v), so that it does not start: run it with --reset-state or under another 'pipeline.name'\n", n.Kind(), b.ID, err)
		case same:
			fmt.Fprintf(tw, "  keeps\t%s\t%s\tits state is taken over\n", n.Kind(), b.ID)
		default:
			fmt.Fprintf(tw, "  migrates\t%s\t%s\t%s\n", n.Kind(), b.ID, m)
		}
	}
	for _, s := range arena.Spaces() {
		if !known[s.ID()] {
			fmt.Fprintf(tw, "  loses\t-\t%s\tthe query has no such operator any more\n", s.ID())
		}
	}
	return tw.Flush()
}

// layouts opens the plan's operators over empty state, to see how each lays its state out.
// Nothing is connected to, and no file or variable that SQL names is read.
func layouts(p *plan.Plan) (*dataflow.Engine, error) {
	arena, err := state.NewArena(state.Options{})
	if err != nil {
		return nil, err
	}
	a := &Agent{opt: Options{Instance: "plan", NATS: Server{URL: "nats://127.0.0.1:4222"}}, log: slog.New(slog.DiscardHandler), clock: realClock{}, planning: true}
	pl := newPipeline(a, p)
	pl.result = blackhole.New(blackhole.Options{}) // of a bare SELECT
	engine, err := dataflow.New(dataflow.Options{Plan: p, Connectors: newConnectors(context.Background(), pl), Arena: arena})
	if err != nil {
		return nil, err
	}
	return engine, engine.Close()
}
