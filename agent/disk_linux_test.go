package agent_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

// smallDisk mounts a file system of so many bytes, and skips the test where it may not.
func smallDisk(t *testing.T, bytes string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+bytes); err != nil {
		t.Skipf("a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes a file until the disk is full.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := 1 << 20; block >= 512; block /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(bytes.Repeat([]byte{1}, block))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

// TestFullDiskDeclinesCheckpoints wants processing to go on while the disk is full, and
// everything to arrive once when there is room again. The hub is away, so that the outbox
// grows.
func TestFullDiskDeclinesCheckpoints(t *testing.T) {
	const events = 1200
	disk := smallDisk(t, "40m")
	edge := newBroker(t, embedded.Options{})
	hubAddr := freeAddr(t)
	dir := filepath.Join(disk, "data")
	sql := "SET 'execution.checkpointing.tolerable-failed-checkpoints' = '-1';\n" + passing("p", edge.ClientURL(), "nats://"+hubAddr, "")
	edge.stream()
	h := newHost(t, dir, nil, sql)
	h.await("p", "it runs", func(st agent.Status) bool { return st.State == agent.Running && st.Checkpoints > 0 })
	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	noise := rand.New(rand.NewPCG(1, 1))
	var want []string
	for i := range events {
		var text strings.Builder
		for range 500 {
			fmt.Fprintf(&text, "%016x", noise.Uint64())
		}
		edge.put(fmt.Appendf(nil, `{"usr":"%s","n":%d}`, &text, i))
		want = append(want, fmt.Sprintf(`{"usr":"%s","n":%d}`, &text, i))
	}
	st := h.await("p", "checkpoints are declined", func(st agent.Status) bool { return st.CheckpointFailures > 1 && st.Events == events })
	if st.State != agent.Running || st.Restarts > 0 {
		t.Errorf("with a full disk the pipeline is %s after %d restarts: %s", st.State, st.Restarts, st.Error)
	}
	says(t, h.log.String, "checkpoint declined; the next one takes over its changes", "no space left on device")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	h.await("p", "the outbox has everything", func(st agent.Status) bool { return waiting(st) == events })
	hub := newBroker(t, embedded.Options{Listen: hubAddr})
	h.await("p", "the hub has everything", func(st agent.Status) bool { return st.State == agent.Running && waiting(st) == 0 })
	hub.awaitRows("RES", "res.p", want)
	if st := h.await("p", "the ledger is told", func(st agent.Status) bool { return st.Ledger != nil }); len(st.Imbalances) > 0 {
		t.Error(st.Imbalances)
	}
}
