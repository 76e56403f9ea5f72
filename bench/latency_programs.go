package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/bench/qoe"
	example "github.com/edgeflow/edgeflow/examples/qoe"
)

// schedule says when each event of a run is due, and what its event time is. Event time runs
// Speed times as fast as the clock, so that windows of 10 s fire often.
type schedule struct {
	// T0Ns is when event 0 is due, in ns since 1970, Rate the events a second.
	T0Ns int64   `json:"t0_ns"`
	Rate float64 `json:"rate"`
	// BaseMs is the event time of event 0, in ms since 1970.
	BaseMs int64 `json:"base_ms"`
	Speed  int64 `json:"speed"`
	Events int   `json:"events"`
}

// dueNs is when event i is due.
func (s *schedule) dueNs(i int) int64 { return s.T0Ns + int64(float64(i)*1e9/s.Rate) }

// eventMs is the event time of an event that is due then.
func (s *schedule) eventMs(dueNs int64) int64 { return s.BaseMs + (dueNs-s.T0Ns)*s.Speed/1e6 }

// reachesNs is when the first event is due whose event time is ms or later, to 1/Rate.
func (s *schedule) reachesNs(ms int64) int64 {
	return s.T0Ns + ((ms-s.BaseMs)*1e6+s.Speed-1)/s.Speed
}

// failsEach is which share of the events passes the filter, one in so many.
const failsEach = 8

// publishJob is a run of the publisher.
type publishJob struct {
	URL      string   `json:"url"`
	Stream   string   `json:"stream"`
	Schedule schedule `json:"schedule"`
	// Flat publishes as fast as the server acknowledges, whatever the schedule says.
	Flat bool `json:"flat"`
}

// publishReport tells how late the publisher handed events to its connection; the rest is
// the server's and the pipeline's.
type publishReport struct {
	LateP99Ms float64 `json:"late_p99_ms"`
	LateMaxMs float64 `json:"late_max_ms"`
	CPUS      float64 `json:"cpu_s"`
}

// publishPause is how long the publisher sleeps at least while nothing is due. What becomes
// due meanwhile is late by that much at most, which counts as latency.
const publishPause = 500 * time.Microsecond

// publishProgram publishes the events of a schedule, a message each. A view's id is the
// time at which the event was due, so that each row tells.
func publishProgram(j publishJob) (r publishReport, err error) {
	p, err := dialPublisher(j.URL)
	if err != nil {
		return r, err
	}
	defer p.conn.Close()
	subject := j.Stream + ".eu-west-1"
	g := example.New(42, j.Schedule.BaseMs, 1_000_000)
	var b example.Beacon
	var data []byte
	var late histogram
	cpu := cpuTime()
	for i := range j.Schedule.Events {
		due := j.Schedule.dueNs(i)
		for !j.Flat || i == 0 {
			ahead := time.Duration(due - time.Now().UnixNano())
			if ahead <= 0 {
				late.add(-ahead)
				break
			}
			if err := p.flush(publishWindow); err != nil {
				return r, err
			}
			pause(max(publishPause, ahead))
		}
		g.At(uint64(i), &b)
		b.ViewID, b.EventTimeMs, b.Error = uint64(due), j.Schedule.eventMs(due), ""
		if i%failsEach == 0 {
			b.Error, b.BitrateKbps = "NETWORK_TIMEOUT", max(b.BitrateKbps, 1000)
		} else {
			b.BitrateKbps = min(b.BitrateKbps, 8000)
		}
		data = b.AppendJSON(data[:0])
		if p.add(subject, data); p.full() {
			if err := p.flush(publishWindow); err != nil {
				return r, err
			}
		}
	}
	if err := p.flush(0); err != nil {
		return r, err
	}
	return publishReport{milliseconds(late.quantile(0.99)), milliseconds(late.max), (cpuTime() - cpu).Seconds()}, nil
}

// latencyJob is a query in an agent whose rows are printed to standard output, or published
// to a stream once they are committed.
type latencyJob struct {
	Query string `json:"query"`
	URL   string `json:"url"`
	In    string `json:"in"`
	// Out is the stream of the rows; empty prints them.
	Out       string `json:"out"`
	Interpret bool   `json:"interpret"`
	// Events is how many the pipeline reads before it ends.
	Events int `json:"events"`
}

// latencyReport is the last line of a latencyProgram.
type latencyReport struct {
	Events       int64   `json:"events"`
	Checkpoints  int64   `json:"checkpoints"`
	CheckpointMs int64   `json:"checkpoint_ms"`
	CPUS         float64 `json:"cpu_s"`
	RSSBytes     int64   `json:"rss_bytes"`
}

// packRows is how many rows go into a message of the target at most.
const packRows = 100

// readyLine is what a latencyProgram prints when its source is open.
const readyLine = "ready"

// latencyProgram runs the query with a checkpoint each second until its standard input ends.
func latencyProgram(j latencyJob) (r latencyReport, err error) {
	dir, err := os.MkdirTemp("", "edgeflow-bench-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	sink := "'connector'='print'"
	if j.Out != "" {
		sink = "'connector'='nats','nats.stream'='" + j.Out + "','nats.subject'='" + j.Out + ".rows','nats.stream.create'='true','edgeflow.pack'='" + strconv.Itoa(packRows) + "'," + sourceFormat("json")
	}
	text := qoe.Script(j.Query, "'connector'='nats','nats.stream'='"+j.In+"',"+sourceFormat("json"), sink)
	if !j.Interpret {
		if err := requireGenerated(text); err != nil {
			return r, err
		}
	}
	p, err := agent.Compile("bench.sql", "SET 'execution.checkpointing.interval' = '1 s';\n"+text)
	if err != nil {
		return r, err
	}
	a, err := agent.New(agent.Options{
		DataDir: dir, NATS: agent.Server{URL: j.URL}, Instance: "bench", Interpret: j.Interpret,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return r, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pl, err := a.Add(ctx, p)
	if err != nil {
		return r, err
	}
	for pl.Status().State == agent.Starting || pl.Status().State == agent.Restoring {
		time.Sleep(statePoll)
	}
	began := cpuTime()
	fmt.Println(readyLine)
	if _, err := io.Copy(io.Discard, stdin); err != nil {
		return r, err
	}
	// The last rows may come before the last events are read.
	for wait := time.Now(); pl.Status().Events < int64(j.Events) && time.Since(wait) < 30*time.Second; {
		time.Sleep(statePoll)
	}
	cpu := cpuTime() - began
	cancel()
	<-pl.Done()
	st := pl.Status()
	if st.Restarts > 0 || len(st.Imbalances) > 0 {
		return r, fmt.Errorf("the pipeline restarted %d times; imbalances: %v", st.Restarts, st.Imbalances)
	}
	return latencyReport{Events: st.Events, Checkpoints: st.Checkpoints, CheckpointMs: st.CheckpointMs, CPUS: cpu.Seconds(),
		RSSBytes: memoryOf(os.Getpid(), "VmHWM")}, pl.Err()
}
