package dlq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats"
	"github.com/edgeflow/edgeflow/sync/natshub"
)

// stream is a stream of letters.
type stream struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	title  string
	server string
	hangUp func()
}

// domain is the JetStream that the options speak of.
func domain(nc *natsgo.Conn, o nats.ConnOptions) (jetstream.JetStream, error) {
	if o.Domain != "" {
		return jetstream.NewWithDomain(nc, o.Domain, jetstream.WithDefaultTimeout(readWait))
	}
	return jetstream.New(nc, jetstream.WithDefaultTimeout(readWait))
}

func openStream(ctx context.Context, at agent.Server, name string) (*stream, error) {
	js, hangUp, err := dial(at)
	if err != nil {
		return nil, err
	}
	s := &stream{js: js, title: name, server: serverName(at), hangUp: hangUp}
	if s.stream, err = js.Stream(ctx, name); err != nil {
		hangUp()
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return nil, fmt.Errorf("%s: no stream %s: a pipeline with SET 'edgeflow.dlq' = 'edge' or 'hub' makes it when it starts; letters in files are read with --data", s.server, name)
		}
		return nil, fmt.Errorf("%s: stream %s: %w", s.server, name, err)
	}
	return s, nil
}

func (s *stream) name() string { return "stream " + s.title + " of " + s.server }

func (s *stream) close() { s.hangUp() }

// lock keeps nobody out: of two replays at once the server takes an event from one, by its message
// ID, as long as it remembers those.
func (s *stream) lock() (unlock func(), err error) { return func() {}, nil }

// removed tells nothing: a stream does not count what its limits remove.
func (s *stream) removed(*Filter) ([]string, error) { return nil, nil }

// orAll is a token of a filter.
func orAll(v string) string {
	if v == "" {
		return "*"
	}
	return v
}

func (s *stream) each(ctx context.Context, f *Filter, fn func(*Entry) error) error {
	subject := agent.LetterSubject(s.title, orAll(f.Pipeline), orAll(f.Instance), orAll(f.Kind))
	return readAll(ctx, s.stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}}, func(m jetstream.Msg) error {
		h := m.Headers()
		e, err := parseEntry(m.Data(), h.Get(natshub.HeaderPipeline), h.Get(natshub.HeaderInstance), kindOf(m.Subject()))
		if err != nil {
			return fmt.Errorf("%s: %s is no letter: %w", s.name(), sequenceOf(m), err)
		}
		return fn(e)
	})
}

// kindOf is the last token of a letter's subject.
func kindOf(subject string) string { return subject[strings.LastIndexByte(subject, '.')+1:] }

func sequenceOf(m jetstream.Msg) string {
	meta, err := m.Metadata()
	if err != nil {
		return "a message"
	}
	return fmt.Sprintf("message %d", meta.Sequence.Stream)
}

func (s *stream) marks(ctx context.Context, fn func(mark) error) error {
	subject := agent.ReplayedSubject(s.title)
	return readAll(ctx, s.stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}}, func(msg jetstream.Msg) error {
		var m mark
		if err := json.Unmarshal(msg.Data(), &m); err != nil {
			return fmt.Errorf("%s: %s is no mark: %w", s.name(), sequenceOf(msg), err)
		}
		return fn(m)
	})
}

func (s *stream) mark(ctx context.Context, m mark) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = s.js.Publish(ctx, agent.ReplayedSubject(s.title), b, jetstream.WithExpectStream(s.title))
	if err != nil {
		return fmt.Errorf("%s: a mark could not be stored: %w", s.name(), err)
	}
	return nil
}

// readWait is how long a server may take to answer, and to hand out a message that it has, over a
// slow link.
const readWait = time.Minute

// readAll calls fn with the messages that a stream has at present, as the consumer picks
// them.
func readAll(ctx context.Context, s jetstream.Stream, c jetstream.OrderedConsumerConfig, fn func(jetstream.Msg) error) error {
	cons, err := s.OrderedConsumer(ctx, c)
	if err != nil {
		return fmt.Errorf("stream %s: %w", s.CachedInfo().Config.Name, err)
	}
	info, err := cons.Info(ctx)
	if err != nil {
		return fmt.Errorf("stream %s: %w", s.CachedInfo().Config.Name, err)
	}
	left := info.NumPending
	if left == 0 {
		return nil
	}
	it, err := cons.Messages()
	if err != nil {
		return err
	}
	defer it.Stop()
	for ; left > 0; left-- {
		wait, cancel := context.WithTimeout(ctx, readWait)
		m, err := it.Next(jetstream.NextContext(wait))
		cancel()
		if err != nil {
			return fmt.Errorf("stream %s: %d messages did not come: %w", s.CachedInfo().Config.Name, left, err)
		}
		if err := fn(m); err != nil {
			return err
		}
	}
	return nil
}
