//go:build unix

package agent_test

import (
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/agent"
)

// TestASlowStartOfTheEmbeddedServerHoldsNothingUp lets a start wait, here for a file of users that
// is a pipe: health, status, reloads and other pipelines go on, and a stop ends the wait.
func TestASlowStartOfTheEmbeddedServerHoldsNothingUp(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "users")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	h := newHost(t, t.TempDir(), func(o *agent.Options) { o.Listen, o.Embedded.Users = "127.0.0.1:0", pipe },
		embeddedOnly, `SET 'pipeline.name' = 'other'; CREATE TABLE s (n INT) WITH ('connector'='datagen','rows-per-second'='1');
CREATE TABLE o (n INT) WITH ('connector'='blackhole'); INSERT INTO o SELECT n FROM s`)
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits until it is read
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() // the start ends: there are no users
	client := &http.Client{Timeout: patience}
	for _, path := range []string{"/healthz", "/metrics", "/pipelines/p"} {
		r, err := client.Get("http://" + h.ControlAddr() + path)
		if err != nil {
			t.Fatal(err)
		}
		if r.Body.Close(); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
	h.await("p", "it starts", inState(agent.Restoring))
	h.await("other", "it runs", inState(agent.Running))
	h.Renew()
	stopped := make(chan struct{})
	go func() { defer close(stopped); h.stop() }()
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Fatal("the stop waits for the start")
	}
}
