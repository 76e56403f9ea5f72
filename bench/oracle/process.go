package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const engineModule = "github.com/edgeflow/edgeflow"

// build makes the binary of the engine's module in a folder, as a release has it.
func build(dir string) (string, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", engineModule).Output()
	if err != nil {
		return "", fmt.Errorf("find module %s: %w", engineModule, err)
	}
	binary := filepath.Join(dir, "edgeflow")
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/edgeflow")
	cmd.Dir = strings.TrimSpace(string(root))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
}

// process is one run of the binary on a script and a data folder.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // of the end

	mu     sync.Mutex
	log    strings.Builder
	status string // where its status is asked for, once it is known
	// epoch and events are what was restored.
	epoch, events int64
}

func startProcess(binary, script, data, hubURL string) (*process, error) {
	p := &process{ended: make(chan struct{})}
	p.cmd = exec.Command(binary, "run", script, "--data", data, "--nats", hubURL, "--listen", "127.0.0.1:0", "--instance", "oracle", "--log-json")
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read(r)
	}()
	go func() {
		p.err = p.cmd.Wait()
		w.Close()
		<-read
		close(p.ended)
	}()
	return p, nil
}

// read follows the log.
func (p *process) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Msg           string
			Metrics       string
			Epoch, Events int64
		}
		p.mu.Lock()
		p.log.Write(lines.Bytes())
		p.log.WriteByte('\n')
		if json.Unmarshal(lines.Bytes(), &line) == nil {
			switch line.Msg {
			case "control address open":
				p.status = strings.TrimSuffix(line.Metrics, "/metrics") + "/pipelines"
			case "restored":
				p.epoch, p.events = line.Epoch, line.Events
			}
		}
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, r)
}

// restored is the epoch that the process went on from and the events that were read by
// then; 0 and 0 for a first start.
func (p *process) restored() (epoch, events int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.epoch, p.events
}

// failure is how the process ended, with its log.
func (p *process) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Errorf("the process ended with %v:\n%s", p.err, p.log.String())
}

// progress is how many events have been read in all; 0 while the process does not tell.
func (p *process) progress() int64 {
	p.mu.Lock()
	url := p.status
	p.mu.Unlock()
	if url == "" {
		return 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0 // it ends, or has not begun
	}
	defer answer.Body.Close()
	var pipelines []struct{ Events int64 }
	if json.NewDecoder(answer.Body).Decode(&pipelines) != nil || len(pipelines) != 1 {
		return 0
	}
	return pipelines[0].Events
}

// kill sends SIGKILL and tells whether that is what ended the process.
func (p *process) kill() (bool, error) {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return false, err
	}
	<-p.ended
	if p.err == nil {
		return false, nil
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() && ws.Signal() == syscall.SIGKILL {
			return true, nil
		}
	}
	return false, p.failure()
}
