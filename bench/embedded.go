package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	natsgo "github.com/nats-io/nats.go"

	"github.com/edgeflow/edgeflow/connector/nats"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

// streamsDir is where an agent keeps the streams of its embedded server, below its folder.
const streamsDir = "jetstream"

// server tells how the job's server is reached. One in this process, over the files that
// another has left behind, runs until stop is called.
func (j *readJob) server() (c nats.ConnOptions, stop func(), err error) {
	if j.Dir == "" {
		return nats.ConnOptions{URLs: []string{j.URL}}, func() {}, nil
	}
	s, err := embedded.Start(embedded.Options{Name: "bench", StoreDir: filepath.Join(j.Dir, streamsDir), MaxStoreBytes: 64 << 30, LazySync: true})
	if err != nil {
		return c, nil, err
	}
	return nats.ConnOptions{InProcess: s}, s.Shutdown, nil
}

// dial connects nats.go to a server.
func dial(c nats.ConnOptions) (*natsgo.Conn, error) {
	if c.InProcess != nil {
		return natsgo.Connect("", natsgo.InProcessServer(c.InProcess))
	}
	return natsgo.Connect(c.URLs[0])
}

// removeState removes what a pipeline has left below an agent's folder.
func removeState(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != streamsDir {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// embedded is jetstream with the server in each program's own process: the streams are
// filled by a server of its own, which ends before they are read.
func (o *qoeOptions) embedded(ctx context.Context, report *qoeReport) (err error) {
	dir, err := os.MkdirTemp("", "edgeflow-bench-embedded-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, l := range o.logs() {
		name := logName(&l)
		if !o.wants("filter/"+name) && !o.wants("tumble/"+name) {
			continue
		}
		// A folder each: a server that starts looks at all its streams.
		own := filepath.Join(dir, name)
		s, err := startServerIn(ctx, filepath.Join(own, streamsDir))
		if err != nil {
			return err
		}
		stream := strings.ToUpper(name)
		if err := errors.Join(s.fill(ctx, stream, &l), s.stop()); err != nil {
			return err
		}
		rows, err := o.readers(ctx, &l, readJob{Encoding: l.Encoding, Dir: own, Stream: stream, Events: l.Events})
		report.Rows = append(report.Rows, rows...)
		if err != nil {
			return err
		}
	}
	return nil
}
