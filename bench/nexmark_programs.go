package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/bench/nexmark"
)

// nexmarkJob is a run of a Nexmark query.
type nexmarkJob struct {
	Set    string `json:"set"`
	Query  string `json:"query"`
	Events int64  `json:"events"`
	// File is a file of JSON lines to decode; empty generates rows as columns.
	File string `json:"file,omitempty"`
	// URL and Stream are where a server keeps the events, for the whole product.
	URL     string `json:"url,omitempty"`
	Stream  string `json:"stream,omitempty"`
	Profile string `json:"profile,omitempty"`
}

// nexmarkFigures are what a run of a Nexmark query reports.
type nexmarkFigures struct {
	Events int64 `json:"events"`
	Rows   int64 `json:"rows"`
	// WallS and CPUS are from the open source to the end, CPUS user and system.
	WallS        float64 `json:"wall_s"`
	CPUS         float64 `json:"cpu_s"`
	PeakRSSBytes int64   `json:"peak_rss_bytes"`
	StateBytes   int64   `json:"state_bytes"`
	// BatchP50Ms and BatchP99Ms are times of batches; 0 where the engine is not run by the
	// bench itself.
	BatchP50Ms float64 `json:"batch_p50_ms"`
	BatchP99Ms float64 `json:"batch_p99_ms"`
}

// nexmarkProgram runs a query in an engine alone, over generated rows or over a file.
func nexmarkProgram(j nexmarkJob) (r nexmarkFigures, err error) {
	set, err := nexmark.Load(j.Set)
	if err != nil {
		return r, err
	}
	m := newMeter()
	var c nexmark.Counter
	res, err := set.Do(nexmark.Job{Query: j.Query, Events: j.Events, File: j.File, Sink: &c, Begin: func() error { return m.begin(j.Profile) }})
	if err != nil {
		return r, err
	}
	f := m.end()
	if res.Events < j.Events {
		return r, fmt.Errorf("%d events of %d", res.Events, j.Events)
	}
	return nexmarkFigures{Events: j.Events, Rows: c.Rows(), WallS: res.Elapsed.Seconds(), CPUS: f.CPUS, PeakRSSBytes: f.PeakRSSBytes,
		StateBytes: res.StateBytes, BatchP50Ms: milliseconds(res.Median), BatchP99Ms: milliseconds(res.P99)}, nil
}

// nexmarkStreamProgram runs a query in an agent that reads the events from JetStream, with
// state and checkpoints on disk, a checkpoint each second. The measured time ends with the
// commit of the checkpoint that holds every event. Rows go into a blackhole.
func nexmarkStreamProgram(j nexmarkJob) (r nexmarkFigures, err error) {
	m := newMeter()
	dir, err := os.MkdirTemp("", "edgeflow-bench-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	text, err := nexmarkStreamScript(j, dir)
	if err != nil {
		return r, err
	}
	p, err := agent.Compile("nexmark.sql", text)
	if err != nil {
		return r, err
	}
	a, err := agent.New(agent.Options{
		DataDir: filepath.Join(dir, "state"), NATS: agent.Server{URL: j.URL}, Instance: "bench",
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return r, err
	}
	pl, err := a.Add(context.Background(), p)
	if err != nil {
		return r, err
	}
	for pl.Status().State == agent.Starting || pl.Status().State == agent.Restoring {
		time.Sleep(statePoll)
	}
	if err := m.begin(j.Profile); err != nil {
		return r, err
	}
	read := j.Events
	if strings.Contains(text, nexmark.SideInput) {
		read += nexmark.SideRows
	}
	st := committed(pl, int(read))
	f := m.end()
	<-pl.Done()
	if err := pl.Err(); err != nil {
		return r, err
	}
	r = nexmarkFigures{Events: j.Events, CPUS: f.CPUS, PeakRSSBytes: f.PeakRSSBytes, StateBytes: st.StateBytes,
		WallS: float64(st.CheckpointAtMs-m.began.UnixMilli()) / 1000}
	st = pl.Status()
	if st.Restarts > 0 || len(st.Imbalances) > 0 {
		return r, fmt.Errorf("the pipeline restarted %d times; imbalances: %v", st.Restarts, st.Imbalances)
	}
	for _, o := range st.Ledger.Outputs {
		if o.Uncommitted {
			r.Rows += o.Emitted
		}
	}
	return r, nil
}

// nexmarkStreamScript is the query with its events in a stream and its files below dir.
func nexmarkStreamScript(j nexmarkJob, dir string) (string, error) {
	set, err := nexmark.Load(j.Set)
	if err != nil {
		return "", err
	}
	text, err := set.Script(j.Query, j.Events)
	if err == nil {
		text, err = nexmark.ReadFrom(text, "'connector' = 'nats', 'nats.stream' = '"+j.Stream+"', 'scan.bounded.mode' = 'latest-offset', 'format' = 'json'")
	}
	if err == nil {
		text, err = nexmark.InMemory(text)
	}
	if err == nil {
		err = nexmark.WriteSideInput(dir)
	}
	if err != nil {
		return "", err
	}
	return "SET 'execution.checkpointing.interval' = '1 s';\n" + strings.ReplaceAll(text, "${FLINK_HOME}", dir), nil
}
