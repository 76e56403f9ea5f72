package agent_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/store"
)

// A savepoint that is long in the making, here since nobody reads the pipe that it is written to,
// holds nothing up.
func TestSavepointHoldsNothingUp(t *testing.T) {
	edge := newBroker(t, embedded.Options{})
	edge.events(1, 5)
	dir := t.TempDir()
	p, _ := run(t, dir, nil, passing("p", edge.ClientURL(), edge.ClientURL(), ""))
	edge.awaitRows("RES", "res.p", passed(1, 5))
	savepoints := filepath.Join(filepath.Dir(stateFile(dir, "p")), "savepoints")
	if err := os.MkdirAll(savepoints, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(savepoints, "slow"+store.SavepointSuffix)
	if err := syscall.Mkfifo(path+".tmp", 0o600); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := p.Savepoint(context.Background(), "slow")
		done <- err
	}()
	edge.events(6, 10)
	edge.awaitRows("RES", "res.p", passed(1, 10))
	select {
	case err := <-done:
		t.Fatalf("the savepoint waits for nobody: %v", err)
	default:
	}
	r, err := os.Open(path + ".tmp")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || len(got) == 0 {
		t.Errorf("%d bytes of a savepoint: %v", len(got), err)
	}
	if err := <-done; err == nil {
		t.Error("a pipe is taken for a savepoint")
	}
	if _, err := p.Savepoint(context.Background(), "slow"); err != nil {
		t.Errorf("the next one: %v", err)
	}
	edge.events(11, 12)
	edge.awaitRows("RES", "res.p", passed(1, 12))
}
