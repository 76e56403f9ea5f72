package faulttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/connector/nats/natstest"
)

// natsServer is a nats-server in a process of its own, on a folder of its own.
type natsServer struct {
	t          *testing.T
	name, dir  string
	host, port string
	cluster    string // lines of the configuration
	extra      string
	ns         *netns // where it runs, nil for here
	cmd        *exec.Cmd
	ended      chan struct{}
}

// freePorts finds ports that nobody listens at, and that nobody is given while a server is away.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	ports := make([]string, n)
	for i, port := range natstest.Ports(t, n) {
		ports[i] = strconv.Itoa(port)
	}
	return ports
}

// newServer starts a server of its own.
func newServer(t *testing.T, name string) *natsServer {
	t.Helper()
	s := &natsServer{t: t, name: name, dir: t.TempDir(), host: "127.0.0.1", port: freePorts(t, 1)[0]}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *natsServer) addr() string { return net.JoinHostPort(s.host, s.port) }
func (s *natsServer) url() string  { return "nats://" + s.addr() }

// store is the folder of its streams.
func (s *natsServer) store() string { return filepath.Join(s.dir, "store") }

// configure writes what the server is to be.
func (s *natsServer) configure() string {
	conf := filepath.Join(s.dir, "nats.conf")
	text := fmt.Sprintf("server_name: %s\nlisten: %q\nlogfile: %q\n%s\njetstream { store_dir: %q, max_mem: 64M, max_file: 1G }\n%s\n",
		s.name, s.addr(), filepath.Join(s.dir, "log"), s.extra, s.store(), s.cluster)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return conf
}

// start starts the process and waits until it listens.
func (s *natsServer) start() {
	s.t.Helper()
	s.launch()
	until(s.t, s.name+" listens", func() bool {
		c, err := s.ns.dial(s.addr())
		if err == nil {
			c.Close()
		}
		select {
		case <-s.ended:
			s.t.Fatalf("%s has ended:\n%s", s.name, s.log())
		default:
		}
		return err == nil
	})
}

// launch starts the process.
func (s *natsServer) launch() {
	s.t.Helper()
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Env = append(os.Environ(), asServer+"="+s.configure())
	s.cmd.Stderr = os.Stderr // what it says before it has its log
	if err := s.ns.do(s.cmd.Start); err != nil {
		s.t.Fatal(err)
	}
	cmd, ended := s.cmd, make(chan struct{})
	s.ended = ended
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
}

func (s *natsServer) log() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(b)
}

// signal sends the process a signal.
func (s *natsServer) signal(sig syscall.Signal) {
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Error(err)
	}
}

// kill ends the process at once and waits for its end.
func (s *natsServer) kill() {
	s.signal(syscall.SIGKILL)
	<-s.ended
}

// connect is a connection that outlasts the server's ends.
func (s *natsServer) connect() jetstream.JetStream {
	s.t.Helper()
	return connect(s.t, s.ns, s.url())
}

func connect(t *testing.T, ns *netns, urls ...string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(strings.Join(urls, ","), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.SetCustomDialer(ns), nats.RetryOnFailedConnect(true), nats.Timeout(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(512), jetstream.WithDefaultTimeout(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// persist repeats what servers refuse or do not answer while they are busy with themselves.
func persist(t *testing.T, what string, f func(ctx context.Context) error) {
	t.Helper()
	var err error
	until(t, what, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = f(ctx)
		return err == nil
	}, func() string { return fmt.Sprint(err) })
}
