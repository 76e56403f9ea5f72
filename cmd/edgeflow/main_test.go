package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/agent/command"
)

// asMain is the environment variable that makes the test's binary an edgeflow.
const asMain = "EDGEFLOW_TEST_MAIN"

// patience is the longest that anything a test waits for may take.
const patience = 3 * time.Minute

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		os.Exit(command.Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// output collects what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// process is a running edgeflow.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err output
	ended    chan struct{}
	waitErr  error
}

func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(self, args...), ended: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), asMain+"=1")
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.waitErr = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// code waits for the end and returns the exit code.
func (p *process) code() int {
	p.t.Helper()
	return p.codeWithin(patience)
}

func (p *process) codeWithin(d time.Duration) int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(d):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		<-p.ended
		p.t.Fatalf("edgeflow did not end:\n%s%s", &p.out, &p.err)
	}
	var exit *exec.ExitError
	if p.waitErr != nil && !errors.As(p.waitErr, &exit) {
		p.t.Fatal(p.waitErr)
	}
	return p.cmd.ProcessState.ExitCode()
}

// edgeflow runs a command to its end and wants the exit code.
func edgeflow(t *testing.T, dir string, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	p := start(t, dir, args...)
	if got := p.code(); got != code {
		t.Fatalf("edgeflow %s: exit code %d instead of %d\n%s%s", strings.Join(args, " "), got, code, &p.out, &p.err)
	}
	return p.out.String(), p.err.String()
}

var controlLine = regexp.MustCompile(`metrics=(http://127\.0\.0\.1:\d+)/metrics`)

// server waits for the control address.
func (p *process) server() (url string) {
	p.t.Helper()
	until(p.t, "the control address is open", func() bool {
		m := controlLine.FindStringSubmatch(p.err.String())
		if m != nil {
			url = m[1]
		}
		return m != nil
	}, &p.err)
	return url
}

// until polls until cond holds.
func until(t *testing.T, what string, cond func() bool, state *output) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !cond() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited in vain until %s\n%s", what, state)
		}
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// lines are the lines of the part files of a folder, in the order of their names.
func lines(t *testing.T, dir string) (out []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(b)) {
			out = append(out, strings.TrimSuffix(l, "\n"))
		}
	}
	return out
}

func contains(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in\n%s", w, text)
		}
	}
}
