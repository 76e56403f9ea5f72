package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/edgeflow/edgeflow/agent"
)

// engine is the process that runs the pipeline; it can be killed and started again.
type engine struct {
	args []string
	addr string
	log  *os.File

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan error
	kills int
}

// newEngine prepares `edgeflow run` on the example's SQL.
func newEngine(dir, edgeURL, hubURL string) (*engine, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "engine.log"))
	if err != nil {
		return nil, err
	}
	return &engine{addr: addr, log: log, args: []string{
		"run", filepath.Join(dir, "qoe.sql"), "--data", filepath.Join(dir, "engine"),
		"--nats", edgeURL, "--hub", hubURL, "--listen", addr, "--instance", "demo-edge",
	}}, nil
}

func (e *engine) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	cmd := exec.Command(self, e.args...)
	cmd.Stdout, cmd.Stderr = e.log, e.log
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	ended := make(chan error, 1)
	e.cmd, e.ended = cmd, ended
	go func() { ended <- cmd.Wait() }()
	return nil
}

// kill ends the process at once, as a power cut would, and waits for it.
func (e *engine) kill() {
	e.signal(syscall.SIGKILL)
	e.kills++
}

func (e *engine) signal(s os.Signal) {
	e.mu.Lock()
	cmd, ended := e.cmd, e.ended
	e.cmd = nil
	e.mu.Unlock()
	if cmd == nil {
		return
	}
	if err := cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		cmd.Process.Kill() // it did not stop when asked
		<-ended
	}
}

func (e *engine) running() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cmd != nil
}

// exited reports an engine that ended by itself.
func (e *engine) exited() (error, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cmd == nil {
		return nil, false
	}
	select {
	case err := <-e.ended:
		e.cmd = nil
		return err, true
	default:
		return nil, false
	}
}

// status asks the engine; ok is false while it does not answer.
func (e *engine) status(ctx context.Context) (st agent.Status, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.addr+"/pipelines/qoe", nil)
	if err != nil {
		return st, false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return st, false
	}
	defer resp.Body.Close()
	return st, resp.StatusCode == http.StatusOK && json.NewDecoder(resp.Body).Decode(&st) == nil
}

// drain asks the engine to end its sources, so that every window fires, and returns its
// last status once everything is at the hub.
func (e *engine) drain(ctx context.Context) (st agent.Status, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+e.addr+"/pipelines/qoe/drain", nil)
	if err != nil {
		return st, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return st, fmt.Errorf("drain: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return st, fmt.Errorf("drain: %s", resp.Status)
	}
	return st, json.NewDecoder(resp.Body).Decode(&st)
}
