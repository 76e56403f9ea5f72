package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

// limitsJob is a pipeline of so many events that makes its own input, so that all it needs
// of others is the processor.
const limitsJob = `SET 'pipeline.name' = 'job';
CREATE TABLE gen (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '100000000', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '%d');
CREATE TABLE o (k BIGINT, n BIGINT, total BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT MOD(id, 1000), COUNT(*), SUM(id) FROM gen GROUP BY MOD(id, 1000);`

// limitsCopy copies a stream of the server edge to one of the server hub.
const limitsCopy = `SET 'pipeline.name' = '%s'; SET 'edgeflow.outbox.max-bytes' = '%s';
CREATE TABLE ev (n BIGINT) WITH ('connector' = 'nats', 'nats.url' = '%s', 'nats.stream' = 'EV', 'nats.subject' = 'ev.>', 'format' = 'json');
CREATE TABLE res (n BIGINT) WITH ('connector' = 'nats', 'nats.url' = '%s', 'nats.stream' = 'RES', 'nats.subject' = 'res.a', 'nats.stream.create' = 'true', 'format' = 'json');
INSERT INTO res SELECT n FROM ev;`

// limitsKeys makes keys without end under a small share of memory, at a steady rate.
const limitsKeys = `SET 'pipeline.name' = 'keys'; SET 'edgeflow.memory.max' = '4 mb';
CREATE TABLE gen (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '2000', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '1000000000');
CREATE TABLE o (k STRING, n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT CONCAT(REPEAT('wide', 100), CAST(id AS STRING)) AS k, COUNT(*) FROM gen GROUP BY CONCAT(REPEAT('wide', 100), CAST(id AS STRING));`

// limitsCommand times a pipeline alone and beside another one that is at its limit, in one
// agent, by turns.
func limitsCommand(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("limits", flag.ContinueOnError)
	events := fs.Int("events", 10_000_000, "events of a run")
	rounds := fs.Int("rounds", 3, "runs of each kind, by turns; the best counts")
	if err := fs.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "edgeflow-bench-limits-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	edge, err := embedded.Start(embedded.Options{Name: "edge", StoreDir: dir + "/edge", Listen: "127.0.0.1:0", LazySync: true})
	if err != nil {
		return err
	}
	defer edge.Shutdown()
	if err := limitsFill(ctx, edge.ClientURL()); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	nowhere := "nats://" + l.Addr().String()
	if err := l.Close(); err != nil { // nothing listens there from now on
		return err
	}
	kinds := []struct {
		name, sql string
		reached   func(agent.Status) bool
	}{
		{"alone", "", nil},
		{"beside a full outbox", fmt.Sprintf(limitsCopy, "full", "4 kb", edge.ClientURL(), nowhere), func(st agent.Status) bool { return st.State == agent.Backpressure }},
		{"beside a hub that does not answer", fmt.Sprintf(limitsCopy, "stuck", "1 gb", edge.ClientURL(), nowhere), func(st agent.Status) bool { return st.Events > 0 && st.Checkpoints > 0 }},
		{"beside one that fails and restarts", fmt.Sprintf(limitsCopy, "restarts", "1 gb", nowhere, edge.ClientURL()), func(st agent.Status) bool { return st.State == agent.Restarting }},
		{"beside 2,000 new keys/s above their memory", limitsKeys, func(st agent.Status) bool { return st.SpilledBytes > 0 }},
	}
	best := make([]time.Duration, len(kinds))
	for round := range *rounds {
		for i, k := range kinds {
			took, err := limitsRun(ctx, fmt.Sprintf("%s/%d-%d", dir, round, i), k.sql, k.reached, *events)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			if best[i] == 0 || took < best[i] {
				best[i] = took
			}
		}
	}
	for i, k := range kinds {
		fmt.Printf("%-45s %6.2f M events/s, %.2f of alone\n", k.name, float64(*events)/best[i].Seconds()/1e6, best[0].Seconds()/best[i].Seconds())
	}
	return nil
}

// limitsFill stores events for the pipelines that copy.
func limitsFill(ctx context.Context, url string) error {
	nc, err := natsgo.Connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "EV", Subjects: []string{"ev.>"}}); err != nil {
		return err
	}
	for i := range 2000 {
		if _, err := js.Publish(ctx, "ev.a", fmt.Appendf(nil, `{"n":%d}`, i)); err != nil {
			return err
		}
	}
	return nil
}

// limitsRun runs the job in an agent of its own, beside a pipeline that has reached its
// limit when there is one, and returns the time that the job took.
func limitsRun(ctx context.Context, dir, beside string, reached func(agent.Status) bool, events int) (took time.Duration, err error) {
	ctx, stop := context.WithCancel(ctx)
	a, err := agent.New(agent.Options{DataDir: dir, Instance: "bench", Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		stop()
		return 0, err
	}
	defer func() {
		stop()
		_ = a.Wait() // what is stopped before its end
		a.Close()
	}()
	if beside != "" {
		if err := limitsAdd(ctx, a, "beside.sql", beside); err != nil {
			return 0, err
		}
		if err := limitsAwait(ctx, a, reached); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	if err := limitsAdd(ctx, a, "job.sql", fmt.Sprintf(limitsJob, events)); err != nil {
		return 0, err
	}
	err = limitsAwait(ctx, a, func(st agent.Status) bool {
		return st.Pipeline == "job" && st.State == agent.Finished && st.Events == int64(events)
	})
	return time.Since(began), err
}

func limitsAdd(ctx context.Context, a *agent.Agent, file, sql string) error {
	p, err := agent.Compile(file, sql)
	if err != nil {
		return err
	}
	_, err = a.Add(ctx, p)
	return err
}

// limitsAwait waits until a pipeline is as wanted.
func limitsAwait(ctx context.Context, a *agent.Agent, want func(agent.Status) bool) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(2 * time.Minute)
	for {
		for _, st := range a.Status() {
			if want(st) {
				return nil
			}
			if st.State == agent.Failed {
				return errors.New(st.Error)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			return errors.New("waited in vain")
		case <-tick.C:
		}
	}
}
