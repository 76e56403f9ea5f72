package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/bench/qoe"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

// serverJob is where a JetStream server keeps its files.
type serverJob struct {
	Dir string `json:"dir"`
}

// serverProgram runs a JetStream server on a loopback port, prints its URL, and serves
// until its standard input ends.
func serverProgram(j serverJob) (struct{}, error) {
	s, err := embedded.Start(embedded.Options{Name: "bench", StoreDir: j.Dir, Listen: "127.0.0.1:0", MaxStoreBytes: 64 << 30, LazySync: true})
	if err != nil {
		return struct{}{}, err
	}
	defer s.Shutdown()
	fmt.Println(s.ClientURL())
	_, err = io.Copy(io.Discard, stdin)
	return struct{}{}, err
}

// server is a running serverProgram.
type server struct {
	url  string
	pid  int
	stop func() error
}

// startServer starts a server whose files lie in a temporary folder until it is stopped,
// with env added to its environment.
func startServer(ctx context.Context, env ...string) (*server, error) {
	dir, err := os.MkdirTemp("", "edgeflow-bench-jetstream-")
	if err != nil {
		return nil, err
	}
	s, err := startServerIn(ctx, dir, env...)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop := s.stop
	s.stop = func() error { return errors.Join(stop(), os.RemoveAll(dir)) }
	return s, nil
}

// startServerIn starts a server whose files lie, and stay, in dir.
func startServerIn(ctx context.Context, dir string, env ...string) (*server, error) {
	r, w := io.Pipe()
	cmd, in, err := start(ctx, "server", serverJob{dir}, w, env...)
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		w.CloseWithError(io.EOF)
		ended <- err
	}()
	out := bufio.NewReader(r)
	line, err := out.ReadString('\n')
	go io.Copy(io.Discard, out)
	s := &server{url: strings.TrimSpace(line), pid: cmd.Process.Pid}
	s.stop = func() error {
		in.Close()
		return <-ended
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the JetStream server did not start: %w", err), s.stop())
	}
	return s, nil
}

// stallMax is how long the server may take to acknowledge a window of messages.
const stallMax = time.Minute

// fill stores a log in a stream of its own, in file storage.
func (s *server) fill(ctx context.Context, stream string, l *qoe.Log) error {
	return s.store(ctx, stream, func(put func([]byte) error) error {
		return l.Each(func(data []byte, _ int64) error { return put(data) })
	})
}

// store stores the messages that each puts in a stream of their own, in file storage.
func (s *server) store(ctx context.Context, stream string, each func(put func(data []byte) error) error) error {
	nc, err := natsgo.Connect(s.url)
	if err != nil {
		return err
	}
	defer nc.Close()
	var failed atomic.Pointer[error]
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(8192),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, _ *natsgo.Msg, err error) { failed.Store(&err) }))
	if err != nil {
		return err
	}
	if _, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: stream, Subjects: []string{stream + ".>"}, Storage: jetstream.FileStorage}); err != nil {
		return err
	}
	subject := stream + ".eu-west-1"
	err = each(func(data []byte) error {
		if _, err := js.PublishAsync(subject, append([]byte(nil), data...), jetstream.WithStallWait(stallMax)); err != nil {
			return err
		}
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("fill %s: %w", stream, err)
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := failed.Load(); err != nil {
		return fmt.Errorf("fill %s: %w", stream, *err)
	}
	return nil
}
