package dlq

import (
	"context"
	"errors"
	"io"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/store"
)

// Options say where letters are.
type Options struct {
	Filter
	// DataDir is a data folder whose files hold letters, unless Stream is set.
	DataDir string
	// Stream is a stream of letters, at Letters or, without a URL there, at NATS.
	Stream  string
	Letters agent.Server
	// NATS is the server of the sources' streams.
	NATS agent.Server
	// Keys decrypt letters in files.
	Keys *store.Keys
	JSON bool
	// In is where confirmations come from.
	In io.Reader
}

// place is where letters are kept.
type place interface {
	// each calls fn with the letters, those of a pipeline's output oldest first.
	each(ctx context.Context, f *Filter, fn func(*Entry) error) error
	// marks reads all marks, oldest first, and mark adds one that is durable afterwards.
	marks(ctx context.Context, fn func(mark) error) error
	mark(ctx context.Context, m mark) error
	// removed tells, a line each, which letters went by the limits of the place itself.
	removed(f *Filter) ([]string, error)
	// lock keeps other replays out until unlock is called, where that can be.
	lock() (unlock func(), err error)
	// name says where it is.
	name() string
	close()
}

// open opens the place.
func (o *Options) open(ctx context.Context) (place, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Stream == "" {
		return openFiles(o.DataDir, o.Keys)
	}
	s := o.Letters
	if s.URL == "" {
		s = o.NATS
	}
	return openStream(ctx, s, o.Stream)
}

// serverName names a server for messages, without secrets.
func serverName(s agent.Server) string {
	o, _ := s.ConnOptions() // those of a server that was dialled are right
	return o.Server()
}

// errNoServer says how a server is named.
var errNoServer = errors.New("no server is named: give --nats nats://HOST:PORT; the embedded server of `edgeflow run` has a port with --embedded-listen")

// dial connects to a server's JetStream.
func dial(s agent.Server) (jetstream.JetStream, func(), error) {
	if s.URL == "" {
		return nil, nil, errNoServer
	}
	o, err := s.ConnOptions()
	if err != nil {
		return nil, nil, err
	}
	o.Name = "edgeflow-dlq"
	nc, err := o.Connect()
	if err != nil {
		return nil, nil, err
	}
	js, err := domain(nc, o)
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return js, nc.Close, nil
}

// entries calls fn with the letters that the filter picks, marked where they have been
// replayed.
func (o *Options) entries(ctx context.Context, p place, fn func(*Entry) error) error {
	marks, err := readMarks(ctx, p)
	if err != nil {
		return err
	}
	return p.each(ctx, &o.Filter, func(e *Entry) error {
		if !o.picks(e) {
			return nil
		}
		e.Replayed = marks.done[e.ID]
		return fn(e)
	})
}
