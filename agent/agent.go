package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/store"
)

// Agent hosts pipelines.
type Agent struct {
	opt   Options
	log   *slog.Logger
	clock Clock

	collector store.Collector // of garbage, between checkpoints
	keys      *store.Keys     // of state; nil leaves it in the clear
	planning  bool            // nothing is connected to, and references stay as they are
	embedded  hosted

	mu        sync.Mutex
	pipelines []*Pipeline
	control   *server
}

// New makes an agent without pipelines and opens its control address.
func New(o Options) (*Agent, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	a := &Agent{opt: o, log: o.Logger, clock: o.Clock}
	var err error
	if a.keys, err = StateKeys(o.StateKey); err != nil {
		return nil, err
	}
	a.warnExposed()
	if o.Listen != "" {
		s, err := a.serve(o.Listen)
		if err != nil {
			return nil, err
		}
		a.control = s
		a.log.Info("control address open", "metrics", s.url()+"/metrics", "health", s.url()+"/healthz")
	}
	return a, nil
}

// ControlAddr is the address of metrics, health and control; empty without one.
func (a *Agent) ControlAddr() string {
	if a.control == nil {
		return ""
	}
	return a.control.addr
}

// addQuery starts a pipeline whose SELECT goes to result and whose state lies in dir.
func (a *Agent) addQuery(ctx context.Context, p *plan.Plan, dir string, result dataflow.Printer) (*Pipeline, error) {
	if err := checkTables(p); err != nil {
		return nil, err
	}
	pl := newPipeline(a, p)
	var err error
	if pl.roots, err = a.opt.roots(""); err != nil {
		return nil, err
	}
	pl.dir, pl.result = dir, result
	a.mu.Lock()
	a.pipelines = append(a.pipelines, pl)
	a.mu.Unlock()
	pl.start(ctx)
	return pl, nil
}

// Add starts a pipeline. It fails when another of its name runs here, or when its options
// are wrong; a server that cannot be reached is retried.
func (a *Agent) Add(ctx context.Context, p *plan.Plan) (*Pipeline, error) {
	return a.addScript(ctx, p, "")
}

// addScript is Add for the plan of a script's file.
func (a *Agent) addScript(ctx context.Context, p *plan.Plan, file string) (*Pipeline, error) {
	if err := checkTables(p); err != nil {
		return nil, err
	}
	pl := newPipeline(a, p)
	var err error
	if pl.roots, err = a.opt.roots(file); err != nil {
		return nil, err
	}
	a.mu.Lock()
	for _, other := range a.pipelines {
		if other.name == pl.name {
			a.mu.Unlock()
			return nil, fmt.Errorf("two pipelines are named %q: give each file its own SET 'pipeline.name'", pl.name)
		}
	}
	a.pipelines = append(a.pipelines, pl)
	a.mu.Unlock()
	pl.start(ctx)
	return pl, nil
}

// nameOf is the name of a pipeline that is to run here.
func (a *Agent) nameOf(p *plan.Plan) string {
	name := p.Config.Name
	if other := a.find(token(name)); other != nil && other.plan.Config.Name != name {
		return distinct(name) // the plain one is taken, and its state in use
	}
	return pipelineName(a.opt.DataDir, name, a.keys)
}

// find returns the pipeline of a name, be it that in its SQL or that in paths; nil when there is none.
func (a *Agent) find(name string) *Pipeline {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.pipelines {
		if p.name == name || p.plan.Config.Name == name {
			return p
		}
	}
	return nil
}

func (a *Agent) list() []*Pipeline {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]*Pipeline(nil), a.pipelines...)
}

// unknown says that no pipeline has the name, and which comes closest.
func (a *Agent) unknown(name string) string {
	var names []string
	for _, p := range a.list() {
		names = append(names, p.name)
	}
	if near := sql.Nearest(name, names); near != "" {
		return fmt.Sprintf("no pipeline %q runs here; did you mean %q?", name, near)
	}
	return fmt.Sprintf("no pipeline %q runs here", name)
}

// Status lists the pipelines' snapshots.
func (a *Agent) Status() []Status {
	var out []Status
	for _, p := range a.list() {
		out = append(out, p.Status())
	}
	return out
}

// Wait waits until every pipeline has finished or failed for good, and returns the
// failures.
func (a *Agent) Wait() error {
	var errs []error
	for _, p := range a.list() {
		<-p.done
		if p.err != nil {
			errs = append(errs, fmt.Errorf("pipeline %s: %w", p.name, p.err))
		}
	}
	return errors.Join(errs...)
}

// Close stops the control address and the embedded server; pipelines must have ended.
func (a *Agent) Close() {
	if a.control != nil {
		a.control.close()
	}
	a.embedded.close()
}

// Run runs the pipelines of the scripts until ctx is done or all of them have ended.
func Run(ctx context.Context, o Options, scripts []Script) error {
	began := time.Now()
	plans := make([]*plan.Plan, len(scripts))
	for i, s := range scripts {
		p, err := s.Plan()
		if err != nil {
			return err
		}
		plans[i] = p
	}
	a, err := New(o)
	if err != nil {
		return err
	}
	defer a.Close()
	if limit := limitMemory(); limit > 0 {
		a.log.Info("the control group limits memory", "bytes", limit)
	}
	pctx, stop := context.WithCancel(context.Background())
	defer stop()
	for i, p := range plans {
		for _, w := range p.Warnings {
			a.log.Warn(located(scripts[i].File, w), "pipeline", p.Config.Name)
		}
		file := scripts[i].File
		if scripts[i].Inside {
			file = ""
		}
		if _, err := a.addScript(pctx, p, file); err != nil {
			stop()
			return errors.Join(err, a.Wait())
		}
	}
	a.log.Info("started", "pipelines", len(plans), "after", time.Since(began).Round(time.Millisecond))
	finished := make(chan error, 1)
	go func() { finished <- a.Wait() }()
	for running := true; running; {
		select {
		case err := <-finished:
			return err
		case <-o.Reload:
			a.log.Info("certificates and tokens are read anew, as SIGHUP asks")
			a.Renew()
		case <-ctx.Done():
			running = false
		}
	}
	a.log.Info("stopping: final checkpoints")
	stop()
	return <-finished
}
