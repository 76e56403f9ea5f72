package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edgeflow/edgeflow/connector/confine"
	"github.com/edgeflow/edgeflow/connector/nats"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// Pipeline is a hosted pipeline. Its methods may be called from any goroutine.
type Pipeline struct {
	agent *Agent
	plan  *plan.Plan
	name  string
	dir   string
	log   *slog.Logger
	// roots hold the paths that its SQL names; nil confines nothing.
	roots *confine.Roots
	// result takes the rows of a bare SELECT; nil outside of queries.
	result dataflow.Printer

	status   atomic.Pointer[Status]
	requests chan request
	done     chan struct{}
	err      error // valid after done
	restarts int
	// prepared is set once state was set aside or filled as the options ask.
	prepared bool
	// draining tells that the sources are to end: a drain outlives the attempt that it came to.
	draining bool
	started  time.Time
	// savepoints is held while one is made: two would write the same file.
	savepoints sync.Mutex
}

// The waits between restarts of a failing pipeline.
const (
	restartPauseMin = 200 * time.Millisecond
	restartPauseMax = 30 * time.Second
)

func newPipeline(a *Agent, p *plan.Plan) *Pipeline {
	name := distinct(p.Config.Name)
	if !a.planning {
		name = a.nameOf(p)
	}
	pl := &Pipeline{
		agent: a, plan: p, name: name, dir: filepath.Join(a.opt.DataDir, "pipelines", name),
		log: a.log.With("pipeline", name), requests: make(chan request), done: make(chan struct{}), started: a.clock.Now(),
	}
	pl.status.Store(&Status{Pipeline: name, State: Starting, Started: pl.started})
	return pl
}

// Name is the pipeline's name, as it appears in subjects and paths.
func (p *Pipeline) Name() string { return p.name }

// Status is the newest snapshot.
func (p *Pipeline) Status() Status { return *p.status.Load() }

// Done is closed when the pipeline has ended for good; Err then says why.
func (p *Pipeline) Done() <-chan struct{} { return p.done }

// Err is why the pipeline ended; nil when it finished or was stopped.
func (p *Pipeline) Err() error { return p.err }

// start runs the pipeline until ctx is done, restarting it after failures that may pass.
func (p *Pipeline) start(ctx context.Context) {
	go func() {
		defer close(p.done)
		p.err = p.supervise(ctx)
	}()
}

func (p *Pipeline) supervise(ctx context.Context) error {
	pause := restartPauseMin
	for {
		began := p.agent.clock.Now()
		err := p.attempt(ctx)
		switch {
		case err == nil:
			return nil
		case permanent(err):
			p.log.Error("pipeline failed", "error", err)
			p.setState(Failed, err)
			return err
		case ctx.Err() != nil:
			p.setState(Stopped, err)
			return err
		}
		if p.agent.clock.Now().Sub(began) > time.Minute {
			pause = restartPauseMin
		}
		p.restarts++
		p.report(err, pause)
		p.setState(Restarting, err)
		if !p.rest(ctx, pause, err) {
			return nil
		}
		pause = min(2*pause, restartPauseMax)
	}
}

// rest waits before another attempt, and tells whether there is to be one. What is asked of the
// pipeline meanwhile is answered with why it cannot be done.
func (p *Pipeline) rest(ctx context.Context, pause time.Duration, why error) bool {
	t := time.NewTimer(pause)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-t.C:
			return true
		case req := <-p.requests:
			req.done <- fmt.Errorf("the pipeline is restarting: %w", why)
		}
	}
}

// report logs a failure that another attempt may mend.
func (p *Pipeline) report(err error, pause time.Duration) {
	var bug *panicError
	var source *nats.SourceError
	switch {
	case errors.As(err, &bug):
		p.log.Error("pipeline panicked; restarting from its last checkpoint", "error", err, "in", pause, "stack", string(bug.stack))
	case errors.As(err, &source):
		p.log.Warn("the source cannot be read; trying again", "error", err, "in", pause)
	default:
		p.log.Error("pipeline failed; restarting from its last checkpoint", "error", err, "in", pause)
	}
}

// attempt runs the pipeline once. A panic ends the attempt, not the process.
func (p *Pipeline) attempt(ctx context.Context) error {
	return contain(func() error {
		r, err := newRunner(ctx, p)
		if err != nil {
			if ctx.Err() != nil && !permanent(err) {
				return nil // stopped while it started: there is nothing to keep
			}
			return err
		}
		return r.run(ctx)
	})
}

// panicError is a panic of one of a pipeline's goroutines.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// contain turns a panic in fn into an error, so that it ends the pipeline's attempt and
// not the process with its other pipelines.
func contain(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{v, debug.Stack()}
		}
	}()
	return fn()
}

func (p *Pipeline) setState(s State, err error) {
	st := p.Status()
	st.State, st.Restarts = s, p.restarts
	st.Error = ""
	if err != nil {
		st.Error = err.Error()
	}
	p.status.Store(&st)
}

// request is something to do on the engine's goroutine; who takes it answers.
type request struct {
	fn   func(*runner) error
	done chan error
}

// do runs fn on the engine's goroutine between two batches. An error of fn ends the attempt.
func (p *Pipeline) do(ctx context.Context, fn func(*runner) error) error {
	req := request{fn, make(chan error, 1)}
	select {
	case p.requests <- req:
		return <-req.done
	case <-p.done:
		return errors.New("the pipeline has ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Drain ends the sources where they stand: every window fires, output is forwarded, and
// the pipeline finishes.
func (p *Pipeline) Drain(ctx context.Context) error {
	return p.do(ctx, func(*runner) error { p.draining = true; return nil })
}
