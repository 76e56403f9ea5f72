package agent_test

import (
	"context"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
)

// rare is passing without checkpoints of its own.
func rare(url string) string {
	return strings.Replace(passing("p", url, url, ""), "interval' = '20 ms'", "interval' = '1 h'", 1)
}

// savepoint asks for one of the pipeline p.
func (h *host) savepoint() error {
	var b strings.Builder
	return agent.Savepoint(h.t.Context(), &b, agent.SavepointOptions{Server: "http://" + h.ControlAddr(), Pipeline: "p"})
}

func listening(o *agent.Options) { o.Listen = "127.0.0.1:0" }

// failedSavepoint is a pipeline that has read events 1 to 20, and a savepoint of it that failed at a point.
func failedSavepoint(t *testing.T, point string) (*broker, *host) {
	t.Helper()
	edge := newBroker(t, embedded.Options{})
	edge.events(1, 20)
	h := newHost(t, t.TempDir(), listening, rare(edge.ClientURL()))
	h.await("p", "all is read", func(st agent.Status) bool { return st.Events == 20 })
	t.Cleanup(func() { _ = failpoint.Enable("") })
	if err := failpoint.Enable(point); err != nil {
		t.Fatal(err)
	}
	if err := h.savepoint(); err == nil {
		t.Fatal("the savepoint was taken")
	}
	return edge, h
}

// When nobody knows what became of a savepoint's checkpoint, what it took may not be gone: the
// pipeline goes on from the one before.
func TestASavepointThatBreaksOffLosesNothing(t *testing.T) {
	for _, point := range []string{"checkpoint.before-barrier=error", "checkpoint.after-barrier=panic", "checkpoint.after-barrier=error", "checkpoint.before-told=panic"} {
		t.Run(point, func(t *testing.T) {
			edge, h := failedSavepoint(t, point)
			h.await("p", "it begins anew", func(st agent.Status) bool {
				return st.Restarts > 0 && st.State == agent.Running && st.Events == 20
			})
			if err := h.savepoint(); err != nil {
				t.Fatal(err)
			}
			edge.awaitRows("RES", "res.p", passed(1, 20))
		})
	}
}

// A savepoint that cannot be written, or whose checkpoint is declined, is the caller's trouble alone.
func TestASavepointThatIsDeclinedDisturbsNothing(t *testing.T) {
	for _, point := range []string{"checkpoint.before-commit=error", "savepoint.before-rename=error"} {
		t.Run(point, func(t *testing.T) {
			edge, h := failedSavepoint(t, point)
			if err := h.savepoint(); err != nil {
				t.Fatal(err)
			}
			edge.awaitRows("RES", "res.p", passed(1, 20))
			if st := h.Status()[0]; st.Restarts > 0 {
				t.Errorf("%d restarts", st.Restarts)
			}
		})
	}
}

// What is asked of a pipeline between two attempts is answered with what it lacks.
func TestARestartingPipelineSaysSo(t *testing.T) {
	addr := freeAddr(t)
	h := newHost(t, t.TempDir(), listening, rare("nats://"+addr))
	h.await("p", "the source is missed", inState(agent.Restarting))
	err := h.savepoint()
	if err == nil {
		t.Fatal("the savepoint was taken")
	}
	contains(t, err.Error(), "restarting", addr, "connection refused")
}

// A drain that was asked for ends the pipeline even when the attempt fails that was asked.
func TestADrainOutlivesItsAttempt(t *testing.T) {
	edge := newBroker(t, embedded.Options{})
	edge.events(1, 20)
	h := newHost(t, t.TempDir(), nil)
	p, err := agent.Compile("p.sql", rare(edge.ClientURL()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	pl, err := h.Add(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	h.await("p", "all is read", func(st agent.Status) bool { return st.Events == 20 })
	defer failpoint.Enable("")
	if err := failpoint.Enable("checkpoint.after-barrier=panic"); err != nil {
		t.Fatal(err)
	}
	if err := pl.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	<-pl.Done()
	st := pl.Status()
	if st.State != agent.Finished || st.Restarts == 0 {
		t.Errorf("state %s after %d restarts: %v", st.State, st.Restarts, pl.Err())
	}
}

// What ends the forwarder while a pipeline stops is told, as at any other time.
func TestAStopTellsWhatEndedTheForwarder(t *testing.T) {
	edge := newBroker(t, embedded.Options{})
	edge.events(1, 20)
	h := newHost(t, t.TempDir(), nil)
	p, err := agent.Compile("p.sql", rare(edge.ClientURL()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	pl, err := h.Add(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	h.await("p", "all is read", func(st agent.Status) bool { return st.Events == 20 && resOf(st).Generation > 0 })
	defer failpoint.Enable("")
	if err := failpoint.Enable("forward.before-publish=panic"); err != nil { // of what the last checkpoint stores
		t.Fatal(err)
	}
	stop()
	<-pl.Done()
	if st := pl.Status(); pl.Err() == nil || st.State != agent.Stopped || !strings.Contains(st.Error, "forward.before-publish") {
		t.Errorf("state %s, %v", st.State, pl.Err())
	}
}
