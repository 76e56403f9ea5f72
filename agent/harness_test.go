package agent_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/connector/nats/natstest"
)

// patience is the longest that anything a test waits for may take.
const patience = natstest.Patience

// logs keeps what an agent logs.
type logs struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// host is an agent with its pipelines, and the way to stop it.
type host struct {
	*agent.Agent
	t    *testing.T
	log  *logs
	stop func()
}

// newHost starts an agent on a folder with pipelines; mend changes its options.
func newHost(t *testing.T, dir string, mend func(*agent.Options), pipelines ...string) *host {
	t.Helper()
	l := &logs{}
	o := agent.Options{DataDir: dir, Instance: "test", Logger: slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if mend != nil {
		mend(&o)
	}
	a, err := agent.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &host{Agent: a, t: t, log: l}
	h.stop = sync.OnceFunc(func() {
		cancel()
		_ = a.Wait() // tests look at the pipelines themselves
		a.Close()
	})
	t.Cleanup(func() {
		h.stop()
		if t.Failed() {
			t.Logf("the log:\n%s", l)
		}
	})
	for i, sql := range pipelines {
		p, err := agent.Compile(fmt.Sprintf("p%d.sql", i), sql)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Add(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// await waits until a pipeline's status is as wanted.
func (h *host) await(name, what string, want func(agent.Status) bool) agent.Status {
	h.t.Helper()
	var last agent.Status
	until(h.t, what, func() bool {
		for _, st := range h.Status() {
			if st.Pipeline == name {
				last = st
				return want(st)
			}
		}
		return false
	}, func() string { return fmt.Sprintf("%+v", last) })
	return last
}

// failed waits until a pipeline has failed for good with an error that has all the words.
func (h *host) failed(name string, words ...string) {
	h.t.Helper()
	st := h.await(name, "the pipeline fails", func(st agent.Status) bool { return st.State == agent.Failed })
	contains(h.t, st.Error, words...)
}

func inState(s agent.State) func(agent.Status) bool {
	return func(st agent.Status) bool { return st.State == s }
}

func contains(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q has no %q", text, w)
		}
	}
}

// says waits until a text, such as the log, has all the words: what is seen of a pipeline may be
// ahead of what is told of it, and the other way round.
func says(t *testing.T, text func() string, words ...string) {
	t.Helper()
	for _, w := range words {
		until(t, fmt.Sprintf("%q is told", w), func() bool { return strings.Contains(text(), w) }, text)
	}
}

// until polls until cond holds.
func until(t *testing.T, what string, cond func() bool, state ...func() string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !cond() {
		select {
		case <-tick.C:
		case <-late:
			for _, s := range state {
				t.Log(s())
			}
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// broker is a server with its connection.
type broker struct {
	*embedded.Server
	t  *testing.T
	js jetstream.JetStream
	o  embedded.Options
}

func newBroker(t *testing.T, o embedded.Options) *broker {
	t.Helper()
	if o.StoreDir == "" {
		o.StoreDir = t.TempDir()
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	o.LazySync = true
	b := &broker{t: t, o: o}
	b.start()
	return b
}

func (b *broker) start() {
	b.t.Helper()
	s, err := embedded.Start(b.o)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Server = s
	b.t.Cleanup(s.Shutdown)
	b.js = natstest.Connect(b.t, s.ClientURL())
}

// events makes the stream of the pipelines' source when there is none, and stores events
// first to last, a second of event time apart.
func (b *broker) events(first, last int) {
	b.t.Helper()
	b.stream()
	for i := first; i <= last; i++ {
		b.put([]byte(event(i)))
	}
}

func event(i int) string {
	at := time.Date(2030, 1, 1, 0, 0, i, 0, time.UTC)
	return fmt.Sprintf(`{"ts":"%s","usr":"u%d","n":%d}`, at.Format("2006-01-02T15:04:05Z"), i%3, i)
}

func (b *broker) stream() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	natstest.Make(b.t, func() error {
		_, err := b.js.CreateStream(ctx, jetstream.StreamConfig{Name: "EV", Subjects: []string{"ev.>"}})
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return nil
		}
		return err
	})
}

func (b *broker) put(data []byte) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := b.js.Publish(ctx, "ev.a", data); err != nil {
		b.t.Fatal(err)
	}
}

// rows reads the messages of a subject of a stream; none while there is no stream.
func (b *broker) rows(stream, subject string) []string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := b.js.Stream(ctx, stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for seq := uint64(1); ; {
		m, err := s.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return out
		}
		if err != nil {
			b.t.Fatal(err)
		}
		out = append(out, string(m.Data))
		seq = m.Sequence + 1
	}
}

// awaitRows waits until a subject has at least n rows and wants exactly the given ones.
func (b *broker) awaitRows(stream, subject string, want []string) {
	b.t.Helper()
	var got []string
	until(b.t, fmt.Sprintf("%s has %d rows", subject, len(want)), func() bool {
		got = b.rows(stream, subject)
		return len(got) >= len(want)
	}, func() string { return strings.Join(got, "\n") })
	for i := range got {
		if i >= len(want) || got[i] != want[i] {
			b.t.Fatalf("row %d of %s:\n%s\nwant\n%s", i, subject, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// passing is a pipeline that passes events on one by one; extra goes into the source's
// options.
func passing(name, source, hub, extra string) string {
	return fmt.Sprintf(`SET 'pipeline.name' = '%[1]s';
SET 'execution.checkpointing.interval' = '20 ms';
SET 'execution.checkpointing.min-pause' = '1 ms';
CREATE TABLE ev (usr STRING, n BIGINT) WITH ('connector' = 'nats', 'nats.url' = '%[2]s', 'nats.stream' = 'EV', 'nats.subject' = 'ev.>', 'format' = 'json'%[4]s);
CREATE TABLE res (usr STRING, n BIGINT) WITH ('connector' = 'nats', 'nats.url' = '%[3]s', 'nats.stream' = 'RES', 'nats.subject' = 'res.%[1]s', 'nats.stream.subjects' = 'res.>', 'nats.stream.create' = 'true', 'format' = 'json');
INSERT INTO res SELECT usr, n FROM ev;`, name, source, hub, extra)
}

// passed are the rows that passing makes of events first to last.
func passed(first, last int) (rows []string) {
	for i := first; i <= last; i++ {
		rows = append(rows, fmt.Sprintf(`{"usr":"u%d","n":%d}`, i%3, i))
	}
	return rows
}

func stateFile(dir, pipeline string) string {
	return filepath.Join(dir, "pipelines", pipeline, "state.db")
}
