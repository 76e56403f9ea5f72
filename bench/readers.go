package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/bench/byhand"
	"github.com/edgeflow/edgeflow/bench/qoe"
	"github.com/edgeflow/edgeflow/connector/nats"
	"github.com/edgeflow/edgeflow/dataflow"
)

// readJob is a query over a stream that has all its messages.
type readJob struct {
	Query    string `json:"query"`
	Encoding string `json:"encoding"`
	URL      string `json:"url"`
	Stream   string `json:"stream"`
	// Events is the number of events in the stream.
	Events int `json:"events"`
	// Dir is a folder whose streams, below jetstream, a server in the program itself serves,
	// instead of that at URL.
	Dir string `json:"dir"`
	// Sink is blackhole or filesystem, for the engine.
	Sink string `json:"sink"`
	// Interpret leaves generated code aside.
	Interpret bool `json:"interpret"`
	// Profile is where a CPU profile goes; empty for none.
	Profile string `json:"profile"`
}

// statePoll is how often the engine's state is looked at; it bounds the error of the times.
const statePoll = 200 * time.Microsecond

// engineProgram runs the query in an agent, with state and checkpoints on disk. It measures
// from when the source is open until the commit of the checkpoint that holds every event
// and every result. What comes after, delivery to the target and the last commit of what it
// confirmed, is SettleMs.
func engineProgram(j readJob) (f figures, err error) {
	m := newMeter()
	dir, err := os.MkdirTemp("", "edgeflow-bench-")
	if err != nil {
		return f, err
	}
	defer os.RemoveAll(dir)
	rows := filepath.Join(dir, "rows")
	state := dir
	if j.Dir != "" {
		state = j.Dir
		defer func() { err = errors.Join(err, removeState(j.Dir)) }()
	}
	a, pl, err := startPipeline(j, state, rows)
	if err != nil {
		return f, err
	}
	defer a.Close()
	for pl.Status().State == agent.Starting || pl.Status().State == agent.Restoring {
		time.Sleep(statePoll)
	}
	if err := m.begin(j.Profile); err != nil {
		return f, err
	}
	st := committed(pl, j.Events)
	f = m.end()
	<-pl.Done()
	settled := time.Now().UnixMilli()
	if err := pl.Err(); err != nil {
		return f, err
	}
	f.WallS = float64(st.CheckpointAtMs-m.began.UnixMilli()) / 1000
	f.SettleMs = float64(settled - st.CheckpointAtMs)
	st = pl.Status()
	if st.Restarts > 0 || len(st.Imbalances) > 0 {
		return f, fmt.Errorf("the pipeline restarted %d times; imbalances: %v", st.Restarts, st.Imbalances)
	}
	qoe.Account(&f.Result, st.Ledger)
	if j.Sink == "filesystem" {
		return f, qoe.ReadFiles(&f.Result, j.Query, rows)
	}
	for _, o := range st.Ledger.Outputs {
		if o.Uncommitted {
			f.Result.Rows += o.Emitted
		}
	}
	return f, nil
}

// committed waits until a checkpoint holds so many events, or the pipeline has ended. The
// status tells when that was committed; it is published only a few times a second.
func committed(pl *agent.Pipeline, events int) agent.Status {
	for {
		st := pl.Status()
		if st.Ledger != nil {
			read := int64(0)
			for _, s := range st.Ledger.Sources {
				read += s.Read
			}
			if read >= int64(events) {
				return st
			}
		}
		select {
		case <-pl.Done():
			return pl.Status()
		case <-time.After(time.Millisecond):
		}
	}
}

func startPipeline(j readJob, dir, rows string) (*agent.Agent, *agent.Pipeline, error) {
	sink := "'connector'='blackhole'"
	if j.Sink == "filesystem" {
		sink = "'connector'='filesystem','path'='" + rows + "','format'='json','json.timestamp-format.standard'='ISO-8601'"
	}
	source := "'connector'='nats','nats.stream'='" + j.Stream + "','scan.bounded.mode'='latest-offset'," + sourceFormat(j.Encoding)
	p, err := agent.Compile("bench.sql", "SET 'execution.checkpointing.interval' = '1 s';\n"+qoe.Script(j.Query, source, sink))
	if err != nil {
		return nil, nil, err
	}
	a, err := agent.New(agent.Options{
		DataDir: dir, NATS: agent.Server{URL: j.URL}, Instance: "bench", Interpret: j.Interpret,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return nil, nil, err
	}
	pl, err := a.Add(context.Background(), p)
	return a, pl, err
}

// wireProgram computes the query by hand over the connector's own reader.
func wireProgram(j readJob) (f figures, err error) {
	m := newMeter()
	conn, stop, err := j.server()
	if err != nil {
		return f, err
	}
	defer stop()
	src, err := nats.NewSource(nats.SourceOptions{ConnOptions: conn, Stream: j.Stream, Bounded: true})
	if err != nil {
		return f, err
	}
	if _, err := src.Open(context.Background(), nil); err != nil {
		return f, err
	}
	defer src.Close()
	run := byhand.New(j.Query, j.Encoding)
	var msgs []dataflow.Message
	if err := m.begin(j.Profile); err != nil {
		return f, err
	}
	for err == nil {
		msgs, _, err = src.Poll(msgs[:0], 4096, time.Second)
		for i := range msgs {
			if err := run.Message(msgs[i].Data, msgs[i].ArrivalMs); err != nil {
				return f, err
			}
		}
	}
	if !errors.Is(err, io.EOF) {
		return f, err
	}
	result := run.End()
	f = m.end()
	f.Result = result
	return f, nil
}

// natsgoProgram computes the query by hand over Consume of nats.go.
func natsgoProgram(j readJob) (f figures, err error) {
	m := newMeter()
	conn, stop, err := j.server()
	if err != nil {
		return f, err
	}
	defer stop()
	nc, err := dial(conn)
	if err != nil {
		return f, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return f, err
	}
	ctx := context.Background()
	cons, err := js.CreateConsumer(ctx, j.Stream, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true})
	if err != nil {
		return f, err
	}
	run := byhand.New(j.Query, j.Encoding)
	ended := make(chan error, 1)
	if err := m.begin(j.Profile); err != nil {
		return f, err
	}
	over := false
	cc, err := cons.Consume(func(msg jetstream.Msg) {
		if over {
			return
		}
		storedNs, pending, err := replyOf(msg.Reply())
		if err == nil {
			err = run.Message(msg.Data(), storedNs/int64(time.Millisecond))
		}
		if err != nil || pending == 0 {
			over = true
			ended <- err
		}
	}, jetstream.PullMaxMessagesWithBytesLimit(8192, 8<<20))
	if err != nil {
		return f, err
	}
	if err := <-ended; err != nil {
		return f, err
	}
	result := run.End()
	f = m.end()
	f.Result = result
	cc.Stop()
	return f, nil
}

// replyOf takes the time of storing and the number of messages behind from the reply
// subject of a delivery, whose last two tokens they are.
func replyOf(reply string) (storedNs, pending int64, err error) {
	p := strings.LastIndexByte(reply, '.')
	t := strings.LastIndexByte(reply[:max(p, 0)], '.')
	if t < 0 {
		return 0, 0, fmt.Errorf("reply subject %q", reply)
	}
	storedNs, err = strconv.ParseInt(reply[t+1:p], 10, 64)
	if err == nil {
		pending, err = strconv.ParseInt(reply[p+1:], 10, 64)
	}
	return storedNs, pending, err
}
