package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/agent/wiring"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
	forward "github.com/edgeflow/edgeflow/sync"
)

// bareEngine has no more than a barrier.
type bareEngine struct {
	wiring.Engine
	arena *state.Arena
}

func (e bareEngine) Barrier(n state.Epoch) *dataflow.Checkpoint {
	return &dataflow.Checkpoint{Epoch: n, Delta: e.arena.Barrier(n), Manifest: &dataflow.Manifest{}}
}
func (e bareEngine) Ledger() *dataflow.Ledger { return &dataflow.Ledger{} }

// bareForwarder has no outputs.
type bareForwarder struct{ wiring.Forwarder }

func (bareForwarder) Plan(time.Time) []forward.OutputState { return nil }
func (bareForwarder) Compact() []forward.Merged            { return nil }

// stuckStore does not read pages before it is let go.
type stuckStore struct {
	wiring.Store
	released chan struct{}
}

func (s *stuckStore) Commit(c *state.Commit) (state.CommitStats, error) {
	<-s.released
	return state.CommitStats{}, c.Delta.Each(func(state.PageID, []byte) error { return nil })
}

// onWarning is a log that calls a function at the first warning.
type onWarning struct {
	slog.Handler
	once sync.Once
	fn   func()
}

func (h *onWarning) Handle(_ context.Context, r slog.Record) error {
	if r.Level == slog.LevelWarn {
		h.once.Do(h.fn)
	}
	return nil
}

func (h *onWarning) Enabled(context.Context, slog.Level) bool { return true }

// TestCheckpointThatTakesTooLongIsDeclined wants a checkpoint whose pages are not written
// in time to be given up, both by the loop and where it is waited for, and to be declined.
func TestCheckpointThatTakesTooLongIsDeclined(t *testing.T) {
	for name, wait := range map[string]func(r *runner) committed{
		"waited for": (*runner).await,
		"by the loop": func(r *runner) committed {
			if err := r.checkpoint(r.now().Add(time.Hour)); err != nil {
				t.Error(err)
			}
			return <-r.commits
		},
	} {
		t.Run(name, func(t *testing.T) {
			arena, err := state.NewArena(state.Options{})
			if err != nil {
				t.Fatal(err)
			}
			dirty := arena.Stats().Dirty
			stuck := &stuckStore{released: make(chan struct{})}
			timeout := time.Millisecond
			if name == "by the loop" {
				timeout = time.Hour
			}
			checks, err := wiring.New(wiring.Options{
				Engine: bareEngine{arena: arena}, Arena: arena, Forwarder: bareForwarder{}, Store: stuck,
				Policy: store.Policy{Timeout: timeout, TolerableFailures: -1},
			})
			if err != nil {
				t.Fatal(err)
			}
			log := slog.New(&onWarning{fn: func() { close(stuck.released) }})
			r := &runner{
				p:   &Pipeline{agent: &Agent{clock: realClock{}}, log: log},
				cfg: &plan.Config{CheckpointTimeout: timeout}, checks: checks, commits: make(chan committed, 1),
			}
			if err := r.barrier(r.now()); err != nil {
				t.Fatal(err)
			}
			c := wait(r)
			if !errors.Is(c.Err, state.ErrCanceled) {
				t.Errorf("the commit ends with %v", c.Err)
			}
			if err := r.settled(c); err != nil || r.checks.Failures() != 1 || r.meter.failures != 1 || arena.Stats().Dirty != dirty {
				t.Errorf("%v, %d failures, %+v", err, r.checks.Failures(), arena.Stats())
			}
		})
	}
}
